// The kernel's socket addresses: struct sockaddr_in, sockaddr_in6 and sockaddr_un, as bytes.
import { endianness } from "node:os";
import { fromV4, isLinkLocal6, isV4, parseAddress } from "../../runtime/net/address.ts";
import { SOURCE_GONE, SOURCE_ODD } from "../connection/table.ts";
import type { PeerAddress } from "../connection/transport.ts";
import type { BackendAddress } from "../forward/backend.ts";
import { AF_INET, AF_INET6, AF_UNIX, type KernelCalls } from "./calls.ts";

/** Room for the address of a peer. */
export const PEER_BYTES = 28;
const V4_BYTES = 16;
const V6_BYTES = 28;
const PORT_AT = 2;
const V4_AT = 4;
const V6_AT = 8;
const SCOPE_AT = 24;
const IS_LITTLE = endianness() === "LE";

/** Null for text that is no address, and for a zone that this host has no interface for. */
export function internetAddress(host: string, port: number, calls: Pick<KernelCalls, "interfaceNumber">): Buffer | null {
  const mark = host.indexOf("%");
  const address = parseAddress(mark < 0 ? host : host.slice(0, mark));
  if (address === null) return null;
  const bytes = Buffer.alloc(isV4(address) && !host.includes(":") ? V4_BYTES : V6_BYTES);
  bytes.writeUInt16BE(port, PORT_AT);
  if (bytes.length === V4_BYTES) {
    putFamily(bytes, AF_INET);
    bytes.writeUInt32BE(address[3], V4_AT);
    return bytes;
  }
  putFamily(bytes, AF_INET6);
  address.forEach((word, i) => bytes.writeUInt32BE(word, V6_AT + 4 * i));
  const scope = mark < 0 ? 0 : calls.interfaceNumber(host.slice(mark + 1));
  if (mark >= 0 && scope === 0) return null;
  if (IS_LITTLE) bytes.writeUInt32LE(scope, SCOPE_AT);
  else bytes.writeUInt32BE(scope, SCOPE_AT);
  return bytes;
}

export function backendAddress(backend: BackendAddress, calls: Pick<KernelCalls, "interfaceNumber">): Buffer | null {
  if (backend.kind === "tcp") return internetAddress(backend.host, backend.port, calls);
  const path = Buffer.from(backend.path);
  const bytes = Buffer.alloc(2 + path.length + 1);
  putFamily(bytes, AF_UNIX);
  path.copy(bytes, 2);
  return bytes;
}

export function familyOf(bytes: Buffer): number {
  return IS_LITTLE ? bytes.readUInt16LE(0) : bytes.readUInt16BE(0);
}

export function portOf(bytes: Buffer): number {
  return bytes.readUInt16BE(PORT_AT);
}

/** A peer's address as accept4(2) gives it. */
export function peerFrom(bytes: Buffer, calls: Pick<KernelCalls, "interfaceName">): PeerAddress {
  const port = portOf(bytes);
  const family = familyOf(bytes);
  if (family === AF_INET) return { source: fromV4(bytes.readUInt32BE(V4_AT)), port, zone: "" };
  if (family !== AF_INET6) return { source: SOURCE_ODD, port, zone: "" };
  const word = (i: number): number => bytes.readUInt32BE(V6_AT + 4 * i);
  const source = [word(0), word(1), word(2), word(3)] as const;
  const scope = IS_LITTLE ? bytes.readUInt32LE(SCOPE_AT) : bytes.readUInt32BE(SCOPE_AT);
  if (scope === 0) return { source, port, zone: "" };
  if (!isLinkLocal6(source)) return { source: SOURCE_ODD, port, zone: "" };
  const zone = calls.interfaceName(scope);
  // Nothing reaches a peer whose interface is no more.
  return zone === null ? { source: SOURCE_GONE, port: 0, zone: "" } : { source, port, zone };
}

function putFamily(bytes: Buffer, family: number): void {
  if (IS_LITTLE) bytes.writeUInt16LE(family, 0);
  else bytes.writeUInt16BE(family, 0);
}
