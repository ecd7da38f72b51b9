// An answer costs its length and one timer while it comes, however a server cuts it.
import { createHash } from "node:crypto";
import type { ServerResponse } from "node:http";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import * as assert from "uvu/assert";
import { PULL_MS } from "../../runtime/distribution/source.ts";
import { Received } from "../../runtime/distribution/received.ts";
import { chance } from "../oracle/random.ts";
import { suite } from "../suite.ts";
import { client, outcome, registryOf, serve, source, stored, type Client } from "./server.ts";

const test = suite("distribution: received");

const hex = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

test("the bytes and their hash, whatever length was said and however they are cut", () => {
  const random = chance(7);
  for (const size of [0, 1, 65_535, 65_536, 65_537, 300_000])
    for (const said of [null, 0, 1, size, size + 1, 10_000_000]) {
      const bytes = Uint8Array.from({ length: size }, () => random.below(256));
      const received = new Received(size, said);
      for (let at = 0; at < size;) {
        const piece = Uint8Array.from(bytes.subarray(at, at + 1 + random.below(100_000)));
        assert.ok(received.take(piece));
        at += piece.length;
        // Nothing of it is kept.
        piece.fill(0);
      }
      assert.not.ok(received.take(Uint8Array.of(1)), "one byte more");
      const whole = received.whole();
      assert.equal([hex(whole.bytes), whole.sha256], [hex(bytes), hex(bytes)], `${size} ${said}`);
    }
});

test("a million bytes cost about a million bytes, one by one", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const used = (): number => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const received = new Received(1_000_000, null);
  const before = used();
  for (let i = 0; i < 1_000_000; i++) received.take(Buffer.allocUnsafe(1));
  const grown = used() - before;
  assert.ok(grown < 4_000_000, `${grown} bytes`);
  assert.is(received.whole().bytes.length, 1_000_000);
});

/** Counts the timers that are armed. */
function counting(): { readonly http: Client; readonly armed: () => number } {
  const http = client(null);
  let armed = 0;
  const after: Client["clock"]["after"] = (ms, tick) => {
    armed++;
    return http.clock.after(ms, tick);
  };
  return { http: { ...http, clock: { ...http.clock, after } }, armed: () => armed };
}

test("an answer in fifty thousand pieces arms as many timers as one in one piece", async () => {
  const body = "x".repeat(50_000);
  const counts: number[] = [];
  for (const pieces of [`c350\r\n${body}\r\n`, "1\r\nx\r\n".repeat(body.length)]) {
    const has = stored(Buffer.from(body));
    const server = await serve((request, response) => {
      if (request.url?.includes("blobs") !== true) return registryOf(has)(request, response);
      response.socket?.end(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n${pieces}0\r\n\r\n`);
    }, null);
    const { http, armed } = counting();
    assert.is(await outcome(source(`oci://${server.host}/policies/edge:stable`, http).pull()), `new ${"x".repeat(40)}`);
    counts.push(armed());
  }
  assert.equal(counts, [counts[0], counts[0]]);
});

const turns = async (): Promise<void> => {
  for (let i = 0; i < 200; i++) await new Promise((resolve) => setImmediate(resolve));
};

test("the time of a pull is one for all its requests", async () => {
  for (const [ms, due] of [
    [PULL_MS - 1, `new ${"x".repeat(21)}`],
    [PULL_MS, "slow"],
  ] as const) {
    const http = client();
    const { clock } = http;
    const began = clock.monoMs();
    /** A byte every 10 seconds, so that neither silence nor the time of one answer ends it. */
    const drip = async (response: ServerResponse, untilMs: number): Promise<void> => {
      while (clock.monoMs() < untilMs) {
        response.write("x");
        await turns();
        clock.advance(Math.min(10_000, untilMs - clock.monoMs()));
      }
      response.end("x");
    };
    const server = await serve(({ url }, response) => {
      if (url === "/a") void drip(response.writeHead(302, { location: "/b" }), began + PULL_MS / 3);
      else void drip(response, began + ms);
    });
    const pulled = await outcome(source(`https://${server.host}/a`, http).pull());
    assert.is(pulled, due, `${ms}`);
    assert.is(clock.monoMs() - began, ms);
  }
});

test.run();
