// The package as publint and attw judge it, and the sources as knip does: what is unused, unlisted or can't be found. These
// tools have a manifest and a lock file of their own (tests/package/tools), so that nobody else installs them.
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { installTools, newFolder, PROJECT, run, tarball, TOOLS } from "./packed.ts";

const folder = newFolder();
const test = suite("package tools");

const tool = (path: string, ...words: readonly string[]): ReturnType<typeof run> => run(process.execPath, [join(TOOLS, "node_modules", path), ...words]);

test.before(() => {
  installTools();
});
test.after(() => {
  rmSync(folder, { recursive: true, force: true });
});

test("publint finds nothing but two programs that sh starts", () => {
  const { out, err } = tool("publint/src/cli.js", "run", tarball(folder), "--strict", "--no-color");
  const found = (out + err).split("\n").filter((line) => /^\d+\. /.test(line));
  // It looks for `#!/usr/bin/env`. `node --disable-sigusr1` can't be a first line, because Node 20 does not know the option.
  assert.equal(
    found.map((line) => /^\d+\. pkg\.bin\W+([a-z-]+)\W.* should start with a shebang/.exec(line)?.[1] ?? line),
    ["ingressd", "ingress-guard"],
    out + err,
  );
  for (const path of ["gateway/ingressd.mjs", "runtime/guard/ingress-guard.mjs"]) assert.match(readFileSync(join(PROJECT, path), "utf8"), /^#!\/bin\/sh\n/);
});

test("attw finds no problem with the types of any library", () => {
  const { code, out, err } = tool("@arethetypeswrong/cli/dist/index.js", tarball(folder), "--profile", "esm-only", "--format", "json", "--no-definitely-typed");
  assert.is(code, 0, out + err);
  const { analysis } = JSON.parse(out) as { readonly analysis: { readonly entrypoints: Readonly<Record<string, unknown>> } };
  assert.equal(Object.keys(analysis.entrypoints).sort(), ["./client", "./compiler", "./host", "./package.json"]);
});

test("knip finds no file, export or dependency that nothing uses", () => {
  assert.equal(tool("knip/bin/knip.js", "--no-progress"), { code: 0, out: "", err: "" });
});

test.run();
