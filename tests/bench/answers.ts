// The expected answers of a world's policy, computed independently of the compiler and the runtime. Each prefix of the
// lists is in a table by its masked address and length, each name by its text, and a lookup tries every length. It
// parses only the narrow form that worlds.mjs writes.
import { prefixOf, readPrefix, type Prefix } from "../oracle/space.ts";

export interface Question {
  /** Name of the expose. */
  readonly expose: string;
  readonly source: string;
  /** The name of the ClientHello; null if the request has none. */
  readonly name: string | null;
}

interface Rule {
  readonly action: "allow" | "deny";
  /** Number of the net; null: any. */
  readonly net: number | null;
  /** Number of the set of names; null: any, or none. */
  readonly hosts: number | null;
}

/** Which of the sets have a key. */
type Table = Map<string, number[]>;

function put(table: Table, key: string, set: number): void {
  const sets = table.get(key);
  if (sets === undefined) table.set(key, [set]);
  else sets.push(set);
}

/** Text: V8 hashes a BigInt by its lowest 64 bits, which IPv6 prefixes have in common. */
const keyOf = (p: Prefix): string => `${p.base.toString(16)}/${p.length}`;

export class Answers {
  private readonly nets: Table = new Map();
  private readonly exact: Table = new Map();
  /** By the part after `*.`. */
  private readonly wild: Table = new Map();
  private readonly lengths = { 4: new Set<number>(), 6: new Set<number>() };
  private readonly exposes = new Map<string, Rule[]>();
  private readonly everywhere: Rule[] = [];

  /** `files`: the list files and imports by their path. */
  constructor(entry: string, files: ReadonlyMap<string, string>) {
    let open: Rule[] = this.everywhere;
    for (const line of entry.split("\n").map((l) => l.trim())) {
      const [, kind, number, list] = /^(net|hosts) [nh](\d+) = file "([^"]+)" max \d+$/.exec(line) ?? [];
      const rule = /^(allow|deny) from (?:n(\d+)|any)(?: sni h(\d+))?$/.exec(line);
      const expose = /^expose (\w+) on tcp \d+(?: as passthrough)? \{$/.exec(line)?.[1];
      if (list !== undefined) this.read(kind === "net", Number(number), files.get(list) ?? "");
      else if (expose !== undefined) this.exposes.set(expose, (open = []));
      else if (rule !== null) {
        const [, action, net, hosts] = rule;
        open.push({
          action: action === "allow" ? "allow" : "deny",
          net: net === undefined ? null : Number(net),
          hosts: hosts === undefined ? null : Number(hosts),
        });
      } else if (line === "}") open = this.everywhere;
      else if (line !== "" && !/^(edition|backend|cap) /.test(line)) throw new Error(`not of the form that a world has: ${line.slice(0, 80)}`);
    }
  }

  private read(addresses: boolean, set: number, list: string): void {
    for (const line of list.split("\n")) {
      if (line === "") continue;
      if (!addresses) put(line.startsWith("*.") ? this.wild : this.exact, line.replace("*.", ""), set);
      else {
        const prefix = readPrefix(line);
        this.lengths[prefix.family].add(prefix.length);
        put(this.nets, keyOf(prefix), set);
      }
    }
  }

  allows({ expose, source, name }: Question): boolean {
    const rules = this.exposes.get(expose);
    if (rules === undefined) throw new Error(`no expose is called ${expose}`);
    const { base, family } = readPrefix(source);
    const nets = new Set([...this.lengths[family]].flatMap((length) => this.nets.get(keyOf(prefixOf(base, length))) ?? []));
    const hosts = new Set(name === null ? [] : [...(this.exact.get(name) ?? []), ...(this.wild.get(name.slice(name.indexOf(".") + 1)) ?? [])]);
    const matches = (rule: Rule): boolean => (rule.net === null || nets.has(rule.net)) && (rule.hosts === null || hosts.has(rule.hosts));
    const matching = [...this.everywhere, ...rules].filter(matches);
    return matching.length > 0 && matching.every((rule) => rule.action === "allow");
  }
}
