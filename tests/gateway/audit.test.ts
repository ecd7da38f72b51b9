// Audit lines: one a decision, safe to print, never torn; a full disk fails as configured.
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { createAudit, type AuditFile } from "../../gateway/audit/audit.ts";
import { auditLine, field, FIELD_BYTES, type AuditFacts } from "../../gateway/audit/line.ts";
import { createRecorder } from "../../gateway/audit/recorder.ts";
import { newCounters } from "../../gateway/audit/counters.ts";
import { createMarkers } from "../../gateway/audit/markers.ts";
import { denial } from "../../runtime/host/decision.ts";
import { loadPolicy } from "../../runtime/host/load.ts";
import { openEngine } from "../../runtime/host/ask.ts";
import { parseAddress } from "../../runtime/net/address.ts";
import { CODE_NO_MATCH, CODE_CAP_OVERALL } from "../../runtime/abi/verdicts.ts";
import { backend, freePort, manualClock, moduleOf, probe, running, start } from "./gateway_under_test.ts";

const test = suite("audit");
const refused = denial(CODE_NO_MATCH);

/** A disk (or pipe) with room for so many bytes; `room` can be changed. */
let files = 0;

function disk(regular: boolean): AuditFile & { room: number; bytes: Buffer } {
  return {
    regular,
    id: String(files++),
    room: Number.POSITIVE_INFINITY,
    bytes: Buffer.alloc(0),
    write(bytes) {
      const n = Math.min(this.room, bytes.length);
      if (n === 0) throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
      this.bytes = Buffer.concat([this.bytes, bytes.subarray(0, n)]);
      this.room -= n;
      return n;
    },
    size() {
      return this.bytes.length;
    },
    truncate(size) {
      this.room += this.bytes.length - size;
      this.bytes = this.bytes.subarray(0, size);
    },
    close: () => undefined,
  };
}

const line = (n: number): string => `${JSON.stringify({ n, fill: "x".repeat(40) })}\n`;

test("control bytes are escaped in every line, and fields are cut between characters", () => {
  const hostile = 'a\nb\r\u0000\u001b[2J\u007f\u009b31m\u2028\u2029"}\\';
  const text = auditLine({ op: "register", decision: refused, generation: 1, local: "", detail: hostile }, 0);
  assert.is(text.split("\n").length, 2);
  const unsafe = (c: number): boolean => c < 0x20 || (c >= 0x7f && c <= 0x9f) || c === 0x2028 || c === 0x2029;
  assert.equal(
    [...text.slice(0, -1)].filter((c) => unsafe(c.charCodeAt(0))),
    [],
  );
  const parsed: unknown = JSON.parse(text);
  assert.is(typeof parsed === "object" && parsed !== null && "detail" in parsed && parsed.detail, hostile);
  assert.is(field("x".repeat(FIELD_BYTES)), "x".repeat(FIELD_BYTES));
  assert.is(field("x".repeat(FIELD_BYTES + 1)), "x".repeat(FIELD_BYTES));
  assert.is(Buffer.byteLength(field("é".repeat(200))), 256);
  assert.is(field(`x${"é".repeat(200)}`), `x${"é".repeat(127)}`);
  assert.is(field("€".repeat(100)), "€".repeat(85));
});

test("a record never has a field of the record before it", () => {
  const facts: AuditFacts = { op: "accept", decision: refused, generation: 1, listener: "web", service: "shop", local: "127.0.0.1:80", source: "192.0.2.1:5" };
  const words = { rule: "guests", at: "site.ingress:3" };
  const shown = { op: "accept", decision: "deny", reason: refused.reason, code: refused.code, generation: 1, listener: "web", service: "shop" };
  const whole = { time: new Date(1_000).toISOString(), ...shown, local: "127.0.0.1:80", source: "192.0.2.1:5", rule: words.rule, at: words.at };
  const without = (field: string): object => Object.fromEntries(Object.entries(whole).filter(([key]) => key !== field));
  const cases: readonly (readonly [AuditFacts, number, typeof words, object])[] = [
    [facts, 2_000, words, { ...whole, time: new Date(2_000).toISOString() }],
    [{ ...facts, op: "recheck" }, 1_000, words, { ...whole, op: "recheck" }],
    [{ ...facts, generation: 2 }, 1_000, words, { ...whole, generation: 2 }],
    [{ ...facts, listener: "ssh" }, 1_000, words, { ...whole, listener: "ssh" }],
    [{ ...facts, listener: undefined }, 1_000, words, without("listener")],
    [{ ...facts, service: "mail" }, 1_000, words, { ...whole, service: "mail" }],
    [{ ...facts, subject: "uid:7" }, 1_000, words, { ...whole, subject: "uid:7" }],
    [{ ...facts, proto: "udp" }, 1_000, words, { ...whole, proto: "udp" }],
    [{ ...facts, local: undefined }, 1_000, words, without("local")],
    [{ ...facts, source: undefined }, 1_000, words, without("source")],
    [{ ...facts, decision: { ...refused, code: "deny_rule" } }, 1_000, words, { ...whole, code: "deny_rule" }],
    [{ ...facts, decision: { ...refused, reason: "rate" } }, 1_000, words, { ...whole, reason: "rate" }],
    [{ ...facts, decision: { ...refused, rule: 0 } }, 1_000, words, { ...whole, rule_id: 0 }],
    [facts, 1_000, { ...words, rule: "staff" }, { ...whole, rule: "staff" }],
    [facts, 1_000, { ...words, at: "site.ingress:4" }, { ...whole, at: "site.ingress:4" }],
    [{ ...facts, backend: "127.0.0.1:8080", connection: 0 }, 1_000, words, { ...whole, backend: "127.0.0.1:8080", connection: 0 }],
  ];
  const parsed = (...of: Parameters<typeof auditLine>): unknown => JSON.parse(auditLine(...of));
  for (const [other, ms, said, due] of cases) {
    assert.equal(parsed(facts, 1_000, words), whole);
    assert.equal(parsed(other, ms, said), due);
  }
  assert.equal(parsed(facts, 1_000, words), whole);
});

