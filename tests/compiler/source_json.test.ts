// Source JSON: lossless both ways, and one answer of decoder and schema to each document.
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { format } from "../../compiler/format/format.ts";
import { exportPolicy, importPolicy } from "../../compiler/convert.ts";
import { jsonFault } from "../../compiler/json/syntax_error.ts";
import { decodePolicy } from "../../compiler/json/decode.ts";
import { chance, type Chance } from "../oracle/random.ts";
import { RandomPolicy, writeOut } from "./random_policy.ts";

const source = suite("source JSON");

const schema: unknown = JSON.parse(readFileSync(new URL("../../schemas/policy/ingress.schema.json", import.meta.url), "utf8"));
const validate = new Ajv2020({ strict: true, strictRequired: false, allowUnionTypes: true }).compile(
  typeof schema === "object" && schema !== null ? schema : {},
);

/** Whether the schema takes it, and what the decoder says. */
function both(document: unknown): { readonly schema: boolean; readonly messages: readonly string[] } {
  const decoded = decodePolicy(document);
  return { schema: validate(document), messages: decoded.ok ? [] : decoded.error.map((t) => `${t.pointer}: ${t.message}`) };
}

const one = (statement: unknown): unknown => ({ edition: 1, statements: [statement] });
const any = { members: ["any"] };
const inExpose = (clause: unknown): unknown => one({ kind: "expose", name: "a", proto: "tcp", ports: { members: ["1"] }, clauses: [clause] });
const inTest = (line: unknown): unknown => one({ kind: "test", title: "t", lines: [line] });
const from = (more: Record<string, unknown>): unknown => inTest({ kind: "from", source: "1.2.3.4", to: "web", outcome: { allow: true }, ...more });
const claim = (more: Record<string, unknown>): unknown => one({ kind: "invariant", title: "i", claims: [{ word: "never", to: "web", ...more }] });
const net = (member: unknown): unknown => one({ kind: "net", name: "a", set: { members: [member] } });
const inTemplate = (...body: readonly unknown[]): unknown => one({ kind: "template", name: "t", params: ["$a", "$b"], body });

