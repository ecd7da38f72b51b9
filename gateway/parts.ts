// Every part of the gateway, made and connected with the others. Nothing is opened but the audit file; daemon.ts
// starts and stops what is made here.
import { randomBytes } from "node:crypto";
import { closeSync } from "node:fs";
import { failed, ok, type Result } from "../runtime/result/result.ts";
import { openLibc } from "../runtime/shell/libc.ts";
import type { ServiceManager } from "../runtime/shell/service_manager.ts";
import { reportsToManager, type Reports } from "./reports_to_manager.ts";
import { systemDisk, type Disk } from "../runtime/shell/disk.ts";
import { prepareStateDirectory } from "../runtime/shell/revision.ts";
import type { PolicyEngine } from "../runtime/host/module.ts";
import { createAdmitter, type Admitter } from "./admit/admit.ts";
import { HEADER_REFUSALS_PER_SECOND } from "./admit/headers.ts";
import { NameWaits } from "./admit/name_waits.ts";
import { Places } from "./connection/places.ts";
import type { Backends } from "./forward/backends.ts";
import type { Networks } from "./forward/networks.ts";
import { ConnectionTable } from "./connection/table.ts";
import { TopDenied } from "./admit/top_denied.ts";
import { openAudit, type Audit } from "./audit/audit.ts";
import { Blocks } from "./blocks/blocks.ts";
import { KeptBlocks } from "./blocks/kept_blocks.ts";
import type { GatewayClock } from "./clock.ts";
import type { LiveConfig } from "./config/live.ts";
import {
  credentialConfig,
  followConfig,
  liveCaps,
  makeBackends,
  makeNetworks,
  makeRecorder,
  NEEDS_STATE,
  servedPolicy,
  type ConnectionCap,
} from "./live_parts.ts";
import { allowedBackends, type Config } from "./config/read.ts";
import { bump, newCounters } from "./audit/counters.ts";
import { createSuppression } from "./audit/suppressed.ts";
import type { Context } from "./methods/context.ts";
import { connectionCap, openFileLimit, pipesWithin, watchDescriptors, type DescriptorWatch } from "./descriptors.ts";
import { nodeFlows } from "./datagram/node_datagrams.ts";
import { withFlows } from "./datagram/with_flows.ts";
import { EXIT_REJECTED, failure, isFailure, type Failure } from "./exit.ts";
import { readGuardKey } from "./intents/guard_key.ts";
import { Leases } from "./intents/leases.ts";
import { listeningSockets, oncePerTurn, type OwnershipSetup } from "./intents/ownership.ts";
import { peerCredentials, type ReadCredentials } from "./intents/peer_credentials.ts";
import type { OwnUnixSockets } from "./control/own_sockets.ts";
import { createRefusals } from "./control/refusals.ts";
import { openSockDiag } from "./intents/sock_diag.ts";
import { watchWithdrawn } from "./intents/withdrawn.ts";
import { resetReader } from "./forward/reset.ts";
import type { HostAddress } from "./listen/addresses.ts";
import type { KernelCalls } from "./kernel/calls.ts";
import type { Chosen } from "./kernel/choice.ts";
import { kernelFlows, type FlowsOver } from "./kernel/kernel_flows.ts";
import type { OpensslCalls } from "./kernel/openssl.ts";
import { kernelForwarder } from "./kernel/kernel_forwarder.ts";
import type { Forwarder } from "./connection/forwarder.ts";
import { chooseThreads, type ChosenThreads, type ServingThreads } from "./threads/choice.ts";
import { threadedEngine } from "./threads/threaded_context.ts";
import { threadedForwarder } from "./threads/threaded_forwarder.ts";
import { Threads } from "./threads/threads.ts";
import { nodeForwarder, type ForwarderSetup } from "./listen/node_forwarder.ts";
import { Inherited, type InheritedSetup } from "./listen/inherited.ts";
import { createOpener } from "./listen/open.ts";
import { Ports } from "./listen/ports.ts";
import { createMarkers } from "./audit/markers.ts";
import { CoordinatedChanges } from "./reload/coordinated.ts";
import type { Participant } from "./participant.ts";
import { createEnds } from "./reload/ends.ts";
import { createKeeper, type Keeper } from "./reload/keeper.ts";
import { Openings, type OpeningsSetup } from "./reload/openings.ts";
import { Reconciler } from "./reload/reconcile.ts";
import { ReloadHistory } from "./reload/history.ts";
import { Reloader } from "./reload/reload.ts";
import { Swap, type SwapSetup } from "./reload/swap.ts";
import { createCredentials, type Credentials } from "./tls/credentials.ts";
import { createTurns } from "./reload/turns.ts";
import { adopt } from "./takeover/adopting.ts";
import { Giving, type GivingSetup } from "./takeover/giving.ts";
import type { Taking } from "./takeover/taking.ts";
import { openUnixMessages } from "../runtime/shell/unix_messages.ts";

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
  /** Human-readable messages. */
  readonly say: (sentence: string) => void;
  /** Aborted where the start is to be given up; what it has opened is closed again. */
  readonly givenUp?: AbortSignal;
  /** Other parts that change with the policy, in the order in which they are prepared. */
  readonly participants?: readonly Participant[];
  /** Sockets that this process was given; see listen/inherited.ts. */
  readonly inherited?: Pick<InheritedSetup, "sockets" | "ignoresForeign">;
  /** The gateway that runs, where this one takes over from it. */
  readonly taking?: Taking;
  /** The service manager that started this process. */
  readonly manager?: ServiceManager | null;
  /** How state reaches the disk; another one only where a test stops it in between. */
  readonly disk?: Disk;
  /** The kernel's calls in place of those of this machine: where a test makes them fail. */
  readonly calls?: KernelCalls;
  /** The configuration as it would be read now; without it, no reload changes it. */
  readonly configNow?: () => Result<Config, Failure>;
  /** Its file; null where there is none. */
  readonly configPath?: string | null;
  /** OpenSSL's calls in place of those of this machine: where a test makes them fail. */
  readonly openssl?: OpensslCalls;
}

