// Finds the rules that match a request in the semantic JSON of a module. The module's tables
// alone decide; this only shows the rules that its decision overrides and those that no test met.
import type { ListenerInfo, PolicyInfo, RuleInfo } from "../../runtime/host/module.ts";
import type { Address } from "../../runtime/net/address.ts";
import { isWithin, parsePrefix, type Prefix } from "../../runtime/net/prefix.ts";
import type { Semantic, SemanticRule } from "./semantic.ts";

/** Everything that a clause of a rule can look at. */
export interface Facts {
  readonly source: Address;
  /** Canonical; null: none was sent. A listener that reads no name has none. */
  readonly sni: string | null;
  /** The words of the client's certificate; null: it showed none, or no certificate was requested. */
  readonly client: readonly string[] | null;
  /** UTC seconds; null: no wall clock is known. */
  readonly wallSeconds: number | null;
}

/** A rule with all that the module states of it. */
export interface StatedRule {
  readonly info: RuleInfo;
  readonly stated: SemanticRule;
  /** The listener's number; null for a top-level deny. */
  readonly listener: number | null;
}

export interface RuleBook {
  /** In canonical order. */
  readonly rules: readonly StatedRule[];
  /** Prefixes of a rule's sources. */
  sourcesOf(rule: StatedRule): readonly Prefix[];
  /** Words of a rule's names; null where it takes any. */
  namesOf(rule: StatedRule): readonly string[] | null;
  /** Words of a rule's identities; null where it takes any client. */
  identitiesOf(rule: StatedRule): readonly string[] | null;
  /** Whether a rule is about the listener: a deny at top level may be about other ports. */
  appliesTo(rule: StatedRule, listener: ListenerInfo): boolean;
  /** Every rule, `dryrun` ones too, that applies to `listener` and whose clauses are all true, in canonical order. */
  matching(listener: ListenerInfo, facts: Facts): readonly RuleInfo[];
}

export function ruleBook(semantic: Semantic, info: PolicyInfo): RuleBook {
  const rules = inCanonicalOrder(semantic).flatMap(({ stated, expose, listener, action }, id): StatedRule[] => {
    const known = info.rules[id];
    // A map that says something else would put names on the wrong rules.
    return known?.id === id && known.action === action && known.listener === expose ? [{ info: known, stated, listener }] : [];
  });
  const nets = new Map<string, readonly Prefix[]>();
  const prefixes = (id: string): readonly Prefix[] => {
    let known = nets.get(id);
    if (known === undefined) nets.set(id, (known = (semantic.nets.get(id) ?? []).map(parsePrefix).filter((p) => p !== null)));
    return known;
  };
  const words = new Map<string, ReadonlySet<string>>();
  const hosts = (id: string): ReadonlySet<string> => {
    let known = words.get(id);
    if (known === undefined) words.set(id, (known = new Set(semantic.hosts.get(id) ?? [])));
    return known;
  };
  const isTrue = ({ stated: { from, sni, client, after, until } }: StatedRule, facts: Facts): boolean => {
    if (client !== null && facts.client?.some((word) => hasIdentity(semantic.ids.get(client) ?? [], word)) !== true) return false;
    const now = facts.wallSeconds;
    if ((after !== null || until !== null) && (now === null || now < (after ?? 0) || now >= (until ?? Infinity))) return false;
    if (sni !== null && (facts.sni === null || !hasName(hosts(sni), facts.sni))) return false;
    return prefixes(from).some((prefix) => isWithin(prefix, facts.source));
  };
  return {
    rules,
    sourcesOf: ({ stated }) => prefixes(stated.from),
    namesOf: ({ stated }) => (stated.sni === null ? null : (semantic.hosts.get(stated.sni) ?? [])),
    identitiesOf: ({ stated }) => (stated.client === null ? null : (semantic.ids.get(stated.client) ?? [])),
    appliesTo,
    matching(listener, facts) {
      const known = {
        ...facts,
        ...((listener.mode === "tcp" || listener.mode === "direct") && { sni: null }),
        ...(listener.mode !== "mtls" && { client: null }),
      };
      return rules.filter((rule) => appliesTo(rule, listener) && isTrue(rule, known)).map(({ info: found }) => found);
    },
  };
}

