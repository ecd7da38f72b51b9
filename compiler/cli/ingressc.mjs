#!/bin/sh
":" //; o=--disable-sigusr1; node $o --version >/dev/null 2>&1 || o=--inspect-port=240.0.0.1:9229; exec node $o "$0" "$@"
process.on("SIGUSR1", () => undefined);
// ingressc: hands over to main.ts, which runs as the TypeScript that it is.
try {
  const { closeDebugger } = await import("../../runtime/host/debugger.mjs");
  await closeDebugger();
  await import("../../runtime/host/register.mjs");
  await import("./chevrotain.mjs");
  await import("./main.ts");
} catch (error) {
  if (error?.code !== "ERR_MODULE_NOT_FOUND") throw error;
  const missing = /'([^']+)'/.exec(error.message)?.[1] ?? "a package";
  const message = `a package that ingressc needs is not installed: ${missing}`;
  const help = "run `npm ci` in the folder of the package `ingressd`";
  if (process.argv.includes("--json")) {
    process.stdout.write(`${JSON.stringify({ ok: false, class: "missing", code: "policy.missing_dependency", message, help })}\n`);
  } else {
    process.stderr.write(`ingressc: ${message}\nhelp: ${help}\n`);
  }
  process.exitCode = 4;
}
