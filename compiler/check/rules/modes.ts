// `as MODE`: which there are for a protocol, and which `cert`, `ca` and `alpn` each takes.
import type { ExposeNode, TextsNode } from "../../ast/nodes.ts";
import { MAX_CERTS, MAX_CREDENTIAL, MAX_PROTOCOL_BYTES, MAX_PROTOCOLS } from "../../source/bounds.ts";
import { WORDS } from "../../syntax/keywords.ts";
import { noteHostOnly } from "./host_only.ts";
import { didYouMean, editOf, type Guess } from "../names/declarations.ts";
import type { Mode } from "../../policy/policy.ts";
import type { CheckContext } from "./context.ts";

/** Null where it can't be read. */
export function checkMode(context: CheckContext, node: ExposeNode): Mode | null {
  const { report, hostOnly } = context;
  if (node.protos.length === 0) return null;
  const udp = node.protos.find(({ proto }) => proto === "udp");
  // Of a service that listens by itself, the mode is refused there.
  if (udp !== undefined && node.mode?.text !== "direct") noteHostOnly(hostOnly, "udp", "on udp", udp.span);
  if (node.mode === null) return "tcp";
  const { text } = node.mode;
  const mode = WORDS.mode.find((word) => word === text);
  if (mode === undefined) {
    const isHttp = text.toLowerCase() === "http";
    const guess = isHttp ? null : (otherSpelling(text.toLowerCase()) ?? didYouMean(text, WORDS.mode));
    report.say("ING411", { mode: text, fault: isHttp ? "http" : "unknown", guess: guess?.word ?? null }, node.mode.span, editOf(guess));
    return null;
  }
  if (udp !== undefined && mode !== "direct") {
    report.say("ING411", { mode: text, fault: node.protos.length === 1 ? "udp" : "tcp_udp", guess: null }, node.mode.span);
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
  readonly certs: readonly string[];
  readonly ca: string | null;
  readonly alpn: readonly string[];
}

const KINDS = ["cert", "ca", "alpn"] as const;
const PROFILE_KINDS = { cert: "tls", ca: "mtls", alpn: "alpn" } as const;

/** Checks that the clauses of a mode are there, and no others. */
export function checkCredentials(
  context: CheckContext,
  node: ExposeNode,
  mode: Mode | null,
  written: Readonly<Record<"cert" | "ca" | "alpn", TextsNode | null>>,
  isWhole: boolean,
): Credentials {
  const { report, hostOnly } = context;
  const out: Record<"cert" | "ca" | "alpn", readonly string[]> = { cert: [], ca: [], alpn: [] };
  for (const kind of KINDS) {
    const clause = written[kind];
    const fits = mode === "mtls" || (mode === "tls" && kind !== "ca");
    if (clause !== null) {
      noteHostOnly(hostOnly, PROFILE_KINDS[kind], kind, clause.span);
      if (kind === "alpn" ? areProtocols(context, clause) : areNames(context, clause, kind)) out[kind] = clause.values.map(({ text }) => text);
      if (mode !== null && !fits) {
        report.say("ING413", { clause: kind, mode: node.mode === null ? null : mode }, clause.span);
      }
    } else if (mode !== null && fits && kind !== "alpn" && isWhole && !node.broken) {
      report.say("ING412", { clause: kind, mode }, node.mode?.span ?? node.name.span);
    }
  }
  return { certs: out.cert, ca: out.ca[0] ?? null, alpn: out.alpn };
}

/** Names only: a path or a key would be a secret's place in a text that many read. */
function areNames({ report }: CheckContext, { values }: TextsNode, clause: "cert" | "ca"): boolean {
  const most = clause === "cert" ? MAX_CERTS : 1;
  const seen = new Set<string>();
  for (const [i, { text, span }] of values.entries()) {
    const isName = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(text) && text.length <= MAX_CREDENTIAL;
    const isPath = text.includes("/") || /\.(pem|crt|key|cer|p12|pfx)$/i.test(text);
    const fault =
      seen.has(text) ? "twice"
      : i >= most ? "many"
      : isName ? null
      : isPath ? "path"
      : "name";
    seen.add(text);
    if (fault === null) continue;
    report.say("ING414", { clause, name: text, fault }, span);
    return false;
  }
  return true;
}

/** Protocols as in IANA's list, or of one's own: what is visible, so that a log can show it. */
function areProtocols({ report }: CheckContext, { values }: TextsNode): boolean {
  const seen = new Set<string>();
  for (const [i, { text, span }] of values.entries()) {
    const fault =
      seen.has(text) ? "twice"
      : i >= MAX_PROTOCOLS ? "many"
      : /^[!-~]+$/.test(text) && text.length <= MAX_PROTOCOL_BYTES ? null
      : "name";
    seen.add(text);
    if (fault === null) continue;
    report.say("ING431", { protocol: text, fault }, span);
    return false;
  }
  return true;
}
