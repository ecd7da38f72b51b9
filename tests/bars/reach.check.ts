// `npm run bars`: what the gateway has to reach, measured here and now, a line each. Times depend on the machine, so this is a command
// and no test: it ends with 1 where a bar is missed.
import { spawn } from "node:child_process";
import { createServer, type Socket } from "node:net";
import * as assert from "uvu/assert";
import { atEnd, stallsAfter, suite } from "../suite.ts";
import { skip } from "../skip.ts";
import { chromiumIsHere, openPage } from "../gateway/browser.ts";
import { backend, FORWARDERS, freePort, listening, probe, running, visit, type BackendUnderTest, type ForwarderName } from "../gateway/gateway_under_test.ts";
import { sharedPort } from "../gateway/shared_port_under_test.ts";
import { tokenFile } from "../gateway/token_file.ts";
import { besideSilentOnes, MEDIAN_MS, SILENT } from "../soak/silent_clients.ts";

const test = suite("bars");
const say = (line: string): void => void process.stdout.write(`${line}\n`);

for (const forwarder of FORWARDERS)
  test(`three names on one port reach three backends; a fourth and no name are refused: ${forwarder}`, async () => {
    const s = await sharedPort(undefined, { forwarder });
    const seen: string[] = [];
    for (const name of ["www.example.com", "a.shop.example.com", "staff.example.com", "mail.example.com", ""]) {
      const { got } = await s.call({ name, certificate: s.client });
      seen.push(`${name === "" ? "no name" : name}: ${got === "" ? `refused (${s.lastAccept().reason}, ${s.lastAccept().code})` : (got.split(" ")[0] ?? "")}`);
    }
    say(`${forwarder}: ${seen.join("; ")}`);
    assert.equal(
      seen.map((line) => line.split(": ")[1]),
      ["www", "shop", "staff", "refused (sni, no_expose)", "refused (sni, no_expose)"],
    );
  });

test("10,000 names cost at most 1.05 times the CPU time of 10", async () => {
  stallsAfter(600_000);
  const child = spawn(process.execPath, ["tests/bench/names.mjs"], { stdio: ["ignore", "inherit", "inherit"] });
  atEnd(() => child.kill("SIGKILL"));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  assert.is(code, 0);
});

for (const forwarder of FORWARDERS)
  test(`a backend with proxy v2 sees each of 1,000 sources: ${forwarder}`, async () => {
    const seen = new Set<string>();
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      // Version 2 over IPv4: 16 bytes, then the source.
      socket.once("data", (header: Buffer) => {
        seen.add(header.subarray(16, 20).join("."));
        socket.end("seen");
      });
    });
    atEnd(() => void server.close());
    const to = await listening(server);
    const port = await freePort();
    await running({ policy: `edition 1\nexpose web on tcp ${port} { backend 127.0.0.1:${to} proxy v2 cap 5000 connections allow from any }`, forwarder });
    const sources = Array.from({ length: 1_000 }, (_, i) => `127.1.${i >> 8}.${i & 255}`);
    for (let i = 0; i < sources.length; i += 50) await Promise.all(sources.slice(i, i + 50).map((from) => probe(port, from)));
    const missed = sources.filter((source) => !seen.has(source)).length;
    say(`${forwarder}: ${seen.size} sources seen of ${sources.length}, ${missed} missed`);
    assert.equal([seen.size, missed], [1_000, 0]);
  });

const SERIAL = 300;

/** How many of 300 connections, one after the other, are refused at `1 per source`. */
async function refusedOf(forwarder: ForwarderName, behind: BackendUnderTest, close: (socket: Socket) => Promise<void>): Promise<number> {
  const port = await freePort();
  await running({
    policy: `edition 1\nexpose web on tcp ${port} { backend 127.0.0.1:${behind.port} cap 9 connections, 1 per source allow from any }`,
    forwarder,
  });
  let refused = 0;
  for (let i = 0; i < SERIAL; i++) {
    const { socket, first } = visit(port);
    if ((await first) !== "hello") refused++;
    await close(socket);
  }
  return refused;
}

for (const forwarder of FORWARDERS)
  test(`of ${SERIAL} serial connections none is refused at 1 per source: ${forwarder}`, async () => {
    const clientFirst = await refusedOf(forwarder, await backend("hello"), async (socket) => void socket.destroy());
    const backendFirst = await refusedOf(
      forwarder,
      await backend("hello", (socket) => void socket.end()),
      (socket) =>
        new Promise((resolve) => {
          socket.once("end", () => {
            socket.destroy();
            resolve();
          });
          socket.resume();
        }),
    );
    say(`${forwarder}: refused of ${SERIAL}: ${clientFirst} where the client closes first, ${backendFirst} where the backend does`);
    assert.equal([clientFirst, backendFirst], [0, 0]);
  });

for (const forwarder of FORWARDERS)
  test(`beside ${SILENT} silent connections of one source: ${forwarder}`, async () => {
    assert.ok((await besideSilentOnes(forwarder)) < MEDIAN_MS);
  });

const TOKEN = "0123456789abcdef";
const PAGE_MS = 2_000;

if (!chromiumIsHere()) skip("the status page in a browser", "chromium is not installed");
else
  test("the status page opens without an error and shows a refusal within 2 s", async () => {
    const behind = await backend("hello");
    const [port, http] = [await freePort(), await freePort()];
    await running({
      policy: `edition 1\nexpose web on tcp ${port} { backend 127.0.0.1:${behind.port} allow from 127.0.0.1 }`,
      config: `[metrics]\nlisten = "127.0.0.1:${http}"\ntoken_file = "${tokenFile(TOKEN)}"\n`,
    });
    const page = await openPage(`http://127.0.0.1:${http}/`, TOKEN);
    const until = async (expression: string): Promise<unknown> =>
      page.evaluate(`new Promise((resolve) => { (function look() { if (${expression}) resolve("shown"); else setTimeout(look, 10); })(); })`);
    await until('document.getElementById("refusals")?.innerText.includes("nothing was refused")');
    assert.is(await probe(port, "127.0.0.2"), "deny");
    const from = performance.now();
    await until('document.getElementById("refusals").innerText.includes("cidr")');
    const ms = performance.now() - from;
    say(`the status page shows a refusal after ${ms.toFixed(0)} ms, ${PAGE_MS} ms at most; ${page.troubles.length} errors of the page`);
    assert.equal(page.troubles, []);
    assert.ok(ms <= PAGE_MS);
  });

test.run();
