// The only writer of the layout in runtime/abi/layout.ts: PolicyTables -> the bytes
// at TABLES_BASE, and the memory behind them. Every number is checked against its field.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { fnv1a64 } from "../../runtime/abi/fnv.ts";
import * as abi from "../../runtime/abi/layout.ts";
import { OS_PAGES, type Profile } from "../../runtime/abi/profiles.ts";
import type { CellTree, ClassTable, LimitRow, PolicyTables } from "../lower/tables.ts";
import { writeIdentities } from "./identities.ts";
import { writeNames } from "./names.ts";
import { sealOf } from "./seal.ts";
import { placeState, stateSizes, type Misfit, type StateSizes } from "./state.ts";
import { maximumSteps } from "./steps.ts";
import { ImageWriter } from "./writer.ts";

export interface Image {
  /** The data segment, to be placed at TABLES_BASE. */
  readonly data: Uint8Array;
  /** Memory in 64 KiB pages, initial and maximum. */
  readonly pages: number;
  readonly maxSteps: number;
  readonly sizes: StateSizes;
  /** Bytes up to the end of the last region. */
  readonly usedBytes: number;
}

/** A time entry that no clock passes. */
const NO_END = 2n ** 64n - 1n;

/** The parts of the tables. */
export type Part = "exposes" | "ports" | "outcomes" | "names" | "addresses";

/** A policy that does not fit, with the bytes of each of its tables' parts. */
export interface Overflow {
  readonly misfit: Misfit | { readonly what: "memory" };
  readonly parts: Readonly<Record<Part, number>>;
}

export function writeImage(tables: PolicyTables, profile: Profile): Result<Image, Overflow> {
  const out = new ImageWriter(abi.TABLES_BASE, abi.HEADER_BYTES, room(tables));
  out.header(abi.H_MAGIC, abi.TABLES_MAGIC);
  out.header(abi.H_VERSION, abi.ABI_VERSION);
  out.header(abi.H_RULE_COUNT, tables.rules.length);
  writeListeners(out, tables);
  out.header(abi.H_DIALERS, out.words(tables.dialers.flatMap((id) => [Number(id & 0xffffffffn), Number(id >> 32n)])));
  out.header(abi.H_DIALER_COUNT, tables.dialers.length, abi.MAX_DIALERS);
  writeLimits(out, tables);
  const exposesEnd = out.end();
  writePorts(out, tables);
  const portsEnd = out.end();
  writeCells(out, tables);
  const cellsEnd = out.end();
  const names = writeNames(out, tables.names);
  const identities = writeIdentities(out, tables.identities);
  const namesEnd = out.end();
  writeFamily(out, abi.H_FAMILY4, tables.v4);
  writeFamily(out, abi.H_FAMILY6, tables.v6);
  const maxSteps = maximumSteps(tables, names, identities);
  out.header(abi.H_MAX_STEPS, maxSteps);
  const end = out.end();
  out.header(abi.H_TABLES_END, end);
  const parts = {
    exposes: exposesEnd - abi.TABLES_BASE,
    ports: portsEnd - exposesEnd,
    outcomes: cellsEnd - portsEnd,
    names: namesEnd - cellsEnd,
    addresses: end - namesEnd,
  };
  const placed = stateSizes(tables, end, profile);
  if (!placed.ok) return failed({ misfit: placed.error, parts });
  const sizes = placed.value;
  const usedBytes = placeState(out, tables, sizes, end);
  out.header(abi.H_MEMORY_END, usedBytes);
  const pages = profile === "os" ? OS_PAGES : Math.ceil(usedBytes / abi.PAGE_BYTES);
  if (pages > abi.MAX_PAGES) return failed({ misfit: { what: "memory" }, parts });
  sealOf(out.bytes()).forEach((word, i) => out.header(abi.H_SEAL + 4 * i, word));
  return ok({ data: out.bytes(), pages, maxSteps, sizes, usedBytes });
}

/** Bytes of the tables, a little more than they take. */
function room({ cells, leads, nameCells, identityCells, identities, names, residuals, times, v4, v6, listeners, groups, limits, ports }: PolicyTables): number {
  const words = [cells, leads, nameCells, identityCells]
    .flatMap(({ rows, pages }) => [rows, ...pages])
    .concat(
      [v4, v6].flatMap(({ starts, classes, trie }) =>
        trie === null ? [starts, classes] : [trie.root, trie.pages, trie.values, trie.buckets, trie.keys, trie.classes],
      ),
    );
  const records =
    residuals.length * abi.RESIDUAL_BYTES +
    times.length * abi.TIME_BYTES +
    names.labels.length * 48 +
    identities.parts.length * 96 +
    (listeners.length + groups.length) * abi.LISTENER_BYTES +
    limits.length * abi.LIMIT_BYTES +
    ports.keys.length * 12 +
    ports.entries.length * abi.PORT_ENTRY_BYTES;
  return 4 * words.reduce((sum, { length }) => sum + length + 2, 0) + records + 65536;
}

