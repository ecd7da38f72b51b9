// `nft -j list table inet ingressd` back into sets. Rules of other forms than this program writes are named, and mean nothing here.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { ANY, ANY4, ANY6 } from "../check/sets/builtin_nets.ts";
import { isEmpty } from "../check/sets/intervals.ts";
import type { AddressSet, PortRange } from "../policy/policy.ts";
import type { Running, RunningPlace, RunningRule } from "./emitter.ts";
import { at, isFields, list, parsed, shown, text } from "./json.ts";
import { intersection, setOfTexts } from "./ranges.ts";
import { pieces } from "./pieces.ts";

interface Condition {
  readonly proto: "tcp" | "udp" | null;
  readonly ports: readonly PortRange[] | null;
  readonly local: AddressSet | null;
  readonly sources: AddressSet;
  readonly after: number | null;
  readonly until: number | null;
}

interface Step extends Condition {
  readonly admits: boolean;
}

const EVERYTHING: Condition = { proto: null, ports: null, local: null, sources: ANY, after: null, until: null };
/** More would be a loop, which nft refuses. */
const DEEPEST = 16;

/** `wanted`: the output that it should have been loaded from. */
export function readTable(source: string, wanted: string): Result<Running, string> {
  const items = list(at(parsed(source), "nftables"));
  const has = (kind: string): readonly unknown[] =>
    items.flatMap((item) => (isFields(at(item, kind)) ? [at(item, kind)] : [])).filter((item) => at(item, "table") === "ingressd");
  const table = items.map((item) => at(item, "table")).find((one) => at(one, "name") === "ingressd" && at(one, "family") === "inet");
  if (table === undefined) return failed("it has no table `inet ingressd`: write it with `TZ=UTC nft -j list table inet ingressd`");
  const reader = new TableReader(has("set"), has("chain"), has("rule"));
  const running = reader.read(wanted.includes("hook input priority 0; policy drop;"));
  const flags = at(table, "flags");
  // The kernel skips a table that is dormant.
  return ok(flags === undefined ? running : { ...running, strange: [...running.strange, `flags of the table: ${shown(flags)}`] });
}

class TableReader {
  readonly #sets = new Map<string, AddressSet | null>();
  readonly #chains: readonly unknown[];
  readonly #rules = new Map<string, unknown[]>();
  readonly #strange: string[] = [];
  readonly #steps: Step[] = [];
  #hash: string | null = null;

  constructor(sets: readonly unknown[], chains: readonly unknown[], rules: readonly unknown[]) {
    for (const set of sets) this.#sets.set(text(at(set, "name")), addressesOf(list(at(set, "elem"))));
    this.#chains = chains;
    for (const rule of rules) {
      const chain = text(at(rule, "chain"));
      const own = this.#rules.get(chain);
      if (own === undefined) this.#rules.set(chain, [rule]);
      else own.push(rule);
    }
  }

  read(drops: boolean): Running {
    const bases = this.#chains.filter((chain) => at(chain, "hook") !== undefined);
    const input = bases.find((chain) => at(chain, "hook") === "input" && at(chain, "name") === "input");
    for (const other of bases) if (other !== input) this.#strange.push(`the chain \`${text(at(other, "name"))}\` at the hook \`${text(at(other, "hook"))}\``);
    if (input === undefined) this.#strange.push("it has no chain `input` at the hook `input`");
    const accepts = input === undefined || at(input, "policy") !== "drop";
    if (input !== undefined && accepts === drops)
      this.#strange.push(
        accepts ?
          "the chain `input` accepts what no rule decides, and `--whole-host` drops it"
        : "the chain `input` drops what no rule decides, which `build` writes with `--whole-host` alone",
      );
    if (input !== undefined) this.#walk("input", EVERYTHING, accepts, 0);
    return {
      places: placesOf([...this.#steps, { ...EVERYTHING, admits: accepts }]),
      otherPorts: accepts ? "as the policy says" : "refused",
      strange: this.#strange,
      hash: this.#hash,
    };
  }

  #walk(chain: string, before: Condition, policy: boolean, depth: number): void {
    const rules = this.#rules.get(chain) ?? [];
    const lastPorts = rules.findLastIndex((rule) => JSON.stringify(rule).includes('"dport"'));
    for (const [i, rule] of rules.entries()) {
      if (this.#isOwn(rule, i > lastPorts)) continue;
      const statements = list(at(rule, "expr")).filter((one) => at(one, "counter") === undefined);
      const condition = this.#condition(statements.slice(0, -1), before);
      const verdict = statements.at(-1);
      const target = text(at(verdict, "goto", "target"));
      const isVerdict = isFields(verdict) && (Object.hasOwn(verdict, "accept") || Object.hasOwn(verdict, "drop"));
      // It decides ports that no place has.
      if (isVerdict && condition?.ports === null) this.#strange.push(`a rule of \`${chain}\` for every port: ${shown(at(rule, "expr"))}`);
      if (condition === null || !isFields(verdict)) this.#strange.push(`a rule of \`${chain}\`: ${shown(at(rule, "expr"))}`);
      else if (Object.hasOwn(verdict, "accept")) this.#steps.push({ ...condition, admits: true });
      else if (Object.hasOwn(verdict, "drop")) this.#steps.push({ ...condition, admits: false });
      else if (target !== "" && depth < DEEPEST) {
        this.#walk(target, condition, policy, depth + 1);
        this.#steps.push({ ...condition, admits: policy });
      } else this.#strange.push(`a rule of \`${chain}\`: ${shown(at(rule, "expr"))}`);
    }
  }

  /** Rules that this program writes beside those of the policy; the last ones only behind all of these. */
  #isOwn(rule: unknown, isBehind: boolean): boolean {
    const statements = JSON.stringify(at(rule, "expr"));
    if (statements === ESTABLISHED) {
      this.#hash = /^policy ([0-9a-f]{32})$/.exec(text(at(rule, "comment")))?.[1] ?? this.#hash;
      return true;
    }
    return isBehind && BEHIND.has(statements);
  }