const ACCEPTED: readonly (readonly [document: unknown, text: string])[] = [
  [{ edition: 1, statements: [] }, ""],
  [one({ kind: "import", path: "./nets.ingress", as: "nets" }), 'import "./nets.ingress" as nets'],
  [net("10.0.0.0/8"), "net a = 10.0.0.0/8"],
  [net("nets.vendor"), "net a = nets.vendor"],
  [net({ text: "" }), 'net a = ""'],
  [net({ text: "$a # { ü 😀" }), 'net a = "$a # { ü 😀"'],
  [net({ uri: "spiffe://x/*" }), 'net a = uri "spiffe://x/*"'],
  [net({ file: "x.txt", max: "007" }), 'net a = file "x.txt" max 007'],
  [net({ file: "x.txt", max: "9", min: "3" }), 'net a = file "x.txt" max 9 min 3'],
  [
    one({ kind: "hosts", name: "h", set: { members: ["a"], except: [{ text: "b" }] }, annotations: { why: "w", owner: "o" } }),
    '@owner "o" @why "w"\nhosts h = a except "b"',
  ],
  [
    one({ kind: "deny", dryrun: true, named: "x", on: { proto: "udp", ports: { members: ["53", "80-90"] } }, from: any, until: "2027-03-01T00:00Z" }),
    "dryrun deny named x on udp 53, 80-90 from any until 2027-03-01T00:00Z",
  ],
  [one({ kind: "deny" }), "deny"],
  [one({ kind: "use", template: "nets.t", args: [] }), "use nets.t()"],
  [one({ kind: "use", template: "t", args: ["1.2.3.4", { text: "x" }] }), 'use t(1.2.3.4, "x")'],
  [
    one({
      kind: "budget",
      entries: [
        { word: "module", value: "64" },
        { word: "rules", value: "5" },
      ],
    }),
    "budget {\n  module 64 KiB\n  rules 5\n}",
  ],
  [
    one({ kind: "expose", name: "a", service: "s", proto: "tcp", ports: { members: ["p"] }, bind: any, mode: "mtls", clauses: [] }),
    "expose a service s on tcp p bind any as mtls { }",
  ],
  [
    one({
      kind: "expose",
      name: "a",
      proto: "tcp",
      ports: { members: ["443"] },
      bind: any,
      via: { members: ["lb"], except: ["10.0.0.9"] },
      for: { members: [{ text: "a.example.com" }, "shops"], except: ["old"] },
      mode: "tls",
      clauses: [],
    }),
    'expose a on tcp 443 bind any via lb except 10.0.0.9 for "a.example.com", shops except old as tls { }',
  ],
  [inExpose({ kind: "cert", names: ["ec", "rsa"] }), '  cert "ec", "rsa"'],
  [inExpose({ kind: "cert", name: "ec" }), '  cert "ec"'],
  [inExpose({ kind: "alpn", protocols: ["h2", "http/1.1"] }), '  alpn "h2", "http/1.1"'],
  [inExpose({ kind: "backend", tcp: "127.0.0.1:80", proxy: "v1" }), "  backend 127.0.0.1:80 proxy v1"],
  [inExpose({ kind: "amplify", factor: "30" }), "  amplify 30"],
  [from({ via: "10.0.0.5", sni: "a.example.com" }), '  from 1.2.3.4 via 10.0.0.5 to web sni "a.example.com" => allow'],
  [inExpose({ kind: "backend", tcp: "127.0.0.1:80" }), "  backend 127.0.0.1:80"],
  [inExpose({ kind: "backend", unix: "/run/x" }), '  backend unix "/run/x"'],
  [inExpose({ kind: "backend", remote: "10.0.3.7:80", proxy: "v2" }), "  backend remote 10.0.3.7:80 proxy v2"],
  [inExpose({ kind: "backend", backends: [{ remote: "[2001:db8::7]:80" }, { tcp: "[::1]:80" }] }), "  backend remote [2001:db8::7]:80, [::1]:80"],
  [inExpose({ kind: "ca", name: "corp" }), '  ca "corp"'],
  [
    inExpose({ kind: "cap", connections: "5", perSource: { connections: "2", key: { v4: "/24", v6: "/48" } }, perIdentity: "1" }),
    "  cap 5 connections, 2 per source /24 /48, 1 per identity",
  ],
  [
    inExpose({ kind: "cap", perSources: [{ connections: "2", from: { members: ["any"], except: ["office"] } }, { connections: "9" }] }),
    "  cap 2 per source from any except office, 9 per source",
  ],
  [inExpose({ kind: "limit", rate: "6/30s", per: { from: { members: ["office"] } } }), "  limit 6/30s per source from office"],
  [inExpose({ kind: "limit", rate: "6/30s", per: "source", dryrun: true, burst: "9" }), "  dryrun limit 6/30s burst 9 per source"],
  [inExpose({ kind: "cap", dryrun: true, connections: "5", perIdentity: "1" }), "  dryrun cap 5 connections, 1 per identity"],
  [inExpose({ kind: "cap", dryrun: true, perSource: { connections: "2", from: { members: ["office"] } } }), "  dryrun cap 2 per source from office"],
  [
    inExpose({ kind: "limit", rate: "5/m", per: { source: { v4: "/24", v6: "/48" }, from: { members: ["office"] } } }),
    "  limit 5/m per source /24 /48 from office",
  ],
  [inExpose({ kind: "limit", rate: "5/m", burst: "9", per: "identity" }), "  limit 5/m burst 9 per identity"],
  [inExpose({ kind: "limit", rate: "5/m", per: { source: { v4: "/24", v6: "/48" } } }), "  limit 5/m per source /24 /48"],
  [inExpose({ kind: "allow", from: any, sni: { members: ["site"] }, client: { members: [{ dns: "x" }] } }), '  allow from any sni site client dns "x"'],
  [from({}), "  from 1.2.3.4 to web => allow"],
  [
    from({ to: { proto: "tcp", port: "22", local: "10.0.0.1" }, sni: "x", client: [{ sha256: "00" }, { ip: "1" }], outcome: { deny: "policy", by: "x" } }),
    '  from 1.2.3.4 to tcp 22 local 10.0.0.1 sni "x" client sha256 "00", ip "1" => deny policy by x',
  ],
  [
    inTest({ kind: "repeat", count: "5", duration: "0s", closing: true, source: "::1", to: "web", outcomes: [{ allow: true, count: "4" }, { deny: "rate" }] }),
    "  repeat 5 in 0s closing from ::1 to web => allow 4, deny rate",
  ],
  [inTest({ kind: "bind", subject: "ingressd", proto: "udp", endpoint: "[::]:53", outcome: { allow: true } }), "  bind ingressd on udp [::]:53 => allow"],
  [claim({ from: any, mode: "tcp", at: "2027-01-01T00:00Z" }), "  never from any to web as tcp at 2027-01-01T00:00Z"],
  [claim({ to: { proto: "tcp", ports: any } }), "  never to tcp any"],
  [inTemplate({ kind: "allow", from: { members: ["$a"] } }, { kind: "backend", unix: { param: "$b" } }), "  allow from $a\n  backend unix $b"],
  [inTemplate({ kind: "net", name: "$a", set: any }, { kind: "deny", on: { proto: "tcp", ports: { members: ["$b"] } } }), "  net $a = any\n\n  deny on tcp $b"],
  [
    inTemplate({ kind: "test", title: "$a", lines: [{ kind: "from", source: "$a", to: "$b", client: ["$a"], sni: { param: "$a" }, outcome: { deny: "$b" } }] }),
    '  test "$a" {\n    from $a to $b sni $a client $a => deny $b\n  }',
  ],
  [inTemplate(), "template t($a, $b) { }"],
  [inTemplate({ kind: "deny", from: any }, { kind: "use", template: "x", args: ["$a"] }), "  deny from any\n  use x($a)"],
];

