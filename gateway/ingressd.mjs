#!/bin/sh
":" //; o=--disable-sigusr1; node $o --version >/dev/null 2>&1 || o=--inspect-port=240.0.0.1:9229; exec node $o "$0" "$@"
process.on("SIGUSR1", () => undefined);
// ingressd: runs the TypeScript as it stands.
const { closeDebugger } = await import("../runtime/host/debugger.mjs");
await closeDebugger();
try {
  await import("../runtime/host/register.mjs");
} catch (error) {
  process.stderr.write(`ingressd: its dependencies are not installed (${error.code ?? error.message}): run npm ci\n`);
  process.exit(4);
}
const { main } = await import("./main.ts");
await main(process.argv.slice(2));
