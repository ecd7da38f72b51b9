// The peers of `via NET`, such as load balancers: they begin with a PROXY header, and the source that it names is the client's.
import type { ListenerInfo, PolicyInfo } from "../../runtime/host/module.ts";
import { isV4, type Address } from "../../runtime/net/address.ts";
import { isWithin, parsePrefix as rangeOf } from "../../runtime/net/prefix.ts";
import { formatPrefix, parsePrefix, type Prefix } from "../blocks/prefix.ts";
import { PrefixTable } from "../blocks/prefix_table.ts";
import type { Via } from "../connection/table.ts";
import type { Exposure } from "../listen/ports.ts";

/** By the prefixes of a `via`, which all exposes of one module that have the same share. */
const tables = new WeakMap<readonly string[], PrefixTable<true>>();

/** The same for each expose of a port; null: its peers are clients. */
export function viaOf({ exposes }: Pick<Exposure, "exposes">): readonly string[] | null {
  return exposes[0]?.info.via ?? null;
}

export function isBalancer(via: readonly string[] | null, peer: Address): boolean {
  if (via === null) return false;
  let table = tables.get(via);
  if (table === undefined) {
    table = new PrefixTable<true>();
    for (const text of via) {
      const prefix = parsePrefix(text);
      if (prefix.ok) table.set(prefix.value, true);
    }
    tables.set(via, table);
  }
  return table.find(peer, () => true) === true;
}

/** The same of a port that is open. False where the port is closed. */
export function isBelieved(serves: Pick<Exposure, "exposes"> | undefined, via: Via | undefined): boolean {
  return via === undefined || via.destination === null || (serves !== undefined && isBalancer(viaOf(serves), via.peer.address));
}

/** Whether a source that a peer has named is still to be believed where the listener, or the group, is in force. A peer that has named nobody is the source. */
export function mayNameSource({ listeners, groups }: PolicyInfo, number: number, { peer, destination }: Via): boolean {
  if (destination === null) return true;
  const listener = listeners[groups.find(({ id }) => id === number)?.members[0] ?? number];
  return isBalancer(listener?.via ?? null, peer.address);
}

/** An expose with a peer of its `via` in the prefix: to block it is to block all clients that this peer names. */
export function balancerIn({ listeners }: PolicyInfo, blocked: Prefix): ListenerInfo | undefined {
  const range = rangeOf(formatPrefix(blocked));
  if (range === null) return undefined;
  return listeners.find(({ via }) =>
    via?.some((text) => {
      const one = rangeOf(text);
      return one !== null && isV4(one.first) === (blocked.family === 4) && (isWithin(range, one.first) || isWithin(one, range.first));
    }),
  );
}
