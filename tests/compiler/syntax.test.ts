// Text -> tree: what each statement and clause of edition 1 becomes. Pieces are shown as their
// text, parameters with their `$`; places, and what is null, false or an empty list, are left out.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { build } from "../../compiler/ast/build.ts";
import { validateGrammar } from "../../compiler/syntax/grammar.ts";
import { KEYWORDS, WORDS } from "../../compiler/syntax/keywords.ts";
import { lex } from "../../compiler/syntax/tokens.ts";
import { parse } from "../../compiler/syntax/parse.ts";

const syntax = suite("syntax");

type Shape = string | true | readonly Shape[] | { readonly [key: string]: Shape };

function shape(x: unknown): Shape | null {
  if (typeof x === "string" || x === true) return x;
  if (Array.isArray(x)) return x.length === 0 ? null : x.map((one) => shape(one) ?? "");
  if (typeof x !== "object" || x === null) return null;
  const entries = Object.entries(x)
    .filter(([key]) => key !== "span" && key !== "param")
    .flatMap(([key, value]) => {
      const s = shape(value);
      return s === null ? [] : [[key, s] as const];
    });
  const [first] = entries;
  return entries.length === 1 && first?.[0] === "text" ? first[1] : Object.fromEntries(entries);
}

function statements(text: string): readonly (Shape | null)[] {
  const parsed = parse({ path: "policy.ingress", text: `edition 1\n${text}` });
  const built = build(parsed);
  assert.equal(
    [...parsed.diagnostics, ...built.diagnostics].map((d) => d.message),
    [],
  );
  return built.ast?.statements.map(shape) ?? [];
}

const name = (text: string): Shape => ({ kind: "name", text });
const set = (...members: readonly Shape[]): Shape => ({ members });
const text = (t: string): Shape => ({ kind: "text", text: t });
const id = (type: string, pattern: string): Shape => ({ kind: "id", type, pattern });

