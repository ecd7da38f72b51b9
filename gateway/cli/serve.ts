// `ingressd --policy P.wasm`: the process that serves. Its signals and its end; everything that decides or listens is
// behind startDaemon.
import { resolve } from "node:path";
import { systemClock } from "../../runtime/shell/clock.ts";
import { openServiceManager } from "../../runtime/shell/service_manager.ts";
import { openLibc } from "../../runtime/shell/libc.ts";
import { standardStream } from "../audit/audit.ts";
import { startDaemon, type Daemon } from "../daemon.ts";
import { EXIT_INTERNAL, EXIT_OK, EXIT_USAGE, failure } from "../exit.ts";
import { interfaceAddresses } from "../listen/addresses.ts";
import { stateDirectory } from "../reload/keeper.ts";
import { unblockReopenSignal } from "./reopen_signal.ts";
import type { ServeWords } from "./arguments.ts";
import { end, runWithoutReader, say } from "./ending.ts";
import { passingCalls } from "../reloading.ts";
import { beginTaking } from "../takeover/taking.ts";
import { controlPath, loadConfig } from "./layers.ts";
import { takePassed } from "./passed_sockets.ts";

export async function serve(words: ServeWords): Promise<void> {
  runWithoutReader();
  const loaded = loadConfig(words);
  if (!loaded.ok) return end(loaded.error);
  const config = loaded.value;
  const passed = takePassed({ env: process.env, pid: process.pid, libc: openLibc(), ignoresForeign: words.ignoresForeign, say });
  if (!passed.ok) return end(passed.error);
  const clock = systemClock();
  const { file, source } = config.policy;
  if (file === undefined && source === undefined)
    return end(
      failure(
        EXIT_USAGE,
        "`--policy P.wasm` is missing (or policy.file or policy.source in the configuration): without a policy nothing may be opened; ingressd --help shows the command line",
      ),
    );
  const manager = openServiceManager({ env: process.env, pid: process.pid, clock, say });
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
  const taking = words.takesOver ? await beginTaking({ path: controlPath(config), calls: passingCalls(), clock }) : null;
  if (taking?.ok === false) return end(taking.error);
  const started = await startDaemon({
    policyPath: file ?? "",
    env: process.env,
    controlPath: controlPath(config),
    stateDirectory: stateDirectory(config, process.env),
    config,
    configNow: () => loadConfig(words),
    configPath: words.config === null ? null : resolve(words.config),
    clock,
    manager,
    hostAddresses: interfaceAddresses,
    print: (line) => void markers.write(`${line}\n`),
    say,
    givenUp: starting.signal,
    ...(taking?.ok === true && { taking: taking.value }),
    inherited: taking?.ok === true ? { sockets: taking.value.sockets, ignoresForeign: true } : { sockets: passed.value, ignoresForeign: words.ignoresForeign },
  });
  if (!started.ok) return end(started.error);
  daemon = started.value;
  void daemon.ended.then(() => process.exit(EXIT_OK));
}

/** INVARIANT: after a failure that nobody foresaw nothing is served any more. */
function fatal(error: unknown): void {
  say(`an internal error ends it: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  process.exit(EXIT_INTERNAL);
}