/** The gateway's own sockets, beside the ports of a policy; filled in as they are opened. */
export interface OwnSockets {
  control: OwnUnixSockets | null;
  http: { readonly port: number; close(): void } | null;
}

export interface Parts {
  /** Everything that the control methods may use. */
  readonly context: Context;
  readonly live: LiveConfig;
  readonly own: OwnSockets;
  readonly audit: Audit;
  readonly admitter: Admitter;
  readonly credentials: Credentials;
  readonly descriptors: DescriptorWatch;
  readonly inherited: Inherited;
  readonly reports: Reports;
  readonly handing: Handing;
  readonly reconciler: Reconciler;
  /** Closes streams whose `until` has passed; to be called on a tick. */
  readonly passEnds: () => number;
  readonly peers: ReadCredentials | null;
  /** False where resets can't be read from the kernel. */
  readonly readsResets: boolean;
}

/** The daemon's part in its own takeover; it fills them in. See takeover/giving.ts. */
export type Handing = { -readonly [K in "handedOver" | "done" | "abandoned"]: GivingSetup[K] };

/** Read before any part is made. */
interface Given {
  readonly keeper: Keeper | null;
  readonly cap: ConnectionCap;
  readonly guardKey: Uint8Array | null;
  readonly blocks: Blocks;
  readonly keptBlocks: KeptBlocks | null;
}

