// Clients that say what no client should: recorded and good flights with bytes changed, left out, doubled and cut, in pieces
// of every size. Each ends, with a record; nobody reaches the backend, nothing is left, and the next good client is served.
import { connect as connectPlain, type Socket } from "node:net";
import { connect } from "node:tls";
import { atLength } from "../at_length.ts";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { made } from "../../gateway/kernel/tls_context.ts";
import { backend, eventually, FORWARDERS, freePort, listening, running, temporaryFolder } from "../gateway/gateway_under_test.ts";
import { recorded } from "../gateway/hello_bytes.ts";
import { createServer } from "node:net";
import { chance } from "../oracle/random.ts";
import { authority, dns, leaf, uri } from "./certificates.ts";
import { put, putAuthority } from "./tls_under_test.ts";

const test = suite("openssl fuzz");
const ROUNDS = atLength(2_000, 150);
const AT_ONCE = 25;

type Next = (below: number) => number;

function mutated(bytes: Buffer, next: Next): Buffer {
  let out = Buffer.from(bytes);
  for (let changes = 1 + next(4); changes > 0; changes--) {
    const at = next(Math.max(1, out.length));
    switch (next(6)) {
      case 0:
        out[at] = next(256);
        break;
      case 1:
        out[at] = (out[at] ?? 0) ^ (1 << next(8));
        break;
      case 2:
        out = Buffer.concat([out.subarray(0, at), out.subarray(Math.min(out.length, at + 1 + next(8)))]);
        break;
      case 3:
        out = Buffer.concat([out.subarray(0, at), Buffer.from([next(256), next(256)]), out.subarray(at)]);
        break;
      case 4:
        out = Buffer.concat([out.subarray(0, at), out.subarray(at, at + 40), out.subarray(at)]);
        break;
      default:
        out = out.subarray(0, at);
    }
  }
  return out;
}

if (FORWARDERS.includes("kernel")) {
  for (const mode of ["tls", "mtls"] as const) {
    test(`${mode}: hellos and flights that are changed`, async () => {
      const folder = temporaryFolder();
      const [site, clients] = [authority("site root"), authority("client root")];
      const own = leaf(clients, { names: [uri("spiffe://corp.example/ops")] });
      put(folder, "web", leaf(site, { names: [dns("www.example.com")] }));
      putAuthority(folder, "corp", clients);
      const behind = await backend("greeting");
      const port = await freePort();
      const gateway = await running({
        forwarder: "kernel",
        engine: "openssl",
        policy: `edition 1\nexpose web on tcp ${port} as ${mode} { backend 127.0.0.1:${behind.port} cert "web" ${mode === "mtls" ? 'ca "corp"' : ""} allow from any ${mode === "mtls" ? 'client uri "spiffe://corp.example/*"' : ""} }`,
        config: `[certs.web]\ncert = "${folder}/web.pem"\nkey = "${folder}/web.key"\n[cas.corp]\nfile = "${folder}/corp.pem"\n`,
      });
      const bound = gateway.daemon.counters.allowed;
      const admitted = (): number => gateway.daemon.counters.allowed - bound;
      const { below: next } = chance(mode === "tls" ? 1 : 2);
      const certificate = mode === "mtls" ? { cert: own.pem, key: own.key } : {};
      // Changes what a good client sends in one flight of its handshake.
      const between = createServer((client) => {
        const onwards = connectPlain({ port, host: "127.0.0.1" });
        const due = next(3);
        let flight = 0;
        client.on("data", (chunk: Buffer) => inPieces(onwards, flight++ === due ? mutated(chunk, next) : chunk, next));
        onwards.on("data", (chunk: Buffer) => client.write(chunk));
        for (const [x, y] of [
          [client, onwards],
          [onwards, client],
        ] as const) {
          x.on("error", () => undefined);
          x.on("close", () => y.destroy());
          x.on("end", () => y.end());
        }
      });
      const betweenPort = await listening(between);
      const good = (to: number): Promise<string> =>
        new Promise((resolve) => {
          let got = "";
          const socket = connect({
            port: to,
            host: "127.0.0.1",
            ca: site.pem,
            servername: "www.example.com",
            checkServerIdentity: () => undefined,
            maxVersion: next(2) === 0 ? "TLSv1.2" : "TLSv1.3",
            ...certificate,
          });
          socket.on("data", (chunk: Buffer) => {
            got += chunk.toString();
          });
          socket.on("error", () => undefined);
          socket.on("close", () => resolve(got));
          socket.on("secureConnect", () => socket.end("hello"));
          socket.setTimeout(300, () => socket.destroy());
        });
      const raw = (bytes: Buffer): Promise<void> =>
        new Promise((resolve) => {
          const socket = connectPlain({ port, host: "127.0.0.1" });
          socket.on("error", () => undefined);
          socket.on("close", () => resolve());
          socket.resume();
          inPieces(socket, bytes, next);
          socket.end();
        });
      const hellos = recorded().map(({ stream }) => stream);
      for (let round = 0; round < ROUNDS; round += AT_ONCE) {
        const before = admitted();
        await Promise.all(Array.from({ length: AT_ONCE }, () => raw(mutated(hellos[next(hellos.length)] ?? Buffer.alloc(1), next))));
        await eventually(() => gateway.daemon.forwarder.live === 0 && made.sessions === 0, "all hellos have ended");
        assert.is(admitted(), before, "nobody was admitted by a hello alone");
        await Promise.all(Array.from({ length: AT_ONCE }, () => good(betweenPort)));
        await eventually(() => gateway.daemon.forwarder.live === 0 && made.sessions === 0, "all conversations have ended");
        // Its own event may come after the gateway has closed the connection again.
        await eventually(() => behind.accepted === admitted(), "each that was admitted has reached the backend, and nobody else");
      }
      assert.is(await good(port), "greetinghello", "and the next is served");
      const accepts = gateway.records().filter(({ op }) => op === "accept");
      assert.ok(accepts.length > ROUNDS, `${accepts.length} records`);
      assert.is(accepts.filter(({ decision }) => decision === "allow").length, behind.accepted, "who reached the backend was allowed");
      assert.not(
        accepts.some(({ code }) => code === "internal"),
        "nothing failed inside",
      );
      await gateway.stop();
      between.close();
      behind.close();
      assert.equal(made, { contexts: 0, sessions: 0 });
    });
  }
}

function inPieces(socket: Socket, bytes: Buffer, next: Next): void {
  for (let at = 0; at < bytes.length;) {
    const piece = next(3) === 0 ? 1 + next(20) : bytes.length;
    socket.write(bytes.subarray(at, at + piece));
    at += piece;
  }
}

test.run();
