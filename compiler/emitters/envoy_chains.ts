// The filter chains of one listener, and how a connection comes to one of them.
import { FAMILIES, ofFamily, prefixTexts } from "./ranges.ts";
import { isEmpty } from "../check/sets/intervals.ts";
import type { AddressSet, CheckedExpose } from "../policy/policy.ts";
import type { TooMuch } from "./emitter.ts";
import type { Entry } from "./envoy_entries.ts";
import { clientFields } from "./envoy_identities.ts";
import { addresses, all, any, HAS_NAME, IS_TLS, namePredicates, not, ODD_NAME } from "./envoy_names.ts";
import { CHAIN_ACTION, clusterName, filtersTo, INPUT, prefixes, REFUSED, tlsContext, type Json } from "./envoy_parts.ts";
import type { Grant } from "./plan.ts";

export class Chains {
  readonly #exposes: readonly CheckedExpose[];
  readonly #wrong: TooMuch[];
  readonly #chains: Json[] = [];
  /** Names of chains that several predicates lead to. */
  readonly #named = new Map<string, string>();

  /** Clauses that can't be written are added to `wrong`. */
  constructor(exposes: readonly CheckedExpose[], wrong: TooMuch[]) {
    this.#exposes = exposes;
    this.#wrong = wrong;
  }

  /** Each chain with a match of its own. */
  matched(entries: readonly Entry[]): Json {
    for (const { local, hello, names, grants } of entries) {
      for (const grant of grants) {
        const own = Array.isArray(names) ? (names as readonly string[]).flatMap((name) => (this.#endsTls(grant) ? [name, `${name}.`] : [name])) : [];
        this.#add(grant, {
          ...(local !== null && { prefix_ranges: cidrs(local) }),
          ...(own.length > 0 && { server_names: own }),
          // Without it a chain would forward plain text.
          ...(hello && { transport_protocol: "tls" }),
          source_prefix_ranges: cidrs(grant.sources),
        });
      }
    }
    return { filter_chains: this.#chains };
  }

  /** Chains without matches, and a list of predicates. */
  listed(entries: readonly Entry[]): Json {
    const rules: Json[] = [];
    const rule = (to: string, ...predicates: readonly Json[]): void => {
      rules.push({ predicate: all(predicates), on_match: { action: { name: "chain", typed_config: { "@type": CHAIN_ACTION, value: to } } } });
    };
    // Every place of such a listener reads hellos.
    rule(REFUSED, not(IS_TLS));
    for (const { local, names } of entries) if (names === "odd") rule(REFUSED, ...localOf(local), ODD_NAME);
    for (const { local, names, grants } of entries) {
      if (names === "odd") continue;
      const at = localOf(local);
      for (const grant of grants)
        rule(this.#chainFor(grant), ...at, ...this.#names(names, this.#endsTls(grant)), addresses(INPUT.source, cidrs(grant.sources)));
      // The narrowest pattern that fits decides, also where it admits nobody.
      if (typeof names !== "string") rule(REFUSED, ...at, ...this.#names(names, true));
    }
    return {
      filter_chains: [...this.#chains, { name: REFUSED }],
      filter_chain_matcher: { matcher_list: { matchers: rules } },
    };
  }

  #names(names: Entry["names"], dot: boolean): readonly Json[] {
    if (names === "none") return [not(HAS_NAME)];
    return typeof names === "string" ? [] : [any(names.flatMap((pattern) => namePredicates(pattern, dot)))];
  }

  /** Where the gateway ends TLS, the dot that a name may end with is no part of it; a backend may read it in another way. */
  #endsTls({ listener }: Grant): boolean {
    const mode = this.#exposes[listener]?.mode;
    return mode === "tls" || mode === "mtls";
  }

  #chainFor(grant: Grant): string {
    const key = `${grant.listener} ${JSON.stringify(grant.clients)}`;
    const name = this.#named.get(key) ?? this.#add(grant, null);
    this.#named.set(key, name);
    return name;
  }

  #add(grant: Grant, match: Json | null): string {
    const expose = this.#exposes[grant.listener];
    if (expose === undefined) return REFUSED;
    const name = `${expose.name}.${this.#chains.length}`;
    const endsTls = this.#endsTls(grant);
    this.#chains.push({
      name,
      ...(match !== null && { filter_chain_match: match }),
      filters: filtersTo(clusterName(expose, grant.listener), expose.name, expose.backends.length, endsTls),
      ...(endsTls && { transport_socket: tlsContext(expose, this.#clients(grant)) }),
      // For people, and for `ingressc drift`: expressions are hard to read.
      ...(Array.isArray(grant.clients) && { metadata: { filter_metadata: { ingressd: { clients: grant.clients } } } }),
    });
    return name;
  }

  #clients({ listener, clients }: Grant): Json {
    const fields =
      clients === "mixed" ? "its rules take identities out of others, and the target admits a certificate with one of a list" : clientFields(clients);
    if (typeof fields !== "string") return fields;
    this.#wrong.push({ listener, what: fields });
    return {};
  }
}

function localOf(local: AddressSet | null): readonly Json[] {
  return local === null ? [] : [addresses(INPUT.local, cidrs(local))];
}

/** Of both families, each with the fewest prefixes. */
function cidrs(set: AddressSet): readonly Json[] {
  return prefixes(FAMILIES.flatMap((family) => (isEmpty(ofFamily(set, family)) ? [] : prefixTexts(ofFamily(set, family)))));
}
