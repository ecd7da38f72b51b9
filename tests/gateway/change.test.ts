// A change of policy is one transaction: every participant (a second store, a writer of kernel rules) commits and
// aborts with it, and an abort after the own commit brings back the old verdicts, ports and limits.
import { readFileSync } from "node:fs";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { KEPT_MS, type Change } from "../../gateway/reload/change.ts";
import type { Participant } from "../../gateway/participant.ts";
import { ANY4 } from "../../runtime/net/address.ts";
import { failed, ok } from "../../runtime/result/result.ts";
import { backend, eventually, freePort, moduleOf, probe, running, visit, type Under } from "./gateway_under_test.ts";
import { newState } from "./state_under_test.ts";

const test = suite("change");
const behind = await backend("hello");
const [a, b] = [await freePort(), await freePort()];

const expose = (name: string, port: number, rest: string): string =>
  `expose ${name} on tcp ${port} bind 127.0.0.1 { backend 127.0.0.1:${behind.port} ${rest} }\n`;
const LIMIT = "limit 1/m burst 4 per source";
/** Port a for 127.0.0.1, with a limit. */
const OLD = `edition 1\n${expose("web", a, `${LIMIT} allow from 127.0.0.1`)}`;
/** Port b too, port a for 127.0.0.2 only, and no limit. */
const NEW = `edition 1\n${expose("web", a, "allow from 127.0.0.2")}${expose("more", b, "allow from any")}`;

/** The outcomes of clients: port a from two sources, port b. */
async function seen(): Promise<string> {
  const answers = [await probe(a, "127.0.0.1"), await probe(a, "127.0.0.2"), await probe(b, "127.0.0.1")];
  return answers.map((answer) => (answer === "allow" ? "+" : "-")).join("");
}

async function allowed(times: number, from: string): Promise<number> {
  let count = 0;
  for (let i = 0; i < times; i++) if ((await probe(a, from)) === "allow") count++;
  return count;
}

interface Script {
  readonly name: string;
  /** The error at the step `prepare`; without it the participant agrees. */
  readonly refuses?: string;
  readonly commit?: () => void | Promise<void>;
}

/** Participants that log their calls; `script` is read at each step. */
function chorus(log: string[], script: () => readonly Script[]): Participant[] {
  return ["first", "second"].map((name) => ({
    name,
    async prepare({ sha256 }) {
      log.push(`${name} prepare`);
      assert.match(sha256, /^[0-9a-f]{64}$/);
      const { refuses, commit } = script().find((row) => row.name === name) ?? {};
      if (refuses === "throw") throw new Error("boom");
      if (refuses !== undefined) return failed(refuses);
      return ok({
        commit: () => {
          log.push(`${name} commit`);
          return commit?.();
        },
        abort: () => void log.push(`${name} abort`),
      });
    },
  }));
}

