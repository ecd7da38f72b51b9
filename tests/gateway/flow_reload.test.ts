// Flows of datagrams under a reload, a drain, a registration, and a backend that changes its owner.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { expose, ExposeError } from "../../gateway/client/expose.mjs";
import { skip } from "../skip.ts";
import { atEnd, suite } from "../suite.ts";
import { freeUdpPort, udpBackend, udpSocket } from "./datagrams_under_test.ts";
import { eventually, moduleOf, running, type Record } from "./gateway_under_test.ts";
import { accepts, clients, current, LOOPBACK, onEach, policyOf, prove, query, served, statusOf } from "./served_datagrams.ts";

const test = suite("flow reload");
const both = onEach(test);

both("a reload decides flows again: what it refuses is silent from then on, what it admits continues", async () => {
  const { gateway, port, behind } = await served("amplify 1 cap 9 connections, 1 per source allow from any");
  const other = await udpSocket("127.0.0.2");
  const [client] = await clients(1);
  if (client === undefined) return;
  await query(client, port);
  await other.send("q", port, "127.0.0.1");
  await other.until(1);
  gateway.place(moduleOf(policyOf(port, behind.port, "amplify 1 cap 9 connections, 1 per source allow from any except 127.0.0.2")));
  const answer = await gateway.daemon.reload();
  assert.is(answer.ok && answer.value.rechecked, 1);
  assert.equal(
    gateway
      .records()
      .filter(({ op }) => op === "recheck")
      .map(({ source, code, detail }) => [source, code, detail]),
    [[`127.0.0.2:${other.port}`, "rechecked", "no_match"]],
  );
  await query(client, port);
  assert.is(accepts(gateway).length, 2, "its flow continued");
  await other.send("q", port, "127.0.0.1");
  await eventually(() => accepts(gateway).length === 3, "it is refused");
  assert.is(other.got.length, 1);
  // The flow is counted in the new policy: the fresh one of the same source makes room, a proven one does not.
  const [second] = await clients(1);
  await second?.send("q", port);
  await eventually(() => accepts(gateway).length === 4, "the fourth record");
  assert.equal(
    accepts(gateway)
      .slice(3)
      .map(({ code }) => code),
    ["cap_source"],
  );
});

both("an expose that a reload removes loses its flows and its socket", async () => {
  const { gateway, port, behind } = await served("amplify 1 allow from any");
  const [client] = await clients(1);
  if (client === undefined) return;
  await prove(client, port);
  gateway.place(moduleOf(policyOf(port === 65_535 ? 1_024 : port + 1, behind.port, "amplify 1 allow from any")));
  assert.ok((await gateway.daemon.reload()).ok);
  assert.equal((await statusOf(gateway)).ends, { rechecked: 1 });
  await (await udpSocket("0.0.0.0", port)).close();
});

both('with on_reload = "keep" a flow of a removed expose continues, until its place is needed', async () => {
  const { gateway, port, behind } = await served("amplify 1 allow from any", { config: 'on_reload = "keep"' });
  const [client] = await clients(1);
  if (client === undefined) return;
  await prove(client, port);
  gateway.place(moduleOf(policyOf(port === 65_535 ? 1_024 : port + 1, behind.port, "amplify 1 allow from any")));
  assert.ok((await gateway.daemon.reload()).ok);
  await query(client, port);
  const [stranger] = await clients(1);
  await stranger?.send("q", port);
  await eventually(() => accepts(gateway).length === 2, "a new client is refused");
  assert.equal(
    accepts(gateway)
      .slice(1)
      .map(({ decision, code }) => [decision, code]),
    [["deny", "draining"]],
  );
  gateway.place(moduleOf(policyOf(port, behind.port, "amplify 1 allow from any")));
  assert.ok((await gateway.daemon.reload()).ok);
  assert.equal((await statusOf(gateway)).ends, { cut: 1 });
  await query(client, port);
});

both("an `until` that passes ends flows", async () => {
  const { gateway, port } = await served("amplify 1 allow from 127.0.0.1 until 2030-01-01T00:20:00Z");
  const [client] = await clients(1);
  if (client === undefined) return;
  await prove(client, port);
  for (let i = 0; i < 10; i++) {
    gateway.clock.advance(20_000);
    if (gateway.daemon.counters.ends.size > 0) break;
    await query(client, port);
  }
  assert.equal((await statusOf(gateway)).ends, { rechecked: 1 });
});

