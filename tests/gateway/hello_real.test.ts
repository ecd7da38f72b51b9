// Hellos of real clients, and what a real TLS server reads from the same bytes: the gateway and
// the backend must never see two names in one hello.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer as createTcpServer, type AddressInfo } from "node:net";
import { Duplex } from "node:stream";
import { connect, createServer, type ConnectionOptions } from "node:tls";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { createHelloReader } from "../../gateway/tls/client_hello.ts";
import { canonicalServerName } from "../../gateway/tls/server_name.ts";
import { skip } from "../skip.ts";
import { decidedByName, type DecidedByName } from "./decided_by_name.ts";
import { alpn, bytes, extension, helloWith, hostName, record, recorded, records, serverName, u16, u8, vector16 } from "./hello_bytes.ts";

const test = suite("real hellos");
const X25519MLKEM768 = 0x11ec;
/** The bytes in one segment on an Ethernet path (1,500 less the headers and the options). */
const SEGMENT_BYTES = 1448;

function read(...chunks: readonly Buffer[]): DecidedByName {
  const reader = createHelloReader();
  let answer: DecidedByName = { kind: "more" };
  for (const chunk of chunks) answer = decidedByName(reader.feed(chunk));
  return answer;
}

test("recorded hellos", () => {
  for (const { name, stream, alpn: protocols } of recorded()) {
    assert.equal(read(stream), { kind: "hello", hello: { serverName: "www.example.com", alpn: protocols, streamBytes: stream.length } }, name);
  }
});

test("a post-quantum hello comes in two segments", () => {
  const large = recorded().filter(({ stream }) => stream.length > SEGMENT_BYTES);
  assert.equal(
    large.map(({ name }) => name),
    ["chromium156", "node24", "go126"],
  );
  for (const { name, stream } of large) {
    const key = stream.indexOf(bytes(u16(X25519MLKEM768), u16(1216)));
    assert.ok(key > 0, `${name} has the share of X25519MLKEM768`);
    const first = stream.subarray(0, SEGMENT_BYTES);
    assert.is(read(first).kind, "more", name);
    const answer = read(first, stream.subarray(SEGMENT_BYTES));
    assert.ok(answer.kind === "hello" && answer.hello.serverName === "www.example.com", name);
  }
});

/** The other end sees each write; what this end reads is said once, and the stream stays open. */
class Wire extends Duplex {
  #says: Buffer | null;
  readonly written: Buffer[] = [];

  constructor(says: Buffer | null) {
    super();
    this.#says = says;
  }

