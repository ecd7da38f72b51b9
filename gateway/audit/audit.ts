// The audit file: every decision is one line, written before the decision takes effect.
//
// A batch of lines is one write. When the disk takes only a part, the file is cut back to the
// last whole line (a regular file) or the rest is written before anything else (a pipe), so
// no line is ever torn in the middle of the file. Decisions = records + counted drops.
import { closeSync, constants, fstatSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { failure, EXIT_REJECTED, type Failure } from "../exit.ts";
import type { Counters } from "./counters.ts";

/** The system calls, so that a test can have a full disk. */
export interface AuditFile {
  /** Returns how many bytes were taken; throws as fs.writeSync does. */
  write(bytes: Buffer): number;
  size(): number;
  truncate(size: number): void;
  /** Whether the file can be cut back. */
  readonly regular: boolean;
  /** Which file it is, by device and number: a line that has begun in it can be finished there, however often it is opened. */
  readonly id: string;
  close(): void;
}

export interface Audit {
  /**
   * Writes the lines as one batch; returns how many of them, from the first on, are recorded. `ends` are written before
   * them and counted apart: lines about connections that are over, on which nothing depends.
   */
  write(lines: readonly string[], ends?: readonly string[]): number;
  /** Opens the path again (after a rotation); keeps the open file when that fails. */
  reopen(): string | null;
  /** Another process writes the file from now on: lines go to it. */
  handOver(forward: Forward): void;
  close(): void;
}

export type Forward = (lines: readonly string[], ends: readonly string[]) => void;

/** Paths that name what the process was started with: opening them anew fails for sockets and begins files from their start. */
const STANDARD: ReadonlyMap<string, 1 | 2> = new Map([
  ["-", 2],
  ["/dev/stderr", 2],
  ["/dev/fd/2", 2],
  ["/proc/self/fd/2", 2],
  ["/dev/stdout", 1],
  ["/dev/fd/1", 1],
  ["/proc/self/fd/1", 1],
]);

/** The descriptor of standard output or error that `path` names, or null. */
export function standardStream(path: string): 1 | 2 | null {
  return STANDARD.get(path) ?? null;
}

function openAuditFile(path: string): AuditFile {
  const standard = standardStream(path);
  const own = standard === null;
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const fd = standard ?? openSync(path, flags, 0o640);
  return {
    write: (bytes) => writeSync(fd, bytes),
    size: () => fstatSync(fd).size,
    truncate: (size) => ftruncateSync(fd, size),
    // Standard output and error are never cut back, because they may be files that others append to as well.
    regular: own && fstatSync(fd).isFile(),
    id: idOf(fstatSync(fd)),
    close: () => {
      if (own) closeSync(fd);
    },
  };
}

function idOf({ dev, ino }: { readonly dev: number; readonly ino: number }): string {
  return `${dev}:${ino}`;
}

export function openAudit(path: string, counters: Counters, say: (sentence: string) => void): Audit | Failure {
  try {
    return createAudit(() => openAuditFile(path), counters, say);
  } catch (error) {
    return failure(EXIT_REJECTED, `audit.file = \`${path}\` can't be opened for appending (${cause(error)}): name a file that ingressd may write`);
  }
}

/** Throws what `open` throws at the first opening. */
export function createAudit(open: () => AuditFile, counters: Counters, say: (sentence: string) => void): Audit {
  return new AuditWriter(open, counters, say);
}

const ROOM_BYTES = 256 * 1024;

class AuditWriter implements Audit {
  readonly #open: () => AuditFile;
  readonly #counters: Counters;
  readonly #say: (sentence: string) => void;
  #file: AuditFile;
  /** The rest of a line that a pipe has taken in part. */
  #rest: Buffer = Buffer.alloc(0);
  #isRestEnd = false;
  readonly #room = Buffer.allocUnsafeSlow(ROOM_BYTES);
  #failing = false;
  #forward: Forward | null = null;

  constructor(open: () => AuditFile, counters: Counters, say: (sentence: string) => void) {
    this.#open = open;
    this.#counters = counters;
    this.#say = say;
    this.#file = open();
  }

  write(lines: readonly string[], ends: readonly string[] = []): number {
    if (lines.length + ends.length === 0) return 0;
    const written = this.#written(lines, ends);
    const endsWritten = Math.min(written, ends.length);
    this.#counters.endRecords += endsWritten;
    this.#counters.endRecordsDropped += ends.length - endsWritten;
    return this.#counted(lines.length, written - endsWritten);
  }

  /** How many lines, from the first end on. */
  #written(decisions: readonly string[], ends: readonly string[]): number {
    const lines = ends.length === 0 ? decisions : [...ends, ...decisions];
    if (this.#forward !== null) {
      this.#forward(decisions, ends);
      return lines.length;
    }
    if (this.#rest.length > 0) {
      this.#rest = this.#rest.subarray(this.#put(this.#rest));
      if (this.#rest.length > 0) return 0;
    }
    const bytes = this.#bytesOf(lines.join(""));
    const taken = this.#put(bytes);
    if (taken === bytes.length) return lines.length;
    const { whole, end } = wholeLines(lines, taken);
    if (taken === end || this.#cutBack(taken - end)) return whole;
    // The line has begun and will be finished first, so it counts as recorded.
    this.#rest = Buffer.from(bytes.subarray(taken, end + Buffer.byteLength(lines[whole] ?? "")));
    this.#isRestEnd = whole < ends.length;
    return whole + 1;
  }

  reopen(): string | null {
    let next: AuditFile;
    try {
      next = this.#open();
    } catch (error) {
      return `the audit file can't be opened again (${cause(error)}): the open one stays in use`;
    }
    const same = next.id === this.#file.id;
    this.#file.close();
    this.#file = next;
    if (same) return null;
    // The line that had begun in the old file is never finished there, so it is lost after all.
    if (this.#rest.length > 0 && this.#isRestEnd) {
      this.#counters.endRecords--;
      this.#counters.endRecordsDropped++;
    } else if (this.#rest.length > 0) {
      this.#counters.auditRecords--;
      this.#counters.auditDropped++;
    }
    this.#rest = Buffer.alloc(0);
    return null;
  }

  handOver(forward: Forward): void {
    this.#forward = forward;
  }

  close(): void {
    this.#file.close();
  }

  /** Of a batch that is not unusually long in room that the next batch uses again. */
  #bytesOf(text: string): Buffer {
    // A UTF-16 unit takes at most three bytes of UTF-8.
    if (3 * text.length > this.#room.length) return Buffer.from(text, "utf8");
    return this.#room.subarray(0, this.#room.write(text, "utf8"));
  }

  /** How many bytes were taken. */
  #put(bytes: Buffer): number {
    let done = 0;
    try {
      while (done < bytes.length) {
        const n = this.#file.write(bytes.subarray(done));
        if (n <= 0) break;
        done += n;
      }
      if (done === bytes.length && this.#failing) {
        this.#failing = false;
        this.#say(`the audit file takes records again; ${this.#counters.auditDropped} were lost so far`);
      }
    } catch (error) {
      if (!this.#failing) this.#say(`the audit file can't be written (${cause(error)}): records are lost until it can`);
      this.#failing = true;
    }
    return done;
  }

  #cutBack(bytes: number): boolean {
    if (!this.#file.regular) return false;
    try {
      this.#file.truncate(this.#file.size() - bytes);
      return true;
    } catch {
      return false;
    }
  }

  #counted(all: number, recorded: number): number {
    this.#counters.auditRecords += recorded;
    this.#counters.auditDropped += all - recorded;
    return recorded;
  }
}

/** How many lines are whole in the first `taken` bytes, and where the last of them ends. */
function wholeLines(lines: readonly string[], taken: number): { readonly whole: number; readonly end: number } {
  let whole = 0;
  let end = 0;
  for (const line of lines) {
    const next = end + Buffer.byteLength(line);
    if (next > taken) break;
    end = next;
    whole++;
  }
  return { whole, end };
}

function cause(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
