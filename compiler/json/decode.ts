// Source JSON -> PolicyNode, for the printer. Refuses whatever the language could not say: the
// form restricts every word to what the lexer would read. The pieces have no places.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type {
  AnnotationNode,
  BackendTarget,
  ClaimNode,
  ClauseNode,
  ExposeNode,
  KeyNode,
  Member,
  OutcomeNode,
  Piece,
  PolicyNode,
  ProtoNode,
  RequestNode,
  RuleNode,
  SetNode,
  StatementNode,
  TemplateNode,
  TestLineNode,
} from "../ast/nodes.ts";
import type { SourceFile, Span } from "../source/source.ts";
import {
  policy,
  type AnnotationsJson,
  type BodyJson,
  type ClaimJson,
  type ClauseJson,
  type KeyJson,
  type MemberJson,
  type OutcomeJson,
  type SetJson,
  type StatementJson,
  type TestLineJson,
} from "./form.ts";
import type { Trouble } from "./shape.ts";
import type { TextJson } from "./word_patterns.ts";

/** Of a value as `JSON.parse` gives it. */
export function decodePolicy(value: unknown): Result<PolicyNode, readonly Trouble[]> {
  const troubles: Trouble[] = [];
  if (!policy.check(value, "", troubles)) return failed(troubles);
  const doubtful = { names: new Set<string>(), imports: new Set<string>(), all: false };
  return ok({ file: FILE, statements: value.statements.map(statement), incomplete: false, doubtful });
}

const FILE: SourceFile = { path: "", text: "" };
const NOWHERE: Span = { file: FILE, start: 0, end: 0 };

function piece(text: string): Piece {
  return text.startsWith("$") ? { text, span: NOWHERE, param: true } : { text, span: NOWHERE };
}

function maybe(text: string | undefined): Piece | null {
  return text === undefined ? null : piece(text);
}

function quoted(json: TextJson): Piece {
  return typeof json === "string" ? { text: json, span: NOWHERE } : piece(json.param);
}

function statement(json: StatementJson): StatementNode {
  switch (json.kind) {
    case "import":
      return { kind: "import", path: quoted(json.path), alias: piece(json.as), annotations: annotations(json.annotations), span: NOWHERE };
    case "template":
      return {
        kind: "template",
        name: piece(json.name),
        params: json.params.map(piece),
        body: json.body.map(body),
        annotations: annotations(json.annotations),
        broken: false,
        span: NOWHERE,
      };
    default:
      return inTemplate(json);
  }
}

function body(json: BodyJson): TemplateNode["body"][number] {
  switch (json.kind) {
    case "allow":
    case "backend":
    case "cert":
    case "ca":
    case "alpn":
    case "cap":
    case "limit":
    case "amplify":
      return clause(json);
    default:
      return inTemplate(json);
  }
}

type Inner = Exclude<StatementJson, { readonly kind: "import" | "template" }>;

function inTemplate(json: Inner): Exclude<StatementNode, { readonly kind: "import" | "template" }> {
  switch (json.kind) {
    case "net":
    case "ports":
    case "hosts":
    case "ids":
      return { kind: json.kind, name: piece(json.name), set: set(json.set), annotations: annotations(json.annotations), span: NOWHERE };
    case "expose":
      return expose(json);
    case "dial":
      return { kind: "dial", service: piece(json.service), proto: proto(json.proto), annotations: annotations(json.annotations), broken: false, span: NOWHERE };
    case "deny":
      return rule(json);
    case "use":
      return { kind: "use", template: piece(json.template), args: json.args.map(member), span: NOWHERE };
    case "budget":
      return { kind: "budget", entries: json.entries.map((e) => ({ word: e.word, value: piece(e.value), span: NOWHERE })), span: NOWHERE };
    case "invariant":
      return { kind: "invariant", title: quoted(json.title), claims: json.claims.map(claim), span: NOWHERE };
    case "test":
      return { kind: "test", title: quoted(json.title), at: maybe(json.at), lines: json.lines.map(testLine), span: NOWHERE };
  }
}

