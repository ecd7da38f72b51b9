// The page by keyboard alone, with a screen reader's view of it (axe), in light and in dark.
import axeCore from "axe-core";
import type { Page } from "playwright-core";
import * as assert from "uvu/assert";
import { suite } from "../suite.ts";
import { editorText, openPlayground, rested, write } from "./browser.ts";

const check = suite("keyboard");

interface Found {
  readonly violations: readonly { readonly id: string; readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[] }[];
  readonly passes: readonly { readonly id: string }[];
}

/** Findings of axe, colours included. */
async function axe(page: Page): Promise<Found> {
  await page.evaluate(axeCore.source);
  return page.evaluate(() => (window as Window & { readonly axe?: { run(): Promise<Found> } }).axe?.run() ?? Promise.reject(new Error("no axe")));
}

const BROKEN = "edition 1\nexpose web on tcp 443 {\n  backend 127.0.0.1:8080\n  alow from any\n}\n";
const LOSING =
  'edition 1\nexpose web on tcp 443 {\n  backend 127.0.0.1:8080\n  allow named all from any\n  allow named twice from 10.0.0.0/8\n}\ninvariant "i" { never from internet to web }\ntest "t" { from 8.8.8.8 to web => deny cidr }\n';

/** Presses Tab until the element with this id has the focus; fails when the focus has been everywhere. */
async function tabTo(page: Page, id: string): Promise<void> {
  for (let i = 0; i < 400; i++) {
    await page.keyboard.press("Tab");
    if ((await page.evaluate(() => document.activeElement?.id)) === id) return;
  }
  throw new Error(`Tab does not reach ${id}`);
}

for (const theme of ["light", "dark"] as const) {
  check(`axe finds nothing, ${theme}`, async () => {
    const { page, troubles } = await openPlayground("file", "", theme);
    await rested(page);
    for (const text of [null, LOSING, BROKEN]) {
      if (text !== null) await write(page, text);
      const { violations, passes } = await axe(page);
      assert.equal(
        violations.map(({ id, nodes }) => [id, ...nodes.map(({ html, failureSummary }) => `${html}: ${failureSummary ?? ""}`)]),
        [],
      );
      assert.ok(passes.some(({ id }) => id === "color-contrast") && passes.some(({ id }) => id === "label"));
    }
    await write(page, LOSING);
    await page.click("#keep");
    await write(page, LOSING.replace("10.0.0.0/8", "10.0.0.0/16").replace("tcp 443", "tcp 444"));
    for (const width of [1280, 360]) {
      await page.setViewportSize({ width, height: 800 });
      assert.equal(
        (await axe(page)).violations.map(({ id }) => id),
        [],
      );
      // Wide parts scroll by themselves, and pictures keep a size at which their texts can be read.
      assert.is(await page.evaluate(() => document.documentElement.scrollWidth), width);
      const widths = await page.locator("main svg").evaluateAll((pictures) => pictures.map((picture) => picture.getBoundingClientRect().width));
      assert.ok(widths.length === 3 && widths.every((one) => one >= 500), widths.join());
    }
    assert.equal(troubles, []);
  });
}

check("axe finds a control without a name, so that it would find one here", async () => {
  const { page } = await openPlayground("file");
  await rested(page);
  await page.evaluate(() => document.querySelector("label[for=request]")?.remove());
  assert.equal(
    (await axe(page)).violations.map(({ id }) => id),
    ["label"],
  );
});

check("every control is reached with Tab, and each does its work with the keyboard", async () => {
  const { page, troubles } = await openPlayground("file");
  await rested(page);
  await tabTo(page, "example");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await tabTo(page, "open");
  await page.keyboard.press("Enter");
  await page.waitForFunction(
    () => document.getElementById("request") instanceof HTMLInputElement && /ops\/carol/.test((document.getElementById("request") as HTMLInputElement).value),
  );
  assert.match(await rested(page), /^The policy is valid: 2 listeners/);
  assert.match(await editorText(page), /^expose console on tcp 9443 as mtls/m);

  await tabTo(page, "download");
  const [download] = await Promise.all([page.waitForEvent("download"), page.keyboard.press("Space")]);
  assert.is(download.suggestedFilename(), "policy.wasm");
  await tabTo(page, "share");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.activeElement?.id === "link");
  assert.match(await page.inputValue("#link"), /#policy1=[\w-]+$/);

  await tabTo(page, "request");
  await page.keyboard.press("Control+a");
  await page.keyboard.type("from 8.8.8.8 to tcp 1");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => /deny \(reason=policy\)/.test(document.getElementById("decision")?.textContent ?? ""));
  await tabTo(page, "keep");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => /^Both policies admit the same requests/.test(document.getElementById("matrix")?.textContent ?? ""));
  await tabTo(page, "single");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => /^\d+ rows by \d+ ranges/.test(document.getElementById("matrix")?.textContent ?? ""));
  await tabTo(page, "place");
  await page.keyboard.press("ArrowDown");
  await page.waitForFunction(() => /Address strip of web/.test(document.querySelector("#strip svg")?.getAttribute("aria-label") ?? ""));
  await page.keyboard.press("ArrowUp");
  await page.waitForFunction(() => /Address strip of console/.test(document.querySelector("#strip svg")?.getAttribute("aria-label") ?? ""));
  await tabTo(page, "family");
  await page.keyboard.press("ArrowDown");
  await page.waitForFunction(() => /2001:db8:1::\/48/.test(document.getElementById("strip")?.textContent ?? ""));

  // Tab leads out of the editor; its text is changed by typing.
  await tabTo(page, "editor");
  await page.keyboard.press("Control+Home");
  await page.keyboard.type("# typed\n");
  assert.match(await editorText(page), /^# typed\n/);
  await page.keyboard.press("Tab");
  assert.is.not(await page.evaluate(() => document.activeElement?.id), "editor");
  assert.equal(troubles, []);
});

check("a place in a list leads to its line in the editor", async () => {
  const { page } = await openPlayground("file");
  await rested(page);
  await write(page, BROKEN);
  await page.getByRole("button", { name: "Line 4, column 3" }).press("Enter");
  assert.is(await page.evaluate(() => document.activeElement?.id), "editor");
  await page.keyboard.type("X");
  assert.match(await editorText(page), /^ {2}Xalow/m);
});

check.run();
