// The parts that open ports, replace the policy, and hand the gateway over to the next one.
import { randomBytes } from "node:crypto";
import { closeSync } from "node:fs";
import type { PolicyEngine } from "../runtime/host/module.ts";
import { systemDisk } from "../runtime/shell/disk.ts";
import { openLibc } from "../runtime/shell/libc.ts";
import { openUnixMessages } from "../runtime/shell/unix_messages.ts";
import type { LiveConfig } from "./config/live.ts";
import type { Backends } from "./forward/backends.ts";
import type { Leases } from "./intents/leases.ts";
import { Inherited } from "./listen/inherited.ts";
import { createOpener } from "./listen/open.ts";
import { CoordinatedChanges } from "./reload/coordinated.ts";
import { ReloadHistory } from "./reload/history.ts";
import type { Keeper } from "./reload/keeper.ts";
import { Openings, type OpeningsSetup } from "./reload/openings.ts";
import { Reloader } from "./reload/reload.ts";
import { Swap, type SwapSetup } from "./reload/swap.ts";
import { createTurns } from "./reload/turns.ts";
import type { Serving } from "./serving.ts";
import type { DaemonSetup, Handing } from "./setup.ts";
import { SourceFollower, type SourceSetup } from "./source/follow.ts";
import { adopt } from "./takeover/adopting.ts";
import { Giving, type GivingSetup } from "./takeover/giving.ts";

/** Opens ports and replaces the policy. */
export function makeReloading(
  setup: DaemonSetup,
  live: LiveConfig,
  serving: Serving,
  keeper: Keeper | null,
  backends: Backends,
  leases: Leases,
  ending: AbortSignal,
) {
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
  const source = makeSource(setup, { live, keeper, inForce, reloader, turns, ending });
  return { turns, opener, swapping, swap, reloader, history, changes, inherited, seed, source };
}

/** Null where the policy is a file. */
function makeSource(setup: DaemonSetup, of: Pick<SourceSetup, "live" | "inForce" | "reloader" | "turns" | "ending"> & { readonly keeper: Keeper | null }) {
  const { clock, say, disk = systemDisk, env = {}, random = Math.random } = setup;
  const { keeper } = of;
  if (keeper === null || of.live.config.policy.source === undefined) return null;
  return new SourceFollower({ ...of, keeper, clock, say, disk, env, random });
}

export type Reloading = ReturnType<typeof makeReloading>;

/** Hands this gateway over to the next one. */
export function makeGiving({ clock, say }: DaemonSetup, serving: Serving, reloading: Reloading, isEnding: () => boolean) {
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