function expose(json: Extract<Inner, { readonly kind: "expose" }>): ExposeNode {
  return {
    kind: "expose",
    name: piece(json.name),
    service: maybe(json.service),
    protos: protos(json.proto),
    ports: set(json.ports),
    bind: maybeSet(json.bind),
    via: maybeSet(json.via),
    hosts: maybeSet(json.for),
    mode: maybe(json.mode),
    clauses: json.clauses.map(clause),
    annotations: annotations(json.annotations),
    broken: false,
    span: NOWHERE,
  };
}

type RuleJson = Extract<Inner | ClauseJson, { readonly kind: "allow" | "deny" }>;

function rule(json: RuleJson): RuleNode {
  const on = "on" in json && json.on !== undefined ? { protos: protos(json.on.proto), ports: set(json.on.ports) } : null;
  return {
    kind: "rule",
    action: json.kind,
    dryrun: json.dryrun === true,
    name: maybe(json.named),
    on,
    from: maybeSet(json.from),
    sni: maybeSet(json.sni),
    client: maybeSet(json.client),
    after: maybe(json.after),
    until: maybe(json.until),
    annotations: annotations(json.annotations),
    broken: false,
    span: NOWHERE,
  };
}

function clause(json: ClauseJson): ClauseNode {
  switch (json.kind) {
    case "allow":
    case "deny":
      return rule(json);
    case "backend":
      return { kind: "backend", targets: "backends" in json ? json.backends.map(target) : [target(json)], proxy: maybe(json.proxy), span: NOWHERE };
    case "cert":
      return { kind: json.kind, values: "names" in json ? json.names.map(quoted) : [quoted(json.name)], span: NOWHERE };
    case "ca":
      return { kind: json.kind, values: [quoted(json.name)], span: NOWHERE };
    case "alpn":
      return { kind: json.kind, values: json.protocols.map(quoted), span: NOWHERE };
    case "cap": {
      const { connections, perSource, perSources = [], perIdentity } = json;
      return {
        kind: "cap",
        dryrun: json.dryrun === true,
        connections: maybe(connections),
        perSource: [...(perSource === undefined ? [] : [perSource]), ...perSources].map((each) => ({
          connections: piece(each.connections),
          key: key(each.key),
          from: maybeSet(each.from),
          span: NOWHERE,
        })),
        perIdentity: perIdentity === undefined ? null : { connections: piece(perIdentity), span: NOWHERE },
        span: NOWHERE,
      };
    }
    case "limit": {
      const { per } = json;
      const counted =
        typeof per !== "string" ? ({ kind: "source", key: key(per.source), from: "from" in per ? set(per.from) : null, span: NOWHERE } as const)
        : per === "source" ? ({ kind: "source", key: null, from: null, span: NOWHERE } as const)
        : { kind: per, span: NOWHERE };
      return { kind: "limit", dryrun: json.dryrun === true, rate: piece(json.rate), burst: maybe(json.burst), per: counted, span: NOWHERE };
    }
    case "amplify":
      return { kind: "amplify", factor: piece(json.factor), broken: false, span: NOWHERE };
    case "use":
      return { kind: "use", template: piece(json.template), args: json.args.map(member), span: NOWHERE };
  }
}

function target(json: { readonly tcp: string } | { readonly remote: string } | { readonly unix: TextJson }): BackendTarget {
  if ("unix" in json) return { kind: "unix", ...quoted(json.unix) };
  return "tcp" in json ? { kind: "tcp", ...piece(json.tcp) } : { kind: "remote", ...piece(json.remote) };
}

function key(json: KeyJson | undefined): KeyNode {
  return json === undefined ? null : { v4: piece(json.v4), v6: piece(json.v6) };
}

