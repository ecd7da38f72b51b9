// Where the extension for VS Code finds `ingressc`, whether that is a language server, and its message if not.
import { chmodSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import * as assert from "uvu/assert";
import { PROJECT } from "../package/packed.ts";
import { ownFolder, suite } from "../suite.ts";

const { findServer, notFound, whyNoServer } = createRequire(import.meta.url)("../../docs/editors/vscode/server.js") as {
  readonly findServer: (program: string, path: string) => string | null;
  readonly notFound: (program: string) => string;
  readonly whyNoServer: (command: string, withinMs?: number) => Promise<string | null>;
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
  for (const program of ["bin/ingressc", "./ingressc", ".\\ingressc", ""])
    assert.match(notFound(program), " is neither a name nor an absolute path. ", program);
});

test("a program is the server if its help says so, and else the message has what it said", async () => {
  const folder = ownFolder();
  const program = (name: string, script: string): string => {
    const file = join(folder, name);
    writeFileSync(file, script);
    chmodSync(file, 0o755);
    return file;
  };
  const remedy = ". Update ingressd, or set ingressd.server.path to another ingressc. Until then, policies are highlighted and not checked.";
  assert.is(await whyNoServer(join(PROJECT, "compiler/cli/ingressc.mjs")), null);
  for (const [name, script, why] of [
    [
      "old",
      "#!/bin/sh\necho 'ingressc: unknown command `lsp`' >&2\necho 'help: more' >&2\nexit 2\n",
      'ended with exit code 2 and said "ingressc: unknown command `lsp`"',
    ],
    ["silent", "#!/bin/sh\nexit 3\n", "ended with exit code 3"],
    ["other", "#!/bin/sh\necho usage: other\n", 'is not the language server and said "usage: other"'],
    ["nothing", "#!/bin/sh\n", "is not the language server"],
    // It says the right thing and fails.
    ["broken", "#!/bin/sh\necho 'ingressc lsp: serve'\nexit 1\n", 'ended with exit code 1 and said "ingressc lsp: serve"'],
    ["killed", "#!/bin/sh\nkill -KILL $$\n", "did not start (SIGKILL)"],
    ["unreadable", "#!/nowhere/sh\n", "did not start (ENOENT)"],
  ] as const) {
    const file = program(name, script);
    assert.is(await whyNoServer(file), `\`${file} lsp\` ${why}${remedy}`);
  }
});

test("a program that never answers is ended, also if another one has its output", async () => {
  const folder = ownFolder();
  const [file, pid] = [join(folder, "hangs"), join(folder, "pid")];
  writeFileSync(file, `#!/bin/sh\nsleep 60 &\necho $! >'${pid}'\nwait\n`);
  chmodSync(file, 0o755);
  try {
    assert.match((await whyNoServer(file, 500)) ?? "", /^`[^`]+ lsp` did not answer within 0\.5 s\. Update ingressd/);
  } finally {
    process.kill(Number(readFileSync(pid, "utf8")), "SIGKILL");
  }
});

test("it is started in no folder of a policy", async () => {
  const folder = ownFolder();
  const file = join(folder, "where");
  writeFileSync(file, "#!/bin/sh\npwd >&2\nexit 1\n");
  chmodSync(file, 0o755);
  const before = process.cwd();
  process.chdir(folder);
  try {
    assert.match((await whyNoServer(file)) ?? "", `said "${realpathSync(homedir())}"`);
  } finally {
    process.chdir(before);
  }
});

test.run();
