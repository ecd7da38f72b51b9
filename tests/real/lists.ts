// The real lists as a policy: five countries and a block list, about 103,000 entries, and
// several ways to put them together.
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { ModelExpose, ModelNet, ModelPolicy, ModelRule, ModelSet, Term } from "../oracle/model.ts";
import { readPrefix, type Prefix } from "../oracle/space.ts";

const data = new URL("../../../shared/data/", import.meta.url);

export const COUNTRIES = ["us", "de", "jp", "ch", "br"] as const;
export const BLOCKED = "ipsum-level2";

export function dataPath(name: string): string {
  return fileURLToPath(new URL(name, data));
}

/** The missing data, or null. */
export function missingData(): string | null {
  return existsSync(dataPath("lists/us.v4.txt")) ? null : "../shared/data is not here";
}

function readList(file: string): readonly Prefix[] {
  return readFileSync(dataPath(`lists/${file}.txt`), "utf8")
    .split("\n")
    .map((line) => line.replace(/#.*/, "").trim())
    .filter((line) => line !== "")
    .map(readPrefix);
}

export interface RealLists {
  /** By the file's name without its ending. */
  readonly lists: ReadonlyMap<string, readonly Prefix[]>;
  readonly policy: ModelPolicy;
}

/** Ports 2000 and up: one listener for each country, then the mixed ones. */
export function realLists(): RealLists {
  const files = [...COUNTRIES.flatMap((c) => [`${c}.v4`, `${c}.v6`]), BLOCKED];
  const lists = new Map(files.map((file) => [file, readList(file)]));
  const fileTerm = (file: string): Term => ({ kind: "file", path: `${file}.txt`, prefixes: lists.get(file) ?? [] });
  const countries = new Map<string, ModelNet>(COUNTRIES.map((c) => [c, { name: c, set: { members: [fileTerm(`${c}.v4`), fileTerm(`${c}.v6`)], except: [] } }]));
  const blocked: ModelNet = { name: "blocked", set: { members: [fileTerm(BLOCKED)], except: [] } };
  const net = (name: string): Term => {
    const found = countries.get(name);
    if (found === undefined) throw new Error(`no list ${name}`);
    return { kind: "net", net: found };
  };
  const set = (members: readonly string[], except: readonly string[] = []): ModelSet => ({
    members: members.length === 0 ? [{ kind: "builtin", name: "any" }] : members.map(net),
    except: except.map(net),
  });
  const rule = (action: "allow" | "deny", from: ModelSet): ModelRule => ({ action, name: null, from });
  const rows: readonly (readonly [string, readonly ModelRule[]])[] = [
    ...COUNTRIES.map((c) => [c, [rule("allow", set([c]))]] as const),
    ["everyone", [rule("allow", set([]))]],
    ["europe", [rule("allow", set(["de"])), rule("allow", set(["ch"])), rule("deny", set(["us", "br"]))]],
    ["abroad", [rule("allow", set([], ["us"])), rule("deny", set(["jp"]))]],
    ["overlap", [rule("allow", set(["us", "de", "jp"])), rule("allow", set(["us"])), rule("deny", set(["br"]))]],
  ];
  const exposes: ModelExpose[] = rows.map(([name, rules], i) => ({
    name,
    rules,
    ports: [{ first: 2000 + i, last: 2000 + i }],
    bind: null,
    cap: null,
    limits: [],
  }));
  return {
    lists,
    policy: {
      nets: [...countries.values(), blocked],
      denies: [{ action: "deny", name: "blocklist", on: null, from: { members: [{ kind: "net", net: blocked }], except: [] } }],
      exposes,
    },
  };
}
