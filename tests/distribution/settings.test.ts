// Locations, proxies and the schedule of a source.
import { writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import * as assert from "uvu/assert";
import { parseLocation } from "../../runtime/distribution/location.ts";
import { send } from "../../runtime/distribution/http.ts";
import { proxyFor } from "../../runtime/distribution/proxy.ts";
import { BACK_OFF_MOST_MS, nextPullMs, RETRY_AFTER_MOST_MS, retryAfter } from "../../runtime/distribution/schedule.ts";
import { atEnd, ownFolder, suite } from "../suite.ts";
import { dns, leaf } from "../tls/certificates.ts";
import { AUTHORITY, client, MODULE, outcome, serve, source } from "./server.ts";

const test = suite("distribution: settings");

test("locations", () => {
  const digest = `sha256:${"0a".repeat(32)}`;
  const good = [
    "https://h.example/p.wasm",
    "https://h.example:8443/a/b?c=d",
    "https://[2001:db8::1]/p",
    "oci://r.example/edge:stable",
    "oci://r.example:5000/a/b-c/d_e.f:1.0",
    "oci://[::1]:5000/a:b",
    `oci://r.example/edge@${digest}`,
    `oci://r.example/${"a".repeat(255)}:t`,
    `oci://r.example/a:${"t".repeat(128)}`,
  ];
  for (const text of good) assert.ok(parseLocation(text).ok, text);
  const bad = [
    "",
    "p.wasm",
    "http://h.example/p",
    "file:///p.wasm",
    "https://",
    "https://me:pw@h.example/p",
    "https://h.example/p#x",
    `https://h.example/${"x".repeat(2048)}`,
    "oci://r.example",
    "oci://r.example/edge",
    "oci://r.example/Edge:stable",
    "oci://r.example/a/../b:t",
    "oci://r.example//a:t",
    "oci://me:pw@r.example/a:t",
    "oci://r.example/a:",
    "oci://r.example/a:.t",
    "oci://r.example/a:t/x",
    "oci://r.example/a:t?x",
    "oci://r.example:99999/a:t",
    `oci://r.example/a:${"t".repeat(129)}`,
    `oci://r.example/${"a".repeat(256)}:t`,
    `oci://r.example/a@${digest.toUpperCase()}`,
    `oci://r.example/a@${digest}0`,
    `oci://r.example/a@sha512:${"0".repeat(128)}`,
    "oci://r.example/a:t ",
  ];
  for (const text of bad) assert.not.ok(parseLocation(text).ok, text);
});

test("the next pull: 20 % more or less, doubled after failures up to 15 minutes, never before the server says", () => {
  const at = (more: Partial<Parameters<typeof nextPullMs>[0]>): number => nextPullMs({ pollMs: 60_000, failures: 0, retryAfterMs: null, random: 0.5, ...more });
  assert.equal([at({}), at({ random: 0 }), at({ random: 1 })], [60_000, 48_000, 72_000]);
  assert.equal(
    [1, 2, 3, 4, 5, 6, 1000].map((failures) => at({ failures })),
    [60_000, 120_000, 240_000, 480_000, BACK_OFF_MOST_MS, BACK_OFF_MOST_MS, BACK_OFF_MOST_MS],
  );
  assert.is(at({ failures: 9, pollMs: 3_600_000 }), 3_600_000, "never more often than without failures");
  assert.is(at({ failures: 1, retryAfterMs: 100_000 }), 100_000);
  assert.is(at({ failures: 1, retryAfterMs: 1_000 }), 60_000);
});

test("Retry-After: seconds or a date, an hour at most", () => {
  const now = Date.UTC(2030, 0, 1);
  const rows: readonly (readonly [header: string | undefined, due: number | null])[] = [
    ["120", 120_000],
    ["3600", RETRY_AFTER_MOST_MS],
    ["3601", RETRY_AFTER_MOST_MS],
    ["9999999999", RETRY_AFTER_MOST_MS],
    ["Tue, 01 Jan 2030 00:01:00 GMT", 60_000],
    ["Mon, 31 Dec 2029 00:00:00 GMT", null],
    ["0", null],
    ["-5", null],
    ["soon", null],
    ["", null],
    [undefined, null],
  ];
  for (const [header, due] of rows) assert.is(retryAfter(header, now), due, header);
});

test("a server that is busy says when to come again", async () => {
  const server = await serve((_, r) => r.writeHead(503, { "retry-after": "120" }).end());
  const result = await source(`https://${server.host}/`, client()).pull();
  assert.is(result.ok ? null : result.error.retryAfterMs, 120_000);
});

test("HTTPS_PROXY and NO_PROXY", () => {
  const P = "http://proxy.example:3128";
  const rows: readonly (readonly [url: string, env: Readonly<Record<string, string>>, due: string | null])[] = [
    ["https://h.example/", { HTTPS_PROXY: P }, "proxy.example:3128"],
    ["https://h.example/", { https_proxy: "proxy.example:3128" }, "proxy.example:3128"],
    ["https://h.example/", {}, null],
    ["https://h.example/", { HTTPS_PROXY: "" }, null],
    ["https://h.example/", { HTTP_PROXY: P }, null],
    ["https://127.0.0.1/", { HTTPS_PROXY: P }, null],
    ["https://localhost/", { HTTPS_PROXY: P }, null],
    ["https://h.example/", { HTTPS_PROXY: P, NO_PROXY: "*" }, null],
    ["https://h.example/", { HTTPS_PROXY: P, NO_PROXY: "a.example, h.example" }, null],
    ["https://a.h.example/", { HTTPS_PROXY: P, no_proxy: "h.example" }, null],
    ["https://a.h.example/", { HTTPS_PROXY: P, NO_PROXY: ".h.example" }, null],
    ["https://h.example/", { HTTPS_PROXY: P, NO_PROXY: "*.h.example" }, null],
    ["https://xh.example/", { HTTPS_PROXY: P, NO_PROXY: "h.example" }, "proxy.example:3128"],
    ["https://h.example/", { HTTPS_PROXY: P, NO_PROXY: "h.example:443" }, null],
    ["https://h.example:8443/", { HTTPS_PROXY: P, NO_PROXY: "h.example:443" }, "proxy.example:3128"],
    ["https://10.1.2.3/", { HTTPS_PROXY: P, NO_PROXY: "10.1.2.3" }, null],
    ["https://10.1.2.3/", { HTTPS_PROXY: P, NO_PROXY: "10.0.0.0/8" }, null],
    ["https://11.1.2.3/", { HTTPS_PROXY: P, NO_PROXY: "10.0.0.0/8" }, "proxy.example:3128"],
    ["https://10.1.2.3/", { HTTPS_PROXY: P, NO_PROXY: "10.0.0.0/99" }, "proxy.example:3128"],
    ["https://[2001:db8::1]/", { HTTPS_PROXY: P, NO_PROXY: "2001:db8::/32" }, null],
    ["https://[2001:db8::1]/", { HTTPS_PROXY: P, NO_PROXY: "2001:db8::1" }, null],
    ["https://[2001:db8::1]/", { HTTPS_PROXY: P, NO_PROXY: "[2001:db8::1]:443" }, null],
    ["https://[2001:db9::1]/", { HTTPS_PROXY: P, NO_PROXY: "2001:db8::/32" }, "proxy.example:3128"],
  ];
  for (const [url, env, due] of rows) {
    const found = proxyFor(new URL(url), env);
    assert.is(found.ok ? (found.value?.host ?? null) : found.error, due, JSON.stringify([url, env]));
  }
  for (const bad of ["https://proxy.example", "socks5://proxy.example", "http://", "::"])
    assert.not.ok(proxyFor(new URL("https://h.example/"), { HTTPS_PROXY: bad }).ok, bad);
});

/** Takes CONNECT for any place, and leads to one port. */
async function proxy(port: number, status: number): Promise<{ readonly host: string; readonly seen: string[] }> {
  const seen: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer();
  server.on("connect", ({ url = "", headers }, socket: Socket) => {
    seen.push(`${url} ${headers["proxy-authorization"] ?? "-"}`);
    sockets.add(socket);
    socket.on("error", () => undefined);
    if (status !== 200) return socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`);
    const to = connect({ host: "127.0.0.1", port });
    sockets.add(to);
    to.on("error", () => undefined);
    socket.write("HTTP/1.1 200 OK\r\n\r\n");
    socket.pipe(to).pipe(socket);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve());
  });
  atEnd(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

test("through a proxy the server's certificate is verified by its own name, and the token is for the server alone", async () => {
  const server = await serve((_, r) => r.end(MODULE), leaf(AUTHORITY, { use: "server", names: [dns("policies.example")] }));
  const through = await proxy(server.port, 200);
  const tokenFile = `${ownFolder()}/token`;
  writeFileSync(tokenFile, "secret", { mode: 0o600 });
  const at = (name: string): Promise<string> =>
    outcome(source(`https://${name}:${server.port}/p`, client(AUTHORITY.pem, { HTTPS_PROXY: `http://me:pw@${through.host}` }), { tokenFile }).pull());
  assert.is(await at("policies.example"), "new the bytes of a module");
  assert.equal(
    server.seen.map(({ authorization, headers }) => [authorization, headers["proxy-authorization"]]),
    [["Bearer secret", undefined]],
  );
  assert.is(await at("other.example"), "tls");
  const login = `Basic ${Buffer.from("me:pw").toString("base64")}`;
  assert.equal(through.seen, [`policies.example:${server.port} ${login}`, `other.example:${server.port} ${login}`]);
  assert.is(server.seen.length, 1);
});

test("a proxy that refuses, and one that is not there", async () => {
  const refusing = await proxy(1, 403);
  assert.is(await outcome(source("https://h.example/p", client(null, { HTTPS_PROXY: refusing.host })).pull()), "unreachable");
  assert.is(await outcome(source("https://h.example/p", client(null, { HTTPS_PROXY: "127.0.0.1:1" })).pull()), "unreachable");
  assert.is(await outcome(source("https://h.example/p", client(null, { HTTPS_PROXY: "ftp://x" })).pull()), "settings");
});

test("a proxy whose login can't be decoded, and requests that can't be written are no faults of the program", async () => {
  const server = await serve((_, r) => r.end(MODULE), leaf(AUTHORITY, { use: "server", names: [dns("policies.example")] }));
  const through = await proxy(server.port, 200);
  const url = `https://policies.example:${server.port}/p`;
  const at = async (env: Readonly<Record<string, string>>): Promise<string> => {
    const pulled = await source(url, client(AUTHORITY.pem, env)).pull();
    if (pulled.ok) return pulled.value.kind;
    assert.not.match(pulled.error.message, /hidden/, "no message has the password");
    return pulled.error.code;
  };
  for (const login of ["me:hidden%", "me:hidden%zz", "me:hidden%ff", "m%:hidden"])
    assert.is(await at({ HTTPS_PROXY: `http://${login}@${through.host}` }), "settings", login);
  assert.equal(through.seen, []);
  assert.is(await at({ HTTPS_PROXY: `http://me:hidden%25%3a@${through.host}` }), "new");
  assert.equal(through.seen, [`policies.example:${server.port} Basic ${Buffer.from("me:hidden%:").toString("base64")}`]);
  // Node refuses it in the turn of the call without a proxy, and in a later one behind a tunnel.
  const request = { method: "GET", url: new URL(url), authorization: "Bearer a\nb: c", maxBytes: 1 } as const;
  for (const env of [{}, { HTTPS_PROXY: through.host }]) {
    const sent = await send(client(AUTHORITY.pem, env), request);
    assert.match(sent.ok ? "sent" : `${sent.error.code}: ${sent.error.message}`, /^settings: a request to policies\.example:\d+ can't be made/);
  }
});

test.run();
