// The playground in Debian's Chromium, from the disk or from a server on loopback.
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Page } from "playwright-core";
import { playgroundPage } from "../../scripts/playground.ts";
import { listening, openAddress, type Opened } from "../chromium.ts";
import { ownFolder } from "../suite.ts";

export type Way = "file" | "http";

let made: Promise<string> | null = null;

/** The file that `npm run playground` writes. */
export function pageText(): Promise<string> {
  return (made ??= playgroundPage());
}

/** A new browser with the page; `fragment` begins with `#`. Both end with the test. */
export async function openPlayground(way: Way, fragment = "", colorScheme: "light" | "dark" = "light"): Promise<Opened> {
  const text = await pageText();
  return openAddress(way === "file" ? onDisk(text) : await served(text), fragment, colorScheme);
}

function onDisk(text: string): string {
  const file = join(ownFolder("playground-"), "index.html");
  writeFileSync(file, text);
  return pathToFileURL(file).href;
}

async function served(text: string): Promise<string> {
  const server = createServer((request, response) => {
    if (request.url === "/") response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(text);
    else response.writeHead(404).end();
  });
  return `http://127.0.0.1:${await listening(server)}/`;
}

/** When the page has finished what it does about a text. */
export async function rested(page: Page): Promise<string> {
  await page.waitForFunction(() => {
    const state = document.getElementById("state")?.textContent ?? "";
    const stop = document.getElementById("stop");
    return state !== "" && !state.startsWith("Checking") && stop instanceof HTMLButtonElement && stop.disabled;
  });
  return (await page.textContent("#state")) ?? "";
}

/** Pastes a text in place of the editor's. */
export async function write(page: Page, text: string): Promise<string> {
  await page.locator(".cm-content").focus();
  await page.keyboard.press("Control+a");
  await page.evaluate((pasted) => {
    document.getElementById("state")?.replaceChildren();
    const data = new DataTransfer();
    data.setData("text/plain", pasted);
    const content = document.getElementById("editor")?.shadowRoot?.querySelector(".cm-content");
    content?.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
  }, text);
  return rested(page);
}

export function editorText(page: Page): Promise<string> {
  return page.evaluate(() => {
    const lines = document.getElementById("editor")?.shadowRoot?.querySelectorAll(".cm-line") ?? [];
    return [...lines].map((line) => line.textContent ?? "").join("\n");
  });
}
