// struct sockaddr as a program hands it to bind: bytes -> where it wants to bind.
import { fromV4, type Address } from "../net/address.ts";
import { FAMILIES } from "./filter.ts";

/** struct sockaddr_storage; a longer one is refused by the kernel too. */
export const MOST_SOCKADDR_BYTES = 128;
const V4_BYTES = 16;
/** Up to and with sin6_addr; the scope may be missing. */
const V6_BYTES = 24;

export interface InetAddress {
  readonly family: number;
  readonly address: Address;
  readonly port: number;
}

export function familyOf(bytes: Uint8Array): number | null {
  return bytes.length < 2 ? null : new DataView(bytes.buffer, bytes.byteOffset).getUint16(0, true);
}

/** Null where it is no IPv4 or IPv6 address, or too short for one. */
export function readInet(bytes: Uint8Array): InetAddress | null {
  const family = familyOf(bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (family === FAMILIES.inet && bytes.length >= V4_BYTES) return { family, address: fromV4(view.getUint32(4)), port: view.getUint16(2) };
  if (family !== FAMILIES.inet6 || bytes.length < V6_BYTES) return null;
  return { family, address: [view.getUint32(8), view.getUint32(12), view.getUint32(16), view.getUint32(20)], port: view.getUint16(2) };
}
