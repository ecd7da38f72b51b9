// A reload is atomic: after its acknowledgement only the new policy answers; a failed
// reload keeps the old one; established connections are rechecked.
import { writeFileSync } from "node:fs";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import type { Change } from "../../gateway/reload/change.ts";
import type { Report } from "../../gateway/reload/report.ts";
import { atLength } from "../at_length.ts";
import { backend, eventually, freePort, listening, moduleOf, probe, running, visit, type Under } from "./gateway_under_test.ts";
import { createServer } from "node:net";

const test = suite("reload");

async function reload(gateway: Under, module: Uint8Array): Promise<Report> {
  gateway.place(module);
  const report = await gateway.daemon.reload();
  if (!report.ok) throw new Error(report.error.message);
  return report.value;
}

test("no old answer after the acknowledgement, in thousands of probes", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const policy = (net: string): string => `edition 1
expose web on tcp ${port} { backend 127.0.0.1:${behind.port} cap 20000 connections allow from ${net} }`;
  const [one, two] = [moduleOf(policy("127.0.1.1")), moduleOf(policy("127.0.1.2"))];
  const gateway = await running({ module: one, config: "[policy]\nwatch = false" });
  const ROUNDS = 4;
  const BATCHES = atLength(50, 10);
  let old = 0;
  let probes = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const [granted, refused, module] = round % 2 === 0 ? ["127.0.1.2", "127.0.1.1", two] : ["127.0.1.1", "127.0.1.2", one];
    await reload(gateway, module);
    for (let batch = 0; batch < BATCHES; batch++) {
      const answers = await Promise.all(Array.from({ length: 25 }, async () => [await probe(port, granted), await probe(port, refused)]));
      for (const [yes, no] of answers) {
        if (yes !== "allow") old++;
        if (no !== "deny") old++;
        probes += 2;
      }
    }
  }
  assert.is(probes, ROUNDS * BATCHES * 50);
  assert.is(old, 0);
  assert.is(gateway.records().filter(({ op }) => op === "accept").length, probes);
  assert.equal(
    gateway
      .records()
      .filter(
        ({ op, decision, source, generation }) =>
          op === "accept" && (decision === "allow") !== source?.startsWith(generation % 2 === 0 ? "127.0.1.2:" : "127.0.1.1:"),
      ),
    [],
  );
  await gateway.stop();
  behind.close();
});

test("a storm of reloads under traffic loses no allowed connection", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const policy = (extra: string): Uint8Array =>
    moduleOf(`edition 1
expose web on tcp ${port} { backend 127.0.0.1:${behind.port} allow from 127.0.0.1 ${extra} }`);
  const modules = [policy(""), policy("allow from 127.0.0.2")];
  const gateway = await running({ module: policy(""), config: "[policy]\nwatch = false" });
  let over = false;
  const answers: string[] = [];
  const traffic = Array.from({ length: 4 }, async () => {
    while (!over) answers.push(await probe(port));
  });
  for (let i = 0; i < 8; i++) await reload(gateway, modules[i % 2] ?? new Uint8Array());
  over = true;
  await Promise.all(traffic);
  assert.ok(answers.length > 20);
  assert.equal(
    answers.filter((answer) => answer !== "allow"),
    [],
  );
  await gateway.stop();
  behind.close();
});

test("established connections: recheck closes what is refused now, and counts the rest again", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const policy = (net: string): string => `edition 1
expose web on tcp ${port} { backend 127.0.0.1:${behind.port} cap 2 connections allow from ${net} }`;
  const gateway = await running({ policy: policy("127.0.0.0/8") });
  const stays = visit(port, { from: "127.0.0.1" });
  const goes = visit(port, { from: "127.0.0.2" });
  await Promise.all([stays.first, goes.first]);
  const report = await reload(gateway, moduleOf(policy("127.0.0.1, 127.0.0.3")));
  assert.is(report.rechecked, 1);
  await goes.closed;
  const record = gateway.records().find(({ op }) => op === "recheck");
  assert.is(record?.code, "rechecked");
  assert.is(record?.detail, "no_match");
  assert.is(record?.generation, 2);
  await eventually(() => gateway.daemon.counters.ends.get("rechecked") === 1, "the end's count");
  const second = visit(port, { from: "127.0.0.3" });
  assert.is(await second.first, "hello", "one place of two is free");
  assert.is(await probe(port, "127.0.0.1"), "deny", "the connection that stayed counts in the new policy");
  assert.is(gateway.records().at(-1)?.code, "cap_listener");
  stays.socket.destroy();
  await eventually(() => gateway.daemon.forwarder.live === 1, "it is gone");
  assert.is(await probe(port, "127.0.0.1"), "allow", "and gives its place back there");
  second.socket.destroy();
  await gateway.stop();
  behind.close();
});

test("on_reload = keep lets refused connections end by themselves", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const gateway = await running({
    config: 'on_reload = "keep"',
    policy: `edition 1
expose web on tcp ${port} { backend 127.0.0.1:${behind.port} allow from any }`,
  });
  const { socket, first } = visit(port);
  await first;
  const report = await reload(gateway, moduleOf("edition 1"));
  assert.equal([report.rechecked, report.closed.length > 0], [0, true]);
  const heard = new Promise((resolve) => socket.once("data", resolve));
  socket.write("still here");
  assert.is(String(await heard), "still here");
  assert.is(await probe(port), "deny", "the port is closed");
  socket.destroy();
  await eventually(() => gateway.daemon.forwarder.live === 0, "it is gone");
  await gateway.stop();
  behind.close();
});