test("all prepare, then all commit in the turn of the swap; where one refuses or fails, nothing has changed", async () => {
  const log: string[] = [];
  let script: readonly Script[] = [];
  const state = newState();
  const gateway = await running({ module: state.sign(moduleOf(OLD), 1), config: state.trusting, participants: chorus(log, () => script) });
  assert.equal(log.splice(0), ["first prepare", "second prepare", "first commit", "second commit"], "the first policy too");
  assert.is(await seen(), "+--");
  gateway.place(state.sign(moduleOf(NEW), 2));

  const rows: readonly { readonly script: readonly Script[]; readonly message: RegExp; readonly log: readonly string[] }[] = [
    { script: [{ name: "first", refuses: "has no room: make some" }], message: /^first has no room: make some$/, log: ["first prepare"] },
    { script: [{ name: "second", refuses: "says no" }], message: /^second says no$/, log: ["first prepare", "second prepare", "first abort"] },
    { script: [{ name: "second", refuses: "throw" }], message: /^second failed \(boom\)$/, log: ["first prepare", "second prepare", "first abort"] },
    {
      script: [
        {
          name: "first",
          commit: () => {
            throw new Error("at once");
          },
        },
      ],
      message: /is not in force: first could not take the change over \(at once\)$/,
      log: ["first prepare", "second prepare", "first commit", "second commit", "second abort", "first abort"],
    },
    {
      script: [{ name: "second", commit: () => Promise.reject(new Error("later")) }],
      message: /is not in force: second could not take the change over \(later\)$/,
      log: ["first prepare", "second prepare", "first commit", "second commit", "second abort", "first abort"],
    },
  ];
  for (const row of rows) {
    ({ script } = row);
    const result = await gateway.daemon.reload();
    assert.ok(!result.ok && result.error.cause === "participant" && row.message.test(result.error.message), JSON.stringify(result));
    assert.equal(log.splice(0), row.log, String(row.message));
    gateway.clock.advance(60_000 * 4);
    assert.equal([await seen(), state.revision()], ["+--", 1], String(row.message));
    assert.ok(readFileSync(state.copy).equals(state.sign(moduleOf(OLD), 1)), "the last good policy on the disk is the old one");
  }

  const generations: unknown[] = [];
  script = [
    {
      name: "first",
      commit: () => {
        void gateway.daemon.status().then((status) => generations.push(status));
      },
    },
  ];
  assert.ok((await gateway.daemon.reload()).ok);
  assert.match(
    JSON.stringify(generations[0]),
    /"generation":6,/,
    "the new policy decides when they commit: 1, then 2 to 5 for two that were taken back, then 6",
  );
  assert.equal([await seen(), state.revision()], ["-++", 2]);
  await gateway.stop();
});

const unreadable = new Proxy(ANY4, {
  get() {
    throw new Error("no interfaces");
  },
});

test("where the ports can't even be looked at, what participants had prepared is aborted", async () => {
  const log: string[] = [];
  let broken = false;
  const gateway = await running({
    module: moduleOf(OLD),
    config: "[policy]\nwatch = false",
    participants: chorus(log, () => []),
    // Addresses that can't be read at all are no error of a reload (remote_reload.test.ts).
    hostAddresses: () => (broken ? [unreadable] : []),
  });
  gateway.place(moduleOf(NEW));
  log.length = 0;
  broken = true;
  const failure = await gateway.daemon.reload().then(() => "in force", String);
  broken = false;
  assert.equal([failure, log.splice(0)], ["Error: no interfaces", ["first prepare", "second prepare", "second abort", "first abort"]]);
  assert.is(await seen(), "+--");
  assert.ok((await gateway.daemon.reload()).ok, "the next reload is not blocked");
  await gateway.stop();
});

/** The change that the file in place would be. */
async function prepared(gateway: Under): Promise<Change> {
  const change = await gateway.daemon.prepare();
  if (!change.ok) throw new Error(change.error.message);
  return change.value;
}

const variants: readonly {
  readonly name: string;
  readonly policy: string;
  /** Of four tokens, two are used before, one is tried meanwhile. */ readonly left: number;
}[] = [
  { name: "which has no limit", policy: `edition 1\n${expose("web", a, "allow from any")}`, left: 2 },
  { name: "which has the same limit", policy: `edition 1\n${expose("web", a, `${LIMIT} allow from any`)}`, left: 1 },
  { name: "which has another limit under the same name", policy: `edition 1\n${expose("web", a, "limit 1/m burst 3 per source allow from any")}`, left: 1 },
];

for (const { name, policy, left } of variants) {
  test(`an abort after the commit gives no token back, from a policy ${name}`, async () => {
    const gateway = await running({ module: moduleOf(OLD), config: "[policy]\nwatch = false" });
    assert.is(await allowed(2, "127.0.0.1"), 2);
    gateway.place(moduleOf(policy));
    const change = await prepared(gateway);
    await change.commit();
    assert.is(await allowed(1, "127.0.0.1"), 1);
    await change.abort();
    assert.is(await allowed(4, "127.0.0.1"), left);
    await gateway.stop();
  });
}

