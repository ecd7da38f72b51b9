// The memory behind the tables, which the engine writes: how large each region is, and where it
// is. Sizes follow from the tables and the profile alone, so that one policy has one module.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import * as abi from "../../runtime/abi/layout.ts";
import { OS_PAGES, type Profile } from "../../runtime/abi/profiles.ts";
import type { PolicyTables } from "../lower/tables.ts";
import type { ImageWriter } from "./writer.ts";

/** Batches and state records pass through here; a multiple of BATCH_BYTES. */
const SCRATCH_BYTES = 16384;
/** Sets of keyed limit entries and sketch cells, where a policy limits sources. */
const LIMIT_SETS = 16384;
const SKETCH_CELLS = 65536;
/**
 * Cap entries: four for each connection that can be open, so that a window of CAP_PROBE_SETS
 * sets has a place for every source, within these bounds.
 */
const CAP_ENTRIES_PER_CONNECTION = 4;
const CAP_ENTRIES_LEAST = 4096;
const CAP_ENTRIES_MOST = 2 ** 21;

/** The profile `os`: 32 peers of a batch; a name (MAX_NAME_BYTES and one) fits four times. */
const OS_SCRATCH_BYTES = 1024;
/** With fewer a flood of their own size is not stopped (tests/engine/flood.test.ts). */
export const OS_LIMIT_SETS_LEAST = 64;
/**
 * At most half full: where every connection has a source of its own, fewer than one instance in a
 * hundred finds no place for one of them (tests/compiler/profile_os.test.ts).
 */
export const OS_CAP_ENTRIES_PER_CONNECTION = 2;
/** A window of CAP_PROBE_SETS sets is then all of the table. */
const OS_CAP_ENTRIES_LEAST = abi.CAP_PROBE_SETS * abi.WAYS;

/**
 * The part of the limit entries that sources may have while fewer than one source in a hundred finds its set full and is charged
 * to the sketch (a set has WAYS entries, and the fingerprint chooses it; tests/engine/places.test.ts).
 */
export const EXACT_SHARE = 0.3;

export interface StateSizes {
  readonly scratchBytes: number;
  /** Sets of keyed limit entries and sketch cells a row; 0 where no limit counts sources. */
  readonly limitSets: number;
  readonly sketchCells: number;
  /** 0 where no cap counts sources. */
  readonly capEntries: number;
}

/** Sources a day whose debts have places of their own, if each uses up every enforced limit that counts it; null where none counts sources. Dryrun ones take no place from them. */
export function exactSourcesPerDay({ limitSets }: StateSizes, limits: PolicyTables["limits"]): number | null {
  const owedMs = limits.reduce((sum, { kind, dryrun, count, periodMs, burst }) => (kind !== "key" || dryrun ? sum : sum + (burst * periodMs) / count), 0);
  return owedMs === 0 ? null : Math.floor((EXACT_SHARE * limitSets * abi.WAYS * 86_400_000) / owedMs);
}

/** A part that does not fit the page of the profile `os`. */
export type Misfit =
  /** Bytes of everything that can't be smaller. */
  | { readonly what: "tables"; readonly bytes: number }
  /** Connections that caps per source may count in what is left. */
  | { readonly what: "caps"; readonly connections: number };

export function stateSizes(tables: PolicyTables, end: number, profile: Profile): Result<StateSizes, Misfit> {
  const keyed = tables.limits.some(({ kind }) => kind === "key");
  // A connection may have an entry for each cap that counts it, dryrun ones too.
  const capped = tables.listeners.flatMap(({ expose: { cap, dryrun } }) =>
    [cap, dryrun].flatMap(({ perSource, perIdentity }) => [...perSource, ...(perIdentity === null ? [] : [perIdentity])].map(() => cap)),
  );
  const connections = capped.reduce((sum, cap) => sum + cap.connections, 0);
  if (profile === "os") return osSizes(osRoom(tables, end), keyed, capped.length === 0 ? null : connections);
  const wanted = CAP_ENTRIES_PER_CONNECTION * connections;
  return ok({
    scratchBytes: SCRATCH_BYTES,
    limitSets: keyed ? LIMIT_SETS : 0,
    sketchCells: keyed ? SKETCH_CELLS : 0,
    capEntries: capped.length === 0 ? 0 : powerOfTwo(Math.min(Math.max(wanted, CAP_ENTRIES_LEAST), CAP_ENTRIES_MOST)),
  });
}

