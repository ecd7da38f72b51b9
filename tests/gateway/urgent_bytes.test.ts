// A client marks bytes of its stream as urgent (MSG_OOB), again and again: they stay in their place, and nothing is lost.
// Plain tcp is in kernel_transport.test.ts, where a mark is met by a splice.
import { createHash, randomBytes } from "node:crypto";
import { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import * as assert from "uvu/assert";
import { tcpBackend } from "../../gateway/forward/backend.ts";
import { EAGAIN, SHUT_WR, type KernelCalls } from "../../gateway/kernel/calls.ts";
import { usableCalls } from "../../gateway/kernel/self_test.ts";
import { connectTo } from "../../gateway/kernel/sockets.ts";
import { skip } from "../skip.ts";
import { atEnd, suite } from "../suite.ts";
import { authority, dns, leaf } from "../tls/certificates.ts";
import { put } from "../tls/tls_under_test.ts";
import { backend, eventually, freePort, running, temporaryFolder, type Under, type UnderSetup } from "./gateway_under_test.ts";
import { helloWith, records, serverName } from "./hello_bytes.ts";

const test = suite("urgent bytes");
const usable = await usableCalls();

const WWW = "www.example.com";
const MSG_OOB = 1;
const READ_BYTES = 64 * 1024;

const ENGINES: readonly (readonly [what: string, setup: Pick<UnderSetup, "engine" | "threads">])[] = [
  ["OpenSSL's engine", { engine: "openssl", threads: 1 }],
  ["Node's engine", { engine: "node", threads: 1 }],
  ["three threads", { engine: "openssl", threads: 3 }],
];

/** A TCP stream whose bytes are sent by the kernel's calls: while `isUrgent`, the last byte of each write is marked. */
class UrgentWire extends Duplex {
  readonly #calls: KernelCalls;
  readonly #fd: number;
  readonly #into = Buffer.alloc(READ_BYTES);
  isUrgent = false;
  marks = 0;

  constructor(calls: KernelCalls, port: number) {
    super({ allowHalfOpen: true });
    const address = tcpBackend("127.0.0.1", port);
    if (typeof address === "string") throw new Error(address);
    this.#calls = calls;
    this.#fd = connectTo(calls, address);
    assert.ok(this.#fd >= 0);
    atEnd(() => {
      this.destroy();
    });
  }

  override _read(): void {
    if (this.destroyed) return;
    const got = this.#calls.recv(this.#fd, this.#into, READ_BYTES, 0);
    if (got === -EAGAIN) setImmediate(() => this._read());
    else this.push(got > 0 ? Buffer.from(this.#into.subarray(0, got)) : null);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.destroyed) return done();
    const sent = this.#calls.send(this.#fd, chunk, chunk.length, this.isUrgent ? MSG_OOB : 0);
    if (sent === chunk.length) {
      if (this.isUrgent) this.marks++;
      done();
    } else if (sent > 0 || sent === -EAGAIN) setImmediate(() => this._write(sent > 0 ? chunk.subarray(sent) : chunk, "binary", done));
    else done(new Error(`send: ${sent}`));
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#calls.shutdown(this.#fd, SHUT_WR);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#calls.close(this.#fd);
    done(error);
  }
}

function digestOf(stream: Duplex): Promise<string> {
  const hash = createHash("sha256");
  return new Promise((resolve, reject) => {
    stream.on("data", (chunk: Buffer) => hash.update(chunk));
    stream.once("error", reject);
    stream.once("end", () => resolve(hash.digest("hex")));
  });
}

const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

interface World {
  readonly gateway: Under;
  readonly port: number;
  readonly ca: string;
  /** Of all that the backend has got. */
  readonly received: Promise<string>[];
  readonly answer: Buffer;
}

async function world(mode: "tls" | "passthrough", setup: Pick<UnderSetup, "engine" | "threads">): Promise<World> {
  const [folder, site, port] = [temporaryFolder(), authority("site root"), await freePort()];
  put(folder, "web", leaf(site, { names: [dns(WWW)] }));
  const [received, answer]: [Promise<string>[], Buffer] = [[], randomBytes(1_000_000)];
  const behind = await backend("", (socket) => {
    received.push(digestOf(socket));
    socket.end(answer);
  });
  const gateway = await running({
    forwarder: "kernel",
    ...setup,
    folder,
    policy: `edition 1
expose web on tcp ${port} as ${mode} { backend 127.0.0.1:${behind.port} ${mode === "tls" ? 'cert "web"' : ""} allow from any sni "${WWW}" }`,
    config: `[certs.web]\ncert = "${folder}/web.pem"\nkey = "${folder}/web.key"`,
  });
  return { gateway, port, ca: site.pem, received, answer };
}

/** In pieces, so that there are many marks. */
async function sendAll(stream: Duplex, bytes: Buffer): Promise<void> {
  for (let from = 0; from < bytes.length; from += 10_000) {
    const isTaken = stream.write(bytes.subarray(from, from + 10_000));
    if (!isTaken) await new Promise((resolve) => stream.once("drain", resolve));
  }
  stream.end();
}

function tests(calls: KernelCalls): void {
  for (const [what, setup] of ENGINES) {
    test(`under TLS: ${what}`, async () => {
      const w = await world("tls", setup);
      const [wire, bytes] = [new UrgentWire(calls, w.port), randomBytes(2_000_000)];
      const socket = connectTls({ socket: wire, ca: w.ca, servername: WWW });
      await new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
      wire.isUrgent = true;
      const answered = digestOf(socket);
      await sendAll(socket, bytes);
      assert.is(await answered, digest(w.answer));
      assert.is(await w.received[0], digest(bytes));
      assert.ok(wire.marks > 50, `${wire.marks} marks`);
      await eventually(() => w.gateway.daemon.counters.ends.get("done") === 1, "it has ended in order");
    });
  }

  test("behind a hello that is passed on, and right after it", async () => {
    const w = await world("passthrough", { threads: 1 });
    const [wire, hello, bytes] = [new UrgentWire(calls, w.port), records(helloWith(serverName(WWW))), randomBytes(2_000_000)];
    const answered = digestOf(wire);
    wire.write(hello);
    await eventually(() => wire.writableLength === 0, "the hello is sent");
    wire.isUrgent = true;
    await sendAll(wire, bytes);
    assert.is(await answered, digest(w.answer));
    assert.is(await w.received[0], digest(Buffer.concat([hello, bytes])));
    assert.ok(wire.marks > 50, `${wire.marks} marks`);
    await eventually(() => w.gateway.daemon.counters.ends.get("done") === 1, "it has ended in order");
  });

  test("a hello that can't be looked at, because a mark is in it, is refused by its deadline", async () => {
    const w = await world("passthrough", { threads: 1 });
    const [wire, hello] = [new UrgentWire(calls, w.port), records(helloWith(serverName(WWW)))];
    wire.isUrgent = true;
    wire.write(hello.subarray(0, 40));
    await eventually(() => wire.marks === 1, "the mark is sent");
    wire.isUrgent = false;
    wire.write(hello.subarray(40));
    await eventually(() => w.gateway.daemon.forwarder.live === 1, "it is accepted");
    w.gateway.clock.advance(60_000);
    await eventually(() => w.gateway.daemon.forwarder.live === 0, "it is refused");
    assert.equal(
      w.gateway
        .records()
        .filter(({ op }) => op === "accept")
        .map(({ code }) => code),
      ["hello_late"],
    );
    assert.is(w.received.length, 0);
  });
}

if (usable.ok) tests(usable.value);
else skip("urgent bytes", usable.error.because);

test.run();
