// ingressd as a value: startDaemon starts every part (parts.ts) and returns a handle. Nothing here
// touches the process (signals, exit codes: main.ts), and time and output come in, so a test
// runs the very same daemon.
//
//   listen/  sockets        admit/   who is served    forward/  bytes to the backend
//   reload/  the policy     intents/ registrations    control/  orders    audit/  records
import { ok, type Result } from "../runtime/result/result.ts";
import type { Counters } from "./audit/counters.ts";
import type { Cancel } from "./clock.ts";
import { LiveConfig } from "./config/live.ts";
import type { Forwarder } from "./connection/forwarder.ts";
import { FREE, HEADING, READING, SECURING } from "./connection/states.ts";
import type { Client } from "./control/client.ts";
import type { Failure } from "./exit.ts";
import { loadFirst } from "./first_policy.ts";
import { HandingOver } from "./handing_over.ts";
import { endLease } from "./intents/end_lease.ts";
import { chooseForwarder, type Chosen } from "./kernel/choice.ts";
import { keepingLast } from "./listen/addresses.ts";
import { KEPT_MS } from "./listen/inherited.ts";
import { unusable } from "./live_parts.ts";
import { status } from "./methods/status.ts";
import { openSockets } from "./open_sockets.ts";
import { makeParts, type Parts } from "./parts.ts";
import type { Change } from "./reload/change.ts";
import type { Refused, Report } from "./reload/report.ts";
import type { DaemonSetup } from "./setup.ts";
import { pulledPath } from "./source/pulled_file.ts";
import { Ticks } from "./ticks.ts";
import { Watching } from "./watching.ts";

/** How often timers are looked at. */
export const SWEEP_MS = 250;

export interface Daemon {
  readonly controlPath: string;
  readonly counters: Counters;
  readonly forwarder: Forwarder;
  /** Answers when only the new policy decides, or why the previous one stays. */
  reload(): Promise<Result<Report, Refused>>;
  /** The policy file as a change that the caller commits or aborts, together with what else it changes. */
  prepare(): Promise<Result<Change, Refused>>;
  /** Opens what ought to be open and is not, closes what ought not to be (interface addresses change). */
  reconcile(): Promise<void>;
  /** Reads certificates and authorities anew; returns the names of those that changed. */
  renew(): Promise<readonly string[]>;
  /** SIGUSR1: opens the audit file again; the answer is why it could not be, or null. */
  reopen(): string | null;
  /** SIGHUP: opens the audit file again and reloads. */
  hangup(): Promise<void>;
  status(): Promise<unknown>;
  /** Stops accepting, lets connections end for at most timers.drain_ms, cuts the rest. */
  stop(): Promise<void>;
  /** Ends a drain that is under way. */
  cut(): void;
  /** Resolves when another gateway has taken over, and the last connection has ended. */
  readonly ended: Promise<void>;
}

export async function startDaemon(setup: DaemonSetup): Promise<Result<Daemon, Failure>> {
  /** Aborted as soon as it is to end: a reload under way is abandoned, and none begins. */
  const ending = new AbortController();
  let draining = false;
  const chosen = setup.calls === undefined ? await chooseForwarder(setup.config.forwarder) : ok<Chosen>({ name: "kernel", calls: setup.calls, because: null });
  if (!chosen.ok) return chosen;
  const live = new LiveConfig({ first: setup.config, read: setup.configNow ?? null, check: (next) => unusable(next, setup.stateDirectory) });
  const policyPath = setup.config.policy.source === undefined ? setup.policyPath : pulledPath(setup.stateDirectory ?? "/");
  const served = { ...setup, policyPath, config: live.config, hostAddresses: keepingLast(setup.hostAddresses, setup.say) };
  const parts = makeParts(served, live, chosen.value, ending.signal, () => draining);
  if (!parts.ok) return parts;
  const giveUp = (): void => ending.abort();
  setup.givenUp?.addEventListener("abort", giveUp, { once: true });
  if (setup.givenUp?.aborted === true) giveUp();
  const daemon = new Running(served, parts.value, () => {
    draining = true;
    ending.abort();
  });
  const started = await daemon.start(ending.signal);
  if (started.ok) {
    setup.givenUp?.removeEventListener("abort", giveUp);
    return ok(daemon);
  }
  ending.abort();
  daemon.close();
  return started;
}

class Running implements Daemon {
  readonly controlPath: string;
  readonly counters: Counters;
  readonly forwarder: Forwarder;
  readonly #setup: DaemonSetup;
  readonly #parts: Parts;
  readonly #end: () => void;
  readonly #timers: Cancel[] = [];
  #cancelPoll: Cancel = () => undefined;
  readonly #watching: Watching;
  readonly #ticks: Ticks;
  #resolveEnded: () => void = () => undefined;
  readonly ended = new Promise<void>((resolve) => {
    this.#resolveEnded = resolve;
  });

  /** `end` is called when it is to stop. */
  constructor(setup: DaemonSetup, parts: Parts, end: () => void) {
    this.controlPath = setup.controlPath;
    this.counters = parts.context.counters;
    this.forwarder = parts.context.forwarder;
    this.#setup = setup;
    this.#parts = parts;
    this.#end = end;
    const handingOver = new HandingOver({
      setup,
      parts,
      end,
      refuseUnread: () => this.#refuseUnread(),
      cut: () => this.cut(),
      over: () => {
        this.close();
        this.#resolveEnded();
      },
    });
    this.#ticks = new Ticks(setup, parts, () => handingOver.isHandedOver);
    this.#watching = new Watching(setup, parts, () => this.renew());
  }

