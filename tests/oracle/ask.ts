// Runs a model with the product: prints it, compiles it, and loads it in the host, which evaluates the
// requests. Test code only; the oracle doesn't use it.
import { compile } from "../../compiler/compile.ts";
import { render } from "../../compiler/diagnostics/render.ts";
import type { SourceFile, SourceReader } from "../../compiler/source/source.ts";
import type { Profile } from "../../runtime/abi/profiles.ts";
import { openEngine } from "../../runtime/host/ask.ts";
import type { Answer as HostAnswer, Decision, Shadow } from "../../runtime/host/decision.ts";
import { loadPolicy } from "../../runtime/host/load.ts";
import type { LoadedPolicy, PolicyEngine } from "../../runtime/host/module.ts";
import type { Answer } from "./evaluate.ts";
import type { ModelPolicy } from "./model.ts";
import { printPolicy, type Printed, type Shuffle } from "./print.ts";

export const ENTRY = "policy.ingress";

/** Limits choose their places by it; a fixed one makes runs repeatable. */
export const SEED = Uint8Array.from({ length: 16 }, (_, i) => i * 17 + 3);

export function readerOf(files: ReadonlyMap<string, string>): SourceReader {
  return {
    read(path: string): SourceFile | "missing" {
      const text = files.get(path);
      return text === undefined ? "missing" : { path, text };
    },
  };
}

/** The module of a text that has to compile. */
export function compileText(text: string, files: ReadonlyMap<string, string> = new Map(), profile: Profile = "host"): Uint8Array {
  const { diagnostics, module } = compile({ path: ENTRY, text }, readerOf(files), profile);
  if (module !== null) return module;
  throw new Error(
    `does not compile:\n${diagnostics
      .slice(0, 3)
      .map((d) => render(d, { color: false }))
      .join("\n")}\n${text.slice(0, 4000)}`,
  );
}

export function load(module: Uint8Array): LoadedPolicy {
  const loaded = loadPolicy(module);
  if (!loaded.ok) throw new Error(`does not load: ${loaded.error.code}: ${loaded.error.message}`);
  return loaded.value;
}

export interface Running {
  readonly printed: Printed;
  readonly module: Uint8Array;
  readonly engine: PolicyEngine;
  /** Ids by the name of the expose. */
  readonly ids: ReadonlyMap<string, number>;
}

export function run(policy: ModelPolicy, shuffle?: Shuffle): Running {
  const printed = printPolicy(policy, shuffle);
  const module = compileText(printed.text, printed.files);
  const engine = openEngine(load(module), SEED);
  engine.setClock({ monoMs: 0, wallSeconds: null });
  return { printed, module, engine, ids: new Map(engine.info.listeners.map((l) => [l.name, l.id])) };
}

/** Where no name can follow, phase 1 decides; an open answer is a failure. */
export function decided(answer: HostAnswer | undefined): Decision {
  if (answer === undefined || (!answer.allowed && answer.later)) throw new Error("phase 1 did not decide");
  return answer;
}

/** The differences between an answer and a decision, in words; null if there are none. */
export function difference(running: Running, expected: Answer, answer: HostAnswer): string | null {
  const due = `${verdictOf(expected)} ${expected.reason} ${expected.code}`;
  if (!answer.allowed && answer.later) return expected.later ? null : `says open, not ${due}`;
  const said = `${verdictOf(answer)} ${answer.allowed ? "none" : answer.reason} ${answer.code}`;
  return said === due ? ruleDifference(running, expected, answer.rule) : `says ${said}, not ${due}`;
}

/** The same for a shadow verdict. */
export function shadowDifference(running: Running, expected: Answer | null, shadow: Shadow | null): string | null {
  if (expected === null || shadow === null) return (expected === null) === (shadow === null) ? null : `has ${shadow === null ? "no" : "a"} shadow`;
  const verdict = verdictOf(expected);
  const due = `${verdict === "open" ? "undetermined" : verdict} ${expected.reason} ${expected.code}`;
  const said = `${shadow.verdict} ${shadow.reason} ${shadow.code}`;
  return said === due ? ruleDifference(running, expected, shadow.rule) : `the shadow says ${said}, not ${due}`;
}

function verdictOf({ allowed, later }: { readonly allowed: boolean; readonly later?: boolean }): string {
  if (allowed) return "allow";
  return later === true ? "open" : "deny";
}

function ruleDifference(running: Running, expected: Answer, rule: number): string | null {
  const lines = expected.rules.map((r) => running.printed.lines.get(r) ?? 0);
  const reported = rule < 0 ? [] : (running.engine.info.rules[rule]?.origins ?? []).map((o) => o.line);
  // Equal rules are one rule, with the place of each.
  const same = [...new Set(reported)].sort((a, b) => a - b).join() === [...new Set(lines)].sort((a, b) => a - b).join();
  return same ? null : `names the rule of line ${reported.join()}, not of line ${lines.join()}`;
}