test("decisions of one batch are counted one by one, whichever are alike", () => {
  const [counters, lines] = [newCounters(), new Array<string>()];
  const markers = createMarkers((line) => lines.push(line), counters);
  const audit = createAudit(
    () => disk(true),
    counters,
    () => undefined,
  );
  const recorder = createRecorder({ audit, counters, markers, clock: manualClock(), onError: "closed" });
  const [same, other] = [{ ...refused }, denial(CODE_CAP_OVERALL)];
  const decisions = [refused, same, other, refused, other, other];
  const entries = decisions.map((decision) => ({ op: "accept", decision, generation: 1 }) as const);
  assert.equal(recorder.record(entries, null), decisions);
  assert.equal([counters.denied, counters.allowed, counters.auditRecords], [6, 0, 6]);
  assert.equal(
    [...counters.byCode],
    [
      [refused.code, 3],
      [other.code, 3],
    ],
  );
  assert.equal(
    [...counters.byReason],
    [
      [refused.reason, 3],
      [other.reason, 3],
    ],
  );
  assert.is(lines.length, 6);
  assert.equal(recorder.record([], null), []);
  assert.is(counters.denied, 6);
  recorder.record([...entries, ...entries], null);
  assert.equal([lines.length, counters.denyMarkersSuppressed, counters.denied], [10, 8, 18], "five lines for each reason");
});

test("a regular file is cut back to whole lines; drops are counted; it recovers", () => {
  const file = disk(true);
  const counters = newCounters();
  const said: string[] = [];
  const audit = createAudit(
    () => file,
    counters,
    (s) => said.push(s),
  );
  assert.is(audit.write([line(1), line(2)]), 2);
  file.room = line(3).length + 10;
  assert.is(audit.write([line(3), line(4), line(5)]), 1, "line 4 was torn and is cut back");
  assert.is(file.bytes.toString(), line(1) + line(2) + line(3));
  file.room = 0;
  assert.is(audit.write([line(6)]), 0);
  file.room = Number.POSITIVE_INFINITY;
  assert.is(audit.write([line(7)]), 1);
  assert.is(file.bytes.toString(), line(1) + line(2) + line(3) + line(7));
  assert.equal([counters.auditRecords, counters.auditDropped], [4, 3]);
  assert.is(said.length, 2, "said once when it fails and once when it works again");
});

test("a line that had begun in a pipe is lost when the file is opened again", () => {
  const pipe = disk(false);
  const next = disk(false);
  const files = [pipe, next];
  const counters = newCounters();
  const audit = createAudit(
    () => files.shift() ?? next,
    counters,
    () => undefined,
  );
  pipe.room = line(1).length + 10;
  assert.is(audit.write([line(1), line(2), line(3)]), 2, "the second has begun and counts");
  assert.equal([counters.auditRecords, counters.auditDropped], [2, 1]);
  assert.is(audit.reopen(), null);
  assert.equal([counters.auditRecords, counters.auditDropped], [1, 2]);
  assert.is(audit.write([line(4)]), 1);
  assert.is(next.bytes.toString(), line(4), "the new file begins with a whole line");
  assert.equal([counters.auditRecords, counters.auditDropped], [2, 2]);
});

test("a line that had begun in a pipe is finished where the same pipe is opened again", () => {
  const pipe = disk(false);
  const counters = newCounters();
  const audit = createAudit(
    () => pipe,
    counters,
    () => undefined,
  );
  pipe.room = line(1).length + 10;
  assert.is(audit.write([line(1), line(2)]), 2);
  assert.is(audit.reopen(), null);
  pipe.room = Number.POSITIVE_INFINITY;
  assert.is(audit.write([line(3)]), 1);
  assert.is(pipe.bytes.toString(), line(1) + line(2) + line(3));
  assert.equal([counters.auditRecords, counters.auditDropped], [3, 0]);
});

