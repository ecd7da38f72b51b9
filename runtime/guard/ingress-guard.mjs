#!/bin/sh
":" //; unset NODE_COMPILE_CACHE; o=--disable-sigusr1; node $o --version >/dev/null 2>&1 || o=--inspect-port=240.0.0.1:9229; exec node $o "$0" "$@"
process.on("SIGUSR1", () => undefined);
const { start } = await import("../shell/start.mjs");
await start("ingress-guard");