/** Decides connections, serves them and records them. */
function makeServing(setup: DaemonSetup, live: LiveConfig, given: Given, chosen: Chosen, ending: AbortSignal) {
  const { config, clock, say, openssl } = setup;
  const { cap, keeper, blocks } = given;
  const choice = chooseThreads({ threads: config.threads, engine: config.tls.engine }, chosen, openssl && (() => ok(openssl)));
  if (!choice.ok) return choice;
  const { engine } = choice.value;
  const counters = newCounters();
  const audit = openAudit(config.audit.file, counters, say);
  if (isFailure(audit)) return failed(audit);
  const own: OwnSockets = { control: null, http: null };
  const networks = makeNetworks(setup, live);
  const ports = makePorts(own, networks);
  const inForce = servedPolicy(setup, live, keeper, ending);
  const reports = reportsToManager({ manager: setup.manager ?? null, ports, clock, inForce });
  const descriptors = watchDescriptors(counters, say);
  const topDenied = new TopDenied();
  const markers = createMarkers(setup.print, counters);
  /** Made later, from these parts. */
  const giver: { giving: Giving | null } = { giving: null };
  const recorder = makeRecorder({ audit, counters, markers, clock }, config, () => giver.giving?.isFrozen === true);
  const threads = openThreads(config, choice.value, chosen);
  const credentials = createCredentials(credentialConfig(live), clock, say, threads === null ? engine : threadedEngine(engine, threads));
  const table = new ConnectionTable();
  const [nameWaits, places] = [new NameWaits(config.caps), new Places(clock)];
  const admitter = createAdmitter({
    contextOf: (info) => credentials.contextOf(info),
    inForce,
    ports,
    recorder,
    counters,
    topDenied,
    clock,
    table,
    nameWaits,
    places,
    caps: liveCaps(cap, config),
    lackedDescriptor: () => descriptors.lacked(),
    blocks,
    suppression: createSuppression(() => config.audit.udp_denied_per_second, counters),
    headerSuppression: createSuppression(() => HEADER_REFUSALS_PER_SECOND, counters),
    makeRoom: () => flows.makeRoom(),
  });
  const isReset = resetReader();
  const forwarding: ForwarderSetup = { table, decider: admitter.decider, clock, isReset, places, timers: config.timers };
  const streams = makeStreams(forwarding, chosen, threads, () => descriptors.lacked());
  const flowing: FlowsOver = {
    table,
    decider: admitter.flowDecider,
    clock,
    timers: config.timers,
    dropped: (because) => bump(counters.datagramsDropped, because),
  };
  const flows = chosen.calls === null ? nodeFlows(flowing) : kernelFlows(flowing, chosen.calls);
  const forwarder = withFlows(streams, flows);
  return ok({
    blocks,
    giver,
    networks,
    counters,
    audit,
    own,
    ports,
    inForce,
    reports,
    descriptors,
    topDenied,
    markers,
    recorder,
    credentials,
    admitter,
    nameWaits,
    places,
    forwarder,
    flows,
    engine,
    threads: servingThreads(choice.value, threads, streams),
    readsResets: isReset !== null,
  });
}

function makePorts(own: OwnSockets, networks: Networks): Ports {
  return new Ports(
    () => own.control?.paths ?? [],
    () => own.http?.port ?? null,
    (backend) => networks.fault(backend) !== null,
  );
}

/** Null where the main thread does everything. */
function openThreads({ timers }: Config, { count }: ChosenThreads, { calls }: Chosen): Threads | null {
  if (count === 1 || calls === null) return null;
  const { keepalive_ms: keepAliveMs, hello_ms: helloMs } = timers;
  return new Threads({ calls, workers: count - 1, keepAliveMs, helloMs, mostPipes: pipesWithin(openFileLimit()) });
}

function makeStreams(forwarding: ForwarderSetup, { calls }: Chosen, threads: Threads | null, lacked: () => void): Forwarder {
  if (calls === null) return nodeForwarder(forwarding);
  if (threads !== null) return threadedForwarder({ ...forwarding, calls, threads, lacked });
  return kernelForwarder({ ...forwarding, calls, mostPipes: pipesWithin(openFileLimit()), lacked });
}

function servingThreads({ count, because }: ChosenThreads, threads: Threads | null, streams: Forwarder): ServingThreads {
  return { count, because, connections: () => (threads === null ? [streams.live] : threads.all.map(({ rows }) => rows)) };
}

type Serving = Extract<ReturnType<typeof makeServing>, { ok: true }>["value"];

