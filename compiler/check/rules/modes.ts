// `as MODE`: which there are for a protocol, and which `cert` and `ca` each takes.
import type { CredentialNode, ExposeNode } from "../../ast/nodes.ts";
import { MAX_CREDENTIAL } from "../../source/bounds.ts";
import { WORDS } from "../../syntax/keywords.ts";
import { noteHostOnly } from "./host_only.ts";
import { didYouMean, editOf, type Guess } from "../names/declarations.ts";
import type { Mode } from "../../policy/policy.ts";
import type { CheckContext } from "./context.ts";
import { noteUnenforced } from "./unenforced.ts";

/** Null where it can't be read. */
export function checkMode(context: CheckContext, node: ExposeNode): Mode | null {
  const { report, unenforced, hostOnly } = context;
  if (node.proto === null) return null;
  const { proto, span } = node.proto;
  if (proto === "udp" && node.mode?.text !== "direct") noteUnenforced(unenforced, "udp", "udp", span);
  if (node.mode === null) return "tcp";
  const { text } = node.mode;
  const mode = WORDS.mode.find((word) => word === text);
  if (mode === undefined) {
    const isHttp = text.toLowerCase() === "http";
    const guess = isHttp ? null : (otherSpelling(text.toLowerCase()) ?? didYouMean(text, WORDS.mode));
    report.say("ING411", { mode: text, fault: isHttp ? "http" : "unknown", guess: guess?.word ?? null }, node.mode.span, editOf(guess));
    return null;
  }
  if (proto === "udp" && mode !== "direct") {
    report.say("ING411", { mode: text, fault: "udp", guess: null }, node.mode.span);
    return null;
  }
  if (mode === "tls" || mode === "mtls" || mode === "direct") {
    noteHostOnly(hostOnly, mode, `as ${mode}`, node.mode.span);
  }
  return mode;
}

/** A mode by another spelling. */
function otherSpelling(text: string): Guess | null {
  return text === "passthru" || text === "pass-through" ? { word: "passthrough", replace: "passthrough" } : null;
}

export interface Credentials {
  readonly cert: string | null;
  readonly ca: string | null;
}

/** Checks that the clauses of a mode are there, and no others. */
export function checkCredentials(
  context: CheckContext,
  node: ExposeNode,
  mode: Mode | null,
  written: Readonly<Record<"cert" | "ca", CredentialNode | null>>,
  isWhole: boolean,
): Credentials {
  const { report, hostOnly } = context;
  const out: { cert: string | null; ca: string | null } = { cert: null, ca: null };
  for (const kind of ["cert", "ca"] as const) {
    const clause = written[kind];
    const wanted = kind === "cert" ? mode === "tls" || mode === "mtls" : mode === "mtls";
    if (clause !== null) {
      noteHostOnly(hostOnly, kind === "cert" ? "tls" : "mtls", kind, clause.span);
      if (isName(context, clause)) out[kind] = clause.value.text;
      if (mode !== null && !wanted) {
        report.say("ING413", { clause: kind, mode: node.mode === null ? null : mode }, clause.span);
      }
    } else if (mode !== null && wanted && isWhole && !node.broken) report.say("ING412", { clause: kind, mode }, node.mode?.span ?? node.name.span);
  }
  return out;
}

/** Names only: a path or a key would be a secret's place in a text that many read. */
function isName({ report }: CheckContext, { kind, value }: CredentialNode): boolean {
  if (/^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(value.text) && value.text.length <= MAX_CREDENTIAL) return true;
  const isPath = value.text.includes("/") || /\.(pem|crt|key|cer|p12|pfx)$/i.test(value.text);
  report.say("ING414", { clause: kind, name: value.text, isPath }, value.span);
  return false;
}
