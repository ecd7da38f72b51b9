// ingressd as a value: startDaemon starts every part (parts.ts) and returns a handle. Nothing here
// touches the process (signals, exit codes: main.ts), and time and output come in, so a test
// runs the very same daemon.
//
//   listen/  sockets        admit/   who is served    forward/  bytes to the backend
//   reload/  the policy     intents/ registrations    control/  orders    audit/  records
import { CODE_NO_MODULE } from "../runtime/abi/verdicts.ts";
import { denial } from "../runtime/host/ask.ts";
import { failed, ok, type Result } from "../runtime/result/result.ts";
import { watchFile } from "../runtime/shell/watch.ts";
import type { Cancel } from "./clock.ts";
import { closedExposes } from "./methods/closed.ts";
import type { Client } from "./control/client.ts";
import { openOwnSockets } from "./control/own_sockets.ts";
import { openHttp } from "./control/http.ts";
import { httpPage } from "./methods/http_pages.ts";
import { methodsOf } from "./methods/methods.ts";
import { status } from "./methods/status.ts";
import type { Counters } from "./audit/counters.ts";
import { EXIT_DELEGATE, EXIT_OK, EXIT_REJECTED, EXIT_UNSUPPORTED, failure, type Failure } from "./exit.ts";
import { endLease } from "./intents/end_lease.ts";
import { FREE, HEADING, READING, SECURING } from "./connection/states.ts";
import type { Forwarder } from "./connection/forwarder.ts";
import { chooseForwarder, type Chosen } from "./kernel/choice.ts";
import { keepingLast } from "./listen/addresses.ts";
import { KEPT_MS } from "./listen/inherited.ts";
import { LiveConfig } from "./config/live.ts";
import { unusable } from "./live_parts.ts";
import { makeParts, type DaemonSetup, type Parts } from "./parts.ts";
import type { Change } from "./reload/change.ts";
import { cutRevoked } from "./reload/cut_revoked.ts";
import { reportSentence, type Refused, type Report } from "./reload/report.ts";
import type { Which } from "./tls/credentials.ts";

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

type Reporting = Parameters<Parts["handing"]["handedOver"]>[0];