const STATEMENTS: readonly (readonly [string, Shape])[] = [
  ['import "./a/nets.ingress" as nets', { kind: "import", path: "./a/nets.ingress", alias: "nets" }],
  [
    'net a = 10.0.0.0/8, b, n.c, file "x" max 9 except 10.0.0.1',
    {
      kind: "net",
      name: "a",
      set: {
        members: [{ kind: "literal", text: "10.0.0.0/8" }, name("b"), { kind: "qualified", text: "n.c" }, { kind: "file", path: "x", max: "9" }],
        except: [{ kind: "literal", text: "10.0.0.1" }],
      },
    },
  ],
  ["ports p = 1, 2-3, q", { kind: "ports", name: "p", set: set({ kind: "number", text: "1" }, { kind: "number", text: "2-3" }, name("q")) }],
  ['hosts h = "**.x.example", g', { kind: "hosts", name: "h", set: set(text("**.x.example"), name("g")) }],
  [
    'ids i = uri "u", dns "d", ip "1", sha256 "s", j',
    { kind: "ids", name: "i", set: set(id("uri", "u"), id("dns", "d"), id("ip", "1"), id("sha256", "s"), name("j")) },
  ],
  [
    'deny named x on udp 53 from a sni "b" client dns "c" until 2027-01-01',
    {
      kind: "rule",
      action: "deny",
      name: "x",
      on: { protos: [{ proto: "udp" }], ports: set({ kind: "number", text: "53" }) },
      from: set(name("a")),
      sni: set(text("b")),
      client: set(id("dns", "c")),
      until: "2027-01-01",
    },
  ],
  ["dryrun deny from a", { kind: "rule", action: "deny", dryrun: true, from: set(name("a")) }],
  [
    '@owner "o" @ticket "t" @why "w"\ndeny from a',
    {
      kind: "rule",
      action: "deny",
      from: set(name("a")),
      annotations: [
        { name: "owner", value: "o" },
        { name: "ticket", value: "t" },
        { name: "why", value: "w" },
      ],
    },
  ],
  ['@why "w" net a = b', { kind: "net", name: "a", set: set(name("b")), annotations: [{ name: "why", value: "w" }] }],
  [
    '@why "w" expose a on tcp 1 { }',
    { kind: "expose", name: "a", protos: [{ proto: "tcp" }], ports: set({ kind: "number", text: "1" }), annotations: [{ name: "why", value: "w" }] },
  ],
  [
    "expose a service s on udp p bind b as direct { }",
    {
      kind: "expose",
      name: "a",
      service: "s",
      protos: [{ proto: "udp" }],
      ports: set(name("p")),
      bind: set(name("b")),
      mode: "direct",
    },
  ],
  ["use t()", { kind: "use", template: "t" }],
  [
    'use n.t(a, 1, 2-3, 10.0.0.1, "x", uri "y", file "f" max 1, 5/s, /24, n.b)',
    {
      kind: "use",
      template: "n.t",
      args: [
        name("a"),
        { kind: "number", text: "1" },
        { kind: "number", text: "2-3" },
        { kind: "literal", text: "10.0.0.1" },
        text("x"),
        id("uri", "y"),
        { kind: "file", path: "f", max: "1" },
        { kind: "literal", text: "5/s" },
        { kind: "literal", text: "/24" },
        { kind: "qualified", text: "n.b" },
      ],
    },
  ],
  ["template t() { }", { kind: "template", name: "t" }],
  [
    'template t($a, $b) { net $a = $b, "$b" }',
    {
      kind: "template",
      name: "t",
      params: ["$a", "$b"],
      body: [{ kind: "net", name: "$a", set: set({ kind: "param", text: "$b" }, text("$b")) }],
    },
  ],
  [
    'template t($a) { @why "w" allow from $a use u($a) }',
    {
      kind: "template",
      name: "t",
      params: ["$a"],
      body: [
        { kind: "rule", action: "allow", from: set({ kind: "param", text: "$a" }), annotations: [{ name: "why", value: "w" }] },
        { kind: "use", template: "u", args: [{ kind: "param", text: "$a" }] },
      ],
    },
  ],
  [
    "budget { ports 1 rules 2 prefixes 3 connections 4 module 5 KiB steps 6 ports 7 }",
    {
      kind: "budget",
      entries: [
        { word: "ports", value: "1" },
        { word: "rules", value: "2" },
        { word: "prefixes", value: "3" },
        { word: "connections", value: "4" },
        { word: "module", value: "5" },
        { word: "steps", value: "6" },
        { word: "ports", value: "7" },
      ],
    },
  ],
  [
    'invariant "i" { never from a to any as tcp only client b sni "s" to web at 2027-01-01T00:00Z always to tcp 1, 2 from c }',
    {
      kind: "invariant",
      title: "i",
      claims: [
        { word: "never", from: set(name("a")), to: { kind: "any", text: "any" }, mode: "tcp" },
        { word: "only", sni: set(text("s")), client: set(name("b")), to: { kind: "expose", text: "web" }, at: "2027-01-01T00:00Z" },
        {
          word: "always",
          from: set(name("c")),
          to: { kind: "ports", proto: { proto: "tcp" }, ports: set({ kind: "number", text: "1" }, { kind: "number", text: "2" }), text: "tcp 1, 2" },
        },
      ],
    },
  ],
  ['test "t" { }', { kind: "test", title: "t" }],
  [
    'test "t" at 2027-01-01T00:00Z {\nfrom 1.2.3.4 to web client dns "d", ip "i" sni "s" => deny sni by r\nfrom ::1 to udp 53 local ::2 => allow by x }',
    {
      kind: "test",
      title: "t",
      at: "2027-01-01T00:00Z",
      lines: [
        {
          kind: "from",
          request: { source: "1.2.3.4", to: { kind: "expose", text: "web" }, sni: "s", client: [id("dns", "d"), id("ip", "i")] },
          outcomes: [{ verdict: "deny", reason: "sni", by: "r" }],
        },
        {
          kind: "from",
          request: { source: "::1", to: { kind: "port", proto: { proto: "udp" }, local: "::2", text: "53" } },
          outcomes: [{ verdict: "allow", by: "x" }],
        },
      ],
    },
  ],
  [
    'test "t" { repeat 9 in 5m closing from a to web => deny rate 4 by r, allow 5 repeat 1 in 0s from a to web => allow }',
    {
      kind: "test",
      title: "t",
      lines: [
        {
          kind: "from",
          repeat: { count: "9", duration: "5m", closing: true },
          request: { source: "a", to: { kind: "expose", text: "web" } },
          outcomes: [
            { verdict: "deny", reason: "rate", by: "r", count: "4" },
            { verdict: "allow", count: "5" },
          ],
        },
        {
          kind: "from",
          repeat: { count: "1", duration: "0s" },
          request: { source: "a", to: { kind: "expose", text: "web" } },
          outcomes: [{ verdict: "allow" }],
        },
      ],
    },
  ],
  [
    'test "t" { bind a on 1.2.3.4:5 => allow bind b on udp [::]:6 => deny policy by z }',
    {
      kind: "test",
      title: "t",
      lines: [
        { kind: "bind", subject: "a", endpoint: "1.2.3.4:5", outcome: { verdict: "allow" } },
        { kind: "bind", subject: "b", endpoint: "[::]:6", proto: { proto: "udp" }, outcome: { verdict: "deny", reason: "policy", by: "z" } },
      ],
    },
  ],
];

