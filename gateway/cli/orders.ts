// `ingressd status`, `reload`, `reopen`, `block`, `unblock`, `blocks` and `explain`: calls a running gateway, once or (`status --watch`) again and again.
import { systemClock } from "../../runtime/shell/clock.ts";
import { endWithoutReader } from "../../runtime/shell/head.ts";
import { order, type OrderKind, type Outcome } from "./order.ts";
import type { Command } from "./arguments.ts";
import { end, runWithoutReader, show } from "./ending.ts";
import { controlPath, loadConfig } from "./layers.ts";
import { watchStatus } from "./watch_status.ts";

/** An idle process would end; this is how long one wait of it is. */
const KEEP_ALIVE_MS = 2 ** 30;

export async function runOrder(command: Extract<Command, { kind: OrderKind }>): Promise<void> {
  const config = loadConfig(command);
  if (!config.ok) return end(config.error);
  const query = (): Promise<Outcome> =>
    order({ kind: command.kind, params: "params" in command ? command.params : null }, controlPath(config.value), command.json);
  if (command.kind !== "status" || !command.watch) {
    endWithoutReader();
    return show(await query());
  }
  runWithoutReader();
  const ended = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => ended.abort());
  // The clock's timers do not keep the process.
  const keepAlive = setInterval(() => undefined, KEEP_ALIVE_MS);
  // A reader that went away wants no more.
  process.stdout.on("error", () => ended.abort());
  show(
    await watchStatus({
      query,
      clock: systemClock(),
      ended: ended.signal,
      print: (text) => void process.stdout.write(text),
      terminal: process.stdout.isTTY && !command.json,
    }),
  );
  clearInterval(keepAlive);
}
