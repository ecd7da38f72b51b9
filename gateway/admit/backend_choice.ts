// Which backend of an expose a connection or a flow goes to: the one with the fewest that are open, of equals the one
// that was used least recently. One that has failed is left out for a while, and one that this connection has tried for
// good. Where all that is left has failed, the one that may be used again first is tried, so that no client is refused for earlier failures alone.
import type { Backend } from "../forward/backends.ts";

/** How long a backend that has failed is left out where there is another one. */
export const SKIPPED_MS = 5_000;

export interface ChoiceSetup {
  readonly monoMs: () => number;
  /** The cap of connections that a backend has not yet accepted; a reload of the configuration may change it. */
  readonly mostUnderWay: () => number;
  /** Whether it leads back to the gateway. */
  readonly isOwn: (backend: Backend) => boolean;
}

export interface Choice {
  readonly backend: Backend;
  /** How many could be had, the chosen one among them. */
  readonly choices: number;
}

export class BackendChoice {
  readonly #setup: ChoiceSetup;
  #uses = 0;

  constructor(setup: ChoiceSetup) {
    this.#setup = setup;
  }

  /** `tried`: addresses that this connection does not try again. `full` gets those that are left out for the cap alone. Null where there is none that could be had. */
  choose(backends: readonly Backend[], tried: ReadonlySet<string> | null, full: (backend: Backend) => void): Choice | null {
    const { isOwn, monoMs } = this.#setup;
    const mostUnderWay = this.#setup.mostUnderWay();
    const [only] = backends;
    // INVARIANT: the caller has checked that an only backend does not lead back to the gateway.
    const left =
      only !== undefined && backends.length === 1 && tried === null ? backends : backends.filter((one) => !tried?.has(one.address.key) && !isOwn(one));
    const now = monoMs();
    let best: Backend | null = null;
    for (const one of left) {
      if (one.load.underWay >= mostUnderWay) {
        this.failed(one);
        full(one);
        continue;
      }
      if (best === null || isBetter(one, best, now)) best = one;
    }
    if (best === null) return null;
    best.load.lastUse = ++this.#uses;
    return { backend: best, choices: left.length };
  }

  /** It could not take a connection. */
  failed({ pause }: Backend): void {
    pause.untilMs = this.#setup.monoMs() + SKIPPED_MS;
  }

  /** How many more connections those that could be had may have under way, so that nobody is admitted, and charged, in vain. */
  room(backends: readonly Backend[]): number {
    const { isOwn } = this.#setup;
    const mostUnderWay = this.#setup.mostUnderWay();
    // INVARIANT: as for the choice.
    const left = backends.length === 1 ? backends : backends.filter((one) => !isOwn(one));
    return left.reduce((sum, { load }) => sum + Math.max(0, mostUnderWay - load.underWay), 0);
  }
}

function isBetter(a: Backend, b: Backend, now: number): boolean {
  const [skipsA, skipsB] = [a.pause.untilMs > now, b.pause.untilMs > now];
  if (skipsA !== skipsB) return skipsB;
  if (skipsA && a.pause.untilMs !== b.pause.untilMs) return a.pause.untilMs < b.pause.untilMs;
  if (a.load.open !== b.load.open) return a.load.open < b.load.open;
  return a.load.lastUse < b.load.lastUse;
}
