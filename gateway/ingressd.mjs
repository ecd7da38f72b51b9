#!/usr/bin/env node
// ingressd: registers tsx, then runs the TypeScript as it stands.
try {
  const { register } = await import("tsx/esm/api");
  register();
} catch (error) {
  process.stderr.write(`ingressd: its dependencies are not installed (${error.code ?? error.message}): run npm ci\n`);
  process.exit(4);
}
const { main } = await import("./main.ts");
await main(process.argv.slice(2));
