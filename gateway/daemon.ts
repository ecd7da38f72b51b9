// ingressd as a value: startDaemon wires the rooms together and returns a handle. Nothing here
// touches the process (signals, exit codes: main.ts), and time and output come in, so a test
// runs the very same daemon.
//
//   listen/  sockets        admit/   who is served    forward/  bytes to the backend
//   reload/  the policy     intents/ registrations    control/  orders    audit/  records
import { randomBytes } from "node:crypto";
import { CODE_NO_MODULE } from "../runtime/abi/verdicts.ts";
import { denial } from "../runtime/host/ask.ts";
import type { HostAddress } from "./listen/addresses.ts";
import { createAdmitter, type InForce } from "./admit/admit.ts";
import { Backends } from "./forward/backends.ts";
import { notOwnSocket } from "./admit/own_socket.ts";
import { TopDenied } from "./admit/top_denied.ts";
import { openAudit } from "./audit/audit.ts";
import { createRecorder } from "./audit/recorder.ts";
import type { GatewayClock } from "./clock.ts";
import { allowedBackends, type Config } from "./config.ts";
import { newCounters, type Counters } from "./counters.ts";
import type { Client, Context } from "./control/context.ts";
import { closedExposes } from "./control/closed.ts";
import { openDoors } from "./control/doors.ts";
import { openHttp, type HttpDoor } from "./control/http.ts";
import { status } from "./control/status.ts";
import { connectionCap, openFileLimit, watchDescriptors } from "./descriptors.ts";
import { EXIT_DELEGATE, EXIT_OK, EXIT_REJECTED, failure, isFailure, type Failure } from "./exit.ts";
import { readGuardKey } from "./intents/guard_key.ts";
import { Leases } from "./intents/leases.ts";
import { openSockDiag } from "./intents/sock_diag.ts";
import { belongsTo, fileBelongsTo, listeningSockets, oncePerTurn, ROOT, type OwnershipSetup } from "./intents/ownership.ts";
import { watchWithdrawn } from "./intents/withdrawn.ts";
import { peerCredentials } from "./intents/peer_credentials.ts";
import { createRefusals } from "./intents/refusals.ts";
import { endLease } from "./intents/unregister.ts";
import { FREE, READING, SECURING } from "./connection/states.ts";
import { ConnectionTable } from "./connection/table.ts";
import type { Forwarder } from "./connection/forwarder.ts";
import { resetReader } from "./forward/reset.ts";
import { nodeForwarder } from "./listen/node_forwarder.ts";
import { createOpener } from "./listen/open.ts";
import { Ports } from "./listen/ports.ts";
import { createCredentials, type Which } from "./tls/credentials.ts";
import { createMarkers } from "./markers.ts";
import type { Change } from "./reload/change.ts";
import { createExchange, isRefused, type Exchange, type Refused, type Report } from "./reload/exchange.ts";
import { systemDisk, type Disk } from "../runtime/shell/disk.ts";
import { prepareStateDirectory } from "../runtime/shell/revision.ts";
import { createEnds } from "./reload/ends.ts";
import { createKeeper, type Keeper } from "./reload/keeper.ts";
import type { Participant } from "./reload/participant.ts";
import { createReloader, reportSentence } from "./reload/reload.ts";
import { watchFile } from "../runtime/shell/watch.ts";
import { createTurns } from "./turns.ts";

/** How often timers are looked at. */
export const SWEEP_MS = 250;

export interface DaemonSetup {
  readonly policyPath: string;
  readonly controlPath: string;
  /** Where the last good policy and its revision are kept; null: nothing outlives a restart. */
  readonly stateDirectory: string | null;
  readonly config: Config;
  readonly clock: GatewayClock;
  /** The addresses of this host's interfaces, now. */
  readonly hostAddresses: () => readonly HostAddress[];
  /** Markers, one line each, without the newline. */
  readonly print: (line: string) => void;
  /** Sentences for people. */
  readonly say: (sentence: string) => void;
  /** Aborted where the start is to be given up; what it has opened is closed again. */
  readonly givenUp?: AbortSignal;
  /** What else changes with the policy, in the order in which it is prepared. */
  readonly participants?: readonly Participant[];
  /** How state reaches the disk; another one only where a test stops it in between. */
  readonly disk?: Disk;
}

export interface Daemon {
  readonly controlPath: string;
  readonly counters: Counters;
  readonly forwarder: Forwarder;
  readonly exchange: Exchange;
  /** Answers when only the new policy decides, or why the former one stays. */
  reload(): Promise<Report | Refused>;
  /** The policy file as a change that the caller commits or aborts, together with what it changes elsewhere. */
  prepare(): Promise<Change | Refused>;
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
}

