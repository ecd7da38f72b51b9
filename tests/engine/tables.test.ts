// Invalid tables. Each row sets one word of a good module to the last valid value and to the first invalid one, with
// seal and hash repaired. And with any word set to any value, no request makes a loaded module trap.
import { createHash } from "node:crypto";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as abi from "../../runtime/abi/layout.ts";
import { openEngine } from "../../runtime/host/ask.ts";
import { instantiate } from "../../runtime/host/instance.ts";
import { loadPolicy } from "../../runtime/host/load.ts";
import type { PolicyEngine } from "../../runtime/host/module.ts";
import { atLength } from "../at_length.ts";
import { compileText, SEED } from "../oracle/ask.ts";
import { chance } from "../oracle/random.ts";
import { v4, words } from "../oracle/space.ts";
import { reseal } from "./resealed.ts";

const tables = suite("tables");

const small = compileText(`edition 1
deny from 10.9.0.0/16
expose api on tcp 8080 bind 10.0.0.0/8, 192.168.0.0/16 { cap 10 connections, 3 per source /24 /48 allow from 10.0.0.0/8, 2001:db8::/32 }
expose web on tcp 443, 8443 { cap 100 connections limit 20/s burst 40 per source limit 100/m per listener allow from any except 10.0.0.0/8 }
`);

/** The longest window, with the largest burst that is computed exactly. */
const deep = compileText("edition 1\nexpose web on tcp 443 { limit 1/7d burst 14543 per source allow from any }\n");

/** Large enough for tries of both families. */
const large = ((): Uint8Array => {
  const c = chance(3);
  const v4Lines = Array.from({ length: 5_000 }, (_, i) => `10.${i >> 8}.${i & 255}.${c.below(120) * 2}\n`);
  const v6Lines = Array.from({ length: 5_000 }, (_, i) => `2001:db8:${(i >> 4).toString(16)}:${(i * 2).toString(16)}::/64\n`);
  return compileText(
    'edition 1\nnet many = file "many" max 20000\nexpose web on tcp 443 { allow from many }\n',
    new Map([["many", [...v4Lines, ...v6Lines].join("")]]),
  );
})();

/** More columns and more classes of names than fit one page of cells. */
const wide = ((): Uint8Array => {
  const exposes = Array.from(
    { length: 20 },
    (_, i) => `expose e${i} on tcp ${i + 1} as passthrough { backend 127.0.0.1:8080
  allow from 10.${i}.0.0/16 sni "h${i}.example", "*.w${i}.example" deny from 10.0.0.0/${i + 8} sni "bad${i}.example" }\n`,
  );
  return compileText(`edition 1\n${exposes.join("")}`);
})();

/** Offset of the tables in a module, which begin with their magic. */
function tablesAt(module: Uint8Array): number {
  const view = new DataView(module.buffer, module.byteOffset, module.byteLength);
  for (let at = 0; at < module.length - 8; at++) {
    if (view.getUint32(at, true) === abi.TABLES_MAGIC && view.getUint32(at + 4, true) === abi.ABI_VERSION) return at;
  }
  throw new Error("no tables");
}

const HASH_BYTES = 32;
// id, size, name's length, name
const HASH_SECTION_BYTES = 1 + 1 + 1 + "ingress.sha256".length + HASH_BYTES;

function turned(module: Uint8Array, address: number, value: number, seal: "repaired" | "left" = "repaired"): Uint8Array {
  const copy = Uint8Array.from(module);
  new DataView(copy.buffer).setUint32(tablesAt(module) + address - abi.TABLES_BASE, value, true);
  if (seal === "repaired") reseal(copy.subarray(tablesAt(module)));
  const body = copy.subarray(0, copy.length - HASH_SECTION_BYTES);
  copy.set(createHash("sha256").update(body).digest(), copy.length - HASH_BYTES);
  return copy;
}

const word = (module: Uint8Array, address: number): number =>
  new DataView(module.buffer, module.byteOffset).getUint32(tablesAt(module) + address - abi.TABLES_BASE, true);
