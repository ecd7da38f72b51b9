// A pattern of `for` as words: its text, and the canonical words of what `except` takes out of it.
import type { NamePattern } from "../policy/policy.ts";
import type { Pattern } from "../../runtime/net/name_patterns.ts";
import { hostSet } from "../check/sets/host_trie.ts";

export function patternWords({ text, labels, except }: NamePattern): Pattern {
  if (except === null) return { pattern: text, except: [] };
  let node = except;
  for (let i = labels.length - 1; i >= 0; i--) node = { self: false, one: false, deep: false, children: new Map([[labels[i] ?? "", node]]) };
  return { pattern: text, except: hostSet(node).words };
}
