// The filter chains of one running listener as rules: those that their own matches lead to, or a list of predicates, in its order.
import { hostsOfWords } from "../analysis/names.ts";
import { ANY } from "../check/sets/builtin_nets.ts";
import { EMPTY, equal, isEmpty } from "../check/sets/intervals.ts";
import type { AddressSet } from "../policy/policy.ts";
import type { RunningNames, RunningRule } from "./emitter.ts";
import { wordsOfFields } from "./envoy_identities.ts";
import { addresses, HAS_NAME, IS_TLS, namesOf, not, ODD_NAME } from "./envoy_names.ts";
import { INPUT, REFUSED, type Json } from "./envoy_parts.ts";
import { at, canonical, isFields, list, shown, text } from "./json.ts";
import { intersection, setOfTexts } from "./ranges.ts";

export interface LocalRule extends RunningRule {
  readonly local: AddressSet | null;
}

interface Chain {
  readonly name: string;
  readonly match: Json;
  /** It closes the connection. */
  readonly refuses: boolean;
  readonly endsTls: boolean;
  readonly clients: readonly string[] | null;
}

interface Conditions extends Pick<LocalRule, "local" | "sources"> {
  /** Sets that have the names together; null: whatever the name is, or none. */
  readonly names: readonly RunningNames[] | null;
}

export class RuleReader {
  readonly #name: string;
  readonly #wanted: unknown;
  readonly #strange: string[];
  readonly #chains: readonly Chain[];

