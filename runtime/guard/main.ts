// ingress-guard: starts a program under a filter, and decides by the compiled policy what it, and all
// that it starts, may bind and listen on. Exit codes and signals are the program's own.
import { constants } from "node:os";
import { resolve } from "node:path";
import { isMisuse, HELP, parseCommand, type Command } from "./arguments.ts";
import { WITHOUT_DEBUGGER } from "../host/debugger.mjs";
import { packageVersion } from "../package/files.ts";
import { ok } from "../result/result.ts";
import { openAudit } from "./audit_file.ts";
import { beginDirect } from "./begin_direct.ts";
import { serve, type Asked } from "./broker.ts";
import { EACCES, ENOENT } from "./errno.ts";
import { architecture } from "./filter.ts";
import { confinement } from "./confinement.ts";
import { openKey, givenDescriptor } from "./key.ts";
import { openKernel } from "./kernel.ts";
import { inheritedSockets, launch, type NotLaunched } from "./launch.ts";
import { prepareIsolation } from "./isolation.ts";
import { networkDescriptors } from "./namespace.ts";
import { guardPolicy, reloadOnChange } from "./policy.ts";
import { becomeGuardian, ignoreTerminal, reapOrphans } from "./guardian.ts";
import { KEEPER_VARIABLE, keepGuard } from "./keeper.ts";
import { createLandlock } from "./landlock.ts";
import { createMadeBinds, MOST_BINDS } from "./made_binds.ts";
import { socketInodes } from "./sockets.ts";
import { createRecords } from "./records.ts";
import { serveStatus } from "./status.ts";
import { askGuards, statusTable } from "./status_command.ts";
import { systemClock } from "../shell/clock.ts";
import { openLibc } from "../shell/libc.ts";
import { prepareStateDirectory } from "../shell/revision.ts";

