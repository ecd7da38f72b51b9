// The vectors themselves: deterministic, with the promised number of answers, of all kinds, nearly all confirmed by the
// oracle. tests/os/parity.check.ts runs them on native code.
import { createHash } from "node:crypto";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CODES } from "../../runtime/abi/names.ts";
import { makeVectors, OPS, VECTOR_SEED } from "./vectors.ts";

const test = suite("vectors");
const vectors = makeVectors(VECTOR_SEED);

/** Codes that no request of the vectors can have, by hand: the profile `os` has no certificates, no `direct` and no tokens, and no table fills up. */
const NEVER = [
  "none",
  "cap_table",
  "bad_tables",
  "deny_identity",
  "no_identity",
  "bad_identity",
  "open_identity",
  "cap_identity",
  "limit_identity",
  "direct_bind",
  "no_token",
  "dial_bind",
];

test("the vectors have 10,000 answers of V8, nearly all confirmed by the oracle", () => {
  assert.is(vectors.answers, 10_000);
  assert.ok(vectors.compared >= 9_500, String(vectors.compared));
  console.log(
    `${vectors.answers} answers, ${vectors.compared} also compared with the oracle; ${[...vectors.seen]
      .sort(([, a], [, b]) => b - a)
      .map(([what, n]) => `${what} ${n}`)
      .join(", ")}`,
  );
});

test("every kind of request and every code of the engine occurs many times", () => {
  const codes = Object.entries(CODES)
    .filter(([number, { name }]) => Number(number) < 100 && !NEVER.includes(name))
    .map(([, { name }]) => name);
  assert.ok(codes.length >= 18, codes.join());
  for (const what of [...codes, ...Object.keys(OPS).filter((op) => op !== "clock" && op !== "release")]) {
    assert.ok((vectors.seen.get(what) ?? 0) >= 50, `${what}: only ${vectors.seen.get(what) ?? 0}`);
  }
});

test("the same seed gives the same bytes, and another seed gives others", () => {
  const hash = (seed: number): string => createHash("sha256").update(makeVectors(seed, 2).bytes).digest("hex");
  assert.is(hash(VECTOR_SEED), hash(VECTOR_SEED));
  assert.is.not(hash(VECTOR_SEED + 1_000), hash(VECTOR_SEED));
});

test.run();