  /** `wanted`: the listener of this name in the output, or undefined. */
  constructor(name: string, chains: readonly unknown[], wanted: unknown, strange: string[]) {
    this.#name = name;
    this.#wanted = wanted;
    this.#strange = strange;
    this.#chains = chains.map((chain) => this.#chain(chain));
    if (new Set(this.#chains.map((chain) => chain.name)).size < chains.length) this.#odd("two filter chains with one name");
  }

  /** The first that fits decides. */
  rules(matcher: unknown): readonly LocalRule[] {
    return matcher === undefined ? this.#matched() : this.#listed(matcher);
  }

  #odd(what: string): void {
    this.#strange.push(`${what} of the listener ${this.#name}`);
  }

  /** Filters, certificates and everything else that is no set are those of the chain with this name in the output. */
  #chain(chain: unknown): Chain {
    const name = text(at(chain, "name"));
    const wanted = list(at(this.#wanted, "filter_chains")).find((one) => at(one, "name") === name);
    const [own, other] = [partsOf(chain), partsOf(wanted)];
    const match = at(chain, "filter_chain_match");
    if (wanted === undefined) this.#odd(`the filter chain ${name}`);
    else if (own.rest !== other.rest) this.#odd(`another filter chain ${name} than in the output`);
    else if (at(match, "transport_protocol") !== at(wanted, "filter_chain_match", "transport_protocol")) this.#odd(`the transport protocol of ${name}`);
    // Candidates: a word counts where its matcher is that of the chain.
    const known = [...list(at(this.#wanted, "filter_chains")), chain].flatMap((one) =>
      list(at(one, "metadata", "filter_metadata", "ingressd", "clients")).map(text),
    );
    const clients = own.fields === null ? null : wordsOfFields(own.fields, known);
    if (own.fields !== null && clients === null) this.#odd(`the names of certificates of ${name}`);
    return {
      name,
      match: isFields(match) ? match : {},
      refuses: list(at(chain, "filters")).length === 0,
      endsTls: at(chain, "transport_socket") !== undefined,
      // Of unknown names nobody is known to be admitted.
      clients: own.fields !== null && clients === null ? [] : clients,
    };
  }

  #matched(): readonly LocalRule[] {
    const chains = this.#chains.map((chain) => ({ chain, ...this.#matchOf(chain) }));
    for (const [i, one] of chains.entries())
      for (const other of chains.slice(0, i)) {
        const [x, y] = [one.local ?? ANY, other.local ?? ANY];
        // Envoy takes the narrowest prefix, and does not go back to another one.
        if (!equal(x, y) && !isEmpty(intersection(x, y))) this.#odd("local addresses inside others");
        else if (
          equal(x, y) &&
          canonical(one.chain.clients) !== canonical(other.chain.clients) &&
          meet(one.names, other.names) &&
          !isEmpty(intersection(one.sources, other.sources))
        )
          this.#odd("sources inside others with other certificates");
      }
    const named = chains.filter(({ names }) => names.length > 0);
    const rule = ({ chain, names, ...rest }: (typeof chains)[number]): LocalRule => ({
      ...rest,
      admits: true,
      names: names.length === 0 ? null : namesIn(names),
      clients: chain.clients,
      after: null,
      until: null,
    });
    // A name that some chain has leads to no other one.
    const closed = named.map((one): LocalRule => ({ ...rule(one), admits: false, sources: ANY, clients: null }));
    return [...named.map(rule), ...closed, ...chains.filter(({ names }) => names.length === 0).map(rule)];
  }

  #matchOf({ name, match, refuses, endsTls }: Chain): { readonly local: AddressSet | null; readonly names: readonly string[]; readonly sources: AddressSet } {
    const { prefix_ranges, server_names, source_prefix_ranges, transport_protocol: _, ...rest } = match;
    if (refuses || Object.keys(rest).length > 0) this.#odd(`the match of ${name}`);
    const names = list(server_names).map(text);
    const [plain, dotted] = [names.filter((one) => !one.endsWith(".")), names.filter((one) => one.endsWith("."))];
    const due = endsTls ? plain.map((one) => `${one}.`) : [];
    if (names.some((one) => !/^[a-z0-9_-][a-z0-9_.-]*$/.test(one)) || [...due].sort().join() !== [...dotted].sort().join())
      this.#odd(`the server names of ${name}`);
    return {
      local: prefix_ranges === undefined ? null : this.#set(prefix_ranges, name),
      // With any depth there.
      names: plain.map((one) => one.replace(/^\*\./, "**.")),
      sources: source_prefix_ranges === undefined ? ANY : this.#set(source_prefix_ranges, name),
    };
  }

  #set(ranges: unknown, name: string): AddressSet {
    const set = setOfTexts(list(ranges).map((one) => `${text(at(one, "address_prefix"))}/${Number(at(one, "prefix_len"))}`));
    const isPlain = list(ranges).every((one) => canonical(Object.keys(isFields(one) ? one : {}).sort()) === '["address_prefix","prefix_len"]');
    if (set === null || !isPlain) this.#odd(`the addresses of ${name}`);
    return set ?? EMPTY;
  }

  #listed(matcher: unknown): readonly LocalRule[] {
    const rules = list(at(matcher, "matcher_list", "matchers"));
    if (canonical(matcher) !== canonical({ matcher_list: { matchers: rules } })) this.#odd("the matcher");
    if (this.#chains.some(({ match }) => Object.keys(match).length > 0)) this.#odd("a match beside the matcher");
    const forms = rules.filter((one) => this.#isForm(one));
    const wanted = list(at(this.#wanted, "filter_chain_matcher", "matcher_list", "matchers")).filter((one) => this.#isForm(one));
    // Rules about the form of a hello and of a name, of which no set says anything, come first.
    if (canonical(rules.slice(0, forms.length)) !== canonical(wanted)) this.#odd("the rules about hellos");
    return rules.filter((one) => !forms.includes(one)).flatMap((one) => this.#rule(one));
  }

  #isForm(rule: unknown): boolean {
    const parts = conditionsOf(at(rule, "predicate"));
    const last = canonical(parts.at(-1));
    return actionOf(rule) === REFUSED && (last === canonical(not(IS_TLS)) || canonical(parts.slice(-2)) === canonical(conditionsOf(ODD_NAME)));
  }

  #rule(rule: unknown): readonly LocalRule[] {
    const chain = this.#chains.find(({ name }) => name === actionOf(rule));
    // Whatever else a match has, such as that others follow it, is not what `build` writes.
    const isPlain = Object.keys(at(rule, "on_match") ?? {}).join() === "action";
    const read = chain === undefined || !isPlain ? null : this.#conditions(at(rule, "predicate"), chain);
    if (chain === undefined || read === null) {
      this.#odd(`a rule that leads to ${actionOf(rule)}: ${shown(at(rule, "predicate"))}`);
      return [];
    }
    const { names, ...rest } = read;
    const own = { ...rest, admits: !chain.refuses, clients: chain.refuses ? null : chain.clients, after: null, until: null };
    return names === null ? [{ ...own, names }] : names.map((one) => ({ ...own, names: one }));
  }

  /** Null where one of them is of another form. */
  #conditions(predicate: unknown, { name, refuses, endsTls }: Chain): Conditions | null {
    let found: Conditions = { local: null, names: null, sources: ANY };
    for (const one of conditionsOf(predicate)) {
      const ranges = list(at(one, "single_predicate", "custom_match", "typed_config", "cidr_ranges")) as readonly Json[];
      const parts = at(one, "or_matcher", "predicate");
      const names = namesOf(parts === undefined ? [one] : list(parts));
      if (ranges.length > 0 && canonical(one) === canonical(addresses(INPUT.source, ranges)))
        found = { ...found, sources: intersection(found.sources, this.#set(ranges, name)) };
      else if (ranges.length > 0 && found.local === null && canonical(one) === canonical(addresses(INPUT.local, ranges)))
        found = { ...found, local: this.#set(ranges, name) };
      else if (found.names === null && canonical(one) === canonical(not(HAS_NAME))) found = { ...found, names: [{ nameless: true, hosts: hostsOfWords([]) }] };
      else if (names !== null && found.names === null && names.dot === (refuses || endsTls)) found = { ...found, names: names.sets.map(namesIn) };
      else return null;
    }
    return found;
  }
}

/** Those that all have to be met. */
function conditionsOf(predicate: unknown): readonly unknown[] {
  const parts = at(predicate, "and_matcher", "predicate");
  return parts === undefined ? [predicate] : list(parts).flatMap(conditionsOf);
}

function actionOf(rule: unknown): string {
  return text(at(rule, "on_match", "action", "typed_config", "value"));
}

function namesIn(words: readonly string[]): RunningNames {
  return { nameless: false, hosts: hostsOfWords(words) };
}

/** Without names a chain is for all of them. */
function meet(x: readonly string[], y: readonly string[]): boolean {
  return (x.length === 0 && y.length === 0) || x.some((name) => y.includes(name));
}

interface ChainParts {
  /** Everything but the match, the metadata and the names of certificates. */
  readonly rest: string;
  /** Of the validation of certificates; null: none of names. */
  readonly fields: Json | null;
}

function partsOf(chain: unknown): ChainParts {
  const { filter_chain_match: _1, metadata: _2, ...other } = isFields(chain) ? chain : {};
  const path = ["transport_socket", "typed_config", "common_tls_context", "validation_context"];
  const context = at(other, ...path);
  const { match_typed_subject_alt_names: names, verify_certificate_hash: hashes, ...plain } = isFields(context) ? context : {};
  const fields =
    names === undefined && hashes === undefined ?
      null
    : { ...(names !== undefined && { match_typed_subject_alt_names: names }), ...(hashes !== undefined && { verify_certificate_hash: hashes }) };
  const rest = context === undefined ? other : replaced(other, path, plain);
  return { rest: canonical(JSON.parse(JSON.stringify(rest, withoutKey))), fields };
}

/** Envoy doesn't show where a private key is, and takes none but that of the certificate. */
function withoutKey(key: string, value: unknown): unknown {
  return key === "private_key" ? null : value;
}

function replaced(value: Json, [key = "", ...more]: readonly string[], by: Json): Json {
  const inner = value[key];
  return { ...value, [key]: more.length === 0 ? by : replaced(isFields(inner) ? inner : {}, more, by) };
}