function testLine(json: TestLineJson): TestLineNode {
  if (json.kind === "bind") {
    return {
      kind: "bind",
      subject: piece(json.subject),
      proto: json.proto === undefined ? null : proto(json.proto),
      endpoint: piece(json.endpoint),
      outcome: outcome(json.outcome),
      span: NOWHERE,
    };
  }
  const { source, via, to, sni, client } = json;
  const request: RequestNode = {
    source: piece(source),
    via: maybe(via),
    to: typeof to === "string" ? { kind: "expose", ...piece(to) } : { kind: "port", proto: proto(to.proto), local: maybe(to.local), ...piece(to.port) },
    sni: sni === undefined ? null : quoted(sni),
    client: client === undefined ? null : client.map(member),
    span: NOWHERE,
  };
  if (json.kind === "from") return { kind: "from", request, repeat: null, outcomes: [outcome(json.outcome)], span: NOWHERE };
  const repeat = { count: piece(json.count), duration: piece(json.duration), closing: json.closing === true, span: NOWHERE };
  return { kind: "from", request, repeat, outcomes: json.outcomes.map(outcome), span: NOWHERE };
}

function outcome(json: OutcomeJson): OutcomeNode {
  const more = { by: maybe(json.by), count: maybe(json.count), span: NOWHERE };
  return "deny" in json ? { verdict: "deny", reason: piece(json.deny), ...more } : { verdict: "allow", reason: null, ...more };
}

function claim(json: ClaimJson): ClaimNode {
  const { to } = json;
  return {
    word: json.word,
    from: maybeSet(json.from),
    sni: maybeSet(json.sni),
    client: maybeSet(json.client),
    to:
      typeof to !== "string" ?
        { kind: "ports", proto: proto(to.proto), ports: set(to.ports), ...piece("") }
      : { kind: to === "any" ? "any" : "expose", ...piece(to) },
    mode: maybe(json.mode),
    at: maybe(json.at),
    span: NOWHERE,
  };
}

function set(json: SetJson): SetNode {
  return { members: json.members.map(member), except: json.except === undefined ? null : json.except.map(member), broken: false, span: NOWHERE };
}

function maybeSet(json: SetJson | undefined): SetNode | null {
  return json === undefined ? null : set(json);
}

function member(json: MemberJson): Member {
  // The printer does not need the kind of the word.
  if (typeof json === "string") return { kind: "literal", ...piece(json) };
  if ("text" in json) return { kind: "text", ...quoted(json.text) };
  if ("file" in json)
    return { kind: "file", path: quoted(json.file), max: piece(json.max), min: json.min === undefined ? null : piece(json.min), span: NOWHERE };
  if ("uri" in json) return { kind: "id", type: "uri", pattern: quoted(json.uri), span: NOWHERE };
  if ("dns" in json) return { kind: "id", type: "dns", pattern: quoted(json.dns), span: NOWHERE };
  if ("ip" in json) return { kind: "id", type: "ip", pattern: quoted(json.ip), span: NOWHERE };
  return { kind: "id", type: "sha256", pattern: quoted(json.sha256), span: NOWHERE };
}

function annotations(json: AnnotationsJson | undefined): AnnotationNode[] {
  const said = ANNOTATIONS.flatMap((name): AnnotationNode[] => {
    const value = json?.[name];
    return value === undefined ? [] : [{ name, value: quoted(value), span: NOWHERE }];
  });
  const off = (json?.lint ?? []).map(({ off: code, why }): AnnotationNode => ({ name: "lint", off: piece(code), value: quoted(why), span: NOWHERE }));
  return [...off, ...said];
}

const ANNOTATIONS = ["owner", "ticket", "why"] as const;

function protos(json: "tcp" | "udp" | "tcp, udp" | "udp, tcp"): ProtoNode[] {
  switch (json) {
    case "tcp":
    case "udp":
      return [proto(json)];
    case "tcp, udp":
      return [proto("tcp"), proto("udp")];
    case "udp, tcp":
      return [proto("udp"), proto("tcp")];
  }
}

function proto(json: ProtoNode["proto"]): ProtoNode {
  return { proto: json, span: NOWHERE };
}