  #condition(statements: readonly unknown[], before: Condition): Condition | null {
    let condition = before;
    for (const statement of statements) {
      const [op, left, right] = ["op", "left", "right"].map((key) => at(statement, "match", key));
      const next = this.#match(text(op), left, right, condition);
      if (next === null) return null;
      condition = next;
    }
    return condition;
  }

  #match(op: string, left: unknown, right: unknown, before: Condition): Condition | null {
    const [protocol, field, key] = [text(at(left, "payload", "protocol")), text(at(left, "payload", "field")), text(at(left, "meta", "key"))];
    if (key === "time") return timed(op, right, before);
    if (op !== "==") return null;
    if (key === "nfproto" && (right === "ipv4" || right === "ipv6"))
      return field === "" ? { ...before, sources: intersection(before.sources, right === "ipv4" ? ANY4 : ANY6), local: before.local } : null;
    if ((protocol === "tcp" || protocol === "udp") && field === "dport") {
      const ports = portsOf(right);
      return ports === null || before.ports !== null ? null : { ...before, proto: protocol, ports };
    }
    if (protocol !== "ip" && protocol !== "ip6") return null;
    const set = this.#addresses(right);
    if (set === null) return null;
    if (field === "saddr") return { ...before, sources: intersection(before.sources, set) };
    return field === "daddr" && before.local === null ? { ...before, local: set } : null;
  }

  #addresses(right: unknown): AddressSet | null {
    if (typeof right === "string" && right.startsWith("@")) return this.#sets.get(right.slice(1)) ?? null;
    return addressesOf(isFields(right) && Array.isArray(right["set"]) ? list(right["set"]) : [right]);
  }
}

const match = (left: unknown, op: string, right: unknown): unknown => ({ match: { op, left, right } });
const ACCEPT = { accept: null };
const ESTABLISHED = JSON.stringify([match({ ct: { key: "state" } }, "in", "established"), ACCEPT]);
const BEHIND: ReadonlySet<string> = new Set(
  [
    [match({ meta: { key: "iif" } }, "==", "lo"), ACCEPT],
    [match({ ct: { key: "state" } }, "in", "related"), ACCEPT],
    [match({ meta: { key: "l4proto" } }, "==", { set: ["icmp", "ipv6-icmp"] }), ACCEPT],
  ].map((statements) => JSON.stringify(statements)),
);

function timed(op: string, right: unknown, before: Condition): Condition | null {
  const seconds = typeof right === "number" ? right : Date.parse(`${text(right).replace(" ", "T")}Z`) / 1000;
  if (!Number.isFinite(seconds)) return null;
  if (op === ">=") return { ...before, after: Math.max(before.after ?? seconds, seconds) };
  return op === "<" ? { ...before, until: Math.min(before.until ?? seconds, seconds) } : null;
}

function portsOf(right: unknown): readonly PortRange[] | null {
  const items = isFields(right) && Array.isArray(right["set"]) ? list(right["set"]) : [right];
  const ports = items.map((item) => {
    const [first, last] = typeof item === "number" ? [item, item] : list(at(item, "range"));
    return typeof first === "number" && typeof last === "number" ? { first, last } : null;
  });
  return ports.every((range) => range !== null) ? ports : null;
}

function addressesOf(items: readonly unknown[]): AddressSet | null {
  const texts = items.map((item) => {
    if (typeof item === "string") return item;
    const range = list(at(item, "range"));
    if (range.length === 2) return range.map(text).join("-");
    const length = at(item, "prefix", "len");
    return typeof length === "number" ? `${text(at(item, "prefix", "addr"))}/${length}` : "";
  });
  return setOfTexts(texts);
}

function placesOf(steps: readonly Step[]): readonly RunningPlace[] {
  return pieces(steps).map(({ proto, ports, local, members }): RunningPlace => {
    const rules = members.map((i): RunningRule => {
      const { admits, sources, after, until } = steps[i] ?? { ...EVERYTHING, admits: false };
      return { admits, sources, names: null, after, until };
    });
    return { name: "input", proto, ports, local, rules: rules.filter(({ sources }) => !isEmpty(sources)) };
  });
}
