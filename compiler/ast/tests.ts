// `test` out of the concrete tree.
import type { Cst } from "../syntax/cst.ts";
import type { Member, OutcomeNode, Piece, RequestNode, TestLineNode, TestNode } from "./nodes.ts";
import { isBehindError, isBroken, keyword, node, nodes, piece, pieces, say, spanOf, tokens, type Reader } from "./reader.ts";
import { buildIdentity, buildProto } from "./sets.ts";

/** Null where not even the title is there. */
export function buildTest(r: Reader, cst: Cst): TestNode | null {
  const head = node(cst, "testHead");
  const title = piece(r, head, "Text");
  const at = piece(r, node(head, "time"), "Literal");
  const lines = nodes(cst, "testLine").flatMap((line) => (isBroken(r, line) ? [] : (buildLine(r, line) ?? [])));
  return title === null ? null : { kind: "test", title, at, lines, span: spanOf(r, cst) };
}

function buildLine(r: Reader, line: Cst): TestLineNode | null {
  const bind = node(line, "bindLine");
  if (bind !== null) return buildBind(r, bind);
  const repeat = node(line, "repeatLine");
  const from = node(line, "fromLine") ?? node(repeat, "fromLine");
  const request = buildRequest(r, node(from, "request"));
  const outcomes = nodes(from, "outcome")
    .map((o) => buildOutcome(r, o))
    .filter((o) => o !== null);
  if (request === null || outcomes.length === 0) return null;
  if (repeat === null) {
    refuseRepetition(r, outcomes, request);
    return { kind: "from", request, repeat: null, outcomes, span: spanOf(r, line) };
  }
  const count = piece(r, repeat, "Integer");
  const duration = piece(r, node(repeat, "duration"), "Literal");
  if (count === null || duration === null) return null;
  const word = keyword(r, repeat, ["repeat"]);
  const closing = piece(r, repeat, "kw_closing");
  const start = word?.piece.span.start ?? count.span.start;
  const span = { file: r.file, start, end: (closing ?? duration).span.end };
  return { kind: "from", request, repeat: { count, duration, closing: closing !== null, span }, outcomes, span: spanOf(r, line) };
}

/** Counts and further outcomes belong to `repeat`; the first is reported. */
function refuseRepetition(r: Reader, [first, second]: readonly OutcomeNode[], request: RequestNode): void {
  const count = first?.count ?? null;
  if (isBehindError(r, request.span)) return;
  if (count !== null) {
    say(r, "ING106", { of: "test_line", found: "count" }, count.span, { fix: { span: count.span, text: "" } });
  } else if (second !== undefined) {
    say(r, "ING106", { of: "test_line", found: "outcome" }, second.span);
  }
}

function buildRequest(r: Reader, cst: Cst | null): RequestNode | null {
  const source = piece(r, cst, "Word");
  // Where a peer is named, it is the second word.
  const via = tokens(cst, "kw_via").length > 0 ? piece(r, cst, "Word", 1) : null;
  const to = buildTarget(r, node(cst, "target"));
  let sni: Piece | null = null;
  let client: readonly Member[] | null = null;
  const seen = new Map<string, Piece>();
  for (const fact of nodes(cst, "fact")) {
    const found = keyword(r, fact, ["sni", "client"]);
    if (found === null) continue;
    const first = seen.get(found.word);
    if (first !== undefined) {
      say(r, "ING109", { fault: "twice", clause: found.word, in: "request" }, found.piece.span, { related: [first.span] });
      continue;
    }
    seen.set(found.word, found.piece);
    if (found.word === "sni") sni = piece(r, fact, "Text");
    else client = buildIdentities(r, node(fact, "identities"));
  }
  if (cst === null || source === null || to === null) return null;
  return { source, via, to, sni, client, span: spanOf(r, cst) };
}

/** In the order of the text, whether they are written out or parameters. */
function buildIdentities(r: Reader, cst: Cst | null): Member[] {
  const written = nodes(cst, "identity").flatMap((i) => buildIdentity(r, i) ?? []);
  const params = pieces(r, cst, "Param").map((param) => ({ kind: "param", ...param }) as const);
  return [...written, ...params].sort((a, b) => a.span.start - b.span.start);
}

function buildTarget(r: Reader, cst: Cst | null): RequestNode["to"] | null {
  const name = piece(r, cst, "Name");
  if (name !== null) return { kind: "expose", ...name };
  const port = piece(r, cst, "Word");
  const proto = buildProto(r, node(cst, "proto"));
  return port === null || proto === null ? null : { kind: "port", proto, local: piece(r, cst, "Word", 1), ...port };
}

function buildBind(r: Reader, cst: Cst): TestLineNode | null {
  const subject = piece(r, cst, "Name");
  const endpoint = piece(r, cst, "Word");
  const written = node(cst, "outcome");
  const outcome = written === null ? null : buildOutcome(r, written);
  if (subject === null || endpoint === null || outcome === null) return null;
  if (outcome.count !== null) {
    say(r, "ING106", { of: "test_line", found: "bind_count" }, outcome.count.span, { fix: { span: outcome.count.span, text: "" } });
  }
  return { kind: "bind", subject, endpoint, proto: buildProto(r, node(cst, "proto")), outcome, span: spanOf(r, cst) };
}

function buildOutcome(r: Reader, cst: Cst): OutcomeNode | null {
  const verdict = keyword(r, cst, ["allow", "deny"]);
  if (verdict === null) return null;
  const reason = piece(r, node(cst, "reason"), "Name");
  // Where a rule is named, its name is the only other name.
  const by = tokens(cst, "kw_by").length > 0 ? piece(r, cst, "Name") : null;
  return { verdict: verdict.word, reason, by, count: piece(r, cst, "Integer"), span: spanOf(r, cst) };
}
