// Debian's Chromium with a page. A proxy gets every request of the page to another host, records it and refuses it. Another proxy refuses
// what the browser requests for itself.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { chromium, type Page } from "playwright-core";
import { atEnd, stallsAfter } from "./suite.ts";

const CHROMIUM = "/usr/bin/chromium";

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

/** A new browser with the page at an address; `fragment` begins with `#`. It ends with the test. */
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

/** The port. The server ends with the test. */
export async function listening(server: ReturnType<typeof createServer>): Promise<number> {
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}
