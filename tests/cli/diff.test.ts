// ingressc diff: names, local addresses and identities in words, as Markdown and as JSON; modules; the budget; exit codes.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { withOtherCode } from "../host/other_code.ts";
import { suite } from "../suite.ts";
import { BASE } from "./diff_changes.ts";
import { envelope, folder, ingresscHere, PROJECT, type Folder } from "./programs.ts";

const test = suite<{ dir: Folder }>("diff");
test.before((context) => {
  context.dir = folder();
});
test.after(({ dir }) => dir.remove());

test("a listener that splits by name, and one that takes a name from another", async ({ dir }) => {
  dir.write("a.ingress", "edition 1\nexpose all on tcp 443 as passthrough { backend 127.0.0.1:1 allow from any }\n");
  dir.write(
    "b.ingress",
    `edition 1
expose shop on tcp 443 for "*.shop.example" as passthrough { backend 127.0.0.1:2 allow from any }
expose all on tcp 443 as passthrough { backend 127.0.0.1:1 allow from any deny from any sni "x.shop.example" }
`,
  );
  const ended = await ingresscHere(["diff", "a.ingress", "b.ingress"], dir.path);
  // The deny names a host that no longer leads there, so nothing but the backend of the names that moved differs.
  assert.match(ended.out, /^\+ shop \(tcp 443\): name is another one: all, now shop$/m);
  assert.match(ended.out, /^\+ shop \(tcp 443\): backend is another one: 127\.0\.0\.1:1, now 127\.0\.0\.1:2$/m);
  assert.not.match(ended.out, /may (now|no longer) be reached/);
});

test("local addresses: a bind that widens opens at the addresses that are new", async ({ dir }) => {
  const text = (bind: string): string => `edition 1\nexpose db on tcp 5432${bind} { backend 127.0.0.1:1 allow from any }\n`;
  dir.write("a.ingress", text(" bind 10.0.0.0/8"));
  dir.write("b.ingress", text(" bind 10.0.0.0/8, 192.168.0.0/16"));
  const ended = await ingresscHere(["diff", "a.ingress", "b.ingress"], dir.path);
  assert.is(ended.code, 1);
  assert.match(ended.out, /^\+ db \(tcp 5432 at 192\.168\.0\.0\/16\): listens here too, reachable from the whole internet/m);
  assert.match(ended.out, /from 0\.0\.0\.1 to tcp 5432 local 192\.168\.0\.0$/m);
});

test("identities: a certificate that a deny no longer refuses, and one that two patterns have", async ({ dir }) => {
  const text = (rules: string): string => `edition 1\nexpose m on tcp 443 as mtls { backend 127.0.0.1:1 cert "m" ca "corp" ${rules} }\n`;
  dir.write("a.ingress", text('allow from any client uri "spiffe://corp/ops/*" deny from any client dns "old.example"'));
  dir.write("b.ingress", text('allow from any client uri "spiffe://corp/ops/*"'));
  const ended = await ingresscHere(["diff", "a.ingress", "b.ingress"], dir.path);
  assert.is(ended.code, 1);
  assert.match(ended.out, /may now be reached from the whole internet, with a certificate for dns "old\.example" and for uri "spiffe:\/\/corp\/ops\/\*"$/m);
  assert.match(ended.out, /client dns "old\.example", uri "spiffe:\/\/corp\/ops\/a"$/m);
});

test("modules and policies in any mix", async ({ dir }) => {
  dir.write("a.ingress", BASE);
  dir.write("b.ingress", BASE.replace("10.8.0.0/16", "10.0.0.0/8"));
  for (const name of ["a", "b"]) assert.is((await ingresscHere(["build", `${name}.ingress`, "-o", `${name}.wasm`], dir.path)).code, 0);
  for (const [old, now] of [
    ["a.wasm", "b.wasm"],
    ["a.ingress", "b.wasm"],
    ["a.wasm", "b.ingress"],
  ] as const) {
    const ended = await ingresscHere(["diff", old, now], dir.path);
    assert.is(ended.code, 1);
    assert.match(ended.out, /ssh \(tcp 2222\): may now be reached from 10\.128\.0\.0\/9/);
  }
  assert.is((await ingresscHere(["diff", "--equivalent", "a.ingress", "a.wasm"], dir.path)).code, 0);
});

test("modules of other releases: those that this one loads are compared, others are refused", async ({ dir }) => {
  const at = (name: string): string => join(PROJECT, "tests/host/releases", name);
  for (const release of ["0.1.0", "0.2.0"])
    assert.is((await ingresscHere(["diff", "--equivalent", at(`${release}.ingress`), at(`${release}.wasm`)], dir.path)).code, 0, release);
  const wider = readFileSync(at("0.2.0.ingress"), "utf8");
  dir.write("new.ingress", `${wider}\nexpose debug on tcp 65000 { backend 127.0.0.1:9 allow from any }\n`);
  assert.match((await ingresscHere(["diff", at("0.2.0.wasm"), "new.ingress"], dir.path)).out, /^\+ debug \(tcp 65000\): new listener/m);
  dir.write("old.wasm", withOtherCode(readFileSync(at("0.2.0.wasm"))));
  const old = await ingresscHere(["diff", "old.wasm", "new.ingress"], dir.path);
  assert.is(old.code, 3);
  assert.match(old.err, /is refused \(module_code\)[^]*help: .*build the policy again/);
});

