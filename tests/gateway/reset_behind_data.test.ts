// A side that breaks off right behind its bytes is never shown as one that has ended, in any mode and in
// both directions; and what has ended is never shown as broken off. The gateway reads both in one turn, so
// that a reset waits behind data each time.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect as connectPlain, createServer, type Socket } from "node:net";
import { connect as connectTls, createSecureContext, TLSSocket } from "node:tls";
import { join } from "node:path";
import { OPEN } from "../../gateway/connection/states.ts";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { authority, dns, leaf, uri } from "../tls/certificates.ts";
import { watch, Wire, type Seen } from "../tls/exact_end.ts";
import { put, putAuthority } from "../tls/tls_under_test.ts";
import { breakOff } from "../../gateway/forward/relay.ts";
import { overlay } from "../../gateway/tls/tls_end.ts";
import type { End } from "../../gateway/end.ts";
import { eventually, FORWARDERS, freePort, listening, moduleOf, running, temporaryFolder, type ForwarderName, type Under } from "./gateway_under_test.ts";

const one = suite("reset behind data");

function test(name: string, body: (forwarder: ForwarderName, engine?: Engine) => Promise<void>): void {
  for (const forwarder of FORWARDERS) one(`${forwarder}: ${name}`, () => body(forwarder));
}

type Engine = "openssl" | "node";

/** Where TLS ends here the kernel's forwarder has two engines, of which the other tests have the default. */
function testEngines(mode: Mode, name: string, body: (forwarder: ForwarderName, engine?: Engine) => Promise<void>): void {
  test(name, body);
  if (mode !== "tls" && mode !== "mtls") return;
  for (const forwarder of FORWARDERS.filter((each) => each === "kernel")) one(`${forwarder}, Node's TLS: ${name}`, () => body(forwarder, "node"));
}

const HALF = Buffer.alloc(50_000, "half ");
const ROUNDS = 5;
const MODES = ["tcp", "passthrough", "tls", "mtls"] as const;
type Mode = (typeof MODES)[number];

interface World {
  readonly gateway: Under;
  /** A client that is served; its TLS, where it has one, is established. */
  client(): Promise<Side>;
  /** The backend's side of the next connection. */
  accepted(): Promise<Side>;
  place(rule: string): Promise<unknown>;
  stop(): Promise<void>;
}

interface Side {
  readonly socket: Socket;
  /** The TCP socket beneath, or the same. */
  readonly raw: Socket;
  readonly wire: Wire | null;
}

const watched = ({ socket, wire }: Side): ReturnType<typeof watch> => watch(socket, wire);

