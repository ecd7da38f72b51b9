// Changes in the hands of a coordinator on the control socket: what is prepared shows in nothing but a taken port, and
// whatever fails in between takes it back.
import { createServer } from "node:net";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import type { Connection } from "../../gateway/client/connection.mjs";
import { LEASE_MOST_MS, LEASE_MS, REMEMBERED } from "../../gateway/reload/coordinated.ts";
import type { Participant } from "../../gateway/participant.ts";
import { ok } from "../../runtime/result/result.ts";
import {
  backend,
  eventually,
  freePort,
  listening,
  moduleOf,
  probe,
  running,
  visit,
  type BackendUnderTest,
  type Under,
  type UnderSetup,
} from "./gateway_under_test.ts";
import { newState } from "./state_under_test.ts";

const test = suite("coordinated");

interface Ground {
  readonly behind: BackendUnderTest;
  readonly gateway: Under;
  /** Port a is open under the old policy, port b under the new one. */
  readonly a: number;
  readonly b: number;
  readonly client: Connection;
}

const policy = (port: number, behind: number, rest = "allow from any"): Uint8Array =>
  moduleOf(`edition 1\nexpose web on tcp ${port} bind 127.0.0.1 { backend 127.0.0.1:${behind} ${rest} }`);

async function ground(setup: UnderSetup = {}, old = "limit 1/m burst 4 per source allow named all from any"): Promise<Ground> {
  const behind = await backend("hello");
  const [a, b] = [await freePort(), await freePort()];
  const gateway = await running({ module: policy(a, behind.port, old), config: "[policy]\nwatch = false", ...setup });
  gateway.place(policy(b, behind.port));
  return { behind, gateway, a, b, client: await gateway.control() };
}

type Answers = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Answers {
  return typeof value === "object" && value !== null;
}

/** The result, or the error's data with its message. */
async function call(client: Connection, method: string, params: object = {}): Promise<Answers> {
  const answer: unknown = await client.call(method, params);
  if (!isObject(answer)) throw new Error("no answer");
  if ("result" in answer && isObject(answer["result"])) return answer["result"];
  const { error } = answer;
  if (!isObject(error)) throw new Error("neither result nor error");
  return { ...(isObject(error["data"]) ? error["data"] : {}), number: error["code"], message: error["message"] };
}

async function prepared(client: Connection, params: object = {}): Promise<string> {
  const { id, message } = await call(client, "prepare", params);
  if (typeof id !== "string") throw new Error(String(message));
  return id;
}

async function seen(a: number, b: number): Promise<string> {
  return [await probe(a), await probe(b)].map((answer) => (answer === "allow" ? "+" : "-")).join("");
}

/** The facts that an aborted change must not alter. */
async function facts({ gateway }: Ground): Promise<unknown> {
  const status = await gateway.daemon.status();
  if (!isObject(status)) throw new Error("no status");
  const { policy: inForce, listeners, rules, connections, leases, reloads } = status;
  return { inForce, listeners, rules, connections, leases, reloads };
}

async function change({ gateway }: Ground): Promise<unknown> {
  const status = await gateway.daemon.status();
  return isObject(status) ? status["change"] : undefined;
}

