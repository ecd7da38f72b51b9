// Modules that a host refuses to run: each row changes a good module in one way, repairs seal and hash where
// the change would otherwise only show there, and names the refusal that is due.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as abi from "../../runtime/abi/layout.ts";
import {
  concatBytes,
  readSections,
  SECTION_CODE,
  SECTION_DATA,
  SECTION_HASH,
  SECTION_MAP,
  SECTION_MEMORY,
  SECTION_POLICY,
  SECTION_VECTORS,
  writeCustom,
  writeSection,
  writeUnsigned,
} from "../../runtime/abi/sections.ts";
import type { Section } from "../../runtime/abi/sections.ts";
import { loadPolicy } from "../../runtime/host/load.ts";
import { loadPolicyInWorker } from "../../runtime/host/load_in_worker.ts";
import { prepareThread } from "../../runtime/host/load_thread.ts";
import { reseal } from "../engine/resealed.ts";
import { loaded, moduleOf } from "./compiled.ts";

const test = suite("refusals");
const good = moduleOf(`edition 1
net office = 198.51.100.0/24, 2001:db8:1::/48
expose web on tcp 8443 {
  backend 127.0.0.1:8080
  cap 100 connections, 5 per source
  limit 20/s burst 40 per source
  allow from office
}
`);

function codeOf(bytes: Uint8Array): string {
  const result = loadPolicy(bytes);
  return !result.ok ? result.error.code : "loaded";
}

/** The module with its sections rewritten and a hash that is right again. */
function rebuilt(change: (sections: readonly Section[]) => readonly Uint8Array[]): Uint8Array {
  const sections = readSections(good) ?? [];
  const body = concatBytes([good.subarray(0, 8), ...change(sections.filter((s) => s.name !== SECTION_HASH))]);
  return concatBytes([body, writeCustom(SECTION_HASH, createHash("sha256").update(body).digest())]);
}

const whole = (s: Section): Uint8Array => good.subarray(s.start, s.end);
const all = (sections: readonly Section[]): Uint8Array[] => sections.map(whole);

/** The module with one section's body replaced. */
function withBody(id: number, name: string, make: (body: Uint8Array) => Uint8Array): Uint8Array {
  return rebuilt((sections) =>
    sections.map((s) =>
      s.id !== id || s.name !== name ? whole(s)
      : name === "" ? writeSection(id, make(s.body))
      : writeCustom(name, make(s.body)),
    ),
  );
}

const dataIn = (body: Uint8Array): Uint8Array => body.subarray(body.length - tablesLength());

/** A data section's body: the head of its one segment, and the segment. */
function withData(data: Uint8Array): Uint8Array {
  return concatBytes([Uint8Array.from([1, 0, 0x41, 0x80, 0x08, 0x0b, ...writeUnsigned(data.length)]), data]);
}

/** The module with a word of its header set; data bodies begin with 6 bytes and their length. */
function withHeader(field: number, value: number): Uint8Array {
  return withBody(SECTION_DATA, "", (body) => {
    const copy = Uint8Array.from(body);
    const data = copy.length - tablesLength();
    new DataView(copy.buffer).setUint32(data + field, value, true);
    reseal(copy.subarray(data));
    return copy;
  });
}

function tablesLength(): number {
  const body = readSections(good)?.find((s) => s.id === SECTION_DATA)?.body ?? new Uint8Array(0);
  for (let head = 7; head < 12; head++) if (body[head] === 0x49 && body[head + 1] === 0x4e) return body.length - head;
  throw new Error("no tables");
}

const memory = (least: number, most: number): Uint8Array => Uint8Array.from([1, 1, ...writeUnsigned(least), ...writeUnsigned(most)]);
const text = (s: string): Uint8Array => new TextEncoder().encode(s);
const plainEngine = Uint8Array.from(readFileSync(new URL("../../runtime/engine/build/engine.wasm", import.meta.url)));
const empty = Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);

