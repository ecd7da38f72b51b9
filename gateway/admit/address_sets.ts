// Whether a set of the policy has an address. A set is the list of its prefixes, which the exposes that name it share.
import { setImmediate as nextTurn } from "node:timers/promises";
import type { ListenerInfo } from "../../runtime/host/module.ts";
import type { Address } from "../../runtime/net/address.ts";
import { parsePrefix } from "../blocks/prefix.ts";
import { PrefixTable } from "../blocks/prefix_table.ts";

/** Prefixes that are read in one turn of the event loop: a few milliseconds. */
export const PREFIXES_PER_TURN = 2_048;

/** INVARIANT: a table here has all prefixes of its set. */
const tables = new WeakMap<readonly string[], PrefixTable<true>>();

export function hasAddress(prefixes: readonly string[], address: Address): boolean {
  let table = tables.get(prefixes);
  if (table === undefined) {
    table = new PrefixTable<true>();
    for (const text of prefixes) add(table, text);
    tables.set(prefixes, table);
  }
  return table.find(address, () => true) === true;
}

/** The sets that are looked up while a policy is in force. */
export function setsOf(listeners: readonly Pick<ListenerInfo, "sourceCaps" | "via">[]): ReadonlySet<readonly string[]> {
  return new Set(listeners.flatMap(({ sourceCaps, via }) => [...sourceCaps.map(({ from }) => from), via].filter((set) => set !== null)));
}

/** Reads sets in turns, so that everything else has its turns while a large one is read. */
export async function prepareSets(sets: Iterable<readonly string[]>): Promise<void> {
  let left = PREFIXES_PER_TURN;
  for (const prefixes of sets) {
    if (tables.has(prefixes)) continue;
    const table = new PrefixTable<true>();
    for (const text of prefixes) {
      if (left-- === 0) {
        await nextTurn();
        left = PREFIXES_PER_TURN - 1;
      }
      add(table, text);
    }
    tables.set(prefixes, table);
  }
}

function add(table: PrefixTable<true>, text: string): void {
  const prefix = parsePrefix(text);
  if (prefix.ok) table.set(prefix.value, true);
}