test("prepare says what would happen, commit does it, and again gives the same answer over any connection", async () => {
  const g = await ground();
  const { gateway, a, b, client } = g;
  const answer = await call(client, "prepare");
  assert.match(String(answer["id"]), /^[0-9a-f]{32}$/);
  assert.equal([answer["lease_ms"], answer["opens"], answer["closes"]], [LEASE_MS, [`127.0.0.1:${b}`], [`127.0.0.1:${a}`]]);
  assert.equal(await change(g), { id: answer["id"], sha256: answer["sha256"], expires_in_ms: LEASE_MS, opens: answer["opens"], closes: answer["closes"] });
  const early = visit(b);
  assert.is(await probe(a), "allow", "the previous policy decides");
  await eventually(() => gateway.daemon.forwarder.live === 0, "the probe has ended");
  const { id } = answer;
  const done = await call(client, "commit", { id });
  assert.equal(done, { id, generation: 2, sha256: answer["sha256"], opened: answer["opens"], closed: answer["closes"], rechecked: 0, failed: [] });
  assert.is(await early.first, "hello", "a peer that connected before the commit is decided by the new policy");
  assert.equal(await call(client, "commit", { id }), done);
  assert.equal(await call(await gateway.control(), "commit", { id }), done);
  assert.is(gateway.daemon.counters.reloads, 2, "it was put in force once");
  assert.equal(await call(client, "abort", { id }), {
    number: -32002,
    cause: "committed",
    generation: 2,
    message: `change ${String(id)} is committed: to go back, put the previous policy in the file's place and reload`,
  });
  assert.is(await seen(a, b), "-+");
  assert.is(await change(g), null);
  assert.equal(gateway.daemon.counters.changes, { prepared: 1, committed: 1, aborted: 0, refused: 0 });
  const metrics = String((await call(client, "metrics"))["text"]);
  assert.match(metrics, /^ingressd_changes_total\{result="committed"\} 1$/m);
  assert.match(metrics, /^ingressd_change_prepared 0$/m);
});

test("an abort keeps limits, hit counts, streams and ports, and the prepared port admits nobody", async () => {
  const g = await ground();
  const { gateway, behind, a, b, client } = g;
  const stays = visit(a);
  assert.is(await stays.first, "hello");
  assert.is(await probe(a), "allow");
  await eventually(() => gateway.daemon.forwarder.live === 1, "the probe has ended");
  const before = await facts(g);
  const id = await prepared(client);
  assert.equal(await facts(g), before, "nor does the preparation show");
  const early = visit(b);
  await new Promise<void>((resolve) => early.socket.once("connect", () => resolve()));
  const reached = behind.accepted;
  assert.equal(await call(client, "abort", { id }), { id, aborted: true, because: "its coordinator aborted it" });
  assert.is(await early.first, "");
  await early.closed;
  assert.equal([await facts(g), behind.accepted], [before, reached]);
  assert.equal(await call(client, "abort", { id }), { id, aborted: true, because: "its coordinator aborted it" });
  const late = { number: -32002, cause: "aborted", generation: 1, message: `change ${id} was aborted: its coordinator aborted it` };
  assert.equal([await call(client, "commit", { id }), await call(client, "commit", { id })], [late, late]);
  assert.is(await seen(a, b), "+-");
  assert.equal([await probe(a), await probe(a)], ["allow", "deny"], "of four tokens the stream and three probes had one each");
  stays.socket.write("on");
  assert.is(await new Promise((resolve) => stays.socket.once("data", (chunk: Buffer) => resolve(chunk.toString()))), "on");
  const taker = createServer();
  await new Promise<void>((resolve, reject) => {
    taker.once("error", reject);
    taker.listen({ host: "127.0.0.1", port: b }, () => resolve());
  });
  taker.close();
});

for (const lease of [1, LEASE_MS, LEASE_MOST_MS]) {
  test(`a lease of ${lease} ms: a commit is in time until then, and not a millisecond later`, async () => {
    const { gateway, a, b, client } = await ground({ config: "[policy]\nwatch = false\n[timers]\ncontrol_idle_ms = 1000" });
    const late = await prepared(client, { lease_ms: lease });
    gateway.clock.advance(lease + 1);
    const answer = await call(client, "commit", { id: late });
    assert.equal(answer, { number: -32002, cause: "aborted", generation: 1, message: `change ${late} was aborted: it was not committed in time` });
    assert.is(await seen(a, b), "+-");
    const id = await prepared(client, { lease_ms: lease });
    gateway.clock.advance(lease);
    assert.is((await call(client, "commit", { id }))["generation"], 2);
    assert.is(await seen(a, b), "-+");
  });
}