test("an outside party commits and aborts: verdicts, ports, limits and the disk are as they were", async () => {
  const log: string[] = [];
  const state = newState();
  const old = state.sign(moduleOf(OLD), 1);
  const gateway = await running({ module: old, config: state.trusting, participants: chorus(log, () => []) });
  const stays = visit(a);
  assert.is(await stays.first, "hello");
  gateway.place(state.sign(moduleOf(NEW), 2));
  log.length = 0;

  const never = await prepared(gateway);
  await never.abort();
  await never.abort();
  assert.equal([await seen(), state.revision(), log.splice(0)], ["+--", 1, ["first prepare", "second prepare", "second abort", "first abort"]]);

  const change = await prepared(gateway);
  let reloaded = false;
  const waits = gateway.daemon.reload().then(() => (reloaded = true));
  let served = false;
  const early = visit(b);
  void early.first.then(() => (served = true));
  assert.is(await probe(a), "allow", "the previous policy decides");
  assert.not(reloaded, "a reload waits for the end of the change");
  assert.not(served, "nobody is served on a prepared port");
  assert.ok((await change.commit()).ok);
  assert.is(await early.first, "hello");
  early.socket.destroy();
  await stays.closed;
  await waits;
  assert.equal([await seen(), state.revision()], ["-++", 2]);
  const late = await change.abort();
  assert.match(late.ok ? "" : late.error.message, /generation 3 is in force: a change that is no longer in force can't be taken back/);
  assert.is(await seen(), "-++");

  gateway.place(state.sign(moduleOf(OLD), 3));
  const back = await prepared(gateway);
  await back.commit();
  gateway.clock.advance(4 * 60_000);
  assert.equal([await seen(), state.revision()], ["+--", 3]);
  const last = readFileSync(state.copy);
  await back.abort();
  assert.equal([await seen(), state.revision()], ["-++", 2]);
  assert.not(readFileSync(state.copy).equals(last));
  assert.equal(readFileSync(state.copy), Buffer.from(state.sign(moduleOf(NEW), 2)));
  await gateway.stop();

  const again = await running({ module: null, config: state.trusting });
  assert.is(await seen(), "-++", "a restart serves what the abort has left in force");
  await again.stop();
});

test("the path is read once: what was checked is what is loaded and kept, whatever lies there meanwhile", async () => {
  const state = newState();
  const other = moduleOf(`edition 1\n${expose("web", a, "allow from any")}${expose("more", b, "allow from any")}`);
  let exchanged: (() => void) | null = null;
  const exchanger: Participant = {
    name: "exchanger",
    async prepare() {
      exchanged?.();
      return ok({ commit: () => undefined, abort: () => undefined });
    },
  };
  const gateway = await running({ module: moduleOf(OLD), config: `${state.kept}\n[policy]\nwatch = false`, participants: [exchanger] });
  const read = moduleOf(`edition 1\n${expose("web", a, "allow from 127.0.0.2")}`);
  gateway.place(read);
  exchanged = () => gateway.place(other);
  assert.ok((await gateway.daemon.reload()).ok);
  assert.is(await seen(), "-+-");
  assert.equal(readFileSync(state.copy), Buffer.from(read));
  await gateway.stop();
});

test("what nobody commits in time is aborted, and a stop doesn't wait for it", async () => {
  const gateway = await running({ module: moduleOf(OLD), config: "[policy]\nwatch = false" });
  gateway.place(moduleOf(NEW));
  const change = await prepared(gateway);
  const waits = gateway.daemon.reload();
  gateway.clock.advance(KEPT_MS - 1);
  assert.is(await probe(a), "allow", "the previous policy decides");
  gateway.clock.advance(1);
  assert.ok((await waits).ok);
  const late = await change.commit();
  assert.match(late.ok ? "" : late.error.message, /not committed in time/);
  assert.is(await seen(), "-++", "the reload that had waited");

  gateway.place(moduleOf(OLD));
  const left = await prepared(gateway);
  await gateway.stop();
  await left.abort();
  await eventually(() => behind.sockets.size === 0, "all is closed");
  behind.close();
});

test.run();
