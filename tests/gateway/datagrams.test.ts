// Datagrams through the gateway: a real daemon, real sockets, and a clock that the test moves.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { expose, ExposeError } from "../../gateway/client/expose.mjs";
import { parseAddress, type Address } from "../../runtime/net/address.ts";
import { skip } from "../skip.ts";
import { atEnd, suite } from "../suite.ts";
import { freeUdpPort, udpBackend, udpSocket, type UdpSocket } from "./datagrams_under_test.ts";
import { backend, eventually, FORWARDERS, type ForwarderName, moduleOf, probe, running, start, visit, type Record, type Under } from "./gateway_under_test.ts";

const test = suite("datagrams");

const LOOPBACK: readonly Address[] = ["127.0.0.1", "::1"].map((text) => {
  const address = parseAddress(text);
  if (address === null) throw new Error(text);
  return address;
});

/** The forwarder of the test that runs. */
let forwarder: ForwarderName = "node";

function both(title: string, body: () => Promise<void>): void {
  for (const one of FORWARDERS) {
    test(`${one}: ${title}`, () => {
      forwarder = one;
      return body();
    });
  }
}

interface Served {
  readonly gateway: Under;
  readonly port: number;
  readonly behind: UdpSocket;
}

/** `clauses` are those of the one expose, without its backend. */
async function served(
  clauses: string,
  { config = "", answers = undefined as ((bytes: Buffer) => readonly (Buffer | string)[]) | undefined } = {},
): Promise<Served> {
  const behind = await udpBackend(answers);
  const port = await freeUdpPort();
  const gateway = await running({ policy: policyOf(port, behind.port, clauses), config, hostAddresses: () => LOOPBACK, forwarder });
  return { gateway, port, behind };
}

function policyOf(port: number, backend: number, clauses: string): string {
  return `edition 1\nexpose dns on udp ${port} { backend 127.0.0.1:${backend} ${clauses} }`;
}

function accepts(gateway: Under): readonly Record[] {
  return gateway.records().filter(({ op }) => op === "accept");
}

interface Status {
  readonly flows: { readonly live: number; readonly fresh: number; readonly dropped: { readonly [because: string]: number } };
  readonly ends: { readonly [end: string]: number };
  readonly audit: { readonly suppressed: number };
}

async function statusOf(gateway: Under): Promise<Status> {
  const status: unknown = await gateway.daemon.status();
  if (!isStatus(status)) throw new Error("no status of flows");
  return status;
}

function isStatus(value: unknown): value is Status {
  return typeof value === "object" && value !== null && "flows" in value && "ends" in value && "audit" in value;
}

both("a datagram reaches the backend and its answer the client, from the address and port that it sent to", async () => {
  const { gateway, port, behind } = await served("amplify 1 allow from any");
  for (const host of ["127.0.0.1", "::1"]) {
    const client = await udpSocket(host);
    await client.send("one", port);
    await client.until(1);
    assert.equal([client.got[0]?.bytes.toString(), client.got[0]?.from.port, client.got[0]?.from.address], ["one", port, host]);
    await client.send("two", port);
    await client.until(2);
  }
  assert.equal(
    behind.got.map(({ bytes }) => bytes.toString()),
    ["one", "two", "one", "two"],
  );
  const records = accepts(gateway);
  assert.equal(
    records.map(({ decision, code, listener, local }) => [decision, code, listener, local]),
    [
      ["allow", "allowed", "dns", forwarder === "node" ? `127.0.0.1:${port}` : `0.0.0.0:${port}`],
      ["allow", "allowed", "dns", forwarder === "node" ? `[::1]:${port}` : `[::]:${port}`],
    ],
  );
  assert.ok(gateway.markers.includes(`ingressd: port open (port=${port}, proto=udp)`));
  assert.equal((await statusOf(gateway)).flows, { live: 2, fresh: 0, dropped: {} });
});

const CLIENTS = 3;

async function clients(count = CLIENTS, host = "127.0.0.1"): Promise<readonly UdpSocket[]> {
  return Promise.all(Array.from({ length: count }, () => udpSocket(host)));
}