test("a lease is 1 to 60,000 whole milliseconds, an id 32 digits", async () => {
  const { client } = await ground();
  const rows: readonly (readonly [string, object])[] = [
    ["prepare", { lease_ms: 0 }],
    ["prepare", { lease_ms: LEASE_MOST_MS + 1 }],
    ["prepare", { lease_ms: 1.5 }],
    ["prepare", { lease: 5 }],
    ["commit", {}],
    ["commit", { id: "f" }],
    ["abort", { id: "F".repeat(32) }],
    ["abort", { id: "0".repeat(33) }],
  ];
  for (const [method, params] of rows) assert.is((await call(client, method, params))["number"], -32602, `${method} ${JSON.stringify(params)}`);
  const unknown = "0".repeat(32);
  for (const method of ["commit", "abort"]) {
    assert.equal(await call(client, method, { id: unknown }), {
      number: -32002,
      cause: "unknown",
      generation: 1,
      message: `no change has the id ${unknown}: prepare it first (the last 16 changes of this run are remembered)`,
    });
  }
});

test("SIGHUP, a changed file and a registration's turn wait; commit applies what was prepared, then the file's new bytes come", async () => {
  const { gateway, behind, a, b } = await ground({ config: "" });
  const c = await freePort();
  await eventually(() => {
    gateway.clock.advance(2_000);
    return gateway.daemon.counters.reloads === 2;
  }, "the watcher has taken the file");
  const client = await gateway.control();
  gateway.place(policy(a, behind.port));
  const id = await prepared(client);
  gateway.place(policy(c, behind.port));
  gateway.clock.advance(3_000);
  let order = "";
  const hangup = gateway.daemon.hangup().then(() => (order += "hangup"));
  assert.is(await probe(b), "allow", "nothing has changed");
  const generation = (
    await call(client, "commit", { id }).then((answer) => {
      order += "commit ";
      return answer;
    })
  )["generation"];
  await hangup;
  assert.equal([generation, order], [3, "commit hangup"]);
  assert.equal([await seen(a, b), await probe(c)], ["--", "allow"]);
  assert.match(gateway.said.join("\n"), new RegExp(`change ${id} is committed: policy generation 3 .*opened 127\\.0\\.0\\.1:${a}`));
});

test("a file that a coordinator aborted is not loaded by itself; SIGHUP loads it", async () => {
  const { gateway, a, b, client } = await ground();
  await call(client, "abort", { id: await prepared(client) });
  assert.is(await seen(a, b), "+-");
  await gateway.daemon.renew();
  assert.is(await seen(a, b), "+-", "what looks for a changed file finds the aborted one");
  await gateway.daemon.hangup();
  assert.is(await seen(a, b), "-+");
});

test("one change at a time: a second coordinator is refused at once and can't take or end the first one's", async () => {
  const { gateway, a, b, client } = await ground();
  const other = await gateway.control();
  const [first, second] = await Promise.all([call(client, "prepare"), call(other, "prepare")]);
  const [won, lost, loser] = typeof first["id"] === "string" ? [first, second, other] : [second, first, client];
  assert.equal([lost["number"], lost["cause"]], [-32002, "busy"]);
  gateway.clock.advance(4_000);
  assert.match(
    String((await call(loser, "prepare"))["message"]),
    /^another change is prepared; it is aborted in 6000 ms unless it is committed: try again when it is over$/,
  );
  loser.close();
  const third = await gateway.control();
  assert.is((await call(third, "prepare"))["cause"], "busy", "the change outlives a connection that is not its owner's");
  assert.is((await call(third, "commit", { id: won["id"] }))["generation"], 2);
  assert.is(await seen(a, b), "-+");
  assert.is(typeof (await call(third, "prepare"))["id"], "string", "when it is over another one can be prepared");
  assert.equal(gateway.daemon.counters.changes, { prepared: 2, committed: 1, aborted: 0, refused: 3 });
});

