// ingressc fmt, export and import as they are typed: what is written, what is left alone, exit codes.
import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, readdirSync, statSync, symlinkSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { replaceText } from "../../compiler/cli/write.ts";
import { skip } from "../skip.ts";
import { envelope, folder, ingressc, ingresscHere, type Ended, type Folder } from "./programs.ts";

const commands = suite<{ dir: Folder }>("fmt, export, import");
commands.before.each((context) => {
  context.dir = folder();
});
commands.after.each(({ dir }) => dir.remove());

const LOOSE = "edition 1 # one\nnet  a = any\ndeny from a # two\n";
const TIGHT = "edition 1  # one\n\nnet a = any\n\ndeny from a  # two\n";
const BROKEN = "edition 1\nnet a =\n# three\n";

const textOf = (dir: Folder, name: string): string => readFileSync(dir.at(name), "utf8");
const run = async (dir: Folder, ...args: readonly string[]): Promise<Ended> => ingresscHere(args, dir.path);

commands("fmt writes the files that have another layout, and no others", async ({ dir }) => {
  dir.write("loose.ingress", LOOSE);
  dir.write("tight.ingress", TIGHT);
  const before = statSync(dir.at("tight.ingress"));
  const ended = await run(dir, "fmt", "loose.ingress", "tight.ingress");
  assert.equal([ended.code, ended.out, ended.err], [0, "formatted loose.ingress\n1 file formatted, 1 as before\n", ""]);
  assert.is(textOf(dir, "loose.ingress"), TIGHT);
  assert.is(statSync(dir.at("tight.ingress")).ino, before.ino, "a file that is as it should be is not written");
  assert.equal(readdirSync(dir.path).sort(), ["loose.ingress", "tight.ingress"]);
});

commands("fmt --check writes nothing, names the files that would change and exits 1", async ({ dir }) => {
  dir.write("loose.ingress", LOOSE);
  dir.write("crlf.ingress", TIGHT.replaceAll("\n", "\r\n"));
  dir.write("tight.ingress", TIGHT);
  const ended = await ingressc(["fmt", "--check", "loose.ingress", "tight.ingress", "crlf.ingress"], { cwd: dir.path });
  assert.is(ended.code, 1);
  assert.is(ended.out, "would change loose.ingress\nwould change crlf.ingress\ningressc: 2 files of 3 would change; `ingressc fmt` writes them\n");
  assert.is(textOf(dir, "loose.ingress"), LOOSE);
  const fine = await run(dir, "fmt", "--check", "tight.ingress");
  assert.equal([fine.code, fine.out], [0, "1 file in the one layout\n"]);
});

