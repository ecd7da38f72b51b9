// A compiled policy is the pinned engine and its tables. The same policy gives the same bytes in any order, different
// policies differ only in memory and data, and small policies are small. The sections are parsed here independently
// of the product's parser.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { atLength } from "../at_length.ts";
import { compileText, load, run } from "../oracle/ask.ts";
import { randomPolicy } from "../oracle/generate.ts";
import { printPolicy } from "../oracle/print.ts";
import { chance } from "../oracle/random.ts";
import { readFileSync } from "node:fs";

const modules = suite("modules");
const MEMORY = 5;
const DATA = 11;
const KiB = 1024;

interface Piece {
  readonly id: number;
  readonly name: string;
  readonly hex: string;
  readonly bytes: number;
}

function pieces(module: Uint8Array): readonly Piece[] {
  const out: Piece[] = [];
  const number = (at: number): readonly [number, number] => {
    let value = 0;
    for (let i = 0; ; i++) {
      const byte = module[at + i] ?? 0;
      value += (byte & 127) * 2 ** (7 * i);
      if (byte < 128) return [value, at + i + 1];
    }
  };
  for (let at = 8; at < module.length;) {
    const id = module[at] ?? 0;
    const [size, body] = number(at + 1);
    const [nameSize, nameAt] = id === 0 ? number(body) : [0, body];
    const name = Buffer.from(module.subarray(nameAt, nameAt + nameSize)).toString("utf8");
    out.push({ id, name, hex: Buffer.from(module.subarray(at, body + size)).toString("hex"), bytes: body + size - at });
    at = body + size;
  }
  return out;
}

/** The parts that affect decisions: all sections but the custom ones, and the semantic JSON. */
const decisive = (module: Uint8Array): readonly Piece[] => pieces(module).filter((p) => p.id !== 0 || p.name === "ingress.policy");
const engineOf = (module: Uint8Array): readonly Piece[] => pieces(module).filter((p) => p.id !== 0 && p.id !== MEMORY && p.id !== DATA);

modules("a policy in another order has the same bytes", () => {
  let moved = 0;
  for (let i = 0; i < atLength(60, 25); i++) {
    const c = chance(900_000 + i);
    const policy = randomPolicy(c, { nets: 4, exposes: 3, rules: 8, denies: 3 });
    const first = run(policy);
    const again = compileText(printPolicy(policy).text);
    assert.ok(Buffer.from(again).equals(first.module), "the same text gives other bytes");
    for (let turn = 0; turn < 2; turn++) {
      const other = run(policy, (items) => c.shuffle(items));
      if (other.printed.text !== first.printed.text) moved++;
      assert.equal(decisive(other.module), decisive(first.module), `${first.printed.text}\n${other.printed.text}`);
      assert.is(other.engine.info.treeSha256, first.engine.info.treeSha256);
    }
  }
  assert.ok(moved > 40);
});

modules("a changed rule, port, cap or limit gives another module", () => {
  const text = (rule: string, port = 443, more = "cap 10 connections"): string =>
    `edition 1\nexpose web on tcp ${port} { backend 127.0.0.1:8080 ${more} ${rule} }\n`;
  const trees = [
    text("allow from 10.0.0.0/8"),
    text("allow from 10.0.0.0/9"),
    text("deny from 10.0.0.0/8"),
    text("allow from any"),
    text("allow from any4"),
    text("allow from 10.0.0.0/8", 444),
    text("allow from 10.0.0.0/8", 443, "cap 11 connections"),
    text("allow from 10.0.0.0/8", 443, "cap 10 connections limit 1/s per source"),
    text("allow from 10.0.0.0/8", 443, "cap 10 connections limit 2/s per source"),
    text("allow from 10.0.0.0/8", 443, "cap 10 connections limit 1/s per listener"),
    text(""),
  ].map((t) => load(compileText(t)).info.treeSha256);
  assert.is(new Set(trees).size, trees.length);
});

const prefixes = (count: number): string =>
  Array.from({ length: count }, (_, i) => {
    const bits = Math.imul(i + 1, 0x9e3779b1) >>> 0;
    return `${bits >>> 24}.${(bits >>> 16) & 255}.${(bits >>> 8) & 255}.${bits & 255}\n`;
  }).join("");

const fromList = (list: string): Uint8Array =>
  compileText(
    'edition 1\nnet many = file "many.txt" max 100000\nexpose web on tcp 443 { backend 127.0.0.1:8080 allow from many }\n',
    new Map([["many.txt", list]]),
  );

modules("lists of 10 and of 90,000 prefixes have equal code bytes", () => {
  const small = fromList(prefixes(10));
  const large = fromList(prefixes(90_000));
  assert.ok(large.length > 10 * small.length);
  assert.ok(engineOf(small).some((p) => p.id === 10 && p.bytes > KiB));
  assert.equal(engineOf(small), engineOf(large));
  const core = (m: Uint8Array): number =>
    pieces(m)
      .filter((p) => p.id !== 0)
      .reduce((sum, p) => sum + p.bytes, 8);
  console.log(`modules: 10 prefixes ${core(small)} bytes, 90,000 prefixes ${core(large)} bytes, without custom sections`);
});

modules("a module of ten rules is at most 16 KiB without its custom sections", () => {
  const rules = Array.from({ length: 10 }, (_, i) => `  ${i % 3 === 2 ? "deny" : "allow"} named rule${i} from 198.51.${i}.0/24, 2001:db8:${i}::/48\n`).join("");
  const module = compileText(
    `edition 1\nnet office = 203.0.113.0/24\nexpose web on tcp 443 {\n  backend 127.0.0.1:8080\n  cap 400 connections, 5 per source\n  limit 20/s per source\n${rules}}\n`,
  );
  assert.is(load(module).info.rules.length, 10);
  const bytes = pieces(module)
    .filter((p) => p.id !== 0)
    .reduce((sum, p) => sum + p.bytes, 8);
  console.log(`modules: ten rules ${bytes} bytes without custom sections, ${module.length} in all`);
  assert.ok(bytes <= 16 * KiB, `${bytes} bytes`);
});

modules("the engine is at most 12 KiB, imports nothing and starts nothing", () => {
  const engine = readFileSync(new URL("../../runtime/engine/build/engine.wasm", import.meta.url));
  assert.ok(engine.length <= 12 * KiB, `${engine.length} bytes`);
  for (const module of [engine, fromList(prefixes(10))]) {
    // No imports, tables, start section or element segments, so no code runs unless it is called.
    assert.equal(
      pieces(module)
        .map((p) => p.id)
        .filter((id) => [2, 4, 8, 9].includes(id)),
      [],
    );
  }
});

modules("memory never grows", () => {
  for (const module of [fromList(prefixes(10)), fromList(prefixes(90_000))]) {
    const memory = Buffer.from(pieces(module).find((p) => p.id === MEMORY)?.hex ?? "", "hex");
    // id, size, one memory, with a maximum; then initial and maximum, which are the same bytes.
    assert.equal([...memory.subarray(2, 4)], [1, 1]);
    const pages = memory.subarray(4);
    assert.ok(pages.subarray(0, pages.length / 2).equals(pages.subarray(pages.length / 2)));
  }
});

modules.run();
