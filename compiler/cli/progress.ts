// Shows the current work of a command on one line of a terminal, once it has taken a second; gone before
// anything else is printed. Compiling is one stretch of work without pauses, so the line can change
// only where a part of it begins: a phase, a file, a test's line. A phase of a policy that
// is large takes longer than a second by itself, and is shown as it begins.
import type { Phase } from "../compile.ts";

export interface Progress {
  /** Something begins. */
  begin(what: string): void;
  /** The same continues, with text of so many characters that was read. */
  step(readCharacters?: number): void;
  /** Nothing is left of it on the terminal. */
  end(): void;
}

export const SILENT: Progress = { begin: () => undefined, step: () => undefined, end: () => undefined };

export const PHASE_WORDS: Readonly<Record<Phase, string>> = {
  read: "reading the policy",
  check: "computing its sets",
  lower: "dividing the addresses",
  tables: "writing its tables",
  texts: "writing its texts",
  module: "putting the module together",
};

const QUIET_MS = 1_000;
/** Between two drawings of one line. */
const REDRAW_MS = 200;
/** A policy of so much text takes longer than QUIET_MS. */
const LARGE_CHARACTERS = 2_000_000;
const CLEAR = "\r\x1b[K";

/** `now`: milliseconds of a clock that never steps back. */
export function progressOn(terminal: { write(text: string): unknown }, now: () => number): Progress {
  let started: number | null = null;
  let drawnAt: number | null = null;
  let what = "";
  let read = 0;
  const draw = (at: number, since: number): void => {
    drawnAt = at;
    const seconds = Math.floor((at - since) / 1_000);
    terminal.write(`${CLEAR}ingressc: ${what}${seconds === 0 ? "" : `, ${seconds} s`}`);
  };
  return {
    begin(next) {
      const at = now();
      started ??= at;
      what = next;
      if (at - started >= QUIET_MS || read >= LARGE_CHARACTERS) draw(at, started);
    },
    step(readCharacters = 0) {
      read += readCharacters;
      const at = now();
      if (started !== null && at - started >= QUIET_MS && (drawnAt === null || at - drawnAt >= REDRAW_MS)) draw(at, started);
    },
    end() {
      if (drawnAt !== null) terminal.write(CLEAR);
      started = null;
      drawnAt = null;
      read = 0;
    },
  };
}

/** A dumb terminal can't take a line back. */
export function wantsProgress(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  return stream.isTTY === true && env["TERM"] !== "dumb";
}
