// Golden cases: each tests/cases/<topic>/<case>.ingress has a `.expected` beside it, written by
// hand, with one diagnostic a line (`CODE LINE TEXT`, in any order), and some have the exact
// rendering in `.rendered`. The imports of a case are in a folder beside it. An empty `.expected`
// says that the policy is accepted. Those in profile_os/ are built for the profile `os`.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CODES, isDiagnosticCode, isWarning } from "../../compiler/diagnostics/codes.ts";
import type { Profile } from "../../runtime/abi/profiles.ts";
import { render } from "../../compiler/diagnostics/render.ts";
import { brief, filesOf, front } from "./front.ts";
import { CODES_WITHOUT_CASE } from "./codes_without_case.ts";

const cases = suite("cases");
const root = fileURLToPath(new URL("../cases/", import.meta.url));
const read = (path: string): string => readFileSync(`${root}${path}`, "utf8");
const topics = readdirSync(root, { withFileTypes: true })
  .filter((d) => d.isDirectory())
  .map((d) => d.name);
const names = topics.flatMap((topic) =>
  readdirSync(`${root}${topic}`)
    .filter((f) => f.endsWith(".ingress"))
    .map((f) => `${topic}/${f.slice(0, -".ingress".length)}`),
);

/** Everything under tests/cases, by its path from there: what imports and list files name. */
const everything = Object.fromEntries(
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((d) => d.isFile() && /\.(ingress|txt)$/.test(d.name))
    .map((d) => {
      const path = `${relative(root, d.parentPath)}/${d.name}`;
      return [path, read(path)];
    }),
);
const files = filesOf(everything);

const profileOf = (name: string): Profile => (name.startsWith("profile_os/") ? "os" : "host");

for (const name of names) {
  cases(name, () => {
    const path = `${name}.ingress`;
    const { policy, diagnostics } = front(read(path), files, path, profileOf(name));
    const expected = read(`${name}.expected`)
      .split("\n")
      .filter((line) => line !== "");
    const folder = name.slice(0, name.indexOf("/") + 1);
    assert.equal(diagnostics.map((d) => brief(d, path).replace(` ${folder}`, " ")).sort(), [...expected].sort());
    // A policy that only uses a clause of another profile is a policy all the same.
    assert.is(
      policy !== null,
      expected.every((line) => /^ING8[01]/.test(line)),
    );
    if (existsSync(`${root}${name}.rendered`)) {
      assert.is(`${diagnostics.map((d) => render(d, { color: false })).join("\n\n")}\n`, read(`${name}.rendered`));
    }
  });
}

cases("every fix removes its error, and its text has no new error", () => {
  let applied = 0;
  for (const name of names) {
    const path = `${name}.ingress`;
    const text = read(path);
    const { diagnostics } = front(text, files, path, profileOf(name));
    for (const d of diagnostics) {
      if (d.fix === null || d.fix.span.file.path !== path) continue;
      const {
        span: { start, end },
        text: put,
      } = d.fix;
      const after = front(`${text.slice(0, start)}${put}${text.slice(end)}`, files, path, profileOf(name)).diagnostics;
      const grown = put.length - (end - start);
      const moved = d.span.start >= end ? d.span.start + grown : d.span.start;
      const left = after.filter((x) => x.code === d.code && x.message === d.message && x.span.start === moved);
      // In other places it may uncover what could not be checked before.
      const made = after
        .filter(({ span }) => span.file.path === path && span.start < start + put.length && span.end > start)
        .filter((x) => !diagnostics.some((b) => b.code === x.code && b.message === x.message));
      assert.equal(
        [...left, ...made].map((x) => brief(x, path)),
        [],
        `${name}: ${d.message} -> ${put}`,
      );
      applied++;
    }
  }
  assert.ok(applied > 80, `only ${applied} fixes`);
});

cases("there are as many as a release needs", () => {
  assert.ok(names.filter((n) => n.startsWith("broken/") && read(`${n}.expected`) !== "").length >= 50);
  assert.ok(names.filter((n) => read(`${n}.expected`) !== "").length >= 80);
});

cases("every code has a case", () => {
  const without = new Set<string>(CODES_WITHOUT_CASE);
  const seen = new Set(names.flatMap((n) => read(`${n}.expected`).match(/^ING\d+/gm) ?? []));
  assert.equal(
    // tests/analysis/lint.test.ts has the warnings.
    Object.keys(CODES).filter((code) => !seen.has(code) && !without.has(code) && !(isDiagnosticCode(code) && isWarning(code))),
    [],
  );
});

cases.run();
