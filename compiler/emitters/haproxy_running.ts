// The answers to `show map`, put into the configuration that HAProxy was started with: its rules, in their order, as sets.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { hostsOfWords } from "../analysis/names.ts";
import { ANY4, ANY6 } from "../check/sets/builtin_nets.ts";
import { EMPTY } from "../check/sets/intervals.ts";
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
  const maps = sections(source);
  const missing = [...wanted.keys()].find((path) => path.startsWith("maps/") && !maps.has(path));
  if (missing !== undefined) return failed(`it does not show \`${missing}\`: ${SHAPE}`);
  const reader = new ConfigReader(maps);
  const rules = (wanted.get("haproxy.cfg") ?? "").split(/^(?=frontend )/m).flatMap((text) => (text.startsWith("frontend ") ? reader.rules(text) : []));
  const places = pieces(rules).map(({ proto, ports, local, members }): RunningPlace => ({
    name: "haproxy",
    proto,
    ports,
    local,
    rules: members.flatMap((i) => rules[i] ?? []),
  }));
  return ok({ places, otherPorts: "refused", strange: reader.strange, hash: null });
}

/** The entries of each map: `0x55d2b3c1 10.0.0.0/8 s0.` behind `show map PATH`. */
function sections(source: string): ReadonlyMap<string, Entries> {
  const found = new Map<string, (readonly [string, string])[]>();
  let own: (readonly [string, string])[] | null = null;
  for (const line of source.split("\n")) {
    const path = /^show map (\S+)\s*$/.exec(line)?.[1];
    if (path !== undefined) found.set(path, (own = []));
    const [, key, value] = /^0x[0-9a-f]+ (\S+) (\S+)\s*$/.exec(line) ?? [];
    if (own !== null && key !== undefined && value !== undefined) own.push([key, value]);
  }
  return found;
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
    const family = isV6 ? ANY6 : ANY4;
    const ports = [...text.matchAll(/^ {2}bind (?:\*|::):(\d+)(?:-(\d+))?/gm)].map(([, first, last]) => ({
      first: Number(first),
      last: Number(last ?? first),
    }));
    const lines = text.split("\n").flatMap((line) => {
      const [, action, conditions] = /^ {2}tcp-request (?:connection|content) (set-var\(sess\.to\) str\(\S+\)|reject) if (.*)$/.exec(line) ?? [];
      return action === undefined || conditions === undefined ? [] : [this.#rule(action.startsWith("set-var"), conditions, family, ports)];
    });
    return [
      ...lines.flatMap((rule) => rule ?? []),
      { admits: false, sources: family, names: null, after: null, until: null, proto: "tcp", ports, local: null },
    ];
  }

  /** Null: it is about the form of a hello or of a name, of which no set says anything. */
  #rule(admits: boolean, text: string, family: AddressSet, ports: readonly PortRange[]): Rule | null {
    if (/ -m reg |req\.payload|req\.len|var\(sess\.record\)/.test(text)) return null;
    let rule: Rule = { admits, sources: family, names: null, after: null, until: null, proto: "tcp", ports, local: null };
    for (const [, not, words = ""] of text.matchAll(/(!?)\{ ([^}]*) \}/g)) {
      const [fetch = "", ...match] = words.split(" ");
      const [, converter, path = ""] = /,(map_\w+)\(([^)]*)\)/.exec(fetch) ?? [];
      const value = match.at(-1) ?? "";
      if (fetch === "var(sess.now)") rule = match.includes("ge") ? { ...rule, after: Number(value) } : { ...rule, until: Number(value) };
      else if (fetch.startsWith("src,")) rule = { ...rule, sources: intersection(family, this.#addresses(path, value)) };
      else if (fetch.startsWith("dst,")) rule = { ...rule, local: intersection(family, this.#addresses(path, value)) };
      else if (fetch === "req.ssl_sni" && not === "!") rule = { ...rule, names: { nameless: true, hosts: hostsOfWords([]) } };
      else if (converter !== undefined) rule = { ...rule, names: this.#names(path, converter, match) };
    }
    return rule;
  }

  #addresses(path: string, mark: string): AddressSet {
    const keys = (this.#maps.get(path) ?? []).flatMap(([key, value]) => (value.split(/(?<=\.)/).includes(mark) ? [key] : []));
    const set = setOfTexts(keys);
    if (set !== null) return set;
    this.strange.push(`keys of \`${path}\` that are no prefixes`);
    return EMPTY;
  }

  #names(path: string, converter: string, match: readonly string[]): RunningNames {
    const mark = match[1] === "found" ? null : (match.at(-1) ?? "");
    const words = (this.#maps.get(path) ?? []).flatMap(([key, value]) => {
      const word = converter === "map_reg" ? patternOf(key) : key;
      if (word === null) this.strange.push(`an expression of \`${path}\`: ${key}`);
      if (word === null || !/^(?:\*{1,2}\.|\*{1,2}$)?[a-z0-9_.-]*$/.test(word)) return [];
      return mark === null || value === mark ? [word] : [`!${word}`];
    });
    return { nameless: false, hosts: hostsOfWords(words) };
  }
}
