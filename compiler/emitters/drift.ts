// The difference of an engine and the policy: per place the requests that only the one or only the other admits.
import { cellsOf } from "../analysis/cells.ts";
import { ALWAYS, NEVER, type Diagram } from "../analysis/diagrams.ts";
import type { ListenerModel, PolicyModel, RuleModel } from "../analysis/model.ts";
import { ANY } from "../check/sets/builtin_nets.ts";
import { joinedRanges } from "../analysis/number_ranges.ts";
import { Permitted } from "../analysis/permitted.ts";
import { Space } from "../analysis/space.ts";
import type { AddressSet, PortRange } from "../policy/policy.ts";
import type { Running, RunningPlace, RunningRule } from "./emitter.ts";
import { atNumber } from "./plan.ts";

export interface Drifted {
  /** Numbers of the listeners of the policy there. */
  readonly listeners: readonly number[];
  readonly proto: "tcp" | "udp";
  readonly ports: readonly PortRange[];
  readonly local: AddressSet | null;
  /** Requests that only the engine admits, and that only the policy does. */
  readonly opened: Diagram;
  readonly closed: Diagram;
}

export interface Drift {
  readonly space: Space;
  readonly places: readonly Drifted[];
}

/** `written`: the listeners that the target has. Throws OutOfNodes where the budget is used up. */
export function driftOf(model: PolicyModel, written: (listener: ListenerModel) => boolean, running: Running, asOf: number | null, nodes: number): Drift {
  const other = modelOf(running.places);
  const hosts = running.places.flatMap(({ rules }) => rules.flatMap(({ names }) => names?.hosts ?? []));
  const space = new Space([model, other], nodes, { hosts, ids: new Map() });
  const permitted = new Permitted(space, model);
  const moments = space.moments(asOf === null ? [{ first: 1, last: space.times.count - 1 }] : [classAt(space, asOf)]);
  const known = space.diagrams.and(moments, space.possible);
  const reader = new PlaceReader(space);
  const untouched = running.otherPorts === "refused" ? NEVER : space.sources(ANY);
  const places = cellsOf([model, other]).flatMap(({ proto, ports, local, members: [own = [], theirs = []] }): readonly Drifted[] => {
    const mine = own.filter((i) => {
      const listener = model.listeners[i];
      return listener !== undefined && written(listener);
    });
    // A port that neither the policy nor the target speaks of.
    if (mine.length === 0 && theirs.length === 0) return [];
    // At other addresses an exposed port is closed.
    const port = ports[0]?.first ?? 0;
    const isExposed = model.listeners.some((one) => written(one) && one.proto === proto && one.ports.some(({ first, last }) => first <= port && port <= last));
    const wanted = isExposed ? permitted.cell(own, mine) : untouched;
    const is = theirs.length === 0 ? untouched : space.diagrams.any(theirs.map((i) => reader.diagram(running.places[i])));
    const moved = (d: Diagram): Diagram => cleared(space, space.diagrams.and(d, known), asOf);
    const [opened, closed] = [moved(space.diagrams.minus(is, wanted)), moved(space.diagrams.minus(wanted, is))];
    return opened === NEVER && closed === NEVER ? [] : [{ listeners: mine, proto, ports, local, opened, closed }];
  });
  return { space, places };
}

function classAt({ times }: Space, at: number): { readonly first: number; readonly last: number } {
  const number = times.classOf(at);
  return { first: number, last: number };
}

/** At one moment the time needs no words. */
function cleared(space: Space, d: Diagram, asOf: number | null): Diagram {
  return asOf === null ? d : atNumber(space, d, 0, space.nameLevel, space.times.classOf(asOf));
}

/** The places of an engine as listeners without rules, so that they are cut like those of a policy; and its moments. */
function modelOf(places: readonly RunningPlace[]): PolicyModel {
  const rule = ({ clients, after, until }: RunningRule): RuleModel => ({ from: "", sni: null, client: clientKey(clients), after, until, dryrun: false });
  const empty: AddressSet = { bounds: new Uint32Array(0) };
  const words = new Map(places.flatMap(({ rules }) => rules.flatMap(({ clients }) => (clients ? [[clientKey(clients) ?? "", clients] as const] : []))));
  return {
    listeners: places.map(({ name, proto, ports, local, rules }, i) => ({
      name,
      proto,
      ports,
      bind: local === null ? null : String(i),
      mode: "tcp",
      names: null,
      allows: rules.map(rule),
      denies: [],
      refusesInvalidNames: false,
      rest: new Map(),
    })),
    denies: [],
    dials: [],
    net: (key) => places[Number(key)]?.local ?? empty,
    hosts: () => ({ self: false, one: false, deep: false, children: new Map() }),
    ids: (key) => words.get(key) ?? [],
  };
}

/** No set of a policy has such a key. */
function clientKey(words: RunningRule["clients"]): string | null {
  return words === null || words === undefined ? null : `running ${JSON.stringify(words)}`;
}

class PlaceReader {
  readonly #space: Space;

  constructor(space: Space) {
    this.#space = space;
  }

  /** The first rule that fits decides, so that the last one is the first to be written. */
  diagram(place: RunningPlace | undefined): Diagram {
    const { diagrams } = this.#space;
    return (place?.rules ?? []).reduceRight((rest: Diagram, rule) => {
      const fits = this.#condition(rule);
      return rule.admits ? diagrams.or(fits, rest) : diagrams.minus(rest, fits);
    }, NEVER);
  }

  #condition({ sources, names, clients, after, until }: RunningRule): Diagram {
    const { diagrams, times } = this.#space;
    const key = clientKey(clients);
    const moments = times.rangesOf({ after, until });
    const parts = [
      moments === null ? ALWAYS : this.#space.moments(moments),
      names === null ? ALWAYS : (
        this.#space.named(joinedRanges([...(names.nameless ? [{ first: 0, last: 0 }] : []), ...this.#space.names.rangesOf(names.hosts)]))
      ),
      key === null ? ALWAYS : this.#space.clients(key),
      this.#space.sources(sources),
    ];
    return parts.reduceRight((rest, part) => diagrams.and(part, rest), ALWAYS);
  }
}
