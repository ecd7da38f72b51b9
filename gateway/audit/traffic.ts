// Counts by expose and by backend: refusals, ends, bytes, and how long backends take to accept.
import type { Reason } from "../../runtime/abi/names.ts";
import type { BackendFailure, End } from "../end.ts";

/** Upper bounds of the buckets of connect times, in seconds. */
export const CONNECT_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5] as const;

/** Pairs of expose and backend; those beyond have one row together, so that no registrant makes the tables grow. */
export const MOST_PAIRS = 4_096;
/** The backend of the row of all others. */
export const OTHERS = "other";

export interface PairCounts {
  readonly listener: string;
  /** Empty where there is none. */
  readonly backend: string;
  readonly denied: Map<Reason, number>;
  readonly ends: Map<End, number>;
  /** Connections and flows that the backend could not take, so that it was left out for a while. */
  readonly failures: Map<BackendFailure, number>;
  /** Of ended connections. */
  bytesFromClients: number;
  bytesFromBackends: number;
  /** How many backends accepted within each bucket and not in the one before, and within none. */
  readonly connects: Float64Array;
  connectSeconds: number;
}

const NO_FAILURES: ReadonlyMap<BackendFailure, number> = new Map();

export class Traffic {
  readonly #pairs = new Map<string, Map<string, PairCounts>>();
  #count = 0;

  /** The row of a pair; made where there is none. */
  of(listener: string, backend: string): PairCounts {
    return this.#pairs.get(listener)?.get(backend) ?? this.#make(listener, backend);
  }

  /** Of a pair that has a row of its own already. */
  failuresOf(listener: string, backend: string): ReadonlyMap<BackendFailure, number> {
    return this.#pairs.get(listener)?.get(backend)?.failures ?? NO_FAILURES;
  }

  connected(listener: string, backend: string, ms: number): void {
    const pair = this.of(listener, backend);
    const seconds = Math.max(0, ms) / 1000;
    let bucket = 0;
    while (seconds > (CONNECT_BUCKETS[bucket] ?? Infinity)) bucket++;
    pair.connects[bucket] = (pair.connects[bucket] ?? 0) + 1;
    pair.connectSeconds += seconds;
  }

  all(): readonly PairCounts[] {
    return [...this.#pairs.values()].flatMap((backends) => [...backends.values()]);
  }

  #make(listener: string, backend: string): PairCounts {
    if (this.#count >= MOST_PAIRS && listener !== OTHERS) return this.of(OTHERS, OTHERS);
    const pair: PairCounts = {
      listener,
      backend,
      denied: new Map(),
      ends: new Map(),
      failures: new Map(),
      bytesFromClients: 0,
      bytesFromBackends: 0,
      connects: new Float64Array(CONNECT_BUCKETS.length + 1),
      connectSeconds: 0,
    };
    let backends = this.#pairs.get(listener);
    if (backends === undefined) this.#pairs.set(listener, (backends = new Map<string, PairCounts>()));
    backends.set(backend, pair);
    this.#count++;
    return pair;
  }
}
