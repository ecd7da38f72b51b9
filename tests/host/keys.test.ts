// Which public keys may be trusted: one in a file, Ed25519, and none for which anybody can sign.
import { createPublicKey, generateKeyPairSync, verify } from "node:crypto";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parsePublicKey, trustedKey } from "../../runtime/host/keys.ts";
import { skip } from "../skip.ts";
import { newSigner } from "./signed.ts";

const test = suite("keys");
const { pem, trusted } = newSigner();
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const spki = (key: { export(o: { format: "pem"; type: "spki" }): string | Buffer }): string => key.export({ format: "pem", type: "spki" }).toString();

test("a public key and its id", () => {
  for (const text of [pem, `\n${pem}\n`, pem.replaceAll("\n", "\r\n")]) {
    const key = parsePublicKey(text);
    assert.is(!key.ok ? key.error : key.value.id, trusted.id);
  }
});

test("what is no key to trust", () => {
  const pair = generateKeyPairSync("ed25519");
  const rows: readonly (readonly [name: string, text: string, due: RegExp])[] = [
    ["nothing", "", /not one public key in PEM/],
    ["text", "hello", /not one public key in PEM/],
    ["a private key", pair.privateKey.export({ format: "pem", type: "pkcs8" }).toString(), /contains a private key/],
    ["a private key and its public one", pair.privateKey.export({ format: "pem", type: "pkcs8" }).toString() + spki(pair.publicKey), /contains a private key/],
    ["two keys", pem + spki(pair.publicKey), /not one public key in PEM/],
    ["a key and a line", `# ours\n${pem}`, /not one public key in PEM/],
    ["half a key", pem.slice(0, 60), /not one public key in PEM/],
    ["a key cut inside", pem.replace(/^MCow.{8}/m, "MCow"), /not a public key that can be read/],
    ["a key with 31 bytes", rawPem(new Uint8Array(31), "3029300506032b6570032000"), /not a public key that can be read/],
    ["an RSA key", spki(rsa.publicKey), /type rsa/],
    ["an X25519 key", spki(generateKeyPairSync("x25519").publicKey), /type x25519/],
    ["an Ed448 key", spki(generateKeyPairSync("ed448").publicKey), /type ed448/],
    ["a P-256 key", spki(generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey), /type ec/],
    ["a weak key", rawPem(Uint8Array.of(1, ...new Uint8Array(31))), /is a weak key/],
  ];
  for (const [name, text, due] of rows) {
    const key = parsePublicKey(text);
    assert.match(!key.ok ? key.error : "accepted", due, name);
  }
});

const HEAD = "302a300506032b6570032100";

function rawPem(raw: Uint8Array, head = HEAD): string {
  const der = Buffer.concat([Buffer.from(head, "hex"), raw]);
  return `-----BEGIN PUBLIC KEY-----\n${der.toString("base64")}\n-----END PUBLIC KEY-----\n`;
}

/** All encodings of the eight points whose order divides 8. */
const ff = "ff".repeat(30);
const small = [
  `00${"00".repeat(31)}`,
  `01${"00".repeat(31)}`,
  `ec${ff}7f`,
  `ed${ff}7f`,
  `ee${ff}7f`,
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
].flatMap((hex) =>
  [0, 0x80].map((sign) => {
    const raw = Buffer.from(hex, "hex");
    raw[31] = (raw[31] ?? 0) | sign;
    return raw;
  }),
);

test("every key of small order is refused, whatever this Node would accept for it", () => {
  for (const raw of small) {
    const refused = trustedKey(raw);
    assert.ok(!refused.ok && refused.error.includes("weak key"), raw.toString("hex"));
  }
});

/** Of 64 messages, those for which S = 0 and one of fourteen R passes as the key's signature: about every second. */
function forged(raw: Uint8Array): number {
  const key = createPublicKey({ key: Buffer.concat([Buffer.from(HEAD, "hex"), raw]), format: "der", type: "spki" });
  return Array.from({ length: 64 }, (_, i) => small.some((r) => verify(null, Buffer.of(i), key, Buffer.concat([r, Buffer.alloc(32)])))).filter((yes) => yes)
    .length;
}

const forgeries = small.map(forged);
if (forgeries.some((n) => n > 0)) {
  test("that is why: each of them has signatures that nobody made", () => {
    small.forEach((raw, i) => assert.ok((forgeries[i] ?? 0) > 0, `${raw.toString("hex")} is a danger`));
  });
} else skip("keys signatures that nobody made", `OpenSSL ${process.versions.openssl} accepts none itself`);

test("y at and around the field's order", () => {
  const at = (first: number, last: number, middle = 0xff): Uint8Array => Uint8Array.of(first, ...new Uint8Array(30).fill(middle), last);
  const rows: readonly (readonly [Uint8Array, boolean])[] = [
    [at(0xeb, 0x7f), true],
    [at(0xec, 0x7f), false],
    [at(0xed, 0x7f), false],
    [at(0xff, 0x7f), false],
    [at(0xff, 0xff), false],
    [at(0xff, 0x7e), true],
    [at(0xff, 0x7f, 0xfe), true],
  ];
  for (const [raw, taken] of rows) assert.is(trustedKey(raw).ok, taken, Buffer.from(raw).toString("hex"));
  for (const length of [0, 31, 33]) assert.ok(!trustedKey(new Uint8Array(length).fill(7)).ok, String(length));
});

test.run();