both("a drain serves the flows that there are and refuses new ones", async () => {
  const { gateway, port } = await served("amplify 1 allow from any");
  const [client, late] = await clients(2);
  if (client === undefined || late === undefined) return;
  await prove(client, port);
  const stopped = gateway.daemon.stop();
  await query(client, port);
  await late.send("q", port);
  await eventually(() => accepts(gateway).length === 2, "the second record");
  assert.equal(
    accepts(gateway)
      .slice(1)
      .map(({ code }) => code),
    ["draining"],
  );
  gateway.clock.advance(10_000);
  await stopped;
  assert.is(gateway.daemon.counters.ends.get("cut"), 1);
  await (await udpSocket("127.0.0.1", port)).close();
});

both("a service registers a udp port with its own backend, and it closes with the lease", async () => {
  const behind = await udpBackend();
  const port = await freeUdpPort();
  const gateway = await running({
    policy: `edition 1\nexpose dns on udp ${port} { amplify 1 allow from any }`,
    config: `[services.dns]\nuid = ${process.getuid?.() ?? 0}`,
    hostAddresses: () => LOOPBACK,
    forwarder: current.forwarder,
  });
  const socket = join(gateway.folder, "run", "control.sock");
  const exposure = await expose({ service: "dns", proto: "udp", port, backend: `127.0.0.1:${behind.port}`, socket });
  assert.equal([...exposure.open].sort(), current.forwarder === "node" ? [`127.0.0.1:${port}`, `[::1]:${port}`] : [`0.0.0.0:${port}`, `[::]:${port}`]);
  const [client] = await clients(1);
  if (client === undefined) return;
  await query(client, port);
  const refused = async (more: object): Promise<string> =>
    expose({ service: "dns", proto: "udp", port, backend: `127.0.0.1:${behind.port}`, socket, ...more }).then(
      () => "open",
      (error: unknown) => (error instanceof ExposeError ? error.code : String(error)),
    );
  assert.is(await refused({}), "not_exposed", "it is open already");
  await exposure.close();
  assert.is(await refused({ proto: "tcp" }), "not_exposed");
  assert.is(await refused({ backend: "unix:/run/dns.sock" }), "no_backend");
  assert.is(await refused({ backend: `127.0.0.1:${await freeUdpPort()}` }), "no_backend", "nothing is bound there");
  assert.is(await refused({ backend: `127.0.0.1:${port}` }), "no_backend");
  gateway.clock.advance(3_000);
  await (await udpSocket("127.0.0.1", port)).close();
});

const STRANGER = 46_009;

/** A udp backend of another user; null where that user can't start this Node. */
async function strangersBackend(port: number): Promise<(() => Promise<void>) | null> {
  const script = `const s = require("dgram").createSocket("udp4"); s.on("message", (m, f) => s.send(m, f.port, f.address)); s.bind(${port}, "127.0.0.1", () => process.stdout.write("up"))`;
  const child = spawn(process.execPath, ["-e", script], { cwd: "/", stdio: ["ignore", "pipe", "ignore"], uid: STRANGER, gid: STRANGER });
  const over = once(child, "close");
  atEnd(() => {
    child.kill();
  });
  const up = await Promise.race([once(child.stdout, "data").then(() => true), over.then(() => false)]);
  return up ?
      async () => {
        child.kill();
        await over;
      }
    : null;
}

const strangers = process.getuid?.() === 0 ? await strangersBackend(await freeUdpPort()) : null;
await strangers?.();
if (strangers === null) skip("a udp backend of another user", "not root, or another user can't start this Node");
else {
  both("a backend of another user gets nothing, and one that takes the port over loses the flows", async () => {
    const back = await freeUdpPort();
    const port = await freeUdpPort();
    const gateway = await running({
      policy: `edition 1\nexpose dns on udp ${port} { backend 127.0.0.1:${back} amplify 1 allow from any }`,
      config: "[services.dns]\nuid = 46001",
      hostAddresses: () => LOOPBACK,
      forwarder: current.forwarder,
    });
    const [client] = await clients(1);
    if (client === undefined) return;
    const notOwned = (): readonly Record[] => gateway.records().filter(({ op }) => op === "backend");
    const first = await strangersBackend(back);
    await client.send("q", port);
    await eventually(() => notOwned().length === 1, "the first record");
    assert.match(notOwned()[0]?.detail ?? "", /belongs to uid 46009, not 46001 or 0/);
    assert.is(client.got.length, 0);
    await first?.();
    // Root's own is as good as the service's.
    const own = await udpBackend((bytes) => [bytes], back);
    await query(client, port);
    await query(client, port);
    await own.close();
    await strangersBackend(back);
    gateway.clock.advance(250);
    assert.equal(gateway.daemon.counters.ends.get("backend_not_owned"), 2);
    await client.send("q", port);
    await eventually(() => notOwned().length === 3, "the third record");
    assert.is(client.got.length, 2);
  });
}

test.run();
