// The register of keywords: every word of edition 1, where it stands, and whether this release
// has it. A word that is `later` is recognised and refused by name; tokens.ts makes a token
// for each row.

interface Row {
  /** `statement` begins one at top level, `clause` in an expose, `rule` in an allow or deny, `word` elsewhere. */
  readonly stands: "statement" | "clause" | "rule" | "word";
  readonly release: "now" | "later";
}

const now = (stands: Row["stands"]): Row => ({ stands, release: "now" });
const later = (stands: Row["stands"]): Row => ({ stands, release: "later" });

export const KEYWORDS = {
  edition: now("statement"),
  net: now("statement"),
  ports: now("statement"),
  expose: now("statement"),
  deny: now("statement"),
  test: now("statement"),
  import: later("statement"),
  hosts: later("statement"),
  ids: later("statement"),
  template: later("statement"),
  use: later("statement"),
  budget: later("statement"),
  invariant: later("statement"),
  dryrun: later("statement"),

  allow: now("clause"),
  backend: now("clause"),
  cap: now("clause"),
  limit: now("clause"),
  cert: later("clause"),
  ca: later("clause"),

  named: now("rule"),
  from: now("rule"),
  on: now("rule"),
  sni: later("rule"),
  client: later("rule"),
  until: later("rule"),

  except: now("word"),
  file: now("word"),
  max: now("word"),
  service: now("word"),
  bind: now("word"),
  tcp: now("word"),
  unix: now("word"),
  connections: now("word"),
  per: now("word"),
  source: now("word"),
  listener: now("word"),
  burst: now("word"),
  to: now("word"),
  as: later("word"),
  udp: later("word"),
  identity: later("word"),
  at: later("word"),
  repeat: later("word"),
  in: later("word"),
  closing: later("word"),
  local: later("word"),
  by: later("word"),
  uri: later("word"),
  dns: later("word"),
  ip: later("word"),
  sha256: later("word"),
} as const satisfies Record<string, Row>;

export type Keyword = keyof typeof KEYWORDS;

/** The words of edition 1 that stand where a name or a text is read, so that they need no token. */
export const WORDS = {
  mode: ["tcp", "passthrough", "tls", "mtls", "direct"],
  reason: ["policy", "cidr", "sni", "rate", "mtls"],
  annotation: ["owner", "ticket", "why"],
  budget: ["ports", "rules", "prefixes", "connections", "module", "KiB", "steps"],
  invariant: ["never", "only", "always"],
} as const;

export function isKeyword(word: string): word is Keyword {
  return Object.hasOwn(KEYWORDS, word);
}

/** The words that stand at the given places. */
export function wordsAt(...places: readonly Row["stands"][]): Keyword[] {
  return Object.entries(KEYWORDS)
    .filter(([, row]) => places.includes(row.stands))
    .flatMap(([word]) => (isKeyword(word) ? [word] : []));
}
