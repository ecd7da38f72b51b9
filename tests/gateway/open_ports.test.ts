// The conditions of opening a port beside the policy: caps while a reload replaces ports, our own connections, and
// addresses that the host does not have yet; and TCP's keep-alive on both sides.
import { existsSync, readFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { SWEEP_MS } from "../../gateway/daemon.ts";
import { parseAddress, type Address } from "../../runtime/net/address.ts";
import { loadPolicyInWorker } from "../../runtime/host/load_in_worker.ts";
import { skip } from "../skip.ts";
import { backend, eventually, freePort, listening, moduleOf, probe, running, visit } from "./gateway_under_test.ts";

const test = suite("open ports");

function address(text: string): Address {
  const found = parseAddress(text);
  if (found === null) throw new Error(text);
  return found;
}

test("ports that a reload closes do not count against caps.ports; one more than the cap is refused", async () => {
  const ports = [await freePort(), await freePort(), await freePort(), await freePort(), await freePort()];
  const policy = (list: readonly number[]): string =>
    `edition 1\n${list.map((port, i) => `expose web${i} on tcp ${port} bind 127.0.0.1/32 { backend 127.0.0.1:9 allow from any }`).join("\n")}`;
  const gateway = await running({ policy: policy(ports.slice(0, 2)), config: "[caps]\nports = 2\n[policy]\nwatch = false" });
  gateway.place(moduleOf(policy(ports.slice(2, 4))));
  const report = await gateway.daemon.reload();
  assert.ok(report.ok, JSON.stringify(report));
  if (report.ok) assert.equal([report.value.opened.length, report.value.closed.length, report.value.failed], [2, 2, []]);
  gateway.place(moduleOf(policy(ports.slice(2))));
  assert.not((await gateway.daemon.reload()).ok);
  await gateway.stop();
});

test("a port that one of our own connections has is reported as that", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const gateway = await running({
    policy: `edition 1\nexpose web on tcp ${port} { backend 127.0.0.1:${behind.port} allow from any }`,
    config: "[policy]\nwatch = false",
  });
  const client = visit(port);
  assert.is(await client.first, "hello");
  const [upstream] = [...behind.sockets];
  const near = upstream?.remotePort ?? 0;
  gateway.place(moduleOf(`edition 1\nexpose web on tcp ${port}, ${near} { backend 127.0.0.1:${behind.port} allow from any }`));
  const refused = await gateway.daemon.reload();
  assert.match(
    refused.ok ? "" : refused.error.message,
    new RegExp(
      `^port ${near} .* is in use by one of ingressd's own connections to the backend 127\\.0\\.0\\.1:${behind.port}.*ip_local_reserved_ports=${near}`,
    ),
  );
  client.socket.destroy();
  await client.closed;
  await gateway.stop();
  behind.close();
});

test("an expose whose address the host lacks is named at ready, in status and by health, and opens by itself", async () => {
  const behind = await backend("hello");
  const [port, other] = [await freePort(), await freePort()];
  let host: Address[] = [address("127.0.0.1")];
  const gateway = await running({
    policy: `edition 1
expose web on tcp ${port} bind 127.0.0.0/8 { backend 127.0.0.1:${behind.port} allow from any }
expose vpn on tcp ${other} bind 127.8.0.0/16 { backend 127.0.0.1:${behind.port} allow from any }`,
    hostAddresses: () => host,
    config: "[policy]\nwatch = false",
  });
  const sentence = "expose `vpn` listens nowhere yet: this host has no address of its `bind` (127.8.0.0/16); it opens by itself when there is one";
  const seen = async (): Promise<[number, string]> => {
    const client = await gateway.control();
    const answers = [await client.call("status"), await client.call("health"), await client.call("metrics")].map((answer) => JSON.stringify(answer));
    client.close();
    assert.is(/"name":"web".*?"waits_for_address":(true|false)/.exec(answers[0] ?? "")?.[1], "false");
    const waits = /"name":"vpn".*?"waits_for_address":(true|false)/.exec(answers[0] ?? "")?.[1] ?? "";
    assert.is((answers[1] ?? "").includes("expose `vpn`"), waits === "true");
    assert.match(answers[2] ?? "", `ingressd_exposes_without_address ${waits === "true" ? 1 : 0}`);
    return [gateway.said.filter((said) => said === sentence).length, waits];
  };
  assert.equal(
    gateway.markers.filter((line) => line.includes("port open")),
    [`ingressd: port open (port=${port}, proto=tcp)`],
  );
  assert.is(gateway.markers.at(-1), "ingressd: ready");
  assert.equal(await seen(), [1, "true"]);
  await gateway.daemon.reconcile();
  assert.equal(await seen(), [1, "true"], "said once");
  host = [...host, address("127.8.0.1")];
  await gateway.daemon.reconcile();
  assert.equal(await seen(), [1, "false"]);
  assert.is(await probe(other, "127.0.0.1", "127.8.0.1"), "allow");
  host = host.slice(0, 1);
  await gateway.daemon.reconcile();
  assert.equal(await seen(), [2, "true"], "it went again");
  await gateway.stop();
  behind.close();
});

