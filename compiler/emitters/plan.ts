// The permitted set of a policy, cut into what a target writes: places (protocol, ports, local addresses), at each the names that it
// distinguishes, and for each of these who is admitted and when. It comes from the analysis, so that denies, exceptions and the
// order of rules are gone.
import { cellsOf } from "../analysis/cells.ts";
import { NEVER, type Diagram } from "../analysis/diagrams.ts";
import { lastFact, Permitted } from "../analysis/permitted.ts";
import type { ListenerModel, PolicyModel } from "../analysis/model.ts";
import { NAMELESS } from "../analysis/names.ts";
import { Space } from "../analysis/space.ts";
import type { AddressSet, CheckedExpose, PortRange } from "../policy/policy.ts";
import { clientGrants, type ClientGrant, type Clients } from "./plan_clients.ts";

/** Sources that a listener admits from a moment on and until another. */
export interface Grant {
  /** Number of the listener. */
  readonly listener: number;
  /** UTC seconds. */
  readonly after: number | null;
  readonly until: number | null;
  readonly clients: Clients;
  readonly sources: AddressSet;
}

export interface NamedGrants {
  /** `www.example.com`, `*.example.com` (one label more) or `**.example.com` (two or more labels more). */
  readonly pattern: string;
  readonly grants: readonly Grant[];
}

export interface Place {
  readonly proto: "tcp" | "udp";
  readonly ports: readonly PortRange[];
  /** Null: any address of the host. */
  readonly local: AddressSet | null;
  readonly members: readonly number[];
  /** Null: names decide nothing here, and `grants` has all. The narrowest pattern that fits a name decides, and they come first. */
  readonly names: readonly NamedGrants[] | null;
  /** Of clients without a name, where names decide. */
  readonly grants: readonly Grant[];
}

export interface LeftOut {
  /** `cap`, `limit`, `amplify`, `direct`, `dryrun`, `backend` or `dial`. */
  readonly what: string;
  /** The listener or the service; empty at top level. */
  readonly of: string;
  /** One sentence without an end. */
  readonly says: string;
}

export interface Plan {
  readonly exposes: readonly CheckedExpose[];
  /** The same, as the module has them. */
  readonly listeners: readonly ListenerModel[];
  /** The compiled module, for a target that runs it. */
  readonly module: Uint8Array;
  readonly places: readonly Place[];
  readonly leftOut: readonly LeftOut[];
  /** Of the policy, as `inspect` shows it. */
  readonly hash: string;
  /** The moment that it is right at, and the next one at which it would differ; null: it is right at every moment. */
  readonly asOf: { readonly at: number; readonly next: number | null } | null;
}

export interface Analysed {
  readonly space: Space;
  readonly permitted: Permitted;
  readonly model: PolicyModel;
}

/** Throws OutOfNodes where the budget is used up. */
export function analysed(model: PolicyModel, nodes: number): Analysed {
  const space = new Space([model], nodes);
  return { space, permitted: new Permitted(space, model), model };
}

/** The places that some of the listeners are at. */
export function placesOf(from: Analysed, written: (listener: ListenerModel) => boolean, asOf: number | null): readonly Place[] {
  const cutter = new Cutter(from, asOf);
  return cellsOf([from.model]).flatMap(({ proto, ports, local, members: [members = []] }) => {
    const own = members.filter((i) => {
      const listener = from.model.listeners[i];
      return listener !== undefined && written(listener);
    });
    return own.length === 0 ? [] : [{ proto, ports, local, members: own, ...cutter.grantsOf(members, own) }];
  });
}

/** The next moment behind `at` from which some place admits others; null: none. */
export function nextChange({ space, permitted, model }: Analysed, at: number): number | null {
  const { times } = space;
  const all = model.listeners.map((_, i) => permitted.listener(i));
  const now = times.classOf(at);
  const same = (d: Diagram, time: number): boolean => atNumber(space, d, 0, space.nameLevel, time) === atNumber(space, d, 0, space.nameLevel, now);
  for (let time = now + 1; time < times.count; time++) if (!all.every((d) => same(d, time))) return times.startOf(time);
  return null;
}

/** A diagram where the number between two levels is known. */
export function atNumber({ diagrams }: Space, d: Diagram, from: number, end: number, number: number): Diagram {
  let node = d;
  for (let level = from; level < end; level++) {
    if (diagrams.levelOf(node) !== level) continue;
    node = ((number >>> (end - 1 - level)) & 1) === 1 ? diagrams.highOf(node) : diagrams.lowOf(node);
  }
  return node;
}

