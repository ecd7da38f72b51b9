// Suites for tests that open resources: a gateway, a backend, a connection, a process. Resources of a test are closed
// when it ends, whether it passes or fails, and a test that waits for an event that never comes fails after five seconds.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { suite as uvuSuite } from "uvu";

/** Only time in which this process is idle counts, so a busy machine does not use up the limit. */
export const STALL_MS = 5_000;
/** While processes of the test run, which may be slow to start. */
export const STALL_WITH_PROCESSES_MS = 30_000;
const LOOK_MS = 250;
/** Of a look; a test that does something uses more. */
const BUSY_MS = 5;
/** How long one closing may take before the next one begins. */
const CLOSING_MS = 2_000;

type Closing = () => unknown;
type Body<T> = (context: T) => Promise<void> | void;
type Hook<T> = (hook: Body<T>) => void;

export interface Suite<T> {
  (name: string, body: Body<T>): void;
  readonly before: Hook<T> & { readonly each: Hook<T> };
  readonly after: Hook<T> & { readonly each: Hook<T> };
  run(): void;
}

let closings: Closing[] | null = null;
/** Of the running test; null: as above. */
let mostIdleMs: number | null = null;

/** For a long check, whose other processes alone are busy: the running test fails after so many idle milliseconds. */
export function stallsAfter(ms: number): void {
  mostIdleMs = ms;
}

/**
 * Registers a function that closes a resource of the running test. The last one is called first. Outside a test this does
 * nothing, because a file closes its shared resources itself. `closing` may run after the test has closed the resource.
 */
export function atEnd(closing: Closing): void {
  closings?.push(closing);
}

/** Removed when the process ends, where they still exist. */
const folders: string[] = [];

/** A new folder with mode 0700, removed when the running test ends; one that is made outside a test, when the process ends. */
export function ownFolder(prefix = "ingressd-test-", parent = tmpdir()): string {
  const folder = mkdtempSync(join(parent, prefix));
  closings?.push(() => removeFolder(folder));
  if (folders.push(folder) === 1) process.once("exit", () => folders.forEach(removeFolder));
  return folder;
}

function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

export function suite<T extends object = Record<string, never>>(name: string, context?: T): Suite<T> {
  const inner = uvuSuite<T>(name, context);
  const add = (title: string, body: Body<T>): void => {
    inner(title, async (given) => {
      closings ??= [];
      mostIdleMs = null;
      try {
        await untilStalled(title, async () => body(given));
      } finally {
        await closeAll();
      }
    });
  };
  // A resource that a hook opens for a test is closed with the test.
  const beforeEach: Hook<T> = (hook) => {
    inner.before.each(async (given) => {
      closings ??= [];
      await hook(given);
    });
  };
  const before = Object.assign((hook: Body<T>) => inner.before(hook), { each: beforeEach });
  return Object.assign(add, { before, after: inner.after, run: () => inner.run() });
}

async function closeAll(): Promise<void> {
  const all = closings ?? [];
  closings = null;
  for (const closing of all.reverse()) {
    const late = new Promise<void>((resolve) => {
      setTimeout(resolve, CLOSING_MS).unref();
    });
    // A resource that the test has already closed may throw.
    await Promise.race([
      Promise.resolve()
        .then(closing)
        .catch(() => undefined),
      late,
    ]);
  }
}

async function untilStalled(title: string, body: () => Promise<void>): Promise<void> {
  let idleMs = 0;
  let last = performance.eventLoopUtilization();
  let stop: (() => void) | null = null;
  const stalled = new Promise<void>((_, reject) => {
    const timer = setInterval(() => {
      const now = performance.eventLoopUtilization();
      idleMs = performance.eventLoopUtilization(now, last).active > BUSY_MS ? 0 : idleMs + LOOK_MS;
      last = now;
      const open = process.getActiveResourcesInfo();
      if (idleMs < (mostIdleMs ?? (open.includes("ProcessWrap") ? STALL_WITH_PROCESSES_MS : STALL_MS))) return;
      clearInterval(timer);
      reject(new Error(`\`${title}\` waits for what does not come; open are ${[...new Set(open)].join(", ")}`));
    }, LOOK_MS);
    stop = () => {
      clearInterval(timer);
    };
  });
  try {
    await Promise.race([body(), stalled]);
  } finally {
    (stop as (() => void) | null)?.();
  }
}
