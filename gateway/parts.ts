// Every part of the gateway, made and connected with the others: those that serve (serving.ts) and those that replace the policy
// (reloading.ts). Nothing is opened but the audit file; daemon.ts starts and stops what is made here.
import { ok, type Result } from "../runtime/result/result.ts";
import type { Admitter } from "./admit/admit.ts";
import type { Audit } from "./audit/audit.ts";
import type { LiveConfig } from "./config/live.ts";
import { allowedBackends } from "./config/read.ts";
import { createRefusals } from "./control/refusals.ts";
import type { DescriptorWatch } from "./descriptors.ts";
import type { Failure } from "./exit.ts";
import type { Backends } from "./forward/backends.ts";
import { readGiven, type Given } from "./given.ts";
import { Leases } from "./intents/leases.ts";
import { listeningSockets, oncePerTurn, type OwnershipSetup } from "./intents/ownership.ts";
import { peerCredentials, type ReadCredentials } from "./intents/peer_credentials.ts";
import { openSockDiag } from "./intents/sock_diag.ts";
import { watchWithdrawn } from "./intents/withdrawn.ts";
import type { Chosen } from "./kernel/choice.ts";
import type { Inherited } from "./listen/inherited.ts";
import { followConfig, makeBackends } from "./live_parts.ts";
import type { Context } from "./methods/context.ts";
import { createEnds } from "./reload/ends.ts";
import { Reconciler } from "./reload/reconcile.ts";
import { makeGiving, makeReloading, type Reloading } from "./reloading.ts";
import type { Reports } from "./reports_to_manager.ts";
import { makeServing, type Serving } from "./serving.ts";
import type { DaemonSetup, Handing, OwnSockets } from "./setup.ts";
import type { Giving } from "./takeover/giving.ts";
import type { Credentials } from "./tls/credentials.ts";

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

/** `ending` is aborted as soon as the gateway is to end; `draining` says so, too, once it has served. */
export function makeParts(setup: DaemonSetup, live: LiveConfig, chosen: Chosen, ending: AbortSignal, draining: () => boolean): Result<Parts, Failure> {
  const given = readGiven(setup);
  if (!given.ok) return given;
  const { cap, keeper } = given.value;
  const { config, clock, say } = setup;
  const serving = makeServing(setup, live, given.value, chosen, ending);
  if (!serving.ok) return serving;
  const { audit, own, ports, inForce, reports, descriptors, recorder, credentials, admitter, forwarder, readsResets } = serving.value;
  const leases = new Leases();
  const peers = peerCredentials();
  const ownership: OwnershipSetup = { credentials: peers, sockets: openSockDiag(), listening: oncePerTurn(listeningSockets) };
  const backends = makeBackends(live, ports, ownership, serving.value.networks);
  const reloading = makeReloading(setup, live, serving.value, keeper, backends, leases, ending);
  const { swapping, inherited } = reloading;
  const { handing, giving } = makeGiving(setup, serving.value, reloading, () => draining() || ending.aborted);
  const context = makeContext(setup, live, chosen, { ...given.value, serving: serving.value, reloading, leases, backends, ownership, giving, draining });
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

interface ContextParts extends Given {
  readonly serving: Serving;
  readonly reloading: Reloading;
  readonly leases: Leases;
  readonly backends: Backends;
  readonly ownership: OwnershipSetup;
  readonly giving: Giving;
  readonly draining: () => boolean;
}

function makeContext(setup: DaemonSetup, live: LiveConfig, chosen: Chosen, parts: ContextParts): Context {
  const { cap, guardKey, keeper, blocks, keptBlocks, serving, reloading, leases, backends, ownership, giving, draining } = parts;
  const { config, clock, say, hostAddresses } = setup;
  const { counters, audit, ports, inForce, topDenied, markers, recorder, credentials, forwarder, flows, nameWaits } = serving;
  const { turns, opener, swapping, swap, reloader, history, changes } = reloading;
  return {
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
    nameWaits,
    ownership,
    reloader,
    source: reloading.source,
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
    engine: serving.engine,
    threads: serving.threads,
    live,
  };
}

function reopen(audit: Audit, say: (sentence: string) => void): string | null {
  const kept = audit.reopen();
  if (kept !== null) say(kept);
  return kept;
}
