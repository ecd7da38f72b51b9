// Opening ports: what can't be opened is one sentence with the remedy and no `port open`.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { EXIT_DELEGATE, EXIT_REJECTED, EXIT_UNSUPPORTED, isFailure } from "../../gateway/exit.ts";
import { Places } from "../../gateway/connection/places.ts";
import { connectionCap, pipesWithin } from "../../gateway/descriptors.ts";
import { defaultConfig } from "../../gateway/config/read.ts";
import { CONNECTING, OPEN } from "../../gateway/connection/states.ts";
import { openCalls } from "../../gateway/kernel/calls.ts";
import { kernelForwarder } from "../../gateway/kernel/kernel_forwarder.ts";
import { nodeForwarder, type ForwarderSetup } from "../../gateway/listen/node_forwarder.ts";
import { isListenFailure } from "../../gateway/connection/forwarder.ts";
import { denial, type Denial } from "../../runtime/host/decision.ts";
import { ConnectionTable } from "../../gateway/connection/table.ts";
import { CODE_INTERNAL, CODE_NO_MATCH } from "../../runtime/abi/verdicts.ts";
import { fromV4, type Address } from "../../runtime/net/address.ts";
import { FORWARDERS, backend, eventually, freePort, listening, manualClock, probe, running, start, visit, type ForwarderName } from "./gateway_under_test.ts";

const test = suite("ports");

test("a busy port at the start: no marker, exit 5, a sentence with the remedy; the other ports close", async () => {
  const other = createServer();
  const busy = await listening(other, "0.0.0.0");
  const free = await freePort();
  const started = await start({ policy: `edition 1\nexpose web on tcp ${free}, ${busy} { backend 127.0.0.1:9 allow from any }` });
  assert.ok("failure" in started);
  if ("failure" in started) {
    assert.equal(started.markers, []);
    assert.is(started.failure.exitCode, EXIT_DELEGATE);
    assert.match(
      started.failure.message,
      new RegExp(`^port ${busy} \\(0\\.0\\.0\\.0:${busy}\\) is in use by another program: stop it \\(ss .*\\) or expose another port$`),
    );
  }
  assert.is(await probe(free), "deny");
  other.close();
});

test("caps.ports admits N sockets and refuses N + 1", async () => {
  const behind = await backend("hello");
  const ports = [await freePort(), await freePort(), await freePort()];
  const policy = `edition 1\nexpose web on tcp ${ports.join(", ")} bind 127.0.0.1 { backend 127.0.0.1:${behind.port} allow from any }`;
  const gateway = await running({ policy, config: "[caps]\nports = 3" });
  for (const port of ports) assert.is(await probe(port), "allow");
  await gateway.stop();
  const started = await start({ policy, config: "[caps]\nports = 2" });
  assert.ok("failure" in started && started.failure.exitCode === EXIT_REJECTED);
  assert.match("failure" in started ? started.failure.message : "", /more than 2 sockets .*raise caps\.ports/);
  assert.equal(started.markers, []);
  behind.close();
});

test("a denial makes no upstream socket and no admitted connection", async () => {
  for (const name of FORWARDERS) await noUpstreamOf(name);
});