for (const [written, expected] of STATEMENTS) syntax(written, () => assert.equal(statements(written), [expected]));

const CLAUSES: readonly (readonly [string, Shape])[] = [
  ["backend 127.0.0.1:80", { kind: "backend", targets: [{ kind: "tcp", text: "127.0.0.1:80" }] }],
  ['backend unix "/run/x"', { kind: "backend", targets: [{ kind: "unix", text: "/run/x" }] }],
  [
    "backend remote 10.0.3.7:80, remote [2001:db8::7]:80",
    {
      kind: "backend",
      targets: [
        { kind: "remote", text: "10.0.3.7:80" },
        { kind: "remote", text: "[2001:db8::7]:80" },
      ],
    },
  ],
  [
    'backend 127.0.0.1:80, unix "/run/x", [::1]:81 proxy v2',
    {
      kind: "backend",
      targets: [
        { kind: "tcp", text: "127.0.0.1:80" },
        { kind: "unix", text: "/run/x" },
        { kind: "tcp", text: "[::1]:81" },
      ],
      proxy: "v2",
    },
  ],
  ['cert "c"', { kind: "cert", values: ["c"] }],
  ['cert "ec", "rsa"', { kind: "cert", values: ["ec", "rsa"] }],
  ['ca "c"', { kind: "ca", values: ["c"] }],
  ['alpn "h2", "http/1.1"', { kind: "alpn", values: ["h2", "http/1.1"] }],
  [
    "cap 1 connections, 2 per identity, 3 per source /24 /56",
    {
      kind: "cap",
      connections: "1",
      perSource: [{ connections: "3", key: { v4: "/24", v6: "/56" } }],
      perIdentity: { connections: "2" },
    },
  ],
  ["limit 5/s burst 6 per source /24 /56", { kind: "limit", rate: "5/s", burst: "6", per: { kind: "source", key: { v4: "/24", v6: "/56" } } }],
  [
    "cap 3 per source from office, 192.0.2.1, 4 per source, 2 per identity",
    {
      kind: "cap",
      perSource: [
        {
          connections: "3",
          from: {
            members: [
              { kind: "name", text: "office" },
              { kind: "literal", text: "192.0.2.1" },
            ],
          },
        },
        { connections: "4" },
      ],
      perIdentity: { connections: "2" },
    },
  ],
  [
    "limit 6/30s per source from any except office",
    { kind: "limit", rate: "6/30s", per: { kind: "source", from: { members: [{ kind: "name", text: "any" }], except: [{ kind: "name", text: "office" }] } } },
  ],
  ["limit 5/m per listener", { kind: "limit", rate: "5/m", per: { kind: "listener" } }],
  ["dryrun limit 5/m burst 7 per listener", { kind: "limit", dryrun: true, rate: "5/m", burst: "7", per: { kind: "listener" } }],
  [
    "dryrun cap 9 connections, 3 per source /24 /56, 1 per identity",
    { kind: "cap", dryrun: true, connections: "9", perSource: [{ connections: "3", key: { v4: "/24", v6: "/56" } }], perIdentity: { connections: "1" } },
  ],
  ["limit 5/h per identity", { kind: "limit", rate: "5/h", per: { kind: "identity" } }],
  ["allow named n from any until 2027-03-01T00:00Z", { kind: "rule", action: "allow", name: "n", from: set(name("any")), until: "2027-03-01T00:00Z" }],
  [
    'dryrun allow from any sni h except "x"',
    { kind: "rule", action: "allow", dryrun: true, from: set(name("any")), sni: { members: [name("h")], except: [text("x")] } },
  ],
  ['@ticket "t" deny client i', { kind: "rule", action: "deny", client: set(name("i")), annotations: [{ name: "ticket", value: "t" }] }],
  ["use t(1)", { kind: "use", template: "t", args: [{ kind: "number", text: "1" }] }],
];

