// Two gateways and a coordinator, each a process of its own: both change or none does, whatever is killed.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { atEnd, suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { backend, freePort, probe, temporaryFolder } from "./gateway_under_test.ts";
import { launch, place, web, type Running } from "./ingressd_process.ts";

const test = suite("coordinated processes");
const PROGRAM = fileURLToPath(new URL("coordinator.mjs", import.meta.url));

interface Coordinator {
  /** The result or the error, as one line of JSON. */
  call(gateway: Running, method: string, params?: object): Promise<string>;
  kill(): Promise<void>;
}

function coordinator(): Coordinator {
  const child = spawn(process.execPath, [PROGRAM], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const exit = once(child, "close");
  atEnd(() => {
    child.kill("SIGKILL");
  });
  return {
    async call({ folder }, method, params = {}) {
      child.stdin.write(`${JSON.stringify({ socket: join(folder, "run", "control.sock"), method, params })}\n`);
      const line = await lines.next();
      if (line.done === true) throw new Error("the coordinator ended");
      return line.value;
    },
    async kill() {
      child.kill("SIGKILL");
      await exit;
    },
  };
}

function idOf(answer: string): string {
  const id = /"id":"([0-9a-f]{32})"/.exec(answer)?.[1];
  if (id === undefined) throw new Error(answer);
  return id;
}

interface Site {
  readonly gateways: readonly [Running, Running];
  /** The outcome of a client at each gateway; the changed policy refuses it. */
  seen(): Promise<string>;
  /** Puts the file of each gateway in its place; the second one's may be of another port. */
  place(secondPort?: number): void;
  readonly busy: number;
}

async function site(): Promise<Site> {
  const behind = await backend("hello");
  const ports = [await freePort(), await freePort()] as const;
  const folders = [temporaryFolder(), temporaryFolder()] as const;
  const start = async (i: 0 | 1): Promise<Running> => {
    place(folders[i], web(ports[i], behind.port));
    const gateway = launch(folders[i], "[policy]\nwatch = false");
    await gateway.line("ingressd: ready");
    return gateway;
  };
  return {
    gateways: [await start(0), await start(1)],
    seen: async () => [await probe(ports[0]), await probe(ports[1])].join(" "),
    place(secondPort = ports[1]) {
      place(folders[0], web(ports[0], behind.port, "10.0.0.0/8"));
      place(folders[1], web(secondPort, behind.port, "10.0.0.0/8"));
    },
    busy: ports[0],
  };
}

test("both are prepared and committed; one that can't be prepared aborts both", async () => {
  const {
    gateways: [one, two],
    seen,
    place: placeNew,
    busy,
  } = await site();
  const broker = coordinator();
  // The second gateway's new port is the first one's.
  placeNew(busy);
  const first = idOf(await broker.call(one, "prepare"));
  const refused = await broker.call(two, "prepare");
  assert.match(refused, /"code":-32002,.*in use by another program.*"cause":"port","generation":1/);
  assert.match(await broker.call(one, "abort", { id: first }), /"aborted":true/);
  assert.is(await seen(), "allow allow");

  placeNew();
  const ids = [idOf(await broker.call(one, "prepare")), idOf(await broker.call(two, "prepare", { lease_ms: 60_000 }))] as const;
  assert.is(await seen(), "allow allow", "nothing has changed yet");
  const done = await broker.call(one, "commit", { id: ids[0] });
  assert.match(done, /"generation":2/);
  assert.match(await broker.call(two, "commit", { id: ids[1] }), /"generation":2/);
  assert.is(await seen(), "deny deny");
  await broker.kill();

  const later = coordinator();
  const again = await later.call(one, "commit", { id: ids[0] });
  assert.is(again, done, "a coordinator that comes back gets the same answer");
});

test("a change is whole or absent after a kill of the coordinator or of one gateway of two", async () => {
  const {
    gateways: [one, two],
    seen,
    place: placeNew,
  } = await site();
  placeNew();
  const broker = coordinator();
  const lost = [idOf(await broker.call(one, "prepare", { lease_ms: 60_000 })), idOf(await broker.call(two, "prepare", { lease_ms: 60_000 }))] as const;
  await broker.kill();
  await Promise.all([one, two].map((gateway) => gateway.says("is aborted: the connection that prepared it closed")));
  assert.is(await seen(), "allow allow");
  const next = coordinator();
  assert.match(await next.call(one, "commit", { id: lost[0] }), /"cause":"aborted"/);

  const id = idOf(await next.call(one, "prepare"));
  await next.call(two, "prepare");
  two.child.kill("SIGKILL");
  await two.exit;
  assert.match(await next.call(one, "abort", { id }), /"aborted":true/);
  assert.is(await seen(), "allow deny", "the second one is gone, and the first one serves as before");
  assert.match(await next.call(one, "status"), /"change":null,"changes":\{"prepared":2,"committed":0,"aborted":2,"refused":0\}/);
});

test("a lease ends by the real clock", async () => {
  const {
    gateways: [one],
    seen,
    place: placeNew,
  } = await site();
  placeNew();
  const broker = coordinator();
  const id = idOf(await broker.call(one, "prepare", { lease_ms: 200 }));
  await one.says(`change ${id} is aborted: it was not committed in time`);
  assert.match(await broker.call(one, "commit", { id }), /"cause":"aborted"/);
  assert.is(await seen(), "allow allow");
});

test.run();
