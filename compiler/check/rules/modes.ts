// `as MODE`: which there are for a protocol, and which `cert` and `ca` each takes.
import type { CredentialNode, ExposeNode, Piece } from "../../ast/nodes.ts";
import { MAX_CREDENTIAL } from "../../source/bounds.ts";
import { quote } from "../../diagnostics/quote.ts";
import { WORDS } from "../../syntax/keywords.ts";
import { noteHostOnly } from "./host_only.ts";
import { didYouMean, meant, type Guess } from "../names/declarations.ts";
import type { Mode } from "../../policy/policy.ts";
import type { Scope } from "./context.ts";
import { wait } from "./unenforced.ts";

const MEANS: Readonly<Record<Mode, string>> = {
  tcp: "connections are forwarded as they come",
  passthrough: "TLS goes through, and the name in its hello is read",
  tls: "the gateway terminates TLS",
  mtls: "and asks for a client's certificate",
  direct: "the service listens by itself",
};

/** Null where it is not understood. */
export function checkMode(scope: Scope, node: ExposeNode): Mode | null {
  const { report, waiting, hostOnly } = scope;
  if (node.proto === null) return null;
  const { proto, span } = node.proto;
  if (proto === "udp" && node.mode?.text !== "direct") wait(waiting, "udp", "udp", span);
  if (node.mode === null) return "tcp";
  const { text } = node.mode;
  const mode = WORDS.mode.find((word) => word === text);
  if (mode === undefined) {
    report.say("ING411", `${quote(text)} is not a mode`, node.mode.span,
      elsewhere(text.toLowerCase()) ?? didYouMean(text, WORDS.mode) ?? { help: `the modes are ${WORDS.mode.map((m) => `\`${m}\` (${MEANS[m]})`).join(", ")}` });
    return null;
  }
  if (proto === "udp" && mode !== "direct") {
    report.say("ING411", `${quote(text)} is not a mode of udp`, node.mode.span, { help: "leave `as` out; of the modes udp has only `direct`" });
    return null;
  }
  if (mode === "tls" || mode === "mtls" || mode === "direct") {
    noteHostOnly(hostOnly, mode, `as ${mode}`, node.mode.span);
  }
  return mode;
}

/** What others call a mode. */
function elsewhere(text: string): Guess | null {
  if (text === "http") return { help: "HTTP is forwarded as it comes: `as tcp`, which is what no `as` means too" };
  return text === "passthru" || text === "pass-through" ? meant("passthrough") : null;
}

export interface Credentials {
  readonly cert: string | null;
  readonly ca: string | null;
}

/** What a mode needs is there, and nothing else. */
export function checkCredentials(scope: Scope, node: ExposeNode, mode: Mode | null, written: Readonly<Record<"cert" | "ca", CredentialNode | null>>, sure: boolean): Credentials {
  const { report, hostOnly } = scope;
  const out: { cert: string | null; ca: string | null } = { cert: null, ca: null };
  for (const kind of ["cert", "ca"] as const) {
    const clause = written[kind];
    const wanted = kind === "cert" ? mode === "tls" || mode === "mtls" : mode === "mtls";
    if (clause !== null) {
      noteHostOnly(hostOnly, kind === "cert" ? "tls" : "mtls", kind, clause.span);
      if (isName(scope, clause)) out[kind] = clause.value.text;
      if (mode !== null && !wanted) {
        const help = kind === "ca" && mode === "tls" ? "write `as mtls` to have clients' certificates verified, or leave it out" : `\`${kind}\` stands in an expose \`as ${kind === "ca" ? "mtls" : "tls"}\`; leave it out`;
        report.say("ING413", `\`${kind}\` is not used here: ${used(node.mode, mode)}`, clause.span, { help });
      }
    } else if (wanted && sure && !node.broken) {
      report.say("ING412", `\`as ${mode ?? ""}\` needs a \`${kind}\``, node.mode?.span ?? node.name.span, {
        help: kind === "cert" ? "add `cert \"NAME\"`: the certificate that the gateway shows, by the name that its configuration has for it" : "add `ca \"NAME\"`: the authority that clients' certificates come from, by the name that the gateway's configuration has for it",
      });
    }
  }
  return out;
}

function used(written: Piece | null, mode: Mode): string {
  if (written === null) return "plain tcp is forwarded as it comes";
  return mode === "tls" ? "`as tls` asks for no client's certificate" : `with \`as ${mode}\` the gateway terminates no TLS`;
}

/** Names only: a path or a key would be a secret's place in a text that many read. */
function isName({ report }: Scope, { kind, value }: CredentialNode): boolean {
  if (/^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(value.text) && value.text.length <= MAX_CREDENTIAL) return true;
  const path = value.text.includes("/") || /\.(pem|crt|key|cer|p12|pfx)$/i.test(value.text);
  report.say("ING414", `${quote(value.text)} is not the name of ${kind === "cert" ? "a certificate" : "an authority"}`, value.span, {
    help: path ? "no paths stand in a policy: give it a name, and write the path into the gateway's configuration" : `a name has letters, digits, \`.\`, \`_\` and \`-\`, and at most ${MAX_CREDENTIAL} of them`,
  });
  return false;
}
