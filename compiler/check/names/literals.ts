// Addresses and prefixes as the language has them: one spelling, nothing guessed. Spellings that other
// programs accept (octal octets, missing octets, host bits, zones) is refused with what was
// most likely meant.
import { formatAddress, parseAddress } from "../../../runtime/net/address.ts";
import { asSeen } from "../../../runtime/text/characters.ts";
import type { AddressWords } from "../../policy/policy.ts";
import { isOctalToo } from "./octal.ts";
import { readAddressRange, type RangeRead } from "./ranges.ts";
import { refused, type Problem } from "../../diagnostics/report.ts";
import { failed, ok, type Failed, type Result } from "../../../runtime/result/result.ts";

export interface Prefix {
  readonly first: AddressWords;
  readonly last: AddressWords;
  /** True if the text has no length: one address. */
  readonly single: boolean;
  readonly family: 4 | 6;
}

const MAPPED = 0xffff;
/** Characters; no spelling of a prefix is longer, with a zone and all. */
const LONGEST = 80;

/** `10.0.0.0/8`, `2001:db8::/32`, or a bare address. */
export function readPrefix(text: string): Result<Prefix, Problem> {
  if (text.length > LONGEST) return notAnAddress(text);
  const zone = text.indexOf("%");
  if (zone >= 0) {
    const rest = text.slice(0, zone) + (/\/.*$/.exec(text.slice(zone))?.[0] ?? "");
    return refused("ING305", { literal: text, withoutZone: readPrefix(rest).ok ? rest : null });
  }
  if (/^\[.*\]/.test(text)) {
    const bare = text.replace(/^\[(.*?)\]/, "$1");
    return refused("ING307", { literal: text, fault: "brackets" }, readPrefix(bare).ok ? bare : null);
  }
  const slash = text.indexOf("/");
  const address = slash < 0 ? text : text.slice(0, slash);
  const length = slash < 0 ? null : text.slice(slash + 1);
  return address.includes(":") ? readV6(text, address, length) : readV4(text, address, length);
}

/** One address; a prefix is a problem. */
export function readAddress(text: string): Result<AddressWords, Problem> {
  const prefix = readPrefix(text);
  if (!prefix.ok) {
    const { replace } = prefix.error;
    return failed({ ...prefix.error, replace: replace !== null && isOneAddress(replace) ? replace : null });
  }
  if (prefix.value.single) return ok(prefix.value.first);
  return refused("ING312", { literal: text });
}

function isOneAddress(text: string): boolean {
  const read = readPrefix(text);
  return read.ok && read.value.single;
}

function readV4(text: string, address: string, length: string | null): Result<Prefix, Problem> {
  const parts = address.split(".");
  if (parts.length > 4 || !parts.every((p) => /^(?:[0-9]+|0[xX][0-9A-Fa-f]+)$/.test(p))) return notAnAddress(text);
  if (parts.length < 4 || parts.some((p) => /^0x/i.test(p))) {
    const meant = length === null ? classic(parts) : padded(parts, length);
    // `10.1/16` names as many numbers as its length has bytes; anything else is read in several ways.
    const isCertain = length !== null && Number(length) === 8 * parts.length;
    return refused("ING302", { literal: text, meant }, isCertain ? meant : null);
  }
  const zeros = parts.find((p) => /^0[0-9]/.test(p));
  if (zeros !== undefined) {
    const plain = parts.map((p) => p.replace(/^0+(?=[0-9])/, "")).join(".") + (length === null ? "" : `/${length}`);
    const meant = readPrefix(plain).ok ? plain : null;
    return refused("ING301", { literal: text, octet: zeros, meant });
  }
  const large = parts.find((p) => Number(p) > 255);
  if (large !== undefined) return refused("ING307", { literal: text, fault: "octet", octet: large });
  const bits = parts.reduce((value, p) => value * 256 + Number(p), 0);
  const read = readLength(text, address, length, 32);
  if (!read.ok) return read;
  const n = read.value;
  const host = 2 ** (32 - n);
  const network = bits - (bits % host);
  if (network !== bits) return hostBits(text, address, [0, 0, MAPPED, network], n);
  return ok({ first: [0, 0, MAPPED, network], last: [0, 0, MAPPED, network + host - 1], single: length === null, family: 4 });
}

function readV6(text: string, address: string, length: string | null): Result<Prefix, Problem> {
  const words = parseAddress(address);
  if (words === null) return notAnAddress(text);
  const mapped = words[0] === 0 && words[1] === 0 && words[2] === MAPPED;
  const read = readLength(text, address, length, 128);
  if (!read.ok) return read;
  const n = read.value;
  if (mapped && n < 96) {
    const inner = { ...splitV4(words[3], n <= 32 ? n : 0) };
    return refused("ING306", { literal: text, meant: inner.exact && n <= 32 ? inner.text : null });
  }
  const first = masked(words, n, 0);
  if (first.some((w, i) => w !== words[i])) return hostBits(text, address, first, mapped ? n - 96 : n);
  return ok({ first, last: masked(words, n, 0xffffffff), single: length === null, family: mapped ? 4 : 6 });
}

