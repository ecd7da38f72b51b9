// Addresses and prefixes as the language has them: one spelling, nothing guessed. Spellings that other
// programs accept (octal octets, missing octets, host bits, zones) is refused with what was
// most likely meant.
import { formatAddress, parseAddress } from "../../../runtime/net/address.ts";
import { asSeen } from "../../../runtime/text/characters.ts";
import type { AddressWords } from "../../policy/policy.ts";
import { isOctalToo } from "./octal.ts";
import { readAddressRange, type RangeRead } from "./ranges.ts";
import { isProblem, problem, type Problem } from "../../diagnostics/report.ts";

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
export function readPrefix(text: string): Prefix | Problem {
  if (text.length > LONGEST) return notAnAddress(text);
  const zone = text.indexOf("%");
  if (zone >= 0) {
    const rest = text.slice(0, zone) + (/\/.*$/.exec(text.slice(zone))?.[0] ?? "");
    return problem("ING305", { literal: text, withoutZone: isProblem(readPrefix(rest)) ? null : rest });
  }
  if (/^\[.*\]/.test(text)) {
    const bare = text.replace(/^\[(.*?)\]/, "$1");
    return problem("ING307", { literal: text, fault: "brackets" }, isProblem(readPrefix(bare)) ? null : bare);
  }
  const slash = text.indexOf("/");
  const address = slash < 0 ? text : text.slice(0, slash);
  const length = slash < 0 ? null : text.slice(slash + 1);
  return address.includes(":") ? readV6(text, address, length) : readV4(text, address, length);
}

/** One address; a prefix is a problem. */
export function readAddress(text: string): AddressWords | Problem {
  const prefix = readPrefix(text);
  if (isProblem(prefix)) return { ...prefix, replace: prefix.replace !== null && isOneAddress(prefix.replace) ? prefix.replace : null };
  if (prefix.single) return prefix.first;
  return problem("ING312", { literal: text });
}

function isOneAddress(text: string): boolean {
  const read = readPrefix(text);
  return !isProblem(read) && read.single;
}

function readV4(text: string, address: string, length: string | null): Prefix | Problem {
  const parts = address.split(".");
  if (parts.length > 4 || !parts.every((p) => /^(?:[0-9]+|0[xX][0-9A-Fa-f]+)$/.test(p))) return notAnAddress(text);
  if (parts.length < 4 || parts.some((p) => /^0x/i.test(p))) {
    const meant = length === null ? classic(parts) : padded(parts, length);
    // `10.1/16` names as many numbers as its length has bytes; anything else is read in several ways.
    const isCertain = length !== null && Number(length) === 8 * parts.length;
    return problem("ING302", { literal: text, meant }, isCertain ? meant : null);
  }
  const zeros = parts.find((p) => /^0[0-9]/.test(p));
  if (zeros !== undefined) {
    const plain = parts.map((p) => p.replace(/^0+(?=[0-9])/, "")).join(".") + (length === null ? "" : `/${length}`);
    const meant = isProblem(readPrefix(plain)) ? null : plain;
    return problem("ING301", { literal: text, octet: zeros, meant });
  }
  const large = parts.find((p) => Number(p) > 255);
  if (large !== undefined) return problem("ING307", { literal: text, fault: "octet", octet: large });
  const bits = parts.reduce((value, p) => value * 256 + Number(p), 0);
  const n = readLength(text, address, length, 32);
  if (typeof n !== "number") return n;
  const host = 2 ** (32 - n);
  const network = bits - (bits % host);
  if (network !== bits) return hostBits(text, address, [0, 0, MAPPED, network], n);
  return { first: [0, 0, MAPPED, network], last: [0, 0, MAPPED, network + host - 1], single: length === null, family: 4 };
}

