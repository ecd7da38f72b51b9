// A signature section is checked where keys are trusted, and nothing else than a right one passes.
import { createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { signModule } from "../../compiler/cli/signing.ts";
import { concatBytes, readSections, SECTION_HASH, writeCustom } from "../../runtime/abi/sections.ts";
import { loadPolicy } from "../../runtime/host/load.ts";
import { loadPolicyInWorker } from "../../runtime/host/load_in_worker.ts";
import { verifyModule, type Trust } from "../../runtime/host/verify.ts";
import { createHash } from "node:crypto";
import { moduleOf } from "./compiled.ts";
import { newSigner, privateKeyOf, signed, signerOf } from "./signed.ts";

const test = suite("signature");
const good = moduleOf("edition 1\nexpose web on tcp 8443 { backend 127.0.0.1:8080 allow from 198.51.100.0/24 }");
const other = moduleOf("edition 1\nexpose web on tcp 8443 { backend 127.0.0.1:8080 allow from any }");
const ours = newSigner();
const theirs = newSigner();
const trust: Trust = [ours.trusted];

function codeOf(bytes: Uint8Array, keys: Trust): string {
  const result = loadPolicy(bytes, keys);
  return !result.ok ? result.error.code : "loaded";
}

const right = signed(good, ours);
const last64 = (bytes: Uint8Array): Uint8Array => bytes.subarray(-64);
const withLast64 = (bytes: Uint8Array, signature: Uint8Array): Uint8Array => concatBytes([bytes.subarray(0, -64), signature]);

/** The group's order; a signature whose S is not below it is a second form of the same one. */
const L = 2n ** 252n + 27742317777372353535851937790883648493n;

function raisedS(signature: Uint8Array): Uint8Array {
  let s = 0n;
  for (let i = 63; i >= 32; i--) s = s * 256n + BigInt(signature[i] ?? 0);
  const out = Uint8Array.from(signature);
  for (let i = 32, rest = s + L; i < 64; i++, rest >>= 8n) out[i] = Number(rest & 255n);
  return out;
}

/** A change of the module with the hash repaired, under the old signature section. */
function resealed(bytes: Uint8Array, at: number): Uint8Array {
  const hash = readSections(bytes)?.find((s) => s.name === SECTION_HASH);
  if (hash === undefined) throw new Error("no hash");
  const body = Uint8Array.from(bytes.subarray(0, hash.start));
  body[at] = (body[at] ?? 0) ^ 1;
  return concatBytes([body, writeCustom(SECTION_HASH, createHash("sha256").update(body).digest()), bytes.subarray(hash.end)]);
}

interface Row {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** With our key trusted. */
  readonly due: string;
  /** With no keys configured, where that differs; null: not checked. */
  readonly unchecked?: string | null;
}

const rows: readonly Row[] = [
  { name: "signed by us", bytes: right, due: "loaded" },
  { name: "signed by us, with the highest revision", bytes: signed(good, ours, { revision: 2n ** 53n - 1n }), due: "loaded" },
  { name: "not signed", bytes: good, due: "signature_missing", unchecked: "loaded" },
  { name: "signed by others", bytes: signed(good, theirs), due: "signature_key", unchecked: "loaded" },
  {
    name: "signed by others under our key id",
    bytes: signed(good, theirs, { keyId: Buffer.from(ours.trusted.id, "hex") }),
    due: "signature_bad",
    unchecked: "loaded",
  },
  {
    name: "signed by us under their key id",
    bytes: signed(good, ours, { keyId: Buffer.from(theirs.trusted.id, "hex") }),
    due: "signature_key",
    unchecked: "loaded",
  },
  { name: "another module's signature", bytes: concatBytes([other, right.subarray(good.length)]), due: "signature_bad", unchecked: "loaded" },
  { name: "another revision's signature", bytes: withLast64(signed(good, ours, { revision: 2n }), last64(right)), due: "signature_bad", unchecked: "loaded" },
  { name: "a signature of zeros", bytes: withLast64(right, new Uint8Array(64)), due: "signature_bad", unchecked: "loaded" },
  { name: "S raised by the group's order", bytes: withLast64(right, raisedS(last64(right))), due: "signature_bad", unchecked: "loaded" },
  {
    name: "R of small order",
    bytes: withLast64(right, concatBytes([Uint8Array.of(1), new Uint8Array(31), last64(right).subarray(32)])),
    due: "signature_bad",
    unchecked: "loaded",
  },
  { name: "signed without the domain", bytes: signed(good, ours, { domain: "" }), due: "signature_bad", unchecked: "loaded" },
  { name: "signed for another domain", bytes: signed(good, ours, { domain: "ingressd policy signature v2\0" }), due: "signature_bad", unchecked: "loaded" },
  { name: "revision 0", bytes: signed(good, ours, { revision: 0n }), due: "signature_malformed" },
  { name: "a revision above 2^53 - 1", bytes: signed(good, ours, { revision: 2n ** 53n }), due: "signature_malformed" },
  { name: "the highest revision of 64 bits", bytes: signed(good, ours, { revision: 2n ** 64n - 1n }), due: "signature_malformed" },
  { name: "version 0", bytes: signed(good, ours, { version: 0 }), due: "signature_version" },
  { name: "version 2", bytes: signed(good, ours, { version: 2 }), due: "signature_version" },
  { name: "algorithm 0", bytes: signed(good, ours, { algorithm: 0 }), due: "signature_algorithm" },
  { name: "algorithm 2", bytes: signed(good, ours, { algorithm: 2 }), due: "signature_algorithm" },
  { name: "a byte more in the section", bytes: signed(good, ours, { between: Uint8Array.of(0) }), due: "signature_malformed" },
  { name: "a key id of 15 bytes", bytes: signed(good, ours, { keyId: new Uint8Array(15) }), due: "signature_malformed" },
  { name: "the size in a longer form", bytes: signed(good, ours, { sizeBytes: 2 }), due: "signature_malformed" },
  { name: "an empty signature section", bytes: concatBytes([good, writeCustom("ingress.signature", new Uint8Array(0))]), due: "signature_malformed" },
  { name: "the section under another name", bytes: signed(good, ours, { name: "ingress.signaturf" }), due: "module_trailing" },
  { name: "signed twice by us", bytes: signed(right, ours, { revision: 2n }), due: "signature_twice" },
  { name: "signed by others over our signature", bytes: signed(right, theirs), due: "signature_twice" },
  { name: "a section behind the signature", bytes: concatBytes([right, writeCustom("x", new Uint8Array(3))]), due: "module_trailing" },
  { name: "a byte behind the signature", bytes: concatBytes([right, Uint8Array.of(0)]), due: "module_malformed" },
  { name: "a whole core section behind the signature", bytes: concatBytes([right, Uint8Array.of(1, 0)]), due: "module_trailing" },
  { name: "the signature cut by a byte", bytes: right.subarray(0, -1), due: "module_malformed" },
  { name: "the signature before the hash", bytes: signatureFirst(), due: "signature_missing", unchecked: "module_malformed" },
  { name: "the module without its hash, signed", bytes: signed(good.subarray(0, readSections(good)?.at(-1)?.start), ours), due: "module_hash" },
  { name: "an empty module, signed", bytes: signed(good.subarray(0, 8), ours), due: "module_hash" },
  { name: "foreign code, signed", bytes: signed(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0), ours), due: "module_hash" },
  { name: "a changed module with its hash repaired", bytes: resealed(right, good.length - 200), due: "signature_bad", unchecked: null },
];

