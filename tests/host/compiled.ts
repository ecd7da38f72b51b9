// Policies from text, for tests: compiled, loaded and opened by the shipped parts.
import { failed } from "../../runtime/result/result.ts";
import { compile } from "../../compiler/compile.ts";
import { render } from "../../compiler/diagnostics/render.ts";
import type { SourceFile, SourceReader } from "../../compiler/source/source.ts";
import { openEngine } from "../../runtime/host/ask.ts";
import { loadPolicy } from "../../runtime/host/load.ts";
import type { LoadedPolicy, PolicyEngine } from "../../runtime/host/module.ts";
import { parseAddress } from "../../runtime/net/address.ts";
import type { Address } from "../../runtime/net/address.ts";

const noFiles: SourceReader = { read: () => failed("missing") };

/** The module of a policy; a diagnostic fails the test with its rendering. */
export function moduleOf(text: string, reader: SourceReader = noFiles): Uint8Array {
  const entry: SourceFile = { path: "test.ingress", text };
  const { module, diagnostics } = compile(entry, reader);
  if (module === null) throw new Error(diagnostics.map((d) => render(d, { color: false })).join("\n"));
  return module;
}

export function loaded(bytes: Uint8Array): LoadedPolicy {
  const policy = loadPolicy(bytes);
  if (!policy.ok) throw new Error(`${policy.error.code}: ${policy.error.message}`);
  return policy.value;
}

/** A running engine at time 0 under a seed of zeros. */
export function engineOf(text: string): PolicyEngine {
  const engine = openEngine(loaded(moduleOf(text)), new Uint8Array(16));
  engine.setClock({ monoMs: 0, wallSeconds: null });
  return engine;
}

export function address(text: string): Address {
  const parsed = parseAddress(text);
  if (parsed === null) throw new Error(`not an address: ${text}`);
  return parsed;
}

/** The code of one connection's decision; an admitted one stays open. */
export function connect(engine: PolicyEngine, source: Address, listener = 0): string {
  const answer = engine.admit([{ listener, source }])[0];
  if (answer === undefined) return "no decision";
  return !answer.allowed && answer.later ? "later" : answer.code;
}

/** The same, closed again at once when it was admitted. */
export function visit(engine: PolicyEngine, source: Address, listener = 0): string {
  const code = connect(engine, source, listener);
  if (code === "allowed") engine.release(listener, source);
  return code;
}