/** Sends, and waits for the answer to it. */
async function query(client: UdpSocket, port: number, bytes: Buffer | string = "q"): Promise<void> {
  const before = client.got.length;
  await client.send(bytes, port, client.socket.address().address);
  await client.until(before + 1);
}

/** The flow is fresh after the first, and proven after the second. */
async function prove(client: UdpSocket, port: number): Promise<void> {
  await query(client, port);
  await query(client, port);
}

const SIZES = [0, 1, 1_472, 9_000, 65_507];

both("datagrams of every size go both ways, each as one", async () => {
  const { gateway, port, behind } = await served("amplify 1 allow from any");
  const [client] = await clients(1);
  if (client === undefined) return;
  for (const size of SIZES) await query(client, port, Buffer.alloc(size, size % 251));
  assert.equal(
    client.got.map(({ bytes }) => bytes.length),
    SIZES,
  );
  assert.equal(
    behind.got.map(({ bytes }) => bytes.length),
    SIZES,
  );
  assert.ok(client.got.every(({ bytes }) => bytes.every((byte) => byte === bytes.length % 251)));
  assert.is(accepts(gateway).length, 1, "one flow, one record");
});

both("a refusal is silent: nothing reaches the backend or comes back", async () => {
  const { gateway, port, behind } = await served("amplify any allow from 10.0.0.0/8");
  const [client] = await clients(1);
  if (client === undefined) return;
  await client.send("q", port);
  await eventually(() => accepts(gateway).length === 1, "the record");
  const [record] = accepts(gateway);
  assert.equal([record?.decision, record?.reason, record?.code, record?.source], ["deny", "cidr", "no_match", `127.0.0.1:${client.port}`]);
  assert.equal([behind.got.length, client.got.length], [0, 0]);
  assert.equal((await statusOf(gateway)).flows, { live: 0, fresh: 0, dropped: {} });
});

both("of the refusals of a second N are recorded, the others counted, and the next record says how many", async () => {
  const { gateway, port } = await served("amplify any allow from 10.0.0.0/8", { config: '[audit]\nudp_denied_per_second = 3\nfile = "AUDIT"' });
  const [client] = await clients(1);
  if (client === undefined) return;
  const { counters } = gateway.daemon;
  const refuse = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const due = counters.denied + 1;
      await client.send("q", port);
      await eventually(() => counters.denied === due, `${due} refusals`);
    }
  };
  await refuse(3);
  assert.equal([accepts(gateway).length, counters.auditSuppressed], [3, 0]);
  await refuse(2);
  assert.equal([accepts(gateway).length, counters.auditSuppressed], [3, 2]);
  gateway.clock.advance(999);
  await refuse(1);
  assert.equal([accepts(gateway).length, counters.auditSuppressed], [3, 3]);
  gateway.clock.advance(1);
  await refuse(1);
  assert.equal(
    accepts(gateway).map(({ unrecorded }) => unrecorded),
    [undefined, undefined, undefined, 3],
  );
  assert.is((await statusOf(gateway)).audit.suppressed, 3);
  assert.is(counters.auditRecords + counters.auditSuppressed, counters.allowed + counters.denied, "decisions = records + suppressed");
});

both("a fresh flow ends after its time, a proven one after the silence of its own", async () => {
  const { gateway, port } = await served("amplify 1 allow from any");
  const [once, twice, mute] = await clients();
  if (once === undefined || twice === undefined || mute === undefined) return;
  await query(once, port);
  await prove(twice, port);
  assert.equal((await statusOf(gateway)).flows, { live: 2, fresh: 1, dropped: {} });
  gateway.clock.advance(2_750);
  assert.is((await statusOf(gateway)).flows.live, 2);
  gateway.clock.advance(250);
  assert.equal((await statusOf(gateway)).flows, { live: 1, fresh: 0, dropped: {} });
  // Its silence began when the others' time was over.
  await query(twice, port);
  gateway.clock.advance(29_750);
  assert.is((await statusOf(gateway)).flows.live, 1);
  gateway.clock.advance(250);
  const { flows, ends } = await statusOf(gateway);
  assert.is(flows.live, 0);
  assert.equal(ends, { done: 1, idle: 1 });
  await query(once, port);
  assert.is(accepts(gateway).length, 3, "the next datagram of a flow that has ended is decided again");
});