const head = (module: Uint8Array, field: number): number => word(module, abi.TABLES_BASE + field);

function codeOf(module: Uint8Array): string {
  const result = loadPolicy(module);
  return !result.ok ? result.error.code : "loaded";
}

interface Row {
  readonly name: string;
  readonly module: Uint8Array;
  readonly address: number;
  /** A valid value, if the row has one: the module is loaded, or refused for wrong answers but not for its tables. */
  readonly sound: number | null;
  readonly broken: number;
}

const at = (module: Uint8Array, field: number, offset: number): number => head(module, field) + offset;
// The first record is the cap of `api`.
const limit = (offset: number): number => at(small, abi.H_LIMITS, abi.LIMIT_BYTES + offset);
const listener = (offset: number): number => at(small, abi.H_LISTENERS, offset);
const residual = (offset: number): number => at(small, abi.H_RESIDUALS, offset);
/** The first residual that a rule decides; those without one may have bits in the place of the row. */
const DECIDED = Array.from({ length: head(small, abi.H_RESIDUAL_COUNT) }, (_, i) => i).findIndex(
  (i) => word(small, residual(i * abi.RESIDUAL_BYTES + abi.R_RESIDUAL_RULE)) !== 0xffffffff,
);
const entry = (offset: number): number => at(small, abi.H_PORT_ENTRIES, offset);
const family = (module: Uint8Array, base: number, field: number): number => head(module, base + field);
const keys4 = family(small, abi.H_FAMILY4, abi.F_KEYS);
const count4 = family(small, abi.H_FAMILY4, abi.F_KEY_COUNT);
const root4 = family(large, abi.H_FAMILY4, abi.F_ROOT);
const pages4 = family(large, abi.H_FAMILY4, abi.F_PAGES);
const upper4 = family(large, abi.H_FAMILY4, abi.F_PAGE_UPPER);
const buckets6 = family(large, abi.H_FAMILY6, abi.F_BUCKETS);
const page = (n: number): number => (n << abi.VALUE_SHIFT) | abi.VALUE_PAGE;
const bucket = (n: number): number => (n << abi.VALUE_SHIFT) | abi.VALUE_BUCKET;

const tree = (block: number, field: number): number => head(wide, block + field);
const cells = abi.H_CELL_TREE;
const nameCells = abi.H_NAME_TREE;
/** Page `n` of a tree of `wide`. */
const cellPage = (block: number, n: number): number => tree(block, abi.T_PAGES) + n * abi.CELL_SLOTS * 4;
const node = (n: number, offset: number): number => head(wide, abi.H_NAME_NODES) + n * abi.NAME_BYTES + offset;
const nodes = head(wide, abi.H_NAME_NODE_COUNT);
const labelOf = (offset: number, length: number): number => offset * 2 ** abi.NAME_LENGTH_BITS + length;
const labelBytes = head(wide, abi.H_NAME_BYTE_COUNT);
const buckets = head(wide, abi.H_NAME_BUCKETS);
const ends = (): number => head(wide, abi.H_NAME_ENDS);
/** A residual of `wide` that needs the name. */
const openResidual = ((): number => {
  for (let n = 0; ; n++) if (word(wide, head(wide, abi.H_RESIDUALS) + n * abi.RESIDUAL_BYTES + abi.R_RESIDUAL_VERDICT) === 2) return n;
})();
const openAt = (field: number): number => head(wide, abi.H_RESIDUALS) + openResidual * abi.RESIDUAL_BYTES + field;

