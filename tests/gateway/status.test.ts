// `ingressd status` as a table, as JSON and with --watch, from a running gateway over its
// control socket; what a policy names can't reach a terminal as control bytes.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { program } from "../ready.ts";
import { statusText } from "../../gateway/cli/status_text.ts";
import { watchStatus, WATCH_MS } from "../../gateway/cli/watch_status.ts";
import { order } from "../../gateway/cli/order.ts";
import { backend, eventually, freePort, manualClock, probe, running, type Under } from "./gateway_under_test.ts";

const test = suite("status");
const INGRESSD = program("gateway/ingressd.mjs");
const behind = await backend("hello");

async function gatewayWithHits(): Promise<{ readonly gateway: Under; readonly port: number }> {
  const port = await freePort();
  const gateway = await running({
    config: "[caps]\nconnections = 100",
    policy: `edition 1
expose web service site on tcp ${port} bind 127.0.0.1 {
  backend 127.0.0.1:${behind.port}
  limit 50/s per source
  allow named office from 127.0.0.0/25
  deny named lab from 127.0.0.9
}`,
  });
  assert.equal(
    [await probe(port), await probe(port, "127.0.0.9"), await probe(port, "127.0.0.9"), await probe(port, "127.0.0.200")],
    ["allow", "deny", "deny", "deny"],
  );
  await eventually(() => gateway.daemon.counters.ends.size > 0, "the allowed one ended");
  return { gateway, port };
}

const { gateway, port } = await gatewayWithHits();

test("a table with listeners, generation, hits a rule with its place, top denied sources and the limiter's fill", async () => {
  gateway.clock.advance(3_600_000 + 125_000);
  const { exitCode, stdout, stderr } = await order({ kind: "status", params: null }, gateway.daemon.controlPath, false);
  assert.equal([exitCode, stderr], [0, ""]);
  const lines = stdout.split("\n").map((line) => line.trimStart().replace(/ {2,}/g, " | "));
  const local = `127.0.0.1:${port}`;
  for (const due of [
    `process | pid ${process.pid}, up 1h 2m`,
    "connections | 0 of 100, 0 bytes buffered, 0 leases",
    "decisions | 2 allowed, 3 denied (cidr 3)",
    "audit | 5 records, 0 dropped",
    "reloads | 1 done, 0 refused",
    "LISTENER | SERVICE | PORTS | OPEN AT | BACKEND | CONNECTIONS | WRITTEN AT",
    `web | site | ${port} | ${local} | 127.0.0.1:${behind.port} | 0/10000 | test.ingress:2`,
    "HITS | LISTENER | RULE | WRITTEN AT",
    "2 | web | lab | test.ingress:6",
    "1 | web | office | test.ingress:5",
    "DENIED | SOURCE",
    "2 | 127.0.0.9",
    "1 | 127.0.0.200",
  ])
    assert.ok(lines.includes(due), `${due}\n${stdout}`);
  assert.ok(
    lines.some((line) => /^policy \| generation 1, module [0-9a-f]{12}, not signed$/.test(line)),
    stdout,
  );
  assert.ok(
    lines.some((line) => /^limiter \| 1 of \d+ entries in use$/.test(line)),
    stdout,
  );
  assert.ok(!stdout.includes("descriptors"));
});

test("as JSON: one envelope; and nobody there is exit 5", async () => {
  const { exitCode, stdout } = await order({ kind: "status", params: null }, gateway.daemon.controlPath, true);
  const envelope: unknown = JSON.parse(stdout);
  assert.is(exitCode, 0);
  assert.ok(typeof envelope === "object" && envelope !== null && "data" in envelope && typeof envelope.data === "object" && envelope.data !== null);
  if (
    typeof envelope === "object" &&
    envelope !== null &&
    "data" in envelope &&
    typeof envelope.data === "object" &&
    envelope.data !== null &&
    "rules" in envelope.data
  ) {
    assert.equal(envelope.data.rules, [
      { rule_id: 0, listener: "web", rule: "lab", at: "test.ingress:6", hits: 2 },
      { rule_id: 1, listener: "web", rule: "office", at: "test.ingress:5", hits: 1 },
    ]);
  }
  assert.is((await order({ kind: "status", params: null }, `${gateway.daemon.controlPath}.none`, false)).exitCode, 5);
});