const rows: readonly (readonly [name: string, bytes: () => Uint8Array, due: string])[] = [
  ["the module as it was built", () => good, "loaded"],
  ["the module rebuilt without a change", () => rebuilt(all), "loaded"],
  ["no bytes", () => new Uint8Array(0), "module_malformed"],
  ["a text file", () => text("edition 1\n"), "module_malformed"],
  ["an empty WebAssembly module", () => empty, "module_hash"],
  ["the engine without a policy", () => plainEngine, "module_hash"],
  ["bytes behind the hash", () => concatBytes([good, Uint8Array.of(0)]), "module_malformed"],
  ["a custom section behind the hash", () => concatBytes([good, writeCustom("x", text("y"))]), "module_trailing"],
  ["a second hash", () => concatBytes([good, writeCustom(SECTION_HASH, createHash("sha256").update(good).digest())]), "module_malformed"],
  [
    "a hash of 31 bytes",
    () => concatBytes([good.subarray(0, readSections(good)?.at(-1)?.start), writeCustom(SECTION_HASH, new Uint8Array(31))]),
    "module_hash",
  ],
  ["no semantic JSON", () => rebuilt((s) => all(s.filter((x) => x.name !== SECTION_POLICY))), "module_malformed"],
  ["custom sections in another order", () => rebuilt((s) => all([...s.slice(0, -2), ...s.slice(-2).reverse()])), "module_malformed"],
  ["a custom section before the code", () => rebuilt((s) => [writeCustom(SECTION_POLICY, text("{}")), ...all(s)]), "module_malformed"],
  ["an unknown custom section", () => rebuilt((s) => [...all(s), writeCustom("ingress.more", text("{}"))]), "module_malformed"],
  [
    "a start section",
    () => rebuilt((s) => all(s).flatMap((b, i) => (s[i]?.id === SECTION_CODE ? [writeSection(8, Uint8Array.of(0)), b] : [b]))),
    "module_malformed",
  ],
  ["an import section", () => rebuilt((s) => all(s).flatMap((b, i) => (i === 1 ? [writeSection(2, Uint8Array.of(0)), b] : [b]))), "module_malformed"],
  [
    "an element section",
    () => rebuilt((s) => all(s).flatMap((b, i) => (s[i]?.id === SECTION_CODE ? [writeSection(9, Uint8Array.of(0)), b] : [b]))),
    "module_malformed",
  ],
  ["one byte of the code changed", () => withBody(SECTION_CODE, "", (b) => b.map((x, i) => (i === 1000 ? x ^ 1 : x))), "module_code"],
  ["memory that may grow", () => withBody(SECTION_MEMORY, "", () => memory(40, 41)), "module_memory"],
  ["memory without a maximum", () => withBody(SECTION_MEMORY, "", () => Uint8Array.from([1, 0, 40])), "module_memory"],
  ["two memories", () => withBody(SECTION_MEMORY, "", () => Uint8Array.from([2, 1, 40, 40, 1, 40, 40])), "module_memory"],
  ["the most memory and one page", () => withBody(SECTION_MEMORY, "", () => memory(abi.MAX_PAGES + 1, abi.MAX_PAGES + 1)), "module_memory"],
  ["less memory than the tables say", () => withBody(SECTION_MEMORY, "", () => memory(1, 1)), "module_tables"],
  ["an older table version", () => withHeader(abi.H_VERSION, abi.ABI_VERSION - 1), "module_version"],
  ["a newer table version", () => withHeader(abi.H_VERSION, abi.ABI_VERSION + 1), "module_version"],
  ["another magic", () => withHeader(abi.H_MAGIC, 0), "module_version"],
  ["cells out of memory", () => withHeader(abi.H_CELL_TREE + abi.T_ROWS, 0x7ffffff8), "module_tables"],
  ["cells in the header", () => withHeader(abi.H_CELL_TREE + abi.T_ROWS, abi.TABLES_BASE), "module_tables"],
  ["tables that reach into scratch", () => withHeader(abi.H_TABLES_END, 0x10000), "module_tables"],
  ["a class count whose cells overflow 32 bits", () => withHeader(abi.H_CLASS_COUNT, 0xffffffff), "module_tables"],
  ["no class", () => withHeader(abi.H_CLASS_COUNT, 0), "module_tables"],
  ["one listener more", () => withHeader(abi.H_LISTENER_COUNT, 2), "module_tables"],
  ["one rule less", () => withHeader(abi.H_RULE_COUNT, 0), "module_tables"],
  ["one rule more", () => withHeader(abi.H_RULE_COUNT, 2), "module_tables"],
  ["limit sets that are no power of two", () => withHeader(abi.H_LIMIT_SETS, 3), "module_tables"],
  ["no cap table for a cap", () => withHeader(abi.H_CAP_SETS, 0), "module_tables"],
  [
    "data that continues behind the tables",
    () => withBody(SECTION_DATA, "", (body) => withData(concatBytes([dataIn(body), new Uint8Array(8)]))),
    "module_tables",
  ],
  ["scratch over the state", () => withHeader(abi.H_SCRATCH_BYTES, 0x20000), "module_tables"],
  ["semantic JSON that is none", () => withBody(0, SECTION_POLICY, () => text("{")), "module_malformed"],
  ["semantic JSON in another shape", () => withBody(0, SECTION_POLICY, () => text("[]")), "module_malformed"],
  ["semantic JSON that is not UTF-8", () => withBody(0, SECTION_POLICY, () => Uint8Array.of(0xff)), "module_malformed"],
  ["a map without rules", () => withBody(0, SECTION_MAP, () => text('{"listeners":[],"rules":[]}')), "module_malformed"],
  ["a wrong self-test answer", () => withBody(0, SECTION_VECTORS, () => text("[[0,0,0,65535,1,1,0]]")), "module_selftest"],
  ["a self-test of a listener that is not there", () => withBody(0, SECTION_VECTORS, () => text("[[1,0,0,65535,1,8,-1]]")), "module_selftest"],
  ["self-tests that are no list", () => withBody(0, SECTION_VECTORS, () => text("null")), "module_selftest"],
];