const rows: readonly Row[] = [
  { name: "a row's page of cells", module: wide, address: tree(cells, abi.T_ROWS), sound: tree(cells, abi.T_ENDS) - 1, broken: tree(cells, abi.T_ENDS) },
  {
    name: "a page's residual",
    module: wide,
    address: cellPage(cells, 0),
    sound: head(wide, abi.H_RESIDUAL_COUNT) - 1,
    broken: head(wide, abi.H_RESIDUAL_COUNT),
  },
  { name: "a row narrower than the columns", module: wide, address: abi.TABLES_BASE + cells + abi.T_STRIDE, sound: 2, broken: 1 },
  {
    name: "rows more than classes",
    module: wide,
    address: abi.TABLES_BASE + cells + abi.T_ROW_COUNT,
    sound: tree(cells, abi.T_ROW_COUNT),
    broken: tree(cells, abi.T_ROW_COUNT) - 1,
  },
  { name: "a shift that is no depth", module: wide, address: abi.TABLES_BASE + cells + abi.T_SHIFT, sound: 4, broken: 5 },
  { name: "a shift beyond the depths", module: wide, address: abi.TABLES_BASE + cells + abi.T_SHIFT, sound: 4, broken: 4 * (abi.TREE_DEPTH + 1) },
  {
    name: "pages that end before those below",
    module: wide,
    address: abi.TABLES_BASE + nameCells + abi.T_ENDS,
    sound: tree(nameCells, abi.T_ENDS),
    broken: 0xffffffff,
  },
  { name: "pages behind the tables", module: wide, address: abi.TABLES_BASE + cells + abi.T_ENDS, sound: tree(cells, abi.T_ENDS), broken: 0x1000000 },
  {
    name: "a row's page of name cells",
    module: wide,
    address: tree(nameCells, abi.T_ROWS),
    sound: tree(nameCells, abi.T_ENDS) - 1,
    broken: tree(nameCells, abi.T_ENDS),
  },
  { name: "a name cell that waits for a name", module: wide, address: cellPage(nameCells, 0), sound: word(wide, cellPage(nameCells, 0)), broken: openResidual },
  {
    name: "a row of names that isn't there",
    module: wide,
    address: openAt(abi.R_RESIDUAL_ROW),
    sound: tree(nameCells, abi.T_ROW_COUNT) - 1,
    broken: tree(nameCells, abi.T_ROW_COUNT),
  },
  { name: "a root with a label", module: wide, address: node(0, abi.R_NAME_LABEL), sound: 0, broken: 1 },
  { name: "a node without a label", module: wide, address: node(1, abi.R_NAME_LABEL), sound: labelOf(0, 1), broken: labelOf(0, 0) },
  { name: "a label behind the bytes", module: wide, address: node(1, abi.R_NAME_LABEL), sound: labelOf(labelBytes - 1, 1), broken: labelOf(labelBytes, 1) },
  {
    name: "a label that ends behind the bytes",
    module: wide,
    address: node(1, abi.R_NAME_LABEL),
    sound: labelOf(labelBytes - 5, 5),
    broken: labelOf(labelBytes - 5, 6),
  },
  { name: "a parent that isn't there", module: wide, address: node(1, abi.R_NAME_PARENT), sound: nodes - 1, broken: nodes },
  {
    name: "an end record that isn't there",
    module: wide,
    address: node(1, abi.R_NAME_END),
    sound: head(wide, abi.H_NAME_END_COUNT) - 1,
    broken: head(wide, abi.H_NAME_END_COUNT),
  },
  { name: "a class of names", module: wide, address: ends(), sound: head(wide, abi.H_NAME_CLASS_COUNT) - 1, broken: head(wide, abi.H_NAME_CLASS_COUNT) },
  { name: "a root in a bucket", module: wide, address: buckets, sound: 1, broken: 0 },
  { name: "buckets that fall", module: wide, address: buckets + 4 * 8, sound: word(wide, buckets + 4 * 8), broken: 0 },
  { name: "a bucket behind the nodes", module: wide, address: buckets + 4 * head(wide, abi.H_NAME_BUCKET_COUNT), sound: nodes, broken: nodes + 1 },
  {
    name: "buckets that are no power of two",
    module: wide,
    address: abi.TABLES_BASE + abi.H_NAME_BUCKET_COUNT,
    sound: head(wide, abi.H_NAME_BUCKET_COUNT),
    broken: head(wide, abi.H_NAME_BUCKET_COUNT) - 1,
  },
  {
    name: "scratch too small for a name",
    module: wide,
    address: abi.TABLES_BASE + abi.H_SCRATCH_BYTES,
    sound: abi.MAX_NAME_BYTES + 1,
    broken: abi.MAX_NAME_BYTES,
  },
  { name: "a limit's count", module: small, address: limit(abi.R_LIMIT_COUNT), sound: abi.MAX_LIMIT_COUNT, broken: abi.MAX_LIMIT_COUNT + 1 },
  { name: "a limit's count of none", module: small, address: limit(abi.R_LIMIT_COUNT), sound: 1, broken: 0 },
  { name: "a limit's burst", module: small, address: limit(abi.R_LIMIT_BURST), sound: abi.MAX_LIMIT_BURST, broken: abi.MAX_LIMIT_BURST + 1 },
  { name: "a debt too large to be exact", module: deep, address: at(deep, abi.H_LIMITS, abi.R_LIMIT_BURST), sound: 14_543, broken: 14_544 },
  { name: "a limit's burst of none", module: small, address: limit(abi.R_LIMIT_BURST), sound: 1, broken: 0 },
  { name: "a limit's period", module: small, address: limit(abi.R_LIMIT_PERIOD_MS), sound: abi.MAX_PERIOD_MS, broken: abi.MAX_PERIOD_MS + 1 },
  { name: "a limit's period of none", module: small, address: limit(abi.R_LIMIT_PERIOD_MS), sound: 1, broken: 0 },
  { name: "a limit's kind", module: small, address: limit(abi.R_LIMIT_KIND), sound: abi.LIMIT_PER_KEY, broken: abi.CAP_PER_LISTENER + 1 },
  {
    name: "a limit's mark of dryrun",
    module: small,
    address: limit(abi.R_LIMIT_KIND),
    sound: abi.LIMIT_DRYRUN + abi.LIMIT_PER_KEY,
    broken: 2 * abi.LIMIT_DRYRUN,
  },
  { name: "a limit's mark of dryrun with another bit", module: small, address: limit(abi.R_LIMIT_KIND), sound: null, broken: 2 ** 15 + abi.LIMIT_DRYRUN },
  { name: "a limit's IPv4 length", module: small, address: limit(abi.R_LIMIT_V4), sound: 32, broken: 33 },
  { name: "a limit's IPv6 length", module: small, address: limit(abi.R_LIMIT_V6), sound: 128, broken: 129 },
  { name: "a listener's cap", module: small, address: listener(abi.R_LISTENER_CAP), sound: 1, broken: 0 },
  { name: "a column of bits that is a listener's", module: small, address: listener(abi.R_LISTENER_COUNTED), sound: 0, broken: 1 },
  { name: "a listener's bind", module: small, address: listener(abi.R_LISTENER_BIND_ANY), sound: 1, broken: 2 },
  { name: "a cap's IPv4 length", module: small, address: at(small, abi.H_LIMITS, abi.R_LIMIT_V4), sound: 32, broken: 33 },
  { name: "a cap's IPv6 length", module: small, address: at(small, abi.H_LIMITS, abi.R_LIMIT_V6), sound: 128, broken: 129 },
  { name: "another's limits", module: small, address: listener(abi.R_LISTENER_LIMIT_FIRST), sound: 0, broken: 1 },
  { name: "a limit less than there are", module: small, address: listener(abi.LISTENER_BYTES + abi.R_LISTENER_LIMIT_COUNT), sound: 2, broken: 1 },
  { name: "a limit more than there are", module: small, address: listener(abi.LISTENER_BYTES + abi.R_LISTENER_LIMIT_COUNT), sound: 2, broken: 3 },
  { name: "a verdict", module: small, address: residual(abi.R_RESIDUAL_VERDICT), sound: null, broken: 2 },
  { name: "a code", module: small, address: residual(abi.R_RESIDUAL_CODE), sound: null, broken: 99 },
  { name: "a row of names where no name decides", module: small, address: residual(DECIDED * abi.RESIDUAL_BYTES + abi.R_RESIDUAL_ROW), sound: 0, broken: 1 },
  { name: "a residual's first time entry", module: small, address: residual(abi.R_RESIDUAL_TIME_FIRST), sound: 0, broken: 1 },
  { name: "a residual's time entries", module: small, address: residual(abi.R_RESIDUAL_TIME_COUNT), sound: 0, broken: 1 },
  {
    name: "a cell's set",
    module: small,
    address: at(small, abi.H_CELL_TREE + abi.T_ROWS, 0),
    sound: head(small, abi.H_RESIDUAL_COUNT) - 1,
    broken: head(small, abi.H_RESIDUAL_COUNT),
  },
  {
    name: "a port's first entry",
    module: small,
    address: at(small, abi.H_PORT_SPANS, 0),
    sound: head(small, abi.H_PORT_ENTRY_COUNT),
    broken: head(small, abi.H_PORT_ENTRY_COUNT) + 1,
  },
  {
    name: "a port's entries",
    module: small,
    address: at(small, abi.H_PORT_SPANS, 4),
    sound: head(small, abi.H_PORT_ENTRY_COUNT),
    broken: head(small, abi.H_PORT_ENTRY_COUNT) + 1,
  },
  { name: "an entry's listener", module: small, address: entry(abi.R_ENTRY_LISTENER), sound: 1, broken: 2 },
  {
    name: "an entry's bind",
    module: small,
    address: entry(abi.PORT_ENTRY_BYTES + abi.R_ENTRY_BIND_COUNT),
    sound: head(small, abi.H_BIND_COUNT),
    broken: head(small, abi.H_BIND_COUNT) + 1,
  },
  { name: "the first port key", module: small, address: at(small, abi.H_PORT_KEYS, 0), sound: 0, broken: 1 },
  {
    name: "port keys that do not rise",
    module: small,
    address: at(small, abi.H_PORT_KEYS, 8),
    sound: null,
    broken: word(small, at(small, abi.H_PORT_KEYS, 4)),
  },
  { name: "the first address key", module: small, address: keys4, sound: 0, broken: 1 },
  { name: "address keys that do not rise", module: small, address: keys4 + 8, sound: word(small, keys4 + 4) + 1, broken: word(small, keys4 + 4) },
  { name: "address keys that fall", module: small, address: keys4 + 8, sound: word(small, keys4 + 4) + 1, broken: word(small, keys4 + 4) - 1 },
  { name: "a key's class", module: small, address: keys4 + 4 * count4, sound: head(small, abi.H_CLASS_COUNT) - 1, broken: head(small, abi.H_CLASS_COUNT) },
  {
    name: "a root's class",
    module: large,
    address: root4,
    sound: (head(large, abi.H_CLASS_COUNT) - 1) << abi.VALUE_SHIFT,
    broken: head(large, abi.H_CLASS_COUNT) << abi.VALUE_SHIFT,
  },
  { name: "a root's page", module: large, address: root4, sound: page(upper4 - 1), broken: page(upper4) },
  { name: "a root's kind", module: large, address: root4, sound: null, broken: 3 },
  { name: "an IPv4 bucket", module: large, address: root4, sound: null, broken: bucket(0) },
  { name: "a page that starts no run", module: large, address: pages4, sound: null, broken: word(large, pages4) & ~1 },
  { name: "a page's rank", module: large, address: pages4 + 4, sound: 0, broken: 1 },
  { name: "a bucket of no keys", module: large, address: buckets6 + 4, sound: null, broken: 0 },
  { name: "a bucket behind the keys", module: large, address: buckets6, sound: null, broken: family(large, abi.H_FAMILY6, abi.F_KEY_COUNT) },
];

