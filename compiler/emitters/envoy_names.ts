// Server names in the match list of a listener: expressions of RE2, which fit as a whole.
import { at, canonical, list, text } from "./json.ts";
import { INPUT, IP_MATCHER, typed, type Json } from "./envoy_parts.ts";

function single(input: Json, match: Json): Json {
  return { single_predicate: { input, ...match } };
}

export function regex(input: Json, expression: string): Json {
  return single(input, { value_match: { safe_regex: { google_re2: {}, regex: expression } } });
}

export function exact(input: Json, value: string): Json {
  return single(input, { value_match: { exact: value } });
}

export function not(predicate: Json): Json {
  return { not_matcher: predicate };
}

/** A list of one is no list there. */
export function all(predicates: readonly Json[]): Json {
  return predicates.length === 1 && predicates[0] !== undefined ? predicates[0] : { and_matcher: { predicate: predicates } };
}

export function any(predicates: readonly Json[]): Json {
  return predicates.length === 1 && predicates[0] !== undefined ? predicates[0] : { or_matcher: { predicate: predicates } };
}

/** Any bytes, also those that are no text. */
export const HAS_NAME = regex(INPUT.name, "(?s)\\C+");
export const IS_TLS = exact(INPUT.transport, "tls");

const LABEL = "[a-z0-9_-]{1,63}";
/** As canonicalServerName of the gateway, with or without the dot at the end. Envoy compares names in lower case. */
export const ODD_NAME = all([
  HAS_NAME,
  any([
    not(regex(INPUT.name, "[a-z0-9_.-]{1,253}\\.?")),
    not(regex(INPUT.name, `(?:${LABEL}\\.)*${LABEL}\\.?`)),
    // The last label is a number, as in an address.
    regex(INPUT.name, "(?:[^.]+\\.)*(?:[0-9]+|0x[0-9a-f]*)\\.?"),
  ]),
]);

/** Of a canonical name; `dot`: also with a dot at its end. */
export function namePredicates(pattern: string, dot: boolean): readonly Json[] {
  if (!pattern.startsWith("*")) return [exact(INPUT.name, pattern), ...(dot ? [exact(INPUT.name, `${pattern}.`)] : [])];
  const deep = pattern.startsWith("**");
  const tail = pattern.replace(/^\*+\.?/, "").replaceAll(".", "\\.");
  const labels =
    tail === "" ?
      deep ? "[^.]+(?:\\.[^.]+)+"
      : "[^.]+"
    : `${deep ? "(?:[^.]+\\.){2,}" : "[^.]+\\."}${tail}`;
  return [regex(INPUT.name, `${labels}${dot ? "\\.?" : ""}`)];
}

export interface NameFound {
  /** Words of sets of names, which have the names together. */
  readonly sets: readonly (readonly string[])[];
  /** Whether the names may have a dot at their end. */
  readonly dot: boolean;
}

/** Null where it is no predicate of this program about names. */
export function namesOf(predicates: readonly unknown[]): NameFound | null {
  const [plain, dotted]: readonly [string[], string[]] = [[], []];
  const wild: (readonly string[])[] = [];
  const dots: boolean[] = [];
  for (const predicate of predicates) {
    const match = at(predicate, "single_predicate", "value_match");
    const [name, expression] = [text(at(match, "exact")), text(at(match, "safe_regex", "regex"))];
    if (name !== "" && canonical(predicate) === canonical(exact(INPUT.name, name))) {
      if (name.endsWith(".")) dotted.push(name.slice(0, -1));
      else plain.push(name);
      continue;
    }
    const pattern = patternOf(expression);
    const dot = pattern === null ? undefined : [false, true].find((tried) => canonical(namePredicates(pattern, tried)[0]) === canonical(predicate));
    if (pattern === null || dot === undefined) return null;
    // `**.s` is two labels more there.
    wild.push(pattern.startsWith("**") ? [pattern, `!${pattern.slice(1)}`] : [pattern]);
    dots.push(dot);
  }
  const dot = dotted.length > 0 || dots.includes(true);
  // Each name has a form with a dot, or none has.
  if (dots.includes(!dot) || (dot && plain.sort().join() !== dotted.sort().join())) return null;
  return { sets: [...(plain.length > 0 ? [plain] : []), ...wild], dot };
}

function patternOf(expression: string): string | null {
  const tail = /^(?:\(\?:\[\^\.\]\+\\\.\)\{2,\}|\[\^\.\]\+\\\.)([a-z0-9_-]+(?:\\\.[a-z0-9_-]+)*)(?:\\\.\?)?$/.exec(expression)?.[1]?.replaceAll("\\.", ".");
  const tried = tail === undefined ? ["*", "**"] : [`*.${tail}`, `**.${tail}`];
  return (
    tried.find((pattern) =>
      [true, false].some((dot) => text(at(list(namePredicates(pattern, dot))[0], "single_predicate", "value_match", "safe_regex", "regex")) === expression),
    ) ?? null
  );
}

export function addresses(input: Json, cidrs: readonly Json[]): Json {
  return single(input, { custom_match: typed("envoy.matching.matchers.ip", IP_MATCHER, { cidr_ranges: cidrs, stat_prefix: "ingressd" }) });
}
