// Tests of a learned policy: of each expose a client that was seen, and one that was not.
import { contains, isEmpty, subtract, union } from "../../check/sets/intervals.ts";
import type { AddressSet, AddressWords } from "../../policy/policy.ts";
import { formatAddress, parseAddress } from "../../../runtime/net/address.ts";

export interface Tested {
  readonly name: string;
  /** Names lead to it, or to another expose. */
  readonly isShared: boolean;
  /** Its load balancers, and the sources that they named. */
  readonly peers: AddressSet;
  readonly named: AddressSet;
  readonly rules: readonly { readonly id: string | null; readonly names: readonly string[]; readonly set: AddressSet; readonly seen: AddressSet }[];
}

/** Rules of one expose that are tested, and lines of all tests. */
const MOST_RULES = 8;
const MOST_LINES = 1_000;
/** Addresses of documents, which no client has. */
const STRANGERS = ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1"];

export function testsText(exposes: readonly Tested[], denied: AddressSet): readonly string[] {
  let left = MOST_LINES;
  const blocks: string[] = [];
  for (const expose of exposes) {
    const lines = linesOf(expose, denied).slice(0, left);
    left -= lines.length;
    if (lines.length > 0) blocks.push([`test "learned: ${expose.name}" {`, ...lines.map((line) => `  ${line}`), "}", ""].join("\n"));
  }
  return blocks;
}

function linesOf({ name, isShared, peers, named, rules }: Tested, denied: AddressSet): readonly string[] {
  const facts = ({ id, names: [sni] }: Tested["rules"][number]): string => `${sni === undefined ? "" : ` sni "${sni}"`}${id === null ? "" : ` client ${id}`}`;
  const allowed = rules.slice(0, MOST_RULES).map((rule) => {
    const [balanced, peer] = [subtract(rule.seen, subtract(rule.seen, named)), firstOf(peers)];
    const isNamed = peer !== null && !isEmpty(balanced);
    return `from ${firstOf(isNamed ? balanced : rule.seen) ?? ""}${isNamed ? ` via ${peer}` : ""} to ${name}${facts(rule)} => allow`;
  });
  const [first] = rules;
  const stranger = strangerTo(union([peers, ...rules.map(({ set }) => set)]), denied);
  // Where names distinguish exposes, another one may admit the source, and then the name is the reason.
  return first === undefined || stranger === null || isShared ? allowed : [...allowed, `from ${stranger} to ${name}${facts(first)} => deny cidr`];
}

/** A source that a deny refused, or one that was never seen. */
function strangerTo(known: AddressSet, denied: AddressSet): string | null {
  const refused = firstOf(subtract(denied, known));
  if (refused !== null) return refused;
  return STRANGERS.find((text) => !contains(known, parseAddress(text) ?? [0, 0, 0, 0])) ?? null;
}

function firstOf({ bounds }: AddressSet): string | null {
  if (bounds.length === 0) return null;
  const words: AddressWords = [bounds[0] ?? 0, bounds[1] ?? 0, bounds[2] ?? 0, bounds[3] ?? 0];
  return formatAddress(words);
}
