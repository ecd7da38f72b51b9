// The pages of the documentation site as they are staged for VitePress: where each is, what its links lead to, and one page for each
// diagnostic.
import * as assert from "uvu/assert";
import { CODES } from "../../compiler/diagnostics/codes.ts";
import { anchorOf, sidebarOf, sitePages } from "../../scripts/site/pages.ts";
import { sources } from "../house/sources.ts";
import { suite } from "../suite.ts";

const test = suite("site: pages");
const docs = new Map(
  sources(".md")
    .filter(({ path }) => /^docs\/(?!deploy\/|editors\/|site\/)/.test(path))
    .map(({ path, text }) => [path.slice("docs/".length), text] as const),
);

function one(text: string, path = "how_to/a.md", more: Readonly<Record<string, string>> = {}): string {
  const pages = sitePages(
    new Map([[path, text], ["README.md", ""], ["decisions/README.md", ""], ["b.md", ""], ["playground.md", ""], ...Object.entries(more)]),
  );
  return pages.find((page) => page.path === path)?.text ?? "";
}

const LINKS: readonly (readonly [written: string, staged: string])[] = [
  ["[b](../b.md)", "[b](../b.md)"],
  ["[b](../b.md#part)", "[b](../b.md#part)"],
  ["[start](../README.md)", "[start](../index.md)"],
  ["[all](../decisions/README.md#x)", "[all](../decisions/index.md#x)"],
  ["[here](#part)", "[here](#part)"],
  ["[self](a.md)", "[self](./a.md)"],
  ["[`code` and words](../b.md)", "[`code` and words](../b.md)"],
  ["[a](../b.md), [b](../b.md)", "[a](../b.md), [b](../b.md)"],
  ["[web](https://x.example/b.md)", "[web](https://x.example/b.md)"],
  // The playground is beside the pages.
  ["[open `it`](../playground.md#open-it)", '<a href="../play/index.html" target="_self">open `it`</a>'],
  ["[about it](../playground.md)", "[about it](../playground.md)"],
  ["[links](../playground.md#links)", "[links](../playground.md#links)"],
  ["<!-- site: [open](../playground.md#open-it), -->and", '<a href="../play/index.html" target="_self">open</a>,and'],
  ["<!-- a comment -->", "<!-- a comment -->"],
  // No pages.
  ["[contributing](../../CONTRIBUTING.md)", "contributing"],
  ["[policy](../../policies/demo.ingress)", "policy"],
  ["[schema](../../schemas/x.json) and [b](../b.md)", "schema and [b](../b.md)"],
  ["[gone](../gone.md)", "gone"],
  // No links.
  ["`[b](../gone.md)`", "`[b](../gone.md)`"],
  ["```sh\n[b](../gone.md)\n```", "```sh\n[b](../gone.md)\n```"],
  ["````\n```\n[b](../gone.md)\n```\n````", "````\n```\n[b](../gone.md)\n```\n````"],
  ["![picture](../p.svg)", "![picture](../p.svg)"],
  ["[x] (y)", "[x] (y)"],
  ["```ingress\nnet a = any\n```", "```ingress\nnet a = any\n```"],
  ["```ingress before\nnet a\n```", "**before**\n\n```ingress\nnet a\n```"],
  // A language that VitePress does not know.
  ["```mermaid\nx\n```", "```\nx\n```"],
  ["```json\n{}\n```", "```json\n{}\n```"],
];

for (const [written, staged] of LINKS) test(`staged: ${written.replaceAll("\n", " ")}`, () => assert.is(one(`${written}\n`), `${staged}\n`));

test("each diagnostic has a page, with its title, and with links from its own folder", () => {
  const pages = new Map(sitePages(docs).map(({ path, text }) => [path, text]));
  const own = [...pages.keys()].filter((path) => path.startsWith("diagnostics/"));
  assert.equal(
    own,
    Object.keys(CODES).map((code) => `diagnostics/${code}.md`),
  );
  for (const [code, { title }] of Object.entries(CODES)) {
    const text = pages.get(`diagnostics/${code}.md`) ?? "";
    assert.ok(text.startsWith(`# ${code}: ${title}\n`), code);
    assert.ok(text.endsWith(`\n\n[All diagnostics](../diagnostics.md#${anchorOf(`${code}: ${title}`)})\n`), code);
    assert.equal(text.match(/^#+ /gm)?.length, 1, code);
  }
  const linked = one("# Diagnostics\n\n### ING101: x\n\n[b](b.md), [here](#y)\n", "diagnostics.md");
  assert.is(linked, "# Diagnostics\n\n### ING101: x\n\n[b](./b.md), [here](#y)\n");
  const page = sitePages(
    new Map([
      ["diagnostics.md", "# D\n\n## G\n\nwords\n\n### ING101: x\n\n[b](b.md), [here](#g)\n\n## H\n\nmore\n"],
      ["b.md", ""],
    ]),
  ).at(-1);
  assert.equal(page, {
    path: "diagnostics/ING101.md",
    text: "# ING101: x\n\n[b](../b.md), [here](../diagnostics.md#g)\n\n[All diagnostics](../diagnostics.md#ing101-x)\n",
  });
});

test("every page is once in the sidebar or is one of a folder that is, and no entry leads to nothing", () => {
  const links = sidebarOf(docs).flatMap(({ items }) => items.map(({ link }) => link));
  assert.is(new Set(links).size, links.length);
  assert.ok(links.length > 25 && links.includes("/quick_start") && links.includes("/decisions/") && links.includes("/how_to/systemd"));
  const addresses = new Set([...docs.keys()].map((path) => `/${path.replace(/README\.md$/, "").replace(/\.md$/, "")}`));
  assert.equal(
    links.filter((link) => !addresses.has(link)),
    [],
  );
  assert.equal(
    [...addresses].filter((address) => address !== "/" && !address.startsWith("/decisions/0") && !links.includes(address)),
    [],
  );
});

test.run();
