// The documentation site: built from the Markdown of this tree, every link of it leads to a page and a heading, and pages in Chromium show
// what they have to, find what is searched for, and load nothing from another place. Needs `npm ci` in docs/site, and Chromium.
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { CODES } from "../../compiler/diagnostics/codes.ts";
import { openPage, type Page } from "../gateway/browser.ts";
import { openAddress } from "../chromium.ts";
import { atEnd, stallsAfter, suite } from "../suite.ts";

const PROJECT = fileURLToPath(new URL("../../", import.meta.url));
const PUBLIC = join(PROJECT, "dist/site/public");
const test = suite("site");

const files = (): readonly string[] => readdirSync(PUBLIC, { recursive: true, encoding: "utf8" }).sort();

/** The file that answers an address; null: none does. */
function fileAt(path: string): string | null {
  const plain = decodeURIComponent(path);
  const found = [plain, `${plain}.html`, posix.join(plain, "index.html")].find((name) => extname(name) !== "" && existsSync(join(PUBLIC, name)));
  return found ?? null;
}

function page(path: string): string {
  return readFileSync(join(PUBLIC, fileAt(path) ?? ""), "utf8");
}

const idsOf = (html: string): ReadonlySet<string> => new Set([...html.matchAll(/ id="([^"]+)"/g)].map(([, id = ""]) => id));

test("it is built", () => {
  stallsAfter(600_000);
  const built = spawnSync("npm", ["run", "--silent", "site"], { cwd: PROJECT, encoding: "utf8" });
  assert.is(built.status, 0, built.stdout + built.stderr);
  for (const code of Object.keys(CODES)) assert.ok(fileAt(`/diagnostics/${code}`) !== null, code);
});

test("every link of every page leads to a page, and to a heading of it", () => {
  const pages = files().filter((file) => file.endsWith(".html") && file !== "404.html");
  assert.ok(pages.length > Object.keys(CODES).length + 40, String(pages.length));
  let links = 0;
  const broken = pages.flatMap((file) => {
    const html = readFileSync(join(PUBLIC, file), "utf8");
    return [...html.matchAll(/<a [^>]*?href="([^"]+)"/g)].flatMap(([, link = ""]) => {
      if (/^(?:https?:|mailto:)/.test(link)) return [];
      links++;
      const [path = "", anchor] = link.replaceAll("&amp;", "&").split("#");
      const target = path === "" ? `/${file}` : posix.resolve("/", posix.dirname(file), path);
      const found = fileAt(target);
      if (found === null) return [`${file}: ${link}`];
      return anchor === undefined || anchor === "" || idsOf(page(found)).has(decodeURIComponent(anchor)) ? [] : [`${file}: ${link} (no such heading)`];
    });
  });
  assert.ok(links > 5_000, String(links));
  assert.equal([...new Set(broken)], []);
});

const TYPES: Readonly<Record<string, string>> = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };

async function served(): Promise<string> {
  const server = createServer((request, response) => {
    const file = fileAt(new URL(request.url ?? "/", "http://x").pathname);
    if (file === null) return void response.writeHead(404).end();
    response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream" }).end(readFileSync(join(PUBLIC, file)));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  atEnd(() => server.closeAllConnections());
  atEnd(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Evaluated until it is true. */
async function shows(opened: Page, expression: string): Promise<void> {
  assert.is(
    await opened.evaluate(`new Promise((done) => { const look = () => (${expression}) ? done(true) : setTimeout(look, 50); look(); })`),
    true,
    expression,
  );
}

test("in Chromium a diagnostic shows its example, search finds a page, and nothing comes from another place", async () => {
  stallsAfter(120_000);
  const base = await served();
  const opened = await openPage(`${base}/diagnostics/ING204`, "");
  await shows(opened, `document.querySelector("h1")?.textContent.includes("ING204: a port exposed twice") === true`);
  assert.ok(Number(await opened.evaluate(`document.querySelectorAll(".vp-doc pre").length`)) >= 2);
  // By the grammar that VS Code has: a keyword has another colour than a name.
  const colourOf = (word: string): Promise<unknown> =>
    opened.evaluate(`getComputedStyle([...document.querySelectorAll(".vp-doc pre span")].findLast((part) => part.textContent.trim() === "${word}")).color`);
  const [keyword, name] = [await colourOf("expose"), await colourOf("console")];
  assert.match(String(keyword), /^rgb/);
  assert.is.not(keyword, name);
  await shows(opened, `document.querySelector("#app")?.__vue_app__ !== undefined`);
  if (process.env["SHOTS"] !== undefined) writeFileSync(join(process.env["SHOTS"], "site.png"), await opened.screenshot("light"));
  await opened.evaluate(`document.querySelector("#local-search button").click()`);
  await shows(opened, `document.querySelector(".search-input") !== null`);
  await opened.evaluate(
    `{ const input = document.querySelector(".search-input"); input.value = "takeover"; input.dispatchEvent(new Event("input", { bubbles: true })); }`,
  );
  await shows(opened, `[...document.querySelectorAll(".result")].some((result) => result.getAttribute("href").includes("/operations"))`);
  assert.equal(
    opened.requested.filter((address) => !address.startsWith(`${base}/`) && !address.startsWith("data:")),
    [],
  );
  assert.equal(opened.troubles, []);
});

test("the tutorial and the page of the playground lead to the playground, which works there", async () => {
  stallsAfter(120_000);
  const base = await served();
  for (const path of ["/tutorial", "/playground"]) {
    const { page: opened, troubles, requested, proxied } = await openAddress(`${base}${path}`);
    await opened.waitForFunction(`document.querySelector("#app")?.__vue_app__ !== undefined`);
    await opened.locator(".vp-doc").getByRole("link", { name: "Open the playground", exact: true }).click();
    await opened.waitForURL(`${base}/play/index.html`);
    await opened.locator("#state", { hasText: /^The policy is valid: / }).waitFor();
    assert.equal([troubles, proxied, requested.filter((address) => !address.startsWith(`${base}/`))], [[], [], []], path);
  }
});

test.run();
