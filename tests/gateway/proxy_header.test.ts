// `backend … proxy v1|v2`: the backend gets a header about the client before any other byte. The headers are read here by a reader of
// its own, written from the protocol's text alone.
import { createServer, type Server } from "node:net";
import { connect } from "node:net";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { authority, dns, leaf, uri } from "../tls/certificates.ts";
import { call, put, within } from "../tls/tls_under_test.ts";
import { proxyHeader, FIELDS_MOST_BYTES } from "../../gateway/forward/proxy_header.ts";
import { parseAddress, type Address } from "../../runtime/net/address.ts";
import { peerCredentials } from "../../gateway/intents/peer_credentials.ts";
import { expose, ExposeError } from "../../gateway/client/expose.mjs";
import { backendProcess } from "./backend_process.ts";
import { eventually, FORWARDERS, freePort, moduleOf, running, temporaryFolder, type Under } from "./gateway_under_test.ts";
import { helloWith, records, serverName } from "./hello_bytes.ts";
import { atEnd } from "../suite.ts";

const test = suite("proxy header");

interface ReadHeader {
  readonly source: string;
  readonly local: string;
  readonly fields: ReadonlyMap<number, Buffer>;
  readonly rest: Buffer;
}

/** Null where the header has not all come. */
function readHeader(bytes: Buffer): ReadHeader | null {
  if (bytes.subarray(0, 6).toString("latin1") === "PROXY ") return readLine(bytes);
  if (bytes.length < 16) return null;
  assert.is(bytes.subarray(0, 12).toString("hex"), "0d0a0d0a000d0a515549540a");
  assert.is(bytes[12], 0x21, "version 2, PROXY");
  const end = 16 + bytes.readUInt16BE(14);
  if (bytes.length < end) return null;
  const v4 = bytes[13] === 0x11;
  assert.ok(v4 || bytes[13] === 0x21, "a stream over IPv4 or IPv6");
  const size = v4 ? 4 : 16;
  const text = (at: number): string =>
    v4 ? [...bytes.subarray(at, at + 4)].join(".") : Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(at + 2 * i).toString(16)).join(":");
  const fields = new Map<number, Buffer>();
  for (let at = 16 + 2 * size + 4; at < end;) {
    const length = bytes.readUInt16BE(at + 1);
    assert.not.ok(fields.has(bytes[at] ?? -1), "no field twice");
    fields.set(bytes[at] ?? -1, bytes.subarray(at + 3, at + 3 + length));
    at += 3 + length;
    assert.ok(at <= end, "a field ends within the header");
  }
  return {
    source: `${text(16)} ${bytes.readUInt16BE(16 + 2 * size)}`,
    local: `${text(16 + size)} ${bytes.readUInt16BE(16 + 2 * size + 2)}`,
    fields,
    rest: bytes.subarray(end),
  };
}

function readLine(bytes: Buffer): ReadHeader | null {
  const end = bytes.indexOf("\r\n");
  if (end < 0) return null;
  assert.ok(end + 2 <= 107, "the longest line of version 1");
  const [, family, source, local, from, to, ...more] = bytes.subarray(0, end).toString("latin1").split(" ");
  assert.equal(more, []);
  assert.ok(family === "TCP4" || family === "TCP6");
  return { source: `${source} ${from}`, local: `${local} ${to}`, fields: new Map(), rest: bytes.subarray(end + 2) };
}

interface Behind {
  readonly server: Server;
  readonly headers: ReadHeader[];
  /** All bytes of each connection, in the order of the connections. */
  readonly all: Buffer[];
}

/** Answers with what came behind the header. */
function behind(): Behind {
  const headers: ReadHeader[] = [];
  const all: Buffer[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const at = all.push(Buffer.alloc(0)) - 1;
    let isRead = false;
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      all[at] = Buffer.concat([all[at] ?? Buffer.alloc(0), chunk]);
      if (isRead) return void socket.write(chunk);
      const header = readHeader(all[at] ?? Buffer.alloc(0));
      if (header === null) return;
      isRead = true;
      headers.push(header);
      if (header.rest.length > 0) socket.write(header.rest);
    });
    socket.on("end", () => socket.end());
  });
  atEnd(() => void server.close());
  return { server, headers, all };
}

function at(server: Server, where: { readonly host: string }): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    const done = (): void => {
      const address = server.address();
      resolve(address === null || typeof address === "string" ? 0 : address.port);
    };
    server.listen({ host: where.host, port: 0 }, done);
  });
}

