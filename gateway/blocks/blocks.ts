// Temporary blocks: sources that an operator, or a program such as fail2ban, has refused for some time. They come before the policy
// module and only ever refuse. A block ends by the wall clock; when that goes back, the block only lasts longer.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type { Address } from "../../runtime/net/address.ts";
import type { GatewayClock } from "../clock.ts";
import { formatPrefix, isWholeFamily, parsePrefix, type Prefix } from "./prefix.ts";
import { PrefixTable } from "./prefix_table.ts";

export const MOST_BLOCKS = 65_536;
export const MOST_BLOCK_MS = 30 * 86_400_000;
export const LEAST_BLOCK_MS = 1_000;
export const MOST_WHY_CHARACTERS = 200;

export interface Block {
  readonly prefix: string;
  /** Free words of its author; may be empty. */
  readonly why: string;
  readonly sinceMs: number;
  readonly untilMs: number;
}

export interface Wanted {
  readonly prefix: string;
  readonly forMs: number;
  readonly why: string;
  /** Also all of a family. */
  readonly force: boolean;
}

export class Blocks {
  readonly #clock: Pick<GatewayClock, "wallMs">;
  readonly #table = new PrefixTable<Block>();
  /** No block ends before this. */
  #nextEndMs = Infinity;

  constructor(clock: Pick<GatewayClock, "wallMs">) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#table.size;
  }

  /** The block that refuses the source; undefined where none does. */
  of(source: Address): Block | undefined {
    if (this.#table.size === 0) return undefined;
    const now = this.#clock.wallMs();
    return this.#table.find(source, ({ untilMs }) => untilMs > now);
  }

  /** Replaces the block of the same prefix. */
  add({ prefix: text, forMs, why, force }: Wanted): Result<Block, string> {
    const prefix = parsePrefix(text);
    if (!prefix.ok) return prefix;
    if (!Number.isInteger(forMs) || forMs < LEAST_BLOCK_MS || forMs > MOST_BLOCK_MS) return failed("the time of a block is from 1 s to 30 d");
    if ([...why].length > MOST_WHY_CHARACTERS) return failed(`\`why\` has more than ${MOST_WHY_CHARACTERS} characters`);
    if (isWholeFamily(prefix.value) && !force)
      return failed(`\`${formatPrefix(prefix.value)}\` is every IPv${prefix.value.family} source, your own included: add --force if that is meant`);
    const sinceMs = this.#clock.wallMs();
    this.passEnds();
    if (this.#table.get(prefix.value) === undefined && this.#table.size >= MOST_BLOCKS)
      return failed(`there are ${MOST_BLOCKS} blocks, and no more are kept: end some with \`ingressd unblock\`, or block a wider prefix`);
    return ok(this.#keep(prefix.value, { prefix: formatPrefix(prefix.value), why, sinceMs, untilMs: sinceMs + forMs }));
  }

  /** The block that ends by it; null where there was none. */
  remove(text: string): Result<Block | null, string> {
    const prefix = parsePrefix(text);
    if (!prefix.ok) return prefix;
    const known = this.#table.get(prefix.value) ?? null;
    this.#table.delete(prefix.value);
    return ok(known);
  }

  /** Those of an earlier run, or of another process. Of blocks of one prefix the one that ends last stays. */
  restore(blocks: readonly Block[]): void {
    const now = this.#clock.wallMs();
    for (const block of blocks) {
      const prefix = parsePrefix(block.prefix);
      if (!prefix.ok || block.untilMs <= now) continue;
      const known = this.#table.get(prefix.value);
      if (known === undefined ? this.#table.size >= MOST_BLOCKS : known.untilMs >= block.untilMs) continue;
      this.#keep(prefix.value, block);
    }
  }

  /** Forgets those whose time is over; how many they were. */
  passEnds(): number {
    const now = this.#clock.wallMs();
    if (now < this.#nextEndMs) return 0;
    let passed = 0;
    this.#nextEndMs = Infinity;
    for (const block of [...this.#table.values()]) {
      if (block.untilMs > now) {
        this.#nextEndMs = Math.min(this.#nextEndMs, block.untilMs);
        continue;
      }
      this.remove(block.prefix);
      passed++;
    }
    return passed;
  }

  /** Those whose end is next come first. */
  all(): readonly Block[] {
    return [...this.#table.values()].sort((a, b) => a.untilMs - b.untilMs || (a.prefix < b.prefix ? -1 : 1));
  }

  #keep(prefix: Prefix, block: Block): Block {
    this.#table.set(prefix, block);
    this.#nextEndMs = Math.min(this.#nextEndMs, block.untilMs);
    return block;
  }
}

/** For records: why, and when it ends. */
export function detailOf({ prefix, why, untilMs }: Block): string {
  const until = `${prefix} is blocked until ${new Date(untilMs).toISOString()}`;
  return why === "" ? until : `${until}: ${why}`;
}
