// The clauses of an expose out of the concrete tree, rules aside.
import type { Cst } from "../syntax/cst.ts";
import type { AmplifyNode, BackendTarget, CapNode, ClauseNode, LimitNode, SourceCapNode, UseNode } from "./nodes.ts";
import { isBroken, keyword, node, nodes, piece, pieces, say, spanOf, tokens, type Reader } from "./reader.ts";
import { buildKey, buildMember, buildSetOf } from "./sets.ts";

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
  const first = piece(r, cst, "Integer");
  if (first === null) return null;
  const isOfListener = tokens(cst, "kw_connections").length > 0;
  const perSource: SourceCapNode[] = [];
  let perIdentity: CapNode["perIdentity"] = null;
  for (const part of isOfListener ? nodes(cst, "capPart") : [cst, ...nodes(cst, "capPart")]) {
    const connections = piece(r, part, "Integer");
    const by = node(part, "capKey");
    const key = node(by, "sourceKey");
    if (connections === null || by === null) continue;
    const span = { ...connections.span, end: spanOf(r, by).end };
    if (key !== null) perSource.push({ connections, key: buildKey(r, key), from: buildSetOf(r, key), span });
    else if (tokens(by, "kw_identity").length > 0) {
      if (perIdentity === null) perIdentity = { connections, span };
      else say(r, "ING405", { clause: "per identity", in: "cap" }, span, { related: [perIdentity.span] });
    }
  }
  return { kind: "cap", dryrun: false, connections: isOfListener ? first : null, perSource, perIdentity, span: spanOf(r, cst) };
}

export function buildLimit(r: Reader, cst: Cst): LimitNode | null {
  const rate = piece(r, cst, "Rate");
  const by = node(cst, "limitKey");
  const key = node(by, "sourceKey");
  const whole = keyword(r, by, ["listener", "identity"]);
  if (rate === null || by === null) return null;
  const base = { kind: "limit", dryrun: false, rate, burst: piece(r, cst, "Integer"), span: spanOf(r, cst) } as const;
  if (key !== null) return { ...base, per: { kind: "source", key: buildKey(r, key), from: buildSetOf(r, key), span: spanOf(r, key) } };
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