/** A module whose signature section is before its hash section. */
function signatureFirst(): Uint8Array {
  const hash = readSections(good)?.at(-1);
  const body = signed(good.subarray(0, hash?.start), ours);
  return concatBytes([body, writeCustom(SECTION_HASH, createHash("sha256").update(body).digest())]);
}

for (const { name, bytes, due, unchecked } of rows) {
  test(name, () => {
    assert.is(codeOf(bytes, trust), due, "with our key");
    // Neither more keys nor their order let more in, and an empty list of keys differs from no list.
    assert.is(codeOf(bytes, [newSigner().trusted, ours.trusted]), due, "with our key and one more");
    assert.is(codeOf(bytes, []) === "loaded", false, "with an empty list");
    if (unchecked !== null) assert.is(codeOf(bytes, null), unchecked ?? due, "with no keys");
  });
}

test("what is known of a signature says whether it was checked", () => {
  const info = (keys: Trust): unknown => {
    const result = loadPolicy(signed(good, ours, { revision: 41n }), keys);
    return !result.ok ? result.error.code : result.value.info.signature;
  };
  assert.equal(info(trust), { keyId: ours.trusted.id, revision: 41, verified: true });
  assert.equal(info(null), { keyId: ours.trusted.id, revision: 41, verified: false });
  const plain = loadPolicy(good);
  assert.is(plain.ok && plain.value.info.signature, null);
});