commands("a broken file is not touched, its errors are shown, and the others are written", async ({ dir }) => {
  dir.write("broken.ingress", BROKEN);
  dir.write("loose.ingress", LOOSE);
  dir.write("crlf.ingress", BROKEN.replaceAll("\n", "\r\n"));
  const one = await run(dir, "fmt", "broken.ingress");
  assert.is(one.code, 3);
  assert.match(one.err, /^error\[ING106\][^]*broken\.ingress:2:[^]*ingressc: 1 error in `broken\.ingress`\nhelp: `ingressc explain ING106` says more\n$/);
  const two = await run(dir, "fmt", "broken.ingress", "loose.ingress", "none.ingress");
  assert.is(two.code, 3);
  assert.match(two.err, /formatted loose\.ingress\n[^]*error\[ING106\][^]*there is no file `none\.ingress`[^]*2 of 3 files can't be formatted\n$/);
  assert.is(textOf(dir, "broken.ingress"), BROKEN);
  assert.is(textOf(dir, "loose.ingress"), TIGHT);
  const check = await run(dir, "fmt", "--check", "loose.ingress", "broken.ingress");
  assert.is(check.code, 3, "an error outweighs a layout");
});

commands("mode, owner and symlinks stay", async ({ dir }) => {
  dir.write("real/p.ingress", LOOSE);
  chmodSync(dir.at("real/p.ingress"), 0o640);
  symlinkSync("real/p.ingress", dir.at("link.ingress"));
  if (process.getuid?.() === 0) chownSync(dir.at("real/p.ingress"), 65534, 65534);
  const before = statSync(dir.at("real/p.ingress"));
  assert.is((await run(dir, "fmt", "link.ingress")).code, 0);
  assert.ok(lstatSync(dir.at("link.ingress")).isSymbolicLink());
  const after = statSync(dir.at("real/p.ingress"));
  assert.equal([after.mode, after.uid, after.gid], [before.mode, before.uid, before.gid]);
  assert.is(textOf(dir, "real/p.ingress"), TIGHT);
});

commands("a file that was changed meanwhile keeps the change", async ({ dir }) => {
  dir.write("p.ingress", "edition 1\n# somebody else\n");
  const outcome = await replaceText(dir.at("p.ingress"), LOOSE, TIGHT);
  assert.is(outcome?.code, "policy.changed_meanwhile");
  assert.is(textOf(dir, "p.ingress"), "edition 1\n# somebody else\n");
  assert.equal(readdirSync(dir.path), ["p.ingress"]);
  assert.is((await replaceText(dir.at("gone/p.ingress"), LOOSE, TIGHT))?.class, "delegate");
});

commands("a folder that can't be written into is reported", async ({ dir }) => {
  if (process.getuid?.() === 0) return skip("read-only folders", "root may write everywhere");
  dir.write("shut/p.ingress", LOOSE);
  chmodSync(dir.at("shut"), 0o555);
  const ended = await run(dir, "fmt", "shut/p.ingress");
  chmodSync(dir.at("shut"), 0o755);
  assert.is(ended.code, 5);
  assert.match(ended.err, /can't be written: permission is denied/);
  assert.is(textOf(dir, "shut/p.ingress"), LOOSE);
});

commands("export and import are each other's way back", async ({ dir }) => {
  dir.write("loose.ingress", LOOSE);
  const shown = await run(dir, "export", "loose.ingress");
  assert.is(shown.code, 0);
  assert.equal(JSON.parse(shown.out), {
    edition: 1,
    statements: [
      { kind: "net", name: "a", set: { members: ["any"] } },
      { kind: "deny", from: { members: ["a"] } },
    ],
  });
  assert.is((await run(dir, "export", "loose.ingress", "-o", "p.json")).code, 0);
  assert.is(textOf(dir, "p.json"), shown.out);
  assert.is((await run(dir, "import", "p.json")).out, "edition 1\n\nnet a = any\n\ndeny from a\n");
  assert.is((await run(dir, "import", "p.json", "-o", "back.ingress")).code, 0);
  assert.is((await run(dir, "export", "back.ingress")).out, shown.out);
  assert.is((await run(dir, "fmt", "--check", "back.ingress")).code, 0);
});

commands("a fault that prevents an export or import is reported with its place", async ({ dir }) => {
  dir.write("broken.ingress", BROKEN);
  dir.write("bad.json", '{"edition":1,"statements":[{"kind":"net","name":"a b","set":{"members":[]}}]}');
  dir.write("not.json", "edition 1\n");
  dir.write("bytes.json", Uint8Array.of(0xff, 0xfe, 0x00));
  dir.write("steers.ingress", 'edition 1\n@why "a\u200eb"\nnet a = any\n');
  mkdirSync(dir.at("folder"));
  const rows: readonly (readonly [args: string, exit: number, err: RegExp])[] = [
    ["export broken.ingress", 3, /error\[ING106\]/],
    ["export none.ingress", 2, /there is no file/],
    ["export broken.ingress loose.ingress", 2, /one operand too many/],
    [
      "import bad.json",
      3,
      /expected a name, found "a b"\n {2}at \/statements\/0\/name\nhelp: [^]*the list is empty\n {2}at \/statements\/0\/set\/members\n[^]*2 errors in `bad\.json`/,
    ],
    ["import not.json", 3, /this is not JSON[^]*at not\.json:1:1\n/],
    ["import bytes.json", 3, /is not UTF-8 text/],
    ["import folder", 2, /is a folder/],
    ["import none.json", 2, /there is no file/],
    ["fmt", 2, /needs FILE\.\.\./],
    ["fmt --chekc x", 2, /did you mean `--check`/],
  ];
  for (const [args, exit, err] of rows) {
    const ended = await run(dir, ...args.split(" "));
    assert.is(ended.code, exit, `${args}\n${ended.err}`);
    assert.match(ended.err, err, args);
  }
  assert.is((await run(dir, "export", "steers.ingress", "-o", "steers.json")).code, 0);
  const shown = await run(dir, "import", "steers.json");
  assert.equal([shown.code, shown.out.includes("\u200e")], [2, false]);
  assert.is((await run(dir, "import", "steers.json", "-o", "back.ingress")).code, 0);
  assert.is(textOf(dir, "back.ingress"), textOf(dir, "steers.ingress").replace("1\n", "1\n\n"));
  assert.is((await run(dir, "import", "steers.json", "-o", "steers.json")).code, 2, "the document is not written over");
});

commands("--json is one envelope each", async ({ dir }) => {
  dir.write("loose.ingress", LOOSE);
  dir.write("broken.ingress", BROKEN);
  dir.write("bad.json", "{}");
  const rows: readonly (readonly [args: string, ok: boolean, code: string, exit: number, data: RegExp])[] = [
    ["fmt --check --json loose.ingress", false, "policy.not_formatted", 1, /"files":\[\{"file":"loose\.ingress","result":"would_change"\}\]/],
    ["export --json loose.ingress", true, "policy.exported", 0, /"policy":\{"edition":1/],
    ["import --json bad.json", false, "policy.document_refused", 3, /"errors":\[\{"pointer":""/],
    ["fmt --json broken.ingress", false, "policy.rejected", 3, /"diagnostics":\[\{"code":"ING106"/],
    [
      "fmt --json loose.ingress broken.ingress",
      false,
      "policy.rejected",
      3,
      /"result":"formatted"\},\{"file":"broken\.ingress","result":"failed","code":"policy\.rejected"/,
    ],
    ["fmt --json loose.ingress", true, "policy.formatted", 0, /"result":"unchanged"/],
    ["fmt --check --json loose.ingress", true, "policy.is_formatted", 0, /"result":"unchanged"/],
  ];
  for (const [args, ok, code, exit, data] of rows) {
    const ended = await run(dir, ...args.split(" "));
    const { ok: isOk, code: isCode } = envelope(ended);
    assert.equal([isOk, isCode, ended.code, ended.err], [ok, code, exit, ""], args);
    assert.match(ended.out, data, args);
  }
});

commands.run();
