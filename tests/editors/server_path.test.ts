// Where the extension for VS Code finds `ingressc`, and its message if it does not.
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, join } from "node:path";
import * as assert from "uvu/assert";
import { ownFolder, suite } from "../suite.ts";

const { findServer, notFound } = createRequire(import.meta.url)("../../docs/editors/vscode/server.js") as {
  readonly findServer: (program: string, path: string) => string | null;
  readonly notFound: (program: string) => string;
};

const test = suite("the server of the extension");

test("the first program of that name in PATH, or the one that is named by its path", () => {
  const folder = ownFolder();
  const place = (name: string): string => join(folder, name);
  for (const name of ["text", "program", "later", "folder", "folder/ingressc"]) mkdirSync(place(name));
  for (const name of ["text", "program", "later"]) writeFileSync(place(`${name}/ingressc`), "#!/bin/sh\n");
  for (const name of ["program", "later"]) chmodSync(place(`${name}/ingressc`), 0o755);
  chmodSync(place("text/ingressc"), 0o644);
  const path = (...names: readonly string[]): string => names.map(place).join(delimiter);

  assert.is(findServer("ingressc", path("program")), place("program/ingressc"));
  // A text and a folder of the same name are no programs.
  assert.is(findServer("ingressc", path("none", "text", "folder", "program", "later")), place("program/ingressc"));
  assert.is(findServer("ingressc", path("later", "program")), place("later/ingressc"));
  assert.is(findServer(place("program/ingressc"), ""), place("program/ingressc"));

  assert.is(findServer("ingressc", path("none", "text", "folder")), null);
  assert.is(findServer("ingressc", ""), null);
  assert.is(findServer("", path("program")), null);
  assert.is(findServer(place("text/ingressc"), path("program")), null);
  assert.is(findServer(place("folder/ingressc"), path("program")), null);
  assert.is(findServer(place("none/ingressc"), path("program")), null);
});

test("nothing relative, in the setting or in PATH, which would be a program of the folder that is open", () => {
  const folder = ownFolder();
  writeFileSync(join(folder, "ingressc"), "#!/bin/sh\n");
  chmodSync(join(folder, "ingressc"), 0o755);
  const before = process.cwd();
  process.chdir(folder);
  try {
    for (const program of ["./ingressc", "../ingressc", "bin/ingressc", ".\\ingressc"]) assert.is(findServer(program, folder), null, program);
    for (const path of [".", "", `${delimiter}`, `.${delimiter}none`]) assert.is(findServer("ingressc", path), null, path);
  } finally {
    process.chdir(before);
  }
});

test("the message says what is missing and what to do", () => {
  assert.match(notFound("ingressc"), /^`ingressc` is not in PATH\. Install ingressd, or set ingressd\.server\.path /);
  assert.match(notFound("/opt/ingressc"), /^`\/opt\/ingressc` is no program that can be started\. /);
});

test.run();
