#!/bin/sh
":" //; o=--disable-sigusr1; node $o --version >/dev/null 2>&1 || o=--inspect-port=240.0.0.1:9229; exec node $o "$0" "$@"
process.on("SIGUSR1", () => undefined);
// npm start: runs demo.mjs.
const { nodeRefusal } = await import("../../runtime/shell/start.mjs");
const refusal = nodeRefusal(process.versions.node);
if (refusal !== null) {
  process.stderr.write(`npm start: ${refusal}\n`);
  process.exit(4);
}
const { closeDebugger } = await import("../../runtime/host/debugger.mjs");
await closeDebugger();
await import("./demo.mjs");