test("a failure while recording is a refusal that uses no cap", async () => {
  const port = await freePort();
  const behind = await backend("hello");
  const gateway = await running({ policy: `edition 1\nexpose web on tcp ${port} { backend 127.0.0.1:${behind.port} cap 1 connections allow from any }` });
  const { wallMs } = gateway.clock;
  let reads = 0;
  gateway.clock.wallMs = () => {
    // The decision reads the time first, the record second.
    if (++reads === 2) throw new Error("no clock");
    return wallMs();
  };
  assert.is(await probe(port), "deny");
  gateway.clock.wallMs = wallMs;
  assert.is(gateway.daemon.counters.byCode.get("internal"), 1);
  assert.is(await probe(port), "allow", "the one place under the cap is free again");
  await gateway.stop();
  behind.close();
});

test("whole lines and exact counts are written for every amount of room", () => {
  const lines = [line(1), line(2), line(3)];
  const all = lines.join("");
  for (let room = 0; room <= all.length; room++) {
    for (const regular of [true, false]) {
      const file = disk(regular);
      const counters = newCounters();
      const audit = createAudit(
        () => file,
        counters,
        () => undefined,
      );
      file.room = room;
      audit.write(lines);
      file.room = Number.POSITIVE_INFINITY;
      audit.write([line(9)]);
      const written = file.bytes.toString();
      assert.ok(written.endsWith(line(9)));
      const whole = written.split("\n").slice(0, -1);
      for (const text of whole) JSON.parse(text);
      assert.is(whole.length, counters.auditRecords, `room ${room}, regular ${regular}`);
      assert.is(counters.auditRecords + counters.auditDropped, 4);
    }
  }
});

test("closed: what can't be recorded is refused; count: it continues", () => {
  const policy = loadPolicy(moduleOf("edition 1\nexpose web on tcp 4443 { backend 127.0.0.1:9 allow from any }"));
  if (!policy.ok) throw new Error(policy.error.message);
  const engine = openEngine(policy.value, new Uint8Array(16));
  engine.setClock({ monoMs: 0, wallSeconds: 0 });
  const source = parseAddress("127.0.0.1");
  if (source === null) throw new Error("no address");
  const [allowed] = engine.admit([{ listener: 0, source }]);
  assert.ok(allowed?.allowed);
  for (const [onError, expected] of [
    ["closed", ["audit_closed", "no_match"]],
    ["count", ["allowed", "no_match"]],
  ] as const) {
    const file = disk(true);
    file.room = 0;
    const counters = newCounters();
    const recorder = createRecorder({
      audit: createAudit(
        () => file,
        counters,
        () => undefined,
      ),
      counters,
      onError,
      clock: manualClock(),
      markers: createMarkers(() => undefined, counters),
    });
    const base = { op: "accept" as const, generation: 1, local: "127.0.0.1:4443" };
    const final = recorder.record(
      [
        { ...base, decision: allowed ?? refused },
        { ...base, decision: refused },
      ],
      null,
    );
    assert.equal(
      final.map(({ code }) => code),
      expected,
    );
    assert.equal([counters.auditRecords, counters.auditDropped], [0, 2]);
    assert.is(counters.allowed + counters.denied, counters.auditRecords + counters.auditDropped);
  }
});

test("a real full device: /dev/full refuses to start in closed mode, serves in count mode", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const policy = `edition 1\nexpose web on tcp ${port} { backend 127.0.0.1:${behind.port} allow from any }`;
  const closed = await start({ policy, config: '[audit]\nfile = "/dev/full"' });
  assert.ok("failure" in closed, "no bind without its record");
  assert.match(
    "failure" in closed ? closed.failure.message : "",
    /^port [0-9]+ is not opened \(audit_closed\): its record can't be written: make room for audit\.file, name another, or set audit\.on_error = "count"$/,
  );
  assert.equal(
    closed.markers.filter((m) => !m.includes("deny")),
    [],
  );
  const gateway = await running({ policy, config: '[audit]\nfile = "/dev/full"\non_error = "count"' });
  assert.is(await probe(port), "allow");
  const { counters } = gateway.daemon;
  assert.is(counters.auditRecords, 0);
  assert.is(counters.auditDropped, counters.allowed + counters.denied);
  await gateway.stop();
  behind.close();
});

test("an audit file that can't be opened is refused with the remedy", async () => {
  const started = await start({ policy: "edition 1", config: '[audit]\nfile = "/nonexistent/audit.jsonl"' });
  assert.ok("failure" in started && /^audit\.file = `\/nonexistent\/audit\.jsonl` can't be opened .*: name a file/.test(started.failure.message));
});

test("hangup opens a rotated file again", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const gateway = await running({ policy: `edition 1\nexpose web on tcp ${port} { backend 127.0.0.1:${behind.port} allow from any }` });
  await probe(port);
  const before = gateway.records().length;
  renameSync(join(gateway.folder, "audit.jsonl"), join(gateway.folder, "audit.1"));
  await probe(port);
  assert.is(readFileSync(join(gateway.folder, "audit.1"), "utf8").split("\n").length - 1, before + 1, "the open file is still written");
  await gateway.daemon.hangup();
  await probe(port);
  assert.is(gateway.records().length, 1);
  await gateway.stop();
  behind.close();
});

test.run();