test("what a module says of itself is believed, and diff says so", async ({ dir }) => {
  dir.write("a.ingress", BASE);
  dir.write("b.ingress", BASE.replace("10.8.0.0/16", "10.0.0.0/8"));
  for (const name of ["a", "b"]) assert.is((await ingresscHere(["build", `${name}.ingress`, "-o", `${name}.wasm`], dir.path)).code, 0);
  const rows: readonly (readonly [old: string, now: string, modules: readonly string[]])[] = [
    ["a.ingress", "b.ingress", []],
    ["a.ingress", "a.ingress", []],
    ["a.wasm", "b.ingress", ["a.wasm"]],
    ["a.ingress", "b.wasm", ["b.wasm"]],
    ["a.wasm", "b.wasm", ["a.wasm", "b.wasm"]],
    ["a.ingress", "a.wasm", ["a.wasm"]],
  ];
  for (const [old, now, modules] of rows) {
    const { out } = await ingresscHere(["diff", old, now], dir.path);
    const noted = (pattern: RegExp, text: string): readonly (string | undefined)[] => [...text.matchAll(pattern)].map(([, name]) => name);
    assert.equal(noted(/^! (\S+) is a module, and what it says of itself was believed: verify its signature with ingressc verify$/gm, out), modules, out);
    const markdown = (await ingresscHere(["diff", old, now, "--format", "markdown"], dir.path)).out;
    assert.equal(noted(/^_`(\S+)` is a module, and what it says of itself/gm, markdown), modules, markdown);
    for (const nodes of ["1000000", "1"]) {
      const answer = envelope(await ingresscHere(["diff", old, now, "--nodes", nodes, "--json"], dir.path));
      assert.is((answer["data"] as { readonly unverified: boolean }).unverified, modules.length > 0, `${old} ${now} ${nodes}`);
    }
  }
});

test("Markdown for a comment of a merge request", async ({ dir }) => {
  dir.write("a.ingress", BASE);
  dir.write(
    "b.ingress",
    `${BASE.replace("10.8.0.0/16", "10.0.0.0/8")}@owner "a\`b](http://evil)" expose debug on tcp 9000 { backend 127.0.0.1:9001 allow from any }\n`,
  );
  const { out, code } = await ingresscHere(["diff", "a.ingress", "b.ingress", "--format", "markdown"], dir.path);
  assert.is(code, 1);
  assert.match(
    out,
    /^### 2 openings, 0 closings\n\*\*debug\*\* \(tcp 9000\): new listener, reachable from the whole internet, backend 127\.0\.0\.1:9001, owner `a'b\]\(http:\/\/evil\)`/,
  );
  assert.match(out, /\n\*\*ssh\*\* \(tcp 2222\): may now be reached from `10\.0\.0\.0\/13`, .* and \d+ more|\n\*\*ssh\*\*/);
  assert.match(out, /; for example `from 10\.128\.0\.1 to ssh`/);
  assert.ok(out.length < 65_536);
});

test("past the budget nothing is proven, at N and not at N + 1", async ({ dir }) => {
  dir.write("a.ingress", BASE);
  dir.write("b.ingress", BASE.replace("10.8.0.0/16", "10.0.0.0/8"));
  const whole = envelope(await ingresscHere(["diff", "a.ingress", "b.ingress", "--json"], dir.path))["data"] as { nodes: number };
  const with_ = (nodes: number) => ingresscHere(["diff", "a.ingress", "b.ingress", "--json", "--nodes", String(nodes)], dir.path);
  assert.is(envelope(await with_(whole.nodes))["code"], "policy.opens");
  const ended = await with_(whole.nodes - 1);
  assert.equal([ended.code, envelope(ended)["code"]], [1, "policy.not_proven"]);
  assert.match((await ingresscHere(["diff", "a.ingress", "b.ingress", "--nodes", "1"], dir.path)).out, /not proven: treat as opened/);
  // Where no rule changed there is nothing to prove.
  assert.is((await ingresscHere(["diff", "a.ingress", "a.ingress", "--nodes", "1"], dir.path)).code, 0);
});

test("what can't be compared has a code, a reason and a remedy", async ({ dir }) => {
  dir.write("a.ingress", BASE);
  dir.write("bad.ingress", BASE.replace("10.8.0.0/16", "10.8.0.1/16"));
  dir.write("cut.wasm", Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  dir.write("folder/x", "");
  const rows: readonly (readonly [args: readonly string[], exit: number, err: RegExp])[] = [
    [["a.ingress", "bad.ingress"], 3, /ING303|error/],
    [["bad.ingress", "a.ingress"], 3, /error/],
    [["a.ingress", "none.ingress"], 2, /there is no file `none\.ingress`/],
    [["a.ingress", "folder"], 2, /is a folder/],
    [["a.ingress", "cut.wasm"], 3, /is refused \(module_/],
    [["a.ingress"], 2, /NEW|operand|names/],
    [["a.ingress", "a.ingress", "--format", "xml"], 2, /format/],
    [["a.ingress", "a.ingress", "--nodes", "0"], 2, /`0` is no number of nodes/],
    [["a.ingress", "a.ingress", "--nodes", "64000001"], 2, /is no number of nodes/],
  ];
  for (const [args, exit, err] of rows) {
    const ended = await ingresscHere(["diff", ...args], dir.path);
    assert.is(ended.code, exit, `${args.join(" ")}: ${ended.out}${ended.err}`);
    assert.match(ended.err, err);
  }
});

test.run();
