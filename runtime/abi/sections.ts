// The sections of a WebAssembly module, and which of them a policy may have.
// https://webassembly.github.io/spec/core/binary/modules.html

export const SECTION_CUSTOM = 0;
export const SECTION_MEMORY = 5;
export const SECTION_CODE = 10;
export const SECTION_DATA = 11;

/** The sections of a policy module besides custom ones, in this order. */
export const CORE_SECTIONS: readonly number[] = [1, 3, 5, 6, 7, 10, 11];

/** Custom sections of a policy module, in the order in which they must appear at its end. */
export const SECTION_POLICY = "ingress.policy";
export const SECTION_MAP = "ingress.map";
export const SECTION_VECTORS = "ingress.vectors";
export const SECTION_HASH = "ingress.sha256";
/** May follow the hash; nothing else may. */
export const SECTION_SIGNATURE = "ingress.signature";
export const CUSTOM_SECTIONS: readonly string[] = [SECTION_POLICY, SECTION_MAP, SECTION_VECTORS, SECTION_HASH];

/** Magic and version 1. */
export const PREAMBLE: readonly number[] = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

export interface Section {
  readonly id: number;
  /** Of a custom section; empty for the others. */
  readonly name: string;
  /** Offset of the section's id byte. */
  readonly start: number;
  /** Offset of the first byte after the section. */
  readonly end: number;
  /** The section's content, without id, size and name. */
  readonly body: Uint8Array;
}

/** Unsigned LEB128 of at most 32 bits at `at`: the value and the offset after it, or null. */
export function readUnsigned(bytes: Uint8Array, at: number): readonly [value: number, next: number] | null {
  let value = 0;
  for (let i = 0; i < 5; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) return null;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return value <= 0xffffffff ? [value, at + i + 1] : null;
  }
  return null;
}

export function writeUnsigned(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    out.push(rest > 0 ? low + 128 : low);
  } while (rest > 0);
  return out;
}

/** The sections of a module in order, or null if the bytes are not a list of sections. */
export function readSections(bytes: Uint8Array): readonly Section[] | null {
  if (!PREAMBLE.every((byte, i) => bytes[i] === byte)) return null;
  const sections: Section[] = [];
  let at = PREAMBLE.length;
  while (at < bytes.length) {
    const id = bytes[at];
    const size = readUnsigned(bytes, at + 1);
    if (id === undefined || size === null) return null;
    const end = size[1] + size[0];
    if (end > bytes.length) return null;
    let body = size[1];
    let name = "";
    if (id === SECTION_CUSTOM) {
      const length = readUnsigned(bytes, body);
      if (length === null || length[1] + length[0] > end) return null;
      name = String.fromCharCode(...bytes.subarray(length[1], length[1] + Math.min(length[0], 64)));
      body = length[1] + length[0];
    }
    sections.push({ id, name, start: at, end, body: bytes.subarray(body, end) });
    at = end;
  }
  return sections;
}

export function writeSection(id: number, body: Uint8Array): Uint8Array {
  return concatBytes([Uint8Array.of(id, ...writeUnsigned(body.length)), body]);
}

export function writeCustom(name: string, body: Uint8Array): Uint8Array {
  const label = new TextEncoder().encode(name);
  return writeSection(SECTION_CUSTOM, concatBytes([Uint8Array.from(writeUnsigned(label.length)), label, body]));
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** A module without its data and custom sections. */
export function withoutData(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const kept = (readSections(bytes) ?? []).filter((s) => s.id !== SECTION_CUSTOM && s.id !== SECTION_DATA);
  return concatBytes([Uint8Array.from(PREAMBLE), ...kept.map((s) => bytes.subarray(s.start, s.end))]);
}

/** The bytes of a module that are the same in every policy: all but memory, data and custom sections. */
export function pinnedBytes(sections: readonly Section[], bytes: Uint8Array): Uint8Array {
  const pinned = sections.filter((s) => s.id !== SECTION_CUSTOM && s.id !== SECTION_MEMORY && s.id !== SECTION_DATA);
  return concatBytes([Uint8Array.from(PREAMBLE), ...pinned.map((s) => bytes.subarray(s.start, s.end))]);
}