async function noUpstreamOf(name: ForwarderName): Promise<void> {
  const calls: string[] = [];
  const nobody = (what: string) => (): Denial => {
    calls.push(what);
    return denial(CODE_INTERNAL);
  };
  const setup: ForwarderSetup = {
    table: new ConnectionTable(),
    clock: manualClock(),
    isReset: null,
    hasEnded: null,
    places: new Places(manualClock()),
    timers: { keepalive_ms: 0, hello_ms: 10_000, backend_connect_ms: 1000, idle_ms: 0, lifetime_ms: 0 },
    decider: {
      accept: (_socket, rows) => rows.map(() => denial(CODE_NO_MATCH)),
      headed: nobody("headed"),
      named: nobody("named"),
      secured: nobody("secured"),
      connected: nobody("connected"),
      preface: () => null,
      adopted: nobody("adopted"),
      notOwned: nobody("not owned"),
      backendFailed: nobody("backend failed"),
      nextBackend: () => false,
      secondHello: nobody("second hello"),
      fault: nobody("fault"),
      closed: (_row, end) => calls.push(`closed ${end}`),
    },
  };
  const made = name === "kernel" ? openCalls() : null;
  const forwarder = made === null ? nodeForwarder(setup) : kernelForwarder({ ...setup, calls: made, mostPipes: 1, lacked: () => undefined });
  const port = await freePort();
  const socket = await forwarder.open({ host: "127.0.0.1", port }, false);
  assert.ok(!isListenFailure(socket));
  assert.is(await probe(port), "deny");
  assert.is(forwarder.live, 0);
  assert.equal(calls, ["closed null"], name);
  if (!isListenFailure(socket)) socket.close();
}

test("the cap of connections under way to a backend admits N and refuses N + 1, and they time out", async () => {
  // A stopped process accepts nobody: the kernel takes the first few for it, later connects
  // stay under way.
  const script =
    'require("net").createServer().listen({port:0,host:"127.0.0.1",backlog:1},function(){process.stdout.write(String(this.address().port));setImmediate(()=>process.kill(process.pid,"SIGSTOP"))})';
  const stopped = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  const text = await new Promise<string>((resolve) => stopped.stdout.once("data", (chunk: Buffer) => resolve(chunk.toString())));
  const port = await freePort();
  const UNDER_WAY = 3;
  const gateway = await running({
    config: `[caps]\nbackend_connecting = ${UNDER_WAY}\n[timers]\nbackend_connect_ms = 2000`,
    policy: `edition 1\nexpose web on tcp ${port} { backend 127.0.0.1:${text} allow from any }`,
  });
  const { counters, forwarder } = gateway.daemon;
  const states = (state: number): number => forwarder.table.state.reduce((n, s) => n + (s === state ? 1 : 0), 0);
  const visits = [];
  for (let i = 0; i < 40 && counters.denied === 0; i++) {
    const before = counters.allowed + counters.denied;
    visits.push(visit(port));
    await eventually(() => counters.allowed + counters.denied > before, "it was decided");
    // A connection that the kernel accepts for the backend is not under way.
    await eventually(() => states(OPEN) + states(CONNECTING) === forwarder.live, "its state is known");
  }
  assert.is(counters.byCode.get("cap_backend"), 1);
  assert.is(gateway.records().at(-1)?.code, "cap_backend");
  assert.is(states(CONNECTING), UNDER_WAY);
  gateway.clock.advance(2000);
  await eventually(() => counters.ends.get("backend_timeout") === UNDER_WAY, "they timed out");
  assert.is(states(CONNECTING), 0);
  const later = visit(port);
  await eventually(() => states(CONNECTING) === 1, "there is room again");
  for (const { socket } of [...visits, later]) socket.destroy();
  stopped.kill("SIGKILL");
  await once(stopped, "exit");
  await gateway.stop();
});

test("bind NET follows the host's addresses", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const host: Address[] = [fromV4(0x7f000001), fromV4(0x0a000001)];
  const gateway = await running({
    hostAddresses: () => host,
    policy: `edition 1\nexpose web on tcp ${port} bind 127.0.0.0/24 { backend 127.0.0.1:${behind.port} allow from any }`,
  });
  const opens = async (...local: string[]): Promise<("allow" | "deny")[]> => {
    const answers: ("allow" | "deny")[] = [];
    for (const to of local) answers.push(await probe(port, "127.0.0.1", to));
    return answers;
  };
  assert.equal(await opens("127.0.0.1", "127.0.0.5", "127.0.1.1"), ["allow", "deny", "deny"]);
  host.push(fromV4(0x7f000005), fromV4(0x7f000101));
  gateway.clock.advance(5000);
  await eventually(() => gateway.records().filter(({ op }) => op === "bind").length === 2, "it looked");
  await gateway.daemon.reconcile();
  assert.equal(await opens("127.0.0.1", "127.0.0.5", "127.0.1.1"), ["allow", "allow", "deny"]);
  host.shift();
  gateway.clock.advance(5000);
  let first = await opens("127.0.0.1");
  while (first[0] === "allow") first = await opens("127.0.0.1");
  assert.equal(await opens("127.0.0.5"), ["allow"]);
  assert.equal(gateway.markers.filter((line) => line.includes("port open")).length, 1, "one marker a port");
  await gateway.stop();
  behind.close();
});

