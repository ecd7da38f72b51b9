// Tests and invariants as rows.
import { COLUMN, LINE, SPACE, clauseDocs, commas, group, row, token, words, type Doc, type Row } from "./layout.ts";
import type { ClaimNode, OutcomeNode, RequestNode, TestLineNode } from "../ast/nodes.ts";
import { lineDocs } from "./print_clauses.ts";
import { memberList, quotedDoc, setDoc } from "./print_sets.ts";

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

function requestDocs({ source, via, to, sni, client }: RequestNode): Doc[] {
  const target = to.kind === "expose" ? [to.text] : [to.proto.proto, to.text, ...(to.local === null ? [] : ["local", to.local.text])];
  const first = client?.[0];
  return [
    ...words("from", source.text, ...(via === null ? [] : ["via", via.text]), "to", ...target),
    ...(sni === null ? [] : [SPACE, ...clauseDocs("sni", sni.span, [SPACE, quotedDoc(sni)])]),
    ...(first === undefined ? [] : [SPACE, ...clauseDocs("client", first.span, [group([LINE, ...memberList(client ?? [])])])]),
  ];
}

function outcomeDocs(outcomes: readonly OutcomeNode[]): Doc[] {
  const each = outcomes.map(({ verdict, reason, by, count }) =>
    words(verdict, ...(reason === null ? [] : [reason.text]), ...(count === null ? [] : [count.text]), ...(by === null ? [] : ["by", by.text])),
  );
  const [first] = outcomes;
  const parts: readonly Doc[] = [SPACE, group(commas(each))];
  return first === undefined ? [token("=>"), ...parts] : clauseDocs("=>", first.span, parts);
}

/** `only P to X` says P before X; the others say who comes, then where to and with what. */
export function claimRow({ word, from, sni, client, to, mode, at }: ClaimNode): Row {
  const predicates: readonly (readonly Doc[])[] = [
    ...(sni === null ? [] : [clauseDocs("sni", sni.span, [setDoc(sni)])]),
    ...(client === null ? [] : [clauseDocs("client", client.span, [setDoc(client)])]),
  ];
  const parts: readonly (readonly Doc[])[] = [
    ...(from === null ? [] : [clauseDocs("from", from.span, [setDoc(from)])]),
    ...(word === "only" ? predicates : []),
    clauseDocs("to", to.span, [SPACE, ...(to.kind === "ports" ? [token(to.proto.proto), setDoc(to.ports)] : [token(to.text)])]),
    ...(word === "only" ? [] : predicates),
    ...(mode === null ? [] : [clauseDocs("as", mode.span, [SPACE, token(mode.text)])]),
    ...(at === null ? [] : [clauseDocs("at", at.span, [SPACE, token(at.text)])]),
  ];
  return row([token(word), ...lineDocs(parts)]);
}