tables("the modules are valid, the large one has tries and the wide one has pages", () => {
  assert.is(codeOf(small), "loaded");
  assert.is(codeOf(large), "loaded");
  assert.is(codeOf(wide), "loaded");
  assert.ok(tree(cells, abi.T_SHIFT) === 4 && tree(nameCells, abi.T_SHIFT) === 4 && nodes > 60);
  assert.ok(root4 !== 0 && family(large, abi.H_FAMILY6, abi.F_ROOT) !== 0 && buckets6 !== 0);
});

for (const { name, module, address, sound, broken } of rows) {
  tables(name, () => {
    assert.is(codeOf(turned(module, address, broken)), "module_tables", `${broken} is let in`);
    // Another number may change answers, which the self-test detects, but the tables are valid.
    if (sound !== null) assert.is.not(codeOf(turned(module, address, sound)), "module_tables", `${sound} is refused`);
  });
}

tables("the seal covers every word but its own, and is checked last", () => {
  for (const module of [small, wide]) {
    const loaded = loadPolicy(module);
    if (!loaded.ok) throw new Error(loaded.error.message);
    const engine = instantiate(loaded.value.module);
    const memory = new DataView(engine.memory.buffer);
    for (let address = abi.TABLES_BASE; address < head(module, abi.H_TABLES_END); address += 4) {
      for (const bit of [0, 31]) {
        const good = memory.getUint32(address, true);
        memory.setUint32(address, (good ^ (1 << bit)) >>> 0, true);
        assert.is.not(engine.validate(), 0, `bit ${bit} of the word at ${address} is not seen`);
        memory.setUint32(address, good, true);
      }
    }
    assert.is(engine.validate(), 0);
  }
  // One class in place of another is valid; only the seal detects it.
  const address = keys4 + 4 * count4;
  const other = (word(small, address) + 1) % head(small, abi.H_CLASS_COUNT);
  const result = loadPolicy(turned(small, address, other, "left"));
  assert.is(!result.ok ? result.error.message : "loaded", "the module's tables are not sound (check 10)");
  assert.is.not(codeOf(turned(small, address, other)), "module_tables");
});

