// Where listeners are, in words: protocol, ports and local addresses; and as the target of a request.
import type { PlaceOf } from "../analysis/difference.ts";
import type { ListenerModel } from "../analysis/model.ts";
import type { AddressSet } from "../policy/policy.ts";
import { ANY, ANY6, builtinNet, UNBINDABLE } from "../check/sets/builtin_nets.ts";
import { EMPTY, isEmpty, subtract, union } from "../check/sets/intervals.ts";
import { formatAddress } from "../../runtime/net/address.ts";
import { listText, sourcesText } from "./sources_text.ts";

const MOST_PORTS = 8;
const NOT_OPEN = subtract(ANY, builtinNet("internet") ?? ANY);

export function placesText(places: readonly PlaceOf[]): string {
  const groups = new Map<string, { readonly proto: string; readonly at: string; readonly ports: string[] }>();
  for (const { proto, ports, local } of places) {
    const at = local === null ? "" : ` at ${localText(local)}`;
    const group = groups.get(`${proto}${at}`) ?? { proto, at, ports: [] };
    groups.set(`${proto}${at}`, group);
    group.ports.push(...ports.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)));
  }
  return [...groups.values()]
    .map(({ proto, at, ports }) => `${proto} ${listText(ports.slice(0, MOST_PORTS), Math.max(0, ports.length - MOST_PORTS))}${at}`)
    .join(", ");
}

/** `private`, `any address but private`: what no interface can have is not named. */
function localText(local: AddressSet): string {
  const { parts: all } = sourcesText(union([local, UNBINDABLE]), [], 3);
  const [whole = ""] = all;
  if (whole.startsWith("the whole internet")) return whole.replace("the whole internet", "any address").replaceAll("`", "");
  const { parts, more } = sourcesText(local, [], 3);
  return listText(parts, more).replaceAll("`", "");
}

/** The target of a request: the listener's name where that is the whole listener, else a port, and an address where it matters. */
export function targetText({ name, ports }: ListenerModel, places: readonly PlaceOf[], isWhole: boolean): string {
  const [place] = places;
  const counted = (ranges: PlaceOf["ports"]): number => ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  const everywhere = places.every(({ local, isShared }) => local === null && !isShared) && counted(places.flatMap((p) => p.ports)) === counted(ports);
  if (place === undefined || (isWhole && everywhere)) return name;
  return targetOfPort(place.proto, place.ports[0]?.first ?? 0, place.local);
}

export function targetOfPort(proto: "tcp" | "udp", port: number, local: AddressSet | null): string {
  // People know an address of the internet as one that others reach.
  const open = local === null ? EMPTY : subtract(local, NOT_OPEN);
  const first = [subtract(open, ANY6), open].find((set) => !isEmpty(set)) ?? local;
  const [a = 0, b = 0, c = 0, d = 0] = first?.bounds ?? [];
  return `${proto} ${port}${local === null ? "" : ` local ${formatAddress([a, b, c, d])}`}`;
}