interface Listed {
  readonly stated: SemanticRule;
  readonly expose: string | null;
  readonly listener: number | null;
  readonly action: "allow" | "deny";
}

/** Numbers count the top-level denies first, then each expose's denies and allows; then those that are `dryrun`, alike. */
function inCanonicalOrder(semantic: Semantic): readonly Listed[] {
  const all: readonly Listed[] = [
    ...semantic.deny.map((stated) => ({ stated, expose: null, listener: null, action: "deny" }) as const),
    ...semantic.expose.flatMap(({ name, deny, allow }, listener) => [
      ...deny.map((stated) => ({ stated, expose: name, listener, action: "deny" }) as const),
      ...allow.map((stated) => ({ stated, expose: name, listener, action: "allow" }) as const),
    ]),
  ];
  return [...all.filter(({ stated }) => !stated.dryrun), ...all.filter(({ stated }) => stated.dryrun)];
}

/** A top-level deny applies to a listener that has any of its ports, of its protocol; never where the service listens by itself. */
function appliesTo({ listener: own, stated: { on } }: StatedRule, listener: ListenerInfo): boolean {
  if (own !== null) return own === listener.id;
  if (listener.mode === "direct") return false;
  return (
    on === null ||
    (on.proto === listener.proto &&
      on.ports.some((range) => {
        const [first = 0, last = first] = range.split("-").map(Number);
        return listener.ports.some((p) => p.first <= last && first <= p.last);
      }))
  );
}

/** The narrowest word that matches decides: the name itself, `*` for one label, `**` for more. */
export function hasName(words: ReadonlySet<string>, name: string): boolean {
  const labels = name.split(".");
  const candidates = [
    name,
    ...labels.flatMap((_, i) => {
      const suffix = labels
        .slice(i + 1)
        .map((label) => `.${label}`)
        .join("");
      return i === 0 ? [`*${suffix}`, `**${suffix}`] : [`**${suffix}`];
    }),
  ];
  for (const word of candidates) {
    if (words.has(word)) return true;
    if (words.has(`!${word}`)) return false;
  }
  return false;
}

/** Whether a word of a certificate is in a set: the narrowest pattern that matches it decides. */
export function hasIdentity(words: readonly string[], word: string): boolean {
  let [best, inside] = [-1, false];
  for (const said of words) {
    const includes = !said.startsWith("!");
    const pattern = includes ? said : said.slice(1);
    // Of two patterns that are open at one place and match one word the longer one is narrower.
    const narrowness = pattern.endsWith("/**") ? pattern.length : (pattern.includes("*") ? NARROW : 2 * NARROW) + pattern.length;
    if (narrowness > best && matchesId(pattern, word)) [best, inside] = [narrowness, includes];
  }
  return inside;
}

/** More than the characters of any pattern. */
const NARROW = 2 ** 20;

/** `*` ends a part between two `/`, `**` is the rest of them; behind `?` or `#` no part ends. */
function matchesId(pattern: string, word: string): boolean {
  const star = pattern.indexOf("*");
  if (star < 0 ? pattern !== word : !word.startsWith(pattern.slice(0, star))) return false;
  const parts = partsOf(word);
  const wanted = partsOf(pattern);
  if (wanted.at(-1) === "**") {
    const head = wanted.slice(0, -1);
    return parts.length > head.length && head.every((part, i) => part === parts[i]);
  }
  return (
    parts.length === wanted.length &&
    wanted.every((part, i) => {
      const own = parts[i] ?? "";
      return part.endsWith("*") ? own.startsWith(part.slice(0, -1)) && own.length >= part.length : own === part;
    })
  );
}

function partsOf(word: string): readonly string[] {
  const [, path = "", rest = ""] = /^([^?#]*)([^]*)$/.exec(word) ?? [];
  const parts = path.split("/");
  return [...parts.slice(0, -1), `${parts.at(-1) ?? ""}${rest}`];
}
