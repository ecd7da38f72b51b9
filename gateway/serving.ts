// The parts that decide connections, serve them and record them.
import { failed, ok } from "../runtime/result/result.ts";
import { createAdmitter, type Admitter } from "./admit/admit.ts";
import { HEADER_REFUSALS_PER_SECOND } from "./admit/headers.ts";
import { NameWaits } from "./admit/name_waits.ts";
import { TopDenied } from "./admit/top_denied.ts";
import { openAudit } from "./audit/audit.ts";
import { bump, newCounters, type Counters } from "./audit/counters.ts";
import { createMarkers } from "./audit/markers.ts";
import { createSuppression } from "./audit/suppressed.ts";
import type { LiveConfig } from "./config/live.ts";
import type { Config } from "./config/read.ts";
import type { Forwarder } from "./connection/forwarder.ts";
import { Places } from "./connection/places.ts";
import { ConnectionTable } from "./connection/table.ts";
import { nodeFlows } from "./datagram/node_datagrams.ts";
import { withFlows } from "./datagram/with_flows.ts";
import { openFileLimit, pipesWithin, watchDescriptors, type DescriptorWatch } from "./descriptors.ts";
import { isFailure } from "./exit.ts";
import type { Networks } from "./forward/networks.ts";
import { endReader } from "./forward/peer_end.ts";
import { resetReader } from "./forward/reset.ts";
import type { Given } from "./given.ts";
import type { Chosen } from "./kernel/choice.ts";
import { kernelFlows, type FlowsOver } from "./kernel/kernel_flows.ts";
import { kernelForwarder } from "./kernel/kernel_forwarder.ts";
import { nodeForwarder, type ForwarderSetup } from "./listen/node_forwarder.ts";
import { Ports } from "./listen/ports.ts";
import { credentialConfig, liveCaps, makeNetworks, makeRecorder, servedPolicy } from "./live_parts.ts";
import { reportsToManager } from "./reports_to_manager.ts";
import type { DaemonSetup, OwnSockets } from "./setup.ts";
import type { Giving } from "./takeover/giving.ts";
import { chooseThreads, type ChosenThreads, type ServingThreads } from "./threads/choice.ts";
import { threadedEngine } from "./threads/threaded_context.ts";
import { threadedForwarder } from "./threads/threaded_forwarder.ts";
import { Threads } from "./threads/threads.ts";
import { createCredentials } from "./tls/credentials.ts";

/** Decides connections, serves them and records them. */
export function makeServing(setup: DaemonSetup, live: LiveConfig, given: Given, chosen: Chosen, ending: AbortSignal) {
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
    makeRoom: () => forwarding.flows.makeRoom(),
  });
  const isReset = resetReader();
  const forwarding = makeForwarding(setup, chosen, threads, { table, places, counters, admitter, descriptors, isReset });
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
    forwarder: forwarding.forwarder,
    flows: forwarding.flows,
    engine,
    threads: servingThreads(choice.value, threads, forwarding.streams),
    readsResets: isReset !== null,
  });
}

export type Serving = Extract<ReturnType<typeof makeServing>, { ok: true }>["value"];

interface ForwardingParts extends Pick<ForwarderSetup, "table" | "places" | "isReset"> {
  readonly counters: Counters;
  readonly admitter: Admitter;
  readonly descriptors: DescriptorWatch;
}

/** Streams and flows of datagrams, as one forwarder and each by itself. */
function makeForwarding({ config, clock }: DaemonSetup, chosen: Chosen, threads: Threads | null, parts: ForwardingParts) {
  const { table, places, counters, admitter, descriptors, isReset } = parts;
  const { timers } = config;
  const forwarding: ForwarderSetup = { table, decider: admitter.decider, clock, isReset, hasEnded: endReader(), places, timers };
  const streams = makeStreams(forwarding, chosen, threads, () => descriptors.lacked());
  const flowing: FlowsOver = {
    table,
    decider: admitter.flowDecider,
    clock,
    timers,
    dropped: (because) => bump(counters.datagramsDropped, because),
  };
  const flows = chosen.calls === null ? nodeFlows(flowing) : kernelFlows(flowing, chosen.calls);
  return { streams, flows, forwarder: withFlows(streams, flows) };
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
