// The extent of exhaustive tests: all cases with `node tests/run.mjs --at-length`, which .ci/run uses, and an even
// sample in an ordinary run.

const AT_LENGTH = process.env["INGRESSD_TESTS_AT_LENGTH"] === "1";

/** The first value with `--at-length`, else the second. */
export function atLength<T>(all: T, sample: T): T {
  return AT_LENGTH ? all : sample;
}
