#!/usr/bin/env node
// ingress-guard: runs the TypeScript as it stands.
try {
  await import("../host/register.mjs");
} catch (error) {
  process.stderr.write(`ingress-guard: its dependencies are not installed (${error.code ?? error.message}): run npm ci\n`);
  process.exit(4);
}
const { main } = await import("./main.ts");
await main(process.argv.slice(2));
