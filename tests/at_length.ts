// How much an exhaustive test does: all of it with `node tests/run.mjs --at-length`, which .ci/run
// asks for, and an even sample in an ordinary run.

const AT_LENGTH = process.env["INGRESSD_TESTS_AT_LENGTH"] === "1";

/** The first at length, else the second. */
export function atLength<T>(all: T, sample: T): T {
  return AT_LENGTH ? all : sample;
}
