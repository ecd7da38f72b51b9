// Tests and invariants as rows.
import { COLUMN, LINE, SPACE, commas, group, row, token, words, type Doc, type Row } from "./layout.ts";
import type { ClaimNode, OutcomeNode, RequestNode, TestLineNode } from "./nodes.ts";
import { clauseDocs } from "./printClauses.ts";
import { memberList, quotedDoc, setDoc } from "./printSets.ts";

export function testLineRow(line: TestLineNode): Row {
  if (line.kind === "bind") {
    const proto = line.proto === null ? [] : [line.proto.proto];
    const docs = words("bind", line.subject.text, "on", ...proto, line.endpoint.text);
    return row([...docs, COLUMN, ...outcomeDocs([line.outcome])], { table: "test" });
  }
  const request = requestDocs(line.request);
  if (line.repeat === null) return row([...request, COLUMN, ...outcomeDocs(line.outcomes)], { table: "test" });
  const { count, duration, closing } = line.repeat;
  const repeat = words("repeat", count.text, "in", duration.text, ...(closing ? ["closing"] : []));
  return row([...repeat, group([LINE, ...request, LINE, ...outcomeDocs(line.outcomes)])]);
}

function requestDocs({ source, to, sni, client }: RequestNode): Doc[] {
  const target = to.kind === "expose" ? [to.text] : [to.proto.proto, to.text, ...(to.local === null ? [] : ["local", to.local.text])];
  return [
    ...words("from", source.text, "to", ...target),
    ...(sni === null ? [] : [SPACE, token("sni"), SPACE, quotedDoc(sni)]),
    ...(client === null ? [] : [SPACE, token("client"), group([LINE, ...memberList(client)])]),
  ];
}

function outcomeDocs(outcomes: readonly OutcomeNode[]): Doc[] {
  const each = outcomes.map(({ verdict, reason, by, count }) => words(
    verdict,
    ...(reason === null ? [] : [reason.text]),
    ...(count === null ? [] : [count.text]),
    ...(by === null ? [] : ["by", by.text]),
  ));
  return [token("=>"), SPACE, group(commas(each))];
}

/** `only P to X` says P before X; the others say who comes, then where to and with what. */
export function claimRow({ word, from, sni, client, to, mode, at }: ClaimNode): Row {
  const predicates: readonly (readonly Doc[])[] = [
    ...(sni === null ? [] : [[token("sni"), setDoc(sni)]]),
    ...(client === null ? [] : [[token("client"), setDoc(client)]]),
  ];
  const parts: readonly (readonly Doc[])[] = [
    ...(from === null ? [] : [[token("from"), setDoc(from)]]),
    ...(word === "only" ? predicates : []),
    to.kind === "ports" ? [...words("to", to.proto.proto), setDoc(to.ports)] : words("to", to.text),
    ...(word === "only" ? [] : predicates),
    ...(mode === null ? [] : [words("as", mode.text)]),
    ...(at === null ? [] : [words("at", at.text)]),
  ];
  return row([token(word), ...clauseDocs(parts)]);
}
