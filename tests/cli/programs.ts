// The real executables, started as a user starts them, and folders to start them in.
import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Outcome } from "../../compiler/cli/outcome.ts";
import { SILENT } from "../../compiler/cli/progress.ts";
import { answer, envelopeText, isAnswer, outcomeText } from "../../compiler/cli/session.ts";
import { paint } from "../../compiler/cli/terminal.ts";
import { wantsJson } from "../../runtime/shell/command_line.ts";
import { EXIT_CODES } from "../../runtime/shell/exit.ts";
import { program } from "../ready.ts";
import { atEnd, ownFolder } from "../suite.ts";

export const PROJECT = fileURLToPath(new URL("../../", import.meta.url));
/** Node's arguments for each. */
export const INGRESSC = program("compiler/cli/ingressc.mjs");
export const INGRESSD = program("gateway/ingressd.mjs");

/** The time of what runs without a process of its own: 2026-06-01T12:00Z. */
const NOW = Date.UTC(2026, 5, 1, 12) / 1_000;

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Options {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly uid?: number;
  /** Standard input; without it, an empty one. */
  readonly input?: string | Uint8Array;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** The first line of standard output, said already or to come, that matches; rejects at the end. */
  line(pattern: RegExp, after?: number): Promise<string>;
  /** How many lines of standard output there are. */
  count(): number;
}

/** `words`: Node's arguments for the program. */
export function start(words: readonly string[], args: readonly string[], { cwd, env, uid, input }: Options = {}): Running {
  const child = spawn(process.execPath, [...words, ...args], {
    cwd: cwd ?? PROJECT,
    env: env ?? { ...process.env, NO_COLOR: "1" },
    stdio: ["pipe", "pipe", "pipe"],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  atEnd(() => child.kill("SIGKILL"));
  // A program may end before it has read all of it.
  child.stdin.on("error", () => undefined).end(input);
  const lines: string[] = [];
  const looks = new Set<() => void>();
  let err = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text;
  });
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(line);
    for (const look of [...looks]) look();
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, out: lines.map((l) => `${l}\n`).join(""), err }));
  });
  const line = (pattern: RegExp, after = 0): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = lines.slice(after).find((l) => pattern.test(l));
        if (found === undefined) return;
        looks.delete(look);
        resolve(found);
      };
      looks.add(look);
      look();
      void ended.then(() => reject(new Error(`${words.join(" ")} ended without ${String(pattern)}: ${lines.join("\n")}${err}`)), reject);
    });
  return { child, ended, line, count: () => lines.length };
}

/** The same words without a process of their own, for tables; some rows of them run for real too. */
export async function ingresscHere(args: readonly string[], cwd: string): Promise<Ended> {
  const before = process.cwd();
  process.chdir(cwd);
  try {
    const shown: Outcome[] = [];
    const outcome = await answer(args, { stop: AbortSignal.abort(), wallSeconds: NOW, progress: SILENT, show: (o) => shown.push(o) });
    const printed = [...shown, outcome].map((o) => {
      const text = wantsJson(args) ? envelopeText(o) : outcomeText(o, paint({ color: false }));
      return wantsJson(args) || isAnswer(o) ? { out: text, err: "" } : { out: "", err: text };
    });
    return { code: EXIT_CODES[outcome.class], out: printed.map((t) => t.out).join(""), err: printed.map((t) => t.err).join("") };
  } finally {
    process.chdir(before);
  }
}

export function ingressc(args: readonly string[], options: Options = {}): Promise<Ended> {
  return start(INGRESSC, args, options).ended;
}

/** The envelope of a run with --json; exactly one line. */
export function envelope({ out }: Ended): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(out);
  if (typeof value !== "object" || value === null) throw new Error(`not an envelope: ${out}`);
  return Object.fromEntries(Object.entries(value));
}

export interface Folder {
  readonly path: string;
  /** Writes a file of the folder, with the folders on the way, and returns its absolute path. */
  write(name: string, content: string | Uint8Array): string;
  at(name: string): string;
  /** Before its test ends, which removes it as well. */
  remove(): void;
}

export function folder(): Folder {
  const path = ownFolder("ingressc-test-");
  const at = (name: string): string => join(path, name);
  return {
    path,
    at,
    write(name, content) {
      mkdirSync(dirname(at(name)), { recursive: true });
      writeFileSync(at(name), content);
      return at(name);
    },
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

/** A TCP port that is free on loopback at this moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const at = server.address();
      server.close(() => (typeof at === "object" && at !== null ? resolve(at.port) : reject(new Error("no port"))));
    });
  });
}
