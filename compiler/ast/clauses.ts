// The clauses of an expose out of the concrete tree, rules aside.
import type { Cst } from "../syntax/cst.ts";
import type { AmplifyNode, BackendTarget, CapNode, ClauseNode, LimitNode, UseNode } from "./nodes.ts";
import { isBroken, keyword, node, nodes, piece, pieces, say, spanOf, tokens, type Reader } from "./reader.ts";
import { buildKey, buildMember } from "./sets.ts";

/** Null where the clause can't be used; an error was reported. */
export function buildBackend(r: Reader, cst: Cst): ClauseNode | null {
  const targets = nodes(cst, "backend").flatMap((one) => buildTarget(r, one) ?? []);
  const proxy = piece(r, node(cst, "proxy"), "Word");
  return targets.length === 0 ? null : { kind: "backend", targets, proxy, span: spanOf(r, cst) };
}

function buildTarget(r: Reader, cst: Cst): BackendTarget | null {
  const path = piece(r, cst, "Text");
  const address = piece(r, cst, "Word");
  if (path !== null) return { kind: "unix", ...path };
  const kind = tokens(cst, "kw_remote").length > 0 ? "remote" : "tcp";
  return address === null ? null : { kind, ...address };
}

export function buildTexts(r: Reader, cst: Cst): ClauseNode | null {
  const kind = keyword(r, cst, ["cert", "ca", "alpn"]);
  const values = pieces(r, cst, "Text");
  return kind === null || values.length === 0 ? null : { kind: kind.word, values, span: spanOf(r, cst) };
}

export function buildCap(r: Reader, cst: Cst): CapNode | null {
  const connections = piece(r, cst, "Integer");
  let perSource: CapNode["perSource"] = null;
  let perIdentity: CapNode["perIdentity"] = null;
  for (const part of nodes(cst, "capPart")) {
    const count = piece(r, part, "Integer");
    const by = node(part, "capKey");
    const key = node(by, "sourceKey");
    const span = spanOf(r, part);
    if (count === null) continue;
    if (key !== null) {
      if (perSource === null) perSource = { connections: count, key: buildKey(r, key), span };
      else sayTwice(r, "per source", perSource, span);
    } else if (tokens(by, "kw_identity").length > 0) {
      if (perIdentity === null) perIdentity = { connections: count, span };
      else sayTwice(r, "per identity", perIdentity, span);
    }
  }
  return connections === null ? null : { kind: "cap", connections, perSource, perIdentity, span: spanOf(r, cst) };
}

function sayTwice(r: Reader, what: string, first: { readonly span: CapNode["span"] }, span: CapNode["span"]): void {
  say(r, "ING405", { clause: what, in: "cap" }, span, { related: [first.span] });
}

export function buildLimit(r: Reader, cst: Cst): LimitNode | null {
  const rate = piece(r, cst, "Rate");
  const by = node(cst, "limitKey");
  const key = node(by, "sourceKey");
  const whole = keyword(r, by, ["listener", "identity"]);
  if (rate === null || by === null) return null;
  const base = { kind: "limit", rate, burst: piece(r, cst, "Integer"), span: spanOf(r, cst) } as const;
  if (key !== null) return { ...base, per: { kind: "source", key: buildKey(r, key), span: spanOf(r, key) } };
  return whole === null ? null : { ...base, per: { kind: whole.word, span: whole.piece.span } };
}

/** It is there also where its number is missing, so that the expose does not seem to lack it. */
export function buildAmplify(r: Reader, cst: Cst): AmplifyNode {
  const span = spanOf(r, cst);
  const factor = piece(r, cst, "Word");
  return { kind: "amplify", factor: factor ?? { text: "", span }, broken: factor === null || isBroken(r, cst), span };
}

export function buildUse(r: Reader, cst: Cst): UseNode | null {
  const template = piece(r, cst, "Name") ?? piece(r, cst, "Qualified");
  if (template === null || isBroken(r, cst)) return null;
  if (template.param === true) {
    say(r, "ING115", { fault: "template_name", statement: "use" }, template.span);
    return null;
  }
  const written = nodes(cst, "member");
  const args = written.flatMap((m) => buildMember(r, m) ?? []);
  return args.length < written.length ? null : { kind: "use", template, args, span: spanOf(r, cst) };
}
