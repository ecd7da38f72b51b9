// What only a module of the profile `host` can have. It is noted whatever the profile is and
// refused where that is `os`, also what no release builds for the host yet.
import type { DiagnosticCode } from "../../diagnostics/codes.ts";
import type { Diagnostic } from "../../diagnostics/diagnostic.ts";
import type { Span } from "../../source/source.ts";
import type { CheckedPolicy, HostOnly } from "../../policy/policy.ts";
import { newReport } from "../../diagnostics/report.ts";
import { refusals } from "./unenforced.ts";

const KINDS = {
  tls: {
    code: "ING801", why: "no TLS is terminated there",
    help: "write `as passthrough`: TLS then goes through to the service, and rules may ask for the name in the client's hello; `cert` is left out",
  },
  mtls: {
    code: "ING802", why: "no client is asked for a certificate there",
    help: "tell clients apart by `from` and, with `as passthrough`, by `sni`; leave `ca` and `client` out",
  },
  identity: { code: "ING803", why: "clients have no identities there", help: "count `per source`" },
  direct: {
    code: "ING804", why: "there is no token with which a service could bind by itself there",
    help: "expose the service through the gateway, with or without a `backend`",
  },
  dial: { code: "ING808", why: "nothing but what the gateway forwards has a port there", help: "leave it out of a policy for an image" },
  unix: {
    code: "ING805", why: "there are no unix sockets there",
    help: "write `backend ADDRESS:PORT`, or leave it out: the port then opens when the service registers",
  },
} as const satisfies Record<string, { readonly code: DiagnosticCode; readonly why: string; readonly help: string }>;

export type HostOnlyKind = keyof typeof KINDS;

/** `what`: the words, such as `as mtls`. */
export function noteHostOnly(list: HostOnly[], kind: HostOnlyKind, what: string, span: Span): void {
  list.push({ ...KINDS[kind], what, span });
}

/** What the profile `os` says of such a policy: its own refusals, then those of this release that are left. */
export function osRefusals({ hostOnly, waiting }: CheckedPolicy): readonly Diagnostic[] {
  const report = newReport();
  for (const { code, what, why, help, span } of hostOnly) {
    report.say(code, `\`${what}\` can't stand in a policy of the profile \`os\`: ${why}`, span, { help });
  }
  // What will never be there needs no release that it waits for.
  const never = new Set(hostOnly.map(placeOf));
  return [...report.diagnostics, ...refusals(waiting.filter((w) => !never.has(placeOf(w))))];
}

function placeOf({ what, span }: { readonly what: string; readonly span: Span }): string {
  return `${what} ${span.file.path} ${span.start} ${span.end}`;
}
