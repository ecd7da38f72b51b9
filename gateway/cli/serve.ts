// `ingressd --policy P.wasm`: the process that serves. Its signals and its end; everything that decides or listens is
// behind startDaemon.
import { systemClock } from "../../runtime/shell/clock.ts";
import { standardStream } from "../audit/audit.ts";
import { startDaemon, type Daemon } from "../daemon.ts";
import { EXIT_INTERNAL, EXIT_OK, EXIT_UNSUPPORTED, EXIT_USAGE, failure } from "../exit.ts";
import { interfaceAddresses } from "../listen/addresses.ts";
import { stateDirectory } from "../reload/keeper.ts";
import { unblockReopenSignal } from "./reopen_signal.ts";
import type { ConfigWords } from "./arguments.ts";
import { end, runWithoutReader, say } from "./ending.ts";
import { controlPath, loadConfig } from "./layers.ts";

export async function serve(words: ConfigWords): Promise<void> {
  runWithoutReader();
  const loaded = loadConfig(words);
  if (!loaded.ok) return end(loaded.error);
  const config = loaded.value;
  // Sockets that were passed would stay open and unserved, and a user might believe that they are guarded.
  if (process.env["LISTEN_PID"] === String(process.pid)) {
    return end(
      failure(
        EXIT_UNSUPPORTED,
        "this release takes no passed sockets (LISTEN_FDS): start it without the systemd socket unit; it opens the ports that the policy exposes",
      ),
    );
  }
  const { file } = config.policy;
  if (file === undefined)
    return end(
      failure(
        EXIT_USAGE,
        "`--policy P.wasm` is missing (or policy.file in the configuration): without a policy nothing may be opened; ingressd --help shows the command line",
      ),
    );
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
    configNow: () => loadConfig(words),
    clock: systemClock(),
    hostAddresses: interfaceAddresses,
    print: (line) => void markers.write(`${line}\n`),
    say,
    givenUp: starting.signal,
  });
  if (!started.ok) return end(started.error);
  daemon = started.value;
}

/** INVARIANT: after a failure that nobody foresaw nothing is served any more. */
function fatal(error: unknown): void {
  say(`it failed inside and stops: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  process.exit(EXIT_INTERNAL);
}
