// PolicyNode -> source JSON. Only of a tree without errors: what a syntax error cut short has no
// form. Absent parts have no keys.
import type {
  AnnotationNode,
  BackendTarget,
  CapNode,
  ClaimNode,
  ExposeNode,
  KeyNode,
  LimitNode,
  Member,
  OutcomeNode,
  Piece,
  PolicyNode,
  ProtoNode,
  RuleNode,
  SetNode,
  TemplateNode,
  TestLineNode,
} from "../ast/nodes.ts";

/** A value of JSON. */
export type Json = string | number | boolean | readonly Json[] | { readonly [key: string]: Json };

export function encodePolicy({ statements }: PolicyNode): Json {
  return { edition: 1, statements: statements.map(body) };
}

/** Two spaces a step, keys in code-point order, a line break at the end. */
export function jsonText(value: Json): string {
  return `${JSON.stringify(sorted(value), null, 2)}\n`;
}

function sorted(value: Json): Json {
  if (typeof value !== "object") return value;
  if (isList(value)) return value.map(sorted);
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

type Parts = Readonly<Record<string, Json | null>>;

/** Without the parts that are null. */
function object(parts: Parts): Json {
  return Object.fromEntries(Object.entries(parts).flatMap(([key, value]) => (value === null ? [] : [[key, value]])));
}

type Body = TemplateNode["body"][number] | PolicyNode["statements"][number];

function body(node: Body): Json {
  switch (node.kind) {
    case "import":
      return object({ kind: "import", path: quoted(node.path), as: node.alias.text, annotations: annotations(node.annotations) });
    case "net":
    case "ports":
    case "hosts":
    case "ids":
      return object({ kind: node.kind, name: node.name.text, set: set(node.set), annotations: annotations(node.annotations) });
    case "expose":
      return expose(node);
    case "dial":
      return object({ kind: "dial", service: node.service.text, proto: node.proto?.proto ?? null, annotations: annotations(node.annotations) });
    case "rule":
      return rule(node);
    case "use":
      return { kind: "use", template: node.template.text, args: node.args.map(member) };
    case "test":
      return object({ kind: "test", title: quoted(node.title), at: word(node.at), lines: node.lines.map(testLine) });
    case "template":
      return object({
        kind: "template",
        name: node.name.text,
        params: node.params.map((p) => p.text),
        body: node.body.map(body),
        annotations: annotations(node.annotations),
      });
    case "budget":
      return { kind: "budget", entries: node.entries.map((e) => ({ word: e.word, value: e.value.text })) };
    case "invariant":
      return { kind: "invariant", title: quoted(node.title), claims: node.claims.map(claim) };
    case "backend":
      return object({ kind: "backend", ...backends(node.targets), proxy: word(node.proxy) });
    case "cert":
    case "ca": {
      const names = node.values.map(quoted);
      const [name] = names;
      return name === undefined || names.length > 1 ? { kind: node.kind, names } : { kind: node.kind, name };
    }
    case "alpn":
      return { kind: node.kind, protocols: node.values.map(quoted) };
    case "cap":
      return cap(node);
    case "limit":
      return limit(node);
    case "amplify":
      return { kind: "amplify", factor: node.factor.text };
  }
}

/** One is a key of the clause itself; several are a list. */
function backends(targets: readonly BackendTarget[]): { readonly [key: string]: Json } {
  const all = targets.map((target): { readonly [key: string]: Json } => (target.kind === "unix" ? { unix: quoted(target) } : { [target.kind]: target.text }));
  const [only] = all;
  return only === undefined || all.length > 1 ? { backends: all } : only;
}

function expose(node: ExposeNode): Json {
  return object({
    kind: "expose",
    name: node.name.text,
    service: word(node.service),
    proto: node.protos.length === 0 ? null : protos(node.protos),
    ports: maybeSet(node.ports),
    bind: maybeSet(node.bind),
    via: maybeSet(node.via),
    for: maybeSet(node.hosts),
    mode: word(node.mode),
    clauses: node.clauses.map(body),
    annotations: annotations(node.annotations),
  });
}

function rule(node: RuleNode): Json {
  return object({
    kind: node.action,
    dryrun: node.dryrun ? true : null,
    named: word(node.name),
    on: node.on === null ? null : { proto: protos(node.on.protos), ports: set(node.on.ports) },
    from: maybeSet(node.from),
    sni: maybeSet(node.sni),
    client: maybeSet(node.client),
    after: word(node.after),
    until: word(node.until),
    annotations: annotations(node.annotations),
  });
}

function protos(nodes: readonly ProtoNode[]): string {
  return nodes.map(({ proto }) => proto).join(", ");
}

function cap({ dryrun, connections, perSource, perIdentity }: CapNode): Json {
  const parts = perSource.map((each) => object({ connections: each.connections.text, key: key(each.key), from: maybeSet(each.from) }));
  return object({
    kind: "cap",
    dryrun: dryrun ? true : null,
    connections: word(connections),
    perSource: parts.length === 1 ? (parts[0] ?? null) : null,
    perSources: parts.length > 1 ? parts : null,
    perIdentity: perIdentity === null ? null : perIdentity.connections.text,
  });
}

function limit({ dryrun, rate, burst, per }: LimitNode): Json {
  const counted = per.kind === "source" && (per.key !== null || per.from !== null) ? object({ source: key(per.key), from: maybeSet(per.from) }) : per.kind;
  return object({ kind: "limit", dryrun: dryrun ? true : null, rate: rate.text, burst: word(burst), per: counted });
}

function key(node: KeyNode): Json | null {
  return node === null ? null : { v4: node.v4.text, v6: node.v6.text };
}

function testLine(line: TestLineNode): Json {
  if (line.kind === "bind") {
    return object({
      kind: "bind",
      subject: line.subject.text,
      proto: line.proto?.proto ?? null,
      endpoint: line.endpoint.text,
      outcome: outcome(line.outcome),
    });
  }
  const { source, via, to, sni, client } = line.request;
  const request: Parts = {
    source: source.text,
    via: word(via),
    to: to.kind === "expose" ? to.text : object({ proto: to.proto.proto, port: to.text, local: word(to.local) }),
    sni: sni === null ? null : quoted(sni),
    client: client === null ? null : client.map(member),
  };
  if (line.repeat === null) {
    const [only] = line.outcomes;
    return object({ kind: "from", ...request, outcome: only === undefined ? null : outcome(only) });
  }
  const { count, duration, closing } = line.repeat;
  return object({
    kind: "repeat",
    count: count.text,
    duration: duration.text,
    closing: closing ? true : null,
    ...request,
    outcomes: line.outcomes.map(outcome),
  });
}

function outcome({ verdict, reason, by, count }: OutcomeNode): Json {
  const said: Parts = verdict === "allow" ? { allow: true } : { deny: word(reason) };
  return object({ ...said, by: word(by), count: word(count) });
}

function claim(node: ClaimNode): Json {
  const { to } = node;
  return object({
    word: node.word,
    from: maybeSet(node.from),
    sni: maybeSet(node.sni),
    client: maybeSet(node.client),
    to: to.kind === "ports" ? { proto: to.proto.proto, ports: set(to.ports) } : to.text,
    mode: word(node.mode),
    at: word(node.at),
  });
}

function set({ members, except }: SetNode): Json {
  return object({ members: members.map(member), except: except === null ? null : except.map(member) });
}

function maybeSet(node: SetNode | null): Json | null {
  return node === null ? null : set(node);
}

function member(node: Member): Json {
  switch (node.kind) {
    case "text":
      return { text: node.text };
    case "id":
      return { [node.type]: quoted(node.pattern) };
    case "file":
      return { file: quoted(node.path), max: node.max.text, ...(node.min === null ? {} : { min: node.min.text }) };
    case "name":
    case "qualified":
    case "literal":
    case "number":
    case "param":
      return node.text;
  }
}

function annotations(nodes: readonly AnnotationNode[]): Json | null {
  if (nodes.length === 0) return null;
  const off = nodes.flatMap((node) => (node.off === undefined ? [] : [{ off: node.off.text, why: quoted(node.value) }]));
  const said = nodes.filter(({ name }) => name !== "lint").map(({ name, value }): readonly [string, Json] => [name, quoted(value)]);
  const all: readonly (readonly [string, Json])[] = off.length === 0 ? said : [...said, ["lint", off]];
  return Object.fromEntries(all);
}

function quoted(piece: Piece): Json {
  return piece.param === true ? { param: piece.text } : piece.text;
}

function word(piece: Piece | null): string | null {
  return piece === null ? null : piece.text;
}
