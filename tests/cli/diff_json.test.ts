// ingressc diff for programs: the answer has the form of its schema, and its sets are exactly the requests that differ. And the bounds of
// the reports for people.
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import * as assert from "uvu/assert";
import { suite } from "../suite.ts";
import { envelope, folder, ingresscHere, type Ended, type Folder } from "./programs.ts";

const test = suite<{ dir: Folder }>("diff: json");
test.before((context) => {
  context.dir = folder();
});
test.after(({ dir }) => dir.remove());

const schema = JSON.parse(readFileSync(new URL("../../schemas/answers/diff.schema.json", import.meta.url), "utf8")) as object;
const isAnswer = new Ajv2020({ allErrors: true, strict: true }).compile(schema);

interface Answer {
  readonly proven: boolean;
  readonly openings: number;
  readonly changes: readonly {
    readonly kind: string;
    readonly listener: string;
    readonly places: unknown;
    readonly fact?: { readonly what: string };
    readonly requests?: readonly { readonly from: readonly string[]; readonly moreFrom: number; readonly addresses: { readonly ipv4: string } }[];
  }[];
  readonly endsSoon: unknown;
}

/** The document, which has to have the form of the schema and to be the data of the envelope. */
async function answerOf(dir: Folder, ...more: readonly string[]): Promise<Answer> {
  const args = ["diff", "a.ingress", "b.ingress", ...more];
  const { out, err, code } = await ingresscHere([...args, "--format", "json"], dir.path);
  assert.is(err, "");
  assert.ok(out.endsWith("}\n") && !out.slice(0, -1).includes("\n"), out);
  const answer = JSON.parse(out) as Answer;
  assert.ok(isAnswer(answer), JSON.stringify(isAnswer.errors));
  const ended: Ended = await ingresscHere([...args, "--json"], dir.path);
  assert.equal([envelope(ended)["data"], ended.code], [answer, code]);
  return answer;
}

const MIXED = `edition 1
net office = 198.51.100.0/24, 2001:db8:1::/48
expose staff on tcp 443, 8443-8444 for "*.corp.example", "corp.example" as mtls {
  backend 127.0.0.1:8081
  cert "c" ca "corp"
  cap 100 connections
  limit 60/m per source
  allow from office client uri "spiffe://corp/ops/*"
}
expose dns on tcp, udp 53 bind private { backend 127.0.0.1:5300 amplify 30 allow from private }
@why "x" expose own on tcp 7000 as direct {}
`;

test("every kind of change has the form of the schema", async ({ dir }) => {
  dir.write("a.ingress", MIXED);
  dir.write(
    "b.ingress",
    `${MIXED.replace("ops/*", "*").replace("cap 100", "cap 99").replace("60/m", "60/2m").replace("bind private", "bind private, 192.0.2.0/24").replace("tcp 7000", "tcp 7001")}
dryrun deny from 10.0.0.0/8
@why "dns" dial resolver on udp
`.replace(
      "allow from office client",
      'dryrun cap 5 per source dryrun limit 1/h per identity\n  allow from 192.0.2.1 sni "a.corp.example" after 2026-01-01T00:00Z until 2026-06-10T00:00Z\n  deny from office sni "b.corp.example" client dns "old.example"\n  allow from office client',
    ),
  );
  const forth = await answerOf(dir);
  const kinds = new Set(forth.changes.map(({ kind }) => kind));
  const files = ["a.ingress", "b.ingress"].map((name) => readFileSync(dir.at(name), "utf8"));
  dir.write("a.ingress", files[1] ?? "");
  dir.write("b.ingress", files[0] ?? "");
  const back = await answerOf(dir);
  for (const { kind } of back.changes) kinds.add(kind);
  const all = ["listener_opened", "listener_closed", "opened", "closed", "changed", "dial", "dryrun_opened", "dryrun_closed", "dryrun_changed"];
  assert.equal([...kinds].sort(), all.sort());
  assert.ok(forth.changes.some(({ fact }) => fact?.what === "new budgets"));
  assert.equal(forth.endsSoon, [{ listener: "staff", proto: "tcp", until: "2026-06-10T00:00Z" }]);
  assert.equal(back.endsSoon, []);
});

test("the schema refuses another form", () => {
  const good = { proven: false, nodes: 1, unverified: false };
  assert.ok(isAnswer(good));
  for (const bad of [{ ...good, proven: true }, { ...good, more: 1 }, { proven: false }, { ...good, nodes: -1 }, [], null])
    assert.not.ok(isAnswer(bad), JSON.stringify(bad));
});

