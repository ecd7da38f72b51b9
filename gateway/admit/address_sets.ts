// Whether a set of the policy has an address. A set is the list of its prefixes, which the exposes that name it share.
import type { Address } from "../../runtime/net/address.ts";
import { parsePrefix } from "../blocks/prefix.ts";
import { PrefixTable } from "../blocks/prefix_table.ts";

const tables = new WeakMap<readonly string[], PrefixTable<true>>();

export function hasAddress(prefixes: readonly string[], address: Address): boolean {
  let table = tables.get(prefixes);
  if (table === undefined) {
    table = new PrefixTable<true>();
    for (const text of prefixes) {
      const prefix = parsePrefix(text);
      if (prefix.ok) table.set(prefix.value, true);
    }
    tables.set(prefixes, table);
  }
  return table.find(address, () => true) === true;
}