both("a flow that nobody answers ends as unanswered, however often its client sends", async () => {
  const { gateway, port, behind } = await served("amplify 1 allow from any", { answers: () => [] });
  const [client] = await clients(1);
  if (client === undefined) return;
  for (let i = 1; i <= 3; i++) {
    await client.send("q", port);
    await behind.until(i);
  }
  assert.equal((await statusOf(gateway)).flows, { live: 1, fresh: 1, dropped: {} });
  gateway.clock.advance(3_000);
  assert.equal((await statusOf(gateway)).ends, { unanswered: 1 });
});

both("where the cap of the expose is full the oldest fresh flow makes room, and proven ones never do", async () => {
  const { gateway, port } = await served("amplify 1 cap 2 connections allow from any");
  const [first, second, third, fourth] = await clients(4);
  if (first === undefined || second === undefined || third === undefined || fourth === undefined) return;
  await query(first, port);
  await query(second, port);
  await query(third, port);
  assert.equal((await statusOf(gateway)).ends, { made_room: 1 });
  // The second is there still, and the first is not: its next datagram is decided again.
  await query(second, port);
  assert.is(accepts(gateway).length, 3);
  await query(third, port);
  assert.equal((await statusOf(gateway)).flows, { live: 2, fresh: 0, dropped: {} });
  await fourth.send("q", port);
  await eventually(() => accepts(gateway).length === 4, "the fourth record");
  assert.equal(
    accepts(gateway)
      .slice(3)
      .map(({ decision, code }) => [decision, code]),
    [["deny", "cap_listener"]],
  );
  await query(second, port);
  await query(third, port);
  assert.is(accepts(gateway).length, 4);
  assert.is(fourth.got.length, 0);
});

both("where the cap of a source is full its own oldest fresh flow makes room, and no other one", async () => {
  const { gateway, port } = await served("amplify 1 cap 9 connections, 1 per source allow from any");
  const other = await udpSocket("127.0.0.2");
  await other.send("q", port, "127.0.0.1");
  await other.until(1);
  const [first, second, third] = await clients();
  if (first === undefined || second === undefined || third === undefined) return;
  await query(first, port);
  await query(second, port);
  assert.equal((await statusOf(gateway)).ends, { made_room: 1 });
  await other.send("q", port, "127.0.0.1");
  await other.until(2);
  assert.is(accepts(gateway).length, 3, "the other source kept its flow");
  await query(second, port);
  await third.send("q", port);
  await eventually(() => accepts(gateway).length === 4, "the fourth record");
  assert.equal(
    accepts(gateway)
      .slice(3)
      .map(({ code }) => code),
    ["cap_source"],
  );
});

both("caps.connections counts flows and connections together, and fresh flows make room for both", async () => {
  const behind = await udpBackend();
  const web = await backend("hello");
  const [port, other] = [await freeUdpPort(), await freeUdpPort()];
  const gateway = await running({
    config: "[caps]\nconnections = 2",
    hostAddresses: () => LOOPBACK,
    forwarder,
    policy: `edition 1
expose dns on udp ${port} { backend 127.0.0.1:${behind.port} amplify 1 allow from any }
expose web on tcp ${other} { backend 127.0.0.1:${web.port} allow from any }`,
  });
  const [first, second, third] = await clients();
  if (first === undefined || second === undefined || third === undefined) return;
  await prove(first, port);
  await query(second, port);
  await query(third, port);
  assert.equal((await statusOf(gateway)).ends, { made_room: 1 });
  const stays = visit(other);
  assert.is(await stays.first, "hello");
  assert.equal((await statusOf(gateway)).ends, { made_room: 2 });
  assert.is(await probe(other), "deny");
  await second.send("q", port);
  await eventually(() => accepts(gateway).some(({ code, listener }) => code === "cap_overall" && listener === "dns"), "the flow is refused");
  await query(first, port);
  stays.socket.destroy();
});

