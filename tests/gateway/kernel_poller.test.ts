// The poller: events of real sockets reach their descriptor, and no other; a turn is bounded.
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { ECONNRESET, openCalls, SOCK_STREAM, type KernelCalls } from "../../gateway/kernel/calls.ts";
import { EPOLLERR, EPOLLET, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDHUP, eventLayout, MOST_ROUNDS, Poller } from "../../gateway/kernel/poller.ts";
import { atEnd } from "../suite.ts";
import { skip } from "../skip.ts";
import { eventually } from "./gateway_under_test.ts";

const test = suite("kernel poller");
const found = openCalls();
const ALL = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

interface Seen {
  readonly fd: number;
  readonly events: number;
}

interface World {
  readonly calls: KernelCalls;
  readonly poller: Poller;
  readonly seen: Seen[];
  readonly faults: { readonly fd: number; readonly error: unknown }[];
  /** Called by `ready`, after it noted the call. */
  onReady: (fd: number) => void;
  pair(): readonly [number, number];
}

function world(monoMs: () => number = () => 0): World {
  if (found === null) throw new Error("koffi is not installed");
  const calls = found;
  const w: World = {
    calls,
    seen: [],
    faults: [],
    onReady: () => undefined,
    poller: new Poller({
      calls,
      monoMs,
      ready(fd, events) {
        w.seen.push({ fd, events });
        w.onReady(fd);
      },
      fault: (fd, error) => void w.faults.push({ fd, error }),
    }),
    pair() {
      const pair = new Int32Array(2);
      assert.is(calls.socketpair(SOCK_STREAM, pair), 0);
      const [a = -1, b = -1] = pair;
      return [a, b];
    },
  };
  atEnd(() => w.poller.close());
  return w;
}

const byte = Buffer.from("x");

