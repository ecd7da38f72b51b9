// Whether claims are true of every request that a policy can get: each as a set of requests that would contradict it, which is
// empty or has a witness. Caps and limits have no part in it, and `dryrun` rules neither.
import { ANY } from "../check/sets/builtin_nets.ts";
import type { AddressSet, CheckedClaim, PortRange } from "../policy/policy.ts";
import { cellsOf, type Cell } from "./cells.ts";
import { ALWAYS, NEVER, OutOfNodes, type Diagram } from "./diagrams.ts";
import type { ListenerModel, PolicyModel } from "./model.ts";
import { Permitted, portsMeet } from "./permitted.ts";
import { witnessOf } from "./rows.ts";
import { Space, type Facts } from "./space.ts";

/** A request that contradicts a claim. */
export interface Contradiction {
  readonly proto: "tcp" | "udp";
  readonly port: number;
  /** Addresses of the host, one of which it comes to; null: any. */
  readonly local: AddressSet | null;
  /** Numbers of the listeners at that place. Without one nothing is exposed there. */
  readonly members: readonly number[];
  readonly facts: Facts;
  /** Whether the moment matters. */
  readonly isTimed: boolean;
  /** Whether the policy admits it; of an `always` an expose that the claim is not about then does. */
  readonly admitted: boolean;
}

export type Proof = { readonly verdict: "proven" } | { readonly verdict: "not_proven" } | { readonly verdict: "false"; readonly contradiction: Contradiction };

export interface Proofs {
  /** One for each claim. */
  readonly proofs: readonly Proof[];
  readonly nodes: number;
  /** Null where the sets of the policy alone were too many. */
  readonly space: Space | null;
}

/** Past the budget that claim and those behind it are not proven. */
export function proveClaims(model: PolicyModel, claims: readonly CheckedClaim[], mostNodes: number): Proofs {
  const none: Proof = { verdict: "not_proven" };
  const proofs: Proof[] = [];
  let space: Space | null = null;
  try {
    const ids = new Map(claims.flatMap(({ client }) => (client === null ? [] : [[keyOf(client.words), client.words] as const])));
    space = new Space([model], mostNodes, { hosts: claims.flatMap(({ sni }) => sni ?? []), ids });
    const prover = new Prover(space, model);
    for (const claim of claims) proofs.push(prover.proof(claim));
  } catch (error) {
    if (!(error instanceof OutOfNodes)) throw error;
  }
  return { proofs: claims.map((_, i) => proofs[i] ?? none), nodes: space?.diagrams.nodes ?? mostNodes, space };
}

/** No set of a policy has such a key. */
function keyOf(words: readonly string[]): string {
  return `claim ${JSON.stringify(words)}`;
}

/** A place that a claim is about, with the listeners there that it is about. */
interface Subject {
  readonly cell: Cell;
  readonly members: readonly number[];
  readonly meant: readonly number[];
  readonly ports: readonly PortRange[];
}

class Prover {
  readonly #space: Space;
  readonly #model: PolicyModel;
  readonly #permitted: Permitted;
  readonly #cells: readonly Cell[];
  readonly #everything: Diagram;

  constructor(space: Space, model: PolicyModel) {
    this.#space = space;
    this.#model = model;
    this.#permitted = new Permitted(space, model);
    this.#cells = cellsOf([model]);
    this.#everything = space.diagrams.and(space.sources(ANY), space.possible);
  }