/** Opens ports and replaces the policy. */
function makeReloading(setup: DaemonSetup, live: LiveConfig, serving: Serving, keeper: Keeper | null, backends: Backends, leases: Leases, ending: AbortSignal) {
  const { clock, say, hostAddresses, taking } = setup;
  const { ports, forwarder, flows, recorder, markers, credentials, inForce, counters, reports, audit, nameWaits, places, blocks } = serving;
  const turns = createTurns();
  const inherited = makeInherited(setup);
  const seed = taking?.seed ?? randomBytes(16);
  const maxPorts = (): number => live.upcoming.caps.ports;
  const opener = createOpener({ ports, forwarder, recorder, maxPorts, inherited, say });
  const opening: OpeningsSetup = {
    ports,
    leases,
    backends,
    opener,
    markers,
    hostAddresses,
    maxPorts,
    udpPlaces: flows.udpPlaces,
    say,
    ending,
    closedBecause: (info) => credentials.closedBecause(info),
  };
  const swapping: SwapSetup = {
    ...opening,
    inForce,
    openings: new Openings(opening),
    forwarder,
    recorder,
    clock,
    seed,
    inherited,
    onReload: () => live.upcoming.on_reload,
    ruleHits: counters.ruleHits,
    nameWaits,
    places,
    blocks,
    isRevoked: ({ ca, certificate }) => credentials.isRevoked(ca, certificate),
  };
  const swap = new Swap(swapping);
  const participants = [live.participant, credentials.participant, ...(setup.participants ?? [])];
  const beforeFirst =
    taking === undefined ? null : (engine: PolicyEngine) => adopt({ taking, forwarder, flows, ports, backends, audit, recorder, say, clock, blocks }, engine);
  const history = new ReloadHistory(clock);
  const reloader = new Reloader({ live, history, inForce, keeper, swap, ports, counters, turns, clock, say, ending, reports, beforeFirst, participants });
  const changes = new CoordinatedChanges({ reloader, clock, counts: counters.changes, say });
  return { turns, opener, swapping, swap, reloader, history, changes, inherited, seed };
}

type Reloading = ReturnType<typeof makeReloading>;

/** Hands this gateway over to the next one. */
function makeGiving({ clock, say }: DaemonSetup, serving: Serving, reloading: Reloading, isEnding: () => boolean) {
  const { ports, forwarder, flows, inForce, recorder, giver, blocks, admitter } = serving;
  const { turns, seed, changes } = reloading;
  const handing: Handing = { handedOver: () => undefined, done: () => undefined, abandoned: () => undefined };
  const giving = new Giving({
    calls: passingCalls(),
    ports,
    forwarder,
    flows,
    inForce,
    admitter,
    blocks,
    turns,
    clock,
    seed,
    say,
    isBusy: () => changes.current() !== null || isEnding(),
    flushEnds: () => recorder.flush(),
    handedOver: (report) => handing.handedOver(report),
    done: () => handing.done(),
    abandoned: () => handing.abandoned(),
  });
  giver.giving = giving;
  return { handing, giving };
}

