// ingressd's process: arguments, configuration file, signals and exit codes. Everything that
// decides or listens is behind startDaemon.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { HELP, parseCommand, type Command, type ExposeWords } from "./arguments.ts";
import { systemClock } from "./clock.ts";
import { parseConfig, defaultConfig, type Config } from "./config.ts";
import { defaultControlPath } from "./control/socket_path.ts";
import { startDaemon, type Daemon } from "./daemon.ts";
import { EXIT_INTERNAL, EXIT_OK, EXIT_REJECTED, failure, isFailure, type Failure } from "./exit.ts";
import { exposeUntil } from "./expose_command.ts";
import { interfaceAddresses } from "./listen/addresses.ts";
import { order } from "./order.ts";
import { isFileRefusal, readTrustedFile } from "./reload/policy_file.ts";

const MOST_CONFIG_BYTES = 1024 * 1024;

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
      process.stdout.write(`ingressd ${version()}\n`);
      return;
    case "status":
    case "reload":
      return ask(command);
    case "expose":
      return keepExposed(command.intent);
    case "serve":
      return serve(command);
    default:
      return command satisfies never;
  }
}

async function ask({ kind, json, config: path, control }: Extract<Command, { kind: "status" | "reload" }>): Promise<void> {
  const config = loadConfig(path);
  if (isFailure(config)) return end(config);
  const outcome = await order(kind, controlPath(control, config), json);
  if (outcome.stdout !== "") process.stdout.write(`${outcome.stdout}\n`);
  if (outcome.stderr !== "") say(outcome.stderr);
  process.exitCode = outcome.exitCode;
}

async function keepExposed(words: ExposeWords): Promise<void> {
  const ended = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => ended.abort());
  const outcome = await exposeUntil(words, ended.signal, (line) => void process.stdout.write(`${line}\n`), say);
  if (isFailure(outcome)) return end(outcome);
}

async function serve({ policy, config: path, control }: Extract<Command, { kind: "serve" }>): Promise<void> {
  const config = loadConfig(path);
  if (isFailure(config)) return end(config);
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
  process.on("uncaughtException", fatal);
  process.on("unhandledRejection", fatal);
  const started = await startDaemon({
    policyPath: resolve(policy),
    controlPath: resolve(controlPath(control, config)),
    stateDirectory: stateDirectory(config, process.env),
    config,
    clock: systemClock(),
    hostAddresses: interfaceAddresses,
    print: (line) => void process.stdout.write(`${line}\n`),
    say,
    givenUp: starting.signal,
  });
  if (isFailure(started)) return end(started);
  daemon = started;
}

function loadConfig(path: string | null): Config | Failure {
  if (path === null) return defaultConfig();
  const bytes = readTrustedFile(resolve(path), MOST_CONFIG_BYTES, "configuration");
  if (isFileRefusal(bytes)) return failure(EXIT_REJECTED, bytes.refused);
  return parseConfig(new TextDecoder().decode(bytes), path);
}

function controlPath(flag: string | null, config: Config): string {
  return flag ?? config.control.socket ?? defaultControlPath(process.env);
}

/** systemd names the directories of `StateDirectory=` with colons between. */
function stateDirectory(config: Config, env: NodeJS.ProcessEnv): string | null {
  const given = env["STATE_DIRECTORY"]?.split(":")[0] ?? "";
  return config.state_dir ?? (given.startsWith("/") ? given : null);
}

function version(): string {
  const document: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  if (typeof document !== "object" || document === null || !("version" in document)) return "unknown";
  return String(document.version);
}

function say(sentence: string): void {
  process.stderr.write(`ingressd: ${sentence}\n`);
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
