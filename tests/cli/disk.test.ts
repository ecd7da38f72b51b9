// The compiler reads only these files from a disk: regular UTF-8 files below the policy root, within bounds.
import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { MAX_LIST_BYTES, MAX_SOURCE_BYTES } from "../../compiler/source/bounds.ts";
import { isOpenFailure, openPolicy, type DiskPolicy, type OpenFailure } from "../../compiler/cli/disk.ts";
import { isReadFailure } from "../../compiler/source/source.ts";
import { decodeText } from "../../compiler/cli/utf8.ts";
import { chance } from "../oracle/random.ts";
import { skip } from "../skip.ts";
import { folder, type Folder } from "./programs.ts";

const disk = suite<{ dir: Folder }>("disk");
disk.before.each((context) => {
  context.dir = folder();
});
disk.after.each(({ dir }) => dir.remove());

function opened(path: string): DiskPolicy {
  const policy = openPolicy(path);
  if (isOpenFailure(policy)) throw new Error(failureText(policy.failure));
  return policy;
}

function failure(path: string): string {
  const policy = openPolicy(path);
  return isOpenFailure(policy) ? failureText(policy.failure) : "opened";
}

function failureText(failure: OpenFailure["failure"]): string {
  return typeof failure === "string" ? failure : `${failure.failure} ${failure.line}:${failure.column} ${failure.what}`;
}

/** Reads `path` from the entry file; returns the failure, or the text. */
function read(dir: Folder, path: string): string {
  const { reader, entry } = opened(dir.at("root/main.ingress"));
  const found = reader.read(path, entry);
  return isReadFailure(found) ? failureText(found) : found.text;
}

disk("a list file below the root is read, and every way out is closed", ({ dir }) => {
  dir.write("root/main.ingress", "edition 1\n");
  dir.write("root/a.txt", "in");
  dir.write("root/sub/b.txt", "in sub");
  dir.write("secret.txt", "secret");
  dir.write("outside/c.txt", "secret");
  dir.write("root-of-another/d.txt", "secret");
  symlinkSync("../secret.txt", dir.at("root/link.txt"));
  symlinkSync("../outside", dir.at("root/linked"));
  symlinkSync("sub/b.txt", dir.at("root/inner.txt"));
  symlinkSync("link.txt", dir.at("root/twice.txt"));
  symlinkSync("loop.txt", dir.at("root/loop.txt"));
  symlinkSync("nowhere.txt", dir.at("root/dangling.txt"));
  const rows: readonly (readonly [path: string, found: string])[] = [
    ["a.txt", "in"],
    ["./a.txt", "in"],
    ["sub/b.txt", "in sub"],
    ["sub/../a.txt", "in"],
    ["inner.txt", "in sub"],
    ["../secret.txt", "outside"],
    ["sub/../../secret.txt", "outside"],
    ["../root-of-another/d.txt", "outside"],
    ["../root/a.txt", "in"],
    ["..", "outside"],
    [".", "outside"],
    [dir.at("root/a.txt"), "outside"],
    ["/etc/passwd", "outside"],
    ["link.txt", "outside"],
    ["twice.txt", "outside"],
    ["linked/c.txt", "outside"],
    // As text this stays in the root, the kernel reads it as outside/../secret.txt.
    ["linked/../secret.txt", "outside"],
    ["loop.txt", "missing"],
    ["dangling.txt", "missing"],
    ["nothing.txt", "missing"],
    ["../nothing.txt", "outside"],
    ["a.txt/b", "missing"],
    ["", "missing"],
    ["a.txt\0.png", "missing"],
    ["sub", "unreadable"],
  ];
  for (const [path, found] of rows) assert.is(read(dir, path), found, path);
});

disk("a list file is relative to the file that names it", ({ dir }) => {
  dir.write("root/main.ingress", "edition 1\n");
  dir.write("root/sub/b.txt", "b");
  const { reader } = opened(dir.at("root/main.ingress"));
  const found = reader.read("b.txt", { path: "sub/teams.ingress", text: "" });
  assert.equal(found, { path: "sub/b.txt", text: "b" });
  assert.is(reader.read("../../main.ingress", { path: "sub/teams.ingress", text: "" }), "outside");
});

disk("a real file has one path, however it is reached, and the paths in it are relative to it", ({ dir }) => {
  dir.write("root/main.ingress", "edition 1\n");
  dir.write("root/teams/a.ingress", "a");
  dir.write("root/teams/list.txt", "in teams");
  dir.write("root/list.txt", "in root");
  symlinkSync("teams/a.ingress", dir.at("root/a.ingress"));
  symlinkSync("teams", dir.at("root/linked"));
  const { reader, entry } = opened(dir.at("root/main.ingress"));
  for (const path of ["teams/a.ingress", "a.ingress", "linked/a.ingress", "./teams/../linked/a.ingress"]) {
    const found = reader.read(path, entry);
    if (isReadFailure(found)) throw new Error(`${path}: ${failureText(found)}`);
    assert.is(found.path, "teams/a.ingress", path);
    const list = reader.read("list.txt", found);
    assert.is(isReadFailure(list) ? failureText(list) : list.text, "in teams", path);
  }
});

disk("only regular files are read", ({ dir }) => {
  dir.write("root/main.ingress", "edition 1\n");
  symlinkSync("/dev/zero", dir.at("root/zero"));
  assert.is(read(dir, "zero"), "outside");
  assert.is(failure("/dev/zero"), "special");
  assert.is(failure(dir.at("root")), "folder");
  assert.is(failure(dir.at("none.ingress")), "missing");
  assert.is(failure(dir.at("root/main.ingress/x")), "missing");
  try {
    execFileSync("mkfifo", [dir.at("root/fifo")]);
  } catch {
    return skip("fifo", "no mkfifo");
  }
  // Neither of these may wait for a writer.
  assert.is(read(dir, "fifo"), "unreadable");
  assert.is(failure(dir.at("root/fifo")), "special");
});