/** Bytes for keyed limits and caps, behind everything else. */
function osRoom({ listeners, groups, limits }: PolicyTables, end: number): number {
  const before = [end, OS_SCRATCH_BYTES, (listeners.length + groups.length) * abi.LISTENER_STATE_BYTES, limits.length * abi.LIMIT_STATE_BYTES];
  return OS_PAGES * abi.PAGE_BYTES - before.reduce((sum, bytes) => sum + lines(bytes), 0);
}

/** Bytes of a set of limit entries with as many sketch cells in each row as it has entries. */
const LIMIT_BYTES_A_SET = abi.SET_BYTES + abi.WAYS * abi.SKETCH_ROWS * abi.SKETCH_CELL_BYTES;

/**
 * Caps first, at their least; then the most limit entries and as many sketch cells a row; then
 * twice the cells, which stop floods better than more entries would; then twice the caps, each
 * where it still fits. `connections`: of caps per source, null where there are none.
 */
function osSizes(room: number, keyed: boolean, connections: number | null): Result<StateSizes, Misfit> {
  const limitsLeast = keyed ? OS_LIMIT_SETS_LEAST * LIMIT_BYTES_A_SET : 0;
  const capsLeast = connections === null ? 0 : OS_CAP_ENTRIES_LEAST * abi.ENTRY_BYTES;
  const over = limitsLeast + capsLeast - room;
  if (over > 0) return failed({ what: "tables", bytes: OS_PAGES * abi.PAGE_BYTES + over });

  const forCaps = powerBelow((room - limitsLeast) / abi.ENTRY_BYTES);
  let capEntries = connections === null ? 0 : powerOfTwo(Math.max(OS_CAP_ENTRIES_LEAST, OS_CAP_ENTRIES_PER_CONNECTION * connections));
  if (capEntries > forCaps) return failed({ what: "caps", connections: forCaps / OS_CAP_ENTRIES_PER_CONNECTION });

  let left = room - capEntries * abi.ENTRY_BYTES;
  const limitSets = keyed ? powerBelow(left / LIMIT_BYTES_A_SET) : 0;
  let sketchCells = limitSets * abi.WAYS;
  left -= limitSets * LIMIT_BYTES_A_SET;
  const wider = sketchCells * abi.SKETCH_ROWS * abi.SKETCH_CELL_BYTES;
  if (wider <= left) {
    sketchCells *= 2;
    left -= wider;
  }
  if (capEntries < CAP_ENTRIES_PER_CONNECTION * (connections ?? 0) && capEntries * abi.ENTRY_BYTES <= left) capEntries *= 2;
  return ok({ scratchBytes: OS_SCRATCH_BYTES, limitSets, sketchCells, capEntries });
}

/** Lays out what the engine writes, one region behind the other; the end of memory in use. */
export function placeState(out: ImageWriter, { listeners, groups, limits }: PolicyTables, sizes: StateSizes, end: number): number {
  const { scratchBytes, limitSets, sketchCells, capEntries } = sizes;
  const regions: readonly (readonly [field: number, bytes: number])[] = [
    [abi.H_SCRATCH, scratchBytes],
    [abi.H_LISTENER_STATE, (listeners.length + groups.length) * abi.LISTENER_STATE_BYTES],
    [abi.H_LIMIT_STATE, limits.length * abi.LIMIT_STATE_BYTES],
    [abi.H_LIMIT_TABLE, limitSets * abi.SET_BYTES],
    [abi.H_SKETCH, sketchCells * abi.SKETCH_ROWS * abi.SKETCH_CELL_BYTES],
    [abi.H_CAP_TABLE, capEntries * abi.ENTRY_BYTES],
  ];
  out.header(abi.H_SCRATCH_BYTES, scratchBytes);
  out.header(abi.H_LIMIT_SETS, limitSets);
  out.header(abi.H_SKETCH_CELLS, sketchCells);
  out.header(abi.H_CAP_SETS, capEntries / abi.WAYS);
  let at = lines(end);
  for (const [field, bytes] of regions) {
    out.header(field, at);
    at += lines(bytes);
  }
  return at;
}

/** Rounded up to whole cache lines: sets are lines. */
function lines(bytes: number): number {
  return Math.ceil(bytes / abi.SET_BYTES) * abi.SET_BYTES;
}

export function powerOfTwo(n: number): number {
  return 2 ** Math.ceil(Math.log2(n));
}

/** The largest power of two that is not above; 0 below 1. */
function powerBelow(n: number): number {
  return n < 1 ? 0 : 2 ** Math.floor(Math.log2(n));
}
