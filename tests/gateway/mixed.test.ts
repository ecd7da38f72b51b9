// Thousands of connections of every kind, with exact counts and one record a decision.
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { atLength } from "../at_length.ts";
import { backend, eventually, freePort, running, visit } from "./gateway_under_test.ts";

const test = suite("mixed");

const ALL = atLength(10_000, 3_000);
const ALLOWED = (ALL / 10) * 4;
/** Of each other kind. */
const FIFTH = ALL / 5;
const AT_ONCE = 100;
/** Connections that the limited source may make. */
const BURST = ALL / 20;

/** The kind of the n-th connection: 40 % allow, 20 % CIDR, 20 % rate, 20 % aborted by the client. */
function kindOf(n: number): "allow" | "cidr" | "rate" | "abort" {
  const tenth = n % 10;
  if (tenth < 4) return "allow";
  if (tenth < 6) return "cidr";
  return tenth < 8 ? "rate" : "abort";
}

test("thousands of mixed connections: exact counts, records = accepts + denies", async () => {
  const behind = await backend("hello");
  const [open, limited] = [await freePort(), await freePort()];
  const gateway = await running({
    policy: `edition 1
expose open on tcp ${open} { backend 127.0.0.1:${behind.port} allow from 127.0.1.0/24 }
expose limited on tcp ${limited} { backend 127.0.0.1:${behind.port} limit 1/h burst ${BURST} per source allow from 127.0.2.0/24 }`,
  });
  const { counters, forwarder } = gateway.daemon;
  const seen = { allow: 0, cidr: 0, rate: 0, abort: 0, limitedAllow: 0 };

  async function one(n: number): Promise<void> {
    const kind = kindOf(n);
    const { socket, first, closed } =
      kind === "rate" ? visit(limited, { from: "127.0.2.1" }) : visit(open, { from: kind === "cidr" ? "127.0.3.1" : `127.0.1.${1 + (n % 250)}` });
    const answer = await first;
    if (kind === "abort") {
      assert.is(answer, "hello");
      socket.resetAndDestroy();
      seen.abort++;
    } else if (kind === "allow") {
      assert.is(answer, "hello");
      socket.end();
      seen.allow++;
    } else {
      if (kind === "rate" && answer === "hello") seen.limitedAllow++;
      else {
        assert.is(answer, "");
        seen[kind]++;
      }
      socket.end();
    }
    await closed;
  }

  let next = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < ALL) await one(next++);
    }),
  );
  await eventually(() => forwarder.live === 0, "all have ended");

  assert.equal(seen, { allow: ALLOWED, cidr: FIFTH, rate: FIFTH - BURST, abort: FIFTH, limitedAllow: BURST });
  assert.is(counters.byCode.get("allowed"), ALLOWED + FIFTH + BURST);
  assert.is(counters.byReason.get("cidr"), FIFTH);
  assert.is(counters.byReason.get("rate"), FIFTH - BURST);
  assert.is(behind.accepted, ALLOWED + FIFTH + BURST, "no denied connection reached the backend");
  const ends = Object.fromEntries(counters.ends);
  assert.is((ends["done"] ?? 0) + (ends["client_reset"] ?? 0), ALLOWED + FIFTH + BURST);
  assert.is(ends["client_reset"], FIFTH);
  const records = gateway.records();
  const accepts = records.filter(({ op }) => op === "accept");
  assert.is(accepts.filter(({ decision }) => decision === "allow").length, ALLOWED + FIFTH + BURST);
  assert.is(accepts.length, ALL);
  assert.is(records.length, counters.allowed + counters.denied);
  assert.is(counters.auditRecords, records.length);
  assert.is(counters.auditDropped, 0);
  await gateway.stop();
  behind.close();
});

test.run();
