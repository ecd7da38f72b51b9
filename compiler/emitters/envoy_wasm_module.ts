// `policy.envoy.wasm`: the engine's build for Envoy with the memory and the tables of a policy's module, and one page more, in which is
// what the plugin knows of each listener (runtime/abi/envoy.ts). No byte of its code changes.
import * as e from "../../runtime/abi/envoy.ts";
import { H_LISTENER_COUNT, TABLES_BASE } from "../../runtime/abi/layout.ts";
import { concatBytes, PREAMBLE, readSections, readUnsigned, SECTION_DATA, SECTION_MEMORY, writeSection, writeUnsigned } from "../../runtime/abi/sections.ts";
import { ENVOY_BASE64 } from "../../runtime/envoy/build/bytes.ts";
import type { ListenerModel } from "../analysis/model.ts";

const SECTION_IMPORT = 2;
const SECTION_EXPORT = 7;
const SECTION_CODE = 10;
const PAGE_BYTES = 65_536;
/** One segment, memory 0, i32.const 1024, end. */
const SEGMENT_HEAD_BYTES = 6;

export interface PluginFacts {
  readonly listeners: readonly ListenerModel[];
  /** Numbers of the listeners that Envoy forwards. */
  readonly forwarded: ReadonlySet<number>;
  /** UTC seconds; null: the time of each connection. */
  readonly at: number | null;
}

export function envoyBytes(): Uint8Array {
  return Uint8Array.from(atob(ENVOY_BASE64), (c) => c.charCodeAt(0));
}

/** Null where a policy has too many listeners for the page. Throws RangeError where `module` is not a module of this compiler. */
export function pluginModule(module: Uint8Array, facts: PluginFacts): Uint8Array | null {
  const own = readSections(module) ?? [];
  const [memory, data] = [SECTION_MEMORY, SECTION_DATA].map((id) => own.find((section) => section.id === id)?.body);
  const pages = memory === undefined ? null : readUnsigned(memory, 2);
  const length = data === undefined ? null : readUnsigned(data, SEGMENT_HEAD_BYTES);
  if (data === undefined || pages === null || length === null) throw new RangeError("the module has no memory or no tables");
  const tables = data.subarray(length[1]);
  const page = pageOf(new DataView(tables.buffer, tables.byteOffset).getUint32(H_LISTENER_COUNT, true), facts);
  if (page === null) return null;
  const engine = envoyBytes();
  const all = pages[0] + e.ENVOY_PAGES;
  const parts = (readSections(engine) ?? []).flatMap(({ id, start, end }): readonly Uint8Array[] => {
    if (id === SECTION_MEMORY) return [writeSection(SECTION_MEMORY, Uint8Array.from([1, 1, ...writeUnsigned(all), ...writeUnsigned(all)]))];
    if (id === SECTION_DATA || id === 0) return [];
    const kept = engine.subarray(start, end);
    return id === SECTION_CODE ? [kept, dataSection(tables, pages[0] * PAGE_BYTES, page)] : [kept];
  });
  return concatBytes([Uint8Array.from(PREAMBLE), ...parts]);
}

interface Page {
  /** From its start on. */
  readonly head: Uint8Array;
  /** From E_FLAGS on. */
  readonly flags: Uint8Array;
}

function pageOf(count: number, { listeners, forwarded, at }: PluginFacts): Page | null {
  if (count > e.E_MOST_FLAGS) return null;
  const [head, flags] = [new Uint8Array(e.E_CLOCK + 8), new Uint8Array(count)];
  const view = new DataView(head.buffer);
  view.setUint32(e.E_MAGIC, e.ENVOY_MAGIC, true);
  view.setUint32(e.E_COUNT, count, true);
  view.setBigUint64(e.E_CLOCK, BigInt(at ?? 0), true);
  for (let i = 0; i < count; i++) {
    const listener = listeners[i];
    flags[i] =
      // A group of exposes that share a port: the name leads to one of them.
      listener === undefined ? e.FLAG_FORWARDED | e.FLAG_HELLO | e.FLAG_STRICT
      : forwarded.has(i) ? e.FLAG_FORWARDED | (listener.mode === "passthrough" ? e.FLAG_HELLO : 0) | (listener.refusesInvalidNames ? e.FLAG_STRICT : 0)
      : 0;
  }
  return { head, flags };
}

/** `at`: where the page is. */
function dataSection(tables: Uint8Array, at: number, { head, flags }: Page): Uint8Array {
  const segment = (place: number, bytes: Uint8Array): Uint8Array =>
    concatBytes([Uint8Array.from([0, 0x41, ...writeSigned(place), 0x0b, ...writeUnsigned(bytes.length)]), bytes]);
  return writeSection(SECTION_DATA, concatBytes([Uint8Array.of(3), segment(TABLES_BASE, tables), segment(at, head), segment(at + e.E_FLAGS, flags)]));
}

/** Signed LEB128 of 32 bits. */
function writeSigned(value: number): number[] {
  const out: number[] = [];
  for (let rest = value | 0; ; rest >>= 7) {
    const last = rest >> 6 === 0 || rest >> 6 === -1;
    out.push(last ? rest & 0x7f : (rest & 0x7f) | 0x80);
    if (last) return out;
  }
}

/** Names of what a module imports from Envoy, and of the functions that Envoy calls in it. */
export function capabilities(module: Uint8Array): readonly string[] {
  const sections = readSections(module) ?? [];
  const body = (id: number): Uint8Array => sections.find((section) => section.id === id)?.body ?? new Uint8Array(0);
  const names = [...importNames(body(SECTION_IMPORT)), ...exportNames(body(SECTION_EXPORT))];
  return names.filter((name) => name.startsWith("proxy_") && !name.startsWith("proxy_abi_version"));
}

/** The engine imports functions alone. */
function importNames(body: Uint8Array): readonly string[] {
  const reader = new Reader(body);
  return Array.from({ length: reader.number() }, () => {
    reader.text();
    const name = reader.text();
    reader.number();
    reader.number();
    return name;
  });
}

function exportNames(body: Uint8Array): readonly string[] {
  const reader = new Reader(body);
  return Array.from({ length: reader.number() }, () => {
    const name = reader.text();
    const kind = reader.number();
    reader.number();
    return kind === 0 ? name : "";
  });
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  number(): number {
    const read = readUnsigned(this.#bytes, this.#at);
    this.#at = read?.[1] ?? this.#bytes.length;
    return read?.[0] ?? 0;
  }

  text(): string {
    const length = this.number();
    this.#at += length;
    return new TextDecoder().decode(this.#bytes.subarray(this.#at - length, this.#at));
  }
}
