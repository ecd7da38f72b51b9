// The end of an admitted connection is recorded: how long it lasted, what went through it, and why it ended.
import { suite } from "../suite.ts";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { openLibc } from "../../runtime/shell/libc.ts";
import { createAudit } from "../../gateway/audit/audit.ts";
import { endLine, type EndFacts } from "../../gateway/audit/end_line.ts";
import { createMarkers } from "../../gateway/audit/markers.ts";
import { createRecorder } from "../../gateway/audit/recorder.ts";
import { newCounters } from "../../gateway/audit/counters.ts";
import { denial } from "../../runtime/host/decision.ts";
import { CODE_NO_MATCH } from "../../runtime/abi/verdicts.ts";
import { freeUdpPort, udpBackend, udpSocket } from "./datagrams_under_test.ts";
import { backend, endsIn, eventually, freePort, manualClock, probe, running, visit, type EndRecord, type Under } from "./gateway_under_test.ts";
import { gatewayToTake } from "./takeover_under_test.ts";
import { skip } from "../skip.ts";

const test = suite("ends");
const endsOf = (gateway: Under): EndRecord[] => endsIn(join(gateway.folder, "audit.jsonl"));

/** Those that are due are written at the next look. */
async function after(gateway: Under, ends: number): Promise<EndRecord[]> {
  const {
    daemon: { counters },
    clock,
  } = gateway;
  await eventually(() => [...counters.ends.values()].reduce((a, b) => a + b, 0) >= ends, `${ends} ends`);
  clock.advance(250);
  return endsOf(gateway);
}

test("a record at the end has duration, bytes both ways, reason, backend and start; a refused peer has none", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const gateway = await running({ policy: `edition 1\nexpose web on tcp ${port} { backend 127.0.0.1:${behind.port} allow from 127.0.0.1 }` });
  assert.is(await probe(port, "127.0.0.2"), "deny");
  const it = visit(port);
  assert.is(await it.first, "hello");
  const started = new Date(gateway.clock.wallMs()).toISOString();
  it.socket.write("abc");
  await eventually(() => it.socket.bytesRead === 8, "the echo");
  gateway.clock.advance(7_000);
  assert.equal(endsOf(gateway), [], "it is still open");
  it.socket.end();
  await it.closed;
  const [record, ...more] = await after(gateway, 1);
  assert.equal(more, []);
  const { time, source, connection, ...rest } = record ?? {};
  assert.equal(rest, {
    generation: 1,
    op: "close",
    reason: "done",
    listener: "web",
    service: "web",
    local: `0.0.0.0:${port}`,
    backend: `127.0.0.1:${behind.port}`,
    start: started,
    duration_ms: 7_000,
    bytes_from_client: 3,
    bytes_from_backend: 8,
  });
  const accepted = gateway.records().find(({ op, decision }) => op === "accept" && decision === "allow");
  assert.is(accepted?.source, source);
  assert.is(typeof connection, "number");
  assert.ok((time ?? "") >= started);
  const { counters } = gateway.daemon;
  assert.equal([counters.endRecords, counters.endRecordsDropped], [1, 0]);
  assert.equal([counters.auditRecords, counters.allowed + counters.denied], [4, 4], "decisions are counted apart: the two binds of the start, too");
});

test("`reason` is the word that `ends` counts", async () => {
  const behind = await backend("hello", (socket) => socket.once("data", () => socket.resetAndDestroy()));
  const [port, dead, nobody] = [await freePort(), await freePort(), await freePort()];
  const gateway = await running({
    policy: `edition 1
expose web on tcp ${port} { backend 127.0.0.1:${behind.port} allow from any }
expose dead on tcp ${dead} { backend 127.0.0.1:${nobody} allow from any }`,
    config: "[timers]\nidle_ms = 1000",
  });
  const it = visit(port);
  assert.is(await it.first, "hello");
  it.socket.write("x");
  await it.closed;
  assert.is(await probe(dead), "deny");
  const records = await after(gateway, 2);
  assert.equal(records.map(({ listener, reason }) => [listener, reason]).sort(), [
    ["dead", "backend_refused"],
    ["web", "backend_reset"],
  ]);
});

test("a stream that is cut is recorded with the reason of the cut", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const gateway = await running({
    policy: `edition 1\nexpose web on tcp ${port} { backend 127.0.0.1:${behind.port} allow from any }`,
    config: "[timers]\nidle_ms = 1000",
  });
  const it = visit(port);
  assert.is(await it.first, "hello");
  gateway.clock.advance(1_250);
  await it.closed;
  assert.equal(
    (await after(gateway, 1)).map(({ reason, duration_ms: ms }) => [reason, ms]),
    [["idle", 1_250]],
  );
});

