// The engine with a policy's memory, data and custom sections in place of its own: the shipped
// module. No byte of the engine's code changes.
import { TABLES_BASE } from "../../runtime/abi/layout.ts";
import {
  concatBytes,
  CORE_SECTIONS,
  PREAMBLE,
  readSections,
  SECTION_CODE,
  SECTION_CUSTOM,
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
import { sha256, type Sha256 } from "./hash.ts";
import type { Image } from "./image.ts";

const I32_CONST = 0x41;
const END = 0x0b;

export interface Texts {
  /** UTF-8. */
  readonly semantic: Uint8Array;
  readonly map: string;
  readonly vectors: string;
}

export function spliceModule(engine: Uint8Array, image: Image, texts: Texts, hash: Sha256 = sha256): Uint8Array {
  const sections = readSections(engine) ?? [];
  const parts: Uint8Array[] = [Uint8Array.from(PREAMBLE)];
  for (const section of sections) {
    if (!CORE_SECTIONS.includes(section.id) || section.id === SECTION_DATA) continue;
    if (section.id === SECTION_MEMORY) parts.push(writeSection(SECTION_MEMORY, memoryBody(image.pages)));
    else parts.push(engine.subarray(section.start, section.end));
    if (section.id === SECTION_CODE) parts.push(...dataSection(image.data));
  }
  const text = new TextEncoder();
  parts.push(...custom(SECTION_POLICY, texts.semantic), ...custom(SECTION_MAP, text.encode(texts.map)), ...custom(SECTION_VECTORS, text.encode(texts.vectors)));
  // The whole is tens of megabytes, so it is put together once, the place for its hash included.
  const module = concatBytes([...parts, writeCustom(SECTION_HASH, new Uint8Array(HASH_BYTES))]);
  const hashed = parts.reduce((sum, part) => sum + part.length, 0);
  module.set(hash(module.subarray(0, hashed)), module.length - HASH_BYTES);
  return module;
}

const HASH_BYTES = 32;

/** The same bytes as `writeCustom`, without a copy of the body. */
function custom(name: string, body: Uint8Array): Uint8Array[] {
  const label = new TextEncoder().encode(name);
  const head = Uint8Array.from([...writeUnsigned(label.length), ...label]);
  return [Uint8Array.from([SECTION_CUSTOM, ...writeUnsigned(head.length + body.length)]), head, body];
}

/** One memory whose initial size is its maximum. */
function memoryBody(pages: number): Uint8Array {
  return Uint8Array.from([1, 1, ...writeUnsigned(pages), ...writeUnsigned(pages)]);
}

/** One active segment of memory 0 at TABLES_BASE. */
function dataSection(data: Uint8Array): Uint8Array[] {
  const head = Uint8Array.from([1, 0, I32_CONST, ...writeSigned(TABLES_BASE), END, ...writeUnsigned(data.length)]);
  return [Uint8Array.from([SECTION_DATA, ...writeUnsigned(head.length + data.length)]), head, data];
}

/** Signed LEB128 of a number below 2^31. */
function writeSigned(value: number): number[] {
  const out: number[] = [];
  for (let rest = value; ; rest >>= 7) {
    const low = rest & 0x7f;
    const last = rest >> 7 === 0 && (low & 0x40) === 0;
    out.push(last ? low : low | 0x80);
    if (last) return out;
  }
}
