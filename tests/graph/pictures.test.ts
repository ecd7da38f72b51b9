// The matrix as a picture and as a table: the same bytes as in pictures/ (UPDATE=1 writes them), well-formed, with nothing that runs or is
// loaded, whatever texts a policy has; and all of it in a browser, from a bundle without Node.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createContext, runInContext } from "node:vm";
import { build } from "esbuild";
import * as assert from "uvu/assert";
import { compile } from "../../compiler/compile.ts";
import { modelOf, SharedSets } from "../../compiler/analysis/model.ts";
import { REFUSED, type Admission } from "../../compiler/graph/admissions.ts";
import { matrixOf, type Matrix, type MatrixCell, type MatrixSide } from "../../compiler/graph/matrix.ts";
import { matrixSvg } from "../../compiler/graph/svg.ts";
import { letterOf, matrixTable } from "../../compiler/graph/table.ts";
import { namedNets } from "../../compiler/wording/named_nets.ts";
import { ENTRY, readerOf } from "../oracle/ask.ts";
import { suite } from "../suite.ts";

const test = suite("graph: pictures");
const PICTURES = fileURLToPath(new URL("pictures/", import.meta.url));

function sideOf(text: string, shared: SharedSets, files: Readonly<Record<string, string>> = {}): MatrixSide {
  const { module, policy, diagnostics } = compile({ path: ENTRY, text }, readerOf(new Map(Object.entries(files))));
  if (module === null || policy === null) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  const model = modelOf(module, shared);
  if (!model.ok) throw new Error(model.error);
  return { model: model.value, nets: namedNets(policy) };
}

function drawn(before: string | null, after: string, bounds = {}): Matrix {
  const shared = new SharedSets();
  const made = matrixOf(before === null ? null : sideOf(before, shared), sideOf(after, shared), bounds);
  if (!made.ok) throw new Error(made.error);
  return made.value;
}

const SITE = `edition 1
net office = 198.51.100.0/24, 2001:db8:1::/48
net guests = 198.51.100.224/27
net vpn = 10.8.0.0/16
net monitoring = 10.20.0.0/24
net scanners = 203.0.113.128/25, 192.0.2.66
deny from scanners
expose shop on tcp 443 for "shop.example.com", "*.shop.example.com" as passthrough {
  backend 127.0.0.1:7443
  limit 100/s per source from any except monitoring
  allow from any
}
expose staff on tcp 443 for "staff.example.com" as mtls {
  backend 127.0.0.1:7444
  cert "staff" ca "corp"
  allow from office client uri "spiffe://corp.example/staff/*"
  allow from vpn
}
expose ssh on tcp 2222 bind private {
  backend 127.0.0.1:22
  cap 100 connections, 4 per source
  allow from vpn, office except guests
  allow from 203.0.113.0/28 until 2027-03-01T00:00Z
}
expose metrics on tcp 9100 { backend 127.0.0.1:9101 allow from monitoring }
`;

const WIDER = SITE.replace("10.8.0.0/16", "10.0.0.0/8")
  .replace("deny from scanners\n", "deny from scanners\ndeny on tcp 443 from guests\n")
  .replace("expose metrics on tcp 9100", "expose metering on tcp 9100")
  .concat("expose debug on tcp 9000 { backend 127.0.0.1:9001 allow from any }\n");

const GOLDEN: readonly (readonly [file: string, title: string, matrix: () => Matrix])[] = [
  ["site", "site.ingress", () => drawn(null, SITE)],
  ["change", "main:site.ingress → site.ingress", () => drawn(SITE, WIDER)],
  ["few_columns", "site.ingress", () => drawn(null, SITE, { columns: 4, rows: 3 })],
  ["nothing", "empty.ingress", () => drawn(null, "edition 1\n")],
];

for (const [file, title, matrix] of GOLDEN) {
  test(`${file}: the picture and the table are those of pictures/`, () => {
    const found = matrix();
    for (const [name, text] of [
      [`${file}.svg`, matrixSvg(found, title)],
      [`${file}.txt`, `${matrixTable(found, title)}\n`],
    ] as const) {
      if (process.env["UPDATE"] === "1") writeFileSync(`${PICTURES}${name}`, text);
      assert.is(text, readFileSync(`${PICTURES}${name}`, "utf8"), name);
    }
    assert.is(matrixSvg(matrix(), title), matrixSvg(found, title));
    assertPlain(matrixSvg(found, title));
  });
}

