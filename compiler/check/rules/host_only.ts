// Clauses that only a module of the profile `host` can have. They are noted for every profile and
// refused where that is `os`, also what no release builds for the host yet.
import type { Diagnostic } from "../../diagnostics/diagnostic.ts";
import type { Span } from "../../source/source.ts";
import type { CheckedPolicy, HostOnly } from "../../policy/policy.ts";
import { newReport } from "../../diagnostics/report.ts";
import { refusals } from "./unenforced.ts";

const KINDS = {
  tls: "ING801",
  mtls: "ING802",
  identity: "ING803",
  direct: "ING804",
  unix: "ING805",
  dial: "ING808",
  udp: "ING809",
  alpn: "ING810",
  proxy: "ING811",
  via: "ING812",
  backends: "ING813",
  remote: "ING814",
} as const satisfies Record<string, HostOnly["code"]>;

export type HostOnlyKind = keyof typeof KINDS;

/** `what`: the words, such as `as mtls`. */
export function noteHostOnly(list: HostOnly[], kind: HostOnlyKind, what: string, span: Span): void {
  list.push({ code: KINDS[kind], what, span });
}

/** The errors of the profile `os` for such a policy: its own refusals, then those of this release that are left. */
export function osRefusals({ hostOnly, unenforced }: CheckedPolicy): readonly Diagnostic[] {
  const report = newReport();
  for (const { code, what, span } of hostOnly) report.say(code, { clause: what }, span);
  // A clause that the profile will never have is not reported as unfinished.
  const never = new Set(hostOnly.map(placeOf));
  return [...report.diagnostics, ...refusals(unenforced.filter((w) => !never.has(placeOf(w))))];
}

function placeOf({ what, span }: { readonly what: string; readonly span: Span }): string {
  return `${what} ${span.file.path} ${span.start} ${span.end}`;
}