for (const [name, bytes, due] of rows)
  test(name, () => {
    assert.is(codeOf(bytes()), due);
  });

test("a module cut at any byte", () => {
  for (let length = 0; length < good.length; length++) assert.is.not(codeOf(good.subarray(0, length)), "loaded", `cut to ${length} bytes`);
});

test("a module with any one bit turned", () => {
  const copy = Uint8Array.from(good);
  for (let i = 0; i < copy.length; i++) {
    const bit = 1 << (i % 8);
    copy[i] = (copy[i] ?? 0) ^ bit;
    assert.is.not(codeOf(copy), "loaded", `byte ${i}`);
    copy[i] = (copy[i] ?? 0) ^ bit;
  }
  assert.is(codeOf(copy), "loaded");
});

test("the worker gives the same answers", async () => {
  const given = Uint8Array.from(good);
  const fine = await loadPolicyInWorker(given, null, 60_000);
  assert.is(given.length, 0, "the bytes are the thread's now");
  assert.ok(fine.ok);
  if (fine.ok) assert.equal(fine.value.info, loaded(good).info);
  if (fine.ok) assert.equal(fine.value.bytes, good, "and come back with the answer");
  const bad = await loadPolicyInWorker(good.subarray(1), null, 60_000);
  assert.is(!bad.ok && bad.error.code, "module_malformed");
});

test("a thread that was started ahead gives the same answers, once, and its limit of time applies", async () => {
  for (const [what, bytes, timeoutMs, answer] of [
    ["a good module", good, 60_000, "loaded"],
    ["a bad one", good.subarray(1), 60_000, "module_malformed"],
    ["no time", good, 0, "module_selftest"],
  ] as const) {
    prepareThread();
    for (const turn of ["the thread that was started ahead", "the one after it"]) {
      const result = await loadPolicyInWorker(Uint8Array.from(bytes), null, timeoutMs);
      assert.is(result.ok ? "loaded" : result.error.code, answer, `${what}: ${turn}`);
    }
  }
});

test("a worker that takes too long is ended", async () => {
  const late = await loadPolicyInWorker(Uint8Array.from(good), null, 0);
  assert.is(!late.ok && late.error.code, "module_selftest");
});

test.run();