both("a limit is charged for a flow and not for its datagrams", async () => {
  const { gateway, port } = await served("amplify 1 limit 1/h burst 2 per source allow from any");
  const [first, second, third] = await clients();
  if (first === undefined || second === undefined || third === undefined) return;
  for (let i = 0; i < 5; i++) await query(first, port);
  await query(second, port);
  await third.send("q", port);
  await eventually(() => accepts(gateway).length === 3, "three records");
  assert.equal(
    accepts(gateway).map(({ code }) => code),
    ["allowed", "allowed", "limit_source"],
  );
});

interface Amplified {
  readonly amplify: string;
  readonly queries: number;
  /** Sizes of the answers to each datagram. */
  readonly answers: readonly number[];
  /** Sizes that come to the client, of all of them. */
  readonly come: readonly number[];
}

/** Each query has ten bytes. */
const AMPLIFIED: readonly Amplified[] = [
  { amplify: "3", queries: 1, answers: [10, 10, 10, 10], come: [10, 10, 10] },
  { amplify: "3", queries: 1, answers: [10, 20, 1], come: [10, 20] },
  { amplify: "3", queries: 1, answers: [10, 21, 20, 1], come: [10, 20] },
  // One whole datagram for each that came, and nothing after it.
  { amplify: "3", queries: 1, answers: [1_000, 1, 0], come: [1_000] },
  { amplify: "3", queries: 2, answers: [1_000, 1], come: [1_000, 1_000] },
  // The second query gets what the first one left.
  { amplify: "3", queries: 2, answers: [10, 10, 10, 10], come: [10, 10, 10, 10, 10, 10] },
  { amplify: "1", queries: 1, answers: [10, 0, 1], come: [10, 0] },
  { amplify: "any", queries: 1, answers: [1_000, 1_000, 1_000], come: [1_000, 1_000, 1_000] },
];

for (const { amplify, queries, answers, come } of AMPLIFIED) {
  both(`amplify ${amplify}: of ${answers.join(", ")} bytes for each of ${queries} times ten come ${come.join(", ")}`, async () => {
    const { gateway, port, behind } = await served(`amplify ${amplify} allow from any`, {
      answers: () => [...answers.map((size) => Buffer.alloc(size)), "end"],
    });
    const [client] = await clients(1);
    if (client === undefined) return;
    for (let i = 1; i <= queries; i++) {
      await client.send(Buffer.alloc(10), port);
      await behind.until(i);
      // The last answer to each is over every budget but `any`, so that it shows when all were handled.
      const due = i * (answers.length + 1);
      await eventually(() => handled(gateway, client) >= due, "all answers were handled");
    }
    assert.equal(
      client.got.map(({ bytes }) => bytes.length).filter((size) => size !== 3),
      come,
    );
  });
}

function handled({ daemon: { counters } }: Under, client: UdpSocket): number {
  return client.got.length + (counters.datagramsDropped.get("amplify") ?? 0);
}

both("when nothing has the backend's port the flow ends, and the client's next datagram is a new one", async () => {
  const { gateway, port, behind } = await served("amplify 1 allow from any");
  const [client] = await clients(1);
  if (client === undefined) return;
  await query(client, port);
  const at = behind.port;
  await behind.close();
  await client.send("q", port);
  await eventually(() => gateway.daemon.counters.ends.get("backend_unreachable") === 1, "the end");
  assert.is((await statusOf(gateway)).flows.live, 0);
  const again = await udpBackend((bytes) => [bytes], at);
  await query(client, port);
  assert.is(again.got.length, 1);
  assert.is(accepts(gateway).length, 2);
});

