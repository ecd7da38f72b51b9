// The extension for VS Code as a user gets it: packed by vsce, and what is in the archive.
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { must } from "../package/packed.ts";
import { ownFolder, suite } from "../suite.ts";
import { EXTENSION, packExtension } from "./vsix.ts";

const test = suite("VS Code extension");
const OWN = ["language-configuration.json", "package.json", "syntaxes/ingress.tmLanguage.json"];
const folder = ownFolder("ingressd-vsix-");
const archive = join(folder, "ingressd.vsix");
const unpacked = join(folder, "unpacked");
const inArchive = (path: string): string => readFileSync(join(unpacked, path), "utf8");

interface Manifest {
  readonly main: string;
  readonly contributes: {
    readonly languages: readonly { readonly id: string; readonly configuration: string }[];
    readonly grammars: readonly { readonly language: string; readonly scopeName: string; readonly path: string }[];
    readonly configuration: { readonly properties: Readonly<Record<string, { readonly default: unknown }>> };
  };
  readonly capabilities: { readonly untrustedWorkspaces: { readonly restrictedConfigurations: readonly string[] } };
}

test.before(() => {
  packExtension(archive);
  must("python3", ["-m", "zipfile", "-e", archive, unpacked]);
});

test("the archive has these files and no others", () => {
  const list = must("python3", ["-m", "zipfile", "-l", archive])
    .split("\n")
    .slice(1)
    .map((line) => line.split(" ")[0] ?? "")
    .filter((name) => name !== "");
  assert.equal(list.sort(), [
    "[Content_Types].xml",
    "extension.vsixmanifest",
    ...["LICENSE.txt", "README.md", "dist/extension.js", "dist/third_party.txt", ...OWN].map((name) => `extension/${name}`).sort(),
  ]);
  for (const name of OWN.slice(0, 1)) assert.is(inArchive(`extension/${name}`), readFileSync(join(EXTENSION, name), "utf8"));
  assert.is(inArchive("extension/LICENSE.txt"), readFileSync(join(EXTENSION, "../../../LICENSE"), "utf8"));
});

test("the manifest names files that are there, the setting, and what needs trust", () => {
  const manifest = JSON.parse(inArchive("extension/package.json")) as Manifest;
  const { languages, grammars, configuration } = manifest.contributes;
  const [language] = languages;
  const [grammar] = grammars;
  assert.ok(language !== undefined && grammar !== undefined);
  assert.is(language.id, "ingress");
  assert.is(grammar.language, "ingress");
  for (const path of [manifest.main, language.configuration, grammar.path]) assert.ok(existsSync(join(unpacked, "extension", path)), path);
  assert.is((JSON.parse(inArchive("extension/syntaxes/ingress.tmLanguage.json")) as { readonly scopeName: string }).scopeName, grammar.scopeName);
  assert.equal(Object.keys(configuration.properties), ["ingressd.server.path"]);
  assert.is(configuration.properties["ingressd.server.path"]?.default, "ingressc");
  assert.equal(manifest.capabilities.untrustedWorkspaces.restrictedConfigurations, ["ingressd.server.path"]);
  const version = (path: string): string => (JSON.parse(readFileSync(join(EXTENSION, path), "utf8")) as { readonly version: string }).version;
  assert.is(version("package.json"), version("../../../package.json"));
});

test("the indentation rules know what opens and closes a block", () => {
  const { indentationRules } = JSON.parse(inArchive("extension/language-configuration.json")) as {
    readonly indentationRules: { readonly increaseIndentPattern: string; readonly decreaseIndentPattern: string };
  };
  const opens = new RegExp(indentationRules.increaseIndentPattern);
  const closes = new RegExp(indentationRules.decreaseIndentPattern);
  for (const line of ["expose web on tcp 443 {", 'test "a { b" {', "budget { # a comment", '  test "}" {']) assert.ok(opens.test(line), line);
  for (const line of ["net a = any", "expose web on tcp 443 { }", "# {", "net a = any # {", 'hosts h = "{"', "}", ""]) assert.not(opens.test(line), line);
  for (const line of ["}", "  }", "} # end"]) assert.ok(closes.test(line), line);
  for (const line of ["expose web on tcp 443 { }", '"}"', "# }"]) assert.not(closes.test(line), line);
});

test("the program has the client in it, needs nothing but VS Code and Node, and names no place of this machine", () => {
  const program = inArchive("extension/dist/extension.js");
  const needed = [...new Set([...program.matchAll(/\brequire\("([^"]+)"\)/g)].map(([, name = ""]) => name))];
  const own = createRequire(import.meta.url)("node:module") as { readonly builtinModules: readonly string[] };
  const foreign = needed.filter((name) => !own.builtinModules.includes(name.replace(/^node:/, "")));
  assert.equal(foreign, ["vscode"]);
  assert.match(program, "LanguageClient");
  assert.not.match(program, new RegExp(`${EXTENSION}|/(?:home|root|work)/\\w`));
  const notices = inArchive("extension/dist/third_party.txt");
  for (const name of ["vscode-languageclient", "vscode-languageserver-protocol", "vscode-jsonrpc", "semver"])
    assert.match(notices, new RegExp(`^${name} [\\d.]+ \\(`, "m"));
  assert.not.match(notices, EXTENSION);
});

test.run();