function writeListeners(out: ImageWriter, { listeners, groups, limits, shadows, counted }: PolicyTables): void {
  out.header(abi.H_LISTENERS, out.end());
  out.header(abi.H_LISTENER_COUNT, listeners.length + groups.length);
  out.header(abi.H_GROUP_FIRST, listeners.length);
  listeners.forEach(({ expose, identity, identities, limitFirst }, i) => {
    const next = listeners[i + 1]?.limitFirst ?? limits.length;
    const at = out.record(abi.LISTENER_BYTES);
    out.u64(at + abi.R_LISTENER_IDENTITY, identity);
    out.u32(at + abi.R_LISTENER_BIND_ANY, expose.bind === null ? 1 : 0);
    out.u32(at + abi.R_LISTENER_CAP, expose.cap.connections);
    out.u32(at + abi.R_LISTENER_LIMIT_FIRST, limitFirst);
    out.u32(at + abi.R_LISTENER_LIMIT_COUNT, next - limitFirst, abi.MAX_LIMITS_PER_LISTENER);
    out.u32(at + abi.R_LISTENER_SHADOW, shadows[i] ?? 0);
    out.u32(at + abi.R_LISTENER_COUNTED, counted[i] ?? 0);
    out.u32(at + abi.R_LISTENER_IDENTITIES, identities);
    out.u64(at + abi.R_LISTENER_BINDER, fnv1a64(expose.mode === "direct" ? expose.service : "ingressd"));
  });
  groups.forEach(({ members }, i) => {
    const at = out.record(abi.LISTENER_BYTES);
    out.u32(at + abi.R_LISTENER_BIND_ANY, listeners[members[0] ?? 0]?.expose.bind === null ? 1 : 0);
    out.u32(at + abi.R_LISTENER_LIMIT_FIRST, limits.length);
    out.u32(at + abi.R_LISTENER_SHADOW, shadows[listeners.length + i] ?? 0);
    out.u64(at + abi.R_LISTENER_BINDER, fnv1a64("ingressd"));
  });
}

const LIMIT_KINDS = {
  listener: abi.LIMIT_PER_LISTENER,
  key: abi.LIMIT_PER_KEY,
  cap: abi.CAP_PER_KEY,
  connections: abi.CAP_PER_LISTENER,
} as const satisfies Record<LimitRow["kind"], number>;

function writeLimits(out: ImageWriter, { limits }: PolicyTables): void {
  out.header(abi.H_LIMITS, out.end());
  out.header(abi.H_LIMIT_COUNT, limits.length);
  for (const limit of limits) {
    const at = out.record(abi.LIMIT_BYTES);
    out.u64(at + abi.R_LIMIT_IDENTITY, limit.identity);
    out.u32(at + abi.R_LIMIT_COUNT, limit.count, abi.MAX_LIMIT_COUNT);
    out.u32(at + abi.R_LIMIT_PERIOD_MS, limit.periodMs, abi.MAX_PERIOD_MS);
    out.u32(at + abi.R_LIMIT_BURST, limit.burst, abi.MAX_LIMIT_BURST);
    // Two halves of a word: R_LIMIT_KIND and R_LIMIT_FROM.
    out.u32(at + abi.R_LIMIT_KIND, LIMIT_KINDS[limit.kind] + (limit.dryrun ? abi.LIMIT_DRYRUN : 0) + 2 ** 16 * sourcesHash(limit.from));
    out.u32(at + abi.R_LIMIT_V4, limit.v4, 32);
    out.u32(at + abi.R_LIMIT_V6, limit.v6, 128);
  }
}

/** 12 bits of FNV-1a-32 by words, and not 0; 0 where all sources are counted. */
function sourcesHash(from: LimitRow["from"]): number {
  return from === null ? 0 : 1 + ((from.bounds.reduce((hash, word) => Math.imul(hash ^ word, 0x01000193), 0x811c9dc5) >>> 20) % 0xfff);
}

