// PROXY headers: of every peer (`accept-proxy`), or of those that a rule of connections names (`expect-proxy`). Rules of connections are
// about the peer, and all later ones about the client that the header names.
import { ANY, builtinNet } from "../../check/sets/builtin_nets.ts";
import { EMPTY, equal, intersects, isEmpty, subtract, union } from "../../check/sets/intervals.ts";
import { isWide } from "../../check/rules/via.ts";
import type { AddressSet } from "../../policy/policy.ts";
import { intersect } from "../draft/addresses.ts";
import type { Context } from "../draft/context.ts";
import type { Acls } from "./conditions.ts";
import { shown, type Line } from "./sections.ts";
import type { Bound, Obstacle } from "./servers.ts";

const LINK_LOCAL = builtinNet("linklocal") ?? EMPTY;

export interface Peers {
  /** The peers whose header names the client; null: none sends one. */
  readonly via: AddressSet | null;
  readonly why: string | null;
  /** No client comes from there. */
  readonly nobody: AddressSet;
}

export function isExpectProxy({ words }: Line): boolean {
  return words[1] === "connection" && words[2] === "expect-proxy";
}

export function peersOf(context: Context, { isProxied }: Bound, requests: readonly Line[], acls: Acls): Peers | Obstacle {
  const rules = requests.filter(({ words }) => words[1] === "connection");
  const refusal = rules.find(({ words }) => words[2] === "reject" || words[2] === "silent-drop");
  const expected = rules.find(isExpectProxy);
  if (expected === undefined && !isProxied) return { via: null, why: null, nobody: EMPTY };
  if (isProxied) {
    const odd = expected ?? refusal;
    if (odd !== undefined)
      return {
        line: odd,
        why: "it is about load balancers, and a policy can't refuse a client that comes past them; `expect-proxy layer4 if` has a counterpart",
      };
    return { via: subtract(ANY, LINK_LOCAL), why: "accept-proxy of HAProxy", nobody: LINK_LOCAL };
  }
  let [open, refused, via] = [ANY, EMPTY, EMPTY];
  for (const line of rules) {
    const [, , action = "", ...rest] = line.words;
    const isExpected = isExpectProxy(line);
    if (!isExpected && action !== "accept" && action !== "reject" && action !== "silent-drop") continue;
    if (isExpected && rest[0] !== "layer4") return { line, why: "a policy has no counterpart of it" };
    const { lower, upper } = acls.read(isExpected ? rest.slice(1) : rest).of({ kind: "other" });
    if (!equal(lower, upper)) return { line, why: "which peers are load balancers depends on it, and it can't be read" };
    const here = intersect(open, lower);
    if (isExpected) {
      via = union([via, here]);
      continue;
    }
    if (action !== "accept") refused = union([refused, here]);
    open = subtract(open, here);
  }
  via = subtract(via, refused);
  const at = expected ?? rules[0];
  if (at === undefined || isEmpty(via)) return { via: null, why: null, nobody: EMPTY };
  if (intersects(via, LINK_LOCAL)) return { line: at, why: "a `via` has no link-local address" };
  if (refusal !== undefined) context.omit(refusal, shown(refusal), "HAProxy refuses peers by it; here it refuses clients that a load balancer names, too");
  return { via, why: isWide(via) ? "expect-proxy of HAProxy" : null, nobody: EMPTY };
}
