// Every call that flows of datagrams make fails in turn, at every step of a flow, with each error that it may have: no
// descriptor and no place in a cap is left, nobody is admitted who must not be, nothing spins, and the next client is served.
// And every call that opens a port, over tcp too (opening_faults.ts).
import { readdirSync } from "node:fs";
import * as assert from "uvu/assert";
import { FREE } from "../../gateway/connection/states.ts";
import { EAGAIN, EINTR, IP_PKTINFO, IPPROTO_IP, type KernelCalls } from "../../gateway/kernel/calls.ts";
import { usableCalls } from "../../gateway/kernel/self_test.ts";
import { atLength } from "../at_length.ts";
import { skip } from "../skip.ts";
import { suite } from "../suite.ts";
import { freeUdpPort, udpBackend, udpSocket, type UdpSocket } from "./datagrams_under_test.ts";
import { described, ERRORS, FaultyCalls, stepsOf, type Named, type Plan } from "./faulty_calls.ts";
import { eventually, moduleOf, running, start, type Under } from "./gateway_under_test.ts";
import { openingTests } from "./opening_faults.ts";
import { LOOPBACK, policyOf, statusOf } from "./served_datagrams.ts";

const test = suite("flow faults");
const usable = await usableCalls();
const EMSGSIZE = 90;
const OF_FLOWS: readonly Named[] = ["socket", "connect", "recv", "send", "recvmmsg", "sendmmsg", "close", "epollControl", "epollWait"];
const OF_BINDING: readonly Named[] = ["socket", "setOption", "epollControl", "bind"];
/** Datagrams of one flow, each sent when the one before was answered, or would have been. */
const QUERIES = 3;
/** In an ordinary run; with `--at-length` each step of every call. */
const FIRST_STEPS = 1;
/** How long a call that keeps failing is watched. */
const WATCHED_MS = atLength(250, 100);

interface Scene {
  readonly faulty: FaultyCalls;
  readonly gateway: Under;
  readonly behind: UdpSocket;
  readonly port: number;
}

async function scene(real: KernelCalls): Promise<Scene> {
  const faulty = new FaultyCalls(real);
  const behind = await udpBackend();
  const port = await freeUdpPort();
  const gateway = await running({
    calls: faulty.calls,
    policy: policyOf(port, behind.port, "amplify 1 cap 5 connections allow from any except 127.0.0.2"),
    hostAddresses: () => LOOPBACK,
  });
  return { faulty, gateway, behind, port };
}

const descriptors = (): number => readdirSync("/proc/self/fd").length;

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** A flow that one client begins, beside a client that is refused, and what must be so afterwards. */
async function run({ faulty, gateway, behind, port }: Scene, plan: Plan | null, usual: number): Promise<void> {
  const what = described(plan);
  const { daemon } = gateway;
  const [client, stranger] = [await udpSocket("127.0.0.1"), await udpSocket("127.0.0.2")];
  const open = descriptors();
  behind.got.length = 0;
  faulty.arm(plan);
  await stranger.send("never", port, "127.0.0.1");
  for (let i = 0; i < QUERIES; i++) {
    await client.send(`q${i}`, port);
    await turns(30);
  }
  if (plan?.stays === true) {
    const before = performance.now();
    await eventually(() => performance.now() - before > WATCHED_MS, what);
    assert.ok(faulty.total < 4 * usual + 400, `${what}: ${faulty.total} calls in ${WATCHED_MS} ms, usually ${usual}`);
  }
  faulty.arm(null);
  const texts = client.got.map(({ bytes }) => bytes.toString());
  assert.ok(
    texts.every((text, i) => /^q\d$/.test(text) && texts.indexOf(text) === i),
    `${what}: ${texts.join(" ")}`,
  );
  // Datagrams wait in the kernel's buffer while nothing is received, and come afterwards.
  await served(client, port, what);
  assert.not(
    behind.got.some(({ bytes }) => bytes.toString() === "never"),
    `${what}: nobody is admitted who must not be`,
  );
  assert.is(stranger.got.length, 0, what);
  gateway.clock.advance(3_000);
  gateway.clock.advance(30_000);
  await eventually(() => daemon.forwarder.live === 0, `${what}: all have ended`);
  const { table } = daemon.forwarder;
  for (let row = 0; row < table.rows; row++) assert.equal([table.state[row], table.charged[row]], [FREE, 0], what);
  const status = await statusOf(gateway);
  assert.equal([status.flows.live, status.flows.fresh], [0, 0], what);
  assert.match(JSON.stringify(status), /"connections":0,/, what);
  assert.is(descriptors(), open, `${what}: all descriptors are closed`);
  await client.close();
  await stranger.close();
}

/** The flow of this client may have ended, and then its datagram begins another one; it may send again where a datagram was lost. */
async function served(client: UdpSocket, port: number, what: string): Promise<void> {
  const isAnswered = (): boolean => client.got.some(({ bytes }) => bytes.toString() === "next");
  const before = performance.now();
  let sent = 0;
  await eventually(() => {
    if (performance.now() - before >= sent * 50) {
      sent++;
      void client.send("next", port);
    }
    return isAnswered();
  }, `${what}: the next datagram is answered`);
}