const EXIT_USAGE = 2;
const EXIT_REJECTED = 3;
const EXIT_MISSING = 4;
const EXIT_DELEGATE = 5;
const EXIT_NOT_EXECUTABLE = 126;
const EXIT_NOT_FOUND = 127;
const EXIT_SIGNAL = 128;
const FORWARDED = ["SIGTERM", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH"] as const;

export async function main(argv: readonly string[]): Promise<void> {
  const command = parseCommand(argv);
  if (isMisuse(command)) return end(EXIT_USAGE, command.misuse);
  switch (command.kind) {
    case "help":
      process.stdout.write(HELP);
      return;
    case "version":
      process.stdout.write(`ingress-guard ${packageVersion()}\n`);
      return;
    case "status":
      return status(command.json);
    case "run": {
      const keeper = process.env[KEEPER_VARIABLE];
      delete process.env[KEEPER_VARIABLE];
      return command.tokens === null || keeper !== undefined ? run(command, Number(keeper)) : keep(command.tokens.key, argv);
    }
    default:
      return command satisfies never;
  }
}

/** What may get ports under tokens has a guard with a keeper; where there can't be one, the guard says why. */
async function keep(key: string, argv: readonly string[]): Promise<void> {
  const libc = openLibc();
  const machine = architecture(process.arch);
  const words = [...WITHOUT_DEBUGGER, ...process.execArgv.filter((word) => !WITHOUT_DEBUGGER.includes(word)), process.argv[1] ?? "", ...argv];
  if (libc === null || machine === null) return end(EXIT_MISSING, NO_GUARD(machine === null));
  process.exit(await keepGuard({ libc, kernel: openKernel(libc, machine), clock: systemClock(), argv: words, keyFd: givenDescriptor(key), forwarded: [...FORWARDED, "SIGHUP"], say }));
}

const NO_GUARD = (strange: boolean): string => (strange || process.platform !== "linux"
  ? `it knows Linux on x64 and arm64, not ${process.platform} on ${process.arch}: nothing was started`
  : "it needs koffi, an optional dependency that is not installed here: nothing was started");

/** `keeper`: the descriptor of one; not a number: there is none. */
async function run(command: Extract<Command, { kind: "run" }>, keeper: number): Promise<void> {
  const { policy: file, service, audit, isolate, tokens, program, args } = command;
  const libc = openLibc();
  const machine = architecture(process.arch);
  if (machine === null || libc === null) {
    return end(EXIT_MISSING, NO_GUARD(machine === null));
  }
  const kernel = openKernel(libc, machine);
  const confining = confinement(libc, tokens !== null, process.geteuid?.() === 0);
  if (!confining.ok) return end(EXIT_MISSING, `${confining.error}: nothing was started`);
  const confined = confining.value;
  const inherited = isolate ? networkDescriptors(kernel) : inheritedSockets();
  if (inherited.length > 0) {
    return end(EXIT_REJECTED, `descriptor ${inherited.join(", ")} is a socket ${isolate ? "of the network outside" : "that could be listened on"}: start it with a file or a pipe there`);
  }
  const path = resolve(file);
  const clock = systemClock();
  const startedMs = clock.monoMs();
  const signatures = command.signatures === null ? null : {
    trustedKeys: command.signatures.trustedKeys.map((key) => resolve(key)), stateDirectory: resolve(command.signatures.stateDirectory),
  };
  const noState = signatures === null ? null : prepareStateDirectory(signatures.stateDirectory, "this guard", "--state-dir");
  if (noState !== null) return end(EXIT_REJECTED, `${noState}: nothing was started`);
  const policy = guardPolicy(path, service, clock, signatures);
  const loaded = await policy.load("always");
  if (!loaded.ok) return end(EXIT_REJECTED, `${loaded.error.message}: nothing was started`);
  const audited = audit === null ? ok(null) : openAudit(audit);
  if (!audited.ok) return end(EXIT_REJECTED, `${audited.error}: nothing was started`);
  const auditFile = audited.value;

  const opened = tokens === null ? ok(null) : openKey(tokens.key, process.geteuid?.() ?? 0);
  if (!opened.ok) return end(EXIT_REJECTED, `${opened.error}: nothing was started`);
  const key = opened.value;
  let lost = (): void => undefined;
  const isolating = isolate ? prepareIsolation({ service, sockets: command.sockets, say, lost: () => lost() }) : ok(null);
  if (!isolating.ok) {
    return end(isolating.error.because === "missing" ? EXIT_MISSING : EXIT_REJECTED, `${isolating.error.sentence}: nothing was started`);
  }
  const isolation = isolating.value;
  becomeGuardian(libc);
  if (tokens !== null) ignoreTerminal(libc);
  const started = await launch(kernel, machine, program, args, confined.domain, isolation?.inside);
  const doors = isolation?.doors() ?? null;
  if (!started.ok) return end(EXIT_MISSING, typeof started.error === "string" ? `${started.error}: nothing was started` : notStarted(started.error));
  if (confined.sentence !== null) say(confined.sentence);
  const { launched: { child, listener }, executed } = started.value;
  reapOrphans(libc, new Set([child.pid ?? 0, doors?.process ?? 0]));
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
  const write = createRecords({
    service, wallMs: clock.wallMs, append: auditFile === null ? null : (line) => auditFile.append(line),
    print: (line) => void process.stderr.write(`${line}\n`),
  });
  const binds = { allowed: 0, denied: 0 };
  const record = (asked: Asked): void => {
    binds[asked.decision.allowed ? "allowed" : "denied"]++;
    write(asked);
  };
  const direct = tokens === null || key === null ? null : beginDirect({ kernel, service, key, policy, clock, socket: tokens.socket, ttlMs: tokens.ttlMs, keeperFd: keeper, say });
  if (auditFile !== null) process.on("SIGHUP", () => {
    const kept = auditFile.reopen();
    if (kept !== null) say(kept);
  });
  reloadOnChange({ policy, path, trustedKeys: signatures?.trustedKeys ?? [], clock, say, reloaded: () => direct?.reloaded() });
  const seen = isolation?.kernel(kernel, () => { binds.denied++; }) ?? kernel;
  const serving = serve({
    kernel: seen, architecture: machine, listener, judge: policy.judge, direct, record, landlock: createLandlock(kernel),
    binds: createMadeBinds({ most: MOST_BINDS, inodes: socketInodes, monoMs: clock.monoMs }),
  });
  const unseen = await serveStatus(() => {
    const name = policy.name();
    return {
      service, program, program_pid: ended ? null : child.pid ?? null, isolated: isolate, uptime_ms: clock.monoMs() - startedMs,
      policy: name === null ? null : { file: path, ...name }, binds: { ...binds }, doors: doors?.list() ?? [],
    };
  }, doors?.process ?? 0);
  if (unseen !== null) say(`\`ingress-guard status\` will not show this guard: ${unseen}`);
  const failed = await executed;
  const code = await exited;
  if (failed !== null) {
    doors?.close();
    return end(failed.errno === ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE, `\`${program}\` can't be run: ${errnoText(failed.errno)}`);
  }
  // What the program left running is still guarded.
  await serving;
  direct?.close();
  doors?.close();
  process.exit(code);
}

async function status(json: boolean): Promise<void> {
  const found = await askGuards(process.env);
  const failed = typeof found === "string";
  if (json) {
    const envelope = failed ? { ok: false, class: "delegate", code: "delegate_failed", message: found } : { ok: true, class: "ok", code: "ok", message: `guards that run: ${found.guards.length}`, data: found };
    process.stdout.write(`${JSON.stringify(envelope)}\n`);
  } else if (failed) say(found);
  else process.stdout.write(`${statusTable(found)}\n`);
  if (failed) process.exitCode = EXIT_DELEGATE;
}

function notStarted({ because, errno }: NotLaunched): string {
  switch (because) {
    case "kernel":
      return `the kernel has no seccomp notifications that signals leave alone (Linux 5.19), or forbids them here (${errnoText(errno)}): nothing was started`;
    case "namespace":
      return `the kernel gives no network namespace here (${errnoText(errno)}): nothing was started`;
    case "domain":
      return `the kernel gives no Landlock domain here (${errnoText(errno)}): nothing was started`;
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

function say(sentence: string): void {
  process.stderr.write(`ingress-guard: ${sentence}\n`);
}

function end(exitCode: number, sentence: string): void {
  say(sentence);
  process.exit(exitCode);
}
