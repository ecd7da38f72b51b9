// Starts a program under a filter, and decides by the compiled policy what it, and all that it starts, may bind and listen
// on. Exit codes and signals are the program's own.
import { constants } from "node:os";
import { withoutDebugger } from "../host/debugger.mjs";
import { systemClock } from "../shell/clock.ts";
import { EXIT_CODES } from "../shell/exit.ts";
import { beginDirect } from "./begin_direct.ts";
import { serve, type DecidedCall } from "./broker.ts";
import { EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND } from "./command_table.ts";
import type { Direct } from "./direct.ts";
import { end, say } from "./ending.ts";
import { EACCES, ENOENT } from "./errno.ts";
import { becomeGuardian, ignoreTerminal, reapOrphans } from "./guardian.ts";
import { KEEPER_VARIABLE, keepGuard } from "./keeper.ts";
import { givenDescriptor } from "./key.ts";
import { createLandlock } from "./landlock.ts";
import { launch, type NotLaunched } from "./launch.ts";
import { createMadeBinds, MOST_BINDS } from "./made_binds.ts";
import { reloadOnChange } from "./policy.ts";
import { openMachine, prepare, type Prepared, type RunCommand } from "./preparation.ts";
import { createRecords } from "./records.ts";
import { socketInodes } from "./sockets.ts";
import { serveStatus } from "./status.ts";

