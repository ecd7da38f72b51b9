// Rules and the other clauses of an expose as rows.
import { LINE, SPACE, commas, group, placed, row, token, words, type Doc, type Row } from "./layout.ts";
import type { AnnotationNode, BackendTarget, CapNode, ClauseNode, LimitNode, RuleNode, SetNode, UseNode } from "../ast/nodes.ts";
import { annotationDocs, argumentsDocs, keyDocs, memberDocs, protosDocs, quotedDoc, setDoc } from "./print_sets.ts";

/** Rows with their annotations on the line above. */
export function annotated(annotations: readonly AnnotationNode[], rows: readonly Row[]): Row[] {
  const [first] = rows;
  if (annotations.length === 0 || first === undefined) return [...rows];
  return [row(annotationDocs(annotations), { apart: first.apart, edge: "leads" }), { ...first, apart: false }, ...rows.slice(1)];
}

export function clauseRows(clause: ClauseNode): Row[] {
  switch (clause.kind) {
    case "rule":
      return ruleRows(clause);
    case "backend": {
      const { targets, proxy } = clause;
      return [row([token("backend"), SPACE, group(commas(targets.map(targetDocs))), ...(proxy === null ? [] : [SPACE, ...words("proxy", proxy.text)])])];
    }
    case "cap":
      return [row(capDocs(clause))];
    case "limit":
      return [row(limitDocs(clause))];
    case "amplify":
      return [row(words("amplify", clause.factor.text))];
    case "cert":
    case "ca":
    case "alpn":
      return [row([token(clause.kind), SPACE, group(commas(clause.values.map((value) => [quotedDoc(value)])))])];
    case "use":
      return [row(useDocs(clause))];
  }
}

function targetDocs(target: BackendTarget): Doc[] {
  if (target.kind === "unix") return [token("unix"), SPACE, quotedDoc(target)];
  return target.kind === "remote" ? words("remote", target.text) : [token(target.text)];
}

export function ruleRows(rule: RuleNode): Row[] {
  const { on, from, sni, client, after, until } = rule;
  const clauses: readonly (readonly Doc[])[] = [
    ...(on === null ? [] : [[...protosDocs(on.protos), setDoc(on.ports)]]),
    ...(from === null ? [] : [[token("from"), setDoc(from)]]),
    ...(sni === null ? [] : [[token("sni"), setDoc(sni)]]),
    ...(client === null ? [] : [[token("client"), setDoc(client)]]),
    ...(after === null ? [] : [words("after", after.text)]),
    ...(until === null ? [] : [words("until", until.text)]),
  ];
  const head = words(...(rule.dryrun ? ["dryrun"] : []), rule.action, ...(rule.name === null ? [] : ["named", rule.name.text]));
  return annotated(rule.annotations, [row([...head, ...lineDocs(clauses)])]);
}

/** The first of them on the line of the word before; the others break together. */
export function lineDocs(clauses: readonly (readonly Doc[])[]): Doc[] {
  const [first, ...more] = clauses;
  if (first === undefined) return [];
  return more.length === 0 ? [SPACE, ...first] : [SPACE, group([...first, ...more.flatMap((c) => [LINE, ...c])])];
}

function capDocs({ dryrun, connections, perSource, perIdentity }: CapNode): Doc[] {
  const parts = [
    ...perSource.map((part) =>
      placed([...words(part.connections.text, "per", "source"), ...keyDocs(part.key), ...fromDocs(part.from)], { kind: "at", offset: part.span.start }),
    ),
    ...(perIdentity === null ? [] : [placed(words(perIdentity.connections.text, "per", "identity"), { kind: "at", offset: perIdentity.span.start })]),
  ];
  const comma: Doc = { kind: "token", text: ",", from: { kind: "separator" } };
  const [first = [], more] = connections === null ? [parts[0], parts.slice(1)] : [words(connections.text, "connections"), parts];
  return [...words(...(dryrun ? ["dryrun"] : []), "cap"), SPACE, ...first, group(more.flatMap((docs) => [comma, LINE, ...docs]))];
}

function limitDocs({ dryrun, rate, burst, per }: LimitNode): Doc[] {
  const head = words(...(dryrun ? ["dryrun"] : []), "limit", rate.text, ...(burst === null ? [] : ["burst", burst.text]), "per", per.kind);
  return per.kind === "source" ? [...head, ...keyDocs(per.key), ...fromDocs(per.from)] : head;
}

function fromDocs(from: SetNode | null): Doc[] {
  return from === null ? [] : [SPACE, token("from"), setDoc(from)];
}

export function useDocs({ template, args }: UseNode): Doc[] {
  return [token("use"), SPACE, token(template.text), ...argumentsDocs(args.map(memberDocs))];
}
