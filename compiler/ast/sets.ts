// Sets and their members out of the concrete tree.
import type { Cst } from "../syntax/cst.ts";
import type { KeyNode, Member, SetNode } from "./nodes.ts";
import { isBroken, node, nodes, notYet, piece, spanOf, text, type Reader } from "./reader.ts";

export function buildSet(r: Reader, cst: Cst): SetNode {
  const [listed = null, subtracted = null] = nodes(cst, "members");
  return {
    members: members(r, listed),
    except: (cst.children["kw_except"] ?? []).length === 0 ? null : members(r, subtracted),
    broken: isBroken(r, cst),
    span: spanOf(r, cst),
  };
}

function members(r: Reader, cst: Cst | null): Member[] {
  return nodes(cst, "member").flatMap((m) => member(r, m) ?? []);
}

const NAME = /^[A-Za-z_][A-Za-z0-9_-]*$/;
const QUALIFIED = /^[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z_][A-Za-z0-9_-]*)+$/;

function member(r: Reader, cst: Cst): Member | null {
  const file = node(cst, "file");
  if (file !== null) {
    const path = text(r, file);
    const max = piece(r, file, "Integer");
    return path === null || max === null ? null : { kind: "file", path, max, span: spanOf(r, file) };
  }
  const typed = node(cst, "typedText");
  if (typed !== null) {
    const word = piece(r, typed, "kw_uri") ?? piece(r, typed, "kw_dns") ?? piece(r, typed, "kw_ip") ?? piece(r, typed, "kw_sha256");
    if (word !== null) notYet(r, word);
    return null;
  }
  const quoted = text(r, cst);
  if (quoted !== null) return { kind: "text", ...quoted };
  const word = piece(r, cst, "Word");
  if (word === null) return null;
  if (NAME.test(word.text)) return { kind: "name", ...word };
  if (QUALIFIED.test(word.text)) return { kind: "qualified", ...word };
  return { kind: /^[0-9]+(?:-[0-9]+)?$/.test(word.text) ? "number" : "literal", ...word };
}

export function buildKey(r: Reader, cst: Cst | null): KeyNode {
  const v4 = piece(r, cst, "Slash", 0);
  const v6 = piece(r, cst, "Slash", 1);
  return v4 === null || v6 === null ? null : { v4, v6 };
}

/** The set behind `on tcp`; `udp` is refused, and its ports are read all the same. */
export function buildPorts(r: Reader, proto: Cst | null, set: Cst | null): SetNode | null {
  const udp = piece(r, proto, "kw_udp");
  if (udp !== null) notYet(r, udp);
  return set === null ? null : buildSet(r, set);
}
