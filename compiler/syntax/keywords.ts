// The register of keywords: every word of edition 1, and where one that begins something
// is allowed. tokens.ts makes a token for each row; all of them are soft, so they name sets as well.

/** `statement` begins one at top level, `clause` in an expose, `rule` in an allow or deny, `line` in a test, `claim` in an invariant, `bound` in a budget. */
export type Place = "statement" | "clause" | "rule" | "line" | "claim" | "bound";

const at = (...places: readonly Place[]): readonly Place[] => places;

export const KEYWORDS = {
  edition: at("statement"),
  import: at("statement"),
  net: at("statement"),
  ports: at("statement", "bound"),
  hosts: at("statement"),
  ids: at("statement"),
  expose: at("statement"),
  dial: at("statement"),
  deny: at("statement", "clause"),
  dryrun: at("statement", "clause"),
  template: at("statement"),
  use: at("statement", "clause"),
  budget: at("statement"),
  invariant: at("statement"),
  test: at("statement"),

  allow: at("clause"),
  backend: at("clause"),
  cert: at("clause"),
  ca: at("clause"),
  alpn: at("clause"),
  cap: at("clause"),
  limit: at("clause"),
  amplify: at("clause"),

  named: at("rule"),
  on: at("rule"),
  from: at("rule", "line"),
  sni: at("rule"),
  client: at("rule"),
  after: at("rule"),
  until: at("rule"),

  bind: at("line"),
  repeat: at("line"),
  never: at("claim"),
  only: at("claim"),
  always: at("claim"),
  rules: at("bound"),
  prefixes: at("bound"),
  connections: at("bound"),
  module: at("bound"),
  steps: at("bound"),

  except: at(),
  file: at(),
  max: at(),
  min: at(),
  uri: at(),
  dns: at(),
  ip: at(),
  sha256: at(),
  service: at(),
  for: at(),
  tcp: at(),
  udp: at(),
  as: at(),
  unix: at(),
  remote: at(),
  per: at(),
  source: at(),
  listener: at(),
  identity: at(),
  burst: at(),
  proxy: at(),
  via: at(),
  KiB: at(),
  to: at(),
  at: at(),
  in: at(),
  closing: at(),
  local: at(),
  by: at(),
} as const satisfies Record<string, readonly Place[]>;

export type Keyword = keyof typeof KEYWORDS;

/** The words of edition 1 that are read as names, so that they need no token. */
export const WORDS = {
  mode: ["tcp", "passthrough", "tls", "mtls", "direct"],
  reason: ["policy", "cidr", "sni", "rate", "mtls"],
  annotation: ["owner", "ticket", "why", "lint"],
} as const;

const words: ReadonlySet<string> = new Set(Object.keys(KEYWORDS));

export function isKeyword(word: string): word is Keyword {
  return words.has(word);
}

/** The places where a word begins something. */
export function placesOf(word: Keyword): readonly Place[] {
  return KEYWORDS[word];
}

/** The words that begin something at the given places. */
export function wordsAt(...places: readonly Place[]): Keyword[] {
  return Object.keys(KEYWORDS)
    .filter(isKeyword)
    .filter((word) => placesOf(word).some((p) => places.includes(p)));
}