  override _read(): void {
    if (this.#says === null) return;
    this.push(this.#says);
    this.#says = null;
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.written.push(chunk);
    this.emit("written");
    done();
  }
}

async function firstFlight(options: ConnectionOptions): Promise<Buffer> {
  const wire = new Wire(null);
  const client = connect({ ...options, socket: wire });
  client.on("error", () => wire.destroy());
  // It may have written while it connected.
  if (wire.written.length === 0) await once(wire, "written");
  client.destroy();
  return Buffer.concat(wire.written);
}

test("hellos of this Node", async () => {
  const table: readonly (readonly [what: string, options: ConnectionOptions, name: string | null, protocols: readonly string[]])[] = [
    ["TLS 1.3", { minVersion: "TLSv1.3", servername: "www.example.com" }, "www.example.com", []],
    ["TLS 1.2", { maxVersion: "TLSv1.2", servername: "www.example.com" }, "www.example.com", []],
    ["both, with ALPN", { servername: "www.example.com", ALPNProtocols: ["h2", "http/1.1"] }, "www.example.com", ["h2", "http/1.1"]],
    ["as it was typed", { servername: "WWW.Example.COM." }, "www.example.com", []],
    ["no name", {}, null, []],
    [
      "a long list of protocols",
      { servername: "a.example", ALPNProtocols: Array.from({ length: 200 }, (_, i) => `p-${i}`) },
      "a.example",
      Array.from({ length: 200 }, (_, i) => `p-${i}`),
    ],
  ];
  for (const [what, options, name, protocols] of table) {
    const stream = await firstFlight(options);
    assert.equal(read(stream), { kind: "hello", hello: { serverName: name, alpn: protocols, streamBytes: stream.length } }, what);
  }
});

/**
 * The name as Node's TLS server reads it; null if it reads none or refuses the hello before that. It
 * has no certificate, and the callback of the name returns an error, so that each whole hello ends in
 * `tlsClientError`. The stream must not end before: Node 26 then says nothing of some hellos. If it takes
 * a hello for a part, nothing is pending and the run ends early, which is a failure.
 */
async function backendName(stream: Buffer): Promise<string | null> {
  let name: string | null = null;
  const server = createServer({
    SNICallback(requested, done) {
      name = requested;
      done(new Error("only the name is needed"));
    },
  });
  const wire = new Wire(stream);
  const refused = once(server, "tlsClientError");
  server.emit("connection", wire);
  await refused;
  wire.destroy();
  return name;
}

test("a TLS server reads the same name from a hello", async () => {
  for (const { name, stream } of recorded()) {
    const requested = await backendName(stream);
    assert.equal(requested === null ? null : canonicalServerName(requested), { name: "www.example.com" }, name);
  }
});

/** Neither another name, nor a name where the gateway reads that there is none. */
async function agreesWithBackend(stream: Buffer, what: string): Promise<DecidedByName["kind"]> {
  const answer = read(stream);
  if (answer.kind !== "hello") return answer.kind;
  const requested = await backendName(stream);
  if (requested !== null) assert.equal(canonicalServerName(requested), { name: answer.hello.serverName }, what);
  return answer.kind;
}

test("a TLS server reads no other name from a hello that was changed around its name", async () => {
  const count = { hello: 0, malformed: 0, more: 0 };
  for (const { name, stream } of recorded().filter((r) => r.name === "chromium156" || r.name === "node20_tls12")) {
    const host = stream.toString("latin1").toLowerCase().indexOf("www.example.com");
    assert.ok(host > 0);
    // From the extension's type to what follows the name.
    for (let at = host - 9; at < host + 20; at++) {
      for (const value of [0, 1, 0x2a, 0x2e, 0x61, 0xff]) {
        const mutant = Buffer.from(stream);
        mutant[at] = value;
        count[await agreesWithBackend(mutant, `${name}: byte ${at} is ${value}`)]++;
      }
    }
  }
  // The name's own letters may change; its lengths may not.
  assert.ok(count.hello > 50 && count.malformed > 50, JSON.stringify(count));
});

test("a TLS server reads no other name from an odd hello", async () => {
  const groups = extension(10, vector16(u16(29)));
  const versions = extension(43, bytes(u8(2), u16(0x0304)));
  const list = (...parts: readonly Buffer[]): Buffer => extension(0, vector16(bytes(...parts)));
  const table: readonly (readonly [what: string, stream: Buffer, kind: DecidedByName["kind"]])[] = [
    ["one name", record(helloWith(serverName("a.example"), groups, versions)), "hello"],
    ["in two records", records(helloWith(serverName("a.example"), groups, versions), 90), "hello"],
    ["two names", record(helloWith(serverName("a.example", "b.example"), groups, versions)), "malformed"],
    ["two extensions", record(helloWith(serverName("a.example"), groups, serverName("b.example"), versions)), "malformed"],
    ["another type first", record(helloWith(list(bytes(u8(1), vector16(bytes("b.example"))), hostName("a.example")), groups)), "malformed"],
    ["NUL", record(helloWith(serverName("a.example\0.b.example"), groups, versions)), "malformed"],
    ["a name in ALPN", record(helloWith(alpn("b.example"), serverName("a.example"), groups, versions)), "hello"],
  ];
  for (const [what, stream, kind] of table) assert.is(await agreesWithBackend(stream, what), kind, what);
});

const probe = spawn("openssl", ["version"], { stdio: "ignore" });
const hasOpenssl = await new Promise<boolean>((resolve) => {
  probe.on("error", () => resolve(false));
  probe.on("exit", (code) => resolve(code === 0));
});

async function opensslHello(args: readonly string[]): Promise<Buffer> {
  const listener = createTcpServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;
  const client = spawn("openssl", ["s_client", "-connect", `127.0.0.1:${port}`, ...args], { stdio: ["pipe", "ignore", "ignore"] });
  const ended = once(client, "exit");
  const flight = new Promise<Buffer>((resolve, reject) => {
    listener.once("connection", (socket) => {
      const reader = createHelloReader();
      socket.on("error", reject);
      socket.on("data", (chunk) => {
        if (reader.feed(chunk).kind === "more") return;
        resolve(Buffer.from(reader.bytes()));
        socket.destroy();
      });
    });
    client.once("exit", (code) => reject(new Error(`openssl ended with ${code} before its hello`)));
  });
  try {
    return await flight;
  } finally {
    client.kill("SIGKILL");
    await ended;
    listener.close();
  }
}

if (!hasOpenssl) skip("hellos of openssl s_client", "no openssl command");
else
  test("hellos of openssl s_client", async () => {
    const table: readonly (readonly [args: readonly string[], name: string | null, protocols: readonly string[]])[] = [
      [["-servername", "www.example.com", "-tls1_3", "-alpn", "h2,http/1.1"], "www.example.com", ["h2", "http/1.1"]],
      [["-servername", "www.example.com", "-tls1_2"], "www.example.com", []],
      [["-noservername"], null, []],
    ];
    for (const [args, name, protocols] of table) {
      const stream = await opensslHello(args);
      assert.equal(read(stream), { kind: "hello", hello: { serverName: name, alpn: protocols, streamBytes: stream.length } }, args.join(" "));
    }
  });

test.run();