for (const [document, text] of ACCEPTED) {
  source(`accepted: ${text.trim().split("\n")[0] ?? ""}`, () => {
    assert.equal(both(document), { schema: true, messages: [] });
    const imported = importPolicy(JSON.stringify(document));
    if (!imported.ok) throw new Error(JSON.stringify(imported));
    assert.ok(`${imported.value}\n`.includes(`${text}\n`), imported.value);
    const exported = exportPolicy({ path: "p", text: imported.value });
    assert.ok(exported.ok);
    if (exported.ok) assert.equal(exported.value.json, document);
  });
}

const REFUSED: readonly (readonly [document: unknown, messages: string])[] = [
  [null, ": expected an object, found null"],
  [[], ": expected an object, found a list"],
  ["edition 1", ': expected an object, found "edition 1"'],
  [{ statements: [] }, ": the key `edition` is missing"],
  [{ edition: 2, statements: [] }, "/edition: expected 1, found 2"],
  [{ edition: "1", statements: [] }, '/edition: expected 1, found "1"'],
  [{ edition: 1, statements: {} }, "/statements: expected a list, found an object"],
  [{ edition: 1, statements: [], more: 1 }, '/more: unknown key "more"'],
  [JSON.parse('{"edition":1,"statements":[],"__proto__":{}}'), '/__proto__: unknown key "__proto__"'],
  [
    one(JSON.parse('{"kind":"net","name":"a","set":{"members":["any"],"__proto__":{"except":["any"]}}}')),
    '/statements/0/set/__proto__: unknown key "__proto__"',
  ],
  [one(JSON.parse('{"__proto__":{"kind":"deny"}}')), "/statements/0: expected a statement, found one of no kind"],
  [one({ kind: "constructor" }), '/statements/0/kind: expected a statement, found "constructor"'],
  [one({ kind: "allow", from: any }), '/statements/0/kind: expected a statement, found "allow"'],
  [one({ kind: "backend", tcp: "127.0.0.1:80" }), '/statements/0/kind: expected a statement, found "backend"'],
  [one(7), "/statements/0: expected a statement, found 7"],
  [net("a b"), '/statements/0/set/members/0: expected a word, found "a b"'],
  [net("a\n"), '/statements/0/set/members/0: expected a word, found "a\\n"'],
  [net(""), '/statements/0/set/members/0: expected a word, found ""'],
  [net("any # x"), '/statements/0/set/members/0: expected a word, found "any # x"'],
  [net("10.0.0.0/8, any"), '/statements/0/set/members/0: expected a word, found "10.0.0.0/8, any"'],
  [net("$a"), '/statements/0/set/members/0: expected a word, found "$a"'],
  [net("x$a"), '/statements/0/set/members/0: expected a word, found "x$a"'],
  [net(443), "/statements/0/set/members/0: expected a word, found 443"],
  [net(null), "/statements/0/set/members/0: expected a word, found null"],
  [net({}), "/statements/0/set/members/0: expected a member, found none of its keys"],
  [net({ text: 'a"b' }), '/statements/0/set/members/0/text: expected a text that can be written in quotes, found "a\\"b"'],
  [net({ text: "a\nb" }), '/statements/0/set/members/0/text: expected a text that can be written in quotes, found "a\\nb"'],
  [net({ text: "a\u0085" }), "/statements/0/set/members/0/text: expected a text that can be written in quotes"],
  [net({ text: "\ud800" }), "/statements/0/set/members/0/text: expected a text that can be written in quotes"],
  [net({ text: "\u202e" }), "/statements/0/set/members/0/text: expected a text that can be written in quotes"],
  [net({ uri: "a", dns: "b" }), '/statements/0/set/members/0/dns: unknown key "dns"'],
  [net({ uri: { param: "$a" } }), "/statements/0/set/members/0/uri: expected a text that can be written in quotes, found an object"],
  [net({ file: "x" }), "/statements/0/set/members/0: the key `max` is missing"],
  [net({ file: "x", max: 5 }), "/statements/0/set/members/0/max: expected a number in quotes, found 5"],
  [net({ file: "x", max: "-5" }), '/statements/0/set/members/0/max: expected a number in quotes, found "-5"'],
  [net({ file: "x", max: "٣" }), '/statements/0/set/members/0/max: expected a number in quotes, found "٣"'],
  [one({ kind: "net", name: "a", set: { members: [] } }), "/statements/0/set/members: the list is empty"],
  [one({ kind: "net", name: "a", set: { members: ["any"], except: [] } }), "/statements/0/set/except: the list is empty"],
  [one({ kind: "net", name: "a-é", set: any }), '/statements/0/name: expected a name, found "a-é"'],
  [one({ kind: "net", name: "1a", set: any }), '/statements/0/name: expected a name, found "1a"'],
  [one({ kind: "net", name: "a.b", set: any }), '/statements/0/name: expected a name, found "a.b"'],
  [one({ kind: "net", name: "a", set: any, annotations: {} }), "/statements/0/annotations: the object is empty"],
  [one({ kind: "net", name: "a", set: any, annotations: { team: "x" } }), '/statements/0/annotations/team: unknown key "team"'],
  [one({ kind: "deny", dryrun: false }), "/statements/0/dryrun: expected true, found false"],
  [inExpose({ kind: "limit", rate: "5/m", per: "source", dryrun: false }), "/statements/0/clauses/0/dryrun: expected true, found false"],
  [inExpose({ kind: "cap", connections: "5", dryrun: "true" }), '/statements/0/clauses/0/dryrun: expected true, found "true"'],
  [one({ kind: "deny", until: "soon" }), '/statements/0/until: expected a literal, found "soon"'],
  [one({ kind: "deny", until: "5" }), '/statements/0/until: expected a literal, found "5"'],
  [one({ kind: "deny", on: { proto: "sctp", ports: any } }), '/statements/0/on/proto: expected "tcp" or "udp" or "tcp, udp" or "udp, tcp", found "sctp"'],
  [inExpose({ kind: "deny", on: { proto: "tcp", ports: any } }), '/statements/0/clauses/0/on: unknown key "on"'],
  [inExpose({ kind: "net", name: "a", set: any }), '/statements/0/clauses/0/kind: expected a clause, found "net"'],
  [inExpose({ kind: "backend", tcp: "localhost" }), '/statements/0/clauses/0/tcp: expected an address with a port, found "localhost"'],
  [inExpose({ kind: "backend" }), "/statements/0/clauses/0: expected a backend, found none of its keys"],
  [inExpose({ kind: "limit", rate: "5", per: "listener" }), '/statements/0/clauses/0/rate: expected a rate, found "5"'],
  [inExpose({ kind: "limit", rate: "5/s", per: "port" }), '/statements/0/clauses/0/per: expected "source" or "listener" or "identity", found "port"'],
  [inExpose({ kind: "cap" }), "/statements/0/clauses/0: none of the keys `connections`, `perSource`, `perSources`, `perIdentity` is there"],
  [inExpose({ kind: "cap", burst: "5" }), "/statements/0/clauses/0: none of the keys `connections`, `perSource`, `perSources`, `perIdentity` is there"],
  [inExpose({ kind: "cap", perSources: [] }), "/statements/0/clauses/0/perSources: the list is empty"],
  [inExpose({ kind: "cap", perSource: {} }), "/statements/0/clauses/0/perSource: the key `connections` is missing"],
  [inTemplate({ kind: "cap" }), "/statements/0/body/0: none of the keys `connections`, `perSource`, `perSources`, `perIdentity` is there"],
  [
    inExpose({ kind: "cap", connections: "5", perSource: { connections: "2", key: { v4: "/24" } } }),
    "/statements/0/clauses/0/perSource/key: the key `v6` is missing",
  ],
  [
    inExpose({ kind: "cap", connections: "5", perSource: { connections: "2", key: { v4: "24", v6: "/48" } } }),
    '/statements/0/clauses/0/perSource/key/v4: expected a prefix length, found "24"',
  ],
  [from({ to: "tcp" }), '/statements/0/lines/0/to: expected the name of an expose, found "tcp"'],
  [from({ outcome: { allow: true, count: "5" } }), '/statements/0/lines/0/outcome/count: unknown key "count"'],
  [from({ outcome: { allow: true, deny: "policy" } }), '/statements/0/lines/0/outcome/deny: unknown key "deny"'],
  [from({ outcome: { deny: "from" } }), '/statements/0/lines/0/outcome/deny: expected a reason, found "from"'],
  [from({ client: [] }), "/statements/0/lines/0/client: the list is empty"],
  [from({ client: ["ops"] }), '/statements/0/lines/0/client/0: expected a name of a client, found "ops"'],
  [from({ repeat: {} }), '/statements/0/lines/0/repeat: unknown key "repeat"'],
  [one({ kind: "invariant", title: "i", claims: [] }), "/statements/0/claims: the list is empty"],
  [claim({ word: "ever" }), '/statements/0/claims/0/word: expected "never" or "only" or "always", found "ever"'],
  [inTemplate({ kind: "net", name: "a", set: any }, { kind: "backend", tcp: "127.0.0.1:1" }), '/statements/0/body/0/kind: expected a clause, found "net"'],
  [inTemplate({ kind: "import", path: "x", as: "y" }), '/statements/0/body/0/kind: expected a statement, found "import"'],
  [inTemplate({ kind: "template", name: "u", params: [], body: [] }), '/statements/0/body/0/kind: expected a statement, found "template"'],
  [one({ kind: "template", name: "$t", params: [], body: [] }), '/statements/0/name: expected a name, found "$t"'],
  [one({ kind: "template", name: "t", params: ["a"], body: [] }), '/statements/0/params/0: expected a parameter, found "a"'],
  [one({ kind: "template", name: "t", params: ["$a", "$a"], body: [] }), '/statements/0/params/1: "$a" appears twice in the list'],
  [one({ kind: "use", template: "$t", args: [] }), '/statements/0/template: expected a name, or one out of an import, found "$t"'],
  [one({ kind: "net~/", name: "a" }), '/statements/0/kind: expected a statement, found "net~/"'],
  [one({ kind: "deny", "a/b~c": 1 }), '/statements/0/a~1b~0c: unknown key "a/b~c"'],
];