const EXIT_SIGNAL = 128;
const FORWARDED = ["SIGTERM", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH"] as const;

/** `words`: those of the command line, for a guard that starts itself again under a keeper. */
export async function guardProgram(command: RunCommand, words: readonly string[]): Promise<void> {
  const keeper = process.env[KEEPER_VARIABLE];
  delete process.env[KEEPER_VARIABLE];
  // A guard outlives the reader of its sentences: the program is guarded all the same.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
  return command.tokens === null || keeper !== undefined ? runGuarded(command, Number(keeper)) : runWithKeeper(command.tokens.key, words);
}

/** A program that may get ports under tokens has a guard with a keeper. */
async function runWithKeeper(key: string, argv: readonly string[]): Promise<void> {
  const machine = openMachine();
  if (!machine.ok) return end(machine.error.exitCode, machine.error.sentence);
  const { libc, kernel } = machine.value;
  const options = withoutDebugger();
  const words = [...options, ...process.execArgv.filter((word) => !options.includes(word)), process.argv[1] ?? "", ...argv];
  process.exit(await keepGuard({ libc, kernel, clock: systemClock(), argv: words, keyFd: givenDescriptor(key), forwarded: [...FORWARDED, "SIGHUP"], say }));
}

/** `keeper`: the descriptor of its keeper, or NaN where it has none. */
async function runGuarded(command: RunCommand, keeper: number): Promise<void> {
  const { tokens, program, args } = command;
  let lost = (): void => undefined;
  const prepared = await prepare(command, say, () => lost());
  if (!prepared.ok) return end(prepared.error.exitCode, prepared.error.sentence);
  const { libc, kernel, architecture, clock, confined, isolation } = prepared.value;
  const startedMs = clock.monoMs();
  becomeGuardian(libc);
  if (tokens !== null) ignoreTerminal(libc);
  const started = await launch(kernel, architecture, program, args, confined.domain, isolation?.inside);
  const entrySockets = isolation?.entrySockets() ?? null;
  if (!started.ok) return end(EXIT_CODES.missing, typeof started.error === "string" ? `${started.error}: nothing was started` : notStarted(started.error));
  if (confined.sentence !== null) say(confined.sentence);
  const {
    launched: { child, listener },
    executed,
  } = started.value;
  reapOrphans(libc, new Set([child.pid ?? 0, entrySockets?.process ?? 0]));
  let ended = false;
  const exited = new Promise<number>((done) => {
    child.once("exit", (code, signal) => {
      ended = true;
      done(code ?? EXIT_SIGNAL + (signal === null ? 0 : constants.signals[signal]));
    });
  });
  for (const signal of FORWARDED) process.on(signal, () => child.kill(signal));
  lost = () => {
    say("nothing leads into the program's namespace any more: it is ended");
    child.kill("SIGTERM");
  };
  const { serving, direct, binds } = decideBinds(command, prepared.value, listener, keeper);
  const unseen = await serveStatus(() => {
    const name = prepared.value.policy.name();
    return {
      service: command.service,
      program,
      program_pid: ended ? null : (child.pid ?? null),
      isolated: command.isolate,
      uptime_ms: clock.monoMs() - startedMs,
      policy: name === null ? null : { file: prepared.value.path, ...name },
      binds: { ...binds },
      "doors": entrySockets?.list() ?? [],
    };
  }, entrySockets?.process ?? 0);
  if (unseen !== null) say(`\`ingress-guard status\` will not show this guard: ${unseen}`);
  const failed = await executed;
  const code = await exited;
  if (failed !== null) {
    entrySockets?.close();
    return end(failed.errno === ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE, `\`${program}\` can't be run: ${errnoText(failed.errno)}`);
  }
  // Processes that the program left running are still guarded.
  await serving;
  direct?.close();
  entrySockets?.close();
  process.exit(code);
}

interface Deciding {
  /** Resolves when nothing that the program started is left. */
  readonly serving: Promise<void>;
  readonly direct: Direct | null;
  /** Decided so far. */
  readonly binds: { readonly allowed: number; readonly denied: number };
}

/** Decides each bind and listen by the policy in force, which follows its file, and records them. */
function decideBinds({ service, tokens }: RunCommand, prepared: Prepared, listener: number, keeper: number): Deciding {
  const { kernel, architecture, clock, path, signatures, policy, audit, key, isolation } = prepared;
  const write = createRecords({
    service,
    wallMs: clock.wallMs,
    append: audit === null ? null : (line) => audit.append(line),
    print: (line) => void process.stderr.write(`${line}\n`),
  });
  const binds = { allowed: 0, denied: 0 };
  const record = (decided: DecidedCall): void => {
    binds[decided.decision.allowed ? "allowed" : "denied"]++;
    write(decided);
  };
  const direct =
    tokens === null || key === null ?
      null
    : beginDirect({ kernel, service, key, policy, clock, socket: tokens.socket, ttlMs: tokens.ttlMs, keeperFd: keeper, say });
  if (audit !== null)
    process.on("SIGHUP", () => {
      const kept = audit.reopen();
      if (kept !== null) say(kept);
    });
  reloadOnChange({ policy, path, trustedKeys: signatures?.trustedKeys ?? [], clock, say, reloaded: () => direct?.reloaded() });
  const seen =
    isolation?.kernel(kernel, () => {
      binds.denied++;
    }) ?? kernel;
  const serving = serve({
    kernel: seen,
    architecture,
    listener,
    judge: policy.judge,
    direct,
    record,
    landlock: createLandlock(kernel),
    binds: createMadeBinds({ most: MOST_BINDS, inodes: socketInodes, monoMs: clock.monoMs }),
  });
  return { serving, direct, binds };
}

function notStarted({ because, errno }: NotLaunched): string {
  switch (because) {
    case "kernel":
      return `the kernel has no seccomp notifications that signals don't interrupt (Linux 5.19), or forbids them here (${errnoText(errno)}): nothing was started`;
    case "namespace":
      return `the kernel allows no network namespace here (${errnoText(errno)}): nothing was started`;
    case "domain":
      return `the kernel allows no Landlock domain here (${errnoText(errno)}): nothing was started`;
    case "launcher":
    case "program":
      return `the program could not be started (${errnoText(errno)})`;
    default:
      return because satisfies never;
  }
}

function errnoText(errno: number): string {
  const known: Readonly<Record<number, string>> = { [ENOENT]: "no such file", [EACCES]: "no permission to execute it" };
  return known[errno] ?? `error ${errno}`;
}