for (const [written, expected] of CLAUSES) {
  syntax(`in an expose: ${written}`, () => {
    const base = { kind: "expose", name: "e", protos: [{ proto: "tcp" }], ports: set({ kind: "number", text: "1" }) };
    assert.equal(statements(`expose e on tcp 1 { ${written} }`), [{ ...base, clauses: [expected] }]);
    assert.equal(statements(`template t() { ${written} }`), [{ kind: "template", name: "t", body: [expected] }]);
  });
}

syntax("a text that looks like a parameter is a text", () => {
  const parsed = parse({ path: "x", text: 'edition 1\ntemplate t($a) { backend unix "$a" cert $a }' });
  const [template] = build(parsed).ast?.statements ?? [];
  if (template?.kind !== "template") throw new Error("no template");
  const [backend, cert] = template.body;
  assert.equal(backend?.kind === "backend" && backend.targets.map(({ text, param }) => [text, param]), [["$a", undefined]]);
  assert.equal(cert?.kind === "cert" && cert.values.map(({ text, param }) => [text, param]), [["$a", true]]);
});

syntax("a parameter may be in the place of any word, number, literal or text", () => {
  statements(`template t($n, $x) {
    net $n = $x, file $x max $n except $x
    expose $n service $n on tcp $n bind $x as $n {
      backend $x backend unix $x cert $x
      cap $n connections, $n per source $x $x
      limit $x burst $n per source $x $x
      allow named $n from $x sni $x client $x, uri $x until $x
    }
    budget { ports $n module $n KiB }
    invariant $x { never from $x to $n as $n at $x only sni $x to tcp $n }
    test $x at $x {
      from $x to $n sni $x client $x, dns $x => deny $n by $n
      repeat $n in $x from $x to tcp $n local $x => allow $n
      bind $n on $x => allow
    }
  }`);
});

syntax("every keyword may name everything", () => {
  for (const word of [...Object.keys(KEYWORDS), ...WORDS.mode, ...WORDS.reason, ...WORDS.annotation]) {
    if (word === "tcp" || word === "udp") continue;
    statements(`import "x" as ${word}
net ${word} = 10.0.0.0/8, ${word} except ${word}
ports ${word} = 1-2
hosts ${word} = "x", ${word}
ids ${word} = ${word}, dns "x"
expose ${word} service ${word} on tcp ${word} bind ${word} {
  allow named ${word} from ${word}, ${word} except 192.0.2.1 sni ${word} client ${word} until 2027-01-01
  dryrun deny from ${word}
  use ${word}(${word}, ${word})
}
template ${word}($${word}) { allow from $${word} }
invariant "x" { never from ${word} to ${word} only client ${word} to tcp ${word} at 2027-01-01 }
test "x" { from 10.0.0.1 to ${word} => allow by ${word}
  bind ${word} on 0.0.0.0:1 => allow }`);
  }
});

syntax("comments come beside the tokens, with their places", () => {
  const written = '# a\r\nedition 1 # b # c\nnet x = any "#no" #';
  const { tokens, comments } = lex(written);
  assert.equal(
    comments.map((c) => [c.image, c.startOffset, c.endOffset]),
    [
      ["# a\r", 0, 3],
      ["# b # c", 15, 21],
      ["#", 41, 41],
    ],
  );
  assert.ok(tokens.every((t) => !t.image.startsWith("#")));
});

syntax("the grammar has no contradictions, which no compilation looks for", () => {
  assert.not.throws(validateGrammar);
});

syntax("members that are one word and others keep their order", () => {
  const { ast } = build(
    parse({
      path: "m",
      text: 'edition 1\nhosts h = "a", b, file "f" max 1, "c", c.d, except, "e" except "g", i\nnet n = file, 10.0.0.0/8, file "x" max 2, a, tcp, 1.2.3.4, 7',
    }),
  );
  const texts = (ast?.statements ?? []).map((s) =>
    (s.kind === "hosts" || s.kind === "net" ? [s.set.members, s.set.except ?? []] : []).map((list) =>
      list.map((m) => ("text" in m ? `${m.kind} ${m.text}` : m.kind)),
    ),
  );
  assert.equal(texts, [
    [
      ["text a", "name b", "file", "text c", "qualified c.d", "name except", "text e"],
      ["text g", "name i"],
    ],
    [["name file", "literal 10.0.0.0/8", "file", "name a", "name tcp", "literal 1.2.3.4", "number 7"], []],
  ]);
});

syntax.run();
