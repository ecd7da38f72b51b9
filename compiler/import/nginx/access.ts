// `allow` and `deny` of a server, inherited from the level around it where it has none, and `limit_conn`.
import { ANY } from "../../check/sets/builtin_nets.ts";
import type { AddressSet } from "../../policy/policy.ts";
import { prefixSet } from "../draft/addresses.ts";
import { admittedBy, type ListedRule } from "../draft/first_match.ts";
import { named, type Directive } from "./syntax.ts";

/** Why a server can't be written; the directive that is the cause. */
export interface Obstacle {
  readonly directive: Directive;
  readonly why: string;
}

/** The innermost level that has any rule decides. `levels`: from the outside in. */
export function accessOf(levels: readonly (readonly Directive[])[]): AddressSet | Obstacle {
  const level = levels.findLast((block) => block.some(isRule)) ?? [];
  const rules: ListedRule[] = [];
  for (const directive of level.filter(isRule)) {
    const [text = ""] = directive.args;
    // A client over a unix socket has no address, and ingressd serves none.
    if (text === "unix:") continue;
    const from = text === "all" ? ANY : prefixSet(text);
    if (from === null) return { directive, why: "it has neither an address nor a prefix" };
    rules.push({ action: directive.name === "allow" ? "allow" : "deny", from, isUncertain: false });
  }
  return admittedBy(rules, "allow");
}

function isRule({ name }: Directive): boolean {
  return name === "allow" || name === "deny";
}

/** The connections that a client address may have; null where nothing bounds them. */
export function connectionsOf(levels: readonly (readonly Directive[])[], top: readonly Directive[]): number | Obstacle | null {
  const limits = levels.findLast((block) => named(block, "limit_conn").length > 0);
  const numbers: number[] = [];
  for (const directive of named(limits ?? [], "limit_conn")) {
    const [zone = "", number = ""] = directive.args;
    const declared = named(top, "limit_conn_zone").find(({ args }) => args.some((arg) => arg.startsWith(`zone=${zone}:`)));
    const key = declared?.args[0] ?? "";
    if (key !== "$binary_remote_addr" && key !== "$remote_addr") return { directive, why: "it counts by something else than the client's address" };
    if (!/^[1-9]\d{0,4}$/.test(number)) return { directive, why: "its number can't be read" };
    numbers.push(Number(number));
  }
  return numbers.length === 0 ? null : Math.min(...numbers);
}

export function isObstacle(value: unknown): value is Obstacle {
  return typeof value === "object" && value !== null && "why" in value && "directive" in value;
}
