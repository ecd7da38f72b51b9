// Profiles of an ABI filter, version 1. A profile lists the ports that one subject may bind, for an OS that checks calls
// without the engine. docs/abi-filter-v2.md specifies the layout, byte by byte, with test vectors, and version 2, which
// compiler/emitters/nexus_profile.ts writes. A profile can only narrow access: a request that no rule matches is refused,
// and so is a profile with any unexpected byte.

export const FILTER_MAX_BYTES = 512;
export const FILTER_MAX_RULES = 16;
const HEAD_BYTES = 12;
const RULE_BYTES = 8;
const MAGIC = [0x41, 0x46] as const;
const VERSION = 1;
const CLASS_STATEFS_PUT = 1;
const CLASS_NET_BIND = 2;
const MAX_PATH_BYTES = 64;

export interface FilterRule {
  readonly action: "allow" | "deny";
  /** Inclusive; 0 to 65535. */
  readonly first: number;
  readonly last: number;
}

export interface FilterProfile {
  /** FNV-1a-64 of the service's name. */
  readonly subject: bigint;
  /** The first matching rule decides. */
  readonly rules: readonly FilterRule[];
}

export type FilterFault = "too_long" | "malformed" | "too_many_rules" | "bad_class" | "bad_action" | "bad_rule";

/** Throws RangeError if the profile exceeds the bounds; callers check the bounds first. */
export function encodeFilter({ subject, rules }: FilterProfile): Uint8Array {
  const bytes = [...MAGIC, VERSION, rules.length, ...le(subject, 8)];
  for (const { action, first, last } of rules) bytes.push(CLASS_NET_BIND, action === "allow" ? 1 : 0, 0, 0, ...le(BigInt(first), 2), ...le(BigInt(last), 2));
  const made = Uint8Array.from(bytes);
  const fault = decodeFilter(made);
  if (typeof fault === "string") throw new RangeError(`not a profile: ${fault}`);
  return made;
}

/** The decoded profile, or the first fault found in it. */
export function decodeFilter(bytes: Uint8Array): FilterProfile | FilterFault {
  if (bytes.length > FILTER_MAX_BYTES) return "too_long";
  if (bytes[0] !== MAGIC[0] || bytes[1] !== MAGIC[1] || bytes[2] !== VERSION || bytes.length < HEAD_BYTES) return "malformed";
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = view.getUint8(3);
  if (count > FILTER_MAX_RULES) return "too_many_rules";
  const rules: FilterRule[] = [];
  let at = HEAD_BYTES;
  for (let i = 0; i < count; i++) {
    if (at + RULE_BYTES > bytes.length) return "malformed";
    const read = readRule(view, at);
    if (typeof read === "string") return read;
    if (read.rule !== null) rules.push(read.rule);
    at = read.end;
  }
  return at === bytes.length ? { subject: view.getBigUint64(4, true), rules } : "malformed";
}

interface Read {
  /** Null for a rule of another class, which does not affect binds. */
  readonly rule: FilterRule | null;
  readonly end: number;
}

const actionOf = (byte: number): FilterRule["action"] | null =>
  byte === 1 ? "allow"
  : byte === 0 ? "deny"
  : null;

function readRule(view: DataView, at: number): Read | FilterFault {
  const [kind, action, prefix, spare] = [view.getUint8(at), actionOf(view.getUint8(at + 1)), view.getUint8(at + 2), view.getUint8(at + 3)];
  if (kind !== CLASS_STATEFS_PUT && kind !== CLASS_NET_BIND) return "bad_class";
  if (action === null) return "bad_action";
  const end = at + RULE_BYTES + prefix;
  // A byte that is undefined in this version must be 0, because another version may give it a meaning.
  if (spare !== 0 || prefix > MAX_PATH_BYTES || end > view.byteLength) return "bad_rule";
  if (kind === CLASS_STATEFS_PUT) return { rule: null, end };
  const [first, last] = [view.getUint16(at + 4, true), view.getUint16(at + 6, true)];
  return prefix !== 0 || first > last ? "bad_rule" : { rule: { action, first, last }, end };
}

/** Whether the subject may bind the port. Only the profile's own subject may, and only what a rule allows. */
export function filterAllows(profile: FilterProfile, subject: bigint, port: number): boolean {
  if (subject !== profile.subject) return false;
  return profile.rules.find(({ first, last }) => first <= port && port <= last)?.action === "allow";
}

function le(value: bigint, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}
