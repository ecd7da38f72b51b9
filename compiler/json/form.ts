// The form of source JSON, edition 1: what an author wrote, without comments and layout. Words
// are strings as they are written (`"443"`, `"198.51.100.0/24"`, `"200/s"`); a text that has
// quotes in a policy is an object among the members of a set, so that it differs from a word.
import { constant, eitherList, list, named, object, oneOf, some, withAny, wordOr, type Definitions, type Of, type Schema, type Shape } from "./shape.ts";
import { parameter, path, plainName, warningCode, wordsIn } from "./word_patterns.ts";

const proto = constant("tcp", "udp");
/** As an expose and a `deny on` write them. */
const protos = constant("tcp", "udp", "tcp, udp", "udp, tcp");
const yes = constant(true);

/** Gives a part its name in the schema: the forms inside of a template have names of their own. */
type Name = <T>(called: string, shape: Shape<T>) => Shape<T>;

/** Sets, identities and annotations, as they may be inside and outside of a template. */
function setParts(template: boolean, part: Name) {
  const { name, word, number, literal, plainText, quoted: text, ...words } = wordsIn(template);
  const quoted = part("text", text);
  const identities = [
    { mark: "uri", shape: object({ uri: quoted }, {}) },
    { mark: "dns", shape: object({ dns: quoted }, {}) },
    { mark: "ip", shape: object({ ip: quoted }, {}) },
    { mark: "sha256", shape: object({ sha256: quoted }, {}) },
  ] as const;
  const member = part(
    "member",
    wordOr(
      word,
      oneOf("a member", [
        ...identities,
        { mark: "text", shape: object({ text: plainText }, {}) },
        { mark: "file", shape: object({ file: quoted, max: number }, { min: number }) },
      ]),
    ),
  );
  const identity = oneOf("a name of a client", identities);
  /** The identity in a client's certificate. */
  const shown: Shape<string | Of<typeof identity>> = part("identity", template ? wordOr(parameter, identity) : identity);
  const set = part("set", object({ members: list(member, 1) }, { except: list(member, 1) }));
  const off = part("lint_off", object({ off: warningCode, why: quoted }, {}));
  const annotations = part("annotations", some(object({}, { owner: quoted, ticket: quoted, why: quoted, lint: list(off, 1) })));
  const offs = part("offs", some(object({}, { lint: list(off, 1) })));
  return { ...words, name, word, number, literal, quoted, member, shown, set, annotations, offs };
}

type SetParts = ReturnType<typeof setParts>;

