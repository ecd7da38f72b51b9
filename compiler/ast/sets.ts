// Sets and their members out of the concrete tree.
import type { Cst } from "../syntax/cst.ts";
import type { KeyNode, Member, Piece, ProtoNode, SetDeclaration, SetNode } from "./nodes.ts";
import { isBroken, keyword, node, nodes, piece, pieces, sayTyped, spanOf, tokens, type Reader } from "./reader.ts";

const SPACES = ["net", "ports", "hosts", "ids"] as const;

/** Null where not even the name is there. */
export function buildDeclaration(r: Reader, cst: Cst): SetDeclaration | null {
  const kind = keyword(r, cst, SPACES);
  const name = piece(r, cst, "Name");
  if (kind === null || name === null) return null;
  const written = node(cst, "set");
  const span = spanOf(r, cst);
  const set = written === null ? { members: [], except: null, broken: true, span } : buildSet(r, written);
  return { kind: kind.word, name, set: isBroken(r, cst) ? { ...set, broken: true } : set, annotations: [], span };
}

export function buildSet(r: Reader, cst: Cst): SetNode {
  const [listed = null, subtracted = null] = nodes(cst, "members");
  return {
    members: members(r, listed),
    except: (cst.children["kw_except"] ?? []).length === 0 ? null : members(r, subtracted),
    broken: isBroken(r, cst),
    span: spanOf(r, cst),
  };
}

export function buildSetOf(r: Reader, cst: Cst | null): SetNode | null {
  const set = node(cst, "set");
  return set === null ? null : buildSet(r, set);
}

/** Members that are one word or text are tokens beside the nodes of the others. */
function members(r: Reader, cst: Cst | null): Member[] {
  const lists = [
    nodes(cst, "member").flatMap((m) => buildMember(r, m) ?? []),
    pieces(r, cst, "Text").map(textMember),
    pieces(r, cst, "Word").map(wordMember),
  ].filter((list) => list.length > 0);
  return lists.length < 2 ? (lists[0] ?? []) : lists.flat().sort((a, b) => a.span.start - b.span.start);
}

const NAME = /^[A-Za-z_][A-Za-z0-9_-]*$/;
const QUALIFIED = /^[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z_][A-Za-z0-9_-]*)+$/;

export function buildMember(r: Reader, cst: Cst): Member | null {
  const file = node(cst, "file");
  if (file !== null) {
    const path = piece(r, file, "Text");
    const max = piece(r, file, "Integer");
    const wantsMin = tokens(file, "kw_min").length > 0;
    const min = piece(r, file, "Integer", 1);
    return path === null || max === null || (wantsMin && min === null) ? null : { kind: "file", path, max, min, span: spanOf(r, file) };
  }
  const identity = node(cst, "identity");
  if (identity !== null) return buildIdentity(r, identity);
  const quoted = piece(r, cst, "Text");
  if (quoted !== null) return textMember(quoted);
  const word = piece(r, cst, "Word");
  return word === null ? null : wordMember(word);
}

function textMember({ text, span, param }: Piece): Member {
  return param === true ? { kind: "param", text, span, param } : { kind: "text", text, span };
}

function wordMember({ text, span, param }: Piece): Member {
  if (param === true) return { kind: "param", text, span, param };
  if (NAME.test(text)) return { kind: "name", text, span };
  if (QUALIFIED.test(text)) return { kind: "qualified", text, span };
  return { kind: /^[0-9]+(?:-[0-9]+)?$/.test(text) ? "number" : "literal", text, span };
}

export function buildIdentity(r: Reader, cst: Cst): Member | null {
  const type = keyword(r, cst, ["uri", "dns", "ip", "sha256"]);
  const pattern = piece(r, cst, "Text");
  return type === null || pattern === null ? null : { kind: "id", type: type.word, pattern, span: spanOf(r, cst) };
}

export function buildKey(r: Reader, cst: Cst | null): KeyNode {
  const v4 = piece(r, cst, "Slash", 0);
  const v6 = piece(r, cst, "Slash", 1);
  return v4 === null || v6 === null ? null : { v4, v6 };
}

/** `on tcp 443`, `on tcp, udp 53`; none where a part could not be read. */
export function buildProtos(r: Reader, cst: Cst | null, of: "expose" | "deny"): readonly ProtoNode[] {
  const protos: ProtoNode[] = [];
  for (const part of nodes(cst, "proto")) {
    const next = buildProto(r, part);
    if (next === null) return [];
    const first = protos.find(({ proto }) => proto === next.proto);
    if (first === undefined) protos.push(next);
    else sayTyped(r, "ING405", { clause: next.proto, in: of }, next.span, { related: [{ span: first.span, label: "first here" }] });
  }
  return protos;
}

export function buildProto(r: Reader, cst: Cst | null): ProtoNode | null {
  const proto = keyword(r, cst, ["tcp", "udp"]);
  return proto === null ? null : { proto: proto.word, span: proto.piece.span };
}
