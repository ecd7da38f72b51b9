// Tokens: the one that is right, and every way to be wrong, each with its code.
import { createHmac } from "node:crypto";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CODES } from "../../runtime/abi/names.ts";
import { isProof, KEY_BYTES, mintToken, NonceSet, proofOf, readKey, TOKEN_BYTES, verifyToken, type TokenFacts } from "../../runtime/host/token.ts";
import { fromV4, type Address } from "../../runtime/net/address.ts";

const test = suite("token");
const key = Uint8Array.from({ length: KEY_BYTES }, (_, i) => i + 1);
const nonce = Uint8Array.from({ length: 16 }, (_, i) => 0xf0 + i);
const POLICY = "ab".repeat(32);
const END = 2_000_000_000;
const ANY4 = fromV4(0);
const ANY6: Address = [0, 0, 0, 0];
const facts: TokenFacts = { service: "dns", proto: "udp", address: fromV4(0x0a010203), port: 53, policy: POLICY };
const minted = mintToken(facts, END, nonce, key);

/** `ok`, or the word of the code. */
function said(token: Uint8Array, request: Partial<TokenFacts> = {}, now = END - 1, other = key, nonces = new NonceSet(4)): string {
  const verified = verifyToken(token, { ...facts, ...request }, now, other, nonces);
  return typeof verified === "number" ? CODES[verified].name : "ok";
}

test("its bytes are these", () => {
  const due = [
    "01",
    "04",
    "11",
    "01",
    "3500",
    "0000",
    "0094357700000000",
    fnvOf("dns"),
    "00000000000000000000ffff0a010203",
    Buffer.from(nonce).toString("hex"),
    POLICY,
  ].join("");
  const mac = createHmac("sha256", key).update(Buffer.from(due, "hex")).digest("hex");
  assert.is(Buffer.from(minted).toString("hex"), due + mac);
  assert.is(minted.length, TOKEN_BYTES);
});

/** FNV-1a-64, eight bytes from the lowest on. */
function fnvOf(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const c of Buffer.from(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(c)) * 0x100000001b3n);
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(hash);
  return bytes.toString("hex");
}

const others = (change: Partial<TokenFacts>): Uint8Array => mintToken({ ...facts, ...change }, END, nonce, key);
const rows: readonly (readonly [name: string, due: string, token: Uint8Array, now?: number])[] = [
  ["the right one", "ok", minted],
  ["missing", "no_token", new Uint8Array(0)],
  ["truncated by a byte", "token_truncated", minted.subarray(0, TOKEN_BYTES - 1)],
  ["one byte of it", "token_truncated", minted.subarray(0, 1)],
  ["too long by a byte", "token_too_long", Buffer.concat([minted, Buffer.from([0])])],
  ["twice", "token_too_long", Buffer.concat([minted, minted])],
  ["version 0", "token_version", withByte(0, 0)],
  ["version 2", "token_version", withByte(0, 2)],
  ["another service", "token_service", others({ service: "web" })],
  ["a service whose name begins alike", "token_service", others({ service: "dn" })],
  ["another protocol", "token_proto", others({ proto: "tcp" })],
  ["another family", "token_family", others({ address: [0x20010db8, 0, 0, 1] })],
  ["the wildcard of another family", "token_family", others({ address: ANY6 })],
  ["another address", "token_scope", others({ address: fromV4(0x0a010204) })],
  ["every address in place of one", "token_scope", others({ address: ANY4 })],
  ["the port below", "token_port", others({ port: 52 })],
  ["the port above", "token_port", others({ port: 54 })],
  ["the port with its bytes turned", "token_port", others({ port: 53 << 8 })],
  ["one second before its end", "ok", minted, END - 1],
  ["at its end", "token_expired", minted, END],
  ["one second after it", "token_expired", minted, END + 1],
  ["another policy", "token_policy", others({ policy: "ab".repeat(31) + "ac" })],
  ["zeros with a MAC of zeros", "token_forged", Uint8Array.from({ length: TOKEN_BYTES }, (_, i) => (i === 0 ? 1 : 0))],
];

function withByte(at: number, value: number): Uint8Array {
  const bytes = Uint8Array.from(minted);
  bytes[at] = value;
  return bytes;
}

for (const [name, due, token, now] of rows) test(name, () => assert.is(said(token, {}, now), due));

test("one address in place of every one", () => assert.is(said(minted, { address: ANY4 }), "token_scope"));

test("every byte, turned in every bit, is seen", () => {
  for (let at = 0; at < TOKEN_BYTES; at++) {
    for (let bit = 0; bit < 8; bit++)
      assert.is(said(withByte(at, (minted[at] ?? 0) ^ (1 << bit))), at === 0 ? "token_version" : "token_forged", `byte ${at} bit ${bit}`);
  }
});

test("another key", () => {
  for (let at = 0; at < KEY_BYTES; at++)
    assert.is(
      said(
        minted,
        {},
        END - 1,
        key.map((b, i) => (i === at ? b ^ 1 : b)),
      ),
      "token_forged",
    );
});

test("a wrong token uses up no nonce, and a token is accepted once", () => {
  const nonces = new NonceSet(4);
  assert.is(said(minted, { port: 54 }, END - 1, key, nonces), "token_port");
  assert.is(said(minted, {}, END, key, nonces), "token_expired");
  assert.is(nonces.size, 0);
  assert.is(said(minted, {}, END - 1, key, nonces), "ok");
  assert.is(said(minted, {}, END - 1, key, nonces), "token_replayed");
});

test("the set of nonces is bounded: N are taken, one more is refused until one has ended", () => {
  const nonces = new NonceSet(3);
  const token = (n: number, end: number): Uint8Array => mintToken(facts, end, new Uint8Array(16).fill(n), key);
  assert.equal(
    [1, 2, 3].map((n) => said(token(n, END + n), {}, 1_000, key, nonces)),
    ["ok", "ok", "ok"],
  );
  assert.is(said(token(4, END + 9), {}, 1_000, key, nonces), "token_nonces_full");
  // A full set still knows those that it has.
  assert.is(said(token(2, END + 2), {}, 1_000, key, nonces), "token_replayed");
  assert.is(said(token(4, END + 9), {}, END, key, nonces), "token_nonces_full");
  assert.is(said(token(4, END + 9), {}, END + 1, key, nonces), "ok");
  assert.is(nonces.size, 3);
});

test("a proof is of one key, one challenge and one service", () => {
  const proof = proofOf(key, "c0ffee", "dns");
  assert.ok(isProof(proof, key, "c0ffee", "dns"));
  for (const [k, challenge, service, text] of [
    [key.map((b) => b ^ 1), "c0ffee", "dns", proof],
    [key, "c0ffed", "dns", proof],
    [key, "c0ffee", "web", proof],
    [key, "c0ffee", "dns", proof.slice(1)],
    [key, "c0ffee", "dns", ""],
    [key, "c0ffee", "dns", proof.toUpperCase()],
    [key, "c0ff", "ee\0dns", proof],
  ] as const) {
    assert.not.ok(isProof(text, k, challenge, service));
  }
});

test("a key is 64 hexadecimal digits", () => {
  const text = Buffer.from(key).toString("hex");
  assert.equal(readKey(Buffer.from(`${text}\n`)), Buffer.from(key));
  for (const bad of ["", text.slice(1), `${text}0`, text.replace(/^../, "0x"), `${text} ${text}`]) assert.is(readKey(Buffer.from(bad)), null, bad);
});

test.run();
