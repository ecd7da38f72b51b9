// Clauses that `check` accepts and this release does not enforce yet. A policy that has them can be
// checked and not built: a clause that is not enforced must not seem to be.
import { diagnostic, type Diagnostic } from "../../diagnostics/diagnostic.ts";
import type { Span } from "../../source/source.ts";
import type { Unenforced } from "../../policy/policy.ts";

const KINDS = {
  invariant: { code: "ING706", release: "0.7" },
} as const satisfies Record<string, { readonly code: Unenforced["code"]; readonly release: string }>;

export type UnenforcedKind = keyof typeof KINDS;

export function noteUnenforced(unenforced: Unenforced[], kind: UnenforcedKind, what: string, span: Span): void {
  unenforced.push({ ...KINDS[kind], what, span });
}

/** The errors of `build`, `test` and `explain` for such a policy. */
export function refusals(unenforced: readonly Unenforced[]): Diagnostic[] {
  return unenforced.map(({ code, what, release, span }) => diagnostic(code, { clause: what, release }, span));
}
