// The keeper of a guard whose program may get ports under tokens. It is the process that the user has started; the
// guard is its child, and the program the guard's. The program can signal neither of them (its Landlock domain, or
// another user's rights). A guard that has ended, by whatever, or that falls silent (stopped, out of memory or threads),
// while there is a socket under a token, is ended with all that was started under it, and the sockets are shut down
// wherever they are. Without such a socket the program lives on.
import { spawn, type ChildProcess } from "node:child_process";
import { closeSync } from "node:fs";
import { constants } from "node:os";
import type { Duplex } from "node:stream";
import { createInterface } from "node:readline";
import { descendants } from "./bound.ts";
import { becomeGuardian, ignoreTerminal, reapOrphans } from "./guardian.ts";
import { decodeWord, type Word } from "./keeping.ts";
import type { Kernel } from "./kernel.ts";
import type { Libc } from "../shell/libc.ts";
import { shut } from "./sockets.ts";
import type { Clock } from "../shell/clock.ts";

/** How often the guard gives word. */
export const WORD_MS = 200;
/** Ticks of the keeper's own without a word after which a guard counts as stopped: five seconds in which the keeper itself ran. */
export const SILENT_TICKS = 25;
/** The rest of the guard's reports is read for so long after its end. */
const LAST_WORDS_MS = 1_000;
/** Processes that can't be ended for so long are named. */
const STUBBORN_MS = 5_000;
const ROUND_MS = 200;
/** In the guard's environment: the descriptor of its keeper. */
export const KEEPER_VARIABLE = "INGRESS_GUARD_KEEPER";

export interface KeeperSetup {
  readonly libc: Libc;
  readonly kernel: Kernel;
  readonly clock: Clock;
  /** The arguments of the guard's process: Node's, the script and the command line. */
  readonly argv: readonly string[];
  /** A descriptor of the key, to be handed on under its number; null: it is a file. */
  readonly keyFd: number | null;
  readonly forwarded: readonly NodeJS.Signals[];
  readonly say: (sentence: string) => void;
}

/** Runs the guard under this process; the exit code. */
export async function keepGuard({ libc, kernel, clock, argv, keyFd, forwarded, say }: KeeperSetup): Promise<number> {
  becomeGuardian(libc);
  ignoreTerminal(libc);
  const channelFd = keyFd === 3 ? 4 : 3;
  const stdio: ("inherit" | "ignore" | "pipe" | number)[] = ["inherit", "inherit", "inherit"];
  for (let fd = stdio.length; fd <= Math.max(channelFd, keyFd ?? 0); fd++)
    stdio.push(
      fd === channelFd ? "pipe"
      : fd === keyFd ? fd
      : "ignore",
    );
  const child = spawn(process.execPath, argv, { stdio, env: { ...process.env, [KEEPER_VARIABLE]: String(channelFd) } });
  if (keyFd !== null) closeSync(keyFd);
  const own = new Set([child.pid ?? 0]);
  const reap = reapOrphans(libc, own);
  for (const signal of forwarded) process.on(signal, () => child.kill(signal));
  const heard = listenTo(child, channelFd);
  const ended = new Promise<number>((resolve) => {
    child.once("error", () => resolve(1));
    child.once("exit", (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
  const silent = new Promise<"silent">((resolve) => {
    const stop = clock.every(WORD_MS, () => {
      heard.silentTicks++;
      if (!isSilent(heard)) return;
      stop();
      resolve("silent");
    });
  });
  const first = await Promise.race([ended, silent]);
  child.kill("SIGKILL");
  const code = await ended;
  own.clear();
  await Promise.race([
    heard.closed,
    new Promise<void>((resolve) => {
      clock.after(LAST_WORDS_MS, resolve);
    }),
  ]);
  if (heard.word.active) {
    await endAll({ kernel, clock, say }, heard.word, reap);
    say(
      first === "silent" ?
        "the guard was stopped, or could not continue, while its program had a port under a token: all that it guarded is ended"
      : "the guard has ended while its program had a port under a token: all that it guarded is ended",
    );
  }
  return code;
}

/** A guard without a socket under a token may be stopped: its program can have no further one. */
export function isSilent({ word, silentTicks }: Pick<Heard, "word" | "silentTicks">): boolean {
  return word.active && silentTicks >= SILENT_TICKS;
}

interface Heard {
  word: Word;
  silentTicks: number;
  readonly closed: Promise<void>;
}

function listenTo(child: ChildProcess, fd: number): Heard {
  const channel = child.stdio[fd] as Duplex;
  channel.on("error", () => channel.destroy());
  const heard: Heard = {
    word: { active: false, sockets: [] },
    silentTicks: 0,
    closed: new Promise((resolve) => channel.once("close", resolve)),
  };
  createInterface({ input: channel }).on("line", (line) => {
    heard.word = decodeWord(line);
    heard.silentTicks = 0;
  });
  return heard;
}

/** Ends all that was started under the guard, which has ended: orphans come to the keeper. Nothing is said before it is done. */
async function endAll({ kernel, clock, say }: Pick<KeeperSetup, "kernel" | "clock" | "say">, { sockets }: Word, reap: () => void): Promise<void> {
  const startedMs = clock.monoMs();
  let named = false;
  for (;;) {
    // Killed as it is found, and looked for again at once: what forks and ends without pause is met in between.
    const left = descendants(process.pid, 0, kill);
    if (left.length === 0) break;
    reap();
    if (!named && clock.monoMs() - startedMs >= STUBBORN_MS) {
      named = true;
      say(`these processes can't be ended, and may have a port open: ${left.join(" ")}`);
    }
    await new Promise<void>((resolve) => {
      setTimeout(resolve, named ? ROUND_MS : 0);
    });
  }
  // A process outside that was handed one has it no longer, or keeps one that can't be closed.
  for (const { proto, name } of sockets) if (!shut(kernel, proto, name)) say(`a process outside has a ${proto} socket that can't be closed`);
}

/** Nothing happens where it has ended by itself. */
export function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}
