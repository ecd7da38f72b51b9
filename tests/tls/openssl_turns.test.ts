// Handshakes within a turn of the event loop, by a clock that only the test moves: a step that is due beyond the time of
// the turn is made in the next one, in order, and everybody is served.
import { connect as connectPlain, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { connect } from "node:tls";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import type { OpensslCalls } from "../../gateway/kernel/openssl.ts";
import { MOST_TURN_MS } from "../../gateway/kernel/poller.ts";
import { made } from "../../gateway/kernel/tls_context.ts";
import { backend, eventually, FORWARDERS, freePort, probe, running, temporaryFolder, type Under } from "../gateway/gateway_under_test.ts";
import { skip } from "../skip.ts";
import { authority, dns, leaf } from "./certificates.ts";
import { OPENSSL } from "./openssl_peer.ts";
import { put } from "./tls_under_test.ts";

const test = suite("openssl turns");
const CLIENTS = 40;

/** Counts the steps of handshakes by turn of the event loop; each moves the gateway's clock. */
class Steps {
  readonly byTurn: number[] = [];
  readonly order: number[] = [];
  gateway: Under | null = null;
  #turn = 0;
  #isOver = false;

  constructor() {
    const next = (): void => {
      this.#turn++;
      if (!this.#isOver) setImmediate(next);
    };
    setImmediate(next);
  }

  stop(): void {
    this.#isOver = true;
  }

  calls(stepMs: number): OpensslCalls {
    return {
      ...OPENSSL,
      SSL_do_handshake: (ssl) => {
        this.byTurn[this.#turn] = (this.byTurn[this.#turn] ?? 0) + 1;
        this.order.push(ssl);
        this.gateway?.clock.advance(stepMs);
        return OPENSSL.SSL_do_handshake(ssl);
      },
    };
  }

  most(): number {
    return Math.max(0, ...this.byTurn.filter((steps) => steps !== undefined));
  }
}

if (!FORWARDERS.includes("kernel")) skip("openssl turns", "the kernel's forwarder does not serve");
else {
  for (const [stepMs, due] of [
    [MOST_TURN_MS - 1, 2],
    [MOST_TURN_MS, 1],
    [10 * MOST_TURN_MS, 1],
  ] as const) {
    test(`${CLIENTS} handshakes at once, of ${stepMs} ms a step: ${due} in a turn, and nobody is left out`, async () => {
      const folder = temporaryFolder();
      const site = authority("site root");
      put(folder, "web", leaf(site, { names: [dns("www.example.com")] }));
      const behind = await backend("greeting");
      const [port, plain] = [await freePort(), await freePort()];
      const steps = new Steps();
      const gateway = await running({
        forwarder: "kernel",
        engine: "openssl",
        openssl: steps.calls(stepMs),
        policy: `edition 1
expose web on tcp ${port} as tls { backend 127.0.0.1:${behind.port} cert "web" allow from any }
expose plain on tcp ${plain} { backend 127.0.0.1:${behind.port} allow from any }`,
        config: `[certs.web]\ncert = "${folder}/web.pem"\nkey = "${folder}/web.key"\n`,
      });
      steps.gateway = gateway;
      const visit = (): Promise<string> =>
        new Promise((resolve) => {
          let got = "";
          const socket = connect({ port, host: "127.0.0.1", ca: site.pem, servername: "www.example.com" });
          socket.on("data", (chunk: Buffer) => {
            got += chunk.toString();
          });
          socket.on("error", () => undefined);
          socket.on("close", () => resolve(got));
          socket.on("secureConnect", () => socket.end("hello"));
        });
      const control = await gateway.control();
      const visits = Promise.all(Array.from({ length: CLIENTS }, visit));
      await eventually(() => steps.order.length >= 4, "the first steps");
      const before = steps.order.length;
      assert.is(await probe(plain), "allow", "others are served meanwhile");
      await control.call("status", {});
      assert.ok(steps.order.length < 2 * CLIENTS, `${before} and ${steps.order.length} of at least ${2 * CLIENTS} steps`);
      assert.equal(
        await visits,
        Array.from({ length: CLIENTS }, () => "greetinghello"),
      );
      steps.stop();
      assert.is(steps.most(), due);
      // The first step of each comes before the second of any that was due later: the order of the queue is kept.
      const firsts = steps.order.slice(0, CLIENTS);
      assert.ok(new Set(firsts).size >= CLIENTS / 2, `${new Set(firsts).size} sessions in the first ${CLIENTS} steps`);
      await gateway.stop();
      behind.close();
      assert.equal(made, { contexts: 0, sessions: 0 });
    });
  }

  test("one whose handshake is put off may go, may be late, and may send on: it is no other's, and all is freed", async () => {
    const folder = temporaryFolder();
    const site = authority("site root");
    put(folder, "web", leaf(site, { names: [dns("www.example.com")] }));
    const behind = await backend("greeting");
    const port = await freePort();
    const steps = new Steps();
    const gateway = await running({
      forwarder: "kernel",
      engine: "openssl",
      openssl: steps.calls(MOST_TURN_MS),
      policy: `edition 1\nexpose web on tcp ${port} as tls { backend 127.0.0.1:${behind.port} cert "web" allow from any }`,
      config: `[certs.web]\ncert = "${folder}/web.pem"\nkey = "${folder}/web.key"\n`,
    });
    // A hello of Node's own, which many raw clients send at once.
    const hello = await new Promise<Buffer>((resolve) => {
      const client = connect({ socket: collecting(resolve), servername: "www.example.com" });
      client.on("error", () => undefined);
    });
    steps.gateway = gateway;
    const ends: readonly ((socket: Socket) => void)[] = [
      (socket) => void socket.end(),
      (socket) => void socket.resetAndDestroy(),
      (socket) => void socket.write(Buffer.alloc(4_000, 23)),
    ];
    const sockets = Array.from({ length: CLIENTS }, () => connectPlain({ port, host: "127.0.0.1" }));
    for (const socket of sockets) socket.on("error", () => undefined).resume();
    for (const socket of sockets) socket.write(hello);
    await eventually(() => steps.order.length >= 2, "the first steps");
    sockets.forEach((socket, i) => ends[i % ends.length]?.(socket));
    await eventually(() => steps.order.length >= CLIENTS / 2, "steps of the others");
    gateway.clock.advance(11_000);
    await eventually(() => gateway.daemon.forwarder.live === 0 && made.sessions === 0, "all are gone");
    assert.is(behind.accepted, 0);
    assert.not.ok(gateway.records().some(({ code }) => code === "internal"));
    assert.is(steps.most(), 1);
    steps.stop();
    for (const socket of sockets) socket.destroy();
    await gateway.stop();
    behind.close();
    assert.equal(made, { contexts: 0, sessions: 0 });
  });
}

/** A socket that gives what is written to it first, and never answers. */
function collecting(first: (bytes: Buffer) => void): Duplex {
  return new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      first(chunk);
      done();
    },
  });
}

test.run();