  proof(claim: CheckedClaim): Proof {
    const subjects = this.#subjects(claim);
    if (claim.word === "always") return this.#always(claim, subjects);
    const { diagrams } = this.#space;
    const [time, client] = [this.#time(claim), this.#client(claim)];
    for (const subject of subjects) {
      const admitted = diagrams.and(this.#permitted.cell(subject.members, subject.meant), time);
      const bad = claim.word === "never" ? diagrams.and(admitted, client) : diagrams.minus(admitted, client);
      if (bad !== NEVER) return this.#contradicted(claim, subject, bad);
    }
    return { verdict: "proven" };
  }

  #always(claim: CheckedClaim, subjects: readonly Subject[]): Proof {
    const { diagrams } = this.#space;
    const wanted = diagrams.and(this.#time(claim), diagrams.and(this.#client(claim), this.#everything));
    const { to } = claim;
    const missing = to.kind === "ports" ? firstMissing(to.ports, subjects) : null;
    if (to.kind === "ports" && missing !== null) {
      const ports = [{ first: missing, last: missing }];
      const there = this.#cells.find((cell) => cell.proto === to.proto && portsMeet(cell.ports, ports));
      const cell = there ?? { proto: to.proto, ports, local: null, members: [] };
      return this.#contradicted(claim, { cell, members: cell.members[0] ?? [], meant: [], ports }, wanted);
    }
    for (const subject of subjects) {
      // Which names lead to an expose is not the client's mistake, unless the claim says which names.
      const within = to.kind === "ports" || claim.sni !== null ? wanted : diagrams.and(wanted, this.#leading(subject));
      const bad = diagrams.minus(within, this.#permitted.cell(subject.members, subject.meant));
      if (bad !== NEVER) return this.#contradicted(claim, subject, bad);
    }
    return { verdict: "proven" };
  }

  #subjects({ to, mode }: CheckedClaim): readonly Subject[] {
    const isMeant = (listener: ListenerModel | undefined): boolean =>
      listener !== undefined && (mode === null || modeOf(listener) === mode) && (to.kind !== "expose" || listener.name === to.name);
    return this.#cells.flatMap((cell) => {
      if (to.kind === "ports" && (cell.proto !== to.proto || !portsMeet(cell.ports, to.ports))) return [];
      const members = cell.members[0] ?? [];
      const meant = members.filter((i) => isMeant(this.#model.listeners[i]));
      const ports = to.kind === "ports" ? shared(cell.ports, to.ports) : cell.ports;
      return meant.length === 0 ? [] : [{ cell, members, meant, ports }];
    });
  }

  #leading({ members, meant }: Subject): Diagram {
    return this.#space.diagrams.any(
      meant.map((i) => {
        const ranges = this.#permitted.leads(members, i);
        return ranges === null ? ALWAYS : this.#space.named(ranges);
      }),
    );
  }

  #time({ at }: CheckedClaim): Diagram {
    if (at === null) return ALWAYS;
    const number = this.#space.times.classOf(at);
    return this.#space.moments([{ first: number, last: number }]);
  }

  /** The clients of a claim, whenever they come. */
  #client({ from, sni, client }: CheckedClaim): Diagram {
    const { diagrams, names } = this.#space;
    const parts = [
      sni === null ? ALWAYS : this.#space.named(names.rangesOf(sni)),
      client === null ? ALWAYS : this.#space.clients(keyOf(client.words)),
      from === null ? ALWAYS : this.#space.sources(from),
    ];
    return parts.reduceRight((rest, part) => diagrams.and(part, rest), ALWAYS);
  }

  #contradicted({ at }: CheckedClaim, { cell, members, ports }: Subject, bad: Diagram): Proof {
    const facts = witnessOf(this.#space, bad);
    if (facts === null) throw new Error("a set that is not empty has no witness");
    const isTimed = this.#space.diagrams.levelOf(bad) < this.#space.nameLevel;
    // Every moment of its class is as good as the claim's own.
    const own = at === null ? facts : { ...facts, wallSeconds: at };
    const admitted = this.#space.has(this.#permitted.cell(members), own);
    const contradiction = { proto: cell.proto, port: ports[0]?.first ?? 0, local: cell.local, members, facts: own, isTimed: isTimed || at !== null, admitted };
    return { verdict: "false", contradiction };
  }
}

/** A listener on udp has no mode but `direct`. */
function modeOf({ proto, mode }: ListenerModel): string | null {
  return proto === "udp" && mode !== "direct" ? null : mode;
}

function shared(x: readonly PortRange[], y: readonly PortRange[]): readonly PortRange[] {
  return x.flatMap((a) => y.map((b) => ({ first: Math.max(a.first, b.first), last: Math.min(a.last, b.last) })).filter(({ first, last }) => first <= last));
}

/** The first port of a claim at which nothing is meant; null: there is none. */
function firstMissing(ports: readonly PortRange[], subjects: readonly Subject[]): number | null {
  const there = subjects.flatMap((subject) => subject.ports).sort((x, y) => x.first - y.first);
  for (const { first, last } of ports) {
    let next = first;
    for (const range of there) if (range.first <= next && range.last >= next) next = range.last + 1;
    if (next <= last) return next;
  }
  return null;
}
