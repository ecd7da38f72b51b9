// ingressd's process: arguments, configuration file, signals and exit codes. Everything that
// decides or listens is behind startDaemon.
import { resolve } from "node:path";
import { HELP, parseCommand, type Command, type ConfigWords, type ExposeWords } from "./arguments.ts";
import { standardStream } from "./audit/audit.ts";
import { checkConfig } from "./check_config.ts";
import { systemClock } from "../runtime/shell/clock.ts";
import { configFailure, isDecoded, readConfig, type Config } from "./config/read.ts";
import type { Decoded } from "./config/decode.ts";
import type { Problem } from "./config/problem.ts";
import { defaultControlPath } from "./control/socket_path.ts";
import { startDaemon, type Daemon } from "./daemon.ts";
import { EXIT_INTERNAL, EXIT_OK, EXIT_REJECTED, EXIT_UNSUPPORTED, EXIT_USAGE, failure, isFailure, type Failure } from "./exit.ts";
import { exposeUntil } from "./expose_command.ts";
import { interfaceAddresses } from "./listen/addresses.ts";
import { order, type Outcome } from "./cli/order.ts";
import { stateDirectory } from "./reload/keeper.ts";
import { unblockReopenSignal } from "./cli/reopen_signal.ts";
import { isFileRefusal, readTrustedFile } from "../runtime/host/trusted_file.ts";
import { packageVersion } from "../runtime/package/files.ts";
import { watchStatus } from "./watch_status.ts";

const MOST_CONFIG_BYTES = 1024 * 1024;
/** An idle process would end; this is how long one wait of it is. */
const HOLD_MS = 2 ** 30;

export async function main(argv: readonly string[]): Promise<void> {
  // A reader that has gone away (a closed pipe) must not end the gateway.
  process.stdout.on("error", () => undefined);
  process.stderr.on("error", () => undefined);
  const command = parseCommand(argv);
  if (isFailure(command)) return end(command);
  switch (command.kind) {
    case "help":
      process.stdout.write(HELP);
      return;
    case "version":
      process.stdout.write(`ingressd ${packageVersion()}\n`);
      return;
    case "status":
    case "reload":
    case "reopen":
      return ask(command);
    case "check-config":
      return check(command);
    case "expose":
      return keepExposed(command.intent);
    case "serve":
      return serve(command);
    default:
      return command satisfies never;
  }
}

function check(command: Extract<Command, { kind: "check-config" }>): void {
  const layers = readLayers(command);
  if (isFailure(layers)) return end(layers);
  show(checkConfig(layers, command.json));
}

async function ask(command: Extract<Command, { kind: "status" | "reload" | "reopen" }>): Promise<void> {
  const config = loadConfig(command);
  if (isFailure(config)) return end(config);
  const ask = (): Promise<Outcome> => order(command.kind, controlPath(config), command.json);
  if (command.kind !== "status" || !command.watch) return show(await ask());
  const ended = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => ended.abort());
  // The clock's timers do not keep the process.
  const hold = setInterval(() => undefined, HOLD_MS);
  // A reader that went away wants no more.
  process.stdout.on("error", () => ended.abort());
  show(await watchStatus({
    ask, clock: systemClock(), ended: ended.signal, print: (text) => void process.stdout.write(text), terminal: process.stdout.isTTY && !command.json,
  }));
  clearInterval(hold);
}

function show({ stdout, stderr, exitCode }: Outcome): void {
  if (stdout !== "") process.stdout.write(`${stdout}\n`);
  if (stderr !== "") say(stderr);
  process.exitCode = exitCode;
}

async function keepExposed(words: ExposeWords): Promise<void> {
  const ended = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => ended.abort());
  const outcome = await exposeUntil(words, ended.signal, (line) => void process.stdout.write(`${line}\n`), say);
  if (isFailure(outcome)) return end(outcome);
}

async function serve(command: Extract<Command, { kind: "serve" }>): Promise<void> {
  const config = loadConfig(command);
  if (isFailure(config)) return end(config);
  // Sockets that were passed would stay open and unserved: nobody must believe that they are guarded.
  if (process.env["LISTEN_PID"] === String(process.pid)) {
    return end(failure(EXIT_UNSUPPORTED, "this release takes no passed sockets (LISTEN_FDS): start it without the systemd socket unit; it opens the ports that the policy exposes"));
  }
  const { file } = config.policy;
  if (file === undefined) return end(failure(EXIT_USAGE, "`--policy P.wasm` is missing (or policy.file in the configuration): without a policy nothing may be opened; ingressd --help shows the command line"));
  let daemon: Daemon | null = null;
  let stops = 0;
  const starting = new AbortController();
  const stop = (): void => {
    stops++;
    if (daemon === null) starting.abort();
    else if (stops > 1) daemon.cut();
    else void daemon.stop().then(() => process.exit(EXIT_OK), fatal);
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  process.on("SIGHUP", () => {
    if (daemon !== null) daemon.hangup().catch((error: unknown) => say(`the reload failed: ${String(error)}`));
  });
  // Before a daemon runs there is nothing to open again.
  process.on("SIGUSR1", () => daemon?.reopen());
  unblockReopenSignal();
  process.on("uncaughtException", fatal);
  process.on("unhandledRejection", fatal);
  // Where the audit has standard output, it has it alone.
  const markers = standardStream(config.audit.file) === 1 ? process.stderr : process.stdout;
  const started = await startDaemon({
    policyPath: file,
    controlPath: controlPath(config),
    stateDirectory: stateDirectory(config, process.env),
    config,
    clock: systemClock(),
    hostAddresses: interfaceAddresses,
    print: (line) => void markers.write(`${line}\n`),
    say,
    givenUp: starting.signal,
  });
  if (!started.ok) return end(started.error);
  daemon = started.value;
}

function loadConfig(words: ConfigWords): Config | Failure {
  const layers = readLayers(words);
  if (isFailure(layers)) return layers;
  return isDecoded(layers) ? layers.config : configFailure(layers);
}

/** Defaults, the file, the environment, the flags. */
function readLayers({ config: path, sets, policy, control }: ConfigWords): Decoded | readonly Problem[] | Failure {
  const bytes = path === null ? null : readTrustedFile(resolve(path), MOST_CONFIG_BYTES, "configuration");
  if (bytes !== null && isFileRefusal(bytes)) return failure(EXIT_REJECTED, bytes.refused);
  return readConfig({
    file: path === null || bytes === null ? null : { name: path, text: new TextDecoder().decode(bytes) },
    env: process.env,
    sets,
    flags: [
      ...(policy === null ? [] : [{ flag: "--policy", path: ["policy", "file"], value: resolve(policy) }]),
      ...(control === null ? [] : [{ flag: "--control", path: ["control", "socket"], value: resolve(control) }]),
    ],
  });
}

function controlPath(config: Config): string {
  return config.control.socket ?? defaultControlPath(process.env);
}

/** Sentences, a line each. */
function say(sentences: string): void {
  for (const sentence of sentences.split("\n")) process.stderr.write(`ingressd: ${sentence}\n`);
}

function end({ exitCode, message }: Failure): void {
  say(message);
  process.exitCode = exitCode;
  // Timers and sockets of a start that failed must not keep the process.
  setImmediate(() => process.exit(exitCode));
}

/** INVARIANT: after a failure that nobody foresaw nothing is served any more. */
function fatal(error: unknown): void {
  say(`it failed inside and stops: ${error instanceof Error ? error.stack ?? error.message : String(error)}`);
  process.exit(EXIT_INTERNAL);
}
