// A copy of a part of a template's body, with each piece of text and each place put through a
// `Substitution`. It serves to expand a template, and to find the places of its parameters.
import type {
  AnnotationNode,
  CapNode,
  ClaimNode,
  ClauseNode,
  KeyNode,
  LimitNode,
  Member,
  OutcomeNode,
  Piece,
  ProtoNode,
  RuleNode,
  SetNode,
  StatementNode,
  TestLineNode,
} from "../../ast/nodes.ts";
import type { Span } from "../../source/source.ts";

/** The kinds of a place: those of a member, or `member` where any of them may be written. */
export type Slot = "name" | "number" | "text" | "literal" | "address" | "amplification" | "member";

export interface Substitution {
  span(span: Span): Span;
  piece(piece: Piece, slot: Slot): Piece;
  /** For a member that is a parameter. */
  param(piece: Piece): Member;
}

export function substituteStatement(c: Substitution, node: StatementNode): StatementNode {
  const span = c.span(node.span);
  switch (node.kind) {
    case "net":
    case "ports":
    case "hosts":
    case "ids":
      return { ...node, name: c.piece(node.name, "name"), set: set(c, node.set), annotations: annotations(c, node.annotations), span };
    case "expose":
      return {
        ...node,
        span,
        name: c.piece(node.name, "name"),
        service: maybe(c, node.service, "name"),
        protos: node.protos.map((each) => proto(c, each)),
        ports: maybeSet(c, node.ports),
        bind: maybeSet(c, node.bind),
        via: maybeSet(c, node.via),
        hosts: maybeSet(c, node.hosts),
        mode: maybe(c, node.mode, "name"),
        clauses: node.clauses.map((clause) => substituteClause(c, clause)),
        annotations: annotations(c, node.annotations),
      };
    case "rule":
      return rule(c, node);
    case "use":
      return { ...node, template: c.piece(node.template, "name"), args: node.args.map((m) => member(c, m)), span };
    case "test":
      return { ...node, title: c.piece(node.title, "text"), at: maybe(c, node.at, "literal"), lines: node.lines.map((l) => line(c, l)), span };
    case "dial":
      return {
        ...node,
        service: c.piece(node.service, "name"),
        proto: node.proto === null ? null : proto(c, node.proto),
        annotations: annotations(c, node.annotations),
        span,
      };
    case "budget":
      return { ...node, entries: node.entries.map((e) => ({ ...e, value: c.piece(e.value, "number"), span: c.span(e.span) })), span };
    case "invariant":
      return { ...node, title: c.piece(node.title, "text"), claims: node.claims.map((claim) => substituteClaim(c, claim)), span };
    // The grammar has neither in a template.
    case "import":
    case "template":
      return node;
  }
}

export function substituteClause(c: Substitution, node: ClauseNode): ClauseNode {
  const span = c.span(node.span);
  switch (node.kind) {
    case "rule":
      return rule(c, node);
    case "backend": {
      const targets = node.targets.map(({ kind, ...target }) => ({ kind, ...c.piece(target, kind === "unix" ? "text" : "address") }));
      return { ...node, targets, proxy: maybe(c, node.proxy, "name"), span };
    }
    case "cap":
      return cap(c, node);
    case "limit":
      return limit(c, node);
    case "amplify":
      return { ...node, factor: c.piece(node.factor, "amplification"), span };
    case "cert":
    case "ca":
    case "alpn":
      return { ...node, values: node.values.map((value) => c.piece(value, "text")), span };
    case "use":
      return { ...node, template: c.piece(node.template, "name"), args: node.args.map((m) => member(c, m)), span };
  }
}

function rule(c: Substitution, node: RuleNode): RuleNode {
  return {
    ...node,
    name: maybe(c, node.name, "name"),
    on: node.on === null ? null : { protos: node.on.protos.map((each) => proto(c, each)), ports: set(c, node.on.ports) },
    from: maybeSet(c, node.from),
    sni: maybeSet(c, node.sni),
    client: maybeSet(c, node.client),
    after: maybe(c, node.after, "literal"),
    until: maybe(c, node.until, "literal"),
    annotations: annotations(c, node.annotations),
    span: c.span(node.span),
  };
}

function cap(c: Substitution, node: CapNode): CapNode {
  const { perSource, perIdentity } = node;
  return {
    ...node,
    connections: maybe(c, node.connections, "number"),
    perSource: perSource.map((each) => ({
      connections: c.piece(each.connections, "number"),
      key: key(c, each.key),
      from: maybeSet(c, each.from),
      span: c.span(each.span),
    })),
    perIdentity: perIdentity === null ? null : { connections: c.piece(perIdentity.connections, "number"), span: c.span(perIdentity.span) },
    span: c.span(node.span),
  };
}