/** The answer to `bytes`, up to as many; the client's own port. */
function echoed(
  port: number,
  bytes: Buffer,
  host = "127.0.0.1",
  from?: string,
): Promise<{ readonly got: string; readonly port: number; readonly address: string }> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host, ...(from === undefined ? {} : { localAddress: from }) });
    let got = Buffer.alloc(0);
    let own = { port: 0, address: "" };
    socket.on("connect", () => {
      own = { port: socket.localPort ?? 0, address: socket.localAddress ?? "" };
      socket.write(bytes);
    });
    socket.on("data", (chunk) => {
      got = Buffer.concat([got, chunk]);
      if (got.length >= bytes.length) socket.end();
    });
    socket.on("error", reject);
    socket.on("close", () => resolve({ got: got.toString("latin1"), ...own }));
  });
}

const WAYS = [
  ...FORWARDERS.map((forwarder) => ({ forwarder, threads: 1 })),
  ...(FORWARDERS.includes("kernel") ? [{ forwarder: "kernel" as const, threads: 3 }] : []),
];

for (const { forwarder, threads } of WAYS)
  for (const version of ["v1", "v2"] as const) {
    const title = `forwarder ${forwarder}, ${threads} threads, ${version}`;
    const gatewayOf = (policy: string): Promise<Under> => running({ policy, forwarder, threads });

    test(`${title}: a backend hears of the client and of where it connected to, then its bytes`, async () => {
      const there = behind();
      const backend = await at(there.server, { host: "127.0.0.1" });
      const port = await freePort();
      const gateway = await gatewayOf(`edition 1\nexpose web on tcp ${port} { backend 127.0.0.1:${backend} proxy ${version} allow from any }`);
      const four = await echoed(port, Buffer.from("hello"), "127.0.0.7", "127.0.0.9");
      assert.is(four.got, "hello");
      assert.equal([there.headers[0]?.source, there.headers[0]?.local], [`127.0.0.9 ${four.port}`, `127.0.0.7 ${port}`]);
      const six = await echoed(port, Buffer.from("hello"), "::1");
      assert.is(six.got, "hello");
      const v6 = version === "v1" ? "::1" : "0:0:0:0:0:0:0:1";
      assert.equal([there.headers[1]?.source, there.headers[1]?.local], [`${v6} ${six.port}`, `${v6} ${port}`]);
      assert.equal([...(there.headers[0]?.fields.keys() ?? [])], [], "there is nothing more to say of plain tcp");
      await gateway.stop();
    });

    test(`${title}: over a unix socket`, async () => {
      const path = join(temporaryFolder(), "b.sock");
      const apart = await backendProcess(path, "", { repeats: true });
      atEnd(() => apart?.stop());
      const port = await freePort();
      const gateway = await gatewayOf(`edition 1\nexpose web on tcp ${port} { backend unix "${path}" proxy ${version} allow from any }`);
      let got = Buffer.alloc(0);
      const socket = connect({ port, host: "127.0.0.1" }, () => void socket.write("x"));
      socket.on("data", (chunk) => (got = Buffer.concat([got, chunk])));
      await eventually(() => readHeader(got)?.rest.toString() === "x", "the header and the byte behind it");
      assert.is(readHeader(got)?.source, `127.0.0.1 ${socket.localPort}`);
      socket.destroy();
      await gateway.stop();
    });

    test(`${title}: a hello that goes through comes behind it, whole, and version 2 has its name`, async () => {
      const there = behind();
      const backend = await at(there.server, { host: "127.0.0.1" });
      const port = await freePort();
      const gateway = await gatewayOf(`edition 1\nexpose web on tcp ${port} as passthrough { backend 127.0.0.1:${backend} proxy ${version} allow from any }`);
      const hello = records(helloWith(serverName("WWW.Example.com")));
      const one = await echoed(port, hello);
      assert.is(one.got, hello.toString("latin1"));
      assert.is(there.headers[0]?.source, `127.0.0.1 ${one.port}`);
      assert.is(there.headers[0]?.fields.get(0x02)?.toString(), version === "v2" ? "www.example.com" : undefined);
      await gateway.stop();
    });

    test(`${title}: without the clause nothing is added, and a header of the client's own is data`, async () => {
      const there = behind();
      const backend = await at(there.server, { host: "127.0.0.1" });
      const [port, plain] = [await freePort(), await freePort()];
      const gateway = await gatewayOf(`edition 1
expose web on tcp ${port} { backend 127.0.0.1:${backend} proxy ${version} allow from any }
expose bare on tcp ${plain} { backend 127.0.0.1:${backend} allow from any }`);
      const forged = "PROXY TCP4 203.0.113.9 198.51.100.1 1 2\r\n";
      const one = await echoed(port, Buffer.from(forged));
      assert.is(there.headers[0]?.source, `127.0.0.1 ${one.port}`);
      assert.is(one.got, forged);
      const socket = connect({ port: plain, host: "127.0.0.1" }, () => void socket.write(`${forged}x`));
      await eventually(() => there.all[1]?.toString("latin1") === `${forged}x`, "the bytes as they were sent");
      socket.destroy();
      await gateway.stop();
    });

    test(`${title}: 1,000 clients from as many addresses are distinguished`, async () => {
      const there = behind();
      const backend = await at(there.server, { host: "127.0.0.1" });
      const port = await freePort();
      const gateway = await gatewayOf(
        `edition 1\nexpose web on tcp ${port} { backend 127.0.0.1:${backend} proxy ${version} cap 5000 connections allow from any }`,
      );
      const sources = Array.from({ length: 1_000 }, (_, i) => `127.1.${i >> 8}.${i & 255}`);
      for (let i = 0; i < sources.length; i += 50) {
        const some = await Promise.all(sources.slice(i, i + 50).map(async (from) => ({ from, ...(await echoed(port, Buffer.from(from), "127.0.0.1", from)) })));
        for (const { from, got } of some) assert.is(got, from);
      }
      assert.is(new Set(there.headers.map(({ source }) => source.split(" ")[0])).size, 1_000);
      for (const { source, rest } of there.headers) if (rest.length > 0) assert.is(source.split(" ")[0], rest.toString());
      await gateway.stop();
    });
  }

