// ingressc check --fix: what it edits, what it leaves byte for byte, and what it never writes.
import { readFileSync, readdirSync, statSync, symlinkSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { mend } from "../../compiler/cli/fixes.ts";
import { brief, filesOf, front } from "../compiler/front.ts";
import { folder, ingresscHere, type Folder } from "./programs.ts";

const fixes = suite<{ dir: Folder }>("check --fix");
fixes.before.each((context) => { context.dir = folder(); });
fixes.after.each(({ dir }) => dir.remove());

const textOf = (dir: Folder, name: string): string => readFileSync(dir.at(name), "utf8");

fixes("edits only the places, keeps the mark, CRLF, blanks and comments, and says what it did", async ({ dir }) => {
  dir.write("p.ingress", "\ufeffnet  office =   10.1.2.3/8  # ours\r\nexpose web on tcp 443 { allow from office }\r\n\r\n");
  const ended = await ingresscHere(["check", "--fix", "p.ingress"], dir.path);
  assert.equal([ended.code, ended.err], [0, ""]);
  assert.match(ended.out, /fixed p\.ingress:1:1: inserted `edition 1` \(ING111\)\nfixed p\.ingress:1:17: `10\.1\.2\.3\/8` is `10\.0\.0\.0\/8` now \(ING303\)\n`p\.ingress` is valid/);
  assert.is(textOf(dir, "p.ingress"), "\ufeffedition 1\r\nnet  office =   10.0.0.0/8  # ours\r\nexpose web on tcp 443 { allow from office }\r\n\r\n");
  assert.equal(readdirSync(dir.path), ["p.ingress"], "no temporary file is left");
});

fixes("a second run changes nothing and does not write", async ({ dir }) => {
  dir.write("p.ingress", "edition 1\nnet office = 10.1.2.3/8\n");
  assert.is((await ingresscHere(["check", "--fix", "p.ingress"], dir.path)).code, 0);
  const { ino, mtimeMs } = statSync(dir.at("p.ingress"));
  const again = await ingresscHere(["check", "--fix", "p.ingress"], dir.path);
  assert.not.match(again.out, /fixed/);
  assert.equal([statSync(dir.at("p.ingress")).ino, statSync(dir.at("p.ingress")).mtimeMs], [ino, mtimeMs]);
});

fixes("without --fix nothing is written", async ({ dir }) => {
  const text = "edition 1\nnet office = 10.1.2.3/8\n";
  dir.write("p.ingress", text);
  assert.is((await ingresscHere(["check", "p.ingress"], dir.path)).code, 3);
  assert.is(textOf(dir, "p.ingress"), text);
});

fixes("imports and list files too; what has no fix is still told", async ({ dir }) => {
  dir.write("p.ingress", "edition 1\nimport \"sub/n.ingress\" as n\ndeny from n.office, nowhere_at_all\n");
  dir.write("sub/n.ingress", "edition 1\nnet office = 10.1.2.3/8, file \"l.txt\" max 3\n");
  dir.write("sub/l.txt", "192.0.2.1\n");
  const ended = await ingresscHere(["check", "--fix", "--json", "p.ingress"], dir.path);
  assert.is(ended.code, 3);
  assert.is(textOf(dir, "sub/n.ingress"), "edition 1\nnet office = 10.0.0.0/8, file \"l.txt\" max 3\n");
  assert.is(textOf(dir, "sub/l.txt"), "192.0.2.1\n");
  assert.match(ended.out, /"code":"ING201"[^]*"fixed":\[\{"code":"ING303","file":"sub\/n\.ingress"/);
});

fixes("a file outside of the policy root stays as it is, also by way of a link", async ({ dir }) => {
  const text = "edition 1\nnet office = 10.1.2.3/8\n";
  dir.write("out.ingress", text);
  dir.write("in/p.ingress", "edition 1\nimport \"../out.ingress\" as a\nimport \"link.ingress\" as b\n");
  symlinkSync("../out.ingress", dir.at("in/link.ingress"));
  const ended = await ingresscHere(["check", "--fix", "in/p.ingress"], dir.path);
  assert.is(ended.code, 3);
  assert.is(textOf(dir, "out.ingress"), text);
});

const root = fileURLToPath(new URL("../cases/", import.meta.url));
const cases = readdirSync(root, { recursive: true, withFileTypes: true }).filter((d) => d.isFile() && /\.(ingress|txt)$/.test(d.name))
  .map((d) => `${d.parentPath}/${d.name}`.replaceAll("//", "/").slice(root.length));
const everything = Object.fromEntries(cases.map((path) => [path, readFileSync(`${root}${path}`, "utf8")]));

/** What is left where all that was seen has a fix, and why nobody can know it. */
const UNCOVERED: Readonly<Record<string, readonly string[]>> = {};

fixes("of every case all that can be mended is mended, and nothing is torn", () => {
  let edited = 0;
  const whole: string[] = [];
  for (const path of cases.filter((p) => p.endsWith(".ingress"))) {
    const before = front(everything[path] ?? "", filesOf(everything), path).diagnostics;
    const { edits, texts } = mend({ path, text: everything[path] ?? "" }, filesOf(everything));
    const files = { ...everything, ...Object.fromEntries([...texts].map(([p, t]) => [p, t.after])) };
    const after = front(files[path] ?? "", filesOf(files), path).diagnostics;
    const left = after.filter((d) => d.fix !== null).map((d) => brief(d, path));
    assert.equal(left, [], `${path} has fixes left`);
    if (before.length > 0 && before.every((d) => d.fix !== null && d.span.file.path === path)) {
      whole.push(path);
      assert.equal(after.filter((d) => !d.code.startsWith("ING7")).map((d) => brief(d, path)), UNCOVERED[path] ?? [], `${path} does not compile`);
    }
    if (edits.length > 0) assert.ok(after.length < before.length || before.some((d) => d.code.startsWith("ING1")), path);
    edited += edits.length;
  }
  assert.ok(edited > 100, `only ${edited} edits`);
  assert.ok(whole.length > 40, `only ${whole.length} cases of which all is mended`);
});

fixes("fixes of one place that differ are not applied, and the work is bounded", () => {
  const text = `edition 1\ntemplate t($a) {\n  net x = $a\n}\n${"net y = 10.1.2.3/8\n".repeat(300)}`;
  const { edits } = mend({ path: "p.ingress", text }, filesOf({}));
  assert.ok(edits.length <= 300);
});

fixes.run();
