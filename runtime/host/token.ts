// Tokens. A token permits one bind of one endpoint for a service that the policy exposes `as direct`. ingressd mints tokens
// and the guard verifies them; both have the key, and the guarded program has not.
//
//   0       1      2     3     4    6     8          16      24       40    56            88     120
//   | version family proto scope port 0 | not after | subject address | nonce | policy digest | mac |
//
// All numbers are little-endian. `not after` is in UTC seconds, and the token is invalid from then on. The subject is an
// FNV-1a-64, the address has sixteen bytes, the digest is that of the policy's tree, and the MAC is HMAC-SHA256 over all
// bytes before it.
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { fnv1a64 } from "../abi/fnv.ts";
import * as v from "../abi/verdicts.ts";
import type { CodeNumber } from "../abi/names.ts";
import { PROTO_TCP, PROTO_UDP } from "../abi/layout.ts";
import { isV4, isWildcard, type Address } from "../net/address.ts";

export const TOKEN_VERSION = 1;
export const TOKEN_BYTES = 120;
export const NONCE_BYTES = 16;
export const KEY_BYTES = 32;
const AT = { family: 1, proto: 2, scope: 3, port: 4, notAfter: 8, subject: 16, address: 24, nonce: 40, policy: 56, mac: 88 } as const;
const SCOPE_ADDRESS = 1;
const SCOPE_WILDCARD = 2;
const PROTOCOLS = { tcp: PROTO_TCP, udp: PROTO_UDP } as const;

/** The bind that a token permits. */
export interface TokenFacts {
  readonly service: string;
  readonly proto: "tcp" | "udp";
  /** The address that is bound. A token for the wildcard of a family permits only the wildcard. */
  readonly address: Address;
  readonly port: number;
  /** SHA-256 of the policy's tree, lower-case hex. */
  readonly policy: string;
}

declare const verified: unique symbol;

/** A token that `verifyToken` has accepted for these facts and thereby used up. */
export interface ValidToken extends TokenFacts {
  /** UTC seconds. */
  readonly notAfter: number;
  readonly [verified]: true;
}

/** Makes a token. `key` has KEY_BYTES bytes, `nonce` has NONCE_BYTES that no other token of the key has; `notAfter` is in UTC seconds. */
export function mintToken(facts: TokenFacts, notAfter: number, nonce: Uint8Array, key: Uint8Array): Uint8Array {
  const bytes = body(facts);
  bytes.writeBigUInt64LE(BigInt(notAfter), AT.notAfter);
  bytes.set(nonce.subarray(0, NONCE_BYTES), AT.nonce);
  return Buffer.concat([bytes, macOf(bytes, key)]);
}

/** The nonces of used tokens, each until its token expires. A full set refuses further tokens. */
export class NonceSet {
  readonly #most: number;
  readonly #until = new Map<string, number>();

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#until.size;
  }

  /** Adds a nonce and returns null, or the code of the refusal. `now` and `notAfter` are in UTC seconds. */
  take(nonce: Uint8Array, notAfter: number, now: number): CodeNumber | null {
    const text = Buffer.from(nonce).toString("hex");
    if (this.#until.has(text)) return v.CODE_TOKEN_REPLAYED;
    if (this.#until.size >= this.#most) for (const [old, until] of this.#until) if (until <= now) this.#until.delete(old);
    if (this.#until.size >= this.#most) return v.CODE_TOKEN_NONCES_FULL;
    this.#until.set(text, notAfter);
    return null;
  }
}

/**
 * Returns the token if it permits `facts` at `now` (UTC seconds), and uses it up; otherwise the code of its fault. Only
 * length and version are read before the MAC is checked.
 */
export function verifyToken(token: Uint8Array, facts: TokenFacts, now: number, key: Uint8Array, nonces: NonceSet): ValidToken | CodeNumber {
  if (token.length < TOKEN_BYTES) return token.length === 0 ? v.CODE_NO_TOKEN : v.CODE_TOKEN_TRUNCATED;
  if (token.length > TOKEN_BYTES) return v.CODE_TOKEN_TOO_LONG;
  const bytes = Buffer.from(token);
  if (bytes[0] !== TOKEN_VERSION) return v.CODE_TOKEN_VERSION;
  if (!timingSafeEqual(macOf(bytes.subarray(0, AT.mac), key), bytes.subarray(AT.mac))) return v.CODE_TOKEN_FORGED;
  const due = body(facts);
  const differs = (from: number, to: number): boolean => !timingSafeEqual(bytes.subarray(from, to), due.subarray(from, to));
  if (differs(AT.subject, AT.address)) return v.CODE_TOKEN_SERVICE;
  if (differs(AT.proto, AT.scope)) return v.CODE_TOKEN_PROTO;
  if (differs(AT.family, AT.proto)) return v.CODE_TOKEN_FAMILY;
  if (differs(AT.scope, AT.port) || differs(AT.address, AT.nonce)) return v.CODE_TOKEN_SCOPE;
  if (differs(AT.port, AT.notAfter)) return v.CODE_TOKEN_PORT;
  const notAfter = Number(bytes.readBigUInt64LE(AT.notAfter));
  if (now >= notAfter) return v.CODE_TOKEN_EXPIRED;
  if (differs(AT.policy, AT.mac)) return v.CODE_TOKEN_POLICY;
  const refused = nonces.take(bytes.subarray(AT.nonce, AT.policy), notAfter, now);
  return refused ?? ({ ...facts, notAfter } as ValidToken);
}

/** Reads the key from its file's bytes, 64 hexadecimal digits on one line; null for any other bytes. */
export function readKey(bytes: Uint8Array): Uint8Array | null {
  const text = Buffer.from(bytes).toString("latin1").trim();
  return /^[0-9A-Fa-f]{64}$/.test(text) ? Buffer.from(text, "hex") : null;
}

const PROOF_TEXT = "ingress-guard proof 1";

/** The proof that a guard has the key, without the key itself, for the `challenge` of one connection and one service. */
export function proofOf(key: Uint8Array, challenge: string, service: string): string {
  return createHmac("sha256", key).update(`${PROOF_TEXT}\0${challenge}\0${service}`).digest("hex");
}

export function isProof(proof: string, key: Uint8Array, challenge: string, service: string): boolean {
  const [given, due] = [proof, proofOf(key, challenge, service)].map((text) => createHash("sha256").update(text).digest());
  return given !== undefined && due !== undefined && timingSafeEqual(given, due);
}

/** The bytes before the MAC, with zeros for `not after` and the nonce. */
function body({ service, proto, address, port, policy }: TokenFacts): Buffer {
  const bytes = Buffer.alloc(AT.mac);
  bytes[0] = TOKEN_VERSION;
  bytes[AT.family] = isV4(address) ? 4 : 6;
  bytes[AT.proto] = PROTOCOLS[proto];
  bytes[AT.scope] = isWildcard(address) ? SCOPE_WILDCARD : SCOPE_ADDRESS;
  bytes.writeUInt16LE(port, AT.port);
  bytes.writeBigUInt64LE(fnv1a64(service), AT.subject);
  address.forEach((word, i) => bytes.writeUInt32BE(word, AT.address + 4 * i));
  bytes.write(policy, AT.policy, "hex");
  return bytes;
}

function macOf(bytes: Uint8Array, key: Uint8Array): Buffer {
  return createHmac("sha256", key).update(bytes).digest();
}
