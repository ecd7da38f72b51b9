// ingressc learn: the policy passes check, is formatted, and allows every record that it was learned from and no source
// besides, whatever the records have in them.
import * as fc from "fast-check";
import * as assert from "uvu/assert";
import * as v from "../../runtime/abi/verdicts.ts";
import { MOST_KINDS, MOST_LISTENERS, MOST_OF_EACH } from "../../compiler/cli/traffic/learned.ts";
import { suite } from "../suite.ts";
import { AT, countsOf, fieldsOf, record, type Wish } from "./audit_records.ts";
import { envelope, folder, ingressc, ingresscHere, type Folder } from "./programs.ts";

const test = suite("learn");

const HASH = `sha256:${"ab".repeat(32)}`;
const OPS = "uri:spiffe://corp.example/ops/web";
const at = (port: number): string => `0.0.0.0:${port}`;
const from = (source: string): string => (source.includes(":") ? `[${source}]:1` : `${source}:1`);

interface Learned {
  readonly text: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Learns, and compares the result with what `check`, `fmt` and `replay` say of it. */
async function learned(f: Folder, lines: readonly string[], args: readonly string[] = []): Promise<Learned> {
  f.write("audit.jsonl", lines.join(""));
  const answer = envelope(await ingresscHere(["learn", "audit.jsonl", ...args, "--json"], f.path));
  const data = fieldsOf(answer["data"]);
  const text = data["policy"];
  if (typeof text !== "string") throw new Error(`nothing was learned: ${JSON.stringify(answer)}`);
  f.write("learned.ingress", text);
  const check = await ingresscHere(["check", "learned.ingress"], f.path);
  assert.is(check.code, 0, `${check.err}\n${text}`);
  assert.is((await ingresscHere(["fmt", "--check", "learned.ingress"], f.path)).code, 0, text);
  const tests = await ingresscHere(["test", "learned.ingress", "--require-tests"], f.path);
  assert.is(tests.code, 0, `${tests.out}${tests.err}\n${text}`);
  return { text, data };
}

/** Without comments and tests. */
const bare = (text: string): string =>
  text
    .replace(/^[ \t]*#.*\n/gm, "")
    .replace(/^test [^]*?^\}\n?/gm, "")
    .trim();

async function replayed(f: Folder): Promise<string> {
  return countsOf(fieldsOf(envelope(await ingresscHere(["replay", "learned.ingress", "audit.jsonl", "--json"], f.path))["data"]));
}

test("sources are merged, and no address is added", async () => {
  const f = folder();
  const sources = [
    "198.51.100.0",
    "198.51.100.1",
    "198.51.100.2",
    "198.51.100.3",
    "198.51.100.5",
    "2001:db8::4",
    "2001:db8::5",
    "203.0.113.255",
    "203.0.114.0",
  ];
  const { text, data } = await learned(
    f,
    sources.map((source) => record({ source: from(source), backend: "127.0.0.1:8080" })),
  );
  assert.is(
    bare(text),
    `edition 1

net web_clients =
  198.51.100.0/30, 198.51.100.5, 203.0.113.255, 203.0.114.0, 2001:db8::4/127

expose web on tcp 443 {
  backend 127.0.0.1:8080
  allow from web_clients
}`.replace("=\n  ", "= "),
  );
  assert.equal([data["addresses"], data["added"], data["learned"]], ["9", "0", 9]);
  assert.is(await replayed(f), "decisions 9, same 9");
});

test("never a source that a record shows as refused by a deny, enforced or tried out", async () => {
  const f = folder();
  const shadow = { verdict: "deny", reason: "cidr", code: "deny_rule", rule: 3 } as const;
  const lines = [
    ...[1, 2, 3, 4].map((n) => record({ source: from(`198.51.100.${n}`) })),
    record({ source: from("198.51.100.2"), code: v.CODE_DENY_RULE }),
    record({ source: from("198.51.100.3"), shadow }),
    record({ source: from("198.51.100.4"), op: "recheck", code: v.CODE_RECHECKED, detail: "deny_identity" }),
    // Refused by no deny: neither learned nor left out.
    record({ source: from("198.51.100.1"), code: v.CODE_CAP_SOURCE }),
    record({ source: from("198.51.100.9"), code: v.CODE_NO_MATCH }),
  ];
  const { text, data } = await learned(f, lines);
  assert.match(bare(text), /^net web_clients = 198\.51\.100\.1$/m);
  assert.equal([data["addresses"], data["denied"]], ["1", "3"]);
});

const seen = (prefix: string, count: number, start = 1): string[] =>
  Array.from({ length: count }, (_, i) => record({ source: from(`${prefix}${(start + i).toString(prefix.includes(":") ? 16 : 10)}`) }));

test("--round widens whole prefixes from N addresses on, says how many that adds, and never to a denied source", async () => {
  const f = folder();
  const rows: readonly (readonly [lines: readonly string[], args: readonly string[], net: string, added: string])[] = [
    [seen("198.51.100.", 7, 9), ["--round", "/24", "/48"], "198.51.100.9, 198.51.100.10/31, 198.51.100.12/30", "0"],
    [seen("198.51.100.", 8, 9), ["--round", "/24", "/48"], "198.51.100.0/24", "248"],
    [seen("198.51.100.", 2), ["--round", "/24", "--min", "2"], "198.51.100.0/24", "254"],
    [seen("198.51.100.", 1), ["--round", "/24", "--min", "1"], "198.51.100.0/24", "255"],
    [seen("198.51.100.", 8), ["--round", "/32", "/128"], "198.51.100.1, 198.51.100.2/31, 198.51.100.4/30, 198.51.100.8", "0"],
    // A merged range over the edge of two prefixes counts in each for what it has there.
    [[...seen("198.51.100.", 6, 250), ...seen("198.51.101.", 9, 0)], ["--round", "/24"], "198.51.100.250/31, 198.51.100.252/30, 198.51.101.0/24", "247"],
    [seen("2001:db8::", 8), ["--round", "/24", "/48"], "2001:db8::/48", String(2n ** 80n - 8n)],
    [seen("2001:db8::", 8), ["--round", "/24"], "2001:db8::1, 2001:db8::2/127, 2001:db8::4/126, 2001:db8::8", "0"],
    [
      [...seen("198.51.100.", 8), record({ source: from("198.51.100.255"), code: v.CODE_DENY_RULE })],
      ["--round", "/24"],
      "198.51.100.1, 198.51.100.2/31, 198.51.100.4/30, 198.51.100.8",
      "0",
    ],
    [[...seen("198.51.100.", 8), record({ source: from("198.51.101.0"), code: v.CODE_DENY_RULE })], ["--round", "/24"], "198.51.100.0/24", "248"],
  ];
  for (const [lines, args, net, added] of rows) {
    const { text, data } = await learned(f, lines, args);
    assert.is(/^net web_clients = ([^]*?)\n\n/m.exec(bare(text))?.[1]?.replace(/\s+/g, " "), net, args.join(" "));
    assert.is(data["added"], added);
  }
  const shown = await ingresscHere(["learn", "audit.jsonl", "--round", "/24"], f.path);
  assert.match(shown.out, /^# widened: 1 prefix, which adds 248 addresses$/m);
});

test("listeners, names, identities, load balancers and udp become what the records show", async () => {
  const f = folder();
  const lines = [
    record({ local: at(8443), listener: "tls", service: "tls", sni: "a.example.com" }),
    record({ local: at(8443), listener: "tls", service: "tls", sni: "b.example.com" }),
    record({ local: at(8443), listener: "tls", service: "tls", source: from("198.51.100.1") }),
    record({ local: at(9443), listener: "staff", service: "ops", sni: "s.example.com", client: `${HASH} ${OPS} dns:x.example.com` }),
    record({ local: at(448), listener: "behind", service: "behind", peer: "10.0.0.5:1" }),
    record({ local: at(448), listener: "behind", service: "behind", source: from("10.0.0.9") }),
    record({ local: at(53), proto: "udp", listener: "dns", service: "dns", backend: "127.0.0.1:5353" }),
    record({ local: "10.0.0.1:22", listener: "ssh", service: "ssh", backend: "unix:/run/ssh.sock" }),
    record({ local: at(446), listener: "one", service: "one", sni: "one.example.com" }),
    record({ local: at(446), listener: "two", service: "two", sni: "two.example.com" }),
    record({ local: at(80), listener: "old", service: "old", ms: AT - 5_000 }),
    record({ local: at(80), listener: "new", service: "new", source: from("198.51.100.7") }),
  ];
  const { text } = await learned(f, lines);
  for (const line of [
    /^expose tls on tcp 8443 as passthrough \{\n {2}allow from tls_clients sni "a\.example\.com", "b\.example\.com"\n {2}allow from tls_clients_2\n\}/m,
    /^expose staff service ops on tcp 9443 as mtls \{\n {2}cert "staff"\n {2}ca "staff"\n {2}allow from staff_clients sni "s\.example\.com" client uri "spiffe:\/\/corp\.example\/ops\/web"\n\}/m,
    /^expose behind on tcp 448 via 10\.0\.0\.5 \{/m,
    /^expose dns on udp 53 \{\n {2}backend 127\.0\.0\.1:5353\n {2}amplify 1\n/m,
    /^expose ssh on tcp 22 bind 10\.0\.0\.1 \{\n {2}backend unix "\/run\/ssh\.sock"\n/m,
    /^expose one on tcp 446 for "one\.example\.com" as passthrough \{/m,
    /^expose two on tcp 446 for "two\.example\.com" as passthrough \{/m,
    /^expose new on tcp 80 \{/m,
  ])
    assert.match(bare(text), line);
  assert.not.match(text, /expose old/);
  // The listener that is called otherwise now is another service; a name that was not read may be none that leads anywhere.
  assert.is(await replayed(f), "decisions 12, same 10, moves 1, undecidable name 1");
});

test("of listeners that share a port, each has its own sources at its other ports", async () => {
  const f = folder();
  const old = { listener: "old", service: "old", ms: AT - 5_000, source: from("198.51.100.1") };
  const web = { listener: "web", service: "shop", source: from("198.51.100.7") };
  const { text, data } = await learned(f, [
    record({ ...old, local: at(80) }),
    record({ ...old, local: at(8080) }),
    record({ ...web, local: at(80) }),
    record({ ...web, local: at(443) }),
    record({ ...web, local: at(8443) }),
    record({ listener: "far", service: "far", source: from("198.51.100.9"), local: at(8443), ms: AT - 9_000 }),
  ]);
  assert.equal(
    [...text.matchAll(/^# (\d) connections.*(, with those to other ports)\nexpose (\S+)(?: service shop)? on tcp ([\d, ]+) \{/gm)].map(([, ...words]) => words),
    [
      ["5", ", with those to other ports", "web", "80"],
      ["3", ", with those to other ports", "web_tcp", "443"],
      ["2", ", with those to other ports", "old", "8080"],
      ["4", ", with those to other ports", "web_tcp_2", "8443"],
    ],
    text,
  );
  assert.is(data["learned"], 6);
  const seen: Readonly<Record<string, readonly number[]>> = { "198.51.100.1": [80, 8080], "198.51.100.7": [80, 443, 8443], "198.51.100.9": [8443] };
  const others = Object.entries(seen).flatMap(([source, ports]) =>
    [80, 443, 8080, 8443].filter((port) => !ports.includes(port)).map((port) => record({ source: from(source), local: at(port), code: v.CODE_NO_MATCH })),
  );
  assert.match(await replayed(f), /^decisions 6, same \d, moves \d$/);
  f.write("audit.jsonl", others.join(""));
  assert.is(await replayed(f), "decisions 6, same 6");
});

test("local addresses with other clients stay apart, and those with the same ones are one bind", async () => {
  const f = folder();
  const seen: readonly (readonly [local: string, source: string, port: number])[] = [
    ["10.0.0.1", "198.51.100.1", 443],
    ["10.0.0.2", "198.51.100.1", 443],
    ["10.0.0.3", "198.51.100.7", 443],
    ["10.0.0.4", "198.51.100.1", 444],
    ["2001:db8::1", "2001:db8:9::1", 443],
  ];
  const { text, data } = await learned(
    f,
    seen.map(([local, source, port]) =>
      record({ local: local.includes(":") ? `[${local}]:${port}` : `${local}:${port}`, source: from(source), backend: "127.0.0.1:8080" }),
    ),
  );
  assert.equal(
    [...text.matchAll(/^# (\d) connections?,.*\nexpose (\S+)(?: service web)? on tcp (\d+)\s+bind ([^{]*?) \{/gm)].map(([, ...words]) => words),
    [
      ["2", "web", "443", "10.0.0.1, 10.0.0.2"],
      ["1", "web_tcp", "443", "10.0.0.3"],
      ["1", "web_tcp_2", "444", "10.0.0.4"],
      ["1", "web_tcp_3", "443", "2001:db8::1"],
    ],
    text,
  );
  assert.is(data["learned"], 5);
  const isSeen = (local: string, source: string, port: number): boolean => seen.some(([l, s, p]) => l === local && s === source && p === port);
  const others = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"].flatMap((local) =>
    ["198.51.100.1", "198.51.100.7"].flatMap((source) =>
      [443, 444].flatMap((port) => (isSeen(local, source, port) ? [] : [record({ local: `${local}:${port}`, source: from(source), code: v.CODE_NO_MATCH })])),
    ),
  );
  assert.is(others.length, 12);
  f.write("audit.jsonl", others.join(""));
  assert.is(await replayed(f), "decisions 12, same 12");
});

test("two listeners that share a local address of several, and one on all of them", async () => {
  const f = folder();
  const one = { listener: "one", service: "one" };
  const two = { listener: "two", service: "two" };
  await learned(f, [
    record({ ...one, local: "10.0.0.1:443", sni: "one.example.com" }),
    record({ ...one, local: "10.0.0.2:443", sni: "one.example.com" }),
    record({ ...two, local: "10.0.0.2:443", sni: "two.example.com", source: from("198.51.100.7") }),
    record({ listener: "old", service: "old", local: at(80), source: from("198.51.100.8"), ms: AT - 5_000 }),
    record({ listener: "new", service: "new", local: "10.0.0.1:80" }),
  ]);
  assert.match(await replayed(f), /^decisions 5, same 4, moves 1/);
  f.write("audit.jsonl", record({ ...two, local: "10.0.0.1:443", sni: "two.example.com", source: from("198.51.100.7"), code: v.CODE_NO_MATCH }));
  assert.not.match(await replayed(f), /opens/);
});

test("the policy has tests: of each rule a client that was seen, and a source that was not or that a deny refused", async () => {
  const f = folder();
  const { text } = await learned(
    f,
    [
      record({ source: from("198.51.100.9"), code: v.CODE_DENY_RULE }),
      ...seen("198.51.100.", 8, 10),
      record({ local: at(448), listener: "behind", service: "behind", peer: "10.0.0.5:1", source: from("203.0.113.9") }),
      record({ local: at(9443), listener: "staff", service: "staff", sni: "s.example.com", client: `${HASH} ${OPS}` }),
      record({ local: at(53), proto: "udp", listener: "dns", service: "dns", source: from("2001:db8::5") }),
    ],
    ["--round", "/30", "--min", "2"],
  );
  const tests = [...text.matchAll(/^test "learned: (\S+)" \{\n([^]*?)^\}/gm)].map(([, name, lines = ""]) => [
    name,
    ...lines
      .replace(/\s+/g, " ")
      .trim()
      .split(/ (?=from )/),
  ]);
  assert.equal(
    tests,
    [
      ["web", "from 198.51.100.10 to web => allow", "from 198.51.100.9 to web => deny cidr"],
      ["behind", "from 203.0.113.9 via 10.0.0.5 to behind => allow", "from 198.51.100.9 to behind => deny cidr"],
      [
        "staff",
        'from 203.0.113.9 to staff sni "s.example.com" client uri "spiffe://corp.example/ops/web" => allow',
        'from 198.51.100.9 to staff sni "s.example.com" client uri "spiffe://corp.example/ops/web" => deny cidr',
      ],
      ["dns", "from 2001:db8::5 to dns => allow", "from 198.51.100.9 to dns => deny cidr"],
    ],
    text,
  );
});

test("what can't be in one policy is left out and counted", async () => {
  const f = folder();
  const lines = [
    record({ local: at(9443), listener: "staff", client: `${HASH} ${OPS}` }),
    record({ local: at(9443), listener: "staff", source: from("198.51.100.1") }),
    record({ local: at(448), listener: "behind", peer: "10.0.0.5:1" }),
    record({ local: at(448), listener: "behind", source: from("10.0.0.5") }),
    record({ sni: "192.0.2.1" }),
    record({ source: undefined }),
    record({ client: "email:x" }),
  ];
  const { text, data } = await learned(f, lines);
  assert.equal(data["leftOut"], { name: 1, facts: 1, identity: 1 });
  assert.is(data["unwritten"], 2);
  assert.not.match(bare(text), /198\.51\.100\.1|from 10\.0\.0\.5/);
});

const HOSTILE = [
  '"',
  '" }',
  '"\nallow from any',
  "}",
  "#",
  "a b",
  "\u0000",
  "\u202e",
  "*",
  "**.example.com",
  "$x",
  "a\\",
  "",
  "x".repeat(300),
  "any",
  "tcp",
  "ingressd",
  "é",
  "allow",
  "-",
  "1a",
];

test("no word of a record becomes policy", async () => {
  const f = folder();
  for (const word of HOSTILE) {
    const lines = [
      record(),
      record({ listener: word, service: word, local: at(1) }),
      record({ sni: word, local: at(2), listener: "two" }),
      record({ client: `${HASH} dns:${word} uri:spiffe://x/${word}`, local: at(3), listener: "three" }),
      record({ client: `uri:spiffe://x/${word}`, local: at(3), listener: "three" }),
      record({ backend: word, local: at(4), listener: "four" }),
      record({ backend: `unix:/${word}`, local: at(5), listener: "five" }),
      record({ backend: `127.0.0.1:80 ${word}`, local: at(6), listener: "six" }),
    ];
    const { text } = await learned(f, lines);
    const policy = bare(text);
    const outside = policy.replace(/"[^"\n]*"/g, "text");
    assert.not.match(outside, /\bany\b(?= on)|from any\b|internet/, `${word}: ${policy}`);
    assert.ok(/^[\n -~]*$/.test(text), word);
    assert.not.match(outside, /deny|import|dial|invariant|dryrun/, word);
    assert.not.match(policy, /\*/, word);
  }
});

const octet = fc.integer({ min: 0, max: 3 });
const wishes: fc.Arbitrary<Wish> = fc.record(
  {
    source: fc.oneof(
      fc.tuple(octet, octet).map(([a, b]) => `198.51.${a}.${b}:9`),
      octet.map((n) => `[2001:db8::${n}]:9`),
      octet.map((n) => `10.0.0.${n}:9`),
    ),
    local: fc.constantFrom("0.0.0.0:443", "[::]:443", "10.9.9.9:443", "0.0.0.0:444", "10.9.9.8:445"),
    listener: fc.constantFrom("web", "shop", "x y", "any"),
    proto: fc.constantFrom("tcp" as const, "tcp" as const, "udp" as const),
    sni: fc.constantFrom(undefined, undefined, "a.example.com", "b.example.com", 'x"y'),
    client: fc.constantFrom(undefined, undefined, undefined, `${HASH} ${OPS}`, HASH, 'dns:a"b'),
    peer: fc.constantFrom(undefined, undefined, undefined, "10.0.0.1:1", "10.0.0.2:2"),
    code: fc.constantFrom(v.CODE_ALLOWED, v.CODE_ALLOWED, v.CODE_ALLOWED, v.CODE_ALLOWED, v.CODE_DENY_RULE, v.CODE_NO_MATCH),
    backend: fc.constantFrom(undefined, "127.0.0.1:1", "unix:/run/x", "127.0.0.1:443"),
  },
  { requiredKeys: ["source", "local", "listener", "code"] },
);

test("random records: the policy passes check, and every record that it was learned from is allowed", async () => {
  const f = folder();
  await fc.assert(
    fc.asyncProperty(fc.array(wishes, { minLength: 1, maxLength: 12 }), async (many) => {
      const sane = many.map((wish) => (wish.proto === "udp" ? { ...wish, sni: undefined, client: undefined, peer: undefined } : wish));
      const lines = sane.map((wish) => record(wish));
      const denied = new Set(sane.filter(({ code }) => code === v.CODE_DENY_RULE).map(({ source }) => source));
      const alone = sane.map((wish, i) => ({ wish, line: lines[i] ?? "" }));
      f.write("audit.jsonl", lines.join(""));
      const answer = envelope(await ingresscHere(["learn", "audit.jsonl", "--json"], f.path));
      if (answer["code"] === "policy.nothing_learned") {
        assert.ok(
          alone.every(
            ({ wish }) =>
              wish.code !== v.CODE_ALLOWED ||
              denied.has(wish.source) ||
              Number(Object.keys(fieldsOf(fieldsOf(answer["data"])["leftOut"])).length) + Number(fieldsOf(answer["data"])["unwritten"]) > 0,
          ),
        );
        return;
      }
      const { data } = await learned(f, lines);
      const kept = Object.values(fieldsOf(data["leftOut"])).length === 0 && data["unwritten"] === 0;
      const allowed = alone.filter(({ wish }) => wish.code === v.CODE_ALLOWED && !denied.has(wish.source));
      f.write("audit.jsonl", allowed.map(({ line }) => line).join(""));
      const counts = await replayed(f);
      if (kept) assert.not.match(counts, /closes|undecidable header/, lines.join(""));
      // Nobody else: refused sources stay refused.
      const refused = alone.filter(({ wish }) => denied.has(wish.source));
      if (refused.length === 0) return;
      f.write(
        "audit.jsonl",
        refused
          .map(({ line }) => line.replace(/"decision":"allow","reason":"none","code":"allowed"/, '"decision":"deny","reason":"cidr","code":"deny_rule"'))
          .join(""),
      );
      assert.not.match(await replayed(f), /opens/);
    }),
    { numRuns: 60 },
  );
});

test("a load balancer is learned from a refusal too, also where its record has no listener", async () => {
  const f = folder();
  for (const listener of ["web", undefined]) {
    const lines = [
      record({ source: "198.51.100.7:9", local: "0.0.0.0:443", listener: "web", code: v.CODE_ALLOWED }),
      record({ source: "203.0.113.9:9", local: "0.0.0.0:443", listener, peer: "10.0.0.2:2", code: v.CODE_NO_MATCH }),
      record({ source: "10.0.0.2:9", local: "0.0.0.0:443", listener: "web", code: v.CODE_ALLOWED }),
    ];
    const { text, data } = await learned(f, lines);
    assert.match(bare(text), /^expose web on tcp 443 via 10\.0\.0\.2 \{$/m);
    assert.match(bare(text), /^net web_clients = 198\.51\.100\.7$/m);
    assert.is(data["unwritten"], 1);
    f.write("audit.jsonl", lines.slice(1, 2).join(""));
    assert.is(await replayed(f), "decisions 1, same 1");
  }
});

test("tables are bounded, and what finds no room is counted", async () => {
  const f = folder();
  const rows: readonly (readonly [most: number, wish: (i: number) => Wish])[] = [
    [MOST_LISTENERS, (i) => ({ listener: `l${i}`, local: at(i + 1) })],
    [MOST_KINDS, (i) => ({ sni: `n${i}.example.com` })],
    [MOST_OF_EACH, (i) => ({ local: at(i + 1) })],
    [MOST_OF_EACH, (i) => ({ local: `10.0.${i >>> 8}.${i & 255}:443` })],
    [MOST_KINDS, (i) => ({ local: `10.0.0.${i & 3}:443`, sni: `n${i >>> 2}.example.com` })],
  ];
  for (const [most, wish] of rows)
    for (const n of [most, most + 1]) {
      const { data } = await learned(
        f,
        Array.from({ length: n }, (_, i) => record(wish(i))),
      );
      assert.equal([data["learned"], data["leftOut"]], [most, n === most ? {} : { room: 1 }]);
    }
});

test("bad input has a code and a remedy, and -o writes the file", async () => {
  const f = folder();
  f.write("audit.jsonl", record());
  f.write("denied.jsonl", record({ code: v.CODE_NO_MATCH }));
  f.write("empty.jsonl", "");
  const rows: readonly (readonly [args: readonly string[], code: number, says: string])[] = [
    [["none.jsonl"], 2, "usage.missing_file"],
    [["empty.jsonl"], 3, "policy.no_audit_records"],
    [["denied.jsonl"], 1, "policy.nothing_learned"],
    [["audit.jsonl", "--min", "8"], 2, "usage.min"],
    [["audit.jsonl", "--round", "/24", "--min", "0"], 2, "usage.min"],
    [["audit.jsonl", "--round", "24"], 2, "usage.round"],
    [["audit.jsonl", "--round", "/7"], 2, "usage.round"],
    [["audit.jsonl", "--round", "/33"], 2, "usage.round"],
    [["audit.jsonl", "--round", "/24", "/15"], 2, "usage.round"],
    [["audit.jsonl", "--round", "/24", "/129"], 2, "usage.round"],
    [["audit.jsonl", "--round", "/24", "/48", "/64"], 2, "usage.round"],
    [["--round", "/24", "/48"], 2, "usage.missing_operand"],
    [["-", "-"], 2, "usage.input_twice"],
    [["audit.jsonl", "-o", "no/where.ingress"], 2, "usage.output_folder"],
    [["audit.jsonl", "-o", "./audit.jsonl"], 2, "usage.output_is_input"],
    [["denied.jsonl", "audit.jsonl", "-o", "denied.jsonl"], 2, "usage.output_is_input"],
    [["audit.jsonl", "--round", "/8", "/16"], 0, "policy.learned"],
  ];
  for (const [args, code, says] of rows) {
    const ended = await ingresscHere(["learn", ...args, "--json"], f.path);
    assert.equal([ended.code, envelope(ended)["code"]], [code, says], args.join(" "));
  }
  const piped = await ingressc(["learn", "-"], { cwd: f.path, input: record() });
  const filed = await ingressc(["learn", "audit.jsonl", "-o", "out.ingress"], { cwd: f.path });
  assert.match(filed.out, /wrote out\.ingress: 1 expose from 1 record/);
  const { readFileSync } = await import("node:fs");
  assert.is(readFileSync(f.at("out.ingress"), "utf8"), piped.out);
});

test("lines that can't be read are counted in the policy, and their places are shown beside it", async () => {
  const f = folder();
  f.write("torn.jsonl", `${record()}${record().slice(0, 40)}\n${record()}{"a":1}\n`);
  const piped = await ingresscHere(["learn", "torn.jsonl"], f.path);
  assert.match(piped.out, /^# learned by .*\n# sources: .*\n# 2 lines could not be read\nedition 1\n/);
  const { out } = await ingresscHere(["learn", "torn.jsonl", "-o", "l.ingress"], f.path);
  assert.match(out, /\n2 lines could not be read\n {2}torn\.jsonl:2: it is a part of a record\n {2}torn\.jsonl:4: it has no `op`\nwrote l\.ingress: /);
});

test.run();
