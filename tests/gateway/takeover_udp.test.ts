// Datagrams over a takeover by real processes: bound sockets and the keys of flows go over. No datagram is lost, no limit
// is charged twice, and no cap is exceeded.
import * as assert from "uvu/assert";
import { openLibc } from "../../runtime/shell/libc.ts";
import { STATE_FORMAT } from "../../gateway/takeover/handed_state.ts";
import { skip } from "../skip.ts";
import { suite } from "../suite.ts";
import { freeUdpPort, udpBackend, udpSocket, type UdpSocket } from "./datagrams_under_test.ts";
import { FORWARDERS, moduleOf } from "./gateway_under_test.ts";
import { place } from "./ingressd_process.ts";
import { begun, caller, gatewayToTake, said, step, type Pair } from "./takeover_under_test.ts";

const test = suite("takeover of flows");
const KERNEL = 'forwarder = "kernel"';

interface Flowing {
  readonly it: Pair;
  readonly udp: number;
  readonly behind: UdpSocket;
  /** Replaces the policy's file. */
  policy(clauses: string): void;
}

async function flowing(clauses: string, config = KERNEL, answers?: (bytes: Buffer) => readonly (Buffer | string)[]): Promise<Flowing> {
  const behind = await udpBackend(answers);
  const udp = await freeUdpPort();
  const policy = (more: string): string => `edition 1\nexpose dns on udp ${udp} bind 127.0.0.1 { backend 127.0.0.1:${behind.port} amplify 3 ${more} }`;
  const it = await gatewayToTake({ config: `${config}\n[policy]\nwatch = false`, policy: () => policy(clauses) });
  return { it, udp, behind, policy: (more) => place(it.folder, moduleOf(policy(more))) };
}

/** Sends, and waits for the echo. */
async function echoed(client: UdpSocket, port: number, text: string): Promise<void> {
  await client.send(text, port);
  await client.until(client.got.length + 1);
  assert.is(client.got.at(-1)?.bytes.toString(), text);
}

/** Sends, and has another client's flow show that the gateway has looked at it: an answer to it would have come before. */
async function silent(client: UdpSocket, other: UdpSocket, port: number): Promise<void> {
  const { length } = client.got;
  await client.send("?", port);
  await echoed(other, port, "after it");
  assert.is(client.got.length, length, "no answer");
}

async function proven(port: number, host = "127.0.0.1"): Promise<UdpSocket> {
  const client = await udpSocket(host);
  await client.send("1", port, "127.0.0.1");
  await client.until(1);
  await client.send("2", port, "127.0.0.1");
  await client.until(2);
  return client;
}

if (openLibc() === null || !FORWARDERS.includes("kernel")) {
  skip("takeover of flows", "the kernel's forwarder can't be used here");
} else {
  test("a flow continues in the next gateway: decided again, and charged by no limit a second time", async () => {
    const { it, udp } = await flowing("allow from any limit 2/h per source");
    const [one, two, three] = [await proven(udp), await proven(udp), await udpSocket()];
    await silent(three, two, udp);
    const next = await it.taken();
    await echoed(one, udp, "on");
    await silent(three, one, udp);
    await echoed(two, udp, "on");
    assert.equal(
      it.records("accept").map(({ decision, code, detail }) => `${decision} ${code} ${detail ?? ""}`.trim()),
      ["allow allowed", "allow allowed", "deny limit_source", "allow allowed taken over", "deny limit_source", "allow allowed taken over"],
    );
    assert.match(next.order("status", "--json").out, /"flows":\{"live":2,"fresh":0/);
  });

  test("flows count in the caps from the moment of the takeover on, also those whose client is silent", async () => {
    const { it, udp } = await flowing("allow from any cap 2 connections");
    const [one] = [await proven(udp), await proven(udp)];
    const next = await it.taken();
    await silent(await udpSocket(), one, udp);
    assert.match(next.order("status", "--json").out, /"flows":\{"live":2,"fresh":0/);
    assert.is(it.records("accept").filter(({ code }) => code === "cap_listener").length, 1);
  });

  test("a client that stays silent over two takeovers continues in the third gateway", async () => {
    const { it, udp } = await flowing("allow from any limit 1/h per source");
    const one = await proven(udp);
    await it.taken();
    await it.taken();
    await echoed(one, udp, "on");
  });

  test("an answer that comes after the takeover reaches its client, and the one before ends", async () => {
    const { it, udp, behind } = await flowing("allow from any", `${KERNEL}\ntimers.udp_fresh_ms = 1500`, () => []);
    const client = await udpSocket();
    await client.send("question", udp);
    await behind.until(1);
    await it.taken();
    const from = behind.got[0]?.from;
    assert.ok(from);
    await behind.send("answer", from.port, from.address);
    await client.until(1);
    assert.equal([client.got[0]?.bytes.toString(), client.got[0]?.from.port], ["answer", udp]);
    assert.is(await it.first.exit, 0);
  });

  test("datagrams all through a takeover all come back", async () => {
    const { it, udp } = await flowing("allow from any");
    const client = await proven(udp);
    let isReady = false;
    const next = it.taken().then(() => void (isReady = true));
    let sent = 2;
    for (; !isReady; sent++) {
      await client.send(`#${sent}`, udp);
      // At most so many are in a queue at once.
      if (sent % 32 === 0) await client.until(sent - 31);
    }
    await next;
    await client.until(sent);
    assert.is(new Set(client.got.map(({ bytes }) => bytes.toString())).size, sent);
  });

  test("a takeover that is given up after nothing was received for a while: what was sent then is served", async () => {
    const { it, udp, behind } = await flowing("allow from any");
    const client = await proven(udp);
    const rpc = await caller(it.folder);
    const id = await begun(rpc);
    assert.type(await step(rpc, "freeze", { id }), "object");
    await client.send("meanwhile", udp);
    rpc.close();
    await client.until(3);
    assert.is(behind.got.length, 3);
    await it.taken();
    await echoed(client, udp, "on");
  });

  test("the policy of the next gateway ends flows that it does not admit, and a reload those that wait", async () => {
    const { it, udp, policy } = await flowing("allow from any");
    const [one, two, three] = [await proven(udp), await proven(udp, "127.0.0.2"), await proven(udp, "127.0.0.3")];
    policy("allow from 127.0.0.1, 127.0.0.3");
    const next = await it.taken();
    policy("allow from 127.0.0.1");
    assert.is(next.order("reload").code, 0);
    for (const gone of [two, three]) {
      const { length } = gone.got;
      await gone.send("?", udp, "127.0.0.1");
      await echoed(one, udp, "after it");
      assert.is(gone.got.length, length);
    }
    assert.equal(
      it.records("recheck").map(({ source }) => source?.split(":")[0]),
      ["127.0.0.2", "127.0.0.3"],
    );
    assert.match(next.order("status", "--json").out, /"flows":\{"live":1,/);
  });

  test("Node's sockets can't be handed over: the takeover is refused with a sentence, and flows continue", async () => {
    const { it, udp } = await flowing("allow from any", 'forwarder = "node"');
    const client = await proven(udp);
    const refused = it.takeOver();
    assert.is(await refused.exit, 5);
    assert.match(refused.err(), /an expose on udp is served by Node's sockets, which can't be handed over \(forwarder = "kernel"\)/);
    assert.match(said(await step(await caller(it.folder), "begin", { format: STATE_FORMAT })), /Node's sockets/);
    await echoed(client, udp, "on");
  });
}

test.run();
