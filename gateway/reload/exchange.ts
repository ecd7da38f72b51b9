// Puts a policy in force, in two phases. `prepare` checks everything that can fail, opens the new
// ports, held (nobody is served there yet), and prepares the participants. `commit` swaps all in
// one turn of the event loop, so every decision is the old policy's or the new one's. `abort` takes
// a prepare back, and after a commit puts the former policy in force again: its verdicts, its ports,
// its limits with what is owed under either policy. A connection that was closed stays closed.
import { openEngineInTurns } from "../../runtime/host/ask.ts";
import type { ListenerInfo, LoadedPolicy, PolicyEngine } from "../../runtime/host/module.ts";
import type { HostAddress } from "../listen/addresses.ts";
import type { InForce } from "../admit/admit.ts";
import type { Backends } from "../forward/backends.ts";
import type { RuleCounts } from "../audit/rule_hits.ts";
import type { Recorder } from "../audit/recorder.ts";
import type { GatewayClock } from "../clock.ts";
import type { Leases } from "../intents/leases.ts";
import { addressSentence, waitingForAddress } from "../listen/absent.ts";
import { isNotOpened, type Opener } from "../listen/open.ts";
import { overlaps, type Exposure, type OpenPort, type Ports } from "../listen/ports.ts";
import type { Forwarder } from "../connection/forwarder.ts";
import type { Markers } from "../markers.ts";
import { FREE } from "../connection/states.ts";
import { prepareParts, type Participant } from "./participant.ts";
import { grants, groupedByPort, leasedExposures, staticExposures } from "./exposures.ts";
import { beginRecheck } from "./recheck.ts";

/** Before an expose's name where a sentence is about the expose and not about an address. */
const WAITS = "expose ";

export interface ExchangeSetup {
  readonly inForce: InForce;
  readonly ports: Ports;
  readonly leases: Leases;
  readonly backends: Backends;
  readonly forwarder: Forwarder;
  readonly opener: Opener;
  readonly recorder: Recorder;
  readonly markers: Markers;
  readonly clock: GatewayClock;
  /** Sixteen random bytes, the same for the whole run, so that limits outlive a reload. */
  readonly seed: Uint8Array;
  readonly hostAddresses: () => readonly HostAddress[];
  readonly maxPorts: number;
  readonly onReload: "recheck" | "keep";
  readonly ruleHits: RuleCounts;
  readonly participants: readonly Participant[];
  /** Why a listener of the policy in force, or of the one that participants have prepared, stays closed; null where it may open. */
  readonly closedBecause: (info: ListenerInfo) => string | null;
  readonly say: (sentence: string) => void;
  /** Once aborted, no further port is opened. */
  readonly ending: AbortSignal;
}

export interface Report {
  readonly generation: number;
  /** The module's own hash. */
  readonly sha256: string;
  readonly opened: readonly string[];
  readonly closed: readonly string[];
  /** Established connections that the new policy refused and that were closed. */
  readonly rechecked: number;
  /** Ports that ought to be open and are not; they are tried again. */
  readonly failed: readonly string[];
}

export interface Refused {
  /**
   * `policy`: it can't be served; `keys`: it can't be verified; `port`: a port could not be opened;
   * `state`: it could not be kept on the disk; `participant`: another party of the change refused or failed.
   */
  readonly cause: "policy" | "keys" | "port" | "state" | "participant";
  readonly message: string;
}

export interface Prepared {
  /** Rejects with a PartFailed where a participant fails; `abort` is due then. */
  commit(): Promise<Report>;
  abort(): Promise<void>;
}

interface Readied {
  readonly policy: LoadedPolicy;
  readonly engine: PolicyEngine;
  readonly opened: readonly OpenPort[];
  readonly want: ReadonlyMap<string, Exposure>;
}

/** What was in force before; nulls before the first policy. */
interface Former {
  readonly policy: LoadedPolicy | null;
  readonly engine: PolicyEngine | null;
}

export interface Exchange {
  prepare(policy: LoadedPolicy): Promise<Prepared | Refused>;
  /** Opens what is wanted and not open, closes what is not wanted (interface addresses change). */
  reconcile(): Promise<void>;
  /** Exposes of the policy in force that listen nowhere, because the host has no address of their `bind`. */
  waiting(): readonly ListenerInfo[];
}

export function isRefused(x: object): x is Refused {
  return "cause" in x;
}

