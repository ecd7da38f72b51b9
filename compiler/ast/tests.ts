// `test` out of the concrete tree.
import type { Cst } from "../syntax/cst.ts";
import type { OutcomeNode, Piece, TestLineNode, TestNode } from "./nodes.ts";
import { isBroken, node, nodes, notYet, piece, spanOf, text, tokens, type Reader } from "./reader.ts";

export function buildTest(r: Reader, cst: Cst): TestNode | null {
  const head = node(cst, "testHead");
  const title = text(r, head);
  const at = piece(r, head, "kw_at");
  if (at !== null) notYet(r, at, "remove the time: rules of this release have none");
  const lines = nodes(cst, "testLine").flatMap((line) => buildLine(r, line) ?? []);
  return title === null ? null : { kind: "test", title, lines, span: spanOf(r, cst) };
}

function buildLine(r: Reader, line: Cst): TestLineNode | null {
  const repeat = node(line, "repeatLine");
  if (repeat !== null) {
    const word = piece(r, repeat, "kw_repeat");
    if (word !== null) notYet(r, word);
    return null;
  }
  const from = node(line, "fromLine");
  const bind = node(line, "bindLine");
  if (from !== null) return isBroken(r, from) ? null : fromLine(r, from);
  return bind === null || isBroken(r, bind) ? null : bindLine(r, bind);
}

function fromLine(r: Reader, cst: Cst): TestLineNode | null {
  const before = r.diagnostics.length;
  const source = piece(r, cst, "Word");
  const to = target(r, node(cst, "target"));
  for (const matcher of nodes(cst, "laterMatcher")) {
    const word = piece(r, matcher, "kw_sni") ?? piece(r, matcher, "kw_client");
    if (word !== null) notYet(r, word);
  }
  const extra = node(cst, "outcome", 1);
  const outcome = buildOutcome(r, node(cst, "outcome"));
  if (extra !== null) {
    r.diagnostics.push({
      code: "ING106", message: "expected the next line of the test, found a second outcome", span: spanOf(r, extra), label: "",
      related: [], help: "one connection has one outcome", fix: null,
    });
  }
  if (r.diagnostics.length > before || source === null || to === null || outcome === null) return null;
  return { kind: "from", source, to, outcome, span: spanOf(r, cst) };
}

function target(r: Reader, cst: Cst | null): ({ readonly kind: "expose" | "port" } & Piece) | null {
  const qualified = piece(r, cst, "Qualified");
  if (qualified !== null) notYet(r, qualified, "a name with a dot comes out of an `import`");
  const udp = piece(r, node(cst, "proto"), "kw_udp");
  if (udp !== null) notYet(r, udp);
  const local = piece(r, cst, "kw_local");
  if (local !== null) notYet(r, local);
  const name = piece(r, cst, "Name");
  if (name !== null) return { kind: "expose", ...name };
  const port = piece(r, cst, "Word");
  return port === null ? null : { kind: "port", ...port };
}

function bindLine(r: Reader, cst: Cst): TestLineNode | null {
  const before = r.diagnostics.length;
  const proto = node(cst, "proto");
  const udp = piece(r, proto, "kw_udp");
  if (udp !== null) notYet(r, udp);
  const tcp = piece(r, proto, "kw_tcp");
  if (tcp !== null) {
    r.diagnostics.push({
      code: "ING106", message: "expected an address with a port, found `tcp`", span: tcp.span, label: "", related: [],
      help: "a bind is asked as `bind web on 0.0.0.0:443`", fix: { span: tcp.span, text: "" },
    });
  }
  const subject = piece(r, cst, "Name");
  const endpoint = piece(r, cst, "Word");
  const outcome = buildOutcome(r, node(cst, "outcome"));
  if (r.diagnostics.length > before || subject === null || endpoint === null || outcome === null) return null;
  return { kind: "bind", subject, endpoint, outcome, span: spanOf(r, cst) };
}

function buildOutcome(r: Reader, cst: Cst | null): OutcomeNode | null {
  if (cst === null) return null;
  const by = piece(r, cst, "kw_by");
  if (by !== null) notYet(r, by);
  const count = piece(r, cst, "Integer");
  if (count !== null) {
    r.diagnostics.push({
      code: "ING106", message: "expected the next line of the test, found a count", span: count.span, label: "", related: [],
      help: "counts belong to `repeat`, which is not in this release", fix: { span: count.span, text: "" },
    });
  }
  if (tokens(cst, "kw_allow").length > 0) return { verdict: "allow" };
  const reason = piece(r, node(cst, "reason"), "Name");
  return reason === null ? null : { verdict: "deny", reason };
}