test("a registered backend gets the header that its intent names, and a registration without one gets none", async () => {
  if (peerCredentials() === null) return;
  const there = behind();
  const backend = await at(there.server, { host: "127.0.0.1" });
  const port = await freePort();
  const gateway = await running({
    policy: `edition 1\nexpose web on tcp ${port} { allow from any }\nexpose dns service web on udp ${port} { amplify any allow from any }`,
    config: `[services.web]\nuid = ${process.getuid?.() ?? 0}\n[policy]\nwatch = false`,
  });
  const intent = { service: "web", port, backend: `127.0.0.1:${backend}`, socket: gateway.daemon.controlPath };
  for (const [proxy, first] of [
    ["v1", "P"],
    ["v2", "\r"],
    [undefined, "x"],
  ] as const) {
    const exposure = await expose({ ...intent, ...(proxy !== undefined && { proxy }) });
    const before = there.all.length;
    const socket = connect({ port, host: "127.0.0.1" }, () => void socket.write("x"));
    await eventually(() => (there.all[before]?.length ?? 0) > 0, "bytes at the backend");
    assert.is(there.all[before]?.toString("latin1")[0], first);
    socket.destroy();
    await exposure.close();
  }
  let refused = "";
  await expose({ ...intent, proto: "udp", proxy: "v2" }).catch((error: unknown) => (refused = error instanceof ExposeError ? error.message : "another error"));
  assert.match(refused, /`proxy` = "v2": the gateway forwards no connections over udp/);
  const other = await gateway.control();
  for (const proxy of ["v3", "", 2, null]) {
    const answer = await other.call("register", { service: "web", proto: "tcp", port, mode: "tcp", backend: `127.0.0.1:${backend}`, proxy });
    assert.ok("error" in answer, String(proxy));
  }
  other.close();
  await gateway.stop();
});

test("an expose whose backend changes from none to proxy v2 by a reload sends a header for its next client", async () => {
  const there = behind();
  const backend = await at(there.server, { host: "127.0.0.1" });
  const port = await freePort();
  const policy = (proxy: string): string => `edition 1\nexpose web on tcp ${port} { backend 127.0.0.1:${backend}${proxy} allow from any }`;
  const gateway = await running({ policy: policy(" proxy v1") });
  await echoed(port, Buffer.from("a"));
  gateway.place(moduleOf(policy(" proxy v2")));
  await gateway.daemon.reload();
  await echoed(port, Buffer.from("b"));
  assert.equal(
    there.all.map((bytes) => bytes[0]),
    ["P".charCodeAt(0), 0x0d],
  );
  await gateway.stop();
});

