// Several backends of one expose over real sockets, with each forwarder and with a thread: where clients get, where they get
// when a backend refuses, is silent or is not the service's, and what is counted and recorded.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { statusText } from "../../gateway/cli/status_text.ts";
import { skip } from "../skip.ts";
import { atEnd, suite } from "../suite.ts";
import { backendProcess } from "./backend_process.ts";
import {
  backend,
  endsIn,
  eventually,
  FORWARDERS,
  freePort,
  moduleOf,
  running,
  temporaryFolder,
  visit,
  type Under,
  type UnderSetup,
  type Visit,
} from "./gateway_under_test.ts";

const test = suite("several backends");
const OWNER = 46_001;
const STRANGER = 46_009;

/** The ways in which bytes are moved. */
const WAYS: readonly (readonly [name: string, setup: Pick<UnderSetup, "forwarder" | "threads">])[] = [
  ...FORWARDERS.map((forwarder) => [forwarder, { forwarder, ...(forwarder === "kernel" && { threads: 1 }) }] as const),
  ...(FORWARDERS.includes("kernel") ? ([["a thread", { forwarder: "kernel", threads: 2 }]] as const) : []),
];

const policy = (port: number, backends: readonly (number | string)[], more = ""): string =>
  `edition 1\nexpose web on tcp ${port} { backend ${backends.map((at) => (typeof at === "number" ? `127.0.0.1:${at}` : `unix "${at}"`)).join(", ")} ${more} allow from any }`;

/** Of the policy's one expose. */
async function counts(gateway: Under): Promise<ReadonlyMap<string, { readonly open: number; readonly skipped: boolean; readonly failures: object }>> {
  const status: unknown = await gateway.daemon.status();
  const of = (value: unknown, key: string): unknown =>
    typeof value === "object" && value !== null ? Object.entries(value).find(([name]) => name === key)?.[1] : undefined;
  const [listener] = [of(status, "listeners")].flat();
  const rows = [of(listener, "backends")].flat();
  return new Map(
    rows.map((row) => {
      const failures = of(row, "failures");
      return [
        String(of(row, "backend")),
        {
          open: Number(of(row, "connections")),
          skipped: Number(of(row, "skipped_ms")) > 0,
          failures: typeof failures === "object" && failures !== null ? failures : {},
        },
      ];
    }),
  );
}

interface Greeted {
  readonly text: string;
  readonly visit: Visit;
}

async function greeted(gateway: Under, port: number, count: number): Promise<readonly Greeted[]> {
  const all: Greeted[] = [];
  for (let i = 0; i < count; i++) {
    const one = visit(port);
    let text: string | null = null;
    void one.first.then((came) => (text = came));
    // The next backend is dialed by the gateway's clock.
    await eventually(() => (gateway.clock.advance(0), text !== null), "the first bytes");
    all.push({ text: await one.first, visit: one });
  }
  return all;
}

async function closed(gateway: Under, visits: readonly Pick<Greeted, "visit">[]): Promise<void> {
  for (const one of visits) one.visit.socket.destroy();
  await eventually(() => gateway.daemon.forwarder.live === 0, "all are closed");
}

const ends = (gateway: Under): readonly (readonly [string, string])[] =>
  endsIn(join(gateway.folder, "audit.jsonl")).map(({ reason, backend: at }) => [reason, at]);