async function world(forwarder: ForwarderName, mode: Mode, how: { readonly config?: string; readonly engine?: Engine | undefined } = {}): Promise<World> {
  const folder = temporaryFolder();
  const [site, clients] = [authority("site root"), authority("client root")];
  const shown = leaf(site, { names: [dns("www.example.com")] });
  const own = leaf(clients, { names: [uri("spiffe://corp.example/ops")] });
  put(folder, "web", shown);
  putAuthority(folder, "corp", clients);
  const pending: Side[] = [];
  const terminator = createSecureContext({ cert: shown.pem, key: shown.key });
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (raw) => {
    raw.on("error", () => undefined);
    if (mode !== "passthrough") {
      pending.push({ socket: raw, raw, wire: null });
      return;
    }
    const wire = new Wire(raw);
    const socket = new TLSSocket(wire, { isServer: true, secureContext: terminator });
    wire.transports(socket);
    socket.allowHalfOpen = true;
    socket.on("error", () => undefined);
    socket.once("secure", () => pending.push({ socket, raw, wire }));
  });
  const behind = `127.0.0.1:${await listening(server)}`;
  const port = await freePort();
  const as = mode === "tcp" ? "" : ` as ${mode}`;
  const shows = mode === "tls" || mode === "mtls" ? 'cert "web"' : "";
  const authorities = mode === "mtls" ? 'ca "corp"' : "";
  const policy = (rule: string): string => `edition 1\nexpose web on tcp ${port}${as} { backend ${behind} ${shows} ${authorities} ${rule} }`;
  const rule = mode === "mtls" ? 'allow from any client uri "spiffe://corp.example/ops"' : "allow from any";
  const gateway = await running({
    forwarder,
    ...(how.engine !== undefined && { engine: how.engine }),
    folder,
    policy: policy(rule),
    config: `${how.config ?? ""}\n[certs.web]\ncert = "${folder}/web.pem"\nkey = "${folder}/web.key"\n[cas.corp]\nfile = "${folder}/corp.pem"\n`,
  });
  return {
    gateway,
    async client() {
      const raw = connectPlain({ port, host: "127.0.0.1", allowHalfOpen: true });
      raw.on("error", () => undefined);
      if (mode === "tcp") {
        await once(raw, "connect");
        return { socket: raw, raw, wire: null };
      }
      const wire = new Wire(raw);
      const socket = connectTls({
        socket: wire,
        ca: site.pem,
        servername: "www.example.com",
        checkServerIdentity: () => undefined,
        ...(mode === "mtls" && { cert: own.pem, key: own.key }),
      });
      wire.transports(socket);
      socket.allowHalfOpen = true;
      socket.on("error", () => undefined);
      await once(socket, "secureConnect");
      return { socket, raw, wire };
    },
    async accepted() {
      await eventually(() => pending.length > 0, "a connection at the backend");
      const socket = pending.shift();
      if (socket === undefined) throw new Error("no connection");
      return socket;
    },
    place(text) {
      gateway.place(moduleOf(policy(text)));
      return gateway.daemon.reload();
    },
    async stop() {
      await gateway.stop();
      server.close();
    },
  };
}

for (const mode of MODES) {
  testEngines(mode, `${mode}: the backend breaks off behind its data`, async (forwarder, engine) => {
    const w = await world(forwarder, mode, { engine });
    for (let round = 0; round < ROUNDS; round++) {
      const client = await w.client();
      const came = watched(client);
      const backend = await w.accepted();
      backend.socket.write(HALF);
      // A reset before that is a backend that refuses.
      const { table } = w.gateway.daemon.forwarder;
      await eventually(() => table.state.includes(OPEN), "the gateway's connection to its backend");
      backend.raw.resetAndDestroy();
      assert.is((await came).seen, "reset", `round ${round}`);
      client.socket.destroy();
    }
    await eventually(() => w.gateway.daemon.forwarder.live === 0, "all are gone");
    // As passthrough it is the client that sees that TLS was cut, or the gateway that the stream was.
    assert.equal(JSON.stringify([...w.gateway.daemon.counters.ends]), `[["backend_reset",${ROUNDS}]]`);
    await w.stop();
  });

  testEngines(mode, `${mode}: the client breaks off behind its data`, async (forwarder, engine) => {
    const w = await world(forwarder, mode, { engine });
    for (let round = 0; round < ROUNDS; round++) {
      const { socket, raw } = await w.client();
      const came = watched(await w.accepted());
      socket.write(HALF);
      raw.resetAndDestroy();
      assert.is((await came).seen, "reset", `round ${round}`);
      socket.destroy();
    }
    await eventually(() => w.gateway.daemon.counters.ends.get("client_reset") === ROUNDS, "they are counted");
    await w.stop();
  });

  testEngines(mode, `${mode}: what ends stays an end, with all its bytes, and the other direction continues`, async (forwarder, engine) => {
    const w = await world(forwarder, mode, { engine });
    for (const first of ["client", "backend"] as const) {
      const client = await w.client();
      const backend = await w.accepted();
      const [one, other] = first === "client" ? [client, backend] : [backend, client];
      const [there, back] = [watched(other), watched(one)];
      one.socket.end(HALF);
      assert.equal(await there, { seen: "end", bytes: HALF.length }, `${first} first`);
      other.socket.end(HALF);
      assert.equal(await back, { seen: "end", bytes: HALF.length }, `${first} first, and the answer`);
    }
    await eventually(() => w.gateway.daemon.counters.ends.get("done") === 2, "both ended in order");
    await w.stop();
  });

  testEngines(mode, `${mode}: what the gateway cuts is broken off on both sides`, async (forwarder, engine) => {
    const w = await world(forwarder, mode, { engine, config: "[timers]\nidle_ms = 5000" });
    const cuts: readonly (readonly [end: End, cut: () => unknown])[] = [
      ["idle", () => w.gateway.clock.advance(6_000)],
      ["rechecked", () => w.place(mode === "mtls" ? 'allow from 192.0.2.1 client uri "spiffe://corp.example/ops"' : "allow from 192.0.2.1")],
    ];
    for (const [end, cut] of cuts) {
      const seen = [watched(await w.client())];
      const backend = await w.accepted();
      seen.push(watched(backend));
      backend.socket.write(HALF);
      await eventually(() => (w.gateway.daemon.forwarder.table.bytesOut[0] ?? 0) >= HALF.length, "half an answer");
      await cut();
      assert.equal(
        (await Promise.all(seen)).map((x) => x.seen),
        ["reset", "reset"],
        end,
      );
      await eventually(() => w.gateway.daemon.counters.ends.get(end) === 1, end);
    }
    await w.stop();
  });
}

