// For each listener one local address that a socket of the gateway can have. Which of them it is makes no
// difference to the decision, but 0.0.0.0 and `::`, where a prefix may begin, are no listener's.
import type { ListenerInfo } from "../../runtime/host/module.ts";
import { ANY4, isV4, type Address } from "../../runtime/net/address.ts";
import { isWithin, parsePrefix, type Prefix } from "../../runtime/net/prefix.ts";
import { UNBINDABLE_TEXT } from "../check/sets/builtin_nets.ts";

const prefixes = (texts: readonly string[]): readonly Prefix[] => texts.map(parsePrefix).filter((p) => p !== null);

/** IPv4 in IPv6 is IPv4, and no address of an IPv6 prefix. */
const MAPPED = prefixes(["::ffff:0:0/96"]);
const NEVER = prefixes(UNBINDABLE_TEXT);
/** Usual host addresses first: loopback may be bound without any policy, and most of ::/3 is not given out. */
const UNUSUAL = prefixes(["127.0.0.0/8", "::/3"]);
const TIERS = [[...NEVER, ...UNUSUAL], [...NEVER, ...prefixes(["127.0.0.0/32"])], NEVER];

/** An address of the prefix that the gateway can bind, or null where no interface can have one. */
export function bindableAddress(prefix: Prefix): Address | null {
  return bindableOf([prefix]);
}

function bindableOf(bind: readonly Prefix[]): Address | null {
  for (const tier of TIERS) {
    const blocks = [...tier, ...MAPPED];
    for (const prefix of bind) {
      const found = firstOutside(prefix, isV4(prefix.first) ? tier : blocks);
      if (found !== null) return found;
    }
  }
  return null;
}

const known = new WeakMap<ListenerInfo, Address | null>();

/** The wildcard where the listener has no `bind`; null where no interface can have any address of it. */
export function listeningAddress(listener: ListenerInfo): Address | null {
  if (listener.bind === null) return ANY4;
  let address = known.get(listener);
  if (address === undefined) {
    address = bindableOf(prefixes(listener.bind));
    known.set(listener, address);
  }
  return address;
}

function firstOutside(prefix: Prefix, blocks: readonly Prefix[]): Address | null {
  let address: Address | null = prefix.first;
  for (let block = blockOf(blocks, address); block !== undefined; block = address === null ? undefined : blockOf(blocks, address)) {
    address = after(block.last);
  }
  return address !== null && isWithin(prefix, address) ? address : null;
}

function blockOf(blocks: readonly Prefix[], address: Address): Prefix | undefined {
  return blocks.find((block) => isWithin(block, address));
}

/** Null after the last address of all. */
function after(address: Address): Address | null {
  const words: [number, number, number, number] = [...address];
  for (const i of [3, 2, 1, 0] as const) {
    words[i] = (words[i] + 1) >>> 0;
    if (words[i] !== 0) return words;
  }
  return null;
}
