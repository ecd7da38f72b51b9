// Damages a module's data and memory sections and repairs its hash, as an attacker who can compute the hash or a
// faulty compiler could do.
import { createHash } from "node:crypto";
import * as abi from "../../../runtime/abi/layout.ts";
import {
  concatBytes,
  PREAMBLE,
  readSections,
  SECTION_DATA,
  SECTION_HASH,
  SECTION_MEMORY,
  writeCustom,
  writeSection,
  writeUnsigned,
} from "../../../runtime/abi/sections.ts";
import type { Chance } from "../../oracle/random.ts";
import { reseal } from "../resealed.ts";

/** One segment of memory 0 at TABLES_BASE: the bytes before the length. */
const SEGMENT_HEAD = [1, 0, 0x41, 0x80, 0x08, 0x0b];

export interface Parts {
  readonly module: Uint8Array;
  /** The bytes at TABLES_BASE. */
  readonly data: Uint8Array;
  /** Memory in 64 KiB pages. */
  readonly pages: number;
}

export interface Damaged {
  readonly module: Uint8Array;
  /** A description for failure messages. */
  readonly how: string;
  /** Words written to the tables; an address among them may be one at which verdicts now change. */
  readonly words: readonly number[];
}

export function partsOf(module: Uint8Array): Parts {
  const sections = readSections(module) ?? [];
  const body = sections.find(({ id }) => id === SECTION_DATA)?.body ?? new Uint8Array(0);
  let at = SEGMENT_HEAD.length;
  while ((body[at] ?? 0) >= 128) at++;
  const memory = sections.find(({ id }) => id === SECTION_MEMORY)?.body ?? new Uint8Array(0);
  let pages = 0;
  for (let i = 2, shift = 0; i < memory.length; i++, shift += 7) {
    pages |= ((memory[i] ?? 0) & 127) << shift;
    if ((memory[i] ?? 0) < 128) break;
  }
  return { module, data: body.slice(at + 1), pages };
}

/** The module with other data and memory, and a matching hash. */
export function rebuilt({ module }: Parts, data: Uint8Array, [least, most]: readonly [number, number]): Uint8Array {
  const parts = (readSections(module) ?? [])
    .filter(({ name }) => name !== SECTION_HASH)
    .map((section) => {
      if (section.id === SECTION_DATA)
        return writeSection(SECTION_DATA, concatBytes([Uint8Array.from([...SEGMENT_HEAD, ...writeUnsigned(data.length)]), data]));
      if (section.id === SECTION_MEMORY) return writeSection(SECTION_MEMORY, Uint8Array.from([1, 1, ...writeUnsigned(least), ...writeUnsigned(most)]));
      return module.subarray(section.start, section.end);
    });
  const body = concatBytes([Uint8Array.from(PREAMBLE), ...parts]);
  return concatBytes([body, writeCustom(SECTION_HASH, createHash("sha256").update(body).digest())]);
}

const BOUNDARIES = [
  0, 1, 2, 3, 4, 7, 8, 31, 32, 33, 63, 64, 127, 128, 129, 255, 256, 1023, 1024, 4096, 65_535, 65_536, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff,
];
/** Sizes of repeated items: words, pairs, and the records of every table. */
const RECORDS = [
  4,
  8,
  abi.TIME_BYTES,
  abi.PORT_ENTRY_BYTES,
  abi.RESIDUAL_BYTES,
  abi.LIMIT_BYTES,
  abi.NAME_BYTES,
  abi.BIND_BYTES,
  abi.LISTENER_BYTES,
  abi.PAGE_BYTES_TRIE,
];

type Change = (parts: Parts, view: DataView, c: Chance) => { readonly how: string; readonly words: readonly number[] };

/** Half of the positions are in the header and the records after it, the other half anywhere. */
function place({ data }: Parts, c: Chance): number {
  const most = Math.floor(data.length / 4);
  return 4 * c.below(c.oneIn(2) ? Math.min(most, 512) : most);
}

function put(view: DataView, at: number, value: number, what: string): ReturnType<Change> {
  const before = view.getUint32(at, true);
  view.setUint32(at, value >>> 0, true);
  return { how: `${what}: word at ${at} from ${before} to ${value >>> 0}`, words: [before, value >>> 0] };
}

