// Conditions of HAProxy: `if office shop or !{ src 10.0.0.0/8 }`, by source and by server name, for one class of names.
import { union } from "../../check/sets/intervals.ts";
import { readHostPattern } from "../../check/names/host_names.ts";
import { prefixSet } from "../draft/addresses.ts";
import { ALL, UNKNOWN, anyOf, both, exactly, not, whether, type Bounds } from "../draft/bounds.ts";
import type { Line } from "./sections.ts";

/** Names that no condition distinguishes: one name, all names below one, or every other name and none. */
export type NameClass = { readonly kind: "name" | "below"; readonly text: string } | { readonly kind: "other" };

interface Acl {
  readonly of: (name: NameClass) => Bounds;
  readonly names: readonly NameClass[];
  readonly why: string | null;
  /** It is true of what begins with a hello alone. */
  readonly needsHello: boolean;
}

export interface Acls {
  /** The meaning of a condition, and why it is not known where it is not. */
  read(words: readonly string[]): Reading;
  /** The names of all conditions that were read. */
  readonly names: NameClass[];
}

export interface Reading {
  readonly of: (name: NameClass) => Bounds;
  readonly why: string | null;
  /** It is true only of what an expose `as passthrough` admits. */
  readonly needsHello: boolean;
}

/** Where server names come from: the hello that HAProxy waits for, or the TLS that it terminates; null: none is known yet. */
export type NamesFrom = "hello" | "tls" | null;

export function aclsOf(lines: readonly Line[], names: NamesFrom): Acls {
  const named = new Map<string, Acl[]>();
  const found: NameClass[] = [];
  for (const { words } of lines) {
    const [, name = "", ...rest] = words;
    named.set(name, [...(named.get(name) ?? []), aclOf(rest, names)]);
  }
  const term = (text: string): Acl => {
    const own = named.get(text) ?? (text === "TRUE" ? [ALWAYS] : []);
    if (own.length === 0) return { ...ALWAYS, of: () => UNKNOWN, why: `the acl \`${text}\` is not there` };
    return {
      of: (name) => anyOf(own.map((acl) => acl.of(name))),
      names: own.flatMap((acl) => acl.names),
      why: own.find((acl) => acl.why !== null)?.why ?? null,
      needsHello: own.some((acl) => acl.needsHello),
    };
  };
  return {
    names: found,
    read(words) {
      if (words.length === 0) return ALWAYS;
      const [keyword, ...rest] = words;
      const groups = groupsOf(rest, term, names);
      if (groups === null || (keyword !== "if" && keyword !== "unless")) return { ...ALWAYS, of: () => UNKNOWN, why: "the condition can't be read" };
      for (const { acl } of groups.flat()) found.push(...acl.names);
      const why = groups.flat().find(({ acl }) => acl.why !== null)?.acl.why ?? null;
      const value = (name: NameClass): Bounds =>
        anyOf(groups.map((group) => group.reduce((all, { acl, isNot }) => both(all, isNot ? not(acl.of(name)) : acl.of(name)), ALL)));
      return { of: (name) => (keyword === "unless" ? not(value(name)) : value(name)), why, needsHello: groups.flat().some(({ acl }) => acl.needsHello) };
    },
  };
}

interface Term {
  readonly acl: Acl;
  readonly isNot: boolean;
}

const ALWAYS: Acl = { of: () => ALL, names: [], why: null, needsHello: false };

/** Terms that must all be true, in groups of which one must be. */
function groupsOf(words: readonly string[], term: (text: string) => Acl, names: NamesFrom): readonly (readonly Term[])[] | null {
  const groups: Term[][] = [[]];
  let isNot = false;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    if (word === "or" || word === "||") {
      groups.push([]);
      continue;
    }
    if (word === "!") {
      isNot = !isNot;
      continue;
    }
    const bare = word.replace(/^!/, "");
    if (bare !== word) isNot = !isNot;
    if (bare === "{") {
      const end = words.indexOf("}", i);
      if (end < 0) return null;
      groups.at(-1)?.push({ acl: aclOf(words.slice(i + 1, end), names), isNot });
      i = end;
    } else groups.at(-1)?.push({ acl: term(bare), isNot });
    isNot = false;
  }
  return groups.every((group) => group.length > 0) ? groups : null;
}

function aclOf(words: readonly string[], names: NamesFrom): Acl {
  const [criterion = "", ...rest] = words;
  const unknown: Acl = { ...ALWAYS, of: () => UNKNOWN, why: `it depends on \`${criterion}\`` };
  switch (criterion) {
    case "src":
      return sourceAcl(rest);
    case "always_true":
      return ALWAYS;
    case "always_false":
      return { ...ALWAYS, of: () => whether(false) };
    case "req_ssl_hello_type":
    case "req.ssl_hello_type":
    case "req_ssl_ver":
    case "req.ssl_ver":
      // An expose `as passthrough` refuses what does not begin with a hello.
      return names === "hello" && criterion.endsWith("type") && rest.join() === "1" ? { ...ALWAYS, needsHello: true } : unknown;
    case "req_ssl_sni":
    case "req.ssl_sni":
      return names === "hello" ?
          nameAcl(rest, unknown)
        : { ...unknown, why: "HAProxy reads a server name only with `tcp-request inspect-delay` and a `tcp-request content` that waits for the hello" };
    case "ssl_fc":
      return names === "tls" ? ALWAYS : unknown;
    case "ssl_fc_sni":
      return names === "tls" ? { ...nameAcl(rest, unknown), needsHello: false } : unknown;
    default:
      return unknown;
  }
}

function sourceAcl(words: readonly string[]): Acl {
  const texts = words.filter((word) => word !== "--");
  const sets = texts.map(prefixSet);
  if (texts.length > 0 && sets.every((set) => set !== null)) {
    const bounds = exactly(union(sets));
    return { ...ALWAYS, of: () => bounds };
  }
  const why = texts.includes("-f") ? "its addresses are in a file that is not here" : "its addresses can't be read";
  return { ...ALWAYS, of: () => UNKNOWN, why };
}

/** `-i www.example.com`, `-i -m end .example.com` */
function nameAcl(words: readonly string[], unknown: Acl): Acl {
  const method = words.indexOf("-m");
  const kind = method < 0 ? "str" : (words[method + 1] ?? "");
  const values = words.filter((word, i) => word !== "-i" && word !== "--" && (method < 0 || (i !== method && i !== method + 1)));
  if (!words.includes("-i")) return { ...unknown, why: "it compares names by case; write `-i`" };
  const names = values.map((value): NameClass | null => {
    const text = value.toLowerCase();
    if (kind === "str" && readHostPattern(text).ok && !text.includes("*") && !text.endsWith(".")) return { kind: "name", text };
    return kind === "end" && text.startsWith(".") && readHostPattern(text.slice(1)).ok && !text.endsWith(".") ? { kind: "below", text: text.slice(1) } : null;
  });
  if (names.length === 0 || !names.every((name) => name !== null)) return { ...unknown, why: "its names have no pattern in a policy" };
  return { of: (name) => whether(names.some((own) => hasName(own, name))), names, why: null, needsHello: true };
}

/** Whether a pattern has all names of a class. */
function hasName(pattern: NameClass, name: NameClass): boolean {
  if (pattern.kind === "other" || name.kind === "other") return false;
  if (pattern.kind === "name") return name.kind === "name" && name.text === pattern.text;
  return name.text.endsWith(`.${pattern.text}`) || (name.kind === "below" && name.text === pattern.text);
}
