// The work that each peer may cause: a bucket of tokens per peer that refills with time. A peer that has used up its
// own waits; others do not.

/** Peers that have a bucket of their own; a user may have a range of user ids. */
export const MOST_PEERS = 1024;
/** The bucket of all that have none. */
const OTHERS = "";

export interface BudgetSetup {
  readonly perSecond: number;
  readonly burst: number;
}

interface Bucket {
  /** Negative while a peer owes for what was more expensive than it had. */
  tokens: number;
  atMs: number;
}

export class Budgets {
  readonly #buckets = new Map<string, Bucket>();
  readonly #perMs: number;
  readonly #burst: number;

  constructor({ perSecond, burst }: BudgetSetup) {
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
  }

  /** 0 where the peer has a token, else the milliseconds until it has one. */
  waitMs(peer: string, nowMs: number): number {
    const { tokens } = this.#bucket(peer, nowMs);
    return tokens >= 1 ? 0 : Math.ceil((1 - tokens) / this.#perMs);
  }

  spend(peer: string, tokens: number, nowMs: number): void {
    this.#bucket(peer, nowMs).tokens -= tokens;
  }

  /** Takes one token, if there is one. */
  take(peer: string, nowMs: number): boolean {
    if (this.waitMs(peer, nowMs) > 0) return false;
    this.spend(peer, 1, nowMs);
    return true;
  }

  #bucket(peer: string, nowMs: number): Bucket {
    let bucket = this.#buckets.get(peer);
    if (bucket === undefined) {
      if (this.#buckets.size >= MOST_PEERS) this.#prune(nowMs);
      // INVARIANT: what is full is not remembered, so nobody gets tokens back by being forgotten.
      const name = this.#buckets.size >= MOST_PEERS ? OTHERS : peer;
      bucket = this.#buckets.get(name) ?? { tokens: this.#burst, atMs: nowMs };
      this.#buckets.set(name, bucket);
    }
    this.#refill(bucket, nowMs);
    return bucket;
  }

  #refill(bucket: Bucket, nowMs: number): void {
    bucket.tokens = Math.min(this.#burst, bucket.tokens + Math.max(0, nowMs - bucket.atMs) * this.#perMs);
    bucket.atMs = nowMs;
  }

  #prune(nowMs: number): void {
    for (const [peer, bucket] of this.#buckets) {
      this.#refill(bucket, nowMs);
      if (bucket.tokens >= this.#burst) this.#buckets.delete(peer);
    }
  }
}