/** `ending` is aborted as soon as the gateway is to end; `draining` says so, too, once it has served. */
export function makeParts(setup: DaemonSetup, live: LiveConfig, chosen: Chosen, ending: AbortSignal, draining: () => boolean): Result<Parts, Failure> {
  const given = readGiven(setup);
  if (!given.ok) return given;
  const { cap, guardKey, keeper, blocks, keptBlocks } = given.value;
  const { config, clock, say, hostAddresses } = setup;
  const serving = makeServing(setup, live, given.value, chosen, ending);
  if (!serving.ok) return serving;
  const { counters, audit, own, ports, inForce, reports, descriptors, topDenied, markers, recorder, credentials, admitter, forwarder, flows, readsResets } =
    serving.value;
  const leases = new Leases();
  const peers = peerCredentials();
  const ownership: OwnershipSetup = { credentials: peers, sockets: openSockDiag(), listening: oncePerTurn(listeningSockets) };
  const backends = makeBackends(live, ports, ownership, serving.value.networks);
  const reloading = makeReloading(setup, live, serving.value, keeper, backends, leases, ending);
  const { turns, opener, swapping, swap, reloader, history, changes, inherited } = reloading;
  const { handing, giving } = makeGiving(setup, serving.value, reloading, () => draining() || ending.aborted);
  const context: Context = {
    blocks,
    keptBlocks,
    giving,
    config,
    get allowedBackends() {
      return allowedBackends(config);
    },
    inForce,
    ports,
    leases,
    backends,
    forwarder,
    recorder,
    flows,
    refusals: createRefusals(recorder, counters, clock),
    counters,
    topDenied,
    nameWaits: serving.value.nameWaits,
    ownership,
    reloader,
    history,
    changes,
    isPrepared: (open) => swap.isPaused(open),
    withoutAddress: () => swapping.openings.absent(inForce.engine),
    keeper,
    clock,
    turns,
    startedMs: clock.monoMs(),
    withdrawn: watchWithdrawn({ leases, ports, clock, say }),
    guardKey,
    get connectionCap() {
      return cap.now;
    },
    draining,
    opener,
    markers,
    reopen: () => reopen(audit, say),
    certificates: () => credentials.ends(),
    closedBecause: (info) => credentials.closedNow(info),
    hostAddresses,
    chosen,
    engine: serving.value.engine,
    threads: serving.value.threads,
    live,
  };
  followConfig(live, { cap, say, leases, ports, own });
  return ok({
    context,
    live,
    own,
    audit,
    admitter,
    credentials,
    descriptors,
    inherited,
    reports,
    handing,
    reconciler: new Reconciler(swapping),
    peers,
    readsResets,
    passEnds: createEnds({ inForce, forwarder, recorder, ports, clock, onReload: () => config.on_reload }),
  });
}

/** The calls that pass sockets between processes; null without koffi. */
export function passingCalls(): GivingSetup["calls"] {
  const libc = openLibc();
  const messages = libc === null ? null : openUnixMessages(libc);
  return libc === null || messages === null ? null : { libc, messages };
}

function makeInherited({ inherited = { sockets: [], ignoresForeign: false }, manager, say }: DaemonSetup): Inherited {
  const libc = inherited.sockets.length === 0 ? null : openLibc();
  const unstore = (name: string): void => manager?.notify({ FDSTOREREMOVE: 1, FDNAME: name });
  return new Inherited({ ...inherited, say, unstore, close: closeSync, setBacklog: (fd, peers) => void libc?.listen(fd, peers) });
}

function readGiven({ stateDirectory, config, disk = systemDisk, clock, say }: DaemonSetup): Result<Given, Failure> {
  const keeper = openKeeper({ stateDirectory, config, disk });
  if (!keeper.ok) return keeper;
  const cap = connectionCap(config, openFileLimit(), say);
  if (isFailure(cap)) return failed(cap);
  const guardKey = readGuardKey(config.guard.key_file);
  if (!guardKey.ok) return guardKey;
  const blocks = new Blocks(clock);
  const keptBlocks = stateDirectory === null ? null : new KeptBlocks(stateDirectory, blocks, disk);
  const loaded = keptBlocks?.load() ?? ok(null);
  if (!loaded.ok) return failed(failure(EXIT_REJECTED, loaded.error));
  return ok({ keeper: keeper.value, cap: { now: cap }, guardKey: guardKey.value, blocks, keptBlocks });
}

/** INVARIANT: where keys are trusted there is a mark, because otherwise an older policy could be loaded again. */
function openKeeper({
  stateDirectory,
  config,
  disk,
}: Pick<DaemonSetup, "stateDirectory" | "config"> & Required<Pick<DaemonSetup, "disk">>): Result<Keeper | null, Failure> {
  if (stateDirectory === null) {
    return config.policy.trusted_keys === undefined ? ok(null) : failed(failure(EXIT_REJECTED, NEEDS_STATE));
  }
  const refused = prepareStateDirectory(stateDirectory, "ingressd", "state_dir");
  return refused !== null ? failed(failure(EXIT_REJECTED, refused)) : ok(createKeeper(stateDirectory, config.policy.max_bytes, disk));
}

function reopen(audit: Audit, say: (sentence: string) => void): string | null {
  const kept = audit.reopen();
  if (kept !== null) say(kept);
  return kept;
}