test("an exact set, with names, a certificate, a time and a place", async ({ dir }) => {
  const text = (rules: string): string =>
    `edition 1\nexpose m on tcp 443, 8443-8444 bind 10.0.0.0/9, 10.128.0.0/9 as mtls { backend 127.0.0.1:1 cert "m" ca "corp" allow from 192.0.2.1 ${rules} }\n`;
  dir.write("a.ingress", text(""));
  dir.write(
    "b.ingress",
    text('allow from 10.0.0.0/8 except 10.1.0.0/16 sni "*.b.example" client uri "spiffe://corp/ops/*" after 2027-01-01T00:00Z until 2027-02-01T00:00Z'),
  );
  const { changes } = await answerOf(dir);
  const opened = changes.find(({ kind }) => kind === "opened");
  assert.equal(opened?.places, [
    {
      proto: "tcp",
      ports: [
        { first: 443, last: 443 },
        { first: 8443, last: 8444 },
      ],
      local: ["10.0.0.0/8"],
    },
  ]);
  assert.equal(opened?.requests, [
    {
      from: ["10.0.0.0/16", "10.2.0.0/15", "10.4.0.0/14", "10.8.0.0/13", "10.16.0.0/12", "10.32.0.0/11", "10.64.0.0/10", "10.128.0.0/9"],
      moreFrom: 0,
      addresses: { ipv4: String(2 ** 24 - 2 ** 16), ipv6: "0" },
      sni: { names: ["*.b.example"], except: [], nameless: false },
      client: { certificates: [{ has: [{ names: ["uri:spiffe://corp/ops/*"], except: [] }], lacks: [] }], more: false },
      times: { ranges: [{ after: "2027-01-01T00:00Z", until: "2027-02-01T00:00Z" }], unknownClock: false },
      witness: 'from 10.0.0.1 to tcp 443 local 10.0.0.0 sni "a.b.example" client uri "spiffe://corp/ops/a" at 2027-01-01T00:00Z',
    },
  ]);
});

test("at most 10,000 prefixes of a change, and the number of the others", async ({ dir }) => {
  dir.write("a.ingress", "edition 1\nexpose web on tcp 80 { backend 127.0.0.1:1 }\n");
  dir.write("b.ingress", 'edition 1\nnet n = file "n.txt" max 20000\nexpose web on tcp 80 { backend 127.0.0.1:1 allow from n }\n');
  for (const [n, more] of [
    [10_000, 0],
    [10_001, 1],
  ] as const) {
    dir.write("n.txt", Array.from({ length: n }, (_, i) => `10.${i >> 7}.${(2 * i) & 255}.1\n`).join(""));
    const [set] = (await answerOf(dir)).changes[0]?.requests ?? [];
    assert.equal([set?.from.length, set?.moreFrom, set?.addresses.ipv4], [10_000, more, String(n)]);
  }
});

test("what is not proven is a document too", async ({ dir }) => {
  dir.write("a.ingress", MIXED);
  dir.write("b.ingress", MIXED.replace("198.51.100.0/24", "198.51.100.0/23"));
  const { out, code } = await ingresscHere(["diff", "a.ingress", "b.ingress", "--format", "json", "--nodes", "1"], dir.path);
  assert.equal([JSON.parse(out), code], [{ proven: false, nodes: 1, unverified: false }, 1]);
  assert.ok(isAnswer(JSON.parse(out)));
});

