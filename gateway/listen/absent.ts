// Exposures that wait for an address: their `bind` has none that this host has now. That is no failure, since an
// address may come later (a VPN, a failover), but nothing listens for them until it does.
import type { ListenerInfo } from "../../runtime/host/module.ts";
import { formatEndpoint } from "../../runtime/net/address.ts";
import { bareAddress, candidateAddresses, type HostAddress } from "./addresses.ts";
import { keyOf, type Ports } from "./ports.ts";

/** Prefixes of a `bind` that a sentence names. */
const MOST_NAMED = 3;

/** `leftOut`: keys of exposures whose address the host was found to lack. */
export function withoutAddress(
  listeners: readonly ListenerInfo[],
  ports: Ports,
  host: readonly HostAddress[],
  leftOut: ReadonlySet<string>,
): readonly ListenerInfo[] {
  const open = new Set(ports.all().flatMap(({ serves: { exposes } }) => exposes.map(({ info }) => `${info.proto} ${info.name}`)));
  return listeners.filter((info) => {
    if (info.bind === null || info.backends.length === 0 || open.has(`${info.proto} ${info.name}`)) return false;
    return candidateAddresses(info, host).every((address) =>
      info.ports.every(({ first, last }) => {
        for (let port = first; port <= last; port++) if (!leftOut.has(keyOf(info.proto, formatEndpoint(bareAddress(address), port, address[4])))) return false;
        return true;
      }),
    );
  });
}

export function addressSentence({ name, bind }: ListenerInfo): string {
  const prefixes = bind ?? [];
  const named = prefixes
    .slice(0, MOST_NAMED)
    .map((prefix) => prefix.replace(prefix.includes(":") ? /\/128$/ : /\/32$/, ""))
    .join(", ");
  const more = prefixes.length > MOST_NAMED ? ` and ${prefixes.length - MOST_NAMED} more` : "";
  return `expose \`${name}\` listens nowhere yet: this host has no address of its \`bind\` (${named}${more}); it opens by itself when there is one`;
}
