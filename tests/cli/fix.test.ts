// ingressc check --fix: what it edits, what it keeps byte for byte, and what it never writes.
import { readFileSync, readdirSync, statSync, symlinkSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builtinNet } from "../../compiler/check/sets/builtin_nets.ts";
import { isEmpty, subtract, union } from "../../compiler/check/sets/intervals.ts";
import { readPrefix } from "../../compiler/check/names/literals.ts";
import type { AddressSet } from "../../compiler/policy/policy.ts";
import { SetBuilder } from "../../compiler/check/sets/set_builder.ts";
import { fixAll } from "../../compiler/cli/fixes.ts";
import { brief, filesOf, front } from "../compiler/front.ts";
import { folder, ingresscHere, type Folder } from "./programs.ts";

const fixes = suite<{ dir: Folder }>("check --fix");
fixes.before.each((context) => {
  context.dir = folder();
});
fixes.after.each(({ dir }) => dir.remove());

const textOf = (dir: Folder, name: string): string => readFileSync(dir.at(name), "utf8");

fixes("edits only the places, keeps the mark, CRLF, blanks and comments, and says what it did", async ({ dir }) => {
  dir.write("p.ingress", "\ufeffnet  office =   10.0.0.0/08  # ours\r\nexpose web on tcp 443 { allow from office }\r\n\r\n");
  const ended = await ingresscHere(["check", "--fix", "p.ingress"], dir.path);
  assert.equal([ended.code, ended.err], [0, ""]);
  assert.match(
    ended.out,
    /fixed p\.ingress:1:1: inserted `edition 1` \(ING111\)\nfixed p\.ingress:1:17: `10\.0\.0\.0\/08` is `10\.0\.0\.0\/8` now \(ING304\)\n[^]*\n`p\.ingress` is valid/,
  );
  assert.is(textOf(dir, "p.ingress"), "\ufeffedition 1\r\nnet  office =   10.0.0.0/8  # ours\r\nexpose web on tcp 443 { allow from office }\r\n\r\n");
  assert.equal(readdirSync(dir.path), ["p.ingress"], "no temporary file is left");
});

fixes("a second run changes nothing and does not write", async ({ dir }) => {
  dir.write("p.ingress", "edition 1\nnet office = 10.0.0.0/08\n");
  assert.is((await ingresscHere(["check", "--fix", "p.ingress"], dir.path)).code, 0);
  const { ino, mtimeMs } = statSync(dir.at("p.ingress"));
  const again = await ingresscHere(["check", "--fix", "p.ingress"], dir.path);
  assert.not.match(again.out, /fixed/);
  assert.equal([statSync(dir.at("p.ingress")).ino, statSync(dir.at("p.ingress")).mtimeMs], [ino, mtimeMs]);
});

fixes("without --fix nothing is written", async ({ dir }) => {
  const text = "edition 1\nnet office = 10.0.0.0/08\n";
  dir.write("p.ingress", text);
  assert.is((await ingresscHere(["check", "p.ingress"], dir.path)).code, 3);
  assert.is(textOf(dir, "p.ingress"), text);
});