for (const [document, messages] of REFUSED) {
  source(`refused: ${messages}`, () => {
    const answer = both(document);
    assert.is(answer.schema, false);
    assert.is(answer.messages.length, 1, answer.messages.join("\n"));
    assert.ok(answer.messages[0]?.startsWith(messages), answer.messages[0]);
  });
}

/** Faults that a schema can't describe, and texts that are no document at all. */
const UNREADABLE: readonly (readonly [text: string, pointer: string, message: RegExp])[] = [
  ["", "", /this is not JSON/],
  ['{"edition":1,}', "", /this is not JSON/],
  ['{"edition":1,"statements":[],"edition":1}', "/edition", /the key "edition" appears twice/],
  ['{"edition":1,"statements":[{"kind":"deny","from":{"members":["any"]},"fr\\u006fm":{"members":["a"]}}]}', "/statements/0/from", /appears twice/],
  [JSON.stringify(inTemplate({ kind: "allow", from: { members: ["$c"] } })), "", /`\$c` is not a parameter of `t`/],
  [JSON.stringify(one({ kind: "deny", on: { proto: "tcp", ports: { members: ["deny"] } }, from: any })), "", /expected a member of the set, found `deny`/],
  ["[".repeat(200_000), "", /this is not JSON/],
  ["[".repeat(100_000) + "]".repeat(100_000), "", /expected an object, found a list/],
];

