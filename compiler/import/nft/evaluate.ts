// Which sources the chains accept, for one cell. Chains are followed rule by rule with the sources that certainly come so far; a source
// that may be dropped on the way is lost, and one that may be accepted on the way continues, so that the answer is never too large.
import { EMPTY, isEmpty, size, subtract, union } from "../../check/sets/intervals.ts";
import type { AddressSet } from "../../policy/policy.ts";
import { intersect } from "../draft/addresses.ts";
import { ALL, both, type Bounds, type Cell } from "../draft/bounds.ts";
import type { Rule, Step } from "./rules.ts";

export interface Chain {
  /** `inet filter input` */
  readonly key: string;
  /** `inet filter` */
  readonly table: string;
  readonly name: string;
  readonly rules: readonly Rule[];
}

interface Walk {
  readonly accepted: AddressSet;
  /** Sources that come to the end, or return. */
  readonly returned: AddressSet;
}

/** Chains that call each other; the kernel has the same bound. */
const MAX_CALLS = 16;
/** Conditions that are evaluated, and ranges of addresses that are compared: some seconds of work. */
const MAX_WORK = 100_000_000;

export class Evaluation {
  readonly #chains: ReadonlyMap<string, Chain>;
  #left = MAX_WORK;

  constructor(chains: ReadonlyMap<string, Chain>) {
    this.#chains = chains;
  }

  /** Too much was to be evaluated: no answer since then is of use. */
  get isExhausted(): boolean {
    return this.#left <= 0;
  }

  /** Counts work beside the walk itself. */
  spend(work: number): void {
    this.#left -= work;
  }

  walk(chain: Chain, cell: Cell, sources: AddressSet, calls = 0): Walk {
    let [current, accepted, returned] = [sources, EMPTY, EMPTY];
    if (calls > MAX_CALLS) return { accepted: EMPTY, returned: EMPTY };
    for (const { steps } of chain.rules)
      for (const step of steps) {
        if (isEmpty(current) || this.isExhausted) return { accepted, returned };
        const bounds = this.#bounds(step, cell);
        if (isEmpty(bounds.upper)) continue;
        this.#left -= size(current) + size(bounds.upper);
        const [certain, possible] = [intersect(current, bounds.lower), intersect(current, bounds.upper)];
        if (isEmpty(possible)) continue;
        const { verdict } = step;
        switch (verdict.kind) {
          case "continue":
            break;
          case "accept":
            accepted = union([accepted, certain]);
            current = subtract(current, certain);
            break;
          case "drop":
          case "closing":
            current = subtract(current, possible);
            break;
          case "return":
            returned = union([returned, certain]);
            current = subtract(current, possible);
            break;
          case "jump":
          case "goto": {
            const target = this.#chains.get(`${chain.table} ${verdict.chain}`);
            const inside = target === undefined ? { accepted: EMPTY, returned: EMPTY } : this.walk(target, cell, possible, calls + 1);
            accepted = union([accepted, intersect(inside.accepted, certain)]);
            // Where it is not known whether they go there, they must be let through both there and here.
            const perhaps = subtract(inside.accepted, certain);
            const onwards = verdict.kind === "jump" ? inside.returned : EMPTY;
            if (verdict.kind === "goto") returned = union([returned, intersect(inside.returned, certain)]);
            current = union([subtract(current, possible), onwards, perhaps]);
            break;
          }
        }
      }
    return { accepted, returned: union([returned, current]) };
  }

  #bounds({ conditions }: Step, cell: Cell): Bounds {
    let all = ALL;
    for (const condition of conditions) {
      this.#left--;
      all = both(all, condition.of(cell));
      if (isEmpty(all.upper)) break;
    }
    return all;
  }
}