disk("text is UTF-8 without NUL", ({ dir }) => {
  dir.write("root/main.ingress", "edition 1\n");
  const rows: readonly (readonly [bytes: readonly number[], found: string])[] = [
    [[0x61], "a"],
    [[0xef, 0xbb, 0xbf, 0x61], "a"],
    [[0xc3, 0xa9], "é"],
    [[0xc3], "not_text 1:1 the byte 0xc3"],
    [[0xc0, 0xaf], "not_text 1:1 the byte 0xc0"],
    [[0xed, 0xa0, 0x80], "not_text 1:1 the byte 0xed"],
    [[0xff, 0xfe, 0x61, 0x00], "not_text 1:1 the mark of UTF-16"],
    [[0xfe, 0xff, 0x00, 0x61], "not_text 1:1 the mark of UTF-16"],
    [[0x61, 0x00], "not_text 1:2 a NUL character"],
    [[0x00, 0x61, 0x73, 0x6d], "not_text 1:1 a NUL character"],
    // A column counts UTF-16 units, as everywhere: é is one, 😀 two; a mark at the start is none.
    [[0x61, 0x0a, 0x0d, 0x0a, 0xc3, 0xa9, 0xf0, 0x9f, 0x98, 0x80, 0xe9, 0x0a], "not_text 3:4 the byte 0xe9"],
    [[0xef, 0xbb, 0xbf, 0x61, 0xfc], "not_text 1:2 the byte 0xfc"],
    [[0x61, 0xff, 0x00], "not_text 1:2 the byte 0xff"],
    [[], ""],
  ];
  for (const [bytes, found] of rows) {
    dir.write("root/list.txt", Uint8Array.from(bytes));
    assert.is(read(dir, "list.txt"), found, bytes.join());
  }
  assert.is(failure(dir.write("root/binary.ingress", Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 0))), "not_text 1:5 a NUL character");
});

disk("a text is refused as no UTF-8 exactly where a fatal decoder refuses it", () => {
  const c = chance(7);
  const fatal = new TextDecoder("utf-8", { fatal: true });
  const isGood = (bytes: Uint8Array): boolean => {
    try {
      fatal.decode(bytes);
      return true;
    } catch {
      return false;
    }
  };
  let good = 0;
  for (let n = 0; n < 20_000; n++) {
    const parts = Array.from({ length: 1 + c.below(4) }, () =>
      c.pick([
        [0x61],
        [0xc3, 0xa9],
        [0xe2, 0x82, 0xac],
        [0xf0, 0x9f, 0x98, 0x80],
        [0xe0, 0x80 + c.below(64), 0x80],
        [0xed, 0x80 + c.below(64), 0x80],
        [0xf0, 0x80 + c.below(64), 0x80, 0x80],
        [0xf4, 0x80 + c.below(64), 0x80, 0x80],
        [1 + c.below(255)],
      ]),
    );
    const bytes = Uint8Array.from(parts.flat());
    const found = decodeText(bytes);
    if (isGood(bytes)) good++;
    assert.is("text" in found, isGood(bytes), bytes.join());
    if ("text" in found) assert.is(found.text, fatal.decode(bytes));
  }
  assert.ok(good > 2_000 && good < 18_000, `${good}`);
});

disk("sources and lists have bounds", ({ dir }) => {
  dir.write("root/main.ingress", "edition 1\n");
  const spaces = (n: number): Uint8Array => new Uint8Array(n).fill(32);
  assert.is(failure(dir.write("root/n.ingress", spaces(MAX_SOURCE_BYTES))), "opened");
  assert.is(failure(dir.write("root/n1.ingress", spaces(MAX_SOURCE_BYTES + 1))), "too_large");
  dir.write("root/n.txt", spaces(MAX_LIST_BYTES));
  assert.is(read(dir, "n.txt").length, MAX_LIST_BYTES);
  dir.write("root/n.txt", spaces(MAX_LIST_BYTES + 1));
  assert.is(read(dir, "n.txt"), "too_large");
});

disk("the root is the folder of the entry file itself, not of a symlink to it", ({ dir }) => {
  dir.write("root/main.ingress", "edition 1\n");
  dir.write("root/a.txt", "beside the file");
  dir.write("links/a.txt", "beside the link");
  symlinkSync("../root/main.ingress", dir.at("links/current.ingress"));
  const { reader, entry } = opened(dir.at("links/current.ingress"));
  const found = reader.read("a.txt", entry);
  assert.is(isReadFailure(found) ? failureText(found) : found.text, "beside the file");
  assert.is(entry.path, "main.ingress");
});

disk("the reader lists the files that it read and the ones that it missed", ({ dir }) => {
  dir.write("root/main.ingress", "edition 1\n");
  mkdirSync(dir.at("root/sub"));
  const { reader, entry, inputs, root } = opened(dir.at("root/main.ingress"));
  reader.read("sub/none.txt", entry);
  reader.read("../secret.txt", entry);
  assert.equal([...inputs.folders].map((f) => f.slice(root.length)).sort(), ["", "/sub"]);
  assert.equal([...inputs.found.keys()].map((f) => f.slice(root.length)).sort(), ["/main.ingress", "/sub/none.txt"]);
  assert.equal(
    [...inputs.files].map((f) => f.slice(root.length)),
    ["/main.ingress"],
  );
});

disk.run();