test("faults are prominent in the text", () => {
  const text = statusText({
    pid: 1,
    uptime_ms: 999,
    draining: true,
    policy: {
      generation: 3,
      sha256: "ab".repeat(32),
      poisoned: true,
      source: "last_good",
      instead_of: "the file is gone",
      signature: { key_id: "k", revision: 7, verified: false },
      limiter: { used: 1, places: 2 },
    },
    state: { directory: "/s", revision: null, trouble: "it is damaged" },
    listeners: [
      {
        name: "a\u001b[2Jb",
        service: "s",
        ports: [
          { first: 1, last: 2 },
          { first: 9, last: 9 },
        ],
        at: "x:1",
        connections: 0,
        cap_connections: 5,
        open: [],
      },
    ],
    connections: { live: 0, cap: 1, buffered_bytes: 0 },
    leases: 0,
    decisions: { allowed: 0, denied: 0, by_reason: {} },
    rules: Array.from({ length: 23 }, (_, i) => ({ hits: 1, listener: "*", rule: "", at: `x:${i}` })),
    audit: { records: 0, dropped: 4 },
    ends: {},
    reloads: { done: 0, refused: 1 },
    descriptors_exhausted: 6,
    top_denied: [],
  });
  for (const due of [
    /^process +pid 1, up 0s, DRAINING$/m,
    /^policy +generation 3, module abababababab, revision 7 signed by k \(not verified: no keys are trusted\), FAILED INSIDE/m,
    /^WARNING +the last good policy is in force in place of the file: the file is gone$/m,
    /^state +\/s, highest revision none: it is damaged$/m,
    /^a\\u\{1b\}\[2Jb +s +1-2,9 +\(not open\) +- +0\/5 +x:1$/m,
    /^and 3 more$/m,
    /^descriptors +none was left 6 times/m,
  ])
    assert.match(text, due);
  assert.not.match(text.replaceAll("\n", ""), /\p{Cc}/u);
  assert.not.match(text, /^DENIED/m, "no empty tables");
  assert.match(statusText({ policy: null }), /no policy is in force: everything is refused/);
  const pulled = statusText({ policy: { source: "last_good", instead_of: "it is away" }, source: { location: "oci://r.example/p:1", sentence: "s" } });
  assert.match(pulled, /^WARNING +the last good policy is in force in place of the source's: it is away$/m);
});

test("--watch shows each answer until a signal, or until the gateway does not answer", async () => {
  const clock = manualClock();
  const ended = new AbortController();
  const shown: string[] = [];
  let count = 0;
  const watching = watchStatus({
    clock,
    ended: ended.signal,
    terminal: true,
    print: (text) => shown.push(text),
    query: () => Promise.resolve({ exitCode: 0, stdout: `answer ${++count}`, stderr: "" }),
  });
  await eventually(() => shown.length === 1, "the first");
  clock.advance(WATCH_MS - 1);
  await new Promise<void>((resolve) => setImmediate(resolve));
  assert.is(shown.length, 1);
  clock.advance(1);
  await eventually(() => shown.length === 2, "the second");
  ended.abort();
  assert.equal(await watching, { exitCode: 0, stdout: "", stderr: "" });
  assert.equal(shown, ["\u001b[H\u001b[2Janswer 1\n", "\u001b[H\u001b[2Janswer 2\n"]);
  const gone = { exitCode: 5, stdout: "", stderr: "no ingressd answers" };
  assert.equal(
    await watchStatus({ clock, ended: new AbortController().signal, terminal: false, print: () => undefined, query: () => Promise.resolve(gone) }),
    gone,
  );
});

test("the command: --watch --json is a line each time, and a signal ends it with 0", async () => {
  const child = spawn(process.execPath, [...INGRESSD, "status", "--watch", "--json", "--control", gateway.daemon.controlPath], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let out = "";
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  await eventually(() => out.includes("\n"), "the first answer");
  child.kill("SIGINT");
  const closed: readonly unknown[] = await once(child, "close");
  assert.is(closed[0], 0);
  for (const line of out.trimEnd().split("\n")) assert.match(line, /^\{"ok":true,.*\}$/);
  await gateway.stop();
  behind.close();
});

test.run();
