// The files for Vim in Debian's Vim without a terminal: the syntax group of every word of every policy against what the
// compiler reads, words that only look like others, that indenting a formatted policy anew changes nothing, and `:make`.
import { spawnSync } from "node:child_process";
import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { PROJECT } from "../package/packed.ts";
import { ownFolder, stallsAfter, suite } from "../suite.ts";
import { POLICIES, read, type Kind } from "./policies.ts";

const test = suite("Vim");
const SCRIPT = fileURLToPath(new URL("vim_groups.vim", import.meta.url));
const PLUGIN = fileURLToPath(new URL("../../docs/editors/vim", import.meta.url));

interface Answer {
  readonly filetype: string;
  readonly groups: readonly string[];
  readonly linked: readonly string[];
  readonly commentstring: string;
  readonly indented?: readonly string[];
  readonly errors?: readonly (readonly unknown[])[];
}

interface Job {
  readonly text: string;
  /** Offsets in UTF-16 units. */
  readonly places: readonly number[];
  readonly indent?: boolean;
  readonly make?: boolean;
}

/** From 1; Vim's columns count bytes. */
function place(text: string, offset: number): readonly [line: number, column: number] {
  const before = text.slice(0, offset).split("\n");
  return [before.length, Buffer.byteLength(before.at(-1) ?? "") + 1];
}

function vim(jobs: readonly Job[]): readonly Answer[] {
  const folder = ownFolder("ingressd-vim-");
  const written = jobs.map(({ text, places, indent = false, make = false }, i) => {
    const file = join(folder, `${i}.ingress`);
    writeFileSync(file, text);
    return { file, places: places.map((offset) => place(text, offset)), indent, make };
  });
  const [job, answer] = [join(folder, "job.json"), join(folder, "answer.json")];
  writeFileSync(job, JSON.stringify(written));
  // The program of this checkout.
  symlinkSync(join(PROJECT, "compiler/cli/ingressc.mjs"), join(folder, "ingressc"));
  const env = { ...process.env, HOME: folder, PLUGIN, JOB: job, ANSWER: answer, PATH: `${folder}:${dirname(process.execPath)}:${process.env["PATH"] ?? ""}` };
  const { status, stdout, stderr, error } = spawnSync("vim", ["-Nu", "NONE", "-i", "NONE", "-n", "-es", "-S", SCRIPT], {
    encoding: "utf8",
    env,
    timeout: 120_000,
    input: "",
  });
  if (error !== undefined) throw error;
  assert.is(status, 0, stdout + stderr);
  return JSON.parse(readFileSync(answer, "utf8")) as readonly Answer[];
}

const GROUPS: Readonly<Record<Kind, readonly string[]>> = {
  keyword: ["ingressStatement", "ingressClause", "ingressKeyword", "ingressVerdict", "ingressProto"],
  text: ["ingressText"],
  comment: ["ingressComment"],
  number: ["ingressNumber"],
  address: ["ingressAddress"],
  parameter: ["ingressParam", "ingressSet", "ingressDeclared", "ingressLabel", "ingressTarget"],
};

/** The first place of each word, behind a blank or a bracket, and its group without `ingress`. */
const ROWS: readonly (readonly [text: string, groups: Readonly<Record<string, string>>])[] = [
  ["net from = any", { net: "Statement", from: "Set", any: "Net" }],
  ["net\n  from\n  = any", { from: "Set" }],
  ["net a = to\nnet b = named\nexpose c", { to: "Keyword", b: "Set", expose: "Statement", c: "Declared" }],
  ["net a = fe80::1%eth0", { "fe80::1%eth0": "Address" }],
  ["net web-net = net.web", { "web-net": "Set", "net.web": "Name" }],
  ["ports 64 rules 5", { ports: "Statement", "64": "Number", rules: "Keyword" }],
  ['hosts h = "# no comment" # "no text"', { '"# no comment"': "Text", '# "no text"': "Comment" }],
  ['test "open {', { '"open {': "Unclosed" }],
  ["expose to on tcp 443 as tcp {", { to: "Declared", on: "Keyword", tcp: "Keyword", as: "Keyword" }],
  ["expose web on tcp 443 as mtls {", { mtls: "Mode", "443": "Number" }],
  ["net a = 10.0.0.0/8, 2001:db8::/32", { "10.0.0.0/8": "Address", "2001:db8::/32": "Address" }],
  ["backend 127.0.0.1:80, [::1]:80", { "127.0.0.1:80": "Address", "[::1]:80": "Address" }],
  ["net a = 10.0.0, 1.2.3.4.5", { "10.0.0": "Literal", "1.2.3.4.5": "Literal" }],
  ["from 10.0.0.1 to udp 53", { from: "Keyword", to: "Keyword", udp: "Proto" }],
  ["from 10.0.0.1 to from => deny sni", { from: "Keyword", "=>": "Arrow", deny: "Verdict", sni: "Reason" }],
  ["deny sni site", { deny: "Clause", sni: "Keyword", site: "Name" }],
  ["limit 6/30s burst 10 per source /24 /48", { "6/30s": "Number", "/24": "Number", "/48": "Number", per: "Keyword" }],
  ["repeat 5 in 10s closing", { in: "Keyword", "10s": "Number", closing: "Keyword" }],
  ["allow until 2027-03-01T00:00Z", { until: "Keyword", "2027-03-01T00:00Z": "Time" }],
  ['@lint off ING823 "x"', { "@lint": "Annotation", off: "Annotation", ING823: "Annotation", '"x"': "Text" }],
  ["template t($a) {", { t: "Declared", $a: "Param" }],
  ["use nets.team(1)", { "nets.team": "Declared", "1": "Number" }],
  ["exposed allow-from from.allow ALLOW", { exposed: "Name", "allow-from": "Name", "from.allow": "Name", ALLOW: "Name" }],
];

