// Which rules a source meets, by the semantic JSON that a module carries. The module's tables
// alone decide; this only tells what its decision overrides.
import { readSections, SECTION_POLICY } from "../../runtime/abi/sections.ts";
import type { ListenerInfo, PolicyInfo, RuleInfo } from "../../runtime/host/module.ts";
import { parseAddress, type Address } from "../../runtime/net/address.ts";

interface RuleJson {
  readonly from: string;
  readonly dryrun?: boolean;
  /** Neither a name nor a clock is known here, so a rule that needs one does not match. */
  readonly sni?: string | null;
  readonly until?: number | null;
  /** Version 1 of the tables had the ports alone. */
  readonly on?: readonly string[] | { readonly ports: readonly string[] } | null;
}

interface SemanticJson {
  readonly deny: readonly RuleJson[];
  readonly expose: readonly { readonly allow: readonly RuleJson[]; readonly deny: readonly RuleJson[]; readonly name: string }[];
  readonly nets: Readonly<Record<string, readonly string[]>>;
}

/** Every rule that holds for `listener` and whose addresses have `source`, in canonical order. */
export function matchingRules(module: Uint8Array, info: PolicyInfo, listener: ListenerInfo, source: Address): readonly RuleInfo[] {
  const semantic = semanticOf(module);
  if (semantic === null) return [];
  // Canonical numbers count the top-level denies first, then each expose's denies and allows.
  const inOrder = [
    ...semantic.deny.map((rule) => ({ rule, holds: holdsOn(rule.on ?? null, listener) })),
    ...semantic.expose.flatMap((e) => [...e.deny, ...e.allow].map((rule) => ({ rule, holds: e.name === listener.name }))),
  ];
  return inOrder.flatMap(({ rule, holds }, id) => {
    const known = info.rules.find((r) => r.id === id);
    const has = holds && rule.dryrun !== true && (rule.sni ?? null) === null && (rule.until ?? null) === null && (semantic.nets[rule.from] ?? []).some((prefix) => contains(prefix, source));
    return has && known !== undefined ? [known] : [];
  });
}

/** A top-level deny holds for a listener that has any of its ports. */
function holdsOn(on: NonNullable<RuleJson["on"]> | null, listener: ListenerInfo): boolean {
  if (on === null) return true;
  return ("ports" in on ? on.ports : on).some((range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return listener.ports.some((p) => p.first <= last && first <= p.last);
  });
}

function contains(prefix: string, source: Address): boolean {
  const [text = "", bits = ""] = prefix.split("/");
  const base = parseAddress(text);
  if (base === null) return false;
  const length = Number(bits) + (text.includes(":") ? 0 : 96);
  return base.every((word, i) => {
    const significant = Math.min(32, Math.max(0, length - 32 * i));
    return significant === 0 || (word >>> (32 - significant)) === ((source[i] ?? 0) >>> (32 - significant));
  });
}

function semanticOf(module: Uint8Array): SemanticJson | null {
  const section = readSections(module)?.find((s) => s.name === SECTION_POLICY);
  if (section === undefined) return null;
  const value: unknown = JSON.parse(new TextDecoder().decode(section.body));
  return isSemantic(value) ? value : null;
}

function isSemantic(value: unknown): value is SemanticJson {
  if (typeof value !== "object" || value === null || !("deny" in value && "expose" in value && "nets" in value)) return false;
  const { deny, expose, nets } = value;
  return isRules(deny) && Array.isArray(expose) && expose.every(isExpose)
    && typeof nets === "object" && nets !== null && Object.values(nets).every(isTexts);
}

function isExpose(value: unknown): boolean {
  return typeof value === "object" && value !== null && "allow" in value && "deny" in value && "name" in value
    && isRules(value.allow) && isRules(value.deny) && typeof value.name === "string";
}

function isRules(value: unknown): boolean {
  return Array.isArray(value) && value.every((rule: unknown) =>
    typeof rule === "object" && rule !== null && "from" in rule && typeof rule.from === "string"
    && (!("on" in rule) || rule.on === null || isTexts(rule.on) || (typeof rule.on === "object" && "ports" in rule.on && isTexts(rule.on.ports))));
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((text) => typeof text === "string");
}