export function createExchange(setup: ExchangeSetup): Exchange {
  const { inForce, ports, leases, backends, forwarder, opener, recorder, markers, clock, say } = setup;
  let current: LoadedPolicy | null = null;
  /** The last sentence about an address that can't be opened, so that it is said once. */
  const said = new Map<string, string>();
  /** Addresses that this host lacks; tried again when its addresses change. */
  const absent = new Set<string>();
  let hostSeen = "";
  /** What the last `reconcile` that left nothing undone was about; "" when there was none. */
  let settled = "";

  function sayOnce(local: string, message: string): void {
    if (said.get(local) === message) return;
    said.set(local, message);
    say(message);
  }

  function leaveOut({ local }: Exposure, message: string): void {
    absent.add(local);
    sayOnce(local, `${message}: it is left out`);
  }

  /** Everything that `wanted` and the ports that are open depend on. */
  function situation(engine: PolicyEngine, host: readonly HostAddress[]): string {
    const held = leases.all().map(({ id }) => id).join();
    const closed = engine.info.listeners.filter((info) => setup.closedBecause(info) !== null).map(({ id }) => id).join();
    return `${inForce.generation} ${String(engine.poisoned)} ${host.join(" ")} ${held} ${closed}`;
  }

  function wanted(engine: PolicyEngine, host: readonly HostAddress[]): ReadonlyMap<string, Exposure> | string {
    const seen = host.join(" ");
    if (seen !== hostSeen) absent.clear();
    hostSeen = seen;
    const fixed = staticExposures(engine, backends, host, setup.maxPorts);
    if (typeof fixed === "string") return fixed;
    const leased = leases.all().flatMap((lease) => leasedExposures(engine, lease, host));
    return new Map([...fixed, ...leased].filter(({ info }) => setup.closedBecause(info) === null).map((e) => [e.local, e]));
  }

  /** Opens each; stops at the first that fails for another reason than a missing address. */
  async function openAll(list: readonly Exposure[], engine: PolicyEngine, generation: number, leaving: number): Promise<OpenPort[] | string> {
    const opened: OpenPort[] = [];
    for (const exposure of list) {
      const result = setup.ending.aborted
        ? { absent: false, message: "the gateway is stopping" }
        : await opener.open(exposure, engine, generation, true, leaving);
      if (!isNotOpened(result)) opened.push(result);
      else if (result.absent) leaveOut(exposure, result.message);
      else {
        for (const port of opened) ports.close(port);
        return result.message;
      }
    }
    return opened;
  }

  /** What a policy needs: its engine and its new ports, held. With `late`, a port that can't be opened now is tried again after the swap. */
  async function preparePolicy(policy: LoadedPolicy, busy: "refuse" | "late"): Promise<Readied | Refused> {
    const engine = await openEngineInTurns(policy, setup.seed);
    setClock(engine);
    const want = wanted(engine, setup.hostAddresses());
    if (typeof want === "string") return { cause: "policy", message: want };
    const missing = [...want.values()].filter(({ local }) => ports.at(local) === undefined && !absent.has(local));
    // What an own socket that goes away still occupies is opened after the swap.
    const leaving = ports.all().filter(({ local }) => !want.has(local));
    const leavingAt = groupedByPort(leaving);
    const blocked = (e: Exposure): boolean => leavingAt.get(e.port)?.some((open) => overlaps(open, e)) ?? false;
    const opened = await openAll(missing.filter((e) => !blocked(e)), engine, inForce.generation + 1, leaving.length);
    if (typeof opened === "string" && busy === "refuse") return { cause: "port", message: opened };

    return { policy, engine, opened: typeof opened === "string" ? [] : opened, want };
  }

  async function prepare(policy: LoadedPolicy): Promise<Prepared | Refused> {
    // Which ports may open depends on what participants have.
    const parts = await prepareParts(setup.participants, policy.info, say);
    if (typeof parts === "string") return { cause: "participant", message: parts };
    const ready = await preparePolicy(policy, "refuse").catch(async (error: unknown) => {
      await parts.abort();
      throw error;
    });
    if (isRefused(ready)) {
      await parts.abort();
      return ready;
    }
    const release = (): void => {
      for (const port of ready.opened) ports.close(port);
    };
    const former: Former = { policy: current, engine: inForce.engine };
    let state: "prepared" | "committed" | "aborted" = "prepared";
    return {
      async commit() {
        if (state !== "prepared") throw new Error(`a policy that is ${state} can't be committed`);
        state = "committed";
        return commit(ready, () => parts.commit());
      },
      async abort() {
        const was = state;
        state = "aborted";
        if (was === "prepared") {
          release();
          await parts.abort();
        } else if (was === "committed") await restore(former, () => parts.abort());
      },
    };
  }

  /** `inTurn` is called in the turn of the swap, after it. */
  async function commit({ policy, engine, opened, want: prepared }: Readied, inTurn: () => Promise<void>, owed: PolicyEngine | null = null): Promise<Report> {
    // From here to the swap nothing waits. A lease may have ended since `prepare`.
    const alive = (e: Exposure): boolean => e.lease === null || leases.get(e.lease) !== undefined;
    const want = new Map([...prepared].filter(([, e]) => alive(e)));
    const before = new Set(ports.all().filter((p) => !opened.includes(p)).map((p) => p.port));
    setClock(engine);
    if (inForce.engine !== null) {
      setClock(inForce.engine);
      engine.takeState(inForce.engine);
    }
    if (owed !== null) {
      setClock(owed);
      engine.importState(owed.exportState());
    }
    const generation = inForce.generation + 1;
    const recheck = beginRecheck({
      forwarder, recorder, engine, generation, onReload: setup.onReload, numbered: (n) => ports.numbered(n),
    });
    const closing = ports.all().filter((open) => !want.has(open.local));
    for (const open of ports.all()) open.serves = want.get(open.local) ?? open.serves;
    if (inForce.engine !== null) setup.ruleHits.carry(inForce.engine.info, engine.info);
    inForce.engine = engine;
    inForce.generation = generation;
    current = policy;
    for (const open of closing) ports.close(open);
    for (const open of opened) open.socket.release();
    dropLeases(engine);
    const others = inTurn();
    const settled = Promise.allSettled([others]);
    // From here on the new policy decides; what it refuses of the past is closed in turns.
    const rechecked = await recheck();
    await settled;
    await others;

    const late = [...want.values()].filter(({ local }) => ports.at(local) === undefined && !absent.has(local));
    const failed: string[] = [];
    const opens = [...opened];
    for (const exposure of late) {
      if (setup.ending.aborted) break;
      const result = await opener.open(exposure, engine, generation, false);
      if (!isNotOpened(result)) opens.push(result);
      else if (result.absent) leaveOut(exposure, result.message);
      else {
        failed.push(result.message);
        sayOnce(exposure.local, result.message);
      }
    }
    announce(opens.filter((open) => !open.closing), before);
    sayWaiting();
    tidy();
    return {
      generation,
      sha256: policy.info.sha256,
      opened: opens.filter((open) => !open.closing).map(({ local }) => local),
      closed: closing.map(({ local }) => local),
      rechecked,
      failed,
    };
  }

  /** `inTurn` is called in the turn in which the former policy decides again. */
  async function restore({ policy, engine: owed }: Former, inTurn: () => Promise<void>): Promise<void> {
    const again = policy === null ? null : await preparePolicy(policy, "late");
    if (again !== null && !isRefused(again)) {
      // INVARIANT: nobody's tokens come back by it, so what is owed under the former one counts too.
      await commit(again, inTurn, owed);
      return;
    }
    if (again !== null) say(`the former policy can't be put in force again: ${again.message}: everything is refused until a reload`);
    for (const open of ports.all()) ports.close(open);
    inForce.engine = null;
    current = null;
    await inTurn();
  }

  function waiting(): readonly ListenerInfo[] {
    const { engine } = inForce;
    return engine === null ? [] : waitingForAddress(engine.info.listeners, ports, setup.hostAddresses(), absent);
  }

  /** Says once of each expose that it waits, and again where it has come to wait anew. */
  function sayWaiting(): void {
    const names = new Set<string>();
    for (const info of waiting()) {
      names.add(WAITS + info.name);
      sayOnce(WAITS + info.name, addressSentence(info));
    }
    for (const key of said.keys()) if (key.startsWith(WAITS) && !names.has(key)) said.delete(key);
  }

  /** One marker a port, whatever the number of its addresses. */
  function announce(opened: readonly OpenPort[], before: ReadonlySet<number>): void {
    for (const port of new Set(opened.map((open) => open.port))) {
      if (!before.has(port)) markers.portOpen(port);
    }
    for (const { local } of opened) said.delete(local);
  }

  /** Leases that the policy no longer grants end; their owners are told. */
  function dropLeases(engine: PolicyEngine): void {
    for (const lease of leases.all()) {
      if (grants(engine, lease)) continue;
      leases.delete(lease.id);
      say(`the lease of \`${lease.service}\` for port ${lease.port} ends: the policy no longer grants it`);
      lease.ended("the policy no longer grants it", "policy");
    }
  }

  function setClock(engine: PolicyEngine): void {
    engine.setClock({ monoMs: clock.monoMs(), wallSeconds: Math.floor(clock.wallMs() / 1000) });
  }

  function tidy(): void {
    const { table } = forwarder;
    const used = new Set<number>();
    for (let row = 0; row < table.rows; row++) if (table.state[row] !== FREE) used.add(table.socket[row] ?? -1);
    ports.forget((number) => used.has(number));
    backends.prune(new Set(ports.all().map(({ serves }) => serves.backend.address.key)));
  }

  return {
    prepare,
    waiting,
    async reconcile() {
      const { engine, generation } = inForce;
      if (engine === null) return;
      const host = setup.hostAddresses();
      const now = situation(engine, host);
      if (now === settled) return;
      settled = "";
      const want = wanted(engine, host);
      if (typeof want === "string") return sayOnce("", want);
      let failed = false;
      const before = new Set(ports.all().map(({ port }) => port));
      for (const open of ports.all()) if (!want.has(open.local)) ports.close(open);
      const opened: OpenPort[] = [];
      for (const exposure of want.values()) {
        if (setup.ending.aborted) return;
        if (ports.at(exposure.local) !== undefined || absent.has(exposure.local)) continue;
        const result = await opener.open(exposure, engine, generation, false);
        if (!isNotOpened(result)) opened.push(result);
        else if (result.absent) leaveOut(exposure, result.message);
        else {
          failed = true;
          sayOnce(exposure.local, result.message);
        }
      }
      announce(opened, before);
      if (!failed) sayWaiting();
      tidy();
      if (!failed) settled = now;
    },
  };
}