fixes("imports and list files are fixed too, and a fault without a fix is still reported", async ({ dir }) => {
  dir.write("p.ingress", 'edition 1\nimport "sub/n.ingress" as n\ndeny from n.office, nowhere_at_all\n');
  dir.write("sub/n.ingress", 'edition 1\nnet office = 10.0.0.0/08, file "l.txt" max 3\n');
  dir.write("sub/l.txt", "192.0.2.1\n");
  const ended = await ingresscHere(["check", "--fix", "--json", "p.ingress"], dir.path);
  assert.is(ended.code, 3);
  assert.is(textOf(dir, "sub/n.ingress"), 'edition 1\nnet office = 10.0.0.0/8, file "l.txt" max 3\n');
  assert.is(textOf(dir, "sub/l.txt"), "192.0.2.1\n");
  assert.match(ended.out, /"code":"ING201"[^]*"fixed":\[\{"code":"ING304","file":"sub\/n\.ingress"/);
});

fixes("a file outside of the policy root stays as it is, also by way of a link", async ({ dir }) => {
  const text = "edition 1\nnet office = 10.0.0.0/08\n";
  dir.write("out.ingress", text);
  dir.write("in/p.ingress", 'edition 1\nimport "../out.ingress" as a\nimport "link.ingress" as b\n');
  symlinkSync("../out.ingress", dir.at("in/link.ingress"));
  const ended = await ingresscHere(["check", "--fix", "in/p.ingress"], dir.path);
  assert.is(ended.code, 3);
  assert.is(textOf(dir, "out.ingress"), text);
});

const root = fileURLToPath(new URL("../cases/", import.meta.url));
const cases = readdirSync(root, { recursive: true, withFileTypes: true })
  .filter((d) => d.isFile() && /\.(ingress|txt)$/.test(d.name))
  .map((d) => `${d.parentPath}/${d.name}`.replaceAll("//", "/").slice(root.length));
const everything = Object.fromEntries(cases.map((path) => [path, readFileSync(`${root}${path}`, "utf8")]));

/** The codes that remain after every fix of a case is applied, and why the first run can't report them. */
const UNCOVERED: Readonly<Record<string, readonly string[]>> = {
  // Which of the words in the body is to be the parameter.
  "broken/bare_parameters.ingress": ["ING213 2 $name"],
};

fixes("every fix of every case is applied, and no file is damaged", () => {
  let edited = 0;
  const whole: string[] = [];
  for (const path of cases.filter((p) => p.endsWith(".ingress"))) {
    const before = front(everything[path] ?? "", filesOf(everything), path).diagnostics;
    const { edits, texts } = fixAll({ path, text: everything[path] ?? "" }, filesOf(everything));
    const files = { ...everything, ...Object.fromEntries([...texts].map(([p, t]) => [p, t.after])) };
    const after = front(files[path] ?? "", filesOf(files), path).diagnostics;
    const left = after.filter((d) => d.fix !== null).map((d) => brief(d, path));
    assert.equal(left, [], `${path} has fixes left`);
    if (before.length > 0 && before.every((d) => d.fix !== null && d.span.file.path === path)) {
      whole.push(path);
      assert.equal(
        after.filter((d) => !d.code.startsWith("ING7")).map((d) => brief(d, path)),
        UNCOVERED[path] ?? [],
        `${path} does not compile`,
      );
    }
    if (edits.length > 0) assert.ok(after.length < before.length || before.some((d) => d.code.startsWith("ING1")), path);
    edited += edits.length;
  }
  assert.ok(edited > 60, `only ${edited} edits`);
  assert.ok(whole.length > 25, `only ${whole.length} cases of which every fault is fixed`);
});

// Every form that an edit is made of, or that has several readings and so has none. Only the text between the marks
// may change; fix_makers.test.ts has each place of the sources that makes one.
const STAYS = null;
const FORMS: readonly (readonly [before: string, after: string | null])[] = [
  // Addresses: host bits, missing numbers, octal, an interface, IPv4 in IPv6.
  ["net a = 203.0.113.9/0", STAYS],
  ["net a = 10.1.2.3/8", STAYS],
  ["net a = 2001:db8::1/32", STAYS],
  ["net a = 192.168.1", STAYS],
  ["net a = 127.1", STAYS],
  ["net a = 0x7f.1", STAYS],
  ["net a = 010.0.0.1", STAYS],
  ["net a = fe80::1%eth0", STAYS],
  ["net a = ::ffff:10.0.0.0/8", STAYS],
  ["net a = 192.168/24", STAYS],
  ["net a = 0.0.0.0/0.0.0.0", STAYS],
  ["net a = 10/8", "net a = 10.0.0.0/8"],
  ["net a = 192.168/16", "net a = 192.168.0.0/16"],
  ["net a = 10.0.0.0/255.0.0.0", "net a = 10.0.0.0/8"],
  ["net a = 10.0.0.0/08", "net a = 10.0.0.0/8"],
  ["net a = 10.0.*", "net a = 10.0.0.0/16"],
  ["net a = 10.0.0.0-10.0.0.255", "net a = 10.0.0.0/24"],
  ["net a = 10.0.0.0-10.0.0.254", "net a = 10.0.0.0/25, 10.0.0.128/26, 10.0.0.192/27, 10.0.0.224/28, 10.0.0.240/29, 10.0.0.248/30, 10.0.0.252/31, 10.0.0.254"],
  ['net a = "10.0.0.0/8"', "net a = 10.0.0.0/8"],
  ['net a = ip "10.0.0.1"', "net a = 10.0.0.1"],
  ["net a = 10.*.*.*.*", STAYS],
  ["net a = 0.0.0.0/255.255.255.255", STAYS],
  ["net a = 10.0.0.0/010", STAYS],
  ["net a = 10.0.0.0 255.0.0.0", STAYS],
  ["net a = any 10.0.0.0/8", STAYS],
  // Names that are near, or that other languages have.
  ["net office = any\nnet a = ofice", STAYS],
  ["net a = lan", STAYS],
  ["net a = everyone", STAYS],
  ["ports a = https", STAYS],
  ["ports a = 0443", STAYS],
  ["ports a = 089", "ports a = 89"],
  ["ports a = 445-443", STAYS],
  ["ports a = 443:445", "ports a = 443-445"],
  ['hosts a = "https://a.example/"', 'hosts a = "a.example"'],
  ['hosts a = "https://a.example/admin"', STAYS],
  ['hosts a = "a.example:8443"', STAYS],
  ["hosts a = www.example.com", 'hosts a = "www.example.com"'],
  ["hosts a = *", STAYS],
  ["hosts a = 0x7f", STAYS],
  ['hosts a = "*.example.com" "b.example.com"', STAYS],
  // Statements.
  ["edition 2", STAYS],
  ["net a = any not except 10.0.0.0/8", STAYS],
  ["expose e on tcp 1 { } }", STAYS],
  ["net a = any /* except 10.0.0.0/8", STAYS],
  ["/* a */ net a = any", "# a\n net a = any"],
  ["deny on ucp 22", STAYS],
  ["deny not from 10.0.0.0/8", STAYS],
  ['net o = any4\nhosts o = "a.example"\ndeny o', STAYS],
  ['ids o = dns "a.example"\ndeny o', STAYS],
  ["net o = any4\ndeny o", "net o = any4\ndeny from o"],
  ['deny "a.example"', STAYS],
  ["deny from any4 until 2030-01-01T00:00Z", STAYS],
  ["expose e service on tcp 1 { allow from any }", STAYS],
  ["expose e on tcp 1 { backend 127.0.0.1:80\n10 connections }", STAYS],
  // Clauses.
  ["expose e on tcp 1 { allow from any until 2030-01-01 00:00Z }", STAYS],
  ["expose e on tcp 1 { limit 5/s per host }", STAYS],
  ["expose e on tcp 1 { cap 010 connections }", STAYS],
  ["expose e on tcp 1 { cap 08 connections }", "expose e on tcp 1 { cap 8 connections }"],
  ["expose e on tcp 1 { alow from any }", "expose e on tcp 1 { allow from any }"],
  ["expose e on tcp 1 { allow 10.0.0.0/8 }", "expose e on tcp 1 { allow from 10.0.0.0/8 }"],
  ["expose e on tcp 1 { allow all }", "expose e on tcp 1 { allow from any }"],
  ["expose e on tcp 1 { allow from any deny all }", STAYS],
  ["expose e on tcp 1 { allow from !10.0.0.0/8 }", STAYS],
  ["expose e on tcp 1 { limit 5/s allow from any }", STAYS],
  ["expose e on tcp 1 { limit 5/min per listener allow from any }", "expose e on tcp 1 { limit 5/m per listener allow from any }"],
  ["expose e on 443 { allow from any }", STAYS],
  ["expose e 443 { allow from any }", STAYS],
  ["expose e on port 443 { allow from any }", STAYS],
  ["expose e on tcp/443 { allow from any }", "expose e on tcp 443 { allow from any }"],
  ["deny on 22", STAYS],
  ["expose e on tcp 1 { backend localhost:80 allow from any }", STAYS],
  ["expose e on tcp 1 { backend ::1:8080 allow from any }", STAYS],
  ['expose e on tcp 1 { backend "127.0.0.1:80" allow from any }', "expose e on tcp 1 { backend 127.0.0.1:80 allow from any }"],
  ["expose e on tcp 1 as http { allow from any }", STAYS],
  ["expose e on tcp 1 as passthrough { allow from any deny sni any }", STAYS],
  ["expose e on tcp 1 { allow from any\ndeny from 10.0.0.1\nexpose f on tcp 2 { allow from any }", STAYS],
  // Tests.
  ['expose web on tcp 1 { allow from any }\ntest "t" { from 10.0.0.* to web => allow }', STAYS],
  ['expose web on tcp 1 { allow from any }\ntest "t" { from 10.0.0.1 to ucp 1 => allow }', STAYS],
  ['expose web on tcp 1 { allow from any }\ntest "t" { from 10.0.0.0/8 to web => allow }', STAYS],
  ['expose web on tcp 1 { allow from any }\ntest "t" { from 10.0.0.1 to wbe => allow }', STAYS],
  [
    'expose web on tcp 1 { allow from any }\ntest "t" { from 10.0.0.1 to web -> allow }',
    'expose web on tcp 1 { allow from any }\ntest "t" { from 10.0.0.1 to web => allow }',
  ],
];

for (const [before, after] of FORMS) {
  fixes(`${before.replaceAll("\n", " ")} ${after === STAYS ? "stays" : "has one reading"}`, () => {
    const text = `edition 1\n${before}\n`;
    assert.not.equal(front(text, filesOf({}), "p.ingress").diagnostics, [], "it is wrong before the fix");
    const { texts } = fixAll({ path: "p.ingress", text }, filesOf({}));
    assert.is(texts.get("p.ingress")?.after ?? text, `edition 1\n${after ?? before}\n`);
  });
}

/** Words that say everyone, and forms that say one prefix, beside what the language has. */
const SAYS: Readonly<Record<string, string>> = { all: "any", everyone: "any", "*": "any" };

/** All that the words of a text name as sources. */
function worded(text: string): AddressSet {
  const builder = new SetBuilder();
  const named: AddressSet[] = [];
  for (const word of text.match(/[A-Za-z0-9_.:/*-]+/g) ?? []) {
    const set = builtinNet(SAYS[word.toLowerCase()] ?? word);
    if (set !== undefined) named.push(set);
    const read = readPrefix(word);
    const one = !read.ok && read.error.replace !== null ? readPrefix(read.error.replace) : read;
    if (one.ok) builder.addPrefix(one.value);
  }
  return union([builder.done(), ...named]);
}

fixes("after the edits no allow has a source that no word of the case names", () => {
  let looked = 0;
  for (const path of cases.filter((p) => p.endsWith(".ingress"))) {
    const entry = { path, text: everything[path] ?? "" };
    const { edits, texts } = fixAll(entry, filesOf(everything));
    if (edits.length === 0) continue;
    const files = { ...everything, ...Object.fromEntries([...texts].map(([p, t]) => [p, t.after])) };
    const words = worded(
      Object.entries(everything)
        .filter(([p]) => p === path || texts.has(p))
        .map(([, text]) => text)
        .join("\n"),
    );
    const { policy } = front(files[path] ?? "", filesOf(files), path);
    for (const expose of policy?.exposes ?? []) {
      for (const { from } of expose.allows) assert.ok(isEmpty(subtract(from, words)), `${path}: ${expose.name}`);
      looked++;
    }
  }
  assert.ok(looked > 15, `only ${looked} exposes`);
});

fixes("fixes of one place that differ are not applied, and the work is bounded", () => {
  const text = `edition 1\ntemplate t($a) {\n  net x = $a\n}\n${"net y = 10.0.0.0/08\n".repeat(300)}`;
  const { edits } = fixAll({ path: "p.ingress", text }, filesOf({}));
  assert.ok(edits.length <= 300);
});

fixes.run();