const CHANGES: readonly Change[] = [
  (parts, view, c) => {
    const at = place(parts, c);
    return put(view, at, view.getUint32(at, true) ^ (1 << c.below(32)), "one bit");
  },
  (parts, view, c) => put(view, place(parts, c), c.pick(BOUNDARIES), "a boundary value"),
  (parts, view, c) => {
    const at = place(parts, c);
    return put(view, at, view.getUint32(at, true) + c.pick([-64, -8, -4, -2, -1, 1, 2, 4, 8, 64]), "a step");
  },
  (parts, view, c) => {
    const at = place(parts, c);
    const near = Math.min(Math.max(0, at + 4 * c.pick([-4, -3, -2, -1, 1, 2, 3, 4])), parts.data.length - 4);
    return put(view, at, view.getUint32(near & ~3, true), "its neighbour");
  },
  (parts, view, c) => put(view, place(parts, c), view.getUint32(place(parts, c), true), "another word"),
  (_parts, view, c) => put(view, 4 * c.below(abi.HEADER_BYTES / 4), view.getUint32(4 * c.below(abi.HEADER_BYTES / 4), true), "another word of the header"),
  (parts, view, c) => put(view, place(parts, c), c.word(), "noise"),
  ({ data }, view, c) => {
    const size = c.pick(RECORDS);
    const places = Math.floor((data.length - abi.HEADER_BYTES) / size);
    const [a, b] = [c.below(places), c.oneIn(2) ? c.below(places) : 0].map((n) => abi.HEADER_BYTES + n * size);
    const near = Math.min((a ?? 0) + size, abi.HEADER_BYTES + (places - 1) * size);
    const [x, y] = [a ?? 0, c.oneIn(2) ? near : (b ?? 0)];
    const [first, second] = [data.slice(x, x + size), data.slice(y, y + size)];
    const bytes = new Uint8Array(view.buffer);
    bytes.set(second, x);
    bytes.set(first, y);
    const moved = new DataView(concatBytes([first, second]).buffer);
    return {
      how: `records of ${size} bytes at ${x} and ${y} swapped`,
      words: Array.from({ length: moved.byteLength / 4 }, (_, i) => moved.getUint32(4 * i, true)),
    };
  },
];

/** Whether the seal in the tables is repaired too, or only the hash over the module. */
export type Seal = "left" | "repaired";

/** One damage, sometimes two; deterministic for the same random source. */
export function damaged(parts: Parts, c: Chance, seal: Seal): Damaged {
  const pages: readonly [number, number] = [parts.pages, parts.pages];
  if (c.oneIn(20)) return cut(parts, c);
  if (c.oneIn(20)) {
    const [least, most] = c.pick([
      [parts.pages - 1, parts.pages - 1],
      [parts.pages + 1, parts.pages + 1],
      [1, 1],
      [0, 0],
      [parts.pages, parts.pages + 1],
      [parts.pages + 1, parts.pages],
      [4096, 4096],
      [4097, 4097],
    ] as const);
    return { module: rebuilt(parts, parts.data, [least, most]), how: `memory of ${least} to ${most} pages in place of ${parts.pages}`, words: [] };
  }
  const data = Uint8Array.from(parts.data);
  const view = new DataView(data.buffer);
  const changes = Array.from({ length: c.oneIn(5) ? 2 : 1 }, () => c.pick(CHANGES)({ ...parts, data }, view, c));
  if (seal === "repaired") reseal(data);
  return { module: rebuilt(parts, data, pages), how: changes.map(({ how }) => how).join("; "), words: changes.flatMap(({ words }) => words) };
}

/** The end is missing (memory is zero there), or random bytes follow. */
function cut(parts: Parts, c: Chance): Damaged {
  const length =
    c.oneIn(4) ? parts.data.length + 4 * c.below(64)
    : c.oneIn(2) ? c.below(parts.data.length)
    : parts.data.length - 1 - c.below(Math.min(64, parts.data.length));
  const data = new Uint8Array(Math.max(0, length));
  data.set(parts.data.subarray(0, data.length));
  for (let at = parts.data.length; at < data.length; at++) data[at] = c.below(256);
  return { module: rebuilt(parts, data, [parts.pages, parts.pages]), how: `data of ${data.length} bytes in place of ${parts.data.length}`, words: [] };
}