both("a reload decides flows again: what it refuses is silent from then on, what it admits goes on", async () => {
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
  assert.is(accepts(gateway).length, 2, "its flow went on");
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

both('with on_reload = "keep" a flow of a removed expose goes on, until its place is needed', async () => {
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

test("node: without `bind` each address of the host is open, and addresses that come and go are followed", async () => {
  const behind = await udpBackend();
  const port = await freeUdpPort();
  const more: Address[] = [...LOOPBACK];
  const gateway = await running({ policy: policyOf(port, behind.port, "amplify 1 allow from any"), hostAddresses: () => more, forwarder: "node" });
  const second = parseAddress("127.0.0.2");
  if (second === null) return;
  more.push(second);
  await gateway.daemon.reconcile();
  const client = await udpSocket("127.0.0.1");
  await client.send("q", port, "127.0.0.2");
  await client.until(1);
  assert.is(client.got[0]?.from.address, "127.0.0.2");
  more.pop();
  await gateway.daemon.reconcile();
  gateway.clock.advance(3_000);
  await (await udpSocket("127.0.0.2", port)).close();
});

if (FORWARDERS.includes("kernel")) {
  test("kernel: without `bind` one socket has all addresses, and each answer comes from its own", async () => {
    forwarder = "kernel";
    const { gateway, port } = await served("amplify 1 allow from any");
    const client = await udpSocket("127.0.0.1");
    for (const [i, host] of ["127.0.0.1", "127.0.0.2", "127.9.9.9"].entries()) {
      await client.send(host, port, host);
      await client.until(i + 1);
      assert.equal([client.got[i]?.bytes.toString(), client.got[i]?.from.address, client.got[i]?.from.port], [host, host, port]);
    }
    assert.is(accepts(gateway).length, 3, "three flows");
    // A broadcast of the loopback interface has no address of one host.
    client.socket.setBroadcast(true);
    await client.send("all", port, "127.255.255.255");
    await eventually(() => gateway.daemon.counters.datagramsDropped.get("not_unicast") === 1, "it is dropped");
    assert.is(accepts(gateway).length, 3);
  });
}

both("tcp and udp of one port are two sockets of one gateway", async () => {
  const behind = await udpBackend();
  const web = await backend("hello");
  const port = await freeUdpPort();
  const gateway = await running({
    hostAddresses: () => LOOPBACK,
    forwarder,
    policy: `edition 1
expose dns on udp ${port} { backend 127.0.0.1:${behind.port} amplify 1 allow from any }
expose web on tcp ${port} { backend 127.0.0.1:${web.port} allow from any }`,
  });
  assert.is(await probe(port), "allow");
  const [client] = await clients(1);
  if (client !== undefined) await query(client, port);
  assert.equal(gateway.markers.filter((line) => line.includes("port open")).sort(), [
    `ingressd: port open (port=${port}, proto=tcp)`,
    `ingressd: port open (port=${port}, proto=udp)`,
  ]);
});

both("a place that another program has is named with its protocol", async () => {
  const taken = await udpSocket("127.0.0.1");
  const behind = await udpBackend();
  const started = await start({ policy: policyOf(taken.port, behind.port, "amplify 1 allow from any"), hostAddresses: () => LOOPBACK, forwarder });
  assert.match("failure" in started ? started.failure.message : "started", /in use by another program: stop it \(ss -ulnp/);
});

both("a service registers a udp port with its own backend, and it closes with the lease", async () => {
  const behind = await udpBackend();
  const port = await freeUdpPort();
  const gateway = await running({
    policy: `edition 1\nexpose dns on udp ${port} { amplify 1 allow from any }`,
    config: `[services.dns]\nuid = ${process.getuid?.() ?? 0}`,
    hostAddresses: () => LOOPBACK,
    forwarder,
  });
  const socket = join(gateway.folder, "run", "control.sock");
  const exposure = await expose({ service: "dns", proto: "udp", port, backend: `127.0.0.1:${behind.port}`, socket });
  assert.equal([...exposure.open].sort(), forwarder === "node" ? [`127.0.0.1:${port}`, `[::1]:${port}`] : [`0.0.0.0:${port}`, `[::]:${port}`]);
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
      forwarder,
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