test("an address that this host lacks is left out, said once, and tried when addresses change", async () => {
  const port = await freePort();
  // TEST-NET-1: the list says that the host has it, the kernel does not.
  const host: Address[] = [fromV4(0xc000024d), fromV4(0x7f000001)];
  const gateway = await running({
    hostAddresses: () => host,
    policy: `edition 1\nexpose web on tcp ${port} bind 192.0.2.77, 127.0.0.1 { backend 127.0.0.1:9 allow from any }`,
  });
  assert.ok(gateway.markers.includes(`ingressd: port open (port=${port}, proto=tcp)`));
  const said = (): number => gateway.said.filter((sentence) => sentence.includes("192.0.2.77") && sentence.includes("left out")).length;
  assert.is(said(), 1);
  for (let i = 0; i < 3; i++) await gateway.daemon.reconcile();
  assert.is(said(), 1);
  assert.is(gateway.records().filter(({ op }) => op === "bind").length, 2, "no record for what was not tried again");
  await gateway.stop();
});

test("a port that passes to another program between reloads is not the gateway's", async () => {
  const port = await freePort();
  const gateway = await running({ policy: "edition 1" });
  const other = createServer((client) => client.end("other"));
  await new Promise<void>((resolve) => other.listen({ host: "127.0.0.1", port }, resolve));
  const { first, socket } = visit(port);
  assert.is(await first, "other");
  socket.destroy();
  other.close();
  await gateway.stop();
});

test("nofile: enough, lowered with a sentence, refused", () => {
  const config = defaultConfig();
  const said: string[] = [];
  const say = (sentence: string): void => void said.push(sentence);
  assert.equal([null, 1_000_000, 1024, 1023, 512, 64, 31, 0].map(pipesWithin), [32, 32, 32, 31, 16, 2, 0, 0]);
  assert.is(connectionCap(config, 1_000_000, say), 10_000);
  assert.is(connectionCap(config, null, say), 10_000);
  assert.equal(said, []);
  const lowered = connectionCap(config, 1024, say);
  assert.ok(typeof lowered === "number" && lowered >= 200 && 2 * lowered < 1024 - 256);
  assert.match(said[0] ?? "", /^caps\.connections = 10000 is lowered to [0-9]+, because nofile = 1024: raise it/);
  const refused = connectionCap(config, 40, say);
  assert.ok(isFailure(refused) && refused.exitCode === EXIT_UNSUPPORTED && refused.message.includes("nofile = 40"));
});

test("a peer that disconnects before its decision is a refusal with its own code", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const gateway = await running({ policy: `edition 1\nexpose web on tcp ${port} { backend 127.0.0.1:${behind.port} allow from any }` });
  const { counters } = gateway.daemon;
  for (let i = 0; i < 50; i++) {
    const { socket, closed } = visit(port);
    socket.once("connect", () => socket.resetAndDestroy());
    await closed;
  }
  await eventually(() => counters.allowed + counters.denied >= 51, "all were decided");
  const codes = new Set(
    gateway
      .records()
      .filter(({ op }) => op === "accept")
      .map(({ code }) => code),
  );
  assert.ok(
    [...codes].every((code) => code === "no_peer" || code === "allowed"),
    [...codes].join(),
  );
  await eventually(() => gateway.daemon.forwarder.live === 0, "none is left");
  await gateway.stop();
  behind.close();
});

test.run();