source("a fault that no schema can describe is refused too", () => {
  for (const [text, pointer, message] of UNREADABLE) {
    const imported = importPolicy(text);
    if (imported.ok) throw new Error(text.slice(0, 80));
    assert.is(imported.error[0]?.pointer, pointer);
    assert.match(imported.error[0]?.message ?? "", message);
  }
});

source("many faults are reported at once, up to a bound", () => {
  const document = { edition: 1, statements: Array.from({ length: 500 }, () => ({ kind: "net", name: "", set: 1 })) };
  const imported = importPolicy(JSON.stringify(document));
  assert.ok(!imported.ok && imported.error.length === 20);
});

source("import of an export is what fmt writes without the comments; export of an import is the document", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const c = chance(seed);
    const words = new RandomPolicy(c).words();
    const exported = exportPolicy({ path: "p", text: writeOut(c, words, true) });
    if (!exported.ok) {
      assert.is(exported.error.kind, "broken", `seed ${seed}`);
      continue;
    }
    const imported = importPolicy(exported.value.text);
    const plain = format({ path: "p", text: words.join(" ") });
    if (!imported.ok || !plain.ok) throw new Error(`seed ${seed}`);
    assert.is(imported.value, plain.value, `seed ${seed}`);
    const again = exportPolicy({ path: "p", text: imported.value });
    assert.ok(again.ok && again.value.text === exported.value.text, `seed ${seed}`);
    assert.equal(both(exported.value.json), { schema: true, messages: [] }, `seed ${seed}`);
  }
});

