// Profiles of an ABI filter. A profile lists what one subject may bind, for an OS that checks calls without
// the engine. docs/abi-filter-v2.md specifies both layouts, byte by byte, with test vectors. A profile can only
// narrow access: a request that no rule matches is refused, and so is a profile with any unexpected byte.

export const FILTER_MAX_BYTES = 512;
export const FILTER_MAX_RULES = 16;
const HEAD_BYTES = { 1: 12, 2: 20 } as const;
const RULE_BYTES = { 1: 8, 2: 12 } as const;
const MAGIC = [0x41, 0x46] as const;
/** Set when rules have protocols and addresses. Other version 2 decoders refuse a profile with this flag. */
const FLAG_ADDRESSES = 0x80000000;
const CLASS_STATEFS_PUT = 1;
const CLASS_NET_BIND = 2;
const MAX_PATH_BYTES = 64;

const PROTOS = { any: 0, tcp: 6, udp: 17 } as const;
const KINDS = { any: 0, wildcard: 1, v4: 4, v6: 6 } as const;

export type FilterVersion = 1 | 2;

/** `any` matches every local address, wildcard addresses included. `wildcard` matches only 0.0.0.0 and ::, which no prefix matches. */
export type FilterAddress =
  | { readonly kind: "any" | "wildcard" }
  /** 4 or 16 bytes; the bits after the first `length` are 0. */
  | { readonly kind: "v4" | "v6"; readonly network: Uint8Array; readonly length: number };

export interface FilterRule {
  readonly action: "allow" | "deny";
  /** In version 1, `proto` and `address` are always `any`. */
  readonly proto: keyof typeof PROTOS;
  readonly address: FilterAddress;
  /** Inclusive; 0 to 65535. */
  readonly first: number;
  readonly last: number;
}

export interface FilterProfile {
  readonly version: FilterVersion;
  /** FNV-1a-64 of the service's name. */
  readonly subject: bigint;
  /** The first matching rule decides. */
  readonly rules: readonly FilterRule[];
}

export interface BindRequest {
  readonly subject: bigint;
  readonly proto: "tcp" | "udp";
  readonly port: number;
  /** Sixteen bytes, IPv4 in ::ffff:0:0/96. */
  readonly address: Uint8Array;
}

export type FilterFault = "too_long" | "malformed" | "too_many_rules" | "bad_class" | "bad_action" | "bad_rule";

/** Throws RangeError if the profile exceeds the bounds of its version; callers check the bounds first. */
export function encodeFilter({ version, subject, rules }: FilterProfile): Uint8Array {
  const bytes = [...MAGIC, version, rules.length, ...le(subject, 8), ...(version === 2 ? [...le(0n, 4), ...le(BigInt(FLAG_ADDRESSES), 4)] : [])];
  for (const rule of rules) bytes.push(...encodeRule(version, rule));
  const made = Uint8Array.from(bytes);
  const fault = decodeFilter(made);
  if (typeof fault === "string") throw new RangeError(`not a profile of version ${version}: ${fault}`);
  return made;
}

function encodeRule(version: FilterVersion, { action, proto, address, first, last }: FilterRule): number[] {
  const ports = [...le(BigInt(first), 2), ...le(BigInt(last), 2)];
  const allow = action === "allow" ? 1 : 0;
  if (version === 1) {
    if (proto !== "any" || address.kind !== "any") throw new RangeError("version 1 has ports only");
    return [CLASS_NET_BIND, allow, 0, 0, ...ports];
  }
  const [length, network] = "length" in address ? [address.length, [...address.network]] : [0, []];
  return [CLASS_NET_BIND, allow, PROTOS[proto], KINDS[address.kind], length, 0, ...ports, 0, 0, ...network];
}