test("mtls: version 2 has the name, the identity by which the rule admits, and the certificate's hash", () => {
  const there = behind();
  return at(there.server, { host: "127.0.0.1" }).then((backend) =>
    within('allow from any client uri "spiffe://corp.example/ops/*" allow named other from any client dns "z.example"', {}, async (s) => {
      s.gateway.place(
        moduleOf(
          s
            .policy('allow from any client uri "spiffe://corp.example/ops/*" allow from any client dns "z.example"')
            .replace(/backend \S+/, `backend 127.0.0.1:${backend} proxy v2`),
        ),
      );
      await s.gateway.daemon.reload();
      const mine = s.issue({ names: [dns("a.example"), uri("spiffe://corp.example/ops/web"), uri("urn:before")] });
      await call(s, { certificate: mine });
      await eventually(() => there.headers.length === 1, "the header");
      const { fields } = there.headers[0] ?? { fields: new Map<number, Buffer>() };
      assert.equal([...fields.keys()], [0x02, 0x20, 0xe0, 0xe1]);
      assert.is(fields.get(0x20)?.toString("hex"), "0300000000", "TLS, a certificate in this connection, verified");
      assert.is(fields.get(0xe0)?.toString(), "uri:spiffe://corp.example/ops/web");
      assert.is(fields.get(0xe1)?.toString("hex"), createHash("sha256").update(mine.der).digest("hex"));
    }),
  );
});

for (const engine of ["openssl", "node"] as const)
  test(`TLS by ${engine}: version 2 has the protocol that was negotiated, and none where none was`, async () => {
    if (engine === "openssl" && !FORWARDERS.includes("kernel")) return;
    const there = behind();
    const backend = await at(there.server, { host: "127.0.0.1" });
    const folder = temporaryFolder();
    const site = authority("site root");
    put(folder, "web", leaf(site, { names: [dns("www.example.com")] }));
    const [port, plain] = [await freePort(), await freePort()];
    const gateway = await running({
      folder,
      engine: FORWARDERS.includes("kernel") ? engine : undefined,
      policy: `edition 1
expose web on tcp ${port} as tls { backend 127.0.0.1:${backend} proxy v2 cert "web" alpn "h2", "http/1.1" allow from any }
expose bare on tcp ${plain} as tls { backend 127.0.0.1:${backend} proxy v2 cert "web" allow from any }`,
      config: `[certs.web]\ncert = "${folder}/web.pem"\nkey = "${folder}/web.key"`,
    });
    for (const [to, offers, due] of [
      [port, ["http/1.1", "h2"], "h2"],
      [port, ["x", "http/1.1"], "http/1.1"],
      [port, [], undefined],
      [plain, ["h2"], undefined],
    ] as const) {
      const before = there.headers.length;
      await call({ port: to, site }, { options: { ALPNProtocols: [...offers] } });
      await eventually(() => there.headers.length > before, "the header");
      assert.is(there.headers[before]?.fields.get(0x01)?.toString(), due, offers.join());
      assert.is(there.headers[before]?.fields.get(0x02)?.toString(), "www.example.com");
    }
    await gateway.stop();
  });

const V4 = parseAddress("192.0.2.1") ?? ([0, 0, 0, 0] satisfies Address);
const V6 = parseAddress("2001:db8::1") ?? ([0, 0, 0, 0] satisfies Address);

test("the fields have at most 1 KiB: an identity for which there is no room is left out, and nothing is cut", () => {
  const name = "n".repeat(200);
  const sha256 = new Uint8Array(32).fill(7);
  const client = (identity: string) => ({ source: { address: V4, port: 1 }, local: { address: V4, port: 2 }, name, certified: { identity, sha256 } });
  const room = FIELDS_MOST_BYTES - (3 + 200) - (3 + 5) - (3 + 32) - 3;
  for (const [length, isThere] of [
    [room, true],
    [room + 1, false],
  ] as const) {
    const header = proxyHeader("v2", client("i".repeat(length)));
    const fields = header === null ? null : readHeader(header);
    assert.is(fields?.fields.get(0xe0)?.length, isThere ? length : undefined);
    assert.is(fields?.fields.get(0xe1)?.length, 32);
    assert.is(fields?.fields.get(0x02)?.length, 200);
    assert.ok((header?.length ?? 0) <= 16 + 12 + FIELDS_MOST_BYTES);
  }
});

test("addresses of two families have no header", () => {
  for (const version of ["v1", "v2"] as const)
    assert.is(proxyHeader(version, { source: { address: V4, port: 1 }, local: { address: V6, port: 2 }, name: null, certified: null }), null);
});

test.run();