for (const [name, setup] of WAYS) {
  test(`${name}: each gets the backend with the fewest open connections`, async () => {
    const [a, b, c] = [await backend("a"), await backend("b"), await backend("c")];
    const port = await freePort();
    const gateway = await running({ policy: policy(port, [a.port, b.port, c.port]), ...setup });
    const six = await greeted(gateway, port, 6);
    assert.equal(six.map(({ text }) => text).sort(), ["a", "a", "b", "b", "c", "c"]);
    const gone = six.filter(({ text }) => text === "b");
    for (const { visit: one } of gone) one.socket.destroy();
    await eventually(() => gateway.daemon.forwarder.live === 4, "two have gone");
    const two = await greeted(gateway, port, 2);
    assert.equal(
      two.map(({ text }) => text),
      ["b", "b"],
    );
    assert.equal(
      [...(await counts(gateway)).values()].map(({ open }) => open),
      [2, 2, 2],
    );
    await closed(gateway, [...six, ...two]);
  });

  test(`${name}: a backend that refuses costs nobody a connection, and gets none for 5 s`, async () => {
    const dead = await freePort();
    let heard = "";
    const alive = await backend("alive", (socket) => void socket.on("data", (chunk) => void (heard += String(chunk))).on("end", () => socket.end()));
    const port = await freePort();
    const gateway = await running({ policy: policy(port, [dead, alive.port], "proxy v1"), ...setup });
    const [first] = await greeted(gateway, port, 1);
    assert.is(first?.text, "alive");
    await eventually(() => heard.startsWith("PROXY TCP4 127.0.0.1 "), "the header, at the one that serves");
    if (first !== undefined) await closed(gateway, [first]);
    assert.is(gateway.records().filter(({ op }) => op === "accept")[0]?.backend, `127.0.0.1:${dead}`, "the first choice");
    await eventually(() => (gateway.clock.advance(1), ends(gateway).length === 1), "the record of the end");
    assert.is(ends(gateway)[0]?.[1], `127.0.0.1:${alive.port}`, "the one that served");
    assert.equal((await counts(gateway)).get(`127.0.0.1:${dead}`), { open: 0, skipped: true, failures: { refused: 1 } });
    const more = await greeted(gateway, port, 2);
    assert.is(alive.accepted, 3);
    assert.equal((await counts(gateway)).get(`127.0.0.1:${dead}`)?.failures, { refused: 1 });
    gateway.clock.advance(5_000);
    assert.is((await counts(gateway)).get(`127.0.0.1:${dead}`)?.skipped, false);
    const last = await greeted(gateway, port, 1);
    assert.equal((await counts(gateway)).get(`127.0.0.1:${dead}`)?.failures, { refused: 2 });
    assert.is(alive.accepted, 4);
    await closed(gateway, [...more, ...last]);
  });

  test(`${name}: where every backend refuses, the client is reset after each was tried once`, async () => {
    const [one, two] = [await freePort(), await freePort()];
    const port = await freePort();
    const gateway = await running({ policy: policy(port, [one, two]), ...setup });
    const gone = visit(port);
    await eventually(() => (gateway.clock.advance(0), gateway.daemon.counters.ends.size > 0), "the end");
    assert.is(await gone.first, "");
    assert.equal([...gateway.daemon.counters.ends], [["backend_refused", 1]]);
    assert.equal(
      [...(await counts(gateway)).values()].map(({ failures }) => failures),
      [{ refused: 1 }, { refused: 1 }],
    );
  });

  test(`${name}: a backend that does not answer has its share of the time, and its late answer is nobody's`, async () => {
    const silent = await stopped();
    const alive = await backend("alive");
    const port = await freePort();
    const gateway = await running({ policy: policy(port, [silent.port, alive.port]), config: "timers.backend_connect_ms = 4000", ...setup });
    const served = visit(port);
    await eventually(() => gateway.daemon.forwarder.live === 1, "it is under way");
    gateway.clock.advance(1_900);
    assert.is(alive.accepted, 0);
    gateway.clock.advance(500);
    let text = "";
    void served.first.then((came) => (text = came));
    await eventually(() => (gateway.clock.advance(0), text !== ""), "the other one's greeting");
    assert.is(text, "alive");
    silent.continues();
    const echo = once(served.socket, "data");
    served.socket.write("ping");
    assert.is(String((await echo)[0]), "ping");
    assert.equal((await counts(gateway)).get(`127.0.0.1:${silent.port}`)?.failures, { timeout: 1 });
    await closed(gateway, [{ visit: served }]);
  });

  test(`${name}: the streams of a backend that a reload removes continue, and are counted until their end`, async () => {
    const [a, b] = [await backend("a"), await backend("b")];
    const port = await freePort();
    const gateway = await running({ policy: policy(port, [a.port, b.port]), ...setup });
    const two = await greeted(gateway, port, 2);
    const ofB = two.find(({ text }) => text === "b");
    assert.ok(ofB);
    gateway.place(moduleOf(policy(port, [a.port])));
    await gateway.daemon.reload();
    const more = await greeted(gateway, port, 3);
    assert.equal(
      more.map(({ text }) => text),
      ["a", "a", "a"],
    );
    const echo = once(ofB.visit.socket, "data");
    ofB.visit.socket.write("still");
    assert.is(String((await echo)[0]), "still");
    assert.is((await counts(gateway)).get(`127.0.0.1:${b.port}`)?.open, 1);
    ofB.visit.socket.destroy();
    await eventually(() => gateway.daemon.forwarder.live === 4, "it has ended");
    assert.is((await counts(gateway)).get(`127.0.0.1:${b.port}`), undefined);
    // A backend that is added gets what comes next.
    const c = await backend("c");
    gateway.place(moduleOf(policy(port, [a.port, c.port])));
    await gateway.daemon.reload();
    const last = await greeted(gateway, port, 1);
    assert.is(last[0]?.text, "c");
    await closed(gateway, [...two, ...more, ...last]);
  });
}