test("eight ranges of a listener, and how many more; with their part of IPv4", async ({ dir }) => {
  const text = (n: number): string =>
    `edition 1\nexpose web on tcp 80 { backend 127.0.0.1:1 ${n === 0 ? "" : `allow from ${Array.from({ length: n }, (_, i) => `${10 * i + 1}.0.0.0/10`).join(", ")}`} }\n`;
  dir.write("a.ingress", text(0));
  for (const [n, says] of [
    [8, /from `1\.0\.0\.0\/10`, (?:`\d+\.0\.0\.0\/10`, ){6}`\d+\.0\.0\.0\/10` \(0\.8 % |and `71\.0\.0\.0\/10` \(/],
    [9, /`71\.0\.0\.0\/10` and 1 more \(/],
    [20, /`71\.0\.0\.0\/10` and 12 more \(2 % of IPv4\)/],
  ] as const) {
    dir.write("b.ingress", text(n));
    const { out } = await ingresscHere(["diff", "a.ingress", "b.ingress", "--format", "markdown"], dir.path);
    assert.match(out, says);
    assert.is(out.match(/\/10`/g)?.length, 8);
  }
});

test("a report has at most 65,536 characters, whole lines, and the number of the others", async ({ dir }) => {
  // Each line has the same length, but for its owner.
  const reportOf = async (n: number, pad: number): Promise<string> => {
    const owner = (i: number): string => "o".repeat(1 + Math.floor(pad / n) + (i < pad % n ? 1 : 0));
    const nets = Array.from({ length: 8 }, (_, i) => `2001:db8:${i + 1}111:${i + 1}111:${i + 1}111:${i + 1}111::/96`).join(", ");
    const exposes = Array.from(
      { length: n },
      (_, i) => `@owner "${owner(i)}" expose e${100 + i} on tcp ${1000 + i} { backend 127.0.0.1:1 allow from ${nets} }\n`,
    );
    dir.write("a.ingress", "edition 1\n");
    dir.write("b.ingress", `edition 1\n${exposes.join("")}`);
    return (await ingresscHere(["diff", "a.ingress", "b.ingress", "--format", "markdown"], dir.path)).out;
  };
  // The last 100 are for the words about lines that are not shown; two blanks at the end are not printed.
  const most = 65_536 - 102;
  const [one, two] = [(await reportOf(1, 0)).length, (await reportOf(2, 0)).length];
  const n = Math.floor((most - one) / (two - one));
  const room = most - (await reportOf(n, 0)).length;
  assert.ok(room >= 0 && room < 20 * n, String(room));
  const whole = await reportOf(n, room);
  assert.is(whole.length, most);
  assert.not.match(whole, /lines? more/);
  const cut = await reportOf(n, room + 1);
  assert.match(cut, /\nand 1 line more \(`--json` has all of them\)\n$/);
  assert.ok(cut.length <= 65_536);
  assert.is(cut.split("\n").length, n + 2);
});

test("allows that end within 30 days are said last, and count as nothing", async ({ dir }) => {
  // It is 2026-06-01T12:00Z.
  const rows: readonly (readonly [until: string, says: RegExp | null])[] = [
    ["2026-06-01T12:00Z", null],
    ["2026-06-01T12:00:01Z", /^! an allow of web ends at 2026-06-01T12:00:01Z, in 0 days$/m],
    ["2026-07-01T12:00Z", /ends at 2026-07-01T12:00Z, in 30 days/],
    ["2026-07-01T12:00:01Z", null],
  ];
  for (const [until, says] of rows) {
    dir.write(
      "a.ingress",
      `edition 1\nexpose web on tcp 80 { backend 127.0.0.1:1 allow from 192.0.2.1 until ${until} dryrun allow from 192.0.2.2 until 2026-06-05T00:00Z }\n`,
    );
    dir.write("b.ingress", readFileSync(dir.at("a.ingress")));
    const { out, code } = await ingresscHere(["diff", "a.ingress", "b.ingress"], dir.path);
    assert.is(code, 0, out);
    if (says === null) assert.not.match(out, /ends at/);
    else assert.match(out, says);
    const markdown = (await ingresscHere(["diff", "a.ingress", "b.ingress", "--format", "markdown"], dir.path)).out;
    assert.is(/_an allow of `web` ends at/.test(markdown), says !== null);
  }
});

test("two listeners that become one: what each port admits more, and the facts that are others", async ({ dir }) => {
  dir.write(
    "a.ingress",
    "edition 1\nexpose one on tcp 80 { backend 127.0.0.1:1 allow from 192.0.2.1 }\nexpose two on tcp 81 { backend 127.0.0.1:2 allow from 192.0.2.2 }\n",
  );
  dir.write("b.ingress", "edition 1\nexpose one on tcp 80, 81 { backend 127.0.0.1:1 allow from 192.0.2.1, 192.0.2.2 }\n");
  const { changes } = await answerOf(dir);
  assert.equal(
    changes.map(({ kind, listener, fact, requests }) => `${kind} ${listener} ${fact?.what ?? (requests ?? []).flatMap(({ from }) => from).join()}`),
    ["opened one 192.0.2.2/32", "opened one 192.0.2.1/32", "changed one name", "changed one backend", "changed one service"],
  );
});

test.run();
