// All pages together: links and their anchors lead somewhere, the index has every page, paths that a page names exist, and every
// policy in a new page compiles.
import { existsSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { folder, ingresscHere } from "../cli/programs.ts";
import { root, sources } from "../house/sources.ts";

const test = suite("pages");
const pages = sources(".md").filter(({ path }) => /^(docs\/|README\.md$|CONTRIBUTING\.md$|SECURITY\.md$)/.test(path));
const textOf = (path: string): string => pages.find((page) => page.path === path)?.text ?? readFileSync(root + path, "utf8");
const withoutBlocks = (text: string): string => text.replace(/^(```+)[^]*?^\1/gm, "");

/** The anchors that a forge makes of a page's headings. */
function anchorsOf(text: string): ReadonlySet<string> {
  const headings = [...withoutBlocks(text).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => heading);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, "")
        .replace(/ /g, "-"),
    ),
  );
}

/** Links of a page that lead nowhere. */
function broken(path: string, text: string): readonly string[] {
  return [...withoutBlocks(text).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = ""]) => {
    if (/^https?:/.test(link)) return [];
    const [file = "", anchor] = link.split("#");
    const target = file === "" ? path : posix.join(posix.dirname(path), file);
    if (!existsSync(root + target)) return [`${path}: ${link}`];
    return anchor === undefined || anchorsOf(textOf(target)).has(anchor) ? [] : [`${path}: ${link} (no such heading)`];
  });
}

test("every link leads to a file and a heading", () => {
  assert.ok(pages.length > 40, `${pages.length}`);
  assert.equal(
    pages.flatMap(({ path, text }) => broken(path, text)),
    [],
  );
  assert.equal(broken("docs/README.md", "[a](none.md) [b](glossary.md#none) [c](glossary.md#deciding)"), [
    "docs/README.md: none.md",
    "docs/README.md: glossary.md#none (no such heading)",
  ]);
});

test("the index has every page", () => {
  const linked = new Set([...textOf("docs/README.md").matchAll(/\]\(([^)#]+)\)/g)].map(([, link = ""]) => posix.join("docs", link)));
  const all = pages.map(({ path }) => path).filter((path) => path.startsWith("docs/") && !/^docs\/(README\.md|decisions\/\d|deploy\/|editors\/)/.test(path));
  assert.equal(
    all.filter((path) => !linked.has(path)),
    [],
  );
});

test("decisions are numbered without gaps, have three headings and are in their index", () => {
  const all = pages.filter(({ path }) => /^docs\/decisions\/\d/.test(path));
  const index = textOf("docs/decisions/README.md");
  assert.ok(all.length >= 15);
  all.forEach(({ path, text }, i) => {
    assert.is(Number(posix.basename(path).slice(0, 4)), i + 1, path);
    assert.ok(text.startsWith(`# ${i + 1}. `), path);
    assert.equal(
      [...text.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading),
      ["Context", "Decision", "Consequences"],
      path,
    );
    assert.ok(index.includes(`(${posix.basename(path)})`), path);
  });
});

test("paths that the guides for contributors name exist", () => {
  for (const path of ["docs/architecture.md", "CONTRIBUTING.md"]) {
    const named = [...textOf(path).matchAll(/`((?:compiler|runtime|gateway|tests|scripts|schemas|policies|clients|docs)\/[\w./-]*)`/g)].map(
      ([, name = ""]) => name,
    );
    assert.ok(named.length > 20, path);
    assert.equal(
      named.filter((name) => !/NAME|FOLDER/.test(name) && !existsSync(root + name)),
      [],
      path,
    );
  }
});

test("the architecture has its five drawings", () => {
  const architecture = textOf("docs/architecture.md");
  for (const heading of [
    "Who queries which phase",
    "Phases, with facts and charges",
    "States of a connection",
    "A reload with its points of no return",
    "The module's sections",
  ]) {
    assert.ok(architecture.includes(`\n## ${heading}\n`), heading);
  }
});

test("nothing reads the design notes", () => {
  const notes = ["shared", "design"].join("/");
  assert.equal(
    sources(".ts", ".mjs", ".md", ".json", "/run")
      .filter(({ text }) => text.includes(notes))
      .map(({ path }) => path),
    [],
  );
});

for (const { path, text } of pages.filter((page) => /^docs\/(quick_start\.md|how_to\/|troubleshooting\.md)/.test(page.path))) {
  for (const [i, block] of [...text.matchAll(/^```ingress\n([^]*?)^```$/gm)].map(([, policy = ""]) => policy).entries()) {
    test(`${path}: policy ${i + 1} compiles and its tests pass`, async () => {
      const dir = folder();
      dir.write("page.ingress", block);
      const { code, out, err } = await ingresscHere(["build", "page.ingress"], dir.path);
      assert.is(code, 0, out + err);
      dir.remove();
    });
  }
}

for (const { path, text } of pages.filter((page) => /^(docs\/|README\.md)/.test(page.path) && page.path !== "docs/diagnostics.md")) {
  for (const [i, block] of [...text.matchAll(/^```ingress\n([^]*?)^```$/gm)].map(([, policy = ""]) => policy).entries()) {
    test(`${path}: policy ${i + 1} has no warning but that it may have no tests`, async () => {
      const dir = folder();
      dir.write("page.ingress", /^edition 1$/m.test(block) ? block : `edition 1\n${block}`);
      for (const [, list = ""] of block.matchAll(/ file "([^"]+)"/g)) dir.write(list, "192.0.2.66\n");
      const { code, out, err } = await ingresscHere(["check", "--deny-warnings", "--ignore", "ING833", "--at", "2026-12-01T00:00Z", "page.ingress"], dir.path);
      assert.is(code, 0, out + err);
      dir.remove();
    });
  }
}

test.run();