function readV6(text: string, address: string, length: string | null): Prefix | Problem {
  const words = parseAddress(address);
  if (words === null) return notAnAddress(text);
  const mapped = words[0] === 0 && words[1] === 0 && words[2] === MAPPED;
  const n = readLength(text, address, length, 128);
  if (typeof n !== "number") return n;
  if (mapped && n < 96) {
    const inner = { ...splitV4(words[3], n <= 32 ? n : 0) };
    return problem("ING306", { literal: text, meant: inner.exact && n <= 32 ? inner.text : null });
  }
  const first = masked(words, n, 0);
  if (first.some((w, i) => w !== words[i])) return hostBits(text, address, first, mapped ? n - 96 : n);
  return { first, last: masked(words, n, 0xffffffff), single: length === null, family: mapped ? 4 : 6 };
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

function readLength(text: string, address: string, length: string | null, bits: 32 | 128): number | Problem {
  if (length === null) return bits;
  const family = bits === 32 ? "IPv4" : "IPv6";
  if (!/^[0-9]+$/.test(length)) {
    const bitsOfMask = bits === 32 && /^[0-9]{1,3}(?:\.[0-9]{1,3}){3}$/.test(length) ? maskLength(length) : null;
    const meant = bitsOfMask === null ? null : `${address}/${bitsOfMask}`;
    return problem("ING304", { literal: text, family, fault: "form" }, meant !== null && !isProblem(readPrefix(meant)) ? meant : null);
  }
  const n = Number(length);
  if (n > bits) return problem("ING304", { literal: text, family, fault: "too_long" });
  if (length.length > 1 && length.startsWith("0")) {
    const plain = `${address}/${n}`;
    return problem("ING304", { literal: text, family, fault: "leading_zero" }, isOctalToo(length) || isProblem(readPrefix(plain)) ? null : plain);
  }
  return n;
}

function hostBits(text: string, address: string, network: AddressWords, n: number): Problem {
  const prefix = `${formatAddress(network)}/${n}`;
  return problem("ING303", { literal: text, network: prefix, address });
}

function notAnAddress(text: string): Problem {
  if (text === "*") return problem("ING307", { literal: text, fault: "star" }, "any");
  const wild = /^((?:[0-9]{1,3}\.){1,3})\*(?:\.\*)*$/.exec(text);
  if (wild !== null && text.split(".").length <= 4) {
    const parts = (wild[1] ?? "").split(".").slice(0, -1);
    const meant = padded(parts, String(8 * parts.length));
    return problem("ING307", { literal: text, fault: "wildcard" }, meant);
  }
  const range = text.includes("-") ? readAddressRange(text, readEnd) : null;
  if (range !== null) return rangeProblem(text, range);
  const seen = asSeen(text);
  if (seen !== text && !isProblem(readPrefix(seen))) return problem("ING307", { literal: text, fault: "look_alike", meant: seen }, seen);
  return problem("ING307", { literal: text, fault: "form" });
}

function readEnd(text: string): Prefix | null {
  const read = readPrefix(text);
  return isProblem(read) || !read.single ? null : read;
}

/** Prefixes that a message names; a fix has them all. */
const MOST_PREFIXES = 16;

function rangeProblem(text: string, range: RangeRead): Problem {
  if (range.kind === "mixed") return problem("ING307", { literal: text, fault: "mixed_range" });
  const { prefixes, kind } = range;
  const listed = { prefixes: prefixes.slice(0, MOST_PREFIXES), more: Math.max(0, prefixes.length - MOST_PREFIXES) };
  // Which of the two ends is the slip, only the author knows.
  if (kind === "reversed") return problem("ING309", { range: text, ...listed });
  return problem("ING307", { literal: text, fault: "range", ...listed }, prefixes.join(", "));
}

/** `/255.255.0.0` as its number of bits, or null. */
function maskLength(mask: string): number | null {
  const read = readV4(mask, mask, null);
  if (isProblem(read)) return null;
  const host = 2 ** 32 - read.first[3];
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
  return isProblem(readPrefix(full)) ? null : full;
}
