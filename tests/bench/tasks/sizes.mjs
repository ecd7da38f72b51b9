// The smallest a module can be: the engine, and a policy of ten rules.
import { readFileSync } from "node:fs";
import { makePolicy, readerOf } from "../policies.mjs";

const { compile } = await import("../../../compiler/compile.ts");

export function run() {
  const policy = makePolicy({ rules: 10, prefixes: 20, nets: 5, exposes: 3, v6Share: 0.2 });
  const { stats, diagnostics } = compile(policy.entry, readerOf(policy));
  if (stats === null) throw new Error(diagnostics[0]?.message);
  return {
    engineBytes: readFileSync(new URL("../../../runtime/engine/build/engine.wasm", import.meta.url)).length,
    tenRuleBytes: stats.coreBytes,
    tenRuleSteps: stats.maxSteps,
  };
}