if (found === null) skip("kernel poller", "koffi is not installed");
else {
  test("bytes, an end and a hang-up are reported to their own descriptor", async () => {
    const w = world();
    const [[a, b], [c, d]] = [w.pair(), w.pair()];
    for (const fd of [a, c]) assert.is(w.poller.add(fd, ALL), 0);
    await eventually(() => w.seen.length === 2, "both can be written to");
    assert.equal(
      w.seen.splice(0).sort((x, y) => x.fd - y.fd),
      [
        { fd: a, events: EPOLLOUT },
        { fd: c, events: EPOLLOUT },
      ],
    );
    w.calls.send(b, byte, 1, 0);
    await eventually(() => w.seen.length === 1, "a byte");
    assert.equal(w.seen.splice(0), [{ fd: a, events: EPOLLIN | EPOLLOUT }]);
    w.calls.shutdown(d, 1);
    await eventually(() => w.seen.length === 1, "an end");
    assert.equal(w.seen.splice(0), [{ fd: c, events: EPOLLIN | EPOLLOUT | EPOLLRDHUP }]);
    w.calls.close(b);
    await eventually(() => w.seen.length === 1, "a hang-up");
    assert.ok(((w.seen[0]?.events ?? 0) & (EPOLLHUP | EPOLLERR)) !== 0);
    for (const fd of [a, c, d]) {
      w.poller.forget(fd);
      w.calls.close(fd);
    }
  });

  test("an event that was fetched for a closed descriptor does not reach the next one of its number", async () => {
    const w = world();
    const [[a, b], [c, d]] = [w.pair(), w.pair()];
    let next: readonly [number, number] | null = null;
    // Both are ready in one round. The first that is reported closes the other, whose number is used again at once.
    w.onReady = (fd) => {
      if (next !== null) return;
      const other = fd === a ? c : a;
      w.poller.forget(other);
      w.calls.close(other);
      next = w.pair();
      assert.is(next[0], other, "the number is used again");
      assert.is(w.poller.add(next[0], EPOLLIN | EPOLLET), 0);
    };
    for (const fd of [a, c]) assert.is(w.poller.add(fd, EPOLLIN | EPOLLET), 0);
    for (const fd of [b, d]) w.calls.send(fd, byte, 1, 0);
    await eventually(() => w.seen.length > 0, "the first");
    let rounds = 0;
    w.poller.after(function wait() {
      if (++rounds < 3) w.poller.after(wait);
    });
    await eventually(() => rounds === 3, "some rounds");
    assert.is(w.seen.length, 1);
    w.poller.close();
    for (const fd of [a, b, c, d, ...(next ?? [])]) w.calls.close(fd);
  });

  test("what was requested of a descriptor ends with it, too", async () => {
    const w = world();
    const [a, b] = w.pair();
    w.poller.again(a);
    w.poller.forget(a);
    let isDone = false;
    w.poller.after(() => {
      isDone = true;
    });
    await eventually(() => isDone, "a turn");
    assert.equal(w.seen, []);
    w.poller.again(a);
    await eventually(() => w.seen.length === 1, "the next one of its number");
    assert.equal(w.seen, [{ fd: a, events: 0 }]);
    for (const fd of [a, b]) w.calls.close(fd);
  });

  test("an exception is reported with its descriptor, and the others get their events", async () => {
    const w = world();
    const pairs = [w.pair(), w.pair(), w.pair()];
    const bad = pairs[1]?.[0] ?? -1;
    const error = new Error("thrown in a turn");
    w.onReady = (fd) => {
      if (fd === bad) throw error;
    };
    for (const [fd] of pairs) assert.is(w.poller.add(fd, ALL), 0);
    await eventually(() => w.seen.length === 3, "all events");
    assert.equal(w.faults, [{ fd: bad, error }]);
    w.poller.close();
    for (const fd of pairs.flat()) w.calls.close(fd);
  });

  test("a turn has at most so many rounds, and so much time; other work of the event loop comes between", async () => {
    for (const [bound, monoMs] of [
      [MOST_ROUNDS, () => 0],
      [
        1,
        (
          (at) => () =>
            (at += 10)
        )(0),
      ],
    ] as const) {
      const w = world(monoMs);
      let rounds = 0;
      const turns: number[] = [];
      const look = (): void => {
        turns.push(rounds);
        if (turns.length < 3) setImmediate(look);
      };
      w.poller.after(function next() {
        rounds++;
        if (turns.length < 3) w.poller.after(next);
      });
      setImmediate(look);
      await eventually(() => turns.length === 3, "three turns");
      assert.equal(turns, [bound, 2 * bound, 3 * bound]);
    }
  });

  test("the kernel's refusal to add a descriptor is the answer, and nothing else happens", async () => {
    const w = world();
    const [a, b] = w.pair();
    w.calls.close(a);
    assert.is(w.poller.add(a, ALL), -9);
    assert.is(w.calls.recv(a, byte, 1, 0), -9);
    w.calls.close(b);
  });

  test("the layout of an event follows the processor", () => {
    assert.equal(
      [eventLayout("x64"), eventLayout("arm64"), eventLayout("riscv64")],
      [
        { words: 3, data: 1 },
        { words: 4, data: 2 },
        { words: 4, data: 2 },
      ],
    );
  });

  test("a thousand echoes over socket pairs", async () => {
    const w = world();
    const [a, b] = w.pair();
    const buffer = Buffer.alloc(64);
    let echoes = 0;
    w.onReady = (fd) => {
      const got = w.calls.recv(fd, buffer, buffer.length, 0);
      if (got <= 0) return;
      if (fd === a) echoes++;
      if (echoes < 1000) w.calls.send(fd, buffer, got, 0);
    };
    for (const fd of [a, b]) assert.is(w.poller.add(fd, EPOLLIN | EPOLLET), 0);
    w.calls.send(a, byte, 1, 0);
    await eventually(() => echoes === 1000, "all echoes");
    assert.equal(w.faults, []);
    w.poller.close();
    for (const fd of [a, b]) w.calls.close(fd);
  });

  test("unread bytes at a close are a reset on the other side", () => {
    const w = world();
    const [a, b] = w.pair();
    w.calls.send(a, byte, 1, 0);
    w.calls.close(b);
    assert.is(w.calls.recv(a, byte, 1, 0), -ECONNRESET);
    w.calls.close(a);
  });
}

test.run();
