// `expose` out of the concrete tree.
import type { Cst } from "../syntax/cst.ts";
import type { CapNode, ClauseNode, ExposeNode, LimitNode } from "./nodes.ts";
import { isBroken, joined, node, nodes, notYet, piece, spanOf, text, tokens, pieceOf, type Reader } from "./reader.ts";
import { buildRule } from "./rules.ts";
import { buildKey, buildPorts, buildSet } from "./sets.ts";

/** Null where not even the name is there. */
export function buildExpose(r: Reader, cst: Cst): ExposeNode | null {
  const head = node(cst, "exposeHead");
  const name = piece(r, head, "Name");
  const as = piece(r, head, "kw_as");
  const hasService = tokens(head, "kw_service").length > 0;
  // Three names may stand in the head; which are there follows from the words before them.
  const service = hasService ? piece(r, head, "Name", 1) : null;
  const mode = as === null ? null : piece(r, head, "Name", hasService ? 2 : 1);
  if (as !== null) {
    const what = mode === null ? as : joined(as, mode);
    notYet(r, what, mode?.text === "tcp" ? "leave it out: plain tcp is what an expose is" : "remove it: this release forwards plain tcp");
  }
  const bindCst = tokens(head, "kw_bind").length > 0 ? (nodes(head, "set").at(-1) ?? null) : null;
  const portsCst = nodes(head, "set").find((s) => s !== bindCst) ?? null;
  const ports = buildPorts(r, node(head, "proto"), portsCst);
  const bind = bindCst === null ? null : buildSet(r, bindCst);
  const clauses = nodes(cst, "clause").flatMap((c) => buildClause(r, c) ?? []);
  if (name === null) return null;
  const broken = head === null || isBroken(r, head) || as !== null || tokens(node(head, "proto"), "kw_udp").length > 0;
  return { kind: "expose", name, service, ports, bind, clauses, broken, span: spanOf(r, cst) };
}

function buildClause(r: Reader, clause: Cst): ClauseNode | null {
  const allow = node(clause, "allow");
  if (allow !== null) return buildRule(r, allow, "allow", "expose");
  const deny = node(clause, "deny");
  if (deny !== null) return buildRule(r, deny, "deny", "expose");
  const cap = node(clause, "cap");
  if (cap !== null) return buildCap(r, cap);
  const limit = node(clause, "limit");
  if (limit !== null) return buildLimit(r, limit);
  const backend = node(clause, "backend");
  if (backend !== null) {
    const path = text(r, backend);
    const address = piece(r, backend, "Word");
    const span = spanOf(r, backend);
    if (path !== null) return { kind: "backend", target: { kind: "unix", ...path }, span };
    return address === null ? null : { kind: "backend", target: { kind: "tcp", ...address }, span };
  }
  buildLater(r, clause);
  return null;
}

/** What edition 1 has here, in statements and clauses alike, and this release has not. */
export function buildLater(r: Reader, cst: Cst): void {
  const credential = node(cst, "credential");
  const word =
    piece(r, credential, "kw_cert") ?? piece(r, credential, "kw_ca") ??
    piece(r, node(cst, "use"), "kw_use") ?? piece(r, node(cst, "dryrun"), "kw_dryrun");
  if (word !== null) notYet(r, word);
  const annotation = node(cst, "annotation");
  const at = piece(r, annotation, "At");
  const name = piece(r, annotation, "Name");
  if (at !== null) notYet(r, name === null ? at : { text: `@${name.text}`, span: joined(at, name).span }, "write it as a comment: `# …`");
}

function buildCap(r: Reader, cst: Cst): CapNode | null {
  const connections = piece(r, cst, "Integer");
  let perSource: CapNode["perSource"] = null;
  for (const part of nodes(cst, "capPart")) {
    const count = piece(r, part, "Integer");
    const per = node(part, "perSource");
    const identity = piece(r, per, "kw_identity");
    const key = node(per, "sourceKey");
    const word = piece(r, part, "kw_per");
    if (identity !== null) notYet(r, word === null ? identity : joined(word, identity));
    else if (key !== null && count !== null) {
      if (perSource !== null) {
        r.diagnostics.push({
          code: "ING405", message: "`per source` stands twice in one `cap`", span: spanOf(r, part), label: "",
          related: [{ span: perSource.connections.span, label: "first here" }], help: "keep one of them", fix: null,
        });
      } else perSource = { connections: count, key: buildKey(r, key) };
    }
  }
  return connections === null ? null : { kind: "cap", connections, perSource, span: spanOf(r, cst) };
}

function buildLimit(r: Reader, cst: Cst): LimitNode | null {
  const [rateToken] = tokens(cst, "Rate");
  const per = node(cst, "per");
  const identity = piece(r, per, "kw_identity");
  if (identity !== null) {
    const word = piece(r, cst, "kw_per");
    notYet(r, word === null ? identity : joined(word, identity), "limit per source or per listener");
    return null;
  }
  const key = node(per, "sourceKey");
  if (rateToken === undefined || per === null || (key === null && tokens(per, "kw_listener").length === 0)) return null;
  return {
    kind: "limit",
    rate: pieceOf(r, rateToken),
    burst: piece(r, cst, "Integer"),
    per: key === null ? { kind: "listener" } : { kind: "source", key: buildKey(r, key) },
    span: spanOf(r, cst),
  };
}