test("ports open and close with the policy, and the report says which", async () => {
  const behind = await backend("hello");
  const [a, b] = [await freePort(), await freePort()];
  const policy = (port: number): string => `edition 1
expose web on tcp ${port} bind 127.0.0.1 { backend 127.0.0.1:${behind.port} allow from any }`;
  const gateway = await running({ policy: policy(a) });
  const report = await reload(gateway, moduleOf(policy(b)));
  assert.equal(report.opened, [`127.0.0.1:${b}`]);
  assert.equal(report.closed, [`127.0.0.1:${a}`]);
  assert.is(report.generation, 2);
  assert.equal(gateway.markers, [`ingressd: port open (port=${a}, proto=tcp)`, "ingressd: ready", `ingressd: port open (port=${b}, proto=tcp)`]);
  assert.equal([await probe(a), await probe(b)], ["deny", "allow"]);
  await gateway.stop();
  behind.close();
});

test("a bind that takes over an own wildcard port", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const policy = (bind: string): string => `edition 1
expose web on tcp ${port} ${bind} { backend 127.0.0.1:${behind.port} allow from any }`;
  const gateway = await running({ policy: policy("") });
  const narrow = await reload(gateway, moduleOf(policy("bind 127.0.0.1")));
  assert.equal([narrow.opened, narrow.failed], [[`127.0.0.1:${port}`], []]);
  assert.is(await probe(port), "allow");
  const wide = await reload(gateway, moduleOf(policy("")));
  assert.equal(wide.failed, []);
  assert.is(await probe(port, "127.0.0.1", "127.0.0.7"), "allow");
  await gateway.stop();
  behind.close();
});

test("a port that is busy refuses the new policy and keeps the old one", async () => {
  const behind = await backend("hello");
  const other = createServer();
  const busy = await listening(other, "0.0.0.0");
  const port = await freePort();
  const policy = (ports: string): string => `edition 1
expose web on tcp ${ports} { backend 127.0.0.1:${behind.port} allow from any }`;
  const gateway = await running({ policy: policy(`${port}`) });
  gateway.place(moduleOf(policy(`${port}, ${busy}`)));
  const result = await gateway.daemon.reload();
  assert.is(result.ok || result.error.cause, "port");
  assert.match(result.ok ? "" : result.error.message, new RegExp(`port ${busy} .*in use by another program: stop it`));
  assert.is(gateway.markers.filter((line) => line.includes("port open")).length, 1);
  assert.is(await probe(port), "allow");
  assert.is(gateway.daemon.counters.reloadsRefused, 1);
  other.close();
  await gateway.stop();
  behind.close();
});

test("the file watcher sees a rename as one reload and does not see equal bytes", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const policy = (net: string): string => `edition 1
expose web on tcp ${port} { backend 127.0.0.1:${behind.port} allow from ${net} }`;
  const gateway = await running({ policy: policy("127.0.0.2") });
  const reloads = (): number => gateway.daemon.counters.reloads;
  gateway.place(moduleOf(policy("127.0.0.1")));
  await eventually(() => {
    gateway.clock.advance(50);
    return reloads() === 2;
  }, "the new policy is in force");
  assert.is(await probe(port), "allow");
  gateway.place(moduleOf(policy("127.0.0.1")));
  const half = moduleOf(policy("127.0.0.3"));
  // Written in place and only half: refused by its hash, the policy in force stays.
  writeFileSync(gateway.policyPath, half.subarray(0, half.length / 2));
  await eventually(() => {
    gateway.clock.advance(50);
    return gateway.daemon.counters.reloadsRefused === 1;
  }, "half a file is refused");
  assert.is(reloads(), 2);
  assert.is(await probe(port), "allow");
  assert.ok(gateway.said.some((sentence) => sentence.startsWith("reload refused, generation 2 stays in force")));
  await gateway.stop();
  behind.close();
});

test("two phases: abort before and after the commit", async () => {
  const behind = await backend("hello");
  const [a, b] = [await freePort(), await freePort()];
  const module = (port: number): Uint8Array =>
    moduleOf(`edition 1
expose web on tcp ${port} bind 127.0.0.1 { backend 127.0.0.1:${behind.port} allow from any }`);
  const gateway = await running({ module: module(a), config: "[policy]\nwatch = false" });
  gateway.place(module(b));
  const prepare = async (): Promise<Change> => {
    const prepared = await gateway.daemon.prepare();
    if (!prepared.ok) throw new Error(prepared.error.message);
    return prepared.value;
  };

  const first = await prepare();
  const early = visit(b);
  await first.abort();
  assert.is(await early.first, "", "nobody is served on a port that was only prepared");
  assert.equal([await probe(a), await probe(b)], ["allow", "deny"]);

  const second = await prepare();
  const waits = visit(b);
  await second.commit();
  assert.is(await waits.first, "hello", "who came while it was prepared is decided by the new policy");
  waits.socket.destroy();
  assert.equal([await probe(a), await probe(b)], ["deny", "allow"]);
  await second.abort();
  assert.equal([await probe(a), await probe(b)], ["allow", "deny"]);
  const late = await second.commit();
  assert.equal(late.ok || late.error, { cause: "aborted", message: "the change is over: it was aborted, or not committed in time" });
  await gateway.stop();
  behind.close();
});

test.run();
