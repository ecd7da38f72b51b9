// Each step of a takeover by real processes, of which a call fails or a process ends. Either the next gateway serves, or the
// one that runs continues as if nothing had been requested: its port, its connections, its reloads, its descriptors.
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { openLibc } from "../../runtime/shell/libc.ts";
import { atLength } from "../at_length.ts";
import { skip } from "../skip.ts";
import { suite } from "../suite.ts";
import { eventually, probe, temporaryFolder, visit } from "./gateway_under_test.ts";
import type { Running } from "./ingressd_process.ts";
import { gatewayToTake, says, stoppingAt, type Pair } from "./takeover_under_test.ts";

const test = suite("takeover faults");
const CONFIG = "[policy]\nwatch = false\n[timers]\ninterface_poll_ms = 100";

const [EMFILE, ENOMEM, EPIPE, ECONNRESET, EBADF] = [24, 12, 32, 104, 9];
/** The calls of a takeover through the C library, each with an error that it may have. */
const ERRORS: Readonly<Record<string, number>> = {
  socket: EMFILE,
  connect: ENOMEM,
  sendmsg: EPIPE,
  recvmsg: ECONNRESET,
  poll: ENOMEM,
  fcntl: EMFILE,
  getsockopt: ENOMEM,
  getsockname: EBADF,
  setsockopt: ENOMEM,
  listen: ENOMEM,
  epoll_ctl: ENOMEM,
  epoll_create1: EMFILE,
  eventfd: EMFILE,
};

interface Plan {
  readonly name: string;
  readonly step: number;
}

/** In the process: a call of the plan fails once. The next gateway counts from its first message on, the one that runs from a SIGWINCH on. */
const HOOK = `const { readFileSync, writeSync } = require("node:fs");
const { Module } = require("node:module");
const { Socket } = require("node:net");
const errors = ${JSON.stringify(ERRORS)};
let [plan, counts, pending, isOn] = [null, {}, 0, false];
const arm = () => { [plan, counts, isOn] = [JSON.parse(readFileSync(process.env.FAULT_PLAN, "utf8")), {}, true]; };
const fails = (name) => {
  pending = 0;
  if (!isOn || !(name in errors)) return false;
  const step = counts[name] ?? 0;
  counts[name] = step + 1;
  if (plan === null || plan.name !== name || plan.step !== step) return false;
  pending = errors[name];
  return true;
};
const load = Module._load;
let patched = false;
Module._load = function (request, ...rest) {
  const found = load.call(this, request, ...rest);
  if (request !== "koffi" || patched) return found;
  patched = true;
  const [open, errno] = [found.load, found.errno];
  found.load = (...path) => {
    const library = open.apply(found, path);
    return {
      func(prototype) {
        const native = library.func(prototype);
        const name = /(\\w+)\\(/.exec(prototype)[1];
        if (!(name in errors)) return native;
        const call = (...args) => (fails(name) ? -1 : native(...args));
        call.async = (...args) => (fails(name) ? setImmediate(args.at(-1), null, -1) : native.async(...args));
        return call;
      },
    };
  };
  found.errno = () => (pending === 0 ? errno.call(found) : pending);
  return found;
};
process.on("SIGWINCH", () => {
  writeSync(2, "counted " + JSON.stringify(counts) + "\\n");
  arm();
});
const { write } = Socket.prototype;
Socket.prototype.write = function (chunk, ...rest) {
  if (!isOn && String(chunk).includes('"step":"begin"')) arm();
  return write.call(this, chunk, ...rest);
};
`;

interface Scene {
  readonly it: Pair;
  readonly hook: string;
  readonly folder: string;
  /** The gateway that serves now. */
  now: Running;
  /** The file of its plan. */
  plan: string;
  runs: number;
  /** The calls by which a takeover was given up. */
  readonly givenUp: string[];
}

async function scene(): Promise<Scene> {
  const folder = temporaryFolder();
  const hook = join(folder, "hook.cjs");
  writeFileSync(hook, HOOK);
  const first = join(folder, "first.json");
  writeFileSync(first, "null");
  const it = await gatewayToTake({ config: CONFIG, options: { node: ["--require", hook], env: { FAULT_PLAN: first } } });
  return { it, hook, folder, now: it.first, plan: first, runs: 0, givenUp: [] };
}

/** Calls that the process has counted since it read its plan; it reads its plan again. */
async function counted(gateway: Running): Promise<Readonly<Record<string, number>>> {
  const lines = (): readonly string[] => [...gateway.err().matchAll(/^counted (.*)$/gm)].map(([, text = ""]) => text);
  const { length } = lines();
  gateway.child.kill("SIGWINCH");
  await eventually(() => lines().length > length, "it has counted");
  const counts: unknown = JSON.parse(lines().at(-1) ?? "null");
  return typeof counts === "object" && counts !== null ? Object.fromEntries(Object.entries(counts).map(([name, n]) => [name, Number(n)])) : {};
}