  async start(ending: AbortSignal): Promise<Result<null, Failure>> {
    const { taking } = this.#setup;
    const opened = taking === undefined ? await openSockets(this.#setup, this.#parts) : ok(null);
    if (!opened.ok) return opened;
    // From before the file is first read, so that no change is missed in between.
    const { config: first, clock: timing, configPath = null } = this.#setup;
    if (first.policy.watch) this.#watching.policy();
    if (first.config.watch && configPath !== null) this.#watching.config(configPath);
    this.#parts.live.onChange(() => this.#configChanged());
    const loaded = await loadFirst(this.#setup, this.#parts, ending);
    if (!loaded.ok) return loaded;
    this.#parts.context.source?.follow(loaded.value ? null : () => this.#ready(), () => this.#ticks.renew("all"));
    const taken = taking === undefined ? ok(null) : await openSockets(this.#setup, this.#parts);
    if (!taken.ok) return taken;
    await taking?.done();
    this.#timers.push(timing.every(SWEEP_MS, () => this.#ticks.sweep()));
    this.#pollAgain();
    const { inherited } = this.#parts;
    if (inherited.all().length > 0) this.#timers.push(timing.after(KEPT_MS, () => inherited.expire()));
    if (loaded.value) this.#ready();
    return ok(null);
  }

  #ready(): void {
    this.#parts.context.markers.ready();
    this.#parts.reports.ready();
  }

  reload(): Promise<Result<Report, Refused>> {
    const { source, reloader } = this.#parts.context;
    return (source ?? reloader).reload();
  }

  prepare(): Promise<Result<Change, Refused>> {
    return this.#parts.context.reloader.prepare();
  }

  reconcile(): Promise<void> {
    return this.#parts.context.turns(() => this.#parts.reconciler.reconcile());
  }

  /** A policy that was refused for want of them is tried again. */
  async renew(): Promise<readonly string[]> {
    const changed = await this.#ticks.renew("all");
    const { source, reloader } = this.#parts.context;
    if (source === null) await reloader.changed();
    else source.soon();
    return changed;
  }

  reopen(): string | null {
    return this.#parts.context.reopen();
  }

  async hangup(): Promise<void> {
    this.reopen();
    const result = await this.reload();
    this.#setup.say(this.#parts.context.reloader.sentenceOf(result));
  }

  async status(): Promise<unknown> {
    const answer = await status(this.#parts.context, operator, {});
    return "result" in answer ? answer.result : answer.error;
  }

  async stop(): Promise<void> {
    this.#end();
    this.#parts.context.source?.stop();
    this.#parts.reports.stopping();
    const { context, admitter } = this.#parts;
    const { ports, leases, turns, forwarder } = context;
    admitter.drain();
    this.#refuseUnread();
    for (const lease of leases.all()) endLease(context, lease, { because: "the gateway is shutting down", word: "shutdown" });
    for (const open of ports.all()) ports.close(open);
    this.#timers.push(this.#setup.clock.after(this.#setup.config.timers.drain_ms, () => this.cut()));
    await turns(async () => undefined);
    // Work under way may have opened ports.
    for (const open of ports.all()) ports.close(open);
    await forwarder.drained();
    this.close();
  }

  cut(): void {
    const { table } = this.forwarder;
    for (let row = 0; row < table.rows; row++) if (table.state[row] !== FREE) this.forwarder.cut(row, "cut");
  }

  /** Closes everything that it has opened, at once. */
  close(): void {
    this.#parts.reports.stopping();
    const {
      context: { ports, recorder },
      own,
      descriptors,
      audit,
      credentials,
      inherited,
    } = this.#parts;
    for (const cancel of [...this.#timers.splice(0), this.#cancelPoll]) cancel();
    this.#watching.cancel();
    this.#parts.context.source?.stop();
    for (const open of ports.all()) ports.close(open);
    this.forwarder.close();
    recorder.flush();
    inherited.close();
    own.control?.close();
    own.http?.close();
    descriptors.close();
    credentials.close();
    audit.close();
  }

  /** Timers and watchers were made of values of the configuration, so they are made again. */
  #configChanged(): void {
    this.#pollAgain();
    if (this.#setup.config.policy.watch) this.#watching.credentials();
  }

  #pollAgain(): void {
    const { clock, config } = this.#setup;
    this.#cancelPoll();
    this.#cancelPoll = clock.every(config.timers.interface_poll_ms, () => this.#ticks.poll());
  }

  /** A connection that has not yet said what it wants has nothing to finish. */
  #refuseUnread(): void {
    const { table } = this.forwarder;
    for (let row = 0; row < table.rows; row++) {
      if (table.state[row] === HEADING || table.state[row] === READING || table.state[row] === SECURING) this.forwarder.cut(row, "cut");
    }
  }
}

/** The caller when the daemon calls a method itself. */
const operator: Client = {
  number: -1,
  challenge: "",
  caller: { peer: "operator", operator: true, service: null, noServiceBecause: "", uid: null, peerUid: null },
  alive: () => true,
  descriptor: () => null,
  notify: () => undefined,
};