/** Rules and the other clauses of an expose. */
function clauseParts(part: Name, { name, word, set, literal, annotations, slash, endpoint, quoted, number, factor, rate, member }: SetParts) {
  const matchers = { dryrun: yes, named: name, from: set, sni: set, client: set, after: literal, until: literal, annotations };
  const allow = part("allow", object({ kind: constant("allow") }, matchers));
  const deny = part("deny", object({ kind: constant("deny") }, matchers));
  const topDeny = part("top_deny", object({ kind: constant("deny") }, { ...matchers, on: object({ proto: protos, ports: set }, {}) }));

  const key = part("key", object({ v4: slash, v6: slash }, {}));
  const target = part(
    "backend_target",
    oneOf("a backend", [
      { mark: "tcp", shape: object({ tcp: endpoint }, {}) },
      { mark: "remote", shape: object({ remote: endpoint }, {}) },
      { mark: "unix", shape: object({ unix: quoted }, {}) },
    ]),
  );
  const backend = part(
    "backend",
    oneOf("a backend", [
      { mark: "tcp", shape: object({ kind: constant("backend"), tcp: endpoint }, { proxy: word }) },
      { mark: "remote", shape: object({ kind: constant("backend"), remote: endpoint }, { proxy: word }) },
      { mark: "unix", shape: object({ kind: constant("backend"), unix: quoted }, { proxy: word }) },
      { mark: "backends", shape: object({ kind: constant("backend"), backends: list(target, 1) }, { proxy: word }) },
    ]),
  );
  const cert = part(
    "cert",
    oneOf("a certificate", [
      { mark: "name", shape: object({ kind: constant("cert"), name: quoted }, {}) },
      { mark: "names", shape: object({ kind: constant("cert"), names: list(quoted, 1) }, {}) },
    ]),
  );
  const ca = part("ca", object({ kind: constant("ca"), name: quoted }, {}));
  const alpn = part("alpn", object({ kind: constant("alpn"), protocols: list(quoted, 1) }, {}));
  const perSource = object({ connections: number }, { key, from: set });
  const counts = { connections: number, perSource, perSources: list(perSource, 1), perIdentity: number };
  const cap = part("cap", withAny(object({ kind: constant("cap") }, { dryrun: yes, ...counts }), Object.keys(counts)));
  const per = wordOr(
    constant("source", "listener", "identity"),
    oneOf("what a limit counts", [
      { mark: "from", shape: object({ from: set }, { source: key }) },
      { mark: "source", shape: object({ source: key }, {}) },
    ]),
  );
  const limit = part("limit", object({ kind: constant("limit"), rate, per }, { dryrun: yes, burst: number }));
  const amplify = part("amplify", object({ kind: constant("amplify"), factor }, {}));
  const use = part("use", object({ kind: constant("use"), template: path, args: list(member, 0) }, {}));
  const clause = part(
    "clause",
    oneOf("a clause", [
      { mark: { kinds: ["allow"] }, shape: allow },
      { mark: { kinds: ["deny"] }, shape: deny },
      { mark: { kinds: ["backend"] }, shape: backend },
      { mark: { kinds: ["cert"] }, shape: cert },
      { mark: { kinds: ["ca"] }, shape: ca },
      { mark: { kinds: ["alpn"] }, shape: alpn },
      { mark: { kinds: ["cap"] }, shape: cap },
      { mark: { kinds: ["limit"] }, shape: limit },
      { mark: { kinds: ["amplify"] }, shape: amplify },
      { mark: { kinds: ["use"] }, shape: use },
    ]),
  );
  return { topDeny, key, use, clause };
}

/** Tests: requests, and the outcomes that they should have. */
function testParts(part: Name, { name, exposeName, reason, word, number, literal, quoted, shown }: SetParts) {
  const outcome = part(
    "outcome",
    oneOf("an outcome", [
      { mark: "allow", shape: object({ allow: yes }, { by: name }) },
      { mark: "deny", shape: object({ deny: reason }, { by: name }) },
    ]),
  );
  const counted = part(
    "counted_outcome",
    oneOf("an outcome", [
      { mark: "allow", shape: object({ allow: yes }, { by: name, count: number }) },
      { mark: "deny", shape: object({ deny: reason }, { by: name, count: number }) },
    ]),
  );
  const request = { source: word, to: wordOr(exposeName, object({ proto, port: word }, { local: word })) };
  const facts = { via: word, sni: quoted, client: list(shown, 1) };
  const line = part(
    "test_line",
    oneOf("a line of a test", [
      { mark: { kinds: ["from"] }, shape: object({ kind: constant("from"), ...request, outcome }, facts) },
      {
        mark: { kinds: ["repeat"] },
        shape: object({ kind: constant("repeat"), count: number, duration: literal, ...request, outcomes: list(counted, 1) }, { ...facts, closing: yes }),
      },
      { mark: { kinds: ["bind"] }, shape: object({ kind: constant("bind"), subject: name, endpoint: word, outcome }, { proto }) },
    ]),
  );
  const test = part("test", object({ kind: constant("test"), title: quoted, lines: list(line, 0) }, { at: literal }));
  return { counted, line, test };
}

