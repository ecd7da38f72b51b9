// OPA's WebAssembly SDK: a policy compiled by `opa build -t wasm` (tasks/opa.mjs makes it), the lists
// as data by `setData`, each question by `evaluate`. Ranges by `net.cidr_contains`; names by key of
// an object, as openpolicyagent.org/docs/policy-performance advises ("use objects over arrays").
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { readLists } from "../worlds.mjs";

/** Loaded at the first call, because the peers are installed after this file is read. */
const loadPolicy = (...given) => createRequire(import.meta.url)("@open-policy-agent/opa-wasm").loadPolicy(...given);

export const REGO = {
  ranges: `package ingress
default allow := false
denied if { some cidr in data.deny; net.cidr_contains(cidr, input.source) }
allowed if { some cidr in data.allow; net.cidr_contains(cidr, input.source) }
allow if { allowed; not denied }
`,
  names: `package ingress
default allow := false
parts := split(input.name, ".")
rest := concat(".", array.slice(parts, 1, count(parts)))
denied if data.deny.exact[input.name]
denied if data.deny.wild[rest]
allowed if data.allow.exact[input.name]
allowed if data.allow.wild[rest]
allow if { allowed; not denied }
`,
};

/** Pages of 64 KiB at the start; it grows. */
const MEMORY = { initial: 64, maximum: 65_536 };

export async function opa(folder, world, { opaModules }) {
  const policy = await loadPolicy(readFileSync(opaModules[world.names === null ? "ranges" : "names"]), MEMORY);
  const [allow, deny] = readLists(folder, world).map((list) => {
    // A bare address is no range to it.
    if (world.names === null) return list.map((p) => (p.includes("/") ? p : `${p}/32`));
    const keys = (names) => Object.fromEntries(names.map((name) => [name.replace("*.", ""), true]));
    return { exact: keys(list.filter((n) => !n.startsWith("*."))), wild: keys(list.filter((n) => n.startsWith("*."))) };
  });
  policy.setData({ allow, deny });
  return {
    decide(source, name) {
      const [answer] = policy.evaluate(name === null ? { source } : { name });
      return answer?.result === true;
    },
  };
}