class Cutter {
  readonly #from: Analysed;
  readonly #asOf: number | null;
  readonly #sets = new Map<Diagram, AddressSet>();

  constructor(from: Analysed, asOf: number | null) {
    this.#from = from;
    this.#asOf = asOf;
  }

  grantsOf(members: readonly number[], own: readonly number[]): Pick<Place, "names" | "grants"> {
    const { space, permitted, model } = this.#from;
    const parts = own.map((i) => ({ i, d: permitted.cell(members, [i]) }));
    const readsNames = own.some((i) => {
      const listener = model.listeners[i];
      if (listener === undefined) return false;
      // A listener whose rules name names refuses invalid ones, also where these rules change no set.
      return listener.refusesInvalidNames || (lastFact(listener) !== "source" && (permitted.leads(members, i) !== null || this.#looks(permitted.listener(i))));
    });
    const nameless = this.#grants(parts, NAMELESS);
    if (!readsNames) return { names: null, grants: nameless };
    const said = new Map<string, string>();
    const names: NamedGrants[] = [];
    // The widest come first here, so that a narrower one that says the same is left out.
    for (const { pattern, number, wider } of [...space.names.patterns()].reverse()) {
      const key = this.#key(parts, number);
      said.set(pattern, key);
      // Where `**.s` is there, `*.s` is too, so that the two say together what is below s.
      const isBeside = names.some((one) => one.pattern === `*${pattern}`);
      if (!isBeside && key === (wider === null ? this.#nobody(parts) : said.get(wider))) continue;
      names.unshift({ pattern, grants: this.#grants(parts, number) });
    }
    return { names, grants: nameless };
  }

  #looks(d: Diagram): boolean {
    const { space } = this.#from;
    const first = this.#key([{ d }], NAMELESS);
    for (let number = 1; number < space.names.count; number++) if (this.#key([{ d }], number) !== first) return true;
    return false;
  }

  #times(): readonly number[] {
    const { times } = this.#from.space;
    // The clock of a machine that runs an engine is known.
    return this.#asOf === null ? Array.from({ length: times.count - 1 }, (_, i) => i + 1) : [times.classOf(this.#asOf)];
  }

  /** Equal for names that are treated alike. */
  #key(parts: readonly { readonly d: Diagram }[], name: number): string {
    return parts.flatMap(({ d }) => this.#times().map((time) => this.#at(d, time, name))).join();
  }

  #nobody(parts: readonly unknown[]): string {
    return parts.flatMap(() => this.#times().map(() => NEVER)).join();
  }

  #at(d: Diagram, time: number, name: number): Diagram {
    const { space } = this.#from;
    return atNumber(space, atNumber(space, d, 0, space.nameLevel, time), space.nameLevel, space.idLevel, name);
  }

  /** First the sources that are always admitted, then those that are from one moment to another. */
  #grants(parts: readonly { readonly i: number; readonly d: Diagram }[], name: number): readonly Grant[] {
    const { diagrams, times } = this.#from.space;
    const moments = this.#times();
    return parts.flatMap(({ i, d }) => {
      const nodes = moments.map((time) => this.#at(d, time, name));
      const always = nodes.reduce((all, node) => diagrams.and(all, node));
      const out: Grant[] = this.#byClients(always).map((part) => ({ listener: i, after: null, until: null, ...part }));
      for (let at = 0; at < nodes.length;) {
        const node = nodes[at] ?? NEVER;
        let end = at;
        while (nodes[end + 1] === node) end++;
        const more = diagrams.minus(node, always);
        const [first, last] = [moments[at] ?? 1, moments[end] ?? 1];
        const [after, until] = [first === 1 ? null : times.startOf(first), times.endOf(last)];
        out.push(...this.#byClients(more).map((part) => ({ listener: i, after, until, ...part })));
        at = end + 1;
      }
      return out;
    });
  }

  #byClients(d: Diagram): readonly ClientGrant[] {
    if (d === NEVER) return [];
    const { space } = this.#from;
    return space.diagrams.levelOf(d) < space.sourceLevel ? clientGrants(space, d, (one) => this.#set(one)) : [{ clients: null, sources: this.#set(d) }];
  }

  #set(d: Diagram): AddressSet {
    const known = this.#sets.get(d) ?? this.#from.space.addressesOf(d);
    this.#sets.set(d, known);
    return known;
  }
}
