// The answers to `show map`, put into the configuration that HAProxy was started with: its rules, in their order, as sets.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { hostsOfWords } from "../analysis/names.ts";
import { ANY4, ANY6 } from "../check/sets/builtin_nets.ts";
import { EMPTY, isEmpty, subtract, union } from "../check/sets/intervals.ts";
import type { AddressSet, PortRange } from "../policy/policy.ts";
import type { Files, Running, RunningNames, RunningPlace, RunningRule } from "./emitter.ts";
import { pieces } from "./pieces.ts";
import { intersection, setOfTexts } from "./ranges.ts";
import { patternOf } from "./haproxy_names.ts";

type Entries = readonly (readonly [key: string, value: string])[];

interface Rule extends RunningRule {
  readonly proto: "tcp";
  readonly ports: readonly PortRange[];
  readonly local: AddressSet | null;
}

const SHAPE = "for each file in maps/ write a line `show map FILE` and then what the runtime API answers to it";

export function readMaps(source: string, wanted: Files): Result<Running, string> {
  const odd: string[] = [];
  const maps = sections(source, odd);
  const missing = [...wanted.keys()].find((path) => path.startsWith("maps/") && !maps.has(path));
  if (missing !== undefined) return failed(`it does not show \`${missing}\`: ${SHAPE}`);
  for (const path of maps.keys()) if (!wanted.has(path)) odd.push(`the map \`${path}\``);
  const reader = new ConfigReader(maps);
  const rules = (wanted.get("haproxy.cfg") ?? "").split(/^(?=frontend )/m).flatMap((text) => (text.startsWith("frontend ") ? reader.rules(text) : []));
  const places = pieces(rules).map(({ proto, ports, local, members }): RunningPlace => ({
    name: "haproxy",
    proto,
    ports,
    local,
    rules: members.flatMap((i) => rules[i] ?? []),
  }));
  return ok({ places, otherPorts: "refused", strange: [...new Set([...odd, ...reader.strange])], hash: null });
}

/** The entries of each map: `0x55d2b3c1 10.0.0.0/8 s0.` behind `show map PATH`. */
function sections(source: string, odd: string[]): ReadonlyMap<string, Entries> {
  const found = new Map<string, (readonly [string, string])[]>();
  let own: (readonly [string, string])[] | null = null;
  for (const line of source.split("\n")) {
    const path = /^show map (\S+)\s*$/.exec(line)?.[1];
    const [, key, value] = /^0x[0-9a-f]+ (\S+) (\S+)\s*$/.exec(line) ?? [];
    if (path !== undefined) {
      if (found.has(path)) odd.push(`\`${path}\` twice`);
      found.set(path, (own = []));
    } else if (own !== null && key !== undefined && value !== undefined) own.push([key, value]);
    else if (line.trim() !== "") odd.push(`a line: ${line.slice(0, 80)}`);
  }
  for (const [path, entries] of found) if (new Set(entries.map(([key]) => key)).size < entries.length) odd.push(`a key of \`${path}\` twice`);
  return found;
}

/** The first expression that fits decides. */
function isOrdered(patterns: readonly string[]): boolean {
  // The tails of wide patterns that came already; below these nothing narrower may follow.
  const wide = new Set<string>();
  return patterns.every((pattern) => {
    const tail = pattern.replace(/^\*+\.?/, "");
    const labels = tail === "" ? [] : tail.split(".");
    if (labels.some((_, i) => wide.has(labels.slice(i + 1).join(".")))) return false;
    if (pattern.startsWith("**")) wide.add(tail);
    return true;
  });
}

class ConfigReader {
  readonly strange: string[] = [];
  readonly #maps: ReadonlyMap<string, Entries>;

  constructor(maps: ReadonlyMap<string, Entries>) {
    this.#maps = maps;
  }

