// The file of `--audit`: opened once, before the program runs, through no link, and never waited for.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { eventually } from "../gateway/gateway_under_test.ts";
import { chosen } from "./chosen.ts";
import { ended, missing, place, remove, run, startWith } from "./guarded.ts";

const guard = suite("guard audit");
const where = place();
const lacks = missing(where);
guard.after(() => remove(where));

const test = (name: string, work: () => Promise<void>): void => {
  if (!chosen(name)) return;
  if (lacks === null) guard(name, work);
  else guard(`${name} (skipped)`, () => console.log(`SKIP guard ${name}: ${lacks}`));
};

test("an audit that is a link, a pipe that nobody reads, or can't be opened, starts nothing", async () => {
  const at = place();
  const [link, pipe] = [join(at.folder, "link"), join(at.folder, "pipe")];
  writeFileSync(join(at.folder, "target"), "");
  symlinkSync("target", link);
  assert.is(spawnSync("mkfifo", [pipe]).status, 0);
  for (const [audit, because] of [
    [link, /is a symbolic link, which the program could redirect/],
    [pipe, /is a pipe that nobody reads/],
    [join(at.folder, "none", "a"), /can't be opened for appending \(ENOENT\)/],
    [at.folder, /can't be opened for appending \(EISDIR\)/],
  ] as const) {
    const { code, out, err } = await run({ ...at, audit }, ["echo", "runs"]);
    assert.equal([code, out], [3, ""], err);
    assert.match(err, because);
  }
  assert.is(readFileSync(join(at.folder, "target"), "utf8"), "");
  remove(at);
});

const LISTENS =
  "import socket, sys; sys.stdin.readline(); s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(1); print('up', flush=True); sys.stdin.readline()";

test("a file that the program puts in the audit's place gets no record, and SIGHUP opens the path again", async () => {
  const at = place();
  const child = startWith(at, [
    "python3",
    "-c",
    `import sys; print('up', flush=True)
for line in sys.stdin:
  import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); print('bound', flush=True)`,
  ]);
  const end = ended(child);
  let out = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  const lines = (path: string): number => (existsSync(path) ? readFileSync(path, "utf8").split("\n").length - 1 : 0);
  await eventually(() => out.includes("up"), "the start");
  const [rotated, target] = [`${at.audit}.1`, join(at.folder, "target")];
  renameSync(at.audit, rotated);
  writeFileSync(target, "");
  symlinkSync(target, at.audit);
  child.stdin?.write("\n");
  await eventually(() => lines(rotated) === 1, "the record in the file that is open");
  assert.is(lines(target), 0);
  unlinkSync(at.audit);
  child.kill("SIGHUP");
  await eventually(() => existsSync(at.audit), "the file of the path");
  child.stdin?.end("\n");
  await end;
  assert.equal([lines(rotated), lines(at.audit), lines(target)], [1, 1, 0]);
  remove(at);
});

test("a full audit pipe blocks no bind", async () => {
  const at = place();
  const pipe = join(at.folder, "pipe");
  assert.is(spawnSync("mkfifo", [pipe]).status, 0);
  // The process that opened and filled it never reads.
  const { out, err } = await ended(
    startWith({ ...at, audit: pipe }, ["python3", "-c", LISTENS], {
      through: [
        "python3",
        "-c",
        `import os, sys
fd = os.open(${JSON.stringify(pipe)}, os.O_RDWR | os.O_NONBLOCK)
try:
  while True: os.write(fd, b"x" * 512)
except BlockingIOError: pass
os.set_inheritable(fd, True)
os.execvp(sys.argv[1], sys.argv[1:])`,
      ],
      stdin: "ignore",
    }),
  );
  assert.is(out, "up\n", err);
  assert.match(err, /the audit can't be written/);
  remove(at);
});

guard.run();