const SOURCES = [0n, 1n, v4(0), v4(0x0a000001), v4(0x0a090001), v4(0xffffffff), 0x20010db8n << 96n, (1n << 128n) - 1n].map(words);
const NAMES = [null, "h1.example", "a.w7.example", "bad19.example", "x.y.z", "a".repeat(64)];

/** Makes every request that a host can make; returns the code of the last answer. */
function exercise(engine: PolicyEngine, listeners: readonly number[]): string {
  engine.setClock({ monoMs: 1_000, wallSeconds: null });
  for (const source of SOURCES) {
    for (const listener of listeners) {
      engine.accept(listener, source);
      for (const name of NAMES) engine.hello(listener, source, name);
      engine.shadow(listener, source, "h1.example");
      engine.admit([{ listener, source }]);
      engine.release(listener, source);
    }
  }
  for (const port of [1, 443, 8080, 65_535]) engine.bind({ subject: "ingressd", proto: "tcp", address: words(v4(0x0a000001)), port });
  engine.importState(engine.exportState());
  const [answer] = engine.admit([{ listener: 0, source: words(0n) }]);
  return answer === undefined || (!answer.allowed && answer.later) ? "none" : answer.code;
}

for (const [name, module, listeners, stride] of [
  ["small", small, [0, 1], atLength(4, 28)],
  ["wide", wide, [0, 19], atLength(140, 420)],
] as const) {
  tables(`no changed word of the ${name} one makes a loaded module trap`, () => {
    const length = head(module, abi.H_TABLES_END) - abi.TABLES_BASE;
    const c = chance(11);
    let let_in = 0;
    for (let offset = 0; offset < length; offset += offset < abi.HEADER_BYTES ? 4 : stride) {
      const now = word(module, abi.TABLES_BASE + offset);
      for (const value of [0, 1, now + 1, now - 1, 0x7fffffff, 0xffffffff, c.word()]) {
        const loaded = loadPolicy(turned(module, abi.TABLES_BASE + offset, value >>> 0));
        if (!loaded.ok) continue;
        let_in++;
        assert.is.not(exercise(openEngine(loaded.value, SEED), listeners), "module_trap", `offset ${offset} = ${value}`);
      }
    }
    assert.ok(let_in > 50, `only ${let_in} were let in`);
  });
}

tables.run();
