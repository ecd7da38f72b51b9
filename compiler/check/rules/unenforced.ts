// What `check` understands and this release does not enforce yet. A policy that has it can be
// checked and not built: a clause that is not enforced must not seem to be.
import { diagnostic, type Diagnostic } from "../../diagnostics/diagnostic.ts";
import type { Span } from "../../source/source.ts";
import type { Waiting } from "../../policy/policy.ts";

const KINDS = {
  udp: { code: "ING705", release: "0.8" },
  invariant: { code: "ING706", release: "0.7" },
} as const satisfies Record<string, { readonly code: Waiting["code"]; readonly release: string }>;

export type WaitingKind = keyof typeof KINDS;

export function wait(waiting: Waiting[], kind: WaitingKind, what: string, span: Span): void {
  waiting.push({ ...KINDS[kind], what, span });
}

/** What `build`, `test` and `explain` say of such a policy. */
export function refusals(waiting: readonly Waiting[]): Diagnostic[] {
  return waiting.map(({ code, what, release, span }) => diagnostic(code, { clause: what, release }, span));
}