const descriptors = ({ child }: Running): number => readdirSync(`/proc/${child.pid}/fd`).length;

/** A port that was lost is opened anew within `interface_poll_ms`. */
async function served(port: number, what: string): Promise<void> {
  let answer = "deny";
  for (let i = 0; i < 400 && answer === "deny"; i++) answer = await probe(port);
  assert.is(answer, "allow", `${what}: a client is served`);
}

/** One takeover, in which the call fails in the process that gives or in the one that takes. */
async function takeOver(all: Scene, plan: Plan | null, at: "giver" | "taker"): Promise<Readonly<Record<string, number>>> {
  const { it, hook, folder, now } = all;
  const what = plan === null ? "nothing fails" : `${plan.name} fails in the ${at} at step ${plan.step}`;
  const ownPlan = join(folder, `plan${all.runs++}.json`);
  writeFileSync(all.plan, JSON.stringify(at === "giver" ? plan : null));
  writeFileSync(ownPlan, JSON.stringify(at === "taker" ? plan : null));
  const early = visit(it.port);
  assert.is(await early.first, "hello", what);
  await counted(now);
  const open = descriptors(now);
  const next = it.takeOver(CONFIG, { node: ["--require", hook], env: { FAULT_PLAN: ownPlan } });
  const code = await Promise.race([next.line("ingressd: ready").then(() => null), next.exit]).catch(() => next.exit);
  await served(it.port, what);
  assert.is(await says(early.socket, "still"), "still", what);
  // A failure that has not come by now is none of the takeover's.
  writeFileSync(ownPlan, "null");
  const ofTaker = code === null ? await counted(next) : {};
  const counts = at === "taker" ? ofTaker : await counted(now);
  if (code === null) {
    early.socket.destroy();
    assert.is(await now.exit, 0, `${what}: the one before relays to the end`);
    [all.now, all.plan] = [next, ownPlan];
  } else {
    assert.ok(code > 0 && next.err().trim() !== "", `${what}: exit ${code} with a sentence: ${next.err()}`);
    all.givenUp.push(plan?.name ?? "none");
    assert.not.match(now.err(), /has taken over/, what);
    early.socket.destroy();
    await eventually(() => descriptors(now) < open, `${what}: ${open} descriptors, now ${descriptors(now)}`);
    assert.is(now.order("reload").code, 0, `${what}: a reload`);
  }
  return counts;
}

if (openLibc() === null) {
  skip("takeover faults", "koffi is not installed");
} else {
  for (const at of ["giver", "taker"] as const)
    test(`each call of the ${at} fails at each step: one of the two gateways serves`, async () => {
      const all = await scene();
      const counts = await takeOver(all, null, at);
      const plans = Object.keys(ERRORS).flatMap((name) => Array.from({ length: counts[name] ?? 0 }, (_, n) => ({ name, step: n })));
      assert.ok(plans.length >= 3, JSON.stringify(counts));
      const chosen = atLength(
        plans,
        plans.filter(({ step }, i) => step === 0 && i % 2 === 0),
      );
      for (const plan of chosen) await takeOver(all, plan, at);
      await takeOver(all, null, at);
      console.log(`${at}: ${chosen.length} of ${plans.length} calls failed (${JSON.stringify(counts)}); given up by ${all.givenUp.join(" ")}`);
      for (const name of at === "giver" ? ["fcntl"] : ["recvmsg", "poll"])
        assert.ok(all.givenUp.includes(name) || !chosen.some((plan) => plan.name === name), name);
      assert.ok(all.givenUp.length > 0 && !all.givenUp.includes("none"), "a call that fails is noticed");
    });

  test("the gateway that runs is killed at each step: the next one serves if it has everything, and otherwise ends with a sentence", async () => {
    for (const [last, isServed] of [
      ["begin", false],
      ["freeze", false],
      ["state", false],
      ["serving", true],
    ] as const) {
      const it = await gatewayToTake({ clauses: "allow from any limit 3/h per source", config: CONFIG });
      assert.is(await probe(it.port), "allow");
      const next = it.takeOver(CONFIG, stoppingAt(it.folder, last));
      await next.says(`stopped before ${last}`);
      it.first.child.kill("SIGKILL");
      await it.first.exit;
      next.child.kill("SIGCONT");
      if (isServed) {
        await next.line("ingressd: ready");
        assert.is(await probe(it.port), "allow");
        assert.is(await probe(it.port), "allow");
        assert.is(await probe(it.port), "deny", "no limit is refilled");
      } else {
        assert.is(await next.exit, 5, `before ${last}: ${next.err()}`);
        assert.match(next.err(), /can't be taken over|no ingressd answers/, last);
        assert.is(await probe(it.port), "deny", `before ${last}: nobody is admitted`);
      }
    }
  });
}

test.run();
