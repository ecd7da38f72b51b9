// Members, sets and the small parts that many statements have, as tokens with their spacing.
import { LINE, SOFT, SPACE, commas, group, placed, token, words, type Doc } from "./layout.ts";
import type { AnnotationNode, KeyNode, Member, Piece, ProtoNode, SetNode } from "../ast/nodes.ts";
import { isKeyword } from "../syntax/keywords.ts";

/** A text in quotes; where it is a parameter, without them. */
export function quotedDoc({ text, param }: Piece): Doc {
  return token(param === true ? text : `"${text}"`);
}

export function memberDocs(member: Member): Doc[] {
  switch (member.kind) {
    case "name":
    case "qualified":
    case "literal":
    case "number":
    case "param":
      return [token(member.text)];
    case "text":
      return [token(`"${member.text}"`)];
    case "id":
      return [token(member.type), SPACE, quotedDoc(member.pattern)];
    case "file":
      return [token("file"), SPACE, quotedDoc(member.path), SPACE, ...words("max", member.max.text, ...(member.min === null ? [] : ["min", member.min.text]))];
  }
}

export function memberList(members: readonly Member[]): Doc[] {
  return members.flatMap((member, i) => (i === 0 ? memberDocs(member) : [token(","), breakBefore(member), ...memberDocs(member)]));
}

/** At the start of a line a keyword would be taken for one, though it is the name of a set. */
function breakBefore(member: Member | undefined): Doc {
  return member !== undefined && "text" in member && isKeyword(member.text) ? SPACE : LINE;
}

/** With a break before its first member; a word is before it. */
export function setDoc(set: SetNode): Doc {
  const except = set.except === null ? [] : [LINE, token("except"), group([breakBefore(set.except[0]), ...memberList(set.except)])];
  return group([breakBefore(set.members[0]), ...memberList(set.members), ...except]);
}

export function argumentsDocs(items: readonly (readonly Doc[])[]): Doc[] {
  return [token("("), ...(items.length === 0 ? [] : [group([SOFT, ...commas(items)])]), token(")")];
}

export function keyDocs(key: KeyNode): Doc[] {
  return key === null ? [] : [SPACE, ...words(key.v4.text, key.v6.text)];
}

/** `on tcp, udp`, on one line. */
export function protosDocs(protos: readonly ProtoNode[]): Doc[] {
  return [token("on"), ...protos.flatMap(({ proto }, i) => [...(i === 0 ? [] : [token(",")]), SPACE, token(proto)])];
}

/** In one order, whatever it was. */
export function annotationDocs(annotations: readonly AnnotationNode[]): Doc[] {
  const sorted = [...annotations].sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)));
  const each = sorted.flatMap(({ name, off, value, span }, i): Doc[] => [
    ...(i === 0 ? [] : [LINE]),
    ...placed([token("@"), token(name), ...(off === undefined ? [] : [SPACE, token("off"), SPACE, token(off.text)]), SPACE, quotedDoc(value)], {
      kind: "at",
      offset: span.start,
    }),
  ]);
  return [group(each, 0)];
}
