// Checks a module's bytes before any of its code runs, in the order hash, signature, shape, code, memory. A later check
// relies on the earlier ones.
import * as abi from "../abi/layout.ts";
import {
  CORE_SECTIONS,
  CUSTOM_SECTIONS,
  pinnedBytes,
  readSections,
  readUnsigned,
  SECTION_CUSTOM,
  SECTION_DATA,
  SECTION_HASH,
  SECTION_MEMORY,
  SECTION_SIGNATURE,
} from "../abi/sections.ts";
import type { Section } from "../abi/sections.ts";
import { hexOf, sameBytes } from "./bytes.ts";
import { KNOWN_ENGINES } from "./engines.ts";
import type { KnownEngine } from "./engines.ts";
import { sha256 } from "./platform.ts";
import { failed, ok, type Result } from "../result/result.ts";
import type { TrustedKey } from "./trusted_key.ts";
import type { Refusal, SignatureInfo } from "./module.ts";
import { checkSignature, readSignature } from "./signature.ts";

/** A larger module is refused before any other check. */
export const MAX_MODULE_BYTES = 256 * 1024 * 1024;

export interface VerifiedModule {
  readonly sha256: string;
  readonly engine: KnownEngine;
  readonly memoryBytes: number;
  readonly signature: SignatureInfo | null;
  /** The bytes of the data segment; their place in memory is TABLES_BASE. */
  readonly data: Uint8Array;
  /** The bodies of the custom sections by name. */
  readonly custom: ReadonlyMap<string, Uint8Array>;
}

export function refuse(code: Refusal["code"], message: string): Result<never, Refusal> {
  return failed({ code, message });
}

/** The keys whose signatures are accepted. With null no signature is required, and a present one is not checked. With an empty list no module is accepted. */
export type Trust = readonly TrustedKey[] | null;

export function verifyModule(bytes: Uint8Array, trust: Trust): Result<VerifiedModule, Refusal> {
  if (bytes.length > MAX_MODULE_BYTES) return refuse("module_too_large", `the module has ${bytes.length} bytes, more than ${MAX_MODULE_BYTES}`);
  const all = readSections(bytes);
  if (all === null) return refuse("module_malformed", "the file is not a whole WebAssembly module");
  const last = all.at(-1);
  const signed = last?.name === SECTION_SIGNATURE ? last : null;
  const sections = signed === null ? all : all.slice(0, -1);
  const hash = sections.at(-1);
  if (hash?.name !== SECTION_HASH || hash.body.length !== 32) return noHash(sections);
  const digest = sha256(bytes.subarray(0, hash.start));
  if (!sameBytes(digest, hash.body)) return refuse("module_hash", "the module's bytes do not match its SHA-256: it was changed or damaged after the build");
  const signature = signatureOf(bytes, signed, trust);
  if (!signature.ok) return signature;

  const customs = sections.filter((s) => s.id === SECTION_CUSTOM);
  const core = sections.filter((s) => s.id !== SECTION_CUSTOM);
  const inOrder = core.every((s, i) => CORE_SECTIONS.includes(s.id) && s.id > (core[i - 1]?.id ?? 0));
  const named = customs.length === CUSTOM_SECTIONS.length && customs.every((s, i) => s.name === CUSTOM_SECTIONS[i]);
  // The custom sections come last; no section of the engine follows them.
  if (!inOrder || !named || sections.indexOf(customs[0] ?? hash) !== core.length) {
    return refuse("module_malformed", "the module's sections are not those of a compiled policy");
  }

  const code = hexOf(sha256(pinnedBytes(sections, bytes)));
  const engine = KNOWN_ENGINES.find((known) => known.code === code);
  if (engine === undefined)
    return refuse("module_code", "the module's code is not an engine of this release or of the two before it: build the policy with this release's ingressc");

  const memoryBytes = memoryOf(core);
  if (memoryBytes === null) return refuse("module_memory", `the module's memory is not one of fixed size within ${abi.MAX_PAGES * abi.PAGE_BYTES} bytes`);
  const data = dataOf(core);
  if (data === null || abi.TABLES_BASE + data.length > memoryBytes)
    return refuse("module_malformed", "the module's data is not one segment at the tables' place within its memory");
  const version = headerWord(data, abi.H_VERSION);
  if (headerWord(data, abi.H_MAGIC) !== abi.TABLES_MAGIC || version !== engine.abiVersion) {
    return refuse("module_version", `the module's tables have version ${version ?? "none"}, and its engine reads version ${engine.abiVersion}`);
  }
  if (data.length > (headerWord(data, abi.H_TABLES_END) ?? 0) - abi.TABLES_BASE)
    return refuse("module_tables", "the module's data continues after its tables, where the engine's state begins");
  return ok({ sha256: hexOf(digest), engine, memoryBytes, signature: signature.value, data, custom: new Map(customs.map((s) => [s.name, s.body])) });
}

/** INVARIANT: with `trust`, only a module that one of its keys has signed passes. */
function signatureOf(bytes: Uint8Array, section: Section | null, trust: Trust): Result<SignatureInfo | null, Refusal> {
  if (section === null) {
    return trust === null ? ok(null) : refuse("signature_missing", "the module is not signed, and trusted keys make a signature mandatory");
  }
  const facts = readSignature(section);
  if (!facts.ok) return facts;
  if (trust === null) return ok({ ...facts.value, verified: false });
  const wrong = checkSignature(bytes, facts.value, trust);
  return wrong === null ? ok({ ...facts.value, verified: true }) : failed(wrong);
}

/** The refusal of a module whose sections do not end with a hash. */
function noHash(sections: readonly Section[]): Result<never, Refusal> {
  if (sections.at(-1)?.name === SECTION_SIGNATURE) return refuse("signature_twice", "the module has more than one signature section");
  if (sections.at(-1)?.name !== SECTION_HASH && sections.some(({ name }) => name === SECTION_HASH)) {
    return refuse("module_trailing", "the module's SHA-256 is followed by something other than one signature");
  }
  return refuse("module_hash", "the module does not end with its SHA-256: it was not built by ingressc, or it is cut off");
}

function headerWord(data: Uint8Array, field: number): number | null {
  if (data.length < field + 4) return null;
  return new DataView(data.buffer, data.byteOffset, data.byteLength).getUint32(field, true);
}

/** The size in bytes of the only memory, whose initial and maximum size are equal, or null. */
function memoryOf(core: readonly Section[]): number | null {
  const body = core.find((s) => s.id === SECTION_MEMORY)?.body;
  if (body?.[0] !== 1 || body[1] !== 1) return null;
  const least = readUnsigned(body, 2);
  const most = least === null ? null : readUnsigned(body, least[1]);
  if (least === null || most === null || most[1] !== body.length) return null;
  return least[0] === most[0] && least[0] >= 1 && least[0] <= abi.MAX_PAGES ? least[0] * abi.PAGE_BYTES : null;
}

/** The bytes of the only data segment, which is active at TABLES_BASE, or null. */
function dataOf(core: readonly Section[]): Uint8Array | null {
  const body = core.find((s) => s.id === SECTION_DATA)?.body;
  // one segment, memory 0, i32.const 1024, end
  const head = [1, 0, 0x41, 0x80, 0x08, 0x0b];
  if (body === undefined || !head.every((byte, i) => body[i] === byte)) return null;
  const length = readUnsigned(body, head.length);
  if (length === null || length[1] + length[0] !== body.length) return null;
  return body.subarray(length[1]);
}