/** The decoded profile, or the first fault found in it. */
export function decodeFilter(bytes: Uint8Array): FilterProfile | FilterFault {
  if (bytes.length > FILTER_MAX_BYTES) return "too_long";
  const version = bytes[2] === 1 || bytes[2] === 2 ? bytes[2] : null;
  if (version === null || bytes[0] !== MAGIC[0] || bytes[1] !== MAGIC[1] || bytes.length < HEAD_BYTES[version]) return "malformed";
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (version === 2 && (view.getUint32(12, true) !== 0 || view.getUint32(16, true) !== FLAG_ADDRESSES)) return "malformed";
  const count = view.getUint8(3);
  if (count > FILTER_MAX_RULES) return "too_many_rules";
  const rules: FilterRule[] = [];
  let at: number = HEAD_BYTES[version];
  for (let i = 0; i < count; i++) {
    if (at + RULE_BYTES[version] > bytes.length) return "malformed";
    const read = version === 1 ? readRule1(view, at) : readRule2(view, at);
    if (typeof read === "string") return read;
    if (read.rule !== null) rules.push(read.rule);
    at = read.end;
  }
  return at === bytes.length ? { version, subject: view.getBigUint64(4, true), rules } : "malformed";
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

function readRule1(view: DataView, at: number): Read | FilterFault {
  const [kind, action, prefix, spare] = [view.getUint8(at), actionOf(view.getUint8(at + 1)), view.getUint8(at + 2), view.getUint8(at + 3)];
  if (kind !== CLASS_STATEFS_PUT && kind !== CLASS_NET_BIND) return "bad_class";
  if (action === null) return "bad_action";
  const end = at + RULE_BYTES[1] + prefix;
  // A byte that is undefined in this version must be 0, because another version may give it a meaning.
  if (spare !== 0 || prefix > MAX_PATH_BYTES || end > view.byteLength) return "bad_rule";
  if (kind === CLASS_STATEFS_PUT) return { rule: null, end };
  const [first, last] = [view.getUint16(at + 4, true), view.getUint16(at + 6, true)];
  return prefix !== 0 || first > last ? "bad_rule" : { rule: { action, proto: "any", address: { kind: "any" }, first, last }, end };
}

function readRule2(view: DataView, at: number): Read | FilterFault {
  const action = actionOf(view.getUint8(at + 1));
  if (view.getUint8(at) !== CLASS_NET_BIND) return "bad_class";
  if (action === null) return "bad_action";
  const proto = keyOf(PROTOS, view.getUint8(at + 2));
  const kind = keyOf(KINDS, view.getUint8(at + 3));
  const [length, first, last] = [view.getUint8(at + 4), view.getUint16(at + 6, true), view.getUint16(at + 8, true)];
  if (proto === null || kind === null || view.getUint8(at + 5) !== 0 || view.getUint16(at + 10, true) !== 0 || first > last) return "bad_rule";
  const size =
    kind === "v4" ? 4
    : kind === "v6" ? 16
    : 0;
  const end = at + RULE_BYTES[2] + size;
  if (end > view.byteLength || length > 8 * size) return "bad_rule";
  const network = new Uint8Array(view.buffer, view.byteOffset + at + RULE_BYTES[2], size).slice();
  if (network.some((byte, i) => (byte & ~maskByte(length, i)) !== 0)) return "bad_rule";
  const address: FilterAddress = kind === "v4" || kind === "v6" ? { kind, network, length } : { kind };
  return { rule: { action, proto, address, first, last }, end };
}

/** Whether the request may bind. Only the profile's own subject may, and only what a rule allows. */
export function filterAllows(profile: FilterProfile, request: BindRequest): boolean {
  if (request.subject !== profile.subject || request.address.length !== 16) return false;
  const rule = profile.rules.find((r) => matches(r, request));
  return rule?.action === "allow";
}

function matches({ proto, address, first, last }: FilterRule, request: BindRequest): boolean {
  if ((proto !== "any" && proto !== request.proto) || request.port < first || request.port > last) return false;
  if (address.kind === "any") return true;
  const mapped = request.address.every((byte, i) => i >= 12 || byte === (i >= 10 ? 0xff : 0));
  const own = mapped ? request.address.subarray(12) : request.address;
  const wildcard = own.every((byte) => byte === 0);
  if (!("network" in address)) return wildcard;
  const { network, length } = address;
  return !wildcard && mapped === (address.kind === "v4") && network.every((byte, i) => byte === ((own[i] ?? 0) & maskByte(length, i)));
}

/** The bits of byte `i` that belong to a prefix of `length` bits. */
function maskByte(length: number, i: number): number {
  const bits = Math.min(8, Math.max(0, length - 8 * i));
  return (0xff << (8 - bits)) & 0xff;
}

function keyOf<K extends string>(table: Readonly<Record<K, number>>, number: number): K | null {
  for (const key in table) if (table[key] === number) return key;
  return null;
}

function le(value: bigint, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}