test("a flow of datagrams has one too", async () => {
  const behind = await udpBackend();
  const port = await freeUdpPort();
  const gateway = await running({ policy: `edition 1\nexpose dns on udp ${port} { backend 127.0.0.1:${behind.port} allow from any amplify 2 }` });
  const client = await udpSocket();
  await client.send("four", port);
  await client.until(1);
  gateway.clock.advance(3_250);
  const records = await after(gateway, 1);
  assert.equal(
    records.map(({ proto, reason, bytes_from_client: got, bytes_from_backend: given, backend: to }) => [proto, reason, got, given, to]),
    [["udp", "done", 4, 4, `127.0.0.1:${behind.port}`]],
  );
});

test("`audit.close = false` records none, and counts them all the same", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const gateway = await running({
    policy: `edition 1\nexpose web on tcp ${port} { backend 127.0.0.1:${behind.port} allow from any }`,
    config: '[audit]\nclose = false\nfile = "AUDIT"\n',
  });
  assert.is(await probe(port), "allow");
  assert.equal(await after(gateway, 1), []);
  const { counters } = gateway.daemon;
  assert.equal([counters.endRecords, counters.endRecordsDropped], [0, 0]);
});

const FACTS: EndFacts = { reason: "done", generation: 1, connection: 5, startedMs: 0, durationMs: 1.6, bytesFromClient: 1, bytesFromBackend: 2, local: "l" };

test("a full disk costs the record, never a decision that has one, and the next ones are written", () => {
  let room = 0;
  let text = "";
  const counters = newCounters();
  const clock = manualClock();
  const file = {
    regular: true,
    id: "1",
    write(bytes: Buffer) {
      const n = Math.min(room, bytes.length);
      if (n === 0) throw new Error("ENOSPC");
      room -= n;
      text += bytes.toString("utf8", 0, n);
      return n;
    },
    size: () => text.length,
    truncate(size: number) {
      room += text.length - size;
      text = text.slice(0, size);
    },
    close: () => undefined,
  };
  const audit = createAudit(
    () => file,
    counters,
    () => undefined,
  );
  const recorder = createRecorder({ audit, counters, clock, markers: createMarkers(() => undefined, counters), onError: "closed", recordsEnds: true });
  recorder.end(FACTS);
  recorder.flush();
  assert.equal([counters.endRecords, counters.endRecordsDropped, counters.auditDropped], [0, 1, 0]);
  const [decision] = recorder.record([{ op: "accept", decision: denial(CODE_NO_MATCH), generation: 1, local: "" }], null);
  assert.is(decision?.code, "no_match");
  assert.equal([counters.auditRecords, counters.auditDropped], [0, 1]);
  // Room for the end alone: the decision after it is lost, and counted as one.
  const line = endLine(FACTS, clock.wallMs());
  room = line.length + 10;
  recorder.end(FACTS);
  recorder.record([{ op: "accept", decision: denial(CODE_NO_MATCH), generation: 1, local: "" }], null);
  assert.is(text, line);
  assert.equal([counters.endRecords, counters.endRecordsDropped, counters.auditRecords, counters.auditDropped], [1, 1, 0, 2]);
  room = 10_000;
  for (let i = 0; i < 511; i++) recorder.end(FACTS);
  assert.is(counters.endRecords, 1, "N are kept for the next decision");
  room = 1_000_000;
  recorder.end(FACTS);
  assert.is(counters.endRecords, 513, "N + 1 are written");
});

test("a hostile name can't end the line, and a clock that went back gives no duration below zero", () => {
  const line = endLine({ ...FACTS, sni: 'a\nb"', durationMs: -5 }, 0);
  assert.is(line.indexOf("\n"), line.length - 1);
  const record: unknown = JSON.parse(line);
  assert.ok(typeof record === "object" && record !== null && "sni" in record && "duration_ms" in record);
  assert.equal(record, { ...record, sni: 'a\nb"', duration_ms: 0, time: "1970-01-01T00:00:00.000Z", start: "1970-01-01T00:00:00.000Z" });
});

if (openLibc() === null) skip("ends over a takeover", "koffi is not installed");
else
  test("over a takeover a connection has one record, with its start and all its bytes", async () => {
    const it = await gatewayToTake({ clauses: "allow from any" });
    const early = visit(it.port);
    assert.is(await early.first, "hello");
    await it.taken();
    await it.first.says("another gateway has taken over");
    early.socket.end("bye");
    await early.closed;
    assert.is(await it.first.exit, 0);
    const audit = join(it.folder, "audit.jsonl");
    await eventually(() => endsIn(audit).length > 0, "its record");
    const [record, ...more] = endsIn(audit);
    assert.equal(more, []);
    const [accepted] = it.records("accept");
    assert.is(record?.source, accepted?.source);
    assert.equal([record?.reason, record?.bytes_from_client, record?.listener], ["done", 3, "web"]);
  });

test.run();
