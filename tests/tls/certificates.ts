// Certificates as tests want them, also those that no proper authority would issue: a minimal
// writer of DER (X.690, RFC 5280), signed with ECDSA on P-256.
import { createHash, createPublicKey, generateKeyPairSync, sign, type KeyObject } from "node:crypto";

export interface Issued {
  readonly pem: string;
  readonly der: Buffer;
  /** PKCS #8. */
  readonly key: string;
}

/** One that signs others. */
export interface Authority extends Issued {
  readonly name: string;
  readonly signer: KeyObject;
}

/** A GeneralName: its context tag, its content, and whether that is made of values. */
export interface Name {
  readonly tag: number;
  readonly content: Buffer | string;
  readonly constructed?: boolean;
}

export const dns = (content: string): Name => ({ tag: 2, content });
export const uri = (content: string): Name => ({ tag: 6, content });
export const email = (content: string): Name => ({ tag: 1, content });
export const ip = (...bytes: readonly number[]): Name => ({ tag: 7, content: Buffer.from(bytes) });

type Use = "client" | "server" | "both" | "code" | "none";

export interface Wish {
  readonly commonName?: string;
  /** Undefined: no extension; a Buffer: its content, unchanged. */
  readonly names?: readonly Name[] | Buffer;
  /** Extensions more, whole. */
  readonly more?: readonly Buffer[];
  readonly use?: Use;
  /** Days from now. */
  readonly from?: number;
  readonly until?: number;
  readonly ca?: boolean;
  /** Another key than a fresh one on P-256. */
  readonly key?: KeyObject;
  /** Of the signature. */
  readonly digest?: "sha256" | "sha1";
}

export function authority(
  name: string,
  { from = -1, until = 3650, by, more = [], digest = "sha256" }: Pick<Wish, "from" | "until" | "more" | "digest"> & { readonly by?: Authority } = {},
): Authority {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const issued = made(by ?? { name, signer: privateKey }, privateKey, { commonName: name, ca: true, use: "none", from, until, more, digest });
  return { ...issued, name, signer: privateKey };
}

export function leaf(by: Authority, wish: Wish): Issued {
  return made(by, wish.key ?? generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey, wish);
}

function made(by: Pick<Authority, "name" | "signer">, key: KeyObject, wish: Wish): Issued {
  const { commonName = "a test", names, more = [], use = "both", from = -1, until = 3650, ca = false, digest = "sha256" } = wish;
  const algorithm = sequence(digest === "sha1" ? oid(1, 2, 840, 10045, 4, 1) : oid(1, 2, 840, 10045, 4, 3, 2));
  const subjectKey = createHash("sha1").update(publicKeyOf(key)).digest();
  const extensions = [
    extension(oid(2, 5, 29, 19), sequence(...(ca ? [tlv(0x01, Buffer.from([0xff]))] : [])), true),
    extension(oid(2, 5, 29, 14), tlv(0x04, subjectKey)),
    ...(ca ? [extension(oid(2, 5, 29, 15), tlv(0x03, Buffer.from([1, 0x06])), true)] : []),
    ...(use === "none" ? [] : [extension(oid(2, 5, 29, 37), sequence(...usesOf(use)))]),
    ...(names === undefined ? [] : [subjectAltName(names)]),
    ...more,
  ];
  const body = sequence(
    tlv(0xa0, integer(2)),
    integer(serial++),
    algorithm,
    distinguished(by.name),
    sequence(time(from), time(until)),
    distinguished(commonName),
    publicKeyOf(key),
    tlv(0xa3, sequence(...extensions)),
  );
  const signature = sign(digest, body, by.signer);
  const der = sequence(body, algorithm, tlv(0x03, Buffer.concat([Buffer.from([0]), signature])));
  const exported = key.export({ type: "pkcs8", format: "pem" });
  return { der, pem: pemOf(der), key: exported.toString() };
}

let serial = 1;

function pemOf(der: Buffer): string {
  return `-----BEGIN CERTIFICATE-----\n${(der.toString("base64").match(/.{1,64}/g) ?? []).join("\n")}\n-----END CERTIFICATE-----\n`;
}

export function subjectAltName(names: readonly Name[] | Buffer): Buffer {
  return extension(oid(2, 5, 29, 17), Buffer.isBuffer(names) ? names : sequence(...names.map(generalName)));
}

function generalName({ tag, content, constructed = false }: Name): Buffer {
  return tlv(0x80 | (constructed ? 0x20 : 0) | tag, typeof content === "string" ? Buffer.from(content, "latin1") : content);
}

export function sequence(...parts: readonly Buffer[]): Buffer {
  return tlv(0x30, Buffer.concat(parts));
}

export function tlv(tag: number, content: Buffer): Buffer {
  const n = content.length;
  const length =
    n < 0x80 ? [n]
    : n < 0x100 ? [0x81, n]
    : n < 0x10000 ? [0x82, n >> 8, n & 255]
    : [0x83, n >> 16, (n >> 8) & 255, n & 255];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

export function oid(first: number, second: number, ...rest: readonly number[]): Buffer {
  const bytes = [first * 40 + second];
  for (const n of rest) {
    const groups = [n & 127];
    for (let left = n >>> 7; left > 0; left >>>= 7) groups.unshift((left & 127) | 128);
    bytes.push(...groups);
  }
  return tlv(0x06, Buffer.from(bytes));
}

export function extension(id: Buffer, content: Buffer, critical = false): Buffer {
  return sequence(id, ...(critical ? [tlv(0x01, Buffer.from([0xff]))] : []), tlv(0x04, content));
}

function usesOf(use: Exclude<Use, "none">): readonly Buffer[] {
  const purpose = (n: number): Buffer => oid(1, 3, 6, 1, 5, 5, 7, 3, n);
  return { client: [purpose(2)], server: [purpose(1)], both: [purpose(1), purpose(2)], code: [purpose(3)] }[use];
}

function distinguished(commonName: string): Buffer {
  return sequence(tlv(0x31, sequence(oid(2, 5, 4, 3), tlv(0x0c, Buffer.from(commonName)))));
}

function integer(n: number): Buffer {
  return tlv(
    0x02,
    Buffer.from(
      n < 128 ? [n]
      : n < 32768 ? [n >> 8, n & 255]
      : [0, n >> 16, (n >> 8) & 255, n & 255],
    ),
  );
}

function time(days: number): Buffer {
  const text = new Date(Date.now() + days * 86_400_000).toISOString().replace(/[-:T]/g, "").slice(2, 14);
  return tlv(0x17, Buffer.from(`${text}Z`));
}

function publicKeyOf(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: "spki", format: "der" });
}
