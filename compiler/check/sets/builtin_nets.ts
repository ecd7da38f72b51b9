// The addresses of the nets that need no declaration.
import { isBuiltin, type BuiltinName } from "../names/builtin_names.ts";
import { EMPTY, subtract, union } from "./intervals.ts";
import { SetBuilder } from "./set_builder.ts";
import { readPrefix } from "../names/literals.ts";
import type { AddressSet } from "../../policy/policy.ts";
import { GLOBAL_AFTER_ALL, MULTICAST, NOT_GLOBAL } from "./special_purpose.ts";

/** A set of prefixes that are written in the code; a wrong one is a defect that the tests find. */
export function prefixes(texts: readonly string[]): AddressSet {
  const builder = new SetBuilder();
  for (const text of texts) {
    const prefix = readPrefix(text);
    if (!prefix.ok) return EMPTY;
    builder.addPrefix(prefix.value);
  }
  return builder.done();
}

export const ANY4 = prefixes(["0.0.0.0/0"]);
export const ANY6 = prefixes(["::/0"]);
export const ANY = union([ANY4, ANY6]);

/** Made when a policy first names them; all of them together take as long as checking a small policy. */
const NETS: Readonly<Record<BuiltinName, () => AddressSet>> = {
  any: () => ANY,
  any4: () => ANY4,
  any6: () => ANY6,
  internet: () => subtract(ANY, union([subtract(prefixes(NOT_GLOBAL), prefixes(GLOBAL_AFTER_ALL)), prefixes(MULTICAST)])),
  private: () => prefixes(["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"]),
  loopback: () => prefixes(["127.0.0.0/8", "::1/128"]),
  linklocal: () => prefixes(["169.254.0.0/16", "fe80::/10"]),
};

const made = new Map<BuiltinName, AddressSet>();

/** The addresses of a built-in net; undefined for any other name. */
export function builtinNet(name: string): AddressSet | undefined {
  if (!isBuiltin(name)) return undefined;
  const set = made.get(name) ?? NETS[name]();
  made.set(name, set);
  return set;
}

/** Addresses that no interface can have, so that nothing can be bound there. */
export const UNBINDABLE_TEXT = ["0.0.0.0/8", "224.0.0.0/4", "255.255.255.255/32", "::/128", "ff00::/8"] as const;
export const UNBINDABLE = prefixes(UNBINDABLE_TEXT);
