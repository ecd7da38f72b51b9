// `build --target c`: a folder that a freestanding host is built of, the same bytes from the same policy,
// the same C from every policy; a missing or changed file is reported.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { engineC, findWasm2c } from "../../compiler/cli/wasm2c.ts";
import { abiHeader } from "../../compiler/emit/native.ts";
import { ENGINE_C_SHA256 } from "../../compiler/emit/pin.ts";
import { CODES } from "../../runtime/abi/names.ts";
import { ENGINE_CODE_SHA256 } from "../../runtime/host/pin.ts";
import { envelope, folder, ingresscHere, type Folder } from "./programs.ts";

const native = suite<{ dir: Folder }>("--target c");

const WEB = 'edition 1\nexpose web on tcp 443 as passthrough { limit 5/s per source allow from 10.0.0.0/8 sni "a.example.com" }\n';
const TURNED = 'edition 1\nexpose web on tcp 443 as passthrough { allow from 10.128.0.0/9, 10.0.0.0/9 sni "A.example.com" limit 5/s per source }\n';

native.before.each((context) => {
  context.dir = folder();
  context.dir.write("web.ingress", WEB);
  context.dir.write("turned.ingress", TURNED);
  context.dir.write("none.ingress", "edition 1\n");
});
native.after.each(({ dir }) => dir.remove());

const ALL = ["abi.h", "engine.c", "engine.h", "policy.bin", "policy.manifest.json"];
const build = (dir: Folder, file: string, out: string): ReturnType<typeof ingresscHere> =>
  ingresscHere(["build", "--profile", "os", "--target", "c", "-o", out, file], dir.path);

native("the engine's C is one text for all policies, the data one for equal ones", async ({ dir }) => {
  for (const [file, out] of [
    ["web", "one"],
    ["turned", "turned"],
    ["none", "none"],
  ] as const) {
    const run = await build(dir, `${file}.ingress`, out);
    assert.is(run.code, 0, run.err);
    assert.equal(readdirSync(dir.at(out)).sort(), ALL);
  }
  const same = (name: string, a: string, b: string): boolean => readFileSync(dir.at(`${a}/${name}`)).equals(readFileSync(dir.at(`${b}/${name}`)));
  for (const name of ALL) {
    assert.ok(same(name, "one", "turned"), name);
    assert.is(same(name, "one", "none"), !name.startsWith("policy."), name);
  }
  const c = ["engine.c", "engine.h"].map((name) => readFileSync(dir.at(`one/${name}`), "utf8"));
  assert.is(createHash("sha256").update(c.join("")).digest("hex"), ENGINE_C_SHA256);
  // A built folder is written over.
  assert.is((await build(dir, "none.ingress", "one")).code, 0);
  assert.ok(same("policy.bin", "one", "none"));
});

native("policy.bin and its manifest, byte by byte", async ({ dir }) => {
  const run = await ingresscHere(["build", "--json", "--profile", "os", "--target", "c", "-o", "out", "web.ingress"], dir.path);
  const { treeSha256 } = Object.fromEntries(Object.entries(envelope(run)["data"] ?? {})) as { treeSha256: string };
  const data = readFileSync(dir.at("out/policy.bin"));
  assert.is(data.toString("latin1", 0, 4), "INGP");
  // Written by hand: format 1, tables of version 3.
  assert.equal([data.readUInt32LE(4), data.readUInt32LE(8)], [1, 3]);
  assert.is(data.readUInt32LE(12), data.length - 80);
  assert.is(data.toString("hex", 16, 48), ENGINE_CODE_SHA256);
  assert.is(data.toString("hex", 48, 80), treeSha256);
  assert.is(data.toString("latin1", 80, 84), "INGR");
  assert.is(data.readUInt32LE(88), 1_024 + data.length - 80);
  assert.is(readFileSync(dir.at("out/policy.manifest.json"), "utf8"), `{"version":1,"tree_sha256":"${treeSha256}","generated_at_ns":0}\n`);
});

native("abi.h has every code and reason", () => {
  const defined = new Map(
    abiHeader()
      .split("\n")
      .flatMap((line) => {
        const [, name, value] = /^#define (INGRESS_\S+) (.+)$/.exec(line) ?? [];
        return name === undefined || value === undefined ? [] : [[name, value] as const];
      }),
  );
  for (const [number, { name }] of Object.entries(CODES)) assert.is(defined.get(`INGRESS_CODE_${name.toUpperCase()}`), number, name);
  // By hand: the words that the host's decisions hang on.
  for (const [name, value] of [
    ["DENY", "0"],
    ["ALLOW", "1"],
    ["OPEN", "2"],
    ["IDENTITY", "3"],
    ["NO_RULE", "(-1)"],
    ["TABLES_BASE", "1024"],
    ["DETAIL_BASE", "16"],
    ["CODE_OPEN", "21"],
    ["REASON_RATE", "4"],
  ]) {
    assert.is(defined.get(`INGRESS_${name}`), value, name);
  }
  const reasons = (defined.get("INGRESS_REASON_OF_CODE") ?? "").replace(/[{}]/g, "").split(", ").map(Number);
  assert.equal(reasons.slice(0, 10), [1, 0, 0, 0, 1, 1, 1, 2, 2, 4]);
});

