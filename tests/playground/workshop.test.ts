// The jobs of the page: one at a time, each for a bounded time, with workers and timers that the test has.
import * as assert from "uvu/assert";
import { MOST_MS, Workshop, type Result } from "../../docs/playground/source/workshop.ts";
import type { AnswerMessage, JobMessage } from "../../docs/playground/source/messages.ts";
import { suite } from "../suite.ts";

const test = suite("workshop");

/** A worker that answers when the test says so. */
class Bench extends EventTarget {
  readonly got: JobMessage[] = [];
  ended = false;

  postMessage(message: JobMessage): void {
    this.got.push(message);
  }

  terminate(): void {
    this.ended = true;
  }

  answer(message: AnswerMessage): void {
    this.dispatchEvent(new MessageEvent("message", { data: message }));
  }
}

interface Room {
  readonly workshop: Workshop;
  readonly workers: Bench[];
  readonly timers: Map<number, { readonly ms: number; readonly action: () => void }>;
  readonly busy: boolean[];
}

function room(): Room {
  const [workers, busy]: [Bench[], boolean[]] = [[], []];
  const timers: Room["timers"] = new Map();
  let number = 0;
  const workshop = new Workshop({
    startWorker() {
      const worker = new Bench();
      workers.push(worker);
      return worker as EventTarget as Worker;
    },
    busy: (isBusy) => void busy.push(isBusy),
    after(ms, action) {
      const own = number++;
      timers.set(own, { ms, action });
      return () => void timers.delete(own);
    },
  });
  return { workshop, workers, timers, busy };
}

const text = (n: number): { readonly text: string } => ({ text: `${n}` });
const done = (n: number): Result<"format"> => ({ kind: "done", answer: text(n) });

test("jobs run one after the other in one worker", async () => {
  const { workshop, workers, timers, busy } = room();
  const first = workshop.run("format", text(1));
  const second = workshop.run("explain", { text: "", request: "", wallSeconds: 0 });
  assert.is(workers[0]?.got.length, 1);
  workers[0]?.answer({ number: 1, answer: text(1) });
  assert.equal(await first, done(1));
  assert.is(workers[0]?.got.length, 2);
  workers[0]?.answer({ number: 2, answer: { paths: [] } });
  assert.equal(await second, { kind: "done", answer: { paths: [] } });
  assert.equal([workers.length, timers.size], [1, 0]);
  assert.is(busy.at(-1), false);
});

test("a later job of the same kind replaces one that has not begun", async () => {
  const { workshop, workers } = room();
  const running = workshop.run("format", text(1));
  const replaced = workshop.run("format", text(2));
  const last = workshop.run("format", text(3));
  assert.equal(await replaced, { kind: "replaced" });
  workers[0]?.answer({ number: 1, answer: text(1) });
  assert.equal(await running, done(1));
  assert.equal(
    workers[0]?.got.map(({ given }) => given),
    [text(1), text(3)],
  );
  workers[0]?.answer({ number: 2, answer: text(3) });
  assert.equal(await last, done(3));
});

test("a job that takes too long ends with its worker, and the next one has a new worker", async () => {
  const { workshop, workers, timers, busy } = room();
  const long = workshop.run("format", text(1));
  const behind = workshop.run("strip", { text: "", listener: 0, family: 4, first: 0, wallSeconds: 0 });
  const [timer] = [...timers.values()];
  assert.is(timer?.ms, MOST_MS);
  timer?.action();
  assert.equal(await long, { kind: "stopped", why: "stopped after 10 seconds, the most that this page allows" });
  assert.equal((await behind).kind, "stopped");
  assert.equal([workers[0]?.ended, timers.size, busy.at(-1)], [true, 0, false]);

  const next = workshop.run("format", text(2));
  assert.is(workers.length, 2);
  // A message of the ended worker is of no job.
  workers[0]?.answer({ number: 2, answer: text(9) });
  workers[1]?.answer({ number: 2, answer: text(2) });
  assert.equal(await next, done(2));
});

test("an answer to an earlier job is no answer to this one", async () => {
  const { workshop, workers } = room();
  const job = workshop.run("format", text(1));
  workers[0]?.answer({ number: 0, answer: text(9) });
  workers[0]?.answer({ number: 1, answer: text(1) });
  assert.equal(await job, done(1));
});

test("a defect and a worker that fails end the job with a reason", async () => {
  const { workshop, workers, busy } = room();
  const defect = workshop.run("format", text(1));
  workers[0]?.answer({ number: 1, defect: "no such thing" });
  assert.equal(await defect, { kind: "stopped", why: "stopped by a defect of the page: no such thing" });
  const failed = workshop.run("format", text(2));
  workers[0]?.dispatchEvent(Object.assign(new Event("error"), { message: "out of memory" }));
  assert.equal(await failed, { kind: "stopped", why: "stopped by an error of the page: out of memory" });
  assert.equal([workers[0]?.ended, busy.at(-1)], [true, false]);
});

test("stop without a job does nothing", () => {
  const { workshop, workers, busy } = room();
  workshop.stop();
  assert.equal([workers.length, busy], [0, [false]]);
});

test.run();
