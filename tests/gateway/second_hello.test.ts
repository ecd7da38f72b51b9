// After a HelloRetryRequest of the backend the client's second hello is read before the backend gets it, and
// must have the name that was decided about. Real sockets, and real TLS that needs a second one.
import { once } from "node:events";
import { connect as connectPlain, createServer, type Socket } from "node:net";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import * as assert from "uvu/assert";
import { suite } from "../suite.ts";
import { authority, dns, leaf } from "../tls/certificates.ts";
import { countedFor, eventually, freePort, listening, running, type Record, type Under } from "./gateway_under_test.ts";
import { DATA, FIRST, HELLO_RETRY, NAME, OTHER } from "./second_hello_bytes.ts";

const test = suite("second hello");

const lastRecord = (gateway: Under): Record | undefined => gateway.records().at(-1);

test("another name in the second hello resets both sides, and the backend gets none of it", async () => {
  const got: Buffer[] = [];
  let ends = 0;
  let backend: Socket | null = null;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    backend = socket;
    socket.on("error", () => undefined);
    socket.on("end", () => ends++);
    socket.on("data", (chunk) => {
      if (got.push(chunk) === 1) socket.write(HELLO_RETRY);
    });
  });
  const port = await freePort();
  const gateway = await running({
    config: "[timers]\nhello_ms = 1000",
    policy: `edition 1\nexpose web on tcp ${port} as passthrough { backend 127.0.0.1:${await listening(server)} allow from any sni "${NAME}" }`,
  });
  const rows: readonly (readonly [what: string, second: Buffer, detail: string])[] = [
    ["another name", OTHER, "another_name"],
    ["half a hello", OTHER.subarray(0, -1), "late"],
    ["no hello", DATA, "record_type"],
  ];
  for (const [i, [what, second, detail]] of rows.entries()) {
    got.length = 0;
    const socket = connectPlain({ port, host: "127.0.0.1" });
    let isEnded = false;
    socket
      .on("error", () => undefined)
      .on("end", () => {
        isEnded = true;
      });
    socket.write(FIRST);
    await once(socket, "data");
    socket.write(second);
    if (detail === "late") {
      await eventually(() => gateway.daemon.forwarder.buffered(0) === second.length && countedFor(gateway, socket) === HELLO_RETRY.length, "it is kept");
      gateway.clock.advance(999);
      assert.is(gateway.daemon.forwarder.live, 1, "a millisecond is left");
      gateway.clock.advance(251);
    }
    await eventually(() => socket.closed, "the client's side");
    await eventually(() => backend?.destroyed === true && gateway.daemon.forwarder.live === 0, "the backend's side");
    assert.not(isEnded, what);
    assert.is(ends, 0, `${what}: a reset, not an end`);
    assert.ok(Buffer.concat(got).equals(FIRST), `${what}: the first hello alone`);
    const said = lastRecord(gateway);
    assert.equal([said?.op, said?.decision, said?.reason, said?.code, said?.detail, said?.sni], ["second_hello", "deny", "sni", "second_hello", detail, NAME]);
    assert.is(gateway.daemon.counters.ends.get("second_hello"), i + 1);
  }
  await gateway.stop();
  server.close();
});

test("real TLS that needs a second hello, with one name and with none", async () => {
  const site = authority("site root");
  const { pem, key } = leaf(site, { names: [dns(NAME)] });
  const server = createTlsServer({ cert: pem, key, ecdhCurve: "P-384", minVersion: "TLSv1.3" }, (socket) => {
    socket.on("error", () => undefined);
    socket.end(`you requested ${socket.servername || "nothing"}`);
  });
  const port = await freePort();
  const behind = await listening(server);
  const gateway = await running({ policy: `edition 1\nexpose web on tcp ${port} as passthrough { backend 127.0.0.1:${behind} allow from any }` });
  // The server has one curve: a client that guesses another gets a retry request.
  for (const [curves, hellos] of [
    ["P-256:P-384", 2],
    ["P-384", 1],
  ] as const) {
    for (const name of [NAME, ""]) {
      const socket = connectPlain({ port, host: "127.0.0.1" });
      const secured = connectTls({
        socket,
        ca: pem,
        ecdhCurve: curves,
        checkServerIdentity: () => undefined,
        rejectUnauthorized: false,
        ...(name !== "" && { servername: name }),
      });
      const said: readonly unknown[] = await once(secured, "data");
      assert.is(String(said[0]), `you requested ${name === "" ? "nothing" : name}`, `${hellos} hellos, ${name}`);
      secured.destroy();
    }
  }
  await eventually(() => gateway.daemon.forwarder.live === 0, "their ends");
  assert.is(gateway.daemon.counters.ends.get("second_hello"), undefined);
  await gateway.stop();
  server.close();
});

test.run();