function limit(c: Substitution, node: LimitNode): LimitNode {
  const { per } = node;
  return {
    ...node,
    rate: c.piece(node.rate, "literal"),
    burst: maybe(c, node.burst, "number"),
    per: per.kind === "source" ? { ...per, key: key(c, per.key), from: maybeSet(c, per.from), span: c.span(per.span) } : { ...per, span: c.span(per.span) },
    span: c.span(node.span),
  };
}

function line(c: Substitution, node: TestLineNode): TestLineNode {
  const span = c.span(node.span);
  if (node.kind === "bind") {
    return {
      ...node,
      span,
      subject: c.piece(node.subject, "name"),
      endpoint: c.piece(node.endpoint, "address"),
      proto: node.proto === null ? null : proto(c, node.proto),
      outcome: outcome(c, node.outcome),
    };
  }
  const { request, repeat } = node;
  const { to } = request;
  return {
    ...node,
    span,
    request: {
      source: c.piece(request.source, "literal"),
      via: maybe(c, request.via, "literal"),
      to:
        to.kind === "expose" ?
          { kind: "expose", ...substituted(c, to, "name") }
        : { kind: "port", proto: proto(c, to.proto), local: maybe(c, to.local, "literal"), ...substituted(c, to, "number") },
      sni: maybe(c, request.sni, "text"),
      client: request.client?.map((m) => member(c, m)) ?? null,
      span: c.span(request.span),
    },
    repeat:
      repeat === null ? null : { ...repeat, count: c.piece(repeat.count, "number"), duration: c.piece(repeat.duration, "literal"), span: c.span(repeat.span) },
    outcomes: node.outcomes.map((o) => outcome(c, o)),
  };
}

function outcome(c: Substitution, node: OutcomeNode): OutcomeNode {
  return { ...node, reason: maybe(c, node.reason, "name"), by: maybe(c, node.by, "name"), count: maybe(c, node.count, "number"), span: c.span(node.span) };
}

function substituteClaim(c: Substitution, node: ClaimNode): ClaimNode {
  const { to } = node;
  return {
    ...node,
    from: maybeSet(c, node.from),
    sni: maybeSet(c, node.sni),
    client: maybeSet(c, node.client),
    to:
      to.kind === "ports" ?
        { kind: "ports", proto: proto(c, to.proto), ports: set(c, to.ports), text: to.text, span: c.span(to.span) }
      : { kind: to.kind, ...substituted(c, to, "name") },
    mode: maybe(c, node.mode, "name"),
    at: maybe(c, node.at, "literal"),
    span: c.span(node.span),
  };
}

/** The text and place of a node that is a piece and more. */
function substituted(c: Substitution, node: Piece, slot: Slot): Piece {
  const { text, span, param } = node;
  return c.piece(param === undefined ? { text, span } : { text, span, param }, slot);
}

function maybe(c: Substitution, piece: Piece | null, slot: Slot): Piece | null {
  return piece === null ? null : c.piece(piece, slot);
}

function maybeSet(c: Substitution, node: SetNode | null): SetNode | null {
  return node === null ? null : set(c, node);
}

function set(c: Substitution, node: SetNode): SetNode {
  return { ...node, members: node.members.map((m) => member(c, m)), except: node.except?.map((m) => member(c, m)) ?? null, span: c.span(node.span) };
}

function member(c: Substitution, m: Member): Member {
  switch (m.kind) {
    case "param":
      return c.param(m);
    case "id":
      return { ...m, pattern: c.piece(m.pattern, "text"), span: c.span(m.span) };
    case "file":
      return {
        ...m,
        path: c.piece(m.path, "text"),
        max: c.piece(m.max, "number"),
        min: m.min === null ? null : c.piece(m.min, "number"),
        span: c.span(m.span),
      };
    default:
      return { ...m, span: c.span(m.span) };
  }
}

function key(c: Substitution, node: KeyNode): KeyNode {
  return node === null ? null : { v4: c.piece(node.v4, "literal"), v6: c.piece(node.v6, "literal") };
}

function proto(c: Substitution, node: ProtoNode): ProtoNode {
  return { ...node, span: c.span(node.span) };
}

function annotations(c: Substitution, nodes: readonly AnnotationNode[]): AnnotationNode[] {
  return nodes.map((a) => ({ ...a, value: c.piece(a.value, "text"), span: c.span(a.span) }));
}