/** USER_HZ: the kernel's unit of timers. */
const TICKS_PER_SECOND = 100;

/** Kernel timer of each connection to a local port: 2 is keep-alive; it is due within `withinSeconds`, else "late" is the answer. */
function timers(port: number, column: 1 | 2, withinSeconds: number): string[] {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  return readFileSync("/proc/net/tcp", "latin1")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter((row) => row[3] === "01" && row[column]?.endsWith(`:${hex}`) === true)
    .map((row) => row[5]?.split(":") ?? [])
    .map(([kind = "", due = ""]) => (Number.parseInt(due, 16) <= withinSeconds * TICKS_PER_SECOND ? kind : "late"));
}

if (!existsSync("/proc/net/tcp")) skip("keep-alive", "there is no /proc/net/tcp");
else {
  test("keep-alive is on at both sides, and off where the configuration says so", async () => {
    // Whole seconds, at least one: less would be the kernel's two hours.
    const rows = [
      ["", "02", 60],
      ["[timers]\nkeepalive_ms = 1", "02", 1],
      ["[timers]\nkeepalive_ms = 1999", "02", 1],
      ["[timers]\nkeepalive_ms = 0", "00", 0],
    ] as const;
    for (const [config, expected, within] of rows) {
      const sockets: Socket[] = [];
      const server = createServer((socket) => {
        socket.on("error", () => undefined);
        socket.on("data", (chunk) => socket.write(chunk));
        sockets.push(socket);
      });
      const [port, back] = [await freePort(), await listening(server)];
      const gateway = await running({ policy: `edition 1\nexpose web on tcp ${port} bind 127.0.0.1/32 { backend 127.0.0.1:${back} allow from any }`, config });
      const client = visit(port);
      client.socket.write("x");
      assert.is(await client.first, "x");
      // The kernel's forwarder lets a backend be probed when the first sweep finds it still connected.
      gateway.clock.advance(SWEEP_MS);
      // The gateway's near end to the client has the port as its own; that to the backend has it as its peer's.
      await eventually(
        () => timers(port, 1, within).join() === expected && timers(back, 2, within).join() === expected,
        `${expected}: ${timers(port, 1, within).join()} ${timers(back, 2, within).join()}`,
      );
      client.socket.destroy();
      for (const socket of sockets) socket.destroy();
      server.close();
      await gateway.stop();
    }
  });
}

test("the limit of a policy's self-checks is the processor time of their thread", async () => {
  const module = moduleOf("edition 1\nexpose web on tcp 80 { backend 127.0.0.1:9 allow from any }");
  // By the clock the thread's own start alone takes longer than that.
  const checked = await loadPolicyInWorker(Uint8Array.from(module), null, 250);
  assert.ok(checked.ok, JSON.stringify(checked));
  const late = await loadPolicyInWorker(Uint8Array.from(module), null, 0);
  assert.is(!late.ok && late.error.code, "module_selftest");
});

/** Stops this thread, so that nothing that another thread says is heard in between. */
function blockMs(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

test("a thread of self-checks that is not heard to begin within six times their limit is refused", async () => {
  const module = moduleOf("edition 1\nexpose web on tcp 80 { backend 127.0.0.1:9 allow from any }");
  for (const [limitMs, blockedMs, due] of [
    [50, 50 * 6 + 1, "module_selftest"],
    [1_000, 50 * 6 + 1, "checked"],
  ] as const) {
    // After this phase of the event loop timers come before messages.
    await new Promise<void>((resolve) => setImmediate(resolve));
    const checking = loadPolicyInWorker(Uint8Array.from(module), null, limitMs);
    blockMs(blockedMs);
    const result = await checking;
    assert.is(!result.ok ? result.error.code : "checked", due, JSON.stringify(result));
  }
});

test.run();
