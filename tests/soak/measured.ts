// Shared by the soak checks: durations, measurements of a process, and output.
import { readdirSync, readFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { FORWARDERS, GIVEN_FORWARDER } from "../gateway/gateway_under_test.ts";
import type { Running } from "../gateway/ingressd_process.ts";

/** `SOAK=short` (as .ci/run has it): the same checks in less time, with less of everything. */
const SHORT = process.env["SOAK"] === "short";

export function either<T>(full: T, short: T): T {
  return SHORT ? short : full;
}

/** A line of the figures; `npm run soak` shows what passing checks print. */
export function figure(what: string, value: string): void {
  console.log(`${what.padEnd(52)} ${value}`);
}

/** The forwarder that a gateway has is the given one; without one, that of TEST_FORWARDER, or the kernel's where this machine has it. */
export function assertForwarder(it: Pick<Running, "order">, wanted: string = GIVEN_FORWARDER ?? FORWARDERS[0] ?? ""): void {
  const name = /"forwarder":\{"name":"(\w+)"/.exec(it.order("status", "--json").out)?.[1];
  figure("forwarder", String(name));
  assert.is(name, wanted);
}

export function descriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Resident memory in KiB. */
export function residentKiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? Number.NaN);
}

/** Growth over the whole row along its least-squares line, as a part of its mean. */
export function slope(samples: readonly number[]): number {
  const n = samples.length;
  const mean = samples.reduce((sum, y) => sum + y, 0) / n;
  const middle = (n - 1) / 2;
  const up = samples.reduce((sum, y, x) => sum + (x - middle) * (y - mean), 0);
  const across = samples.reduce((sum, _, x) => sum + (x - middle) ** 2, 0);
  return n < 2 ? 0 : ((up / across) * (n - 1)) / mean;
}

export function percent(part: number): string {
  return `${(part * 100).toFixed(1)} %`;
}

/** The value that `part` of all are not above. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((x, y) => x - y);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN;
}

/** Resolves after so many ticks of `ms`; `tick` gets their number. */
export function ticking(ticks: number, ms: number, tick: (number: number) => void): Promise<void> {
  return new Promise((done) => {
    let number = 0;
    const timer = setInterval(() => {
      if (number === ticks) {
        clearInterval(timer);
        done();
      } else tick(number++);
    }, ms);
  });
}

/** Looks every 10 ms; resolves with whether it became so in time. */
export function within(ms: number, isSo: () => boolean): Promise<boolean> {
  const from = performance.now();
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const so = isSo();
      if (!so && performance.now() - from < ms) return;
      clearInterval(timer);
      resolve(so);
    }, 10);
  });
}
