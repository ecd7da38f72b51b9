// The policy of the editor, compiled and loaded. The last texts are kept, because several pictures are made of one policy.
import { compile } from "../../../../compiler/compile.ts";
import type { Diagnostic } from "../../../../compiler/diagnostics/diagnostic.ts";
import { NO_FACTS, textFacts, type TextFacts } from "../../../../compiler/lint/text_facts.ts";
import type { CheckedPolicy } from "../../../../compiler/policy/policy.ts";
import { positionOf, type SourceFile, type SourceReader, type Span } from "../../../../compiler/source/source.ts";
import { loadPolicy } from "../../../../runtime/host/load.ts";
import type { LoadedPolicy, RuleInfo } from "../../../../runtime/host/module.ts";
import { failed } from "../../../../runtime/result/result.ts";
import type { Place, RuleText } from "../messages.ts";

/** The name of the editor's file: modules have it in their source map. */
export const FILE = "policy.ingress";

export interface Ready {
  readonly policy: CheckedPolicy;
  readonly module: Uint8Array;
  readonly loaded: LoadedPolicy;
  readonly facts: TextFacts;
}

/** A policy without an error, or its errors. */
export type CompiledText = { readonly ready: Ready; readonly errors: null } | { readonly ready: null; readonly errors: readonly Diagnostic[] };

const MOST_KEPT = 2;
const kept = new Map<string, CompiledText>();
/** No other file is there. */
const alone: SourceReader = { read: () => failed("missing") };

export function compiledText(text: string): CompiledText {
  const known = kept.get(text);
  if (known !== undefined) return known;
  const made = compileText({ path: FILE, text });
  const [oldest] = kept.keys();
  if (kept.size >= MOST_KEPT && oldest !== undefined) kept.delete(oldest);
  kept.set(text, made);
  return made;
}

function compileText(entry: SourceFile): CompiledText {
  let facts: TextFacts = NO_FACTS;
  const { diagnostics, policy, module } = compile(entry, alone, "host", {
    loaded(program) {
      if (!program.incomplete) facts = textFacts(program);
    },
  });
  if (policy === null || module === null) return { ready: null, errors: diagnostics };
  const loaded = loadPolicy(module);
  if (!loaded.ok) throw new Error(`the compiled module does not load: ${loaded.error.message}`);
  return { ready: { policy, module, loaded: loaded.value, facts }, errors: null };
}

export function placeOf({ file, start, end }: Span): Place {
  return { from: start, to: end, ...positionOf(file, start) };
}

/** `allow named staff` in web */
export function ruleText(rule: RuleInfo): RuleText {
  const names = rule.names.length === 0 ? "" : ` named ${rule.names.join(", ")}`;
  const scope = rule.listener === null ? "at top level" : `in ${rule.listener}${rule.proto === "udp" ? " on udp" : ""}`;
  const [origin] = rule.origins;
  return { text: `${rule.dryrun ? "dryrun " : ""}${rule.action}${names} ${scope}`, line: origin?.line ?? 0, column: origin?.column ?? 0 };
}
