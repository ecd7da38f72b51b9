#!/usr/bin/env node
// ingressc: registers tsx and hands over to main.ts. The tsconfig of the folder that it runs
// in is not read: it belongs to somebody else's program.
try {
  const { register } = await import("tsx/esm/api");
  register({ tsconfig: false });
} catch (error) {
  process.stderr.write(
    `ingressc: its dependency tsx can't be loaded (${error.code ?? error.message})\n` +
      "help: run `npm ci` in the folder of the package\n",
  );
  process.exit(4);
}
await import("./main.ts");
