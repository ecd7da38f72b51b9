// The engine with a policy's memory, data and custom sections in place of its own: the shipped
// module. No byte of the engine's code changes.
import { sha256 } from "@noble/hashes/sha2.js";
import { TABLES_BASE } from "../../runtime/abi/layout.ts";
import {
  concatBytes, CORE_SECTIONS, PREAMBLE, readSections, SECTION_CODE, SECTION_DATA, SECTION_HASH, SECTION_MAP,
  SECTION_MEMORY, SECTION_POLICY, SECTION_VECTORS, writeCustom, writeSection, writeUnsigned,
} from "../../runtime/abi/sections.ts";
import type { Image } from "./image.ts";

const I32_CONST = 0x41;
const END = 0x0b;

export interface Texts {
  readonly semantic: string;
  readonly map: string;
  readonly vectors: string;
}

export function spliceModule(engine: Uint8Array, image: Image, texts: Texts): Uint8Array {
  const sections = readSections(engine) ?? [];
  const parts: Uint8Array[] = [Uint8Array.from(PREAMBLE)];
  for (const section of sections) {
    if (!CORE_SECTIONS.includes(section.id) || section.id === SECTION_DATA) continue;
    if (section.id === SECTION_MEMORY) parts.push(writeSection(SECTION_MEMORY, memoryBody(image.pages)));
    else parts.push(engine.subarray(section.start, section.end));
    if (section.id === SECTION_CODE) parts.push(writeSection(SECTION_DATA, dataBody(image.data)));
  }
  const text = new TextEncoder();
  parts.push(
    writeCustom(SECTION_POLICY, text.encode(texts.semantic)),
    writeCustom(SECTION_MAP, text.encode(texts.map)),
    writeCustom(SECTION_VECTORS, text.encode(texts.vectors)),
  );
  const body = concatBytes(parts);
  return concatBytes([body, writeCustom(SECTION_HASH, sha256(body))]);
}

/** One memory whose initial size is its maximum. */
function memoryBody(pages: number): Uint8Array {
  return Uint8Array.from([1, 1, ...writeUnsigned(pages), ...writeUnsigned(pages)]);
}

/** One active segment of memory 0 at TABLES_BASE. */
function dataBody(data: Uint8Array): Uint8Array {
  const offset = [I32_CONST, ...writeSigned(TABLES_BASE), END];
  return concatBytes([Uint8Array.from([1, 0, ...offset, ...writeUnsigned(data.length)]), data]);
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
