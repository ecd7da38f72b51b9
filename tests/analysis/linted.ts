// The warnings of a text, for tests.
import { compile } from "../../compiler/compile.ts";
import { lint, type Linted, type LintOptions } from "../../compiler/lint/lint.ts";
import { NO_FACTS, textFacts, type TextFacts } from "../../compiler/lint/text_facts.ts";
import { render } from "../../compiler/diagnostics/render.ts";
import type { SourceReader } from "../../compiler/source/source.ts";
import { brief, filesOf } from "../compiler/front.ts";

export const ENTRY = "policy.ingress";
/** 2026-06-01T12:00Z */
export const NOW = Date.UTC(2026, 5, 1, 12) / 1_000;

/** Of a text that has to compile. */
export async function linted(text: string, reader: SourceReader = filesOf({}), options: Partial<LintOptions> = {}): Promise<Linted> {
  let facts: TextFacts = NO_FACTS;
  const { policy, module, diagnostics } = compile({ path: ENTRY, text }, reader, options.profile ?? "host", {
    loaded(program) {
      facts = textFacts(program);
    },
  });
  if (policy === null || module === null) throw new Error(`${diagnostics.map((d) => render(d, { color: false })).join("\n")}\n${text}`);
  return lint(policy, () => module, facts, { ignore: new Set<string>(), wallSeconds: NOW, ...options });
}

/** `ING822 3 deny from a`: code, line and the text of the place. */
export async function warningsOf(text: string, files: Readonly<Record<string, string>> = {}, options: Partial<LintOptions> = {}): Promise<readonly string[]> {
  return (await linted(text, filesOf(files), options)).warnings.map((d) => brief(d, ENTRY));
}