test("every word of every policy is in a group of its kind", () => {
  stallsAfter(120_000);
  const whole = POLICIES.map((p) => ({ ...p, ...read(p.text) })).filter((p) => p.whole);
  const answers = vim(whole.map(({ text, pieces }) => ({ text, places: pieces.flatMap(({ start, end }) => [start, end - 1]) })));
  const counts = new Map<Kind, number>();
  const wrong = whole.flatMap(({ path, text, pieces }, i) =>
    pieces.flatMap(({ kind, start, end }, n) => {
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
      const found = answers[i]?.groups.slice(2 * n, 2 * n + 2) ?? [];
      const isRight = found.length === 2 && found.every((group) => GROUPS[kind].includes(group));
      return isRight ? [] : [`${path}:${place(text, start).join(":")} ${text.slice(start, end)}: ${kind} is in ${found.join(" and ")}`];
    }),
  );
  assert.equal(wrong, []);
  assert.equal([...new Set(answers.map((a) => a.filetype))], ["ingress"]);
  console.log([...counts].map(([kind, n]) => `${n} ${kind}`).join(", "));
  for (const kind of Object.keys(GROUPS) as Kind[]) assert.ok((counts.get(kind) ?? 0) >= 10, `only ${counts.get(kind) ?? 0} of ${kind}`);
});

test("words that only look like others", () => {
  const placed = ROWS.map(([text, groups]) => ({
    text: `${text}\n`,
    expected: Object.entries(groups).map(([word, group]) => {
      const at = ` ${text}`.search(new RegExp(`(?<=[\\s(])${word.replace(/[$.*+?^{}()|[\]\\/]/g, "\\$&")}(?![\\w.-])`)) - 1;
      assert.ok(at >= 0, `${word} of ${text}`);
      return { word, at, group: `ingress${group}` };
    }),
  }));
  const answers = vim(placed.map(({ text, expected }) => ({ text, places: expected.map(({ at }) => at) })));
  assert.equal(
    answers.map(({ groups }, i) => placed[i]?.expected.map(({ word }, n) => `${word}: ${groups[n] ?? ""}`)),
    placed.map(({ expected }) => expected.map(({ word, group }) => `${word}: ${group}`)),
  );
  // Every group has a colour.
  assert.equal(
    answers.flatMap(({ linked }) => linked).filter((group) => group.startsWith("ingress") && group !== "ingressName"),
    [],
  );
});

test("indenting a formatted policy anew changes nothing", () => {
  const formatted = POLICIES.filter(({ path }) => path.startsWith("policies/"));
  assert.ok(formatted.length > 20);
  const answers = vim(formatted.map(({ text }) => ({ text, places: [], indent: true })));
  for (const [i, { path, text }] of formatted.entries()) assert.fixture(`${answers[i]?.indented?.join("\n") ?? ""}\n`, text, path);
});

test("the rest of a block is indented by two blanks a level, whatever it was", () => {
  const ragged = 'edition 1\n# {\nexpose web on tcp 443 {\nbackend 127.0.0.1:80\n     test "{" {\n}\n}\nnet a = any\nuse t(\n1\n)\n';
  const [answer] = vim([{ text: ragged, places: [], indent: true }]);
  assert.equal(answer?.indented, [
    "edition 1",
    "# {",
    "expose web on tcp 443 {",
    "  backend 127.0.0.1:80",
    '  test "{" {',
    "  }",
    "}",
    "net a = any",
    "use t(",
    "  1",
    ")",
  ]);
  assert.is(answer?.commentstring, "# %s");
});

test("`:make` lists each error and warning at its place", () => {
  const [broken, warned, whole] = vim([
    { text: "edition 1\nnet a = 10.0.0.0/33\nnet b = nowhere\n", places: [], make: true },
    { text: 'edition 1\nnet a = 10.0.0.0/8\n@why "x" expose web on tcp 443 {\n  backend 127.0.0.1:80\n  allow from any\n}\n', places: [], make: true },
    { text: "edition 1\n", places: [], make: true },
  ]);
  assert.equal(
    broken?.errors?.map((error) => error.slice(0, 5)),
    [
      ["E", 304, "0.ingress", 2, 9],
      ["E", 201, "0.ingress", 3, 9],
    ],
  );
  assert.equal(
    warned?.errors?.map((error) => error.slice(0, 5)),
    [
      ["W", 828, "1.ingress", 2, 5],
      ["W", 833, "1.ingress", 3, 10],
    ],
  );
  assert.equal(whole?.errors, []);
});

test.run();
