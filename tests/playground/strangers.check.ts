// Links of strangers: what they have in them is text, whatever it looks like, and a damaged or oversized one opens nothing.
import { deflateRawSync } from "node:zlib";
import * as assert from "uvu/assert";
import { suite } from "../suite.ts";
import { editorText, openPlayground, rested, type Way } from "./browser.ts";

const check = suite("strangers");

function fragmentOf(value: unknown, level = 9): string {
  const bytes = value instanceof Uint8Array ? value : Buffer.from(JSON.stringify(value));
  return `#policy1=${deflateRawSync(bytes, { level }).toString("base64url")}`;
}

const MARKUP = "</script><img src=x onerror=\"document.title='run'\"><svg onload=\"document.title='run'\">";
/** Markup wherever a policy may have text of its author's choice. */
const HOSTILE = [
  "edition 1",
  `# ${MARKUP}`,
  `@owner ${JSON.stringify(MARKUP.replaceAll('"', "'"))} @why "javascript:document.title='run'"`,
  "expose web on tcp 443 {",
  "  backend 127.0.0.1:8080",
  "  allow from any",
  "}",
  `test ${JSON.stringify(MARKUP.replaceAll('"', "'"))} { from 8.8.8.8 to web => deny cidr }`,
  `invariant ${JSON.stringify(MARKUP.replaceAll('"', "'"))} { never from internet to web }`,
  "",
].join("\n");

for (const way of ["file", "http"] satisfies readonly Way[]) {
  check(`${way}: a link opens its policy and its request`, async () => {
    const shared = { policy: "edition 1\nexpose web on tcp 443 {\n  backend 127.0.0.1:1\n  allow from 10.0.0.0/8\n}\n", request: "from 10.0.0.1 to web" };
    const { page, troubles, requested, proxied } = await openPlayground(way, fragmentOf(shared));
    assert.match(await rested(page), /^The policy is valid: 1 listener/);
    assert.is(await editorText(page), shared.policy);
    assert.match((await page.textContent("#decision")) ?? "", /allow at web/);
    // The link that the page writes opens the same again.
    await page.click("#share");
    await page.waitForFunction(() => document.activeElement?.id === "link");
    const link = await page.inputValue("#link");
    assert.is(link, page.url());
    await page.goto("about:blank");
    await page.goto(link);
    await rested(page);
    assert.is(await editorText(page), shared.policy);
    assert.is(await page.inputValue("#request"), shared.request);
    assert.equal([troubles, requested, proxied], [[], [], []]);
  });
}

check("back and forward lead from link to link, past one that is refused, and another tab has its own policy", async () => {
  const [first, second] = ["edition 1\nnet a = 10.0.0.0/8\n", "edition 1\nnet b = 10.0.0.0/8\n"];
  const { page, address, troubles } = await openPlayground("http", fragmentOf({ policy: first }));
  await rested(page);
  const shows = (text: string): Promise<unknown> =>
    page.waitForFunction(
      (name) => [...(document.getElementById("editor")?.shadowRoot?.querySelectorAll(".cm-line") ?? [])].some((line) => line.textContent === name),
      text.split("\n")[1],
    );
  for (const fragment of [fragmentOf({ policy: second }), "#policy1=AAAA"]) await page.evaluate((hash) => (location.hash = hash), fragment);
  await page.waitForFunction(() => /the link is damaged/.test(document.getElementById("state")?.textContent ?? ""));
  await shows(second);
  const other = await page.context().newPage();
  await other.goto(address + fragmentOf({ policy: "edition 1\n" }));
  await rested(other);
  await page.goBack();
  await shows(second);
  await page.goBack();
  await shows(first);
  await page.goForward();
  await shows(second);
  assert.is(await editorText(other), "edition 1\n");
  assert.is(await editorText(page), second);
  assert.equal(troubles, []);
});

check("markup in a policy and a request is shown as text", async () => {
  const { page, troubles, requested, proxied } = await openPlayground("http", fragmentOf({ policy: HOSTILE, request: MARKUP }));
  const state = await rested(page);
  assert.match(state, /^The policy is valid: .*1 test line failed.*1 claim not proven/);
  assert.match((await page.textContent("#tests")) ?? "", /<\/script><img src=x onerror='document/);
  assert.match(await editorText(page), /<img src=x onerror/);
  assert.is(await page.locator("main img, main script, main [onerror], main [onload]").count(), 0);
  assert.is(await page.title(), "ingressd playground");
  assert.equal([troubles, requested, proxied], [[], [], []]);
});

check("markup in a policy with errors is shown as text", async () => {
  const { page, troubles } = await openPlayground(
    "http",
    fragmentOf({ policy: `edition 1\n${MARKUP}\nexpose ${MARKUP} on tcp 443 { allow from "${MARKUP}" }\n` }),
  );
  assert.match(await rested(page), /^The policy has \d+ errors/);
  assert.is(await page.locator("main img, main script, main [onerror], main [onload]").count(), 0);
  assert.is(await page.title(), "ingressd playground");
  assert.equal(troubles, []);
});

const refused: readonly (readonly [name: string, fragment: string, message: RegExp])[] = [
  ["damaged", "#policy1=AAAA", /the link is damaged/],
  ["cut off", fragmentOf({ policy: "edition 1\n" }).slice(0, -4), /the link is damaged/],
  ["bytes behind the end", `${fragmentOf({ policy: "" })}AAAA`, /the link is damaged/],
  ["another version", "#policy2=AAAA", /does not begin with policy1=/],
  ["oversized", `#policy1=${"A".repeat(32_761)}`, /more than 32 KiB/],
  ["a bomb", fragmentOf(Buffer.alloc(20 * 1024 * 1024, 32)), /more than 256 KiB/],
  ["a policy that is no text", fragmentOf({ policy: ["edition 1"] }), /the link is damaged/],
  ["a prototype", fragmentOf(Buffer.from('{"policy":"edition 1\\n","__proto__":{"request":"x"}}')), /another version/],
];

check("a link that is damaged, oversized or a bomb opens nothing, and says why", async () => {
  const { page, address, troubles, requested } = await openPlayground("http");
  await rested(page);
  const before = await editorText(page);
  for (const [name, fragment, message] of refused) {
    await page.evaluate((hash) => (location.hash = hash), fragment);
    await page.waitForFunction(
      (pattern) => new RegExp(`^The policy of the link is not opened: .*${pattern}`).test(document.getElementById("state")?.textContent ?? ""),
      message.source,
    );
    assert.is(await editorText(page), before, name);
    assert.is(await page.evaluate(() => "request" in {}), false);
  }
  await page.goto("about:blank");
  await page.goto(address + (refused[5]?.[1] ?? ""));
  await page.waitForFunction(() => /more than 256 KiB/.test(document.getElementById("state")?.textContent ?? ""));
  assert.is(await editorText(page), "");
  assert.equal([troubles, requested], [[], []]);
});

check.run();