function writePorts(out: ImageWriter, { ports }: PolicyTables): void {
  out.header(abi.H_PORT_KEYS, out.words(ports.keys));
  out.header(abi.H_PORT_COUNT, ports.keys.length);
  out.header(abi.H_PORT_SPANS, out.words(ports.spans.flatMap(({ first, count }) => [first, count])));
  out.header(abi.H_PORT_ENTRIES, out.end());
  out.header(abi.H_PORT_ENTRY_COUNT, ports.entries.length);
  for (const entry of ports.entries) {
    const at = out.record(abi.PORT_ENTRY_BYTES);
    out.u32(at + abi.R_ENTRY_LISTENER, entry.listener);
    out.u32(at + abi.R_ENTRY_BIND_FIRST, entry.bindFirst);
    out.u32(at + abi.R_ENTRY_BIND_COUNT, entry.bindCount);
  }
  out.header(abi.H_BINDS, out.words(ports.binds));
  out.header(abi.H_BIND_COUNT, ports.binds.length / 8);
}

function writeCells(out: ImageWriter, { cells, leads, nameCells, identityCells, classCount, columnCount, residuals, times }: PolicyTables): void {
  out.header(abi.H_CLASS_COUNT, classCount);
  out.header(abi.H_COLUMN_COUNT, columnCount);
  writeTree(out, abi.H_CELL_TREE, cells);
  writeTree(out, abi.H_NAME_TREE, nameCells);
  writeTree(out, abi.H_IDENTITY_TREE, identityCells);
  writeTree(out, abi.H_LEAD_TREE, leads);
  out.header(abi.H_RESIDUALS, out.end());
  out.header(abi.H_RESIDUAL_COUNT, residuals.length);
  for (const residual of residuals) {
    const at = out.record(abi.RESIDUAL_BYTES);
    out.u32(at + abi.R_RESIDUAL_VERDICT, residual.verdict);
    out.u32(at + abi.R_RESIDUAL_CODE, residual.code);
    out.u32(at + abi.R_RESIDUAL_RULE, residual.rule >>> 0);
    out.u32(at + abi.R_RESIDUAL_ROW, residual.row);
    out.u32(at + abi.R_RESIDUAL_TIME_FIRST, residual.timeFirst);
    out.u32(at + abi.R_RESIDUAL_TIME_COUNT, residual.timeCount);
  }
  out.header(abi.H_TIMES, out.end());
  out.header(abi.H_TIME_COUNT, times.length);
  for (const { until, residual } of times) {
    const at = out.record(abi.TIME_BYTES);
    out.u64(at + abi.R_TIME_UNTIL, until === Infinity ? NO_END : BigInt(until));
    out.u32(at + abi.R_TIME_RESIDUAL, residual);
  }
}

function writeTree(out: ImageWriter, block: number, { rowCount, stride, shift, rows, pages, ends }: CellTree): void {
  out.header(block + abi.T_ROWS, out.words(rows));
  out.header(block + abi.T_ROW_COUNT, rowCount);
  out.header(block + abi.T_STRIDE, stride);
  out.header(block + abi.T_SHIFT, shift, abi.TREE_DEPTH * abi.CELL_BITS);
  out.header(block + abi.T_PAGES, out.words(...pages));
  for (let depth = 0; depth < abi.TREE_DEPTH; depth++) out.header(block + abi.T_ENDS + 4 * depth, ends[depth] ?? ends.at(-1) ?? 0);
}

function writeFamily(out: ImageWriter, block: number, table: ClassTable): void {
  const { trie } = table;
  if (trie === null) {
    out.header(block + abi.F_KEYS, out.words(table.starts, table.classes));
    out.header(block + abi.F_KEY_COUNT, table.classes.length);
    for (const field of [abi.F_PAGES, abi.F_VALUES, abi.F_BUCKETS]) out.header(block + field, out.end());
    return;
  }
  out.header(block + abi.F_ROOT, out.words(trie.root));
  out.header(block + abi.F_PAGES, out.words(trie.pages));
  out.header(block + abi.F_PAGE_COUNT, trie.pageCount);
  out.header(block + abi.F_PAGE_UPPER, trie.upperPages);
  out.header(block + abi.F_VALUES, out.words(trie.values));
  out.header(block + abi.F_VALUE_COUNT, trie.values.length);
  out.header(block + abi.F_BUCKETS, out.words(trie.buckets));
  out.header(block + abi.F_BUCKET_COUNT, trie.buckets.length / 2);
  out.header(block + abi.F_KEYS, out.words(trie.keys, trie.classes));
  out.header(block + abi.F_KEY_COUNT, trie.classes.length);
}
