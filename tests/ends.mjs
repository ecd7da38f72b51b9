// Loaded before each test file. When no event is pending, it exits the process the way ingressd exits. By default
// Node 26 closes its handles one by one, and never finishes if the handle under a TLS socket of an accepted connection
// was closed in the same turn. One run in ten of gateway/tls.test.ts then looped for ever after its tests passed.
//
// A file with failed tests ends at once, with anything still open. A file whose tests have passed has a few seconds
// to close what it opened; resources that are open after that are named, and fail the file.
process.once("beforeExit", () => process.exit());

const CLOSING_MS = 8_000;
/** The last lines of uvu's output, which it writes one by one. */
const SUMMARY = /\n {2}Total: {5}(\d+)\n {2}Passed: {4}(\d+)\n {2}Skipped: {3}\d+\n {2}Duration: /;
const write = process.stdout.write.bind(process.stdout);
let ending = null;
let text = "";
process.stdout.write = (chunk, ...rest) => {
  text += String(chunk);
  const summary = SUMMARY.exec(text);
  // A file may have suites that run one after another.
  clearTimeout(ending);
  text = summary === null ? text.slice(-200) : "";
  if (summary !== null) {
    const failed = summary[1] !== summary[2];
    ending = setTimeout(
      () => {
        if (!failed) write(`\n  still open after ${CLOSING_MS} ms: ${[...new Set(process.getActiveResourcesInfo())].join(", ")}\n`);
        process.exit(1);
      },
      failed ? 500 : CLOSING_MS,
    );
    ending.unref();
  }
  return write(chunk, ...rest);
};