interface Stopped {
  readonly port: number;
  continues(): void;
}

/** A listening port whose queue is full and whose process is stopped, so that no handshake with it ends. */
async function stopped(): Promise<Stopped> {
  const port = await freePort();
  const script = `require("net").createServer((s) => s.on("error", () => {}).end("late")).listen({ host: "127.0.0.1", port: ${port}, backlog: 1 }, () => process.stdout.write("up"))`;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  atEnd(async () => {
    child.kill("SIGKILL");
    await once(child, "close");
  });
  await once(child.stdout, "data");
  child.kill("SIGSTOP");
  const full = Array.from({ length: 4 }, () => connect(port, "127.0.0.1").on("error", () => undefined));
  await Promise.all(full.slice(0, 2).map((socket) => once(socket, "connect")));
  atEnd(() => {
    for (const socket of full) socket.destroy();
  });
  return { port, continues: () => void child.kill("SIGCONT") };
}

if (process.getuid?.() !== 0 || (await backendProcess(await freePort(), "x", { uid: STRANGER }).then(async (child) => (await child?.stop(), child))) === null) {
  skip("backends of other users", "not root, or another user can't start this Node");
} else {
  for (const [name, setup] of WAYS)
    test(`${name}: a backend of another user gets no byte and is recorded; its clients are served by the service's own`, async () => {
      const [theirs, ours] = [await freePort(), await freePort()].sort((a, b) => a - b);
      if (theirs === undefined || ours === undefined) return;
      const [stranger, own] = [await backendProcess(theirs, "stranger", { uid: STRANGER }), await backendProcess(ours, "own", { uid: OWNER })];
      const port = await freePort();
      const gateway = await running({ policy: policy(port, [theirs, ours]), config: `[services.web]\nuid = ${OWNER}`, ...setup });
      const served = await greeted(gateway, port, 3);
      assert.equal(
        served.map(({ text }) => text),
        ["own", "own", "own"],
      );
      const records = gateway.records().filter(({ op }) => op === "backend");
      assert.equal(
        records.map(({ code, backend: at }) => [code, at]),
        [["backend_not_owned", `127.0.0.1:${theirs}`]],
      );
      assert.equal((await counts(gateway)).get(`127.0.0.1:${theirs}`)?.failures, { not_owned: 1 });
      await stranger?.stop();
      await own?.stop();
    });
}

test("unix and tcp backends share the connections, and a full unix queue is passed by at once", async () => {
  const folder = temporaryFolder();
  const path = join(folder, "app.sock");
  const app = await backendProcess(path, "unix");
  const tcp = await backend("tcp");
  const port = await freePort();
  const gateway = await running({ policy: policy(port, [tcp.port, path]) });
  const four = await greeted(gateway, port, 4);
  assert.equal(four.map(({ text }) => text).sort(), ["tcp", "tcp", "unix", "unix"]);
  await app?.stop();
  const more = await greeted(gateway, port, 2);
  assert.equal(
    more.map(({ text }) => text),
    ["tcp", "tcp"],
    "the socket's file is there, and nobody listens",
  );
  assert.ok(Object.keys((await counts(gateway)).get(`unix:${path}`)?.failures ?? {}).includes("refused"));
});

test("status, its text and the metrics count each backend", async () => {
  const dead = await freePort();
  const [a, b] = [await backend("a"), await backend("b")];
  const port = await freePort();
  const gateway = await running({ policy: policy(port, [dead, a.port, b.port]) });
  await greeted(gateway, port, 3);
  const status = await gateway.daemon.status();
  const text = statusText(status);
  assert.match(text, /3 backends/);
  assert.match(text, new RegExp(`127\\.0\\.0\\.1:${dead}: 0 open, left out for 5 s`));
  const client = await gateway.control();
  const metrics = JSON.stringify(await client.call("metrics"))
    .replaceAll("\\n", "\n")
    .replaceAll('\\"', '"');
  client.close();
  const labels = (at: number): string => `listener="web",backend="127.0.0.1:${at}"`;
  assert.match(metrics, new RegExp(`^ingressd_backend_skipped\\{${labels(dead)}\\} 1$`, "m"));
  assert.match(metrics, new RegExp(`^ingressd_backend_skipped\\{${labels(a.port)}\\} 0$`, "m"));
  assert.match(metrics, new RegExp(`^ingressd_backend_failures_total\\{${labels(dead)},because="refused"\\} 1$`, "m"));
  const open = [...metrics.matchAll(/^ingressd_backend_connections\{.*\} (\d)$/gm)].map(([, count]) => Number(count));
  assert.equal(
    open.reduce((sum, count) => sum + count, 0),
    3,
  );
});

test.run();
