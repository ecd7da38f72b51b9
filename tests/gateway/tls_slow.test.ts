// A slow side of a TLS connection makes the other wait, and nobody's memory grow; bytes stay exact.
import { connect as connectPlain } from "node:net";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { HIGH_WATER_BYTES, READ_BYTES } from "../../gateway/forward/relay.ts";
import { authority, dns, leaf } from "../tls/certificates.ts";
import { put } from "../tls/tls_under_test.ts";
import { backend, eventually, freePort, running, temporaryFolder, type BackendUnderTest, type Under } from "./gateway_under_test.ts";

const test = suite("tls_slow");
const BLOCK = Buffer.alloc(1024 * 1024, "ingress ");
/** The most bytes in the kernel's own buffers on the way, with room. */
const KERNEL_BYTES = 24 * BLOCK.length;
const MANY_TURNS = 3_000;

async function gatewayTo(behind: BackendUnderTest): Promise<{ readonly gateway: Under; readonly client: () => TLSSocket }> {
  const folder = temporaryFolder();
  const site = authority("site root");
  put(folder, "web", leaf(site, { names: [dns("www.example.com")] }));
  const port = await freePort();
  const gateway = await running({
    folder,
    policy: `edition 1\nexpose web on tcp ${port} as tls { backend 127.0.0.1:${behind.port} cert "web" allow from any }`,
    config: `[certs.web]\ncert = "${join(folder, "web.pem")}"\nkey = "${join(folder, "web.key")}"\n`,
  });
  const client = (): TLSSocket =>
    connect({ socket: connectPlain(port, "127.0.0.1"), ca: site.pem, servername: "www.example.com", checkServerIdentity: () => undefined }).on(
      "error",
      () => undefined,
    );
  return { gateway, client };
}

/** Until nothing has moved for many turns of the event loop; what had moved until then. */
async function untilStill(gateway: Under, moved: () => number): Promise<number> {
  let [still, last] = [0, -1];
  await eventually(() => {
    const now = moved();
    still = now === last && now > 0 ? still + 1 : 0;
    last = now;
    assert.ok(gateway.daemon.forwarder.buffered(0) <= 2 * (HIGH_WATER_BYTES + READ_BYTES), `${gateway.daemon.forwarder.buffered(0)} bytes are buffered`);
    return still > MANY_TURNS;
  }, "the flow stops");
  return last;
}

test("a TLS client that never reads makes its backend wait", async () => {
  const behind = await backend("", (socket) => {
    const more = (): void =>
      void socket.write(BLOCK, (error) => {
        if (!error) more();
      });
    more();
  });
  const { gateway, client } = await gatewayTo(behind);
  const socket = client();
  socket.pause();
  const taken = await untilStill(gateway, () => gateway.daemon.forwarder.table.bytesOut[0] ?? 0);
  assert.ok(taken < KERNEL_BYTES, `${taken} bytes were taken from the backend`);
  socket.destroy();
  await gateway.stop();
  behind.close();
});

test("a backend that never reads makes its TLS client wait", async () => {
  const behind = await backend("", (socket) => socket.pause());
  const { gateway, client } = await gatewayTo(behind);
  const socket = client();
  const more = (): void =>
    void socket.write(BLOCK, (error) => {
      if (!error) more();
    });
  more();
  const taken = await untilStill(gateway, () => gateway.daemon.forwarder.table.bytesIn[0] ?? 0);
  assert.ok(taken < KERNEL_BYTES, `${taken} bytes were taken from the client`);
  socket.destroy();
  await gateway.stop();
  behind.close();
});

test("many megabytes come through exact, both ways, with pauses on the way", async () => {
  const behind = await backend("");
  const { gateway, client } = await gatewayTo(behind);
  const socket = client();
  const sent = Buffer.concat(Array.from({ length: 8 }, (_, i) => Buffer.from(BLOCK).fill(i, 1000 * i, 1000 * (i + 1))));
  const parts: Buffer[] = [];
  let length = 0;
  socket.on("data", (chunk: Buffer) => {
    parts.push(chunk);
    length += chunk.length;
    // A reader that is slow now and then.
    if (parts.length % 7 === 0) {
      socket.pause();
      setImmediate(() => socket.resume());
    }
  });
  socket.end(sent);
  await new Promise((resolve) => socket.once("end", resolve));
  assert.is(length, sent.length);
  assert.ok(Buffer.concat(parts).equals(sent));
  await gateway.stop();
  behind.close();
});

test.run();
