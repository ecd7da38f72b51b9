// The module is replaced in one step, or nothing happens.
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { writeModule } from "../../compiler/cli/write.ts";
import { folder, type Folder } from "./programs.ts";

const writing = suite<{ dir: Folder }>("write");
writing.before.each((context) => {
  context.dir = folder();
});
writing.after.each(({ dir }) => dir.remove());

const BYTES = Uint8Array.of(0, 0x61, 0x73, 0x6d);
const none: ReadonlySet<string> = new Set();
const code = async (path: string, inputs = none): Promise<string> => (await writeModule(path, BYTES, inputs))?.code ?? "written";

writing("a new file and an old one end with the bytes, mode 0644 and nothing beside them", async ({ dir }) => {
  const umask = process.umask(0o077);
  try {
    assert.is(await code(dir.at("new.wasm")), "written");
    dir.write("old.wasm", "longer than the new content");
    chmodSync(dir.at("old.wasm"), 0o666);
    const inode = statSync(dir.at("old.wasm")).ino;
    assert.is(await code(dir.at("old.wasm")), "written");
    assert.is.not(statSync(dir.at("old.wasm")).ino, inode, "the old file is not written into");
  } finally {
    process.umask(umask);
  }
  for (const name of ["new.wasm", "old.wasm"]) {
    assert.equal(new Uint8Array(readFileSync(dir.at(name))), BYTES);
    assert.is(statSync(dir.at(name)).mode & 0o777, 0o644);
  }
  assert.equal(readdirSync(dir.path).sort(), ["new.wasm", "old.wasm"]);
});

writing("a symlink stays, and what it points to is replaced", async ({ dir }) => {
  dir.write("real/p.wasm", "old");
  symlinkSync("real/p.wasm", dir.at("link.wasm"));
  assert.is(await code(dir.at("link.wasm")), "written");
  assert.ok(lstatSync(dir.at("link.wasm")).isSymbolicLink());
  assert.is(readFileSync(dir.at("real/p.wasm")).length, BYTES.length);
  assert.equal(readdirSync(dir.at("real")), ["p.wasm"]);
});

writing("a path that can't be written is an error, and no file changes", async ({ dir }) => {
  mkdirSync(dir.at("folder.wasm"));
  dir.write("list.txt", "192.0.2.0/24\n");
  dir.write("plain", "a file");
  symlinkSync("list.txt", dir.at("alias.wasm"));
  const input = new Set([dir.at("list.txt")]);
  const rows: readonly (readonly [path: string, code: string])[] = [
    [dir.at("folder.wasm"), "usage.output_is_folder"],
    [dir.at("none/p.wasm"), "usage.output_folder"],
    [dir.at("plain/p.wasm"), "policy.output_unwritable"],
    ["/dev/null", "usage.output_not_a_file"],
    [dir.at("list.txt"), "usage.output_is_input"],
    [dir.at("alias.wasm"), "usage.output_is_input"],
    [dir.at(`${"x".repeat(300)}.wasm`), "policy.output_unwritable"],
    [dir.at(`${"x".repeat(240)}.wasm`), "policy.output_unwritable"],
  ];
  const before = readdirSync(dir.path).sort();
  for (const [path, expected] of rows) assert.is(await code(path, input), expected, path);
  assert.equal(readdirSync(dir.path).sort(), before);
  assert.is(readFileSync(dir.at("list.txt"), "utf8"), "192.0.2.0/24\n");
  assert.ok(existsSync("/dev/null") && !statSync("/dev/null").isFile());
});

writing.run();
