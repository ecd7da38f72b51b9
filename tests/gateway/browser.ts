// Chromium without a window, over its debugging pipe: messages of JSON, each ended by a zero byte.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Duplex, Readable, Writable } from "node:stream";
import { fieldsOf } from "../../runtime/shell/rpc_client.ts";
import { atEnd } from "../suite.ts";

export interface Page {
  /** The faults of the page: errors, messages of the console, requests that failed or were blocked. */
  readonly troubles: string[];
  /** Addresses that it requested. */
  readonly requested: string[];
  evaluate(expression: string): Promise<unknown>;
  /** A picture as PNG. */
  screenshot(theme: "light" | "dark"): Promise<Buffer>;
}

export function chromiumIsHere(): boolean {
  return spawnSync("chromium", ["--version"]).status === 0;
}

/** Opens an address with the password that the gateway requests. */
export async function openPage(address: string, password: string): Promise<Page> {
  const folder = mkdtempSync(join(tmpdir(), "browser-"));
  const child = spawn(
    "chromium",
    [
      "--headless=new",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--no-first-run",
      "--disable-component-update",
      "--disable-background-networking",
      `--user-data-dir=${folder}`,
      "--remote-debugging-pipe",
      "about:blank",
    ],
    { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] },
  );
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  atEnd(async () => {
    child.kill("SIGTERM");
    await exited;
  });
  const [to, from] = [child.stdio[3], child.stdio[4]];
  if (!(to instanceof Writable || to instanceof Duplex) || !(from instanceof Readable || from instanceof Duplex)) throw new Error("no pipe");
  const answers = new Map<number, (answer: unknown) => void>();
  const troubles: string[] = [];
  const requested: string[] = [];
  let number = 0;
  const session: { id: string | undefined } = { id: undefined };
  const send = (method: string, params: object = {}): Promise<Readonly<Record<string, unknown>>> => {
    const id = ++number;
    to.write(`${JSON.stringify({ id, method, params, ...(session.id !== undefined && { sessionId: session.id }) })}\0`);
    return new Promise((resolve) => answers.set(id, (answer) => resolve(fieldsOf(answer) ?? {})));
  };
  const heard = (message: Readonly<Record<string, unknown>>): void => {
    const { id, method, params, result, error } = message;
    if (typeof id === "number") {
      if (error !== undefined) troubles.push(JSON.stringify(error));
      answers.get(id)?.(result);
      answers.delete(id);
    }
    const given = fieldsOf(params) ?? {};
    if (method === "Runtime.exceptionThrown" || method === "Runtime.consoleAPICalled" || method === "Log.entryAdded") troubles.push(JSON.stringify(given));
    if (method === "Network.loadingFailed") troubles.push(JSON.stringify(given));
    if (method === "Network.requestWillBeSent") requested.push(String(fieldsOf(given["request"])?.["url"]));
    if (method === "Fetch.requestPaused") void send("Fetch.continueRequest", { requestId: given["requestId"] });
    if (method === "Fetch.authRequired")
      void send("Fetch.continueWithAuth", {
        requestId: given["requestId"],
        authChallengeResponse: { response: "ProvideCredentials", username: "operator", password },
      });
  };
  let rest = "";
  from.on("data", (chunk: Buffer) => {
    const parts = (rest + chunk.toString()).split("\0");
    rest = parts.pop() ?? "";
    for (const part of parts) heard(fieldsOf(JSON.parse(part)) ?? {});
  });
  const { targetId } = await send("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await send("Target.attachToTarget", { targetId, flatten: true });
  session.id = String(sessionId);
  for (const domain of ["Page", "Runtime", "Log", "Network"]) await send(`${domain}.enable`);
  await send("Fetch.enable", { handleAuthRequests: true });
  await send("Emulation.setDeviceMetricsOverride", { width: 1200, height: 1100, deviceScaleFactor: 1, mobile: false });
  await send("Page.navigate", { url: address });
  return {
    troubles,
    requested,
    async evaluate(expression) {
      const { result } = await send("Runtime.evaluate", { expression, returnByValue: true, awaitPromise: true });
      return fieldsOf(result)?.["value"];
    },
    async screenshot(theme) {
      await send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: theme }] });
      const { data } = await send("Page.captureScreenshot", { format: "png" });
      return Buffer.from(String(data), "base64");
    },
  };
}
