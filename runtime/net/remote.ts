// Addresses that no backend on another host has: those that lead to this host, to a link, to many hosts at once, or to the
// service that gives a machine of a cloud its credentials. The compiler and the gateway both refuse them, whatever the
// configuration allows.
import { isLoopback, isV4, type Address } from "./address.ts";

/** `reserved`: for no host that could be reached. */
export type NotRemote = "loopback" | "unspecified" | "link_local" | "multicast" | "reserved" | "metadata";

/** Alibaba's, Oracle's and Azure's; that of the others is link-local. */
const METADATA_V4: ReadonlySet<number> = new Set([0x646464c8, 0xc00000c0, 0xa83f8110]);
/** Google's (fd20:ce::254) and Scaleway's (fd00:42::42), each by its first word and its last; the words between are zero. */
const METADATA_V6: ReadonlyMap<number, number> = new Map([
  [0xfd2000ce, 0x254],
  [0xfd000042, 0x42],
]);
/** Amazon's services of a machine: its metadata (::254), the credentials of its containers (::23), and others. */
const AMAZON_V6 = 0xfd000ec2;

/** Null where it may be the address of another host. */
export function notRemote(a: Address): NotRemote | null {
  if (isLoopback(a)) return "loopback";
  if (isV4(a)) return notRemoteV4(a[3]);
  const embedded = embeddedV4(a);
  if (embedded.length > 0) return notTranslated(embedded);
  if (a[0] === 0 && a[1] === 0 && a[2] === 0) return a[3] === 0 ? "unspecified" : "reserved";
  if (a[0] === AMAZON_V6 || (a[1] === 0 && a[2] === 0 && METADATA_V6.get(a[0]) === a[3])) return "metadata";
  if (a[0] >>> 22 === 0x3fa) return "link_local";
  return a[0] >>> 24 === 0xff ? "multicast" : null;
}

function notRemoteV4(bits: number): NotRemote | null {
  const first = bits >>> 24;
  if (METADATA_V4.has(bits)) return "metadata";
  if (first === 0) return "unspecified";
  if (first === 127) return "loopback";
  if (bits >>> 16 === 0xa9fe) return "link_local";
  if (first >= 224) return first < 240 ? "multicast" : "reserved";
  return null;
}

/**
 * The address is no other host's where any of them leads somewhere else; where nobody knows which one a translator takes, what leads
 * nowhere counts only if there is nothing else.
 */
function notTranslated(embedded: readonly number[]): NotRemote | null {
  const kinds = embedded.map(notRemoteV4);
  const harmful = kinds.find((kind, i) => kind !== null && kind !== "unspecified" && (i === 0 || kind !== "reserved"));
  return harmful ?? (kinds.includes(null) ? null : "unspecified");
}

/**
 * The IPv4 addresses to which a translator sends it: one of 64:ff9b::/96 (NAT64) and ::ffff:0:0:0/96 (SIIT), one to which a relay sends
 * 2002::/16 (6to4), and of 64:ff9b:1::/48 (RFC 8215) one for each length that its prefix may have: 96, 48, 56 and 64 (RFC 6052 section 2.2).
 */
export function embeddedV4([a, b, c, d]: Address): readonly number[] {
  if (a === 0x64ff9b && b === 0 && c === 0) return [d];
  // Bits 64 to 71 are no part of any.
  if (a === 0x64ff9b && b >>> 16 === 1)
    return [d, (b << 16) | ((c >>> 8) & 0xffff), (b << 24) | (c & 0xffffff), (c << 8) | (d >>> 24)].map((bits) => bits >>> 0);
  if (a === 0 && b === 0 && c === 0xffff0000) return [d];
  return a >>> 16 === 0x2002 ? [((a << 16) | (b >>> 16)) >>> 0] : [];
}
