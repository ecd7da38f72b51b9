// Debian's Chromium with the page, from the disk or from a server on loopback. A proxy gets every request of the
// page to another host, records it and refuses it. Another proxy refuses what the browser requests for itself.
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium, type Page } from "playwright-core";
import { playgroundPage } from "../../scripts/playground.ts";
import { atEnd, ownFolder, stallsAfter } from "../suite.ts";

const CHROMIUM = "/usr/bin/chromium";

export type Way = "file" | "http";

export interface Opened {
  readonly page: Page;
  /** The address of the page, without a fragment. */
  readonly address: string;
  /** Errors and messages of the console, and refusals by the security policy. */
  readonly troubles: string[];
  /** Addresses that the page requested, itself aside. */
  readonly requested: string[];
  /** Requests that came to the proxy. */
  readonly proxied: string[];
}

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

/** The same, of a page that is there already. */
export async function openAddress(address: string, fragment = "", colorScheme: "light" | "dark" = "light"): Promise<Opened> {
  stallsAfter(120_000);
  const proxied: string[] = [];
  const [ofPage, ofBrowser] = [await refusingProxy((url) => proxied.push(url)), await refusingProxy(() => undefined)];
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-features=AutofillServerCommunication"],
    proxy: { server: ofBrowser },
  });
  atEnd(() => browser.close());
  const context = await browser.newContext({
    colorScheme,
    viewport: { width: 1280, height: 1000 },
    acceptDownloads: true,
    proxy: { server: ofPage, bypass: "127.0.0.1" },
  });
  const page = await context.newPage();
  const [troubles, requested]: [string[], string[]] = [[], []];
  page.on("console", (message) => void troubles.push(message.text()));
  page.on("pageerror", ({ message }) => void troubles.push(message));
  page.on("dialog", (dialog) => {
    troubles.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("request", (request) => {
    const url = request.url();
    if (url.split("#")[0] !== address && !url.startsWith("blob:")) requested.push(url);
  });
  await page.goto(address + fragment);
  return { page, address, troubles, requested, proxied };
}

async function refusingProxy(got: (url: string) => void): Promise<string> {
  const proxy = createServer((request, response) => {
    got(request.url ?? "");
    response.writeHead(502).end("refused");
  });
  proxy.on("connect", ({ url }, socket) => {
    got(url ?? "");
    socket.destroy();
  });
  return `http://127.0.0.1:${await listening(proxy)}`;
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

async function listening(server: ReturnType<typeof createServer>): Promise<number> {
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
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
