// The engine and the ports of a change of policy. `ready` makes both and lets nobody use them; `take` swaps them in
// within one turn of the event loop, so that every decision is the previous policy's or the new one's; `restore` puts
// the previous policy in force again: its verdicts, its ports, its limits with what is owed under either policy.
import type { PolicyEngine } from "../../runtime/host/module.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type { Candidate } from "../../runtime/shell/policy_in_force.ts";
import { prepareSets, setsOf } from "../admit/address_sets.ts";
import type { InForce } from "../admit/desk.ts";
import type { NameWaits } from "../admit/name_waits.ts";
import type { RuleCounts } from "../audit/rule_hits.ts";
import type { Recorder } from "../audit/recorder.ts";
import type { Blocks } from "../blocks/blocks.ts";
import type { GatewayClock } from "../clock.ts";
import { FREE } from "../connection/states.ts";
import type { Forwarder } from "../connection/forwarder.ts";
import type { Known } from "../connection/table.ts";
import type { Places } from "../connection/places.ts";
import { triedAddresses } from "../listen/addresses.ts";
import type { Inherited } from "../listen/inherited.ts";
import { byKey, exposureOf, overlaps, type Exposure, type OpenPort } from "../listen/ports.ts";
import { grants, groupedByPort } from "./exposures.ts";
import { portsOf, type Openings, type OpeningsSetup, type Wanted } from "./openings.ts";
import { beginRecheck, type Recheck } from "./recheck.ts";
import { refusedBy, type Refused, type Report } from "./report.ts";

export interface SwapSetup extends OpeningsSetup {
  readonly inForce: InForce;
  readonly openings: Openings;
  readonly forwarder: Forwarder;
  readonly recorder: Recorder;
  readonly clock: GatewayClock;
  /** Sixteen random bytes, the same for the whole run, so that limits outlive a reload. */
  readonly seed: Uint8Array;
  /** Of the configuration that is in force after the swap. */
  readonly onReload: () => "recheck" | "keep";
  readonly ruleHits: RuleCounts;
  readonly nameWaits: NameWaits;
  readonly places: Places;
  readonly isRevoked: (known: Known) => boolean;
  readonly blocks: Pick<Blocks, "of" | "size">;
  /** Sockets that the process was given; looked at before the first policy is in force. */
  readonly inherited: Inherited;
}

/** A policy that was checked. Its bytes are not part of it, so that they can be freed. */
export type Openable = Pick<Candidate, "policy" | "open">;

/** A policy's engine and ports, before it is in force. */
export interface Ready extends Openable {
  readonly engine: PolicyEngine;
  /** Listening and paused. */
  readonly opened: readonly OpenPort[];
  readonly want: Wanted;
}

/** The policy and the engine that were in force before; null before the first policy. */
export interface Previous {
  readonly policy: Openable | null;
  readonly engine: PolicyEngine | null;
}

/** Commits a candidate, or takes it back; the answer is the new generation. */
export type Commit = (engine: PolicyEngine) => number;

/** The work that remains after the turn of the swap. */
interface Turned {
  readonly generation: number;
  readonly want: Wanted;
  readonly closed: readonly OpenPort[];
  /** Ports that were open before, as portsOf has them. */
  readonly before: ReadonlyMap<string, OpenPort>;
  readonly recheck: Recheck;
}

export class Swap {
  readonly #setup: SwapSetup;
  #current: Openable | null = null;
  /** Sockets that listen for a policy that is not in force. */
  #paused: readonly OpenPort[] = [];

  constructor(setup: SwapSetup) {
    this.#setup = setup;
  }

  /** Whether a socket listens for a prepared policy, so that nobody is served there. */
  isPaused(open: OpenPort): boolean {
    return this.#paused.includes(open);
  }