  /** Of one frontend: what admits, and what refuses before others can admit. */
  rules(text: string): readonly Rule[] {
    const isV6 = text.includes(" v6only");
    const ports = [...text.matchAll(/^ {2}bind (?:\*|::):(\d+)(?:-(\d+))?/gm)].map(([, first, last]) => ({
      first: Number(first),
      last: Number(last ?? first),
    }));
    const lines = text.split("\n").flatMap((line) => {
      const [, action, conditions] = /^ {2}tcp-request (?:connection|content) (set-var\(sess\.to\) str\(\S+\)|reject) if (.*)$/.exec(line) ?? [];
      return action === undefined || conditions === undefined ? [] : [this.#rule(action.startsWith("set-var"), conditions, isV6, ports)];
    });
    return [
      ...lines.flatMap((rule) => rule ?? []),
      { admits: false, sources: isV6 ? ANY6 : ANY4, names: null, after: null, until: null, proto: "tcp", ports, local: null },
    ];
  }

  /** Null for a rule about the form of a hello or of a name, of which no set says anything. */
  #rule(admits: boolean, text: string, isV6: boolean, ports: readonly PortRange[]): Rule | null {
    if (/ -m reg |req\.payload|req\.len|var\(sess\.record\)/.test(text)) return null;
    let rule: Rule = { admits, sources: isV6 ? ANY6 : ANY4, names: null, after: null, until: null, proto: "tcp", ports, local: null };
    for (const [, not, words = ""] of text.matchAll(/(!?)\{ ([^}]*) \}/g)) {
      const [fetch = "", ...match] = words.split(" ");
      const [, converter, path = ""] = /,(map_\w+)\(([^)]*)\)/.exec(fetch) ?? [];
      const value = match.at(-1) ?? "";
      if (fetch === "var(sess.now)") rule = match.includes("ge") ? { ...rule, after: Number(value) } : { ...rule, until: Number(value) };
      else if (fetch.startsWith("src,")) rule = { ...rule, sources: this.#addresses(path, value, isV6) };
      else if (fetch.startsWith("dst,")) rule = { ...rule, local: this.#addresses(path, value, isV6) };
      else if (fetch === "req.ssl_sni" && not === "!") rule = { ...rule, names: { nameless: true, hosts: hostsOfWords([]) } };
      else if (converter !== undefined) rule = { ...rule, names: this.#names(path, converter, match) };
    }
    return rule;
  }

  /** The longest prefix that has the address decides; its value has the mark somewhere. */
  #addresses(path: string, mark: string, isV6: boolean): AddressSet {
    const lengths = new Map<number, { readonly marked: string[]; readonly others: string[] }>();
    for (const [key, value] of this.#maps.get(path) ?? []) {
      const prefix = /^[0-9a-f.:]+(?:\/(\d+))?$/i.exec(key);
      if (prefix === null || key.includes(":") !== isV6 || setOfTexts([key]) === null) {
        this.strange.push(`a key of \`${path}\` that is no prefix of IPv${isV6 ? 6 : 4}: ${key}`);
        continue;
      }
      const bits = Number(prefix[1] ?? (isV6 ? 128 : 32));
      const same = lengths.get(bits) ?? { marked: [], others: [] };
      lengths.set(bits, same);
      (value.includes(mark) ? same.marked : same.others).push(key);
    }
    return [...lengths]
      .sort(([x], [y]) => x - y)
      .reduce((set, [, keys]) => {
        const [marked, others] = [setOfTexts(keys.marked) ?? EMPTY, setOfTexts(keys.others) ?? EMPTY];
        if (!isEmpty(intersection(marked, others))) this.strange.push(`a key of \`${path}\` twice`);
        return union([subtract(set, others), marked]);
      }, EMPTY);
  }

  #names(path: string, converter: string, match: readonly string[]): RunningNames {
    const mark = match[1] === "found" ? null : (match.at(-1) ?? "");
    const isExpression = converter === "map_reg";
    const read = (this.#maps.get(path) ?? []).flatMap(([key, value]) => {
      const word = isExpression ? patternOf(key) : key;
      if (word === null) this.strange.push(`an expression of \`${path}\`: ${key}`);
      // A canonical name has no other characters.
      return word === null || (!isExpression && !/^[a-z0-9_.-]+$/.test(word)) ? [] : [{ word, value }];
    });
    const own = new Set(read.map(({ word }) => word));
    // `**.s` is two labels more here, and one or more in a policy.
    const single = [...own].find((word) => word.startsWith("**") && !own.has(word.slice(1)));
    if (isExpression && single !== undefined) this.strange.push(`an expression of \`${path}\` for ${single} without one for ${single.slice(1)}`);
    if (isExpression && !isOrdered([...own])) this.strange.push(`a wide expression of \`${path}\` before a narrower one`);
    const words = read.map(({ word, value }) => (mark === null || value === mark ? word : `!${word}`));
    return { nameless: false, hosts: hostsOfWords(words) };
  }
}
