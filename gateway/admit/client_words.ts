// The words of a client's certificate as its record has them: the fingerprint and the name that the
// deciding rule matches always, whole; of the others as many as fit.
import type { Identity } from "../../runtime/host/identity.ts";
import type { PolicyEngine } from "../../runtime/host/module.ts";
import type { Address } from "../../runtime/net/address.ts";
import { FIELD_BYTES } from "../audit/line.ts";

export interface ClientWords {
  /** With blanks between. */
  readonly client: string;
  /** How many are left out; absent where none is. */
  readonly client_more?: number;
}

const FINGERPRINT = "sha256:";

/** Words are ASCII. Where more than FIELD_BYTES are needed for the fingerprint and `matching`, those two alone take them. */
export function clientWords({ words }: Pick<Identity, "words">, matching: string | null): ClientWords {
  const first = words.filter((word) => word.startsWith(FINGERPRINT) || word === matching).sort((a) => (a.startsWith(FINGERPRINT) ? -1 : 1));
  const rest = words.filter((word) => !first.includes(word));
  let client = first.join(" ");
  let more = 0;
  for (const word of rest) {
    const longer = client === "" ? word : `${client} ${word}`;
    if (longer.length <= FIELD_BYTES) client = longer;
    else more++;
  }
  return { client, ...(more > 0 && { client_more: more }) };
}

/** The word by which the deciding rule knows a client; null where no rule decided, or none of its words alone is known to that rule. Nothing is charged. */
export function matchingWord(engine: PolicyEngine, listener: number, source: Address, name: string | null, identity: Identity): string | null {
  const names = identity.words.filter((word) => !word.startsWith(FINGERPRINT));
  if (names.length <= 1) return names[0] ?? null;
  const { allowed, rule } = engine.identity(listener, source, name, identity);
  if (rule < 0) return null;
  const same = (word: string): boolean => {
    const alone = engine.identity(listener, source, name, { words: [word], key: identity.key });
    return alone.allowed === allowed && alone.rule === rule;
  };
  return identity.words.find(same) ?? null;
}
