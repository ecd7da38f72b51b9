// docs/equations.md: each phase has a section, each line names tests that there
// are, and each table of tests/semantics is named by a line.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const test = suite("equations");
const root = new URL("../../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), "utf8");
const document = read("docs/equations.md");

/** A line of a page: its number, and the tests that it names; a case of tests/cases has no title. */
interface Line {
  readonly number: string;
  readonly tests: readonly Named[];
}

interface Named {
  readonly path: string;
  readonly title: string | null;
}

interface Page {
  readonly heading: string;
  readonly intro: string;
  readonly lines: readonly Line[];
}

const flat = (text: string): string => text.replace(/\s+/g, " ").trim();

function testsOf(text: string): readonly Named[] {
  const citations = text.split(" Tested by ")[1] ?? "";
  return [...citations.matchAll(/`(tests\/[^`]+)`((?:(?:: |, )"[^"]+")*)/g)].flatMap(([, path = "", titles = ""]) => {
    const found = [...titles.matchAll(/"([^"]+)"/g)].map(([, title = ""]): Named => ({ path, title }));
    return found.length === 0 ? [{ path, title: null }] : found;
  });
}

function pagesOf(equations: string): readonly Page[] {
  return equations
    .split(/\n## /)
    .slice(1)
    .map((page) => {
      const [head = "", ...items] = page.split(/\n- \*\*/);
      const [heading = "", ...intro] = head.split("\n");
      const lines = items.map((item): Line => {
        const text = flat(item);
        return { number: /^[R0-9.]+(?=\*\*)/.exec(text)?.[0] ?? "", tests: testsOf(text) };
      });
      return { heading, intro: flat(intro.join(" ")), lines };
    });
}

/** The faults of the pages, in words. */
function faults(pages: readonly Page[]): readonly string[] {
  return pages.flatMap(({ heading, lines }) => [
    ...(lines.length === 0 ? [`${heading}: no line`] : []),
    ...lines.flatMap(({ number, tests }, i) => [
      ...(number.endsWith(`.${i + 1}`) ? [] : [`${heading}: line ${i + 1} is numbered ${number}`]),
      ...(tests.length === 0 ? [`${number}: no test`] : []),
      ...tests.flatMap(({ path, title }) => missing(path, title).map((what) => `${number}: ${what}`)),
    ]),
  ]);
}

function missing(path: string, title: string | null): readonly string[] {
  if (title === null) return path.startsWith("tests/cases/") && existsSync(new URL(`${path}.expected`, root)) ? [] : [`${path} is no case`];
  if (!path.endsWith(".test.ts") || !existsSync(new URL(path, root))) return [`${path} is no file of tests`];
  return titlesOf(read(path)).includes(title) ? [] : [`${path} has no test "${title}"`];
}

/** Titles that a file has literally: of a test that is registered, also behind the name of its forwarder, or of a row of a table. */
function titlesOf(text: string): readonly string[] {
  return [...text.matchAll(/(?:^\s*\w+\(|^\s*title: )"([^"\n]+)"|^\s*test\(`\$\{title\}: ([^`$\n]+)`/gm)].map(([, title, behind]) => title ?? behind ?? "");
}

const pages = pagesOf(document);

test("rules and phases 0 to 4 have a page each", () => {
  assert.equal(
    pages.map((p) => p.heading),
    ["Rules", "Phase 0: bind", "Phase 1: accept", "Phase 2: hello", "Phase 3: identity", "Phase 4: caps and limits of an identity"],
  );
  assert.equal(
    pages.map((p) => p.lines[0]?.number),
    ["R.1", "0.1", "1.1", "2.1", "3.1", "4.1"],
  );
});

test("every line names a test, and every test that is named is there", () => {
  assert.equal(faults(pages), []);
  assert.ok(pages.reduce((sum, p) => sum + p.lines.length, 0) >= 40);
});

test("every table of tests/semantics is named by a line", () => {
  const named = new Set(pages.flatMap((p) => p.lines.flatMap((l) => l.tests.map((t) => `${t.path}: ${t.title ?? ""}`))));
  const folder = "tests/semantics/";
  const all = readdirSync(new URL(folder, root))
    .filter((f) => f.endsWith(".test.ts") && f !== "errors.test.ts")
    .flatMap((file) => titlesOf(read(folder + file)).map((title) => `${folder}${file}: ${title}`));
  assert.ok(all.length >= 40, `only ${all.length}`);
  assert.equal(
    all.filter((title) => !named.has(title)),
    [],
  );
});

test("a line without a test, a title that is none and a page that is missing are noticed", () => {
  const rows: readonly (readonly [from: string | RegExp, to: string, fault: RegExp])[] = [
    ['  Tested by `tests/semantics/phases.test.ts`: "bind: a loopback address is everybody\'s, exposed or not".\n', "", /no test/],
    ['"permitted: a rule matches when all its clauses do"', '"permitted: a rule matches when all its clause do"', /has no test "permitted: a rule/],
    ["`tests/engine/state.test.ts`", "`tests/engine/states.test.ts`", /states.test.ts is no file of tests/],
    ["`tests/cases/modes/ids`", "`tests/cases/modes/idz`", /idz is no case/],
    ["- **1.4** ", "- **1.5** ", /line 4 is numbered 1.5/],
  ];
  for (const [from, to, fault] of rows) {
    const changed = document.replace(from, to);
    assert.is.not(changed, document, String(from));
    assert.ok(
      faults(pagesOf(changed)).some((f) => fault.test(f)),
      String(fault),
    );
  }
  assert.is.not(pagesOf(document.replace("\n## Phase 2: hello\n", "\n")).length, pages.length);
});

test.run();
