// ingressc graph for programs: every answer has the form of its schema, and the schema refuses what is no answer.
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import * as assert from "uvu/assert";
import { suite } from "../suite.ts";
import { envelope, folder, ingresscHere, type Folder } from "./programs.ts";

const test = suite<{ dir: Folder }>("graph: json");
test.before((context) => {
  context.dir = folder();
});
test.after(({ dir }) => dir.remove());

const schema = JSON.parse(readFileSync(new URL("../../schemas/answers/graph.schema.json", import.meta.url), "utf8")) as object;
const isAnswer = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true }).compile(schema);

interface Cell {
  readonly after: { readonly verdict: string; readonly conditions: readonly string[]; readonly limited: boolean };
  readonly opens: boolean;
  readonly closes: boolean;
}

interface Answer {
  readonly proven: boolean;
  readonly difference: boolean;
  readonly opens: number;
  readonly closes: number;
  readonly columns: readonly { readonly label: string; readonly ranges: number; readonly from: readonly string[]; readonly moreFrom: number }[];
  readonly rows: readonly { readonly listener: string; readonly was: string | null; readonly change: string | null; readonly cells: readonly Cell[] }[];
  readonly moreRows: number;
  readonly unverified: boolean;
}

/** The document, which has to have the form of the schema and to be the data of the envelope. */
async function answerOf(dir: Folder, ...files: readonly string[]): Promise<Answer> {
  const { out, err, code } = await ingresscHere(["graph", ...files, "--format", "json"], dir.path);
  assert.equal([code, err], [0, ""]);
  assert.ok(out.endsWith("}\n") && !out.slice(0, -1).includes("\n"), out);
  const answer = JSON.parse(out) as Answer;
  assert.ok(isAnswer(answer), JSON.stringify(isAnswer.errors));
  assert.equal(envelope(await ingresscHere(["graph", ...files, "--json"], dir.path))["data"], answer);
  for (const { cells } of answer.rows) assert.is(cells.length, answer.columns.length);
  const cells = answer.rows.flatMap((row) => row.cells);
  assert.equal([answer.opens, answer.closes], [cells.filter(({ opens }) => opens).length, cells.filter(({ closes }) => closes).length]);
  return answer;
}

const BEFORE = `edition 1
net office = 198.51.100.0/24, 2001:db8:1::/48
expose shop on tcp 443 for "shop.example.com" as passthrough { backend 127.0.0.1:7443 limit 100/s per source allow from any }
expose staff on tcp 443 for "staff.example.com" as mtls {
  backend 127.0.0.1:7444
  cert "staff" ca "corp"
  allow from office client uri "spiffe://corp.example/staff/*"
}
expose ssh on tcp 2222 bind private { backend 127.0.0.1:22 allow from office until 2027-03-01T00:00Z }
expose old on udp 53 { backend 127.0.0.1:5300 amplify 30 allow from 10.0.0.0/8 }
`;
const AFTER = `${BEFORE.replace("expose ssh", "expose shell")
  .replace(/^expose old.*\n/m, "")
  .replace("198.51.100.0/24,", "198.51.100.0/25,")}expose new on tcp 8000-8010 { backend 127.0.0.1:81 allow from 192.0.2.0/28 }
`;
/** More columns and rows than a matrix has. */
const MANY = `edition 1\n${Array.from({ length: 101 }, (_, i) => `expose e${i} on tcp ${1000 + i} { backend 127.0.0.1:80 allow from 10.0.${i}.0/24 }\n`).join("")}`;

test("one policy, a change and its reverse have the form of the schema", async ({ dir }) => {
  dir.write("a.ingress", BEFORE);
  dir.write("b.ingress", AFTER);
  const one = await answerOf(dir, "a.ingress");
  assert.equal([one.difference, one.opens, one.closes, one.unverified], [false, 0, 0, false]);
  const verdicts = new Set(one.rows.flatMap(({ cells }) => cells.map(({ after }) => after.verdict)));
  assert.equal([...verdicts].sort(), ["admitted", "conditional", "refused"]);
  const conditions = new Set(one.rows.flatMap(({ cells }) => cells.flatMap(({ after }) => after.conditions)));
  assert.equal([...conditions].sort(), ["certificate", "time"]);
  assert.ok(one.rows.some(({ cells }) => cells.some(({ after }) => after.limited)));
  const change = await answerOf(dir, "a.ingress", "b.ingress");
  assert.equal(
    [change.difference, change.rows.map(({ listener, was, change: made }) => [listener, was, made])],
    [
      true,
      [
        ["shop", null, null],
        ["staff", null, null],
        ["shell", "ssh", null],
        ["new", null, "new"],
        ["old", null, "gone"],
      ],
    ],
  );
  assert.ok(change.opens > 0 && change.closes > 0);
  const back = await answerOf(dir, "b.ingress", "a.ingress");
  assert.equal([back.opens, back.closes], [change.closes, change.opens]);
});

test("the bounds of a matrix, a policy that exposes nothing, and a module have the form of the schema", async ({ dir }) => {
  dir.write("many.ingress", MANY);
  dir.write("none.ingress", "edition 1\n");
  const many = await answerOf(dir, "many.ingress");
  assert.equal([many.columns.length, many.rows.length, many.moreRows], [12, 100, 1]);
  assert.ok(many.rows.some(({ cells }) => cells.some(({ after }) => after.verdict === "partly")));
  assert.is(many.columns.at(-1)?.ranges, 90);
  const none = await answerOf(dir, "none.ingress");
  assert.equal([none.columns.length, none.rows.length], [1, 0]);
  assert.is((await ingresscHere(["build", "none.ingress", "-o", "none.wasm"], dir.path)).code, 0);
  assert.is((await answerOf(dir, "none.wasm")).unverified, true);
});

test("the envelope of a written picture and that of a matrix that is not proven have the form of the schema", async ({ dir }) => {
  dir.write("a.ingress", BEFORE);
  const written = envelope(await ingresscHere(["graph", "a.ingress", "-o", "a.svg", "--json"], dir.path))["data"];
  assert.ok(isAnswer(written), JSON.stringify(isAnswer.errors));
  assert.is((written as { readonly out: string }).out, "a.svg");
  const short = await ingresscHere(["graph", "a.ingress", "--nodes", "1", "--json"], dir.path);
  assert.is(short.code, 1);
  assert.equal(envelope(short)["data"], { proven: false, nodes: 1 });
  assert.ok(isAnswer(envelope(short)["data"]), JSON.stringify(isAnswer.errors));
});

test("the schema refuses what is no answer", async ({ dir }) => {
  dir.write("a.ingress", BEFORE);
  const answer = JSON.stringify(await answerOf(dir, "a.ingress"));
  for (const [found, other] of [
    ['"proven":true', '"proven":false'],
    ['"moreRows":0', '"moreRows":-1'],
    ['"verdict":"admitted"', '"verdict":"refused","also":1'],
    ['"verdict":"admitted","conditions":[]', '"verdict":"admitted","conditions":["name"]'],
    ['"verdict":"conditional"', '"verdict":"admitted"'],
    ['"conditions":["certificate"]', '"conditions":["source"]'],
    ['"before":null,', ""],
    ['"change":null', '"change":"moved"'],
    ['"proto":"tcp"', '"proto":"sctp"'],
    ['"ranges":1', '"ranges":0'],
  ] as const) {
    assert.ok(answer.includes(found), found);
    assert.not.ok(isAnswer(JSON.parse(answer.replace(found, other))), `${found} as ${other}`);
  }
});

test.run();