function splitV4(bits: number, n: number): { readonly text: string; readonly exact: boolean } {
  const host = 2 ** (32 - n);
  return { text: `${formatAddress([0, 0, MAPPED, bits])}/${n}`, exact: bits % host === 0 };
}

/** The address with every bit behind the prefix set to those of `fill`. */
function masked(words: AddressWords, n: number, fill: number): AddressWords {
  const one = (i: number, w: number): number => {
    const kept = Math.min(32, Math.max(0, n - 32 * i));
    // A shift by 32 would be a shift by 0.
    const mask = kept === 0 ? 0 : (0xffffffff << (32 - kept)) >>> 0;
    return ((w & mask) | (fill & ~mask)) >>> 0;
  };
  return [one(0, words[0]), one(1, words[1]), one(2, words[2]), one(3, words[3])];
}

function readLength(text: string, address: string, length: string | null, bits: 32 | 128): Result<number, Problem> {
  if (length === null) return ok(bits);
  const family = bits === 32 ? "IPv4" : "IPv6";
  if (!/^[0-9]+$/.test(length)) {
    const bitsOfMask = bits === 32 && /^[0-9]{1,3}(?:\.[0-9]{1,3}){3}$/.test(length) ? maskLength(length) : null;
    const meant = bitsOfMask === null ? null : `${address}/${bitsOfMask}`;
    return refused("ING304", { literal: text, family, fault: "form" }, meant !== null && readPrefix(meant).ok ? meant : null);
  }
  const n = Number(length);
  if (n > bits) return refused("ING304", { literal: text, family, fault: "too_long" });
  if (length.length > 1 && length.startsWith("0")) {
    const plain = `${address}/${n}`;
    return refused("ING304", { literal: text, family, fault: "leading_zero" }, isOctalToo(length) || !readPrefix(plain).ok ? null : plain);
  }
  return ok(n);
}

function hostBits(text: string, address: string, network: AddressWords, n: number): Failed<Problem> {
  const prefix = `${formatAddress(network)}/${n}`;
  return refused("ING303", { literal: text, network: prefix, address });
}

function notAnAddress(text: string): Failed<Problem> {
  if (text === "*") return refused("ING307", { literal: text, fault: "star" }, "any");
  const wild = /^((?:[0-9]{1,3}\.){1,3})\*(?:\.\*)*$/.exec(text);
  if (wild !== null && text.split(".").length <= 4) {
    const parts = (wild[1] ?? "").split(".").slice(0, -1);
    const meant = padded(parts, String(8 * parts.length));
    return refused("ING307", { literal: text, fault: "wildcard" }, meant);
  }
  const range = text.includes("-") ? readAddressRange(text, readEnd) : null;
  if (range !== null) return rangeProblem(text, range);
  const seen = asSeen(text);
  if (seen !== text && readPrefix(seen).ok) return refused("ING307", { literal: text, fault: "look_alike", meant: seen }, seen);
  return refused("ING307", { literal: text, fault: "form" });
}

function readEnd(text: string): Prefix | null {
  const read = readPrefix(text);
  return read.ok && read.value.single ? read.value : null;
}

/** Prefixes that a message names; a fix has them all. */
const MOST_PREFIXES = 16;

function rangeProblem(text: string, range: RangeRead): Failed<Problem> {
  if (range.kind === "mixed") return refused("ING307", { literal: text, fault: "mixed_range" });
  const { prefixes, kind } = range;
  const listed = { prefixes: prefixes.slice(0, MOST_PREFIXES), more: Math.max(0, prefixes.length - MOST_PREFIXES) };
  // Which of the two ends is the slip, only the author knows.
  if (kind === "reversed") return refused("ING309", { range: text, ...listed });
  return refused("ING307", { literal: text, fault: "range", ...listed }, prefixes.join(", "));
}

/** `/255.255.0.0` as its number of bits, or null. */
function maskLength(mask: string): number | null {
  const read = readV4(mask, mask, null);
  if (!read.ok) return null;
  const host = 2 ** 32 - read.value.first[3];
  const length = 32 - Math.log2(host);
  // As wildcard masks 0.0.0.0 is one host and 255.255.255.255 everyone.
  return Number.isInteger(length) && length > 0 && length < 32 ? length : null;
}

/** The address that inet_aton would read, or null. */
function classic(parts: readonly string[]): string | null {
  const numbers = parts.map((p) => Number(p));
  const last = numbers.pop() ?? NaN;
  const room = 256 ** (4 - numbers.length);
  if (numbers.some((n) => n > 255) || !(last < room)) return null;
  if (parts.length < 2 && !/^0x/i.test(parts[0] ?? "")) return null;
  if (parts.some((p) => /^0[0-9]/.test(p))) return null;
  const bits = numbers.reduce((value, n, i) => value + n * 256 ** (3 - i), last);
  return formatAddress([0, 0, MAPPED, bits]);
}

/** `10/8` with its missing zeros, or null. */
function padded(parts: readonly string[], length: string): string | null {
  if (parts.length > 3 || !parts.every((p) => /^[1-9]?[0-9]{1,2}$|^0$/.test(p))) return null;
  const full = `${[...parts, "0", "0", "0"].slice(0, 4).join(".")}/${length}`;
  return readPrefix(full).ok ? full : null;
}
