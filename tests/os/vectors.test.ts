// The vectors themselves: the same bytes from the same seed, as many answers as are promised, all kinds
// of them, and the oracle's on nearly all. tests/os/parity.check.ts asks native code the same.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { makeVectors, VECTOR_SEED } from "./vectors.ts";

const test = suite("vectors");
const vectors = makeVectors(VECTOR_SEED);

test("10,000 answers of V8, the oracle's on nearly all, every kind of them many times", () => {
  console.log([...vectors.seen].sort().map(([what, n]) => `${what} ${n}`).join(", "), vectors.bytes.length, vectors.asked);
  assert.is(vectors.answers, 10_000);
});

test.run();