const PLACED =
  "edition 1\nexpose web on tcp 443 { backend 127.0.0.1:80 allow from any }\n\nexpose admin on tcp 22 bind 10.0.0.0/8 { backend 127.0.0.1:81 allow from any }\n";

native("an ABI filter's profile: version 1 where it fits, else the clause that is to blame", async ({ dir }) => {
  dir.write("placed.ingress", PLACED);
  const filter = (...args: readonly string[]): ReturnType<typeof ingresscHere> => ingresscHere(["build", ...args], dir.path);
  const fits = await filter("--target", "abi-filter", "none.ingress");
  assert.is(fits.code, 0, fits.err);
  assert.equal([...readFileSync(dir.at("none.af1"))], [0x41, 0x46, 1, 0, 0x34, 0x81, 0xec, 0xb2, 0x04, 0xcd, 0x71, 0xbf]);
  assert.match(fits.out, /^ +subject +0xbf71cd04b2ec8134\n +filter +0 rules, 12 bytes; what none matches is denied$/m);
  const no = await filter("--target", "abi-filter", "placed.ingress");
  assert.is(no.code, 3);
  assert.match(no.err, /^placed\.ingress:4: `admin` is bound at some addresses alone[^]*use the engine instead \(`--target c`\)/m);
  assert.match(no.err, /`placed\.af1` is not written/);
  assert.not.ok(readdirSync(dir.path).includes("placed.af1"));
  const other = await filter("--target", "abi-filter", "--subject", "admin", "-o", "admin.af1", "placed.ingress");
  assert.is(other.code, 0, other.err);
  assert.is(readFileSync(dir.at("admin.af1"))[3], 0);
  const rows: readonly (readonly [args: readonly string[], says: RegExp])[] = [
    [["--subject", "web", "placed.ingress"], /`--subject` is for `--target abi-filter`/],
    [["--target", "abi-filter-v2", "placed.ingress"], /there is no target `abi-filter-v2`[^]*did you mean `abi-filter`\?/],
    [["--target", "abi-filter", "--subject", "x".repeat(49), "placed.ingress"], /at most 48 bytes/],
    [["--target", "abi-filter", "-o", "placed.ingress", "placed.ingress"], /is the policy itself/],
  ];
  for (const [args, says] of rows) {
    const run = await filter(...args);
    assert.is(run.code, 2, args.join(" "));
    assert.match(run.err, says);
  }
});

native("a wrong command line, or a folder that can't be written, is refused", async ({ dir }) => {
  const rows: readonly (readonly [args: readonly string[], code: number, says: RegExp])[] = [
    [["--target", "c", "web.ingress"], 2, /`--target c` is for the profile `os`[^]*add `--profile os`/],
    [["--target", "c", "--profile", "host", "web.ingress"], 2, /add `--profile os`/],
    [["--target", "C", "--profile", "os", "web.ingress"], 2, /no target `C`[^]*the targets are `wasm`, `c`, /],
    [["--target", "abi-filte", "web.ingress"], 2, /did you mean `abi-filter`\?/],
    [["--target", "c", "--profile", "os", "-o", "no/such", "web.ingress"], 2, /folder that `no\/such` is to be made in does not exist/],
    [["--target", "c", "--profile", "os", "-o", "web.ingress", "web.ingress"], 2, /is the policy itself/],
    [["--target", "c", "--profile", "os", "-o", "turned.ingress", "web.ingress"], 5, /can't be written/],
  ];
  for (const [args, code, says] of rows) {
    const run = await ingresscHere(["build", ...args], dir.path);
    assert.is(run.code, code, `${args.join(" ")}: ${run.err}`);
    assert.match(run.err, says);
  }
  assert.equal(readdirSync(dir.path).sort(), ["none.ingress", "turned.ingress", "web.ingress"]);
  mkdirSync(dir.at("held/policy.bin"), { recursive: true });
  assert.is((await build(dir, "web.ingress", "held")).code, 2);
});

native("without wabt, with another wabt, and with one that fails", ({ dir }) => {
  assert.ok(engineC().ok);
  assert.match(findWasm2c() ?? "", /wabt/);
  const outcome = (wasm2c: string | null): readonly string[] => {
    const said = engineC(wasm2c);
    if (said.ok) throw new Error("there is C");
    return [said.error.class, said.error.code, said.error.help ?? ""];
  };
  assert.equal(outcome(null), ["missing", "policy.wabt_missing", "install it beside ingressd: npm install wabt@1.0.39"]);
  writeFileSync(dir.at("other.cjs"), "const f = require('fs'); f.writeFileSync('engine.c', 'int main;'); f.writeFileSync('engine.h', '');");
  assert.equal(outcome(dir.at("other.cjs")).slice(0, 2), ["delegate", "policy.engine_c"]);
  writeFileSync(dir.at("fails.cjs"), "process.exit(3)");
  assert.equal(outcome(dir.at("fails.cjs")).slice(0, 2), ["delegate", "policy.wasm2c_failed"]);
  writeFileSync(dir.at("silent.cjs"), "");
  assert.equal(outcome(dir.at("silent.cjs")).slice(0, 2), ["delegate", "policy.wasm2c_failed"]);
});

native.run();