/** Tests of each call that flows make, and that a port for them makes when it opens. */
function tests(value: KernelCalls): void {
  let usual = new Map<Named, number>();
  const ready = async (): Promise<Scene> => {
    const it = await scene(value);
    await run(it, null, 0);
    const counted = await udpSocket("127.0.0.1");
    it.faulty.arm(null);
    for (let i = 0; i < QUERIES; i++) {
      await counted.send(`q${i}`, it.port);
      await counted.until(i + 1);
    }
    it.gateway.clock.advance(33_000);
    await turns(5);
    usual = new Map(it.faulty.made);
    await counted.close();
    return it;
  };
  const total = (): number => [...usual.values()].reduce((sum, n) => sum + n, 0);

  for (const name of OF_FLOWS) {
    test(`${name} fails once, at each step of a flow`, async () => {
      const it = await ready();
      for (const step of stepsOf(usual.get(name) ?? 0, FIRST_STEPS))
        for (const error of ERRORS[name].slice(0, atLength(ERRORS[name].length, 2))) await run(it, { name, step, error, stays: false }, total());
    });
    if (name === "close" || name === "epollWait") continue;
    test(`${name} fails for a while`, async () => {
      const it = await ready();
      const lasting = ERRORS[name].filter((error) => error !== EINTR && error !== EAGAIN);
      for (const error of lasting.slice(0, atLength(lasting.length, 2)))
        for (const step of atLength([0, 1], [0])) await run(it, { name, step, error, stays: true }, total());
    });
  }

  test("each kind of call is made by the flows that these tests are of", async () => {
    await ready();
    assert.equal(
      OF_FLOWS.filter((name) => !usual.has(name)),
      [],
    );
  });

  for (const name of OF_BINDING) {
    test(`${name} fails when a reload opens a port: nothing is left of it, and the next reload opens it`, async () => {
      const it = await scene(value);
      const other = await freeUdpPort();
      const before = moduleOf(policyOf(it.port, it.behind.port, "amplify 1 allow from any"));
      const policy = `${policyOf(it.port, it.behind.port, "amplify 1 allow from any")}\nexpose more on udp ${other} { backend 127.0.0.1:${it.behind.port} amplify 1 allow from any }`;
      const reloaded = async (module: Uint8Array): Promise<void> => {
        it.gateway.place(module);
        await it.gateway.daemon.reload();
      };
      await reloaded(before);
      const open = descriptors();
      it.faulty.arm(null);
      await reloaded(moduleOf(policy));
      const count = it.faulty.made.get(name) ?? 0;
      assert.ok(count > 0, `${name} is called`);
      await reloaded(before);
      assert.is(descriptors(), open);
      for (const step of stepsOf(count, FIRST_STEPS)) {
        for (const error of ERRORS[name].slice(0, atLength(ERRORS[name].length, 2))) {
          it.faulty.arm({ name, step, error, stays: false });
          await reloaded(moduleOf(policy));
          it.faulty.arm(null);
          await reloaded(before);
          await eventually(() => descriptors() <= open, `${name} at ${step} with ${error}: all descriptors are closed`);
        }
      }
      await reloaded(moduleOf(policy));
      const client = await udpSocket("127.0.0.1");
      await client.send("q", other);
      await client.until(1);
    });
  }

  for (const name of ["send", "sendmmsg"] as const) {
    test(`what the path does not take (${name}) is lost and counted, and the next one goes`, async () => {
      const { faulty, gateway, port } = await scene(value);
      const client = await udpSocket("127.0.0.1");
      faulty.arm({ name, step: 0, error: EMSGSIZE, stays: false });
      await client.send("lost", port);
      await eventually(() => gateway.daemon.counters.datagramsDropped.get("path") === 1, "it is counted");
      await client.send("goes", port);
      await client.until(1);
      assert.equal(
        client.got.map(({ bytes }) => bytes.toString()),
        ["goes"],
      );
      const { flows } = await statusOf(gateway);
      assert.equal([flows.live, flows.dropped], [1, { path: 1 }]);
    });
  }

  // A socket whose datagrams came without their local address would answer from another one.
  test("a gateway whose kernel does not name local addresses does not open the port", async () => {
    const open = new Set<number>();
    const refusing: KernelCalls = {
      ...value,
      socket(domain, type) {
        const fd = value.socket(domain, type);
        open.add(fd);
        return fd;
      },
      close(fd) {
        open.delete(fd);
        return value.close(fd);
      },
      setOption: (fd, level, option, to) => (level === IPPROTO_IP && option === IP_PKTINFO ? -22 : value.setOption(fd, level, option, to)),
    };
    const started = await start({
      calls: refusing,
      policy: policyOf(await freeUdpPort(), await freeUdpPort(), "amplify 1 allow from any"),
      hostAddresses: () => LOOPBACK,
    });
    assert.match("failure" in started ? started.failure.message : "started", /EINVAL/);
    assert.equal([...open], []);
  });
}

if (usable.ok) {
  tests(usable.value);
  openingTests(test, usable.value);
} else skip("flow faults", usable.error.because);

test.run();
