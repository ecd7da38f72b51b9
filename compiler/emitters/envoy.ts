// Envoy: one listener for each set of ports, whose filter chains forward to the backends. Chains are found by their own matches where
// names are whole and clients without a name are refused; else by a list of predicates, of which the first that fits decides.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { isEmpty } from "../check/sets/intervals.ts";
import type { Emitter, Files, Options, TooMuch } from "./emitter.ts";
import { headerLines } from "./header.ts";
import { ANY_ADDRESS, clusterName, clusterOf, socketAddress, TLS_INSPECTOR, type Json } from "./envoy_parts.ts";
import { Chains } from "./envoy_chains.ts";
import { entriesOf, readsHello } from "./envoy_entries.ts";
import { readDump } from "./envoy_running.ts";
import type { Place, Plan } from "./plan.ts";
import { FAMILIES, ofFamily, portTexts, prefixTexts } from "./ranges.ts";

export const envoy: Emitter = {
  name: "envoy",
  ending: ".envoy.json",
  isFolder: false,
  can: {
    modes: new Set(["tcp", "passthrough", "tls", "mtls"]),
    udp: false,
    direct: "left out",
    times: false,
    bind: true,
    backends: "forwarded",
    proxyV2: "without names",
  },
  emit: filesOf,
  read: (running, wanted) => readDump(running, wanted),
};

/** Each has a socket for each family and each of Envoy's workers. */
export const MOST_PORTS = 1_000;
/** Envoy's tables of addresses end at 2^19 entries, and have some for what lies between prefixes. */
export const MOST_PREFIXES = 250_000;

function filesOf(plan: Plan, options: Options): Result<Files, readonly TooMuch[]> {
  const groups = portGroups(plan.places);
  const wrong: TooMuch[] = [...tooManyPorts(plan), ...tooManyPrefixes(plan), ...groups.flatMap((places) => mixed(plan, places))];
  const listeners = wrong.length > 0 ? [] : groups.flatMap((places) => listenerOf(plan, places, wrong));
  if (wrong.length > 0) return failed(distinct(wrong));
  const used = new Set(plan.places.flatMap(({ grants, names }) => [...grants, ...(names ?? []).flatMap((one) => one.grants)].map(({ listener }) => listener)));
  const clusters = plan.exposes.flatMap((expose, i) => (used.has(i) ? [clusterOf(clusterName(expose, i), expose)] : []));
  const bootstrap = {
    node: { metadata: { ingressd: { policy: plan.hash, header: headerLines("envoy", plan, options) } } },
    // `curl --unix-socket envoy.sock http://envoy/config_dump`
    admin: { address: { pipe: { path: "envoy.sock", mode: 0o600 } } },
    static_resources: { listeners, clusters },
    // Expressions of names are of any length, and Envoy takes short ones alone.
    layered_runtime: { layers: [{ name: "ingressd", static_layer: { "re2.max_program_size.error_level": 100_000 } }] },
  };
  return ok(new Map([["", `${pretty(bootstrap)}\n`]]));
}

/** Places that share their ports. */
function portGroups(places: readonly Place[]): readonly (readonly Place[])[] {
  const found = new Map<string, Place[]>();
  for (const place of places) {
    const key = portTexts(place.ports).join();
    const same = found.get(key);
    if (same === undefined) found.set(key, [place]);
    else same.push(place);
  }
  return [...found.values()];
}

/** A listener that waits for a hello would never hear one from the clients of a plain service that speaks first. */
function mixed({ exposes }: Plan, places: readonly Place[]): readonly TooMuch[] {
  const [hello, plain] = [true, false].map((reads) => places.find((place) => readsHello(exposes, place) === reads));
  const [i, other] = [plain?.members[0], exposes[hello?.members[0] ?? -1]];
  return i === undefined || other === undefined ?
      []
    : [{ listener: i, what: `the target would wait for the first bytes of a client at its port, which \`${other.name}\` has at another address` }];
}

function tooManyPorts({ exposes, places }: Plan): readonly TooMuch[] {
  const used = new Set(places.flatMap(({ members }) => members));
  const ports = new Set<number>();
  return exposes.flatMap((expose, i): readonly TooMuch[] => {
    if (!used.has(i)) return [];
    const before = ports.size;
    for (const { first, last } of expose.ports) for (let port = first; port <= last; port++) ports.add(port);
    return ports.size > MOST_PORTS && before <= MOST_PORTS ?
        [{ listener: i, what: `with it there are ${ports.size} ports, and the target has a socket for each, at most ${MOST_PORTS} here` }]
      : [];
  });
}

/** `most`: prefixes of both families in all sets of one port. */
export function tooManyPrefixes({ places }: Pick<Plan, "places">, most = MOST_PREFIXES): readonly TooMuch[] {
  return portGroups(places).flatMap((group): readonly TooMuch[] => {
    const grants = group.flatMap(({ grants: own, names }) => [...own, ...(names ?? []).flatMap((one) => one.grants)]);
    const count = grants.reduce((sum, { sources }) => sum + prefixTexts(sources).length, 0);
    return count <= most ? [] : [{ listener: grants[0]?.listener ?? 0, what: `its clients are ${count} prefixes, and the target takes ${most} of a port` }];
  });
}

/** Empty where nobody is admitted: the port is closed. */
function listenerOf(plan: Plan, places: readonly Place[], wrong: TooMuch[]): readonly Json[] {
  const entries = places.flatMap((place) => entriesOf(plan.exposes, place));
  const sources = entries.flatMap(({ grants }) => grants.map((grant) => grant.sources));
  const families = FAMILIES.filter((family) => sources.some((set) => !isEmpty(ofFamily(set, family))));
  const ports = places[0]?.ports.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, i) => first + i)) ?? [];
  const [address, ...more] = families.flatMap((family) => ports.map((port) => socketAddress(ANY_ADDRESS[family], port)));
  if (address === undefined) return [];
  const chains = new Chains(plan.exposes, wrong);
  return [
    {
      name: `tcp_${ports[0] ?? 0}`,
      address,
      ...(more.length > 0 && { additional_addresses: more.map((one) => ({ address: one })) }),
      ...(places.some((place) => readsHello(plan.exposes, place)) && { listener_filters: [TLS_INSPECTOR] }),
      ...(entries.every(({ isSimple }) => isSimple) ? chains.matched(entries) : chains.listed(entries)),
      metadata: { filter_metadata: { ingressd: { policy: plan.hash } } },
    },
  ];
}

function distinct(wrong: readonly TooMuch[]): readonly TooMuch[] {
  return wrong.filter((one, i) => wrong.findIndex(({ listener, what }) => listener === one.listener && what === one.what) === i);
}

/** One line for each prefix. */
function pretty(value: object): string {
  return JSON.stringify(value, null, 2)
    .replace(/\{\n\s+"address_prefix": ("[^"]*"),\n\s+"prefix_len": (\d+)\n\s+\}/g, '{ "address_prefix": $1, "prefix_len": $2 }')
    .replace(
      /\{\n\s+"socket_address": \{\n\s+"address": ("[^"]*"),\n\s+"port_value": (\d+)\n\s+\}\n\s+\}/g,
      '{ "socket_address": { "address": $1, "port_value": $2 } }',
    );
}
