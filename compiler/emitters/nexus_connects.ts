// Where ingressd connects to for a policy, as a policy profile of Open Nexus OS has it (its RFC-0091, `net.connect`): the backends,
// and no other place. The profile has IPv4 alone.
import { formatEndpoint, formatV4, isLoopback, isV4, parseAddress } from "../../runtime/net/address.ts";
import { EMPTY } from "../check/sets/intervals.ts";
import { diagnostic, type Diagnostic } from "../diagnostics/diagnostic.ts";
import { joined } from "../emit/filter.ts";
import type { Backend, CheckedExpose, PortRange } from "../policy/policy.ts";
import { portTexts, prefixTexts, setOfTexts } from "./ranges.ts";

/** An IPv4 prefix and all ports of backends there. */
export interface Reached {
  /** The first address of the prefix as a number. */
  readonly bits: number;
  /** 0 to 32. */
  readonly length: number;
  /** Sorted, disjoint and not adjacent. */
  readonly ports: readonly PortRange[];
}

const LOOPBACK = "127.0.0.0/8";
const ANY_PORT: readonly PortRange[] = [{ first: 1, last: 65_535 }];

/**
 * The fewest prefixes for which each address of a prefix has the same ports, by their addresses. The backend of an expose that has
 * none in the policy is registered at run time, at any port of loopback. A unix socket is reached without the network.
 */
export function reachedBy(exposes: readonly CheckedExpose[]): readonly Reached[] {
  const forwarded = exposes.filter(({ mode }) => mode !== "direct");
  const anyLoopback = forwarded.some(({ backends }) => backends.length === 0);
  const ports = new Map<string, PortRange[]>();
  for (const { host, port } of forwarded.flatMap(({ backends }) => backends.filter(isEndpoint))) {
    const address = parseAddress(host);
    if (address === null || !isV4(address) || (anyLoopback && isLoopback(address))) continue;
    ports.set(host, [...(ports.get(host) ?? []), { first: port, last: port }]);
  }
  const hosts = new Map<string, { readonly ports: readonly PortRange[]; readonly texts: string[] }>();
  if (anyLoopback) hosts.set("", { ports: ANY_PORT, texts: [LOOPBACK] });
  for (const [host, all] of ports) {
    const ranges = joined(all);
    const key = portTexts(ranges).join();
    hosts.set(key, { ports: ranges, texts: [...(hosts.get(key)?.texts ?? []), host] });
  }
  const found = [...hosts.values()].flatMap(({ ports: ranges, texts }) =>
    prefixTexts(setOfTexts(texts) ?? EMPTY).map((text): Reached => {
      const [base = "", length = ""] = text.split("/");
      return { bits: parseAddress(base)?.[3] ?? 0, length: Number(length), ports: ranges };
    }),
  );
  return found.sort((a, b) => a.bits - b.bits);
}

/** The backends that a profile can't have. */
export function backendRefusals(exposes: readonly CheckedExpose[], target: string): readonly Diagnostic[] {
  return exposes.flatMap(({ name, backends, span }) =>
    backends.filter(isEndpoint).flatMap(({ kind, host, port }) => {
      const address = parseAddress(host);
      if (address === null || isV4(address)) return [];
      const clause = `backend ${kind === "remote" ? "remote " : ""}${formatEndpoint(address, port)}`;
      return [diagnostic("ING933", { target, expose: name, clause }, span)];
    }),
  );
}

function isEndpoint(backend: Backend): backend is Exclude<Backend, { readonly kind: "unix" }> {
  return backend.kind !== "unix";
}

/** `127.0.0.1/32` */
export function reachedText({ bits, length }: Reached): string {
  return `${formatV4(bits)}/${length}`;
}