test("the connection that prepared closes: aborted, also while it still prepares; silence alone is no reason", async () => {
  let staging: (() => Promise<void>) | null = null;
  const gate: Participant = {
    name: "gate",
    async prepare() {
      await staging?.();
      return ok({ commit: () => undefined, abort: () => undefined });
    },
  };
  const { gateway, a, b, client } = await ground({ config: "[policy]\nwatch = false\n[timers]\ncontrol_idle_ms = 1000", participants: [gate] });
  const id = await prepared(client, { lease_ms: 30_000 });
  gateway.clock.advance(20_000);
  assert.is(gateway.daemon.counters.changes.aborted, 0, "a coordinator that is silent keeps its connection");
  client.close();
  await eventually(() => gateway.daemon.counters.changes.aborted === 1, "the change is aborted");
  const again = await gateway.control();
  assert.match(String((await call(again, "commit", { id }))["message"]), /was aborted: the connection that prepared it closed$/);
  assert.is(await seen(a, b), "+-");

  const gone = await gateway.control();
  staging = async () => {
    gone.close();
    await gone.closed;
  };
  await gone.call("prepare").then(
    () => assert.unreachable(),
    () => undefined,
  );
  await eventually(() => gateway.daemon.counters.changes.aborted === 2, "what it prepared is aborted");
  staging = null;
  assert.is(await seen(a, b), "+-");
  assert.is(typeof (await call(again, "prepare"))["id"], "string");
});

test("what can't be prepared changes nothing: a bad file, a taken port, a refused signature, a full disk", async () => {
  const state = newState();
  const behind = await backend("hello");
  const a = await freePort();
  const old = state.sign(policy(a, behind.port), 2);
  const gateway = await running({ module: old, config: state.trusting });
  const client = await gateway.control();
  const taken = await listening(createServer().unref());
  const rows: readonly { readonly module: Uint8Array; readonly cause: string; readonly message: RegExp }[] = [
    { module: new Uint8Array(8), cause: "policy", message: /is refused \(module_/ },
    { module: policy(a, behind.port), cause: "policy", message: /is refused \(signature_missing\)/ },
    { module: state.sign(policy(a, behind.port, "allow from 127.0.0.1"), 1), cause: "policy", message: /revision/ },
    { module: state.sign(policy(taken, behind.port), 3), cause: "port", message: /in use by another program/ },
  ];
  for (const { module, cause, message } of rows) {
    gateway.place(module);
    const answer = await call(client, "prepare");
    assert.equal([answer["number"], answer["cause"], answer["generation"]], [-32002, cause, 1]);
    assert.match(String(answer["message"]), message);
    assert.equal([await probe(a), state.revision()], ["allow", 2]);
  }
  assert.equal(gateway.daemon.counters.changes, { prepared: 0, committed: 0, aborted: 0, refused: rows.length });
  gateway.place(state.sign(policy(a, behind.port, "allow from 127.0.0.9"), 3));
  await call(client, "abort", { id: await prepared(client) });
  assert.equal([await probe(a), state.revision()], ["allow", 2], "an aborted revision doesn't raise the mark");
  assert.is((await call(client, "commit", { id: await prepared(client) }))["generation"], 2);
  assert.equal([await probe(a), state.revision()], ["deny", 3]);
});

test("only the control socket takes them, and a stop aborts what is prepared", async () => {
  const folder = newState().directory;
  const { gateway, a, b, client } = await ground({ config: `[policy]\nwatch = false\n[services.web]\nuid = 12345\nsocket = "${folder}/web.sock"` });
  const service = await gateway.control(`${folder}/web.sock`);
  for (const [method, params] of [
    ["prepare", {}],
    ["commit", { id: "0".repeat(32) }],
    ["abort", { id: "0".repeat(32) }],
  ] as const) {
    assert.is((await call(service, method, params))["code"], "not_gateway", method);
  }
  await prepared(client, { lease_ms: LEASE_MOST_MS });
  await gateway.stop();
  assert.is(gateway.daemon.counters.changes.aborted, 1);
  assert.is(await seen(a, b), "--");
  assert.match(gateway.said.join("\n"), /is aborted: the gateway is shutting down/);
});

test("answers are remembered for a bounded number of changes", async () => {
  const { client } = await ground();
  const ids: string[] = [];
  for (let i = 0; i <= REMEMBERED; i++) {
    const id = await prepared(client);
    ids.push(id);
    await call(client, "abort", { id });
  }
  assert.equal([(await call(client, "abort", { id: ids[0] }))["cause"], (await call(client, "abort", { id: ids[1] }))["aborted"]], ["unknown", true]);
});

test.run();
