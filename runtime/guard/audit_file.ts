// The file of `--audit`: opened once, before the program runs, and never through a link. A line that it can't take at once
// (a pipe that nobody reads, a full disk) is lost with a message, and never blocks the guard.
import { closeSync, constants, openSync, writeSync } from "node:fs";
import { failed, ok, type Result } from "../result/result.ts";

const MODE = 0o600;
/** Descriptors of the guard's own that have a name; to open the name would follow a link. */
const STANDARD: Readonly<Record<string, number>> = { "/dev/stdout": 1, "/dev/stderr": 2 };

export interface AuditFile {
  /** Throws what the system says. A part of a line that was taken ends before the next line: others may append to the file too. */
  append(line: string): void;
  /** Opens the path again, after a rotation; a sentence: the file that is open stays. */
  reopen(): string | null;
}

/** The error is one sentence with the remedy. */
export function openAudit(path: string): Result<AuditFile, string> {
  try {
    return ok(auditOn(path, open(path)));
  } catch (error) {
    return failed(sentence(path, error));
  }
}

function open(path: string): number {
  return STANDARD[path] ?? openSync(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK, MODE);
}

function auditOn(path: string, opened: number): AuditFile {
  let fd = opened;
  let torn = false;
  return {
    append(line) {
      const bytes = Buffer.from(`${torn ? "\n" : ""}${line}\n`);
      const taken = writeSync(fd, bytes);
      torn = taken < bytes.length;
      if (torn) throw new Error(`only ${taken} of ${bytes.length} bytes were taken`);
    },
    reopen() {
      try {
        const fresh = open(path);
        if (fresh !== fd) closeSync(fd);
        fd = fresh;
        return null;
      } catch (error) {
        return `${sentence(path, error)}: the guard continues with the file that is open`;
      }
    },
  };
}

function sentence(path: string, error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
  switch (code) {
    case "ELOOP":
      return `audit \`${path}\` is a symbolic link, which the program could redirect: name the file itself`;
    case "ENXIO":
      return `audit \`${path}\` is a pipe that nobody reads, or a socket: start its reader first, or name a file`;
    default:
      return `audit \`${path}\` can't be opened for appending (${code}): name a file that the guard may write`;
  }
}