test("a unix backend that closes with unread data has broken off, and one that ends has not", async (forwarder) => {
  // A process of its own: the gateway never connects to a socket of its own process.
  const program = `let last; const server = require("node:net").createServer({ pauseOnConnect: true }, (s) => { last = s; s.write("x".repeat(50000)); });
process.on("message", () => last.destroy());
server.listen(process.argv[1], () => process.send("listens"));`;
  const folder = temporaryFolder();
  const path = join(folder, "backend.sock");
  const child = spawn(process.execPath, ["-e", program, path], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  await once(child, "message");
  const port = await freePort();
  const gateway = await running({ forwarder, folder, policy: `edition 1\nexpose web on tcp ${port} { backend unix "${path}" allow from any }` });
  const { table } = gateway.daemon.forwarder;
  for (const [seen, sent] of [
    ["reset", "never read"],
    ["end", ""],
  ] as const) {
    for (let round = 0; round < ROUNDS; round++) {
      const socket = connectPlain({ port, host: "127.0.0.1", allowHalfOpen: true });
      const came = watch(socket, null);
      if (sent !== "") socket.write(sent);
      await eventually(() => gateway.daemon.forwarder.live === 1 && table.bytesOut[0] === HALF.length && table.bytesIn[0] === sent.length, "half an answer");
      child.send("close");
      assert.equal(await came, { seen, bytes: HALF.length }, `${sent} ${round}`);
      socket.destroy();
      await eventually(() => gateway.daemon.forwarder.live === 0, "it is gone");
    }
  }
  await gateway.stop();
  child.kill();
});

test("a reset waits while its side is not read: it is seen after the data", async (forwarder) => {
  const w = await world(forwarder, "tcp");
  const client = await w.client();
  const { socket: backend } = await w.accepted();
  client.socket.pause();
  const much = Buffer.alloc(8 * 1024 * 1024);
  backend.write(much);
  let [still, last] = [0, -1];
  await eventually(() => {
    const now = w.gateway.daemon.forwarder.table.bytesOut[0] ?? 0;
    still = now === last && now > 0 ? still + 1 : 0;
    last = now;
    return still > 1_000;
  }, "the client's side is full");
  backend.resetAndDestroy();
  const { seen, bytes } = await watched(client);
  assert.is(seen, "reset");
  assert.ok(bytes < much.length);
  await w.stop();
});

test("a client that has ended, and resets when it is answered, has ended: its upload is whole", async (forwarder) => {
  const w = await world(forwarder, "tcp");
  const { socket } = await w.client();
  const side = await w.accepted();
  const backend = side.socket;
  // Half a stream is in the way, so that the end is passed on only after the reset has come.
  socket.end(HALF);
  await once(socket, "finish");
  backend.write("an answer that comes too late");
  socket.destroy();
  assert.equal(await watched(side), { seen: "end", bytes: HALF.length });
  backend.destroy();
  await w.stop();
});

test("TLS that ends without a close_notify was cut, and what came before is passed on first", async (forwarder) => {
  for (const mode of ["tls", "mtls"] as const) {
    const w = await world(forwarder, mode);
    const ways: readonly (readonly [what: string, seen: Seen, disconnect: (client: Side) => void])[] = [
      ["the end of TCP alone", "reset", ({ raw }) => raw.end()],
      ["a close_notify, then the end of TCP", "end", ({ socket }) => socket.end()],
      ["a close_notify, then a reset", "end", ({ socket, raw }) => socket.end(() => raw.resetAndDestroy())],
    ];
    for (const [what, seen, disconnect] of ways) {
      for (let round = 0; round < ROUNDS; round++) {
        const client = await w.client();
        const backend = await w.accepted();
        await new Promise((resolve) => client.socket.write(HALF, resolve));
        const came = watched(backend);
        disconnect(client);
        assert.equal(await came, { seen, bytes: HALF.length }, `${mode}, ${what}, round ${round}`);
        backend.socket.destroy();
        client.socket.destroy();
      }
    }
    // The backend is slow: the end comes while its side is full.
    for (const [what, seen, disconnect] of ways.slice(0, 2)) {
      const client = await w.client();
      const backend = await w.accepted();
      const much = Buffer.alloc(6 * 1024 * 1024, "much ");
      client.socket.write(much, () => disconnect(client));
      let [still, last] = [0, -1];
      await eventually(() => {
        const now = w.gateway.daemon.counters.bytesFromClients + w.gateway.daemon.forwarder.table.bytesIn.reduce((a, b) => a + b, 0);
        still = now === last ? still + 1 : 0;
        last = now;
        return still > 1_000;
      }, "the backend's side is full");
      const came = await watched(backend);
      assert.is(came.seen, seen, `${mode}, ${what}, slowly`);
      // A reset takes away what the kernel has not sent yet.
      if (seen === "end") assert.is(came.bytes, much.length);
      backend.socket.destroy();
      client.socket.destroy();
    }
    await w.stop();
  }
});

test("a backend's process that is killed over a request that it has not read has broken off", async (forwarder) => {
  const program = `const server = require("node:net").createServer({ pauseOnConnect: true }, (s) => { s.write("x".repeat(50000)); });
server.listen(0, "127.0.0.1", () => console.log(server.address().port));`;
  const child = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] });
  const printed: readonly unknown[] = await once(child.stdout, "data");
  const port = await freePort();
  const gateway = await running({
    forwarder,
    policy: `edition 1\nexpose web on tcp ${port} { backend 127.0.0.1:${Number(String(printed[0]))} allow from any }`,
  });
  const socket = connectPlain({ port, host: "127.0.0.1", allowHalfOpen: true });
  const came = watch(socket, null);
  socket.write("a request");
  const { table } = gateway.daemon.forwarder;
  await eventually(() => table.bytesOut[0] === HALF.length && (table.bytesIn[0] ?? 0) > 0, "half an answer");
  child.kill("SIGKILL");
  assert.is((await came).seen, "reset");
  await gateway.stop();
});

one("what is broken off while TLS ends the transport is closed all the same", async () => {
  const shown = leaf(authority("site root"), { names: [dns("www.example.com")] });
  const errors: string[] = [];
  const ends: Promise<unknown>[] = [];
  const server = createServer({ allowHalfOpen: true }, (raw) => {
    raw.on("error", (error: NodeJS.ErrnoException) => errors.push(error.code ?? error.message));
    ends.push(once(raw, "close"));
    const secured = new TLSSocket(raw, { isServer: true, secureContext: createSecureContext({ cert: shown.pem, key: shown.key }) });
    overlay(secured, raw);
    secured.on("error", () => undefined);
    secured.once("data", () => {
      // The other side's end is passed on, and its failure is seen before the loop has run.
      secured.end();
      breakOff(secured);
    });
  });
  const port = await listening(server);
  const client = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false });
  client.on("error", () => undefined);
  client.write("hello");
  await once(client, "close");
  await Promise.all(ends);
  assert.equal([ends.length, errors], [1, []]);
  server.close();
});

one.run();
