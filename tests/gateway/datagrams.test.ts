// Datagrams through the gateway: a real daemon, real sockets, and a clock that the test moves.
import * as assert from "uvu/assert";
import { parseAddress, type Address } from "../../runtime/net/address.ts";
import { suite } from "../suite.ts";
import { freeUdpPort, udpBackend, udpSocket } from "./datagrams_under_test.ts";
import { backend, eventually, FORWARDERS, probe, running, start } from "./gateway_under_test.ts";
import { accepts, clients, current, handled, LOOPBACK, onEach, policyOf, query, served, statusOf } from "./served_datagrams.ts";

const test = suite("datagrams");
const both = onEach(test);

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
      ["allow", "allowed", "dns", current.forwarder === "node" ? `127.0.0.1:${port}` : `0.0.0.0:${port}`],
      ["allow", "allowed", "dns", current.forwarder === "node" ? `[::1]:${port}` : `[::]:${port}`],
    ],
  );
  assert.ok(gateway.markers.includes(`ingressd: port open (port=${port}, proto=udp)`));
  assert.equal((await statusOf(gateway)).flows, { live: 2, fresh: 0, dropped: {} });
});

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

test("node: without `bind` each address of the host is open, and addresses that come and go are followed", async () => {
  const behind = await udpBackend();
  const port = await freeUdpPort();
  const more: Address[] = [...LOOPBACK];
  current.forwarder = "node";
  const { forwarder } = current;
  const gateway = await running({ policy: policyOf(port, behind.port, "amplify 1 allow from any"), hostAddresses: () => more, forwarder });
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
    current.forwarder = "kernel";
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

both("an answer that the path to the client does not take is dropped and counted, and the next one comes", async () => {
  const [behind, port] = [await udpSocket("::1"), await freeUdpPort()];
  const gateway = await running({
    hostAddresses: () => LOOPBACK,
    forwarder: current.forwarder,
    policy: `edition 1\nexpose dns on udp ${port} { backend [::1]:${behind.port} amplify any allow from any }`,
  });
  const client = await udpSocket("127.0.0.1");
  await client.send("q", port, "127.0.0.1");
  await behind.until(1);
  const from = behind.got[0]?.from;
  assert.ok(from);
  // IPv6 has room for more than IPv4.
  await behind.send(Buffer.alloc(65_520), from.port, "::1");
  await eventually(() => gateway.daemon.counters.datagramsDropped.get("path") === 1, "it is counted");
  await behind.send("fits", from.port, "::1");
  await client.until(1);
  assert.is(client.got[0]?.bytes.toString(), "fits");
  assert.equal((await statusOf(gateway)).flows, { live: 1, fresh: 1, dropped: { path: 1 } });
});

both("a datagram to a broadcast or a multicast address begins no flow and reaches no backend", async () => {
  const { gateway, port, behind } = await served("amplify 1 allow from any");
  const client = await udpSocket("127.0.0.1");
  client.socket.setBroadcast(true);
  client.socket.setMulticastInterface("127.0.0.1");
  for (const to of ["127.255.255.255", "224.0.0.1"]) await client.send("all", port, to);
  await client.send("one", port, "127.0.0.1");
  await client.until(1);
  assert.equal(
    behind.got.map(({ bytes }) => bytes.toString()),
    ["one"],
  );
  assert.is(accepts(gateway).length, 1);
  // Node's sockets are bound to one address each, so the kernel gives them no other datagram.
  const dropped = gateway.daemon.counters.datagramsDropped.get("not_unicast") ?? 0;
  assert.ok(current.forwarder === "node" ? dropped === 0 : dropped >= 1, `${dropped} are counted`);
});

both("tcp and udp of one port are two sockets of one gateway", async () => {
  const behind = await udpBackend();
  const web = await backend("hello");
  const port = await freeUdpPort();
  const gateway = await running({
    hostAddresses: () => LOOPBACK,
    forwarder: current.forwarder,
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
  const started = await start({
    policy: policyOf(taken.port, behind.port, "amplify 1 allow from any"),
    hostAddresses: () => LOOPBACK,
    forwarder: current.forwarder,
  });
  assert.match("failure" in started ? started.failure.message : "started", /in use by another program: stop it \(ss -ulnp/);
});

test.run();