/** The parts of the language as they may be inside and outside of a template. */
function partsIn(template: boolean) {
  const part: Name = (called, shape) => named(template ? `template_${called}` : called, shape);
  const parts = setParts(template, part);
  const { name, exposeName, number, literal, member, set, annotations, quoted } = parts;
  const { topDeny, key, use, clause } = clauseParts(part, parts);
  const { counted, line, test } = testParts(part, parts);

  const declaration = part("declaration", object({ kind: constant("net", "ports", "hosts", "ids"), name, set }, { annotations }));
  const expose = part(
    "expose",
    object(
      { kind: constant("expose"), name, proto: protos, ports: set, clauses: list(clause, 0) },
      { service: name, bind: set, via: set, for: set, mode: name, annotations },
    ),
  );

  const dial = part("dial", object({ kind: constant("dial"), service: name, proto }, { annotations }));

  const bound = object({ word: constant("ports", "rules", "prefixes", "connections", "module", "steps"), value: number }, {});
  const budget = part("budget", object({ kind: constant("budget"), entries: list(bound, 0) }, {}));

  const claim = part(
    "claim",
    object(
      { word: constant("never", "only", "always"), to: wordOr(exposeName, object({ proto, ports: set }, {})) },
      { from: set, sni: set, client: set, mode: name, at: literal },
    ),
  );
  const invariant = part("invariant", object({ kind: constant("invariant"), title: quoted, claims: list(claim, 1) }, {}));

  const statements = [
    { mark: { kinds: ["net", "ports", "hosts", "ids"] }, shape: declaration },
    { mark: { kinds: ["expose"] }, shape: expose },
    { mark: { kinds: ["dial"] }, shape: dial },
    { mark: { kinds: ["deny"] }, shape: topDeny },
    { mark: { kinds: ["use"] }, shape: use },
    { mark: { kinds: ["budget"] }, shape: budget },
    { mark: { kinds: ["invariant"] }, shape: invariant },
    { mark: { kinds: ["test"] }, shape: test },
  ] as const;
  return { statements, clause, set, member, key, annotations, offs: parts.offs, line, counted, claim, name, quoted };
}

const outside = partsIn(false);
const inside = partsIn(true);

/** Clauses that are allowed in an expose and not at top level: one of them makes a template one for exposes. */
const CLAUSES_ALONE = ["allow", "backend", "cert", "ca", "alpn", "cap", "limit", "amplify"];

const templateStatement = named("template_statement", oneOf("a statement", inside.statements));

const template = named(
  "template",
  object(
    {
      kind: constant("template"),
      name: plainName,
      params: list(parameter, 0, "unique"),
      body: eitherList(CLAUSES_ALONE, list(inside.clause, 0), list(templateStatement, 0)),
    },
    { annotations: outside.offs },
  ),
);

const statement = named(
  "statement",
  oneOf("a statement", [
    ...outside.statements,
    {
      mark: { kinds: ["import"] },
      shape: named("import", object({ kind: constant("import"), path: outside.quoted, as: outside.name }, { annotations: outside.offs })),
    },
    { mark: { kinds: ["template"] }, shape: template },
  ]),
);

export const policy = object({ edition: constant(1), statements: list(statement, 0) }, {});

export type StatementJson = Of<typeof statement>;
export type BodyJson = Of<typeof templateStatement> | ClauseJson;
export type ClauseJson = Of<typeof inside.clause>;
export type SetJson = Of<typeof inside.set>;
export type MemberJson = Of<typeof inside.member>;
export type KeyJson = Of<typeof inside.key>;
export type AnnotationsJson = Of<typeof inside.annotations>;
export type TestLineJson = Of<typeof inside.line>;
export type OutcomeJson = Of<typeof inside.counted>;
export type ClaimJson = Of<typeof inside.claim>;

/** schemas/policy/ingress.schema.json; `npm run docs` writes it. */
export function policySchema(): Schema {
  const definitions: Definitions = new Map();
  const root = policy.schema(definitions);
  const sorted = [...definitions].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "A policy of ingressd as source JSON, edition 1",
    description: "`ingressc export` writes it and `ingressc import` reads it; the decoder of `ingressc` accepts what this schema accepts",
    ...root,
    $defs: Object.fromEntries(sorted),
  };
}
