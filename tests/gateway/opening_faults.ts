// Ports that can't be opened, because one call of the kernel fails: at a start, at a reload, when an address comes, at a
// socket that was passed, and after a takeover that was given up. Nothing is left of what failed, everything else is
// served, and what the policy has is opened anew at the next look at the ports.
import { readdirSync } from "node:fs";
import { connect } from "node:net";
import * as assert from "uvu/assert";
import type { KernelCalls } from "../../gateway/kernel/calls.ts";
import { isV4, parseAddress, type Address } from "../../runtime/net/address.ts";
import { atLength } from "../at_length.ts";
import type { Suite } from "../suite.ts";
import { described, ERRORS, FaultyCalls, stepsOf, type Named, type Plan } from "./faulty_calls.ts";
import { freeUdpPort, udpBackend, udpSocket } from "./datagrams_under_test.ts";
import { backend, eventually, freePort, moduleOf, probe, running, start, visit, type Under } from "./gateway_under_test.ts";
import { rawSockets } from "./raw_sockets.ts";
import { begun, caller, step } from "./takeover_under_test.ts";

const OF_OPENING: readonly Named[] = ["socket", "setOption", "bind", "listen", "epollControl"];
const OF_PASSED: readonly Named[] = ["setNonBlocking", "setOption", "listen", "epollControl"];
/** `timers.interface_poll_ms`, of the gateway's clock. */
const POLL_MS = 5_000;
const FIRST_STEPS = 1;
const UNWATCHED = "[policy]\nwatch = false";

const descriptors = (): number => readdirSync("/proc/self/fd").length;

function address(text: string): Address {
  const found = parseAddress(text);
  if (found === null) throw new Error(text);
  return found;
}

/** An address that the host does not have is no failure: the port opens when the address comes (open_ports.test.ts). */
const EADDRNOTAVAIL = 99;

/** Every error of these calls at every step, or a sample of them. */
function* plansOf(names: readonly Named[], made: ReadonlyMap<Named, number>): Generator<Plan> {
  for (const name of names) {
    const errors = ERRORS[name].filter((error) => error !== EADDRNOTAVAIL);
    for (const at of stepsOf(made.get(name) ?? 0, FIRST_STEPS))
      for (const error of errors.slice(0, atLength(errors.length, 1))) yield { name, step: at, error, stays: false };
  }
}

/** Whether anything accepts there. */
function listens(port: number, host = "127.0.0.1"): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host });
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("close", () => socket.destroy());
    socket.once("connect", () => socket.destroy());
  });
}

