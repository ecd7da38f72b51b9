// Loaded before each test file. When nothing is left to wait for, the process is ended as ingressd
// ends itself. Left to itself Node 26 tears its handles down one by one, and never gets to the end
// when the handle under a TLS socket of an accepted connection was closed in the same turn: one run
// in ten of ingress_host/tls.test.ts turned on the spot, its tests all passed.
//
// A file whose tests have failed ends at once, whatever they have left open. One whose tests have passed
// has a few seconds to close what it opened; what is open then is named, and fails it.
process.once("beforeExit", () => process.exit());

const CLOSING_MS = 8_000;
/** uvu's last lines, which it writes one by one. */
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
    ending = setTimeout(() => {
      if (!failed) write(`\n  still open after ${CLOSING_MS} ms: ${[...new Set(process.getActiveResourcesInfo())].join(", ")}\n`);
      process.exit(1);
    }, failed ? 500 : CLOSING_MS);
    ending.unref();
  }
  return write(chunk, ...rest);
};
