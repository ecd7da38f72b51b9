// The PROXY protocol: a header about the client that a backend gets before the client's own bytes. Version 1 is a line of text,
// version 2 is bytes with fields. Source: HAProxy's doc/proxy-protocol.txt (2020/03/05).
import { formatAddress, isV4, type Address } from "../../runtime/net/address.ts";

export type ProxyVersion = "v1" | "v2";

export interface Endpoint {
  readonly address: Address;
  readonly port: number;
}

/** The client's certificate, where one was verified. */
export interface Certified {
  /** The word of the identity by which the client was admitted, such as `dns:jump.example`; null: it has none. */
  readonly identity: string | null;
  /** 32 bytes; null where the certificate's own word is not known. */
  readonly sha256: Uint8Array | null;
}

export interface ProxiedClient {
  readonly source: Endpoint;
  /** Where the client connected to. */
  readonly local: Endpoint;
  /** The server name, in canonical form. */
  readonly name: string | null;
  readonly certified: Certified | null;
  /** The protocol that was negotiated with the client by ALPN; null or absent: none. */
  readonly protocol?: string | null;
}

export const SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
/** Version 2, command PROXY. */
const PROXY = 0x21;
export const STREAM_V4 = 0x11;
export const STREAM_V6 = 0x21;

export const TLV_ALPN = 0x01;
export const TLV_AUTHORITY = 0x02;
export const TLV_SSL = 0x20;
/** The first of the types that everybody may give a meaning (PP2_TYPE_MIN_CUSTOM). */
export const TLV_IDENTITY = 0xe0;
export const TLV_CERTIFICATE = 0xe1;

/** PP2_CLIENT_SSL and PP2_CLIENT_CERT_CONN: TLS, and a certificate in this connection. */
const SSL_WITH_CERTIFICATE = 0x01 | 0x02;
/** Of all fields behind the addresses. An identity for which there is no room is left out. */
export const FIELDS_MOST_BYTES = 1024;

/** Null where the two addresses are not of one family, which no header can say. */
export function proxyHeader(version: ProxyVersion, client: ProxiedClient): Buffer | null {
  const v4 = isV4(client.source.address);
  if (v4 !== isV4(client.local.address)) return null;
  return version === "v1" ? line(client, v4) : bytes(client, v4);
}

function line({ source, local }: ProxiedClient, v4: boolean): Buffer {
  const addresses = `${formatAddress(source.address)} ${formatAddress(local.address)}`;
  return Buffer.from(`PROXY ${v4 ? "TCP4" : "TCP6"} ${addresses} ${source.port} ${local.port}\r\n`, "latin1");
}

function bytes({ source, local, name, certified, protocol = null }: ProxiedClient, v4: boolean): Buffer {
  const addresses = Buffer.concat([addressBytes(source.address, v4), addressBytes(local.address, v4), port(source.port), port(local.port)]);
  const said = Buffer.concat([
    ...(protocol === null ? [] : [field(TLV_ALPN, Buffer.from(protocol, "latin1"))]),
    ...(name === null ? [] : [field(TLV_AUTHORITY, Buffer.from(name))]),
  ]);
  const fields = Buffer.concat([said, ...(certified === null ? [] : certifiedFields(certified, FIELDS_MOST_BYTES - said.length))]);
  const head = Buffer.from([PROXY, v4 ? STREAM_V4 : STREAM_V6, 0, 0]);
  head.writeUInt16BE(addresses.length + fields.length, 2);
  return Buffer.concat([SIGNATURE, head, addresses, fields]);
}

/** In at most `most` bytes. */
function certifiedFields({ identity, sha256 }: Certified, most: number): readonly Buffer[] {
  // `verify` is 0: the certificate was verified, or the client would not be here.
  const tls = field(TLV_SSL, Buffer.from([SSL_WITH_CERTIFICATE, 0, 0, 0, 0]));
  const certificate = sha256 === null ? [] : [field(TLV_CERTIFICATE, Buffer.from(sha256))];
  const room = [tls, ...certificate].reduce((left, { length }) => left - length, most);
  const word = identity === null ? null : field(TLV_IDENTITY, Buffer.from(identity));
  return [tls, ...(word === null || word.length > room ? [] : [word]), ...certificate];
}

function field(type: number, value: Buffer): Buffer {
  const head = Buffer.from([type, 0, 0]);
  head.writeUInt16BE(value.length, 1);
  return Buffer.concat([head, value]);
}

function addressBytes(address: Address, v4: boolean): Buffer {
  const all = Buffer.alloc(16);
  address.forEach((word, i) => all.writeUInt32BE(word >>> 0, 4 * i));
  return v4 ? all.subarray(12) : all;
}

function port(number: number): Buffer {
  return Buffer.from([number >>> 8, number & 0xff]);
}