  previous(): Previous {
    return { policy: this.#current, engine: this.#setup.inForce.engine };
  }

  /** With `late`, ports are tried again after the swap where one can't be opened now. */
  async ready({ policy, open }: Openable, busy: "refuse" | "late"): Promise<Result<Ready, Refused>> {
    const { seed, hostAddresses, openings, ports, inForce, inherited, recorder } = this.#setup;
    const opening = await open(seed);
    if (!opening.ok) return failed(refusedBy(opening.error));
    const engine = opening.value;
    // Before the turn of the swap, which looks up every connection in them.
    await prepareSets(setsOf(engine.info.listeners));
    this.#setClock(engine);
    // A change of the configuration alone takes effect, whatever the policy says; and the previous policy is not refused.
    const isOther = busy === "refuse" && this.#current?.policy.info.sha256 !== policy.info.sha256;
    const refusal = isOther ? openings.refusal(engine) : null;
    if (refusal !== null) return failed({ cause: "policy", message: refusal });
    const host = triedAddresses(hostAddresses);
    if (!host.ok) return failed({ cause: "port", message: `the addresses of this host can't be read: ${host.error}` });
    const want = openings.wanted(engine, host.value);
    if (!want.ok) return failed({ cause: "policy", message: want.error });
    const foreign = inForce.generation > 0 ? null : inherited.check(engine, 1, (key) => want.value.has(key), recorder);
    if (foreign !== null) return failed({ cause: "sockets", message: foreign });
    // The place of an own socket that is to close is free only after the swap.
    const closing = ports.all().filter(({ key }) => !want.value.has(key));
    const closingAt = groupedByPort(closing);
    const blocked = (e: Exposure): boolean => closingAt.get(e.port)?.some((open) => open.proto === e.proto && overlaps(open, e)) ?? false;
    const missing = openings.missing(want.value).filter((e) => !blocked(e));
    const opened = await openings.openPaused(missing, engine, inForce.generation + 1, closing.length);
    if (!opened.ok && busy === "refuse") return failed({ cause: "port", message: opened.error });
    this.#paused = opened.ok ? opened.value : [];
    return ok({ policy, open, engine, opened: this.#paused, want: want.value });
  }

  /** Undoes `ready`. */
  release({ opened }: Ready): void {
    this.#paused = [];
    for (const port of opened) this.#setup.ports.close(port);
    this.#tidy();
  }

  /**
   * Puts it in force by `commit`. `inTurn` is called in the turn of the swap, after it; its error is the answer, and `restore` is due then.
   * `owed`: an engine whose limits count too.
   */
  async take(ready: Ready, commit: Commit, inTurn: () => Promise<Result<null, string>>, owed: PolicyEngine | null = null): Promise<Result<Report, string>> {
    const { inForce, openings } = this.#setup;
    const { engine, policy } = ready;
    const { generation, want, closed, before, recheck } = this.#turn(ready, commit, owed);
    const others = inTurn();
    // From here on the new policy decides; what it refuses of the past is closed in turns.
    const [rechecked, finished] = await Promise.all([recheck(), others]);
    if (!finished.ok) return finished;
    // Since the turn, or in it, a lease may have ended.
    const late = await openings.openNow(openings.missing(this.#withLeases(want)), engine, generation);
    const opens = [...ready.opened, ...late.opened].filter((open) => !open.closing);
    openings.announce(opens, before);
    openings.sayUnserved(inForce.engine);
    this.#tidy();
    return ok({
      generation,
      sha256: policy.info.sha256,
      opened: opens.map(({ local }) => local),
      closed: closed.map(({ local }) => local),
      rechecked,
      failed: late.failures,
    });
  }

  /** `takeBack` and `inTurn` are called in the turn in which the previous policy decides again; null where nothing does. */
  async restore({ policy, engine: owed }: Previous, takeBack: (engine: PolicyEngine | null) => number, inTurn: () => Promise<void>): Promise<void> {
    const { ports, say } = this.#setup;
    const again = policy === null ? null : await this.ready(policy, "late");
    if (again?.ok === true) {
      // INVARIANT: nobody's tokens come back by it, so what is owed under the previous one counts too.
      await this.take(again.value, takeBack, () => inTurn().then(() => ok(null)), owed);
      return;
    }
    if (again !== null) say(`the previous policy can't be put in force again: ${again.error.message}: everything is refused until a reload`);
    for (const open of ports.all()) ports.close(open);
    takeBack(null);
    this.#current = null;
    await inTurn();
  }

  /** Runs without a pause. */
  #turn({ policy, open, engine, opened, want: prepared }: Ready, commit: Commit, owed: PolicyEngine | null): Turned {
    const { inForce, ports, backends, forwarder, recorder, onReload, ruleHits, nameWaits, places, blocks, isRevoked } = this.#setup;
    // A lease may have ended since `ready`.
    const want = this.#withLeases(prepared);
    const before = portsOf(ports.all().filter((p) => !opened.includes(p)));
    this.#moveLimits(engine, owed);
    const recheck = beginRecheck({
      forwarder,
      recorder,
      engine,
      generation: inForce.generation + 1,
      onReload: onReload(),
      nameWaits,
      places,
      blocks,
      isRevoked,
      isOutside: backends.remote.isOutside,
      numbered: (n) => ports.numbered(n),
    });
    const closed = ports.all().filter(({ key }) => !want.has(key));
    for (const port of ports.all()) port.serves = want.get(port.key) ?? port.serves;
    if (inForce.engine !== null) ruleHits.keepCounts(inForce.engine.info, engine.info);
    const generation = commit(engine);
    this.#current = { policy, open };
    this.#paused = [];
    for (const port of closed) ports.close(port);
    for (const port of opened) port.socket.release();
    this.#dropLeases(engine);
    return { generation, want, closed, before, recheck };
  }

  /** Without those of leases that have ended. */
  #withLeases(want: Wanted): Wanted {
    const { leases } = this.#setup;
    return byKey([...want.values()].flatMap((one) => exposureOf(one, ({ lease }) => lease === null || leases.get(lease) !== undefined) ?? []));
  }

  #moveLimits(engine: PolicyEngine, owed: PolicyEngine | null): void {
    const { inForce } = this.#setup;
    this.#setClock(engine);
    if (inForce.engine !== null) {
      this.#setClock(inForce.engine);
      engine.takeState(inForce.engine);
    }
    if (owed === null) return;
    this.#setClock(owed);
    engine.importState(owed.exportState());
  }

  /** Leases that the policy no longer grants end; their owners get a notification. */
  #dropLeases(engine: PolicyEngine): void {
    const { leases, say } = this.#setup;
    for (const lease of leases.all()) {
      if (grants(engine, lease)) continue;
      leases.delete(lease.id);
      say(`the lease of \`${lease.service}\` for port ${lease.port} ends: the policy no longer grants it`);
      lease.ended("the policy no longer grants it", "policy");
    }
  }

  /** Forgets sockets and backends that nothing refers to any more. */
  #tidy(): void {
    tidy(this.#setup);
  }

  #setClock(engine: PolicyEngine): void {
    const { clock } = this.#setup;
    engine.setClock({ monoMs: clock.monoMs(), wallSeconds: Math.floor(clock.wallMs() / 1000) });
  }
}

export function tidy({ forwarder: { table }, ports, backends }: Pick<SwapSetup, "forwarder" | "ports" | "backends">): void {
  const used = new Set<number>();
  for (let row = 0; row < table.rows; row++) if (table.state[row] !== FREE) used.add(table.socket[row] ?? -1);
  ports.forget((number) => used.has(number));
  backends.prune(ports.all().flatMap(({ serves }) => serves.exposes.flatMap((expose) => expose.backends)));
}