test("every bit of the section, and of every part of the module, counts", () => {
  const copy = Uint8Array.from(right);
  const flip = (byte: number, bit: number): void => {
    copy[byte] = (copy[byte] ?? 0) ^ (1 << bit);
  };
  const passes = (): boolean => verifyModule(copy, trust).ok;
  let tried = 0;
  const refuses = (byte: number, bit: number): void => {
    flip(byte, bit);
    assert.not.ok(passes(), `byte ${byte - good.length} bit ${bit}`);
    flip(byte, bit);
    tried++;
  };
  for (let byte = good.length; byte < right.length; byte++) for (let bit = 0; bit < 8; bit++) refuses(byte, bit);
  assert.is(tried, 110 * 8);
  for (let byte = 0; byte < good.length; byte += 23) refuses(byte, byte % 8);
  assert.ok(passes(), "the copy is whole again");
});

test("with the hash repaired, it is the signature that counts", () => {
  const hash = readSections(right)?.find((s) => s.name === SECTION_HASH);
  let tried = 0;
  for (let at = 8; at < (hash?.start ?? 0); at += 211, tried++) {
    const code = codeOf(resealed(right, at), trust);
    // Where the list of sections itself is torn, that is seen first.
    assert.ok(["signature_bad", "module_malformed", "module_hash", "module_trailing"].includes(code), `byte ${at}: ${code}`);
  }
  assert.ok(tried > 50);
});

test("a signed module cut at any byte", () => {
  for (let length = good.length; length < right.length; length++) {
    const due = length === good.length ? "signature_missing" : "module_malformed";
    assert.is(codeOf(right.subarray(0, length), trust), due, `cut to ${length - good.length} bytes of the signature`);
  }
});

test("the worker checks signatures too", async () => {
  const outcomeOf = async (bytes: Uint8Array, keys: Trust): Promise<string> => {
    const result = await loadPolicyInWorker(Uint8Array.from(bytes), keys, 60_000);
    return !result.ok ? result.error.code : String(result.value.info.signature?.verified);
  };
  assert.equal(await Promise.all([outcomeOf(right, trust), outcomeOf(good, trust), outcomeOf(right, []), outcomeOf(right, null)]), [
    "true",
    "signature_missing",
    "signature_key",
    "false",
  ]);
});

test("the product's writer makes the same bytes", () => {
  const made = signModule(good, { key: ours.key, public: ours.trusted }, 258);
  assert.equal(Buffer.from(made).toString("hex"), Buffer.from(signed(good, ours, { revision: 258n })).toString("hex"));
});

/** Computed once with Go's crypto/ed25519 from the seed of RFC 8032, test 1. */
const VECTOR = {
  seed: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
  public: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
  id: "21fe31dfa154a261626bf854046fd227",
  module: "0061736d01000000",
  head: "006c11696e67726573732e7369676e6174757265010121fe31dfa154a261626bf854046fd2270700000000000000",
  signature: "775fc21bc7146e7926b7781a2edccc9feaf5efaba867fbc6a94a008c4e95cb1ed34704c93455c212b41e2549cdc6330a55250b8ddb85b3ca042f176004c25201",
};

test("the vector of docs/abi.md", () => {
  const key = privateKeyOf(VECTOR.seed);
  const signer = signerOf(key, createPublicKey(key));
  assert.is(signer.trusted.id, VECTOR.id);
  assert.is(Buffer.from(signer.trusted.raw).toString("hex"), VECTOR.public);
  const made = signModule(Buffer.from(VECTOR.module, "hex"), { key, public: signer.trusted }, 7);
  assert.is(Buffer.from(made).toString("hex"), VECTOR.module + VECTOR.head + VECTOR.signature);
  const message = Buffer.concat([Buffer.from("ingressd policy signature v1\0"), Buffer.from(VECTOR.module + VECTOR.head, "hex")]);
  assert.ok(verify(null, message, createPublicKey(key), Buffer.from(VECTOR.signature, "hex")));
  const page = readFileSync(new URL("../../docs/abi.md", import.meta.url), "utf8").replace(/\s/g, "");
  for (const [name, hex] of Object.entries(VECTOR)) assert.ok(page.includes(hex), `docs/abi.md has the vector's ${name}`);
});

test.run();
