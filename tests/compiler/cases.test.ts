// Golden cases: each tests/cases/<topic>/<case>.ingress has a `.expected` beside it, written by
// hand, with one diagnostic a line (`CODE LINE TEXT`, in any order), and some have the exact
// rendering in `.rendered`. An empty `.expected` says that the policy is accepted.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CODES } from "../../compiler/codes.ts";
import { render } from "../../compiler/render.ts";
import { brief, filesOf, front } from "./front.ts";

const cases = suite("cases");
const root = fileURLToPath(new URL("../cases/", import.meta.url));
const read = (path: string): string => readFileSync(`${root}${path}`, "utf8");
const topics = readdirSync(root, { withFileTypes: true }).filter((d) => d.isDirectory()).map((d) => d.name);
const names = topics.flatMap((topic) =>
  readdirSync(`${root}${topic}`).filter((f) => f.endsWith(".ingress")).map((f) => `${topic}/${f.slice(0, -".ingress".length)}`));

for (const name of names) {
  const topic = name.slice(0, name.indexOf("/"));
  cases(name, () => {
    const path = `${name}.ingress`;
    const lists = Object.fromEntries(readdirSync(`${root}${topic}`).filter((f) => f.endsWith(".txt")).map((f) => [f, read(`${topic}/${f}`)]));
    const { policy, diagnostics } = front(read(path), filesOf(lists), path);
    const expected = read(`${name}.expected`).split("\n").filter((line) => line !== "");
    assert.equal(diagnostics.map((d) => brief(d, path)).sort(), [...expected].sort());
    assert.is(policy !== null, expected.length === 0);
    if (existsSync(`${root}${name}.rendered`)) {
      assert.is(`${diagnostics.map((d) => render(d, { color: false })).join("\n\n")}\n`, read(`${name}.rendered`));
    }
  });
}

cases("every fix, applied, mends its error and makes no other", () => {
  let applied = 0;
  for (const name of names) {
    const path = `${name}.ingress`;
    const text = read(path);
    const { diagnostics } = front(text, filesOf({}), path);
    const before = diagnostics.map((d) => d.code).sort();
    for (const d of diagnostics) {
      if (d.fix === null || d.fix.span.file.path !== path) continue;
      const { span: { start, end }, text: put } = d.fix;
      const after = front(`${text.slice(0, start)}${put}${text.slice(end)}`, filesOf({}), path).diagnostics.map((x) => x.code).sort();
      assert.equal([...after, d.code].sort(), before, `${name}: ${d.message} -> ${put}`);
      applied++;
    }
  }
  assert.ok(applied > 20, `only ${applied} fixes`);
});

cases("there are as many as a release needs", () => {
  assert.ok(names.length >= 40, `only ${names.length} cases`);
  assert.ok(names.filter((n) => read(`${n}.expected`) !== "").length >= 30);
});

/** What a case can't hold for its size; bounds.test.ts and services.test.ts have them. */
const ELSEWHERE = ["ING209", "ING601", "ING602", "ING603", "ING604", "ING605", "ING606", "ING607"];

cases("every code stands in a case", () => {
  const seen = new Set(names.flatMap((n) => read(`${n}.expected`).match(/^ING\d+/gm) ?? []));
  assert.equal(Object.keys(CODES).filter((code) => !seen.has(code) && !ELSEWHERE.includes(code)), []);
});

cases.run();
