// The memory behind the tables, which the engine writes: how large each region is, and where it
// stands. Sizes follow from the tables and the profile alone, so that one policy has one module.
import * as abi from "../../runtime/abi/layout.ts";
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

export interface StateSizes {
  readonly scratchBytes: number;
  /** Sets of keyed limit entries and sketch cells a row; 0 where no limit counts sources. */
  readonly limitSets: number;
  readonly sketchCells: number;
  /** 0 where no cap counts sources. */
  readonly capEntries: number;
}

export function stateSizes({ listeners, limits }: PolicyTables): StateSizes {
  const keyed = limits.some((limit) => limit.kind === "source");
  const capped = listeners.filter(({ expose }) => expose.cap.perSource !== null);
  const wanted = CAP_ENTRIES_PER_CONNECTION * capped.reduce((sum, { expose }) => sum + expose.cap.connections, 0);
  return {
    scratchBytes: SCRATCH_BYTES,
    limitSets: keyed ? LIMIT_SETS : 0,
    sketchCells: keyed ? SKETCH_CELLS : 0,
    capEntries: capped.length === 0 ? 0 : powerOfTwo(Math.min(Math.max(wanted, CAP_ENTRIES_LEAST), CAP_ENTRIES_MOST)),
  };
}

/** Lays out what the engine writes, one region behind the other; the end of memory in use. */
export function placeState(out: ImageWriter, { listeners, limits }: PolicyTables, sizes: StateSizes, end: number): number {
  const { scratchBytes, limitSets, sketchCells, capEntries } = sizes;
  const regions: readonly (readonly [field: number, bytes: number])[] = [
    [abi.H_SCRATCH, scratchBytes],
    [abi.H_LISTENER_STATE, listeners.length * abi.LISTENER_STATE_BYTES],
    [abi.H_LIMIT_STATE, limits.length * abi.LIMIT_STATE_BYTES],
    [abi.H_LIMIT_TABLE, limitSets * abi.SET_BYTES],
    [abi.H_SKETCH, sketchCells * abi.SKETCH_ROWS * abi.SKETCH_CELL_BYTES],
    [abi.H_CAP_TABLE, capEntries * abi.ENTRY_BYTES],
  ];
  out.header(abi.H_SCRATCH_BYTES, scratchBytes);
  out.header(abi.H_LIMIT_SETS, limitSets);
  out.header(abi.H_SKETCH_CELLS, sketchCells);
  out.header(abi.H_CAP_SETS, capEntries / abi.WAYS);
  // Sets are cache lines.
  let at = Math.ceil(end / abi.SET_BYTES) * abi.SET_BYTES;
  for (const [field, bytes] of regions) {
    out.header(field, at);
    at = Math.ceil((at + bytes) / abi.SET_BYTES) * abi.SET_BYTES;
  }
  return at;
}

export function powerOfTwo(n: number): number {
  return 2 ** Math.ceil(Math.log2(n));
}
