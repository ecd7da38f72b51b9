// The prefixes of temporary blocks: text to words and back. IPv4 and IPv6 are apart: no prefix of one has a source of the other.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { formatAddress, formatV4, isV4, parseAddress, type Address } from "../../runtime/net/address.ts";

export interface Prefix {
  readonly family: 4 | 6;
  /** An IPv4 address is in the fourth word. */
  readonly address: Address;
  /** Of the family: at most 32 or 128. */
  readonly bits: number;
}

/** A bare IPv6 address means the network that its owner chooses addresses in. */
const BARE_V6_BITS = 64;

/** `203.0.113.9`, `203.0.113.0/24`, `2001:db8::/48`, `any4`, `any6`. */
export function parsePrefix(text: string): Result<Prefix, string> {
  if (text === "any4") return ok({ family: 4, address: [0, 0, 0xffff, 0], bits: 0 });
  if (text === "any6") return ok({ family: 6, address: [0, 0, 0, 0], bits: 0 });
  const [host = "", length, ...more] = text.split("/");
  const address = parseAddress(host);
  if (address === null || more.length > 0 || (length !== undefined && !/^(0|[1-9][0-9]{0,2})$/.test(length)))
    return failed(`\`${text}\` is no address and no prefix: write one such as 203.0.113.9, 203.0.113.0/24 or 2001:db8::/48`);
  const family = isV4(address) ? 4 : 6;
  // Mapped addresses are IPv4, and their prefixes are written as those of IPv4.
  const most = family === 4 ? 32 : 128;
  if (length === undefined) return ok(masked({ family, address, bits: family === 4 ? 32 : BARE_V6_BITS }));
  const bits = Number(length);
  if (bits > most) return failed(`\`${text}\` has more than ${most} bits: IPv${family} has ${most}`);
  const whole = masked({ family, address, bits });
  if (whole.address.some((word, i) => word !== address[i])) return failed(`\`${text}\` has bits behind its length: write ${formatPrefix(whole)}`);
  return ok(whole);
}

export function formatPrefix({ family, address, bits }: Prefix): string {
  return `${family === 4 ? formatV4(address[3]) : formatAddress(address)}/${bits}`;
}

export function isWholeFamily({ bits }: Prefix): boolean {
  return bits === 0;
}

/** The first bits of a word; `bits` may be beyond it. */
export function maskOf(bits: number): number {
  return (
    bits <= 0 ? 0
    : bits >= 32 ? 0xffff_ffff
    : (0xffff_ffff << (32 - bits)) >>> 0
  );
}

function masked({ family, address: [a, b, c, d], bits }: Prefix): Prefix {
  if (family === 4) return { family, bits, address: [a, b, c, (d & maskOf(bits)) >>> 0] };
  const part = (word: number, at: number): number => (word & maskOf(bits - at)) >>> 0;
  return { family, bits, address: [part(a, 0), part(b, 32), part(c, 64), part(d, 96)] };
}