/** Well-formed, and nothing in it runs, is loaded or leads to another place. */
function assertPlain(svg: string): void {
  const open: string[] = [];
  const body = svg.replace(/<style>[^<]*<\/style>/, "");
  for (const [tag, end, name = "", attributes = "", alone] of body.matchAll(/<(\/?)([a-z]+)((?: [a-z][\w-]*="[^"<]*")*)(\/?)>/g)) {
    assert.ok(["svg", "title", "desc", "rect", "g", "text", "line", "circle", "path"].includes(name), tag);
    assert.not.match(attributes, / (?:on\w+|href|src|style)=/, tag);
    if (end === "/") assert.is(open.pop(), name);
    else if (alone === "") open.push(name);
  }
  assert.equal(open, []);
  const texts = body.replace(/<\/?[a-z]+(?: [a-z][\w-]*="[^"<]*")*\/?>/g, "");
  assert.not.match(texts, /[<>]|&(?!(?:amp|lt|gt|quot|#39);)/);
  // eslint-disable-next-line no-control-regex -- control characters are what no XML can have
  assert.not.match(svg, /[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff]/);
  assert.is(svg.split("http").length, 2, "the name space alone");
  assert.not.match(svg, /url\(|@import|@font-face|<script|<image|<foreignObject/);
  assert.match(svg, /^<svg [^>]*role="img">\n<title>[^<]+<\/title>\n<desc>[^<]+<\/desc>\n/);
}

const HOSTILE = [
  "</text><script>alert(1)</script>",
  '"onload="alert(1)',
  "<image href='http://x.example/'/>",
  "a&b &lt; &#0;",
  "]]><!--",
  "\u0000\u0007\u001b[31m\u202e\u2028\ufffe",
  "\ud800 half",
  "漢字".repeat(40),
  "x".repeat(10_000),
];

test("whatever the texts of a matrix are, the picture is well-formed and plain", () => {
  for (const text of HOSTILE) {
    const says = `with ${text}`;
    const admission: Admission = { verdict: "conditional", conditions: ["name"], says, limited: true };
    const cell: MatrixCell = { before: REFUSED, after: admission, opens: true, closes: true, example: text };
    const matrix: Matrix = {
      isDifference: true,
      nodes: 1,
      moreRows: 1,
      columns: [{ label: text, size: text, within: text, set: { bounds: new Uint32Array(0) }, ranges: 1 }],
      rows: [{ listener: text, was: text, place: text, places: [], names: text, change: "new", cells: [cell] }],
    };
    assertPlain(matrixSvg(matrix, text).replaceAll("http:", "h:").replace('xmlns="h:', 'xmlns="http:'));
  }
});

test("rows are as many as the bound, changed ones first, and the others are counted", () => {
  const many = (n: number): string =>
    `edition 1\n${Array.from({ length: n }, (_, i) => `expose e${i} on tcp ${1000 + i} { backend 127.0.0.1:1 allow from 10.0.0.0/8 }\n`).join("")}`;
  for (const [n, most, shown] of [
    [3, 3, 3],
    [4, 3, 3],
    [101, undefined, 100],
    [100, undefined, 100],
  ] as const) {
    const { rows, moreRows } = drawn(null, many(n), most === undefined ? {} : { rows: most });
    assert.equal([rows.length, moreRows], [shown, n - shown]);
  }
  const last = many(9).replace(/10\.0\.0\.0\/8 \}\n$/, "10.0.0.0/9 }\n");
  assert.equal(
    drawn(many(9), last, { rows: 2 }).rows.map(({ listener }) => listener),
    ["e0", "e8"],
  );
});

test("columns are at least two, and a bound of one more shows one range more", () => {
  const policy = `edition 1\n${Array.from({ length: 5 }, (_, i) => `expose e${i} on tcp ${1000 + i} { backend 127.0.0.1:1 allow from 10.${i}.0.0/16 }\n`).join("")}`;
  for (const [most, labels] of [
    [1, 2],
    [2, 2],
    [5, 5],
    [6, 6],
    [7, 6],
  ] as const) {
    const { columns } = drawn(null, policy, { columns: most });
    assert.is(columns.length, labels);
    assert.is(columns.at(-1)?.ranges, 7 - labels);
  }
});

test("past the budget of nodes nothing is drawn, and within it the number never varies", () => {
  const shared = new SharedSets();
  const side = sideOf(SITE, shared);
  const made = matrixOf(null, side);
  if (!made.ok) throw new Error(made.error);
  const { nodes } = made.value;
  assert.ok(nodes > 100);
  assert.is(matrixOf(null, side, { nodes }).ok, true);
  assert.equal(matrixOf(null, side, { nodes: nodes - 1 }), { ok: false, error: "not_proven" });
});

test("columns of a table are called by letters", () => {
  assert.equal([0, 1, 25, 26, 27, 51, 52, 701, 702].map(letterOf), ["A", "B", "Z", "AA", "AB", "AZ", "BA", "ZZ", "AAA"]);
});

const PAGE = `
import { compile } from "./compiler/compile.ts";
import { modelOf, SharedSets } from "./compiler/analysis/model.ts";
import { matrixOf } from "./compiler/graph/matrix.ts";
import { matrixSvg } from "./compiler/graph/svg.ts";
import { matrixTable } from "./compiler/graph/table.ts";
import { namedNets } from "./compiler/wording/named_nets.ts";
const shared = new SharedSets();
const sides = texts.map((text) => {
  const { module, policy } = compile({ path: "policy.ingress", text }, { read: () => ({ ok: false, error: "missing" }) });
  return { model: modelOf(module, shared).value, nets: namedNets(policy) };
});
const matrix = matrixOf(sides[0], sides[1]).value;
globalThis.seen = [matrixSvg(matrix, title), matrixTable(matrix, title)];
`;

test("everything bundles for a browser, and draws the same where nothing of Node is", async () => {
  const { outputFiles, metafile } = await build({
    stdin: { contents: PAGE, resolveDir: fileURLToPath(new URL("../../", import.meta.url)), loader: "ts" },
    bundle: true,
    write: false,
    platform: "browser",
    format: "iife",
    metafile: true,
    logLevel: "silent",
  });
  assert.equal(
    Object.values(metafile.inputs)
      .flatMap(({ imports }) => imports)
      .filter(({ external }) => external === true),
    [],
  );
  const title = "main:site.ingress → site.ingress";
  const realm = createContext({ WebAssembly, TextEncoder, TextDecoder, atob, btoa, texts: [SITE, WIDER], title });
  runInContext(outputFiles[0]?.text ?? "", realm);
  const matrix = drawn(SITE, WIDER);
  assert.equal([...(realm["seen"] as readonly string[])], [matrixSvg(matrix, title), matrixTable(matrix, title)]);
});

test.run();
