// The vectors themselves: the same bytes from the same seed, as many answers as are promised, all kinds
// of them, and the oracle's on nearly all. tests/os/parity.check.ts asks native code the same.
import { createHash } from "node:crypto";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CODES } from "../../runtime/abi/names.ts";
import { makeVectors, OPS, VECTOR_SEED } from "./vectors.ts";

const test = suite("vectors");
const vectors = makeVectors(VECTOR_SEED);

/** What no question of the vectors can lead to, by hand: the profile `os` has no certificates, no `direct` and no tokens, and no table fills up. */
const NEVER = [
  "none", "cap_table", "bad_tables", "deny_identity", "no_identity", "bad_identity", "open_identity", "cap_identity", "limit_identity",
  "direct_bind", "no_token", "dial_bind",
];

test("10,000 answers of V8, nearly all of them the oracle's too", () => {
  assert.is(vectors.answers, 10_000);
  assert.ok(vectors.asked >= 9_500, String(vectors.asked));
  console.log(`${vectors.answers} answers, ${vectors.asked} also of the oracle; ${[...vectors.seen].sort(([, a], [, b]) => b - a).map(([what, n]) => `${what} ${n}`).join(", ")}`);
});

test("every kind of question and every code of the engine, many times", () => {
  const codes = Object.entries(CODES).filter(([number, { name }]) => Number(number) < 100 && !NEVER.includes(name)).map(([, { name }]) => name);
  assert.ok(codes.length >= 18, codes.join());
  for (const what of [...codes, ...Object.keys(OPS).filter((op) => op !== "clock" && op !== "release")]) {
    assert.ok((vectors.seen.get(what) ?? 0) >= 50, `${what}: only ${vectors.seen.get(what) ?? 0}`);
  }
});

test("the same bytes from the same seed, others from another", () => {
  const hash = (seed: number): string => createHash("sha256").update(makeVectors(seed, 2).bytes).digest("hex");
  assert.is(hash(VECTOR_SEED), hash(VECTOR_SEED));
  assert.is.not(hash(VECTOR_SEED + 1_000), hash(VECTOR_SEED));
});

test.run();
