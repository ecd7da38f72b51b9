// The files that a freestanding host loads beside the engine's C: a policy's tables as a file of their own, the
// manifest that names the policy, and the numbers of runtime/abi as a C header. Pure; wasm2c writes
// the C of the engine itself (compiler/cli/wasm2c.ts), the same for every policy.
//
// policy.bin
//   0       4        8             12            16               48               80
//   | INGP  | format | ABI version | table bytes | engine SHA-256 | policy SHA-256 | tables …
//
// The tables are the bytes at TABLES_BASE, up to their end; the engine's SHA-256 is that of
// `pinnedBytes`, the policy's that of the semantic JSON. Words are little-endian.
import { bytesToHex } from "@noble/hashes/utils.js";
import * as abi from "../../runtime/abi/layout.ts";
import { CODES } from "../../runtime/abi/names.ts";
import { concatBytes, pinnedBytes, readSections, readUnsigned, SECTION_DATA, SECTION_POLICY } from "../../runtime/abi/sections.ts";
import * as v from "../../runtime/abi/verdicts.ts";
import { engineBytes } from "./engine.ts";
import { sha256, type Sha256 } from "./hash.ts";

/** "INGP" */
export const POLICY_MAGIC = 0x50474e49;
export const POLICY_FORMAT = 1;
export const POLICY_HEAD_BYTES = 80;
/** One segment, memory 0, i32.const 1024, end. */
const SEGMENT_HEAD_BYTES = 6;

const MANIFEST_BEFORE = '{"version":1,"tree_sha256":"';
const MANIFEST_AFTER = '","generated_at_ns":0}\n';

export interface NativePolicy {
  /** policy.bin */
  readonly data: Uint8Array;
  /** policy.manifest.json, one text for one policy. */
  readonly manifest: string;
}

/** SHA-256 of the engine's code, as hosts know it. */
export function engineSha256(hash: Sha256 = sha256): Uint8Array {
  const engine = engineBytes();
  return hash(pinnedBytes(readSections(engine) ?? [], engine));
}

/** Throws RangeError where `module` is not a module of this compiler. */
export function nativePolicy(module: Uint8Array, hash: Sha256 = sha256): NativePolicy {
  const sections = readSections(module) ?? [];
  const segment = sections.find(({ id }) => id === SECTION_DATA)?.body;
  const semantic = sections.find(({ name }) => name === SECTION_POLICY)?.body;
  const length = segment === undefined ? null : readUnsigned(segment, SEGMENT_HEAD_BYTES);
  if (segment === undefined || semantic === undefined || length === null) throw new RangeError("the module has no tables or no semantic JSON");
  const tables = segment.subarray(length[1]);
  const head = new Uint8Array(POLICY_HEAD_BYTES);
  const view = new DataView(head.buffer);
  [POLICY_MAGIC, POLICY_FORMAT, abi.ABI_VERSION, tables.length].forEach((word, i) => {
    view.setUint32(4 * i, word, true);
  });
  head.set(engineSha256(hash), 16);
  const tree = hash(semantic);
  head.set(tree, 48);
  return { data: concatBytes([head, tables]), manifest: `${MANIFEST_BEFORE}${bytesToHex(tree)}${MANIFEST_AFTER}` };
}

const NUMBERS: Readonly<Record<string, number>> = {
  ABI_VERSION: abi.ABI_VERSION,
  TABLES_BASE: abi.TABLES_BASE,
  DETAIL_BASE: abi.DETAIL_BASE,
  DETAIL_VERDICT: abi.DETAIL_VERDICT,
  DETAIL_REASON: abi.DETAIL_REASON,
  DETAIL_CODE: abi.DETAIL_CODE,
  DETAIL_RULE: abi.DETAIL_RULE,
  DETAIL_LISTENER: abi.DETAIL_LISTENER,
  H_TABLES_END: abi.H_TABLES_END,
  H_LISTENER_COUNT: abi.H_LISTENER_COUNT,
  H_RULE_COUNT: abi.H_RULE_COUNT,
  H_GROUP_FIRST: abi.H_GROUP_FIRST,
  R_BATCH_LISTENER: abi.R_BATCH_LISTENER,
  R_BATCH_SOURCE: abi.R_BATCH_SOURCE,
  R_BATCH_VERDICT: abi.R_BATCH_VERDICT,
  R_BATCH_CODE: abi.R_BATCH_CODE,
  R_BATCH_RULE: abi.R_BATCH_RULE,
  BATCH_ZONE: abi.BATCH_ZONE,
  MAX_NAME_BYTES: abi.MAX_NAME_BYTES,
  NO_RULE: abi.NO_RULE,
  DENY: v.VERDICT_DENY,
  ALLOW: v.VERDICT_ALLOW,
  OPEN: v.VERDICT_OPEN,
  IDENTITY: v.VERDICT_IDENTITY,
};

/** Every reason and code by its name, beside the numbers that the host reads memory by. */
export function abiHeader(hash: Sha256 = sha256): string {
  const lines: string[] = [];
  const define = (name: string, value: number | string): number =>
    lines.push(`#define INGRESS_${name} ${typeof value === "number" && value < 0 ? `(${value})` : value}`);
  for (const [name, value] of Object.entries(NUMBERS)) define(name, value);
  for (const [name, value] of Object.entries(v)) {
    if (name.startsWith("REASON_") || name.startsWith("CODE_")) define(name, value);
  }
  const last = Math.max(
    ...Object.keys(CODES)
      .map(Number)
      .filter((n) => n < 100),
  );
  const reasons = Array.from({ length: last + 1 }, (_, n) => Object.entries(CODES).find(([code]) => Number(code) === n)?.[1].reason ?? -1);
  define("REASON_OF_CODE", `{${reasons.join(", ")}}`);
  const admitting = Object.entries(CODES).filter(
    ([code, { reason }]) => reason === v.REASON_NONE && ![v.CODE_OPEN, v.CODE_OPEN_IDENTITY].some((open) => open === Number(code)),
  );
  define("ADMITS(code)", `(${admitting.map(([code]) => `(code) == ${code}`).join(" || ")})`);
  define("POLICY_MAGIC", POLICY_MAGIC);
  define("POLICY_FORMAT", POLICY_FORMAT);
  define("POLICY_HEAD", POLICY_HEAD_BYTES);
  define("ENGINE_SHA256", `{${[...engineSha256(hash)].join(", ")}}`);
  define("MANIFEST_BEFORE", JSON.stringify(MANIFEST_BEFORE));
  define("MANIFEST_AFTER", JSON.stringify(MANIFEST_AFTER));
  return `/* Made by ingressc of runtime/abi: numbers of the engine's interface. */\n#ifndef INGRESS_ABI_H\n#define INGRESS_ABI_H\n${lines.join("\n")}\n#endif\n`;
}
