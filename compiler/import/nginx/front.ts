// A PROXY header and TLS come on a connection before the bytes of its service. Both belong to a `listen`, so that a server may be several
// exposes.
import { builtinNet } from "../../check/sets/builtin_nets.ts";
import { EMPTY, intersects, isEmpty, union } from "../../check/sets/intervals.ts";
import { isWide } from "../../check/rules/via.ts";
import type { AddressSet } from "../../policy/policy.ts";
import { prefixSet } from "../draft/addresses.ts";
import { TOO_OLD_OR_NEW, type Certificates } from "../draft/certificates.ts";
import type { Context } from "../draft/context.ts";
import type { DraftExpose } from "../draft/draft.ts";
import { behind, placesOf, type Place } from "../draft/endpoints.ts";
import { isObstacle, type Obstacle } from "./access.ts";
import type { NginxEndpoint } from "./listen.ts";
import { named, shown, type Directive } from "./syntax.ts";

const LINK_LOCAL = builtinNet("linklocal") ?? EMPTY;

/** The endpoints of a server on which the same comes first. */
export interface Part {
  readonly endpoints: readonly NginxEndpoint[];
  readonly first: NginxEndpoint;
}

export type Front = Pick<DraftExpose, "via" | "why" | "certs">;

function partsOf(endpoints: readonly NginxEndpoint[]): readonly Part[] {
  const parts = new Map<string, { readonly endpoints: NginxEndpoint[]; readonly first: NginxEndpoint }>();
  for (const endpoint of endpoints) {
    const key = `${endpoint.isTls} ${endpoint.isProxied}`;
    const part = parts.get(key) ?? { endpoints: [], first: endpoint };
    parts.set(key, part);
    part.endpoints.push(endpoint);
  }
  return [...parts.values()];
}

interface Server {
  readonly server: Directive;
  readonly endpoints: readonly NginxEndpoint[];
  readonly obstacle: Obstacle | null;
}

/** The exposes of each part of a server; what has none is left out with its reason. */
export function exposesOfParts(
  context: Context,
  { server, endpoints, obstacle }: Server,
  exposesOf: (part: Part) => readonly DraftExpose[] | Obstacle,
): readonly DraftExpose[] {
  const omitted = ({ directive, why }: Obstacle): readonly DraftExpose[] => {
    context.omit(server, shown(server), `${shown(directive)}: ${why}`);
    return [];
  };
  if (obstacle !== null) return omitted(obstacle);
  return partsOf(endpoints).flatMap((part) => {
    const made = exposesOf(part);
    return isObstacle(made) ? omitted(made) : made;
  });
}

/** The places of a part, each with the sources that may come there: a load balancer names clients of either family. */
export function placesBehind(
  { via }: Front,
  { endpoints }: Part,
  all: readonly NginxEndpoint[],
  from: AddressSet,
): readonly (Pick<Place, "protocol" | "ports" | "bind"> & { readonly from: AddressSet })[] {
  return placesOf(endpoints, all).map((place) => behind(via, place, from));
}

/** `levels`: from the outside in. */
export function frontOf(
  context: Context,
  certificates: Certificates,
  { first }: Part,
  levels: readonly (readonly Directive[])[],
  isHttp: boolean,
): Front | Obstacle {
  const via = first.isProxied ? balancersOf(first, levels, isHttp) : null;
  if (isObstacle(via)) return via;
  const trusted = innermost(levels, "set_real_ip_from")[0];
  if (isHttp && via === null && trusted !== undefined)
    return { directive: trusted, why: "a header of the request says who the client is, and ingressd reads no requests" };
  const certs = first.isTls ? certsOf(certificates, first, levels) : [];
  if (isObstacle(certs)) return certs;
  if (via !== null)
    context.omit(
      first.directive,
      shown(first.directive),
      "nginx refuses a client that sends no PROXY header; here only the addresses of `via` send one, and any other client is taken as it comes",
    );
  return { via, why: via !== null && isWide(via) ? "set_real_ip_from of nginx" : null, certs };
}

function innermost(levels: readonly (readonly Directive[])[], name: string): readonly Directive[] {
  return levels.map((level) => named(level, name)).findLast((found) => found.length > 0) ?? [];
}

/** Those whose header names the client; the header of any other peer changes nothing in nginx. */
function balancersOf({ directive }: NginxEndpoint, levels: readonly (readonly Directive[])[], isHttp: boolean): AddressSet | Obstacle {
  const sets: AddressSet[] = [];
  for (const from of innermost(levels, "set_real_ip_from")) {
    const [text = ""] = from.args;
    if (text === "unix:") continue;
    const set = prefixSet(text);
    if (set === null) return { directive: from, why: "it has neither an address nor a prefix" };
    sets.push(set);
  }
  const via = union(sets);
  if (isEmpty(via)) return { directive, why: "nginx judges the load balancers here and not their clients, because no `set_real_ip_from` trusts them" };
  if (intersects(via, LINK_LOCAL)) return { directive, why: "a `via` has no link-local address, and its `set_real_ip_from` has" };
  const [header] = innermost(levels, "real_ip_header");
  return isHttp && header?.args[0] !== "proxy_protocol" ?
      { directive: header ?? directive, why: "a header of the request says who the client is, and ingressd reads no requests" }
    : via;
}

function certsOf(certificates: Certificates, { directive }: NginxEndpoint, levels: readonly (readonly Directive[])[]): readonly string[] | Obstacle {
  const paths = innermost(levels, "ssl_certificate").map(({ args }) => args[0] ?? "");
  if (paths.length === 0) return { directive, why: "nginx terminates TLS there, and no `ssl_certificate` says with which certificate" };
  const protocols = innermost(levels, "ssl_protocols");
  const [first] = protocols;
  if (first === undefined)
    return { directive, why: "before 1.23.4 nginx serves TLS 1.3 only where `ssl_protocols` has it; write `ssl_protocols TLSv1.2 TLSv1.3`" };
  const served = protocols.flatMap(({ args }) => args.map((arg) => arg.toLowerCase()));
  if (!served.includes("tlsv1.2") || !served.includes("tlsv1.3")) return { directive: first, why: `${TOO_OLD_OR_NEW} that nginx refuses` };
  return (
    certificates.namesOf(paths) ?? { directive: innermost(levels, "ssl_certificate")[0] ?? directive, why: "its certificate is no file, so it has no name" }
  );
}
