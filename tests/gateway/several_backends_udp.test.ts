// Flows of datagrams to several backends, with each forwarder: a flow keeps its backend, and one that fails gets no new flow for 5 s.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { skip } from "../skip.ts";
import { atEnd, suite } from "../suite.ts";
import { freeUdpPort, udpBackend, udpSocket, type UdpSocket } from "./datagrams_under_test.ts";
import { endsIn, eventually, type EndRecord, freePort, running, type Under } from "./gateway_under_test.ts";
import { accepts, current, LOOPBACK, onEach, query } from "./served_datagrams.ts";

const test = suite("several backends of udp");
const both = onEach(test);

async function serving(backends: readonly number[], config = ""): Promise<{ readonly gateway: Under; readonly port: number }> {
  const port = await freeUdpPort();
  const text = `edition 1\nexpose dns on udp ${port} { backend ${backends.map((at) => `127.0.0.1:${at}`).join(", ")} amplify any allow from any }`;
  return { port, gateway: await running({ policy: text, config, hostAddresses: () => LOOPBACK, forwarder: current.forwarder }) };
}

const named = (word: string): Promise<UdpSocket> => udpBackend(() => [word]);
const answer = (client: UdpSocket): string => client.got.at(-1)?.bytes.toString() ?? "";

both("each flow goes to the backend with the fewest, and all its datagrams go there", async () => {
  const [a, b] = [await named("a"), await named("b")];
  const { gateway, port } = await serving([a.port, b.port]);
  const clients = [await udpSocket(), await udpSocket(), await udpSocket(), await udpSocket()];
  for (const client of clients) for (let i = 0; i < 3; i++) await query(client, port);
  assert.equal(clients.map(answer).sort(), ["a", "a", "b", "b"]);
  for (const client of clients) assert.is(new Set(client.got.map(({ bytes }) => bytes.toString())).size, 1, "one backend for one flow");
  assert.equal([a.got.length, b.got.length], [6, 6]);
  assert.equal(new Set(accepts(gateway).map(({ backend }) => backend)), new Set([`127.0.0.1:${a.port}`, `127.0.0.1:${b.port}`]));
});

both("where nothing has the port the flow ends, and the client's next one gets another backend", async () => {
  const dead = await freeUdpPort();
  const alive = await named("alive");
  const { gateway, port } = await serving([dead, alive.port]);
  const client = await udpSocket();
  await client.send("q", port);
  await eventually(() => gateway.daemon.counters.ends.get("backend_unreachable") === 1, "the end of the flow");
  assert.is(client.got.length, 0, "a datagram that went there is not sent twice");
  await query(client, port);
  for (let i = 0; i < 3; i++) await query(await udpSocket(), port);
  assert.equal([alive.got.length, gateway.daemon.counters.ends.get("backend_unreachable")], [4, 1]);
  gateway.clock.advance(2_900);
  for (let i = 0; i < 2; i++) await query(await udpSocket(), port);
  gateway.clock.advance(2_100);
  const late = await udpSocket();
  await late.send("q", port);
  await eventually(() => gateway.daemon.counters.ends.get("backend_unreachable") === 2, "it is tried again after 5 s");
  const failed = (): readonly EndRecord[] => endsIn(join(gateway.folder, "audit.jsonl")).filter(({ reason }) => reason === "backend_unreachable");
  await eventually(() => (gateway.clock.advance(1), failed().length === 2), "their records");
  assert.equal(
    failed().map(({ backend }) => backend),
    [`127.0.0.1:${dead}`, `127.0.0.1:${dead}`],
  );
});

/** A process of another user has bound the port, and answers. */
async function strangers(port: number): Promise<(() => void) | null> {
  const script = `require("dgram").createSocket("udp4").on("message", function (m, from) { this.send("stranger", from.port, from.address) }).bind(${port}, "127.0.0.1", () => process.stdout.write("up"))`;
  const child = spawn(process.execPath, ["-e", script], { cwd: "/", stdio: ["ignore", "pipe", "ignore"], uid: 46_009, gid: 46_009 });
  const over = new Promise<boolean>((resolve) => child.once("error", () => resolve(false)).once("close", () => resolve(false)));
  const stop = (): void => void child.kill();
  atEnd(stop);
  return (await Promise.race([once(child.stdout, "data").then(() => true), over])) ? stop : null;
}

const tried = process.getuid?.() === 0 ? await strangers(await freePort()) : null;
tried?.();
if (tried === null) skip("udp backends of another user", "not root, or another user can't start this Node");
else
  both("one of another user gets no datagram and is recorded; its flows go to the service's own", async () => {
    const [theirs, ours] = [await freeUdpPort(), await freeUdpPort()].sort((a, b) => a - b);
    if (theirs === undefined || ours === undefined) return;
    await udpBackend(() => ["own"], ours);
    assert.ok(await strangers(theirs));
    const { gateway, port } = await serving([theirs, ours], "[services.dns]\nuid = 46001");
    for (let i = 0; i < 3; i++) {
      const client = await udpSocket();
      await query(client, port);
      assert.is(answer(client), "own");
    }
    const records = gateway.records().filter(({ op }) => op === "backend");
    assert.equal(
      records.map(({ code, backend }) => [code, backend]),
      [["backend_not_owned", `127.0.0.1:${theirs}`]],
    );
  });

test.run();