const VALUES: readonly unknown[] = [
  null,
  true,
  false,
  0,
  1,
  "",
  "a",
  "tcp",
  "$a",
  "a b",
  "10.0.0.0/8",
  "/24",
  "5/s",
  "443",
  "2027-03-01T00:00Z",
  "from",
  "any",
  "a.b",
  '"',
  "\n",
  "\ud800",
  [],
  {},
  ["any"],
  { text: "x" },
  { param: "$a" },
  { members: ["any"] },
  { proto: "tcp", ports: { members: ["1"] } },
  { kind: "deny" },
  { kind: "allow" },
];
const KEYS = [
  "kind",
  "name",
  "set",
  "text",
  "uri",
  "param",
  "on",
  "from",
  "except",
  "key",
  "count",
  "by",
  "x",
  "__proto__",
  "constructor",
  "title",
  "annotations",
];

/** The document with one place changed; the places are picked by walking down. */
function mutated(c: Chance, value: unknown): unknown {
  if (c.oneIn(6) || typeof value !== "object" || value === null) return c.pick(VALUES);
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value;
    const at = c.below(items.length + 1);
    if (at === items.length) return [...items, items.length > 0 && c.oneIn(2) ? items[0] : c.pick(VALUES)];
    if (c.oneIn(4)) return items.filter((_, i) => i !== at);
    return items.map((item, i) => (i === at ? mutated(c, item) : item));
  }
  const entries = Object.entries(value);
  const at = c.below(entries.length + 1);
  if (at === entries.length) return Object.fromEntries([...entries, [c.pick(KEYS), c.pick(VALUES)]]);
  if (c.oneIn(6)) return Object.fromEntries(entries.filter((_, i) => i !== at));
  if (c.oneIn(12)) return Object.fromEntries(entries.map(([k, v], i) => (i === at ? [c.pick(KEYS), v] : [k, v])));
  return Object.fromEntries(entries.map(([k, v], i) => (i === at ? [k, mutated(c, v)] : [k, v])));
}