/** The next look at the ports, until a client is served. */
async function openedAnew(gateway: Under, port: number, what: string): Promise<void> {
  let isServed = false;
  for (let looks = 0; looks < 3 && !isServed; looks++) {
    gateway.clock.advance(POLL_MS);
    for (let turn = 0; turn < 50; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
    isServed = (await probe(port)) === "allow";
  }
  assert.ok(isServed, `${what}: the port is opened anew`);
}

/** A takeover that goes as far as its state, and is given up. */
async function givenUp(gateway: Under, faulty: FaultyCalls, plan: Plan | null): Promise<void> {
  const rpc = await caller(gateway.folder);
  const id = await begun(rpc);
  assert.type(await step(rpc, "freeze", { id }), "object");
  faulty.arm(plan);
  const { length } = gateway.said;
  rpc.close();
  await eventually(() => gateway.said.slice(length).some((said) => said.includes("does not take over")), described(plan));
}

export function openingTests(test: Suite<Record<string, never>>, real: KernelCalls): void {
  const expose = (name: string, port: number, behind: number, bind = "127.0.0.1"): string =>
    `expose ${name} on tcp ${port} bind ${bind} { backend 127.0.0.1:${behind} allow from any }`;

  test("opening: a call fails at a reload: it is refused, nothing is left of it, and the next reload opens the port", async () => {
    const [{ port: behind }, port, other] = [await backend("hello"), await freePort(), await freePort()];
    const faulty = new FaultyCalls(real);
    const [before, after] = [expose("web", port, behind), `${expose("web", port, behind)}\n${expose("more", other, behind)}`].map((text) =>
      moduleOf(`edition 1\n${text}`),
    );
    if (before === undefined || after === undefined) throw new Error("no module");
    const gateway = await running({ calls: faulty.calls, module: before, config: UNWATCHED });
    const reloaded = async (module: Uint8Array) => {
      gateway.place(module);
      return gateway.daemon.reload();
    };
    await reloaded(after);
    await reloaded(before);
    const open = descriptors();
    faulty.arm(null);
    await reloaded(after);
    const made = new Map(faulty.made);
    for (const name of OF_OPENING) assert.ok((made.get(name) ?? 0) > 0, `${name} is called`);
    await reloaded(before);
    let refusals = 0;
    for (const plan of plansOf(OF_OPENING, made)) {
      const what = described(plan);
      faulty.arm(plan);
      const report = await reloaded(after);
      faulty.arm(null);
      assert.is(await listens(other), report.ok, `${what}: open exactly where the reload says so`);
      if (!report.ok) {
        refusals++;
        assert.match(report.error.message, new RegExp(`^port ${other} `), what);
      } else assert.is(await probe(other), "allow", what);
      assert.is(await probe(port), "allow", `${what}: the other port is served`);
      assert.ok((await reloaded(before)).ok, what);
      await eventually(() => descriptors() <= open, `${what}: all descriptors are closed`);
      assert.not(await listens(other), what);
    }
    assert.ok(refusals >= 4, `${refusals} were refused`);
    assert.ok((await reloaded(after)).ok);
    assert.is(await probe(other), "allow");
  });

  test("opening: a call fails at a start: it ends with a sentence that names the port, and nothing listens", async () => {
    const { port: behind } = await backend("hello");
    const counted = new FaultyCalls(real);
    const gateway = await running({ calls: counted.calls, policy: `edition 1\n${expose("web", await freePort(), behind)}` });
    const made = new Map(counted.made);
    await gateway.stop();
    for (const plan of plansOf(["socket", "bind", "listen"], made)) {
      const [faulty, port] = [new FaultyCalls(real), await freePort()];
      faulty.arm(plan);
      const started = await start({ calls: faulty.calls, policy: `edition 1\n${expose("web", port, behind)}` });
      const what = described(plan);
      assert.match("failure" in started ? started.failure.message : "it started", new RegExp(`^port ${port} `), what);
      assert.not(await listens(port), what);
    }
  });

  test("opening: IPv6 without V6ONLY is no socket for both families", async () => {
    const [{ port: behind }, port] = [await backend("hello"), await freePort()];
    const IPPROTO_IPV6 = 41;
    let isRefused = true;
    const calls: KernelCalls = {
      ...real,
      setOption: (fd, level, option, to) => (isRefused && level === IPPROTO_IPV6 && option === 26 ? -12 : real.setOption(fd, level, option, to)),
    };
    const policy = `edition 1\n${expose("web", port, behind, "::1")}`;
    const started = await start({ calls, policy });
    assert.match("failure" in started ? started.failure.message : "it started", /\(ENOMEM\)/);
    assert.not(await listens(port, "::1"));
    isRefused = false;
    await running({ calls, policy });
    assert.ok(await listens(port, "::1"));
  });

  test("opening: a call fails when an address comes: the port opens at the next look", async () => {
    const [{ port: behind }, port, other] = [await backend("hello"), await freePort(), await freePort()];
    const faulty = new FaultyCalls(real);
    let host: readonly Address[] = [address("127.0.0.1")];
    const gateway = await running({
      calls: faulty.calls,
      policy: `edition 1\n${expose("web", port, behind)}\n${expose("vpn", other, behind, "127.8.0.0/16")}`,
      config: UNWATCHED,
      hostAddresses: () => host.filter(isV4),
    });
    const at = "127.8.0.1";
    const come = async (): Promise<void> => {
      host = [address("127.0.0.1"), address(at)];
      await gateway.daemon.reconcile();
    };
    const gone = async (): Promise<void> => {
      host = [address("127.0.0.1")];
      await gateway.daemon.reconcile();
    };
    await come();
    await gone();
    faulty.arm(null);
    await come();
    const made = new Map(faulty.made);
    await gone();
    const open = descriptors();
    for (const plan of plansOf(OF_OPENING, made)) {
      const what = described(plan);
      faulty.arm(plan);
      await come();
      if (!(await listens(other, at))) assert.match(gateway.said.at(-1) ?? "", new RegExp(`^port ${other} `), what);
      gateway.clock.advance(POLL_MS);
      let isOpen = false;
      for (let i = 0; i < 100 && !isOpen; i++) isOpen = await listens(other, at);
      assert.ok(isOpen, `${what}: it is open after the next look`);
      await gone();
      await eventually(() => descriptors() <= open, `${what}: all descriptors are closed`);
    }
  });

  const raw = rawSockets();
  if (raw !== null)
    test("opening: a passed socket that can't be served is closed with a sentence, and its port is opened anew at the next look", async () => {
      const { port: behind } = await backend("hello");
      const passed = async (plan: Plan | null): Promise<ReadonlyMap<Named, number>> => {
        const [faulty, port] = [new FaultyCalls(real), await freePort()];
        const fd = raw.give(raw.listening("127.0.0.1", port));
        faulty.arm(plan);
        const gateway = await running({
          calls: faulty.calls,
          policy: `edition 1\n${expose("web", port, behind)}`,
          inherited: { sockets: [{ fd, proto: "tcp", address: address("127.0.0.1"), port, zone: "", name: "" }], ignoresForeign: false },
        });
        const made = new Map(faulty.made);
        faulty.arm(null);
        const what = described(plan);
        const lost = new RegExp(`the inherited socket 127\\.0\\.0\\.1:${port}/tcp can't be served`);
        if ((await listens(port)) && !gateway.said.some((said) => lost.test(said))) assert.is(await probe(port), "allow", what);
        else {
          assert.match(gateway.said.join("\n"), lost, what);
          await openedAnew(gateway, port, what);
        }
        await gateway.stop();
        return made;
      };
      const made = await passed(null);
      let plans = 0;
      for (const plan of plansOf(OF_PASSED, made)) {
        plans++;
        await passed(plan);
      }
      assert.ok(plans >= 4);
    });

  test("opening: a call fails when a takeover is given up: the port is opened anew at the next look, and nothing is left", async () => {
    const [{ port: behind }, port] = [await backend("hello"), await freePort()];
    const faulty = new FaultyCalls(real);
    const gateway = await running({ calls: faulty.calls, policy: `edition 1\n${expose("web", port, behind)}`, config: UNWATCHED });
    const kept = visit(port);
    assert.is(await kept.first, "hello");
    await givenUp(gateway, faulty, null);
    const made = new Map(faulty.made);
    faulty.arm(null);
    assert.is(await probe(port), "allow");
    const open = descriptors();
    let lost = 0;
    for (const plan of plansOf(OF_PASSED, made)) {
      const what = described(plan);
      const { length } = gateway.said;
      await givenUp(gateway, faulty, plan);
      faulty.arm(null);
      if (gateway.said.slice(length).some((said) => said.includes("can't be served again"))) {
        lost++;
        assert.not(await listens(port), what);
        await openedAnew(gateway, port, what);
      } else assert.is(await probe(port), "allow", what);
      await eventually(() => descriptors() <= open, `${what}: all descriptors are closed`);
    }
    assert.ok(lost > 0);
    kept.socket.write("still");
    assert.is(await new Promise<string>((resolve) => kept.socket.once("data", (bytes) => resolve(bytes.toString()))), "still");
  });

  test("opening: a call fails when a takeover is given up over udp: the socket is opened anew at the next look, and nothing is left", async () => {
    const [behind, port, client, faulty] = [await udpBackend(), await freeUdpPort(), await udpSocket(), new FaultyCalls(real)];
    const gateway = await running({
      calls: faulty.calls,
      policy: `edition 1\nexpose dns on udp ${port} bind 127.0.0.1 { backend 127.0.0.1:${behind.port} amplify 1 allow from any }`,
      config: UNWATCHED,
    });
    const query = async (text: string): Promise<void> => {
      const { length } = client.got;
      await client.send(text, port);
      await client.until(length + 1);
      assert.is(client.got.at(-1)?.bytes.toString(), text);
    };
    await givenUp(gateway, faulty, null);
    const made = faulty.made.get("epollControl") ?? 0;
    assert.ok(made > 0);
    faulty.arm(null);
    await query("as before");
    const open = descriptors();
    for (const error of ERRORS.epollControl) {
      await givenUp(gateway, faulty, { name: "epollControl", step: 0, error, stays: false });
      faulty.arm(null);
      assert.match(gateway.said.join("\n"), new RegExp(`127\\.0\\.0\\.1:${port} can't be served again`));
      gateway.clock.advance(POLL_MS);
      await query(`after ${error}`);
      await eventually(() => descriptors() <= open, "all descriptors are closed");
    }
  });
}