export async function startDaemon(setup: DaemonSetup): Promise<Daemon | Failure> {
  const { config, clock, say } = setup;
  const keeper = openKeeper(setup);
  if (isFailure(keeper)) return keeper;
  const cap = connectionCap(config, openFileLimit(), say);
  if (isFailure(cap)) return cap;
  const guardKey = readGuardKey(config.guard.key_file);
  if (isFailure(guardKey)) return guardKey;
  const counters = newCounters();
  const audit = openAudit(config.audit.file, counters, say);
  if (isFailure(audit)) return audit;
  const descriptors = watchDescriptors(counters, say);
  /** Aborted as soon as it is to end: a reload under way is abandoned, and none begins. */
  const ending = new AbortController();
  const giveUp = (): void => ending.abort();
  setup.givenUp?.addEventListener("abort", giveUp, { once: true });
  if (setup.givenUp?.aborted === true) giveUp();

  let http: HttpDoor | null = null;
  let doors: { readonly paths: readonly string[]; close(): void } | null = null;
  const inForce: InForce = { engine: null, generation: 0 };
  const ports = new Ports(() => doors?.paths ?? [], () => http?.port ?? null);
  const leases = new Leases();
  const withdrawn = watchWithdrawn({ leases, ports, clock, say });
  const peers = peerCredentials();
  const ownership: OwnershipSetup = { credentials: peers, sockets: openSockDiag(), listening: oncePerTurn(listeningSockets) };
  const allowed = allowedBackends(config);
  const backends = new Backends(notOwnSocket(process.pid, peers, (address) => ports.isOwn(address)), (service, address) => {
    const uid = config.services[service]?.uid;
    if (uid === undefined || allowed.has(address.key)) return null;
    return address.kind === "unix" && peers === null ? fileBelongsTo([uid, ROOT]) : belongsTo([uid, ROOT], ownership);
  });
  const topDenied = new TopDenied();
  const turns = createTurns();
  const markers = createMarkers(setup.print, counters);
  const recorder = createRecorder({ audit, counters, markers, clock, onError: config.audit.on_error });
  const refusals = createRefusals(recorder, counters, clock);
  const credentials = createCredentials(config, clock, say);
  const table = new ConnectionTable();
  const admitter = createAdmitter({
    contextOf: (info) => credentials.contextOf(info),
    table, inForce, ports, recorder, counters, topDenied, clock,
    caps: { connections: cap, backend_connecting: config.caps.backend_connecting },
    lackedDescriptor: () => descriptors.lacked(),
  });
  const isReset = resetReader();
  const forwarder: Forwarder = nodeForwarder({ table, decider: admitter.decider, clock, isReset, timers: config.timers });
  const opener = createOpener({ ports, forwarder, recorder, maxPorts: config.caps.ports });
  const exchange = createExchange({
    inForce, ports, leases, backends, forwarder, opener, recorder, markers, clock, seed: randomBytes(16),
    hostAddresses: setup.hostAddresses, maxPorts: config.caps.ports, onReload: config.on_reload, ruleHits: counters.ruleHits, say, participants: [credentials.participant, ...setup.participants ?? []],
    closedBecause: (info) => credentials.closedBecause(info), ending: ending.signal,
  });
  const passEnds = createEnds({ inForce, forwarder, recorder, ports, clock, onReload: config.on_reload });
  const reloader = createReloader({
    path: setup.policyPath, maxBytes: config.policy.max_bytes, checkMs: config.timers.policy_check_ms,
    trustedKeys: config.policy.trusted_keys, keeper, exchange, inForce, counters, turns, clock, say, ending: ending.signal,
  });
  const reopen = (): string | null => {
    const kept = audit.reopen();
    if (kept !== null) say(kept);
    return kept;
  };
  let draining = false;
  const context: Context = {
    config, allowedBackends: allowed, inForce, ports, leases, backends, forwarder, recorder, refusals, counters,
    topDenied, ownership, exchange, reloader, keeper, clock, turns,
    startedMs: clock.monoMs(), withdrawn, guardKey, connectionCap: cap, draining: () => draining,
    opener, markers, reopen, certificates: () => credentials.ends(), closedBecause: (info) => credentials.closedBecause(info), hostAddresses: setup.hostAddresses,
  };

  function closeAll(): void {
    for (const cancel of timers.splice(0)) cancel();
    for (const open of ports.all()) ports.close(open);
    doors?.close();
    http?.close();
    descriptors.close();
  }
  const timers: (() => void)[] = [];
  /** A certificate's files may have changed: shown from the next handshake on. What was closed without them opens. */
  const renewFiles = async (which: Which = "all"): Promise<readonly string[]> => turns(async () => {
    const changed = credentials.renew(which);
    if (changed.length > 0) say(`certificates and authorities renewed: ${changed.join(" ")}`);
    await exchange.reconcile();
    return changed;
  });
  /** The same; a policy that waited for them is tried again. */
  const renew = async (): Promise<readonly string[]> => {
    const changed = await renewFiles();
    await reloader.changed();
    return changed;
  };
  const renewed = (): void => void renew().catch((error: unknown) => say(`the certificates could not be renewed: ${String(error)}`));
  const abandon = (why: Failure): Failure => {
    ending.abort();
    closeAll();
    audit.close();
    return why;
  };

  const opened = await openDoors({ context, controlPath: setup.controlPath, credentials: peers });
  if (isFailure(opened)) return abandon(opened);
  doors = opened;
  const { listen, token_file: tokenFile } = config.metrics;
  if (listen !== undefined && tokenFile !== undefined) {
    const seen = await openHttp({ listen, tokenFile }, context);
    if (isFailure(seen)) return abandon(seen);
    http = seen;
  }
  // From before the file is first read, so that no change falls between.
  if (config.policy.watch) {
    timers.push(watchFile({
      path: setup.policyPath, clock, say,
      changed: () => void reloader.changed().catch((error: unknown) => say(`the reload failed: ${String(error)}`)),
    }));
  }
  if (config.policy.watch) for (const path of new Set(credentials.paths)) timers.push(watchFile({ path, clock, say, changed: renewed }));
  const fromFile = await reloader.reload();
  const first = isRefused(fromFile) ? await reloader.fallBack(fromFile) : fromFile;
  if (ending.signal.aborted) return abandon(failure(EXIT_OK, "ended by a signal before it was ready"));
  if (isRefused(first)) return abandon(failure(first.cause === "policy" || first.cause === "keys" ? EXIT_REJECTED : EXIT_DELEGATE, first.message));
  setup.givenUp?.removeEventListener("abort", giveUp);
  if (isRefused(fromFile)) {
    say(`WARNING: the last good policy is in force in place of the file: ${fromFile.message}`);
    recorder.record([{
      op: "load", decision: denial(CODE_NO_MODULE), generation: inForce.generation, local: setup.policyPath, detail: fromFile.message,
    }], null);
  }
  if (isReset === null) say("WARNING: koffi is not installed, so the kernel can't be asked about resets: one right behind data may be passed on as an end");
  say(reportSentence(first));

  let poisonSaid = false;
  timers.push(clock.every(SWEEP_MS, () => {
    const now = clock.monoMs();
    forwarder.sweep(now);
    passEnds();
    for (const lease of leases.expired(now)) endLease(context, lease, { because: "its time is over: renew it sooner", word: "expired" });
    withdrawn.look();
    descriptors.check();
    credentials.warnOfEnds();
    const failed = inForce.engine?.poisoned === true;
    if (failed && !poisonSaid) say("the policy module failed inside: everything is refused until a reload puts a module in force");
    poisonSaid = failed;
  }));
  timers.push(clock.every(config.timers.interface_poll_ms, () => {
    void turns(() => exchange.reconcile()).catch((error: unknown) => say(`the ports could not be looked at: ${String(error)}`));
    // Also without a watcher, and where it is time alone that makes a certificate good.
    if (closedExposes(context).length > 0) void renewFiles("missing").catch((error: unknown) => say(`the certificates could not be renewed: ${String(error)}`));
  }));
  markers.ready();

  /** A connection that has not yet said what it wants has nothing to finish. */
  function refuseUnread(): void {
    const { table } = forwarder;
    for (let row = 0; row < table.rows; row++) {
      if (table.state[row] === READING || table.state[row] === SECURING) forwarder.cut(row, "cut");
    }
  }

  function cut(): void {
    const { table } = forwarder;
    for (let row = 0; row < table.rows; row++) if (table.state[row] !== FREE) forwarder.cut(row, "cut");
  }

  return {
    controlPath: setup.controlPath,
    counters,
    forwarder,
    exchange,
    reload: () => reloader.reload(),
    renew,
    prepare: () => reloader.prepare(),
    reopen,
    async hangup() {
      reopen();
      const result = await reloader.reload();
      say(isRefused(result) ? `reload refused, generation ${inForce.generation} stays in force: ${result.message}` : reportSentence(result));
    },
    async status() {
      const answer = await status(context, operator, {});
      return "result" in answer ? answer.result : answer.error;
    },
    async stop() {
      draining = true;
      ending.abort();
      admitter.drain();
      refuseUnread();
      for (const lease of leases.all()) endLease(context, lease, { because: "the gateway is shutting down", word: "shutdown" });
      for (const open of ports.all()) ports.close(open);
      timers.push(clock.after(config.timers.drain_ms, cut));
      await turns(async () => undefined);
      // What work under way may have opened.
      for (const open of ports.all()) ports.close(open);
      await forwarder.drained();
      closeAll();
      audit.close();
    },
    cut,
  };
}

/** INVARIANT: where keys are trusted there is a mark, else an older policy could come back by itself. */
function openKeeper({ stateDirectory, config, disk = systemDisk }: DaemonSetup): Keeper | null | Failure {
  if (stateDirectory === null) {
    return config.policy.trusted_keys === undefined ? null
      : failure(EXIT_REJECTED, "`policy.trusted_keys` needs a directory that keeps the highest revision over restarts: name one with state_dir");
  }
  const refused = prepareStateDirectory(stateDirectory, "ingressd", "state_dir");
  return refused !== null ? failure(EXIT_REJECTED, refused) : createKeeper(stateDirectory, config.policy.max_bytes, disk);
}

/** Who asks when the daemon asks itself. */
const operator: Client = {
  number: -1,
  challenge: "",
  caller: { peer: "operator", operator: true, service: null, noServiceBecause: "", uid: null },
  alive: () => true,
  notify: () => undefined,
};
