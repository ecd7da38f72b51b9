// The two platforms of the host, Node's and the one that needs no Node, say the same.
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { bytesOfHex, hexOf, sameBytes } from "../../runtime/host/bytes.ts";
import * as node from "../../runtime/host/platform.ts";
import * as portable from "../../runtime/host/platform_portable.ts";

const test = suite("platform");

test("SHA-256 is the same, of nothing, of one block and of many", () => {
  for (const length of [0, 1, 55, 56, 63, 64, 65, 70_000]) {
    const bytes = Uint8Array.from({ length }, (_, i) => i * 7);
    const due = createHash("sha256").update(bytes).digest("hex");
    assert.equal([hexOf(node.sha256(bytes)), hexOf(portable.sha256(bytes))], [due, due], `${length} bytes`);
  }
});

test("Node checks Ed25519; without Node the answer is that it can't", () => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const raw = new Uint8Array(publicKey.export({ format: "der", type: "spki" })).subarray(-32);
  const message = Uint8Array.of(1, 2, 3);
  const signature = new Uint8Array(sign(null, message, privateKey));
  assert.is(node.verifyEd25519(raw, message, signature), true);
  assert.is(node.verifyEd25519(raw, Uint8Array.of(1, 2, 4), signature), false);
  assert.is(portable.verifyEd25519(), null);
});

test("a turn comes later on both", async () => {
  for (const { nextTurn } of [node, portable]) {
    let came = false;
    const turn = nextTurn().then(() => {
      came = true;
    });
    await Promise.resolve();
    assert.not.ok(came);
    await turn;
    assert.ok(came);
  }
});

test("bytes and hex", () => {
  assert.is(hexOf(Uint8Array.of(0, 10, 255)), "000aff");
  assert.equal(bytesOfHex("000aff"), Uint8Array.of(0, 10, 255));
  assert.ok(sameBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2)));
  for (const other of [Uint8Array.of(1), Uint8Array.of(1, 3), Uint8Array.of(1, 2, 0)]) assert.not.ok(sameBytes(Uint8Array.of(1, 2), other));
});

test.run();