source("random changes: decoder and schema agree, and a document that they accept is written and read back, or refused", () => {
  let taken = 0;
  let written = 0;
  let rounds = 0;
  for (let seed = 1; seed <= 250; seed++) {
    const c = chance(seed * 7919);
    const exported = exportPolicy({ path: "p", text: new RandomPolicy(c).words().join(" ") });
    if (!exported.ok) continue;
    for (let n = 0; n < 12; n++) {
      rounds++;
      const document: unknown = JSON.parse(JSON.stringify(mutated(c, exported.value.json)));
      const answer = both(document);
      const json = JSON.stringify(document);
      assert.is(answer.schema, answer.messages.length === 0, `seed ${seed}: ${answer.messages.join("; ")}\n${json}`);
      const imported = importPolicy(json);
      if (answer.messages.length > 0) {
        assert.not(imported.ok, json);
        continue;
      }
      taken++;
      if (!imported.ok) continue;
      written++;
      const again = exportPolicy({ path: "p", text: imported.value });
      assert.ok(again.ok, json);
      if (again.ok) assert.equal(again.value.json, document, json);
    }
  }
  assert.ok(taken > rounds / 20 && rounds - taken > rounds / 4, `${taken} of ${rounds} taken`);
  assert.ok(written > taken * 0.8, `${written} of ${taken} written`);
});

const FAULTS: readonly (readonly [json: string, at: number, says: RegExp])[] = [
  ["", 0, /expected a value, found the end/],
  ["[", 1, /expected a value, found the end/],
  ['{"a":1,}', 7, /expected a key, found `}`/],
  ["[1,]", 3, /expected a value, found `]`/],
  ["[1 2]", 3, /expected `,` or `]`, found `2`/],
  ['{"a" 1}', 5, /expected `:`, found `1`/],
  ["{'a':1}", 1, /expected a key, found `'`/],
  ["{a:1}", 1, /found `a`/],
  ['{"a":tru}', 5, /found `tru`/],
  ["[01]", 1, /found `01`/],
  ["[1.]", 1, /found `1.`/],
  ["[+1]", 1, /found `\+1`/],
  ["[-]", 1, /found `-`/],
  ["[1]x", 3, /the end of the document, found `x`/],
  ["[1}", 2, /expected `,` or `]`, found `}`/],
  ["{,}", 1, /a key, found `,`/],
  ["// x", 0, /found `\/`/],
  ['["a', 1, /no closing quote/],
  ['["a\nb"]', 1, /no closing quote/],
  ['["a\tb"]', 3, /contains U\+0009/],
  ['["a\\q"]', 3, /begins no escape/],
  ['["\\u12g4"]', 2, /begins no escape/],
  ["[1,\u00a02]", 3, /found U\+00A0 \(no-break space\)/],
  ["[NaN]", 1, /found `NaN`/],
];

for (const [json, at, says] of FAULTS) {
  source(`not JSON: ${JSON.stringify(json)}`, () => {
    assert.throws(() => {
      JSON.parse(json);
    });
    const fault = jsonFault(json);
    assert.is(fault?.at, at);
    assert.match(fault?.says ?? "", says);
  });
}

source("a fault in a document is reported with its line and column, and so is a key that occurs twice", () => {
  const places = (json: string): unknown => {
    const imported = importPolicy(json);
    return imported.ok ? [] : imported.error.map(({ place }) => `${place?.line}:${place?.column}`);
  };
  assert.equal(places('{\n  "edition": 1,\r\n  "statements": [],\n}'), ["4:1"]);
  assert.equal(places('{\n  "edition": 1, "statements": [],\n  "edition": 1 }'), ["3:3"]);
});

source("a text is refused as no JSON exactly where JSON.parse refuses it", () => {
  const text = '{"a": [1, -2.5e+3, "x\\u00e9\\n", true, null, {}, []], "b": {"c": false}}';
  const parses = (json: string): boolean => {
    try {
      JSON.parse(json);
      return true;
    } catch {
      return false;
    }
  };
  let good = 0;
  const c = chance(25);
  for (let n = 0; n < 20_000; n++) {
    let json = text;
    for (let edits = 1 + c.below(2); edits > 0; edits--) {
      const at = c.below(json.length);
      json = json.slice(0, at) + (c.oneIn(2) ? "" : c.pick([...'{}[],:"\\ 0129.eE+-truefalsn\n\t'])) + json.slice(at + c.below(2));
    }
    if (parses(json)) good++;
    assert.is(jsonFault(json) === null, parses(json), json);
  }
  assert.ok(good > 500, `${good}`);
});

source.run();