export async function startDaemon(setup: DaemonSetup): Promise<Result<Daemon, Failure>> {
  /** Aborted as soon as it is to end: a reload under way is abandoned, and none begins. */
  const ending = new AbortController();
  let draining = false;
  const chosen = setup.calls === undefined ? await chooseForwarder(setup.config.forwarder) : ok<Chosen>({ name: "kernel", calls: setup.calls, because: null });
  if (!chosen.ok) return chosen;
  const live = new LiveConfig({ first: setup.config, read: setup.configNow ?? null, check: (next) => unusable(next, setup.stateDirectory) });
  const served = { ...setup, config: live.config, hostAddresses: keepingLast(setup.hostAddresses, setup.say) };
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
  /** Of the files of certificates and authorities. */
  readonly #fileWatchers = new Map<string, Cancel>();
  #isHandedOver = false;
  #resolveEnded: () => void = () => undefined;
  readonly ended = new Promise<void>((resolve) => {
    this.#resolveEnded = resolve;
  });
  /** That the module has failed was said. */
  #poisonSaid = false;

  /** `end` is called when it is to stop. */
  constructor(setup: DaemonSetup, parts: Parts, end: () => void) {
    this.controlPath = setup.controlPath;
    this.counters = parts.context.counters;
    this.forwarder = parts.context.forwarder;
    this.#setup = setup;
    this.#parts = parts;
    this.#end = end;
    Object.assign(parts.handing, {
      handedOver: (report: Reporting) => this.#handOver(report),
      done: () => this.#handedOver(),
      abandoned: () => this.#abandoned(),
    });
  }

  async start(ending: AbortSignal): Promise<Result<null, Failure>> {
    const { taking } = this.#setup;
    const opened = taking === undefined ? await this.#openOwnSockets() : ok(null);
    if (!opened.ok) return opened;
    // From before the file is first read, so that no change is missed in between.
    const { config: first, clock: timing, configPath = null } = this.#setup;
    if (first.policy.watch) this.#watchPolicy();
    if (first.config.watch && configPath !== null) this.#watchConfig(configPath);
    this.#parts.live.onChange(() => this.#configChanged());
    const loaded = await this.#loadFirst(ending);
    if (!loaded.ok) return loaded;
    const taken = taking === undefined ? ok(null) : await this.#openOwnSockets();
    if (!taken.ok) return taken;
    await taking?.done();
    this.#timers.push(timing.every(SWEEP_MS, () => this.#sweep()));
    this.#pollAgain();
    const { inherited } = this.#parts;
    if (inherited.all().length > 0) this.#timers.push(timing.after(KEPT_MS, () => inherited.expire()));
    this.#parts.context.markers.ready();
    this.#parts.reports.ready();
    return ok(null);
  }

  reload(): Promise<Result<Report, Refused>> {
    return this.#parts.context.reloader.reload();
  }

  prepare(): Promise<Result<Change, Refused>> {
    return this.#parts.context.reloader.prepare();
  }

  reconcile(): Promise<void> {
    return this.#parts.context.turns(() => this.#parts.reconciler.reconcile());
  }

  /** A policy that was refused for want of them is tried again. */
  async renew(): Promise<readonly string[]> {
    const changed = await this.#renewFiles("all");
    await this.#parts.context.reloader.changed();
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

  /** Another gateway serves: this one relays its connections to their end, and decides nothing. */
  #handOver(report: Reporting): void {
    const { context } = this.#parts;
    const { ports, flows } = context;
    const { admitter, reports, own, audit, inherited } = this.#parts;
    this.#isHandedOver = true;
    this.#end();
    reports.handedOver();
    admitter.drain();
    this.#refuseUnread();
    context.recorder.handOver();
    audit.handOver((lines, ends) => {
      if (lines.length > 0) report("takeover_records", { lines });
      if (ends.length > 0) report("takeover_end_records", { lines: ends });
    });
    for (const open of ports.all()) ports.close(open);
    flows.retire();
    inherited.close();
    own.control?.unlisten();
    own.http?.close();
  }

  /** The other gateway takes registrations. */
  #handedOver(): void {
    const { context, own } = this.#parts;
    const { leases, forwarder } = context;
    for (const lease of leases.all()) endLease(context, lease, { because: "another gateway has taken over", word: "shutdown" });
    own.control?.closeClients((client) => context.giving.isOwner(client));
    void forwarder.drained().then(() => {
      this.close();
      this.#resolveEnded();
    });
  }

  /** INVARIANT: nobody enforces a policy on what is left, so it is not left for long. */
  #abandoned(): void {
    this.#setup.say("the gateway that took over has ended: connections that this one relays end within timers.drain_ms");
    this.#setup.clock.after(this.#setup.config.timers.drain_ms, () => this.cut());
    this.#handedOver();
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
    for (const cancel of [...this.#timers.splice(0), ...this.#fileWatchers.values(), this.#cancelPoll]) cancel();
    this.#fileWatchers.clear();
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

  async #openOwnSockets(): Promise<Result<null, Failure>> {
    const { context, own, peers } = this.#parts;
    const {
      config,
      clock,
      counters,
      refusals,
      inForce,
      leases,
      changes,
      giving,
      ownership: { sockets },
    } = context;
    const control = await openOwnSockets({
      config,
      controlPath: this.controlPath,
      credentials: peers,
      clock,
      counters,
      refusals,
      inForce,
      method: methodsOf(context),
      isOwner: (client) => giving.isOwner(client) || leases.ownedBy(client).length > 0 || changes.isOwner(client),
      gone: (client) => {
        void giving.ownerGone(client);
        void changes.ownerGone(client).catch((error: unknown) => this.#setup.say(`a change could not be aborted: ${String(error)}`));
        for (const lease of leases.ownedBy(client)) endLease(context, lease, null);
      },
    });
    if (!control.ok) return control;
    own.control = control.value;
    const { listen, token_file: tokenFile } = config.metrics;
    if (listen === undefined || tokenFile === undefined) return ok(null);
    const turnedAway = (): void => void counters.clientsTurnedAway++;
    const isOpen = (path: string): boolean => config.metrics.open_health === true && (path === "/healthz" || path === "/readyz");
    const http = await openHttp({ listen, tokenFile, clock, sockets, turnedAway, isOpen, page: (path) => httpPage(context, path) });
    if (!http.ok) return http;
    own.http = http.value;
    return ok(null);
  }

  #watchPolicy(): void {
    const { policyPath, clock, say } = this.#setup;
    const { reloader } = this.#parts.context;
    const changed = (): void => void reloader.changed().catch((error: unknown) => say(`the reload failed: ${String(error)}`));
    this.#timers.push(watchFile({ path: policyPath, clock, say, changed }));
    this.#watchCredentials();
  }

  #watchConfig(path: string): void {
    const { clock, say } = this.#setup;
    const { reloader } = this.#parts.context;
    const changed = (): void => void reloader.configChanged().catch((error: unknown) => say(`the reload failed: ${String(error)}`));
    this.#timers.push(watchFile({ path, clock, say, changed }));
  }

  /** Those of the configuration in force. */
  #watchCredentials(): void {
    const { clock, say } = this.#setup;
    const paths = new Set(this.#parts.credentials.paths);
    for (const [path, cancel] of this.#fileWatchers) {
      if (paths.has(path)) continue;
      cancel();
      this.#fileWatchers.delete(path);
    }
    const changed = (): void => void this.renew().catch((error: unknown) => say(`the certificates could not be renewed: ${String(error)}`));
    for (const path of paths) if (!this.#fileWatchers.has(path)) this.#fileWatchers.set(path, watchFile({ path, clock, say, changed }));
  }

  /** Timers and watchers were made of values of the configuration, so they are made again. */
  #configChanged(): void {
    this.#pollAgain();
    if (this.#setup.config.policy.watch) this.#watchCredentials();
  }

  #pollAgain(): void {
    const { clock, config } = this.#setup;
    this.#cancelPoll();
    this.#cancelPoll = clock.every(config.timers.interface_poll_ms, () => this.#poll());
  }

  /** The policy's file, or the last good policy where that is refused. */
  async #loadFirst(ending: AbortSignal): Promise<Result<null, Failure>> {
    const { policyPath, say } = this.#setup;
    const {
      context: { reloader, recorder, inForce, chosen, threads },
      readsResets,
    } = this.#parts;
    const fromFile = await reloader.reload();
    const first = fromFile.ok ? fromFile : await reloader.fallBack(fromFile.error);
    if (ending.aborted) return failed(failure(EXIT_OK, "ended by a signal before it was ready"));
    if (!first.ok) return failed(failure(exitOf(first.error), first.error.message));
    if (!fromFile.ok) {
      const { message } = fromFile.error;
      say(`WARNING: the last good policy is in force in place of the file: ${message}`);
      recorder.record([{ op: "load", decision: denial(CODE_NO_MODULE), generation: inForce.generation, local: policyPath, detail: message }], null);
    }
    if (chosen.because !== null) say(`Node's sockets serve in place of the kernel's calls: ${chosen.because}`);
    if (threads.because !== null) say(`one thread serves, though \`threads\` is ${this.#setup.config.threads}: ${threads.because}`);
    if (!readsResets) say("WARNING: koffi is not installed, so resets can't be read from the kernel, and a reset right after data may be passed on as an end");
    say(reportSentence(first.value));
    return ok(null);
  }

  #sweep(): void {
    const { clock, say } = this.#setup;
    const { context, passEnds, descriptors, credentials } = this.#parts;
    const { forwarder, leases, withdrawn, inForce } = context;
    const now = clock.monoMs();
    forwarder.sweep(now);
    context.recorder.flush();
    if (this.#isHandedOver) return;
    passEnds();
    if (context.blocks.passEnds() > 0)
      void context.keptBlocks?.keep().catch((error: unknown) => say(`blocks that are over stay in the state directory: ${String(error)}`));
    for (const lease of leases.expired(now)) endLease(context, lease, { because: "its time is over: renew it sooner", word: "expired" });
    withdrawn.look();
    descriptors.check();
    credentials.warnOfEnds();
    credentials.rotateTickets();
    const poisoned = inForce.engine?.poisoned === true;
    if (poisoned && !this.#poisonSaid) say("the policy module failed inside: everything is refused until a reload puts a module in force");
    this.#poisonSaid = poisoned;
  }

  #poll(): void {
    const { say } = this.#setup;
    const { context } = this.#parts;
    if (this.#isHandedOver) return;
    void this.reconcile().catch((error: unknown) => say(`the ports could not be looked at: ${String(error)}`));
    // Also without a watcher, and where it is time alone that makes a certificate good.
    if (this.#parts.credentials.hasNewFiles())
      void this.#renewFiles("all").catch((error: unknown) => say(`the certificates could not be renewed: ${String(error)}`));
    else if (closedExposes(context).length > 0)
      void this.#renewFiles("missing").catch((error: unknown) => say(`the certificates could not be renewed: ${String(error)}`));
  }

  /** A certificate's files may have changed: shown from the next handshake on. Exposes that were closed without them open. */
  #renewFiles(which: Which): Promise<readonly string[]> {
    const {
      context: { turns },
      credentials,
      reconciler,
    } = this.#parts;
    return turns(async () => {
      const changed = credentials.renew(which);
      if (changed.length > 0) {
        this.#setup.say(`certificates and authorities renewed: ${changed.join(" ")}`);
        const { forwarder, recorder, ports } = this.#parts.context;
        const cut = await cutRevoked({ forwarder, recorder, ports, isRevoked: ({ ca, certificate }) => credentials.isRevoked(ca, certificate) });
        if (cut > 0) this.#setup.say(`${cut} connections are closed, because their certificates are revoked`);
      }
      await reconciler.reconcile();
      return changed;
    });
  }

  /** A connection that has not yet said what it wants has nothing to finish. */
  #refuseUnread(): void {
    const { table } = this.forwarder;
    for (let row = 0; row < table.rows; row++) {
      if (table.state[row] === HEADING || table.state[row] === READING || table.state[row] === SECURING) this.forwarder.cut(row, "cut");
    }
  }
}

function exitOf({ cause }: Refused): number {
  if (cause === "sockets") return EXIT_UNSUPPORTED;
  return cause === "policy" || cause === "keys" ? EXIT_REJECTED : EXIT_DELEGATE;
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
