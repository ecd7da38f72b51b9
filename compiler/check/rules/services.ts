// The engine knows a service by the FNV-1a-64 hash of its name; two names with one hash can't
// be distinguished, so one policy may not have both.
import type { DialNode, Piece } from "../../ast/nodes.ts";
import type { PartialExpose } from "./partial_expose.ts";
import type { CheckContext } from "./context.ts";

/** FNV-1a, 64 bits, over the UTF-8 bytes of a name. */
export function fnv1a64(name: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(name)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return hash;
}

/** Pairs of different names with one hash: the later with the first. */
export function collisions(names: Iterable<string>, hash: (name: string) => bigint = fnv1a64): (readonly [later: string, first: string])[] {
  const byHash = new Map<bigint, string>();
  const pairs: (readonly [string, string])[] = [];
  for (const name of new Set(names)) {
    const h = hash(name);
    const first = byHash.get(h);
    if (first === undefined) byHash.set(h, name);
    else pairs.push([name, first]);
  }
  return pairs;
}

export function checkServices(context: CheckContext, exposes: readonly PartialExpose[], dials: readonly DialNode[], hash?: (name: string) => bigint): void {
  // `ingressd` is the gateway's own name in the engine.
  for (const [later, first] of collisions(["ingressd", ...exposes.map((e) => e.service), ...dials.map((d) => d.service.text)], hash)) {
    const named = (name: string): Piece | undefined => {
      const node = exposes.find((e) => e.service === name)?.node;
      return node === undefined ? dials.find((d) => d.service.text === name)?.service : (node.service ?? node.name);
    };
    const place = named(later);
    if (place === undefined) continue;
    const other = named(first);
    context.report.say("ING209", { service: later, other: first }, place.span, {
      related: other === undefined ? [] : [{ span: other.span, label: "the other one" }],
    });
  }
}
