// Options of TLS that a `bind` has, or all of them by `ssl-default-bind-options`: a gateway serves TLS 1.2 and TLS 1.3, so HAProxy must, too.
import { TOO_OLD_OR_NEW } from "../draft/certificates.ts";
import { linesWith, type Line, type Section } from "./sections.ts";

/** They refuse no client of TLS 1.2 or TLS 1.3. HAProxy compares the names of versions by case. */
const HARMLESS = /^(?:ssl-min-ver (?:SSLv3|TLSv1\.[012])|ssl-max-ver TLSv1\.3|no-sslv3|no-tlsv1[01]|no-tls-tickets|prefer-client-ciphers)$/;
const OF_VERSIONS = /^(?:ssl-(?:min|max)-ver|(?:no|force)-(?:sslv3|tlsv1\d))$/;

export interface TlsOption {
  /** Words that it has: 1 or 2. */
  readonly length: number;
  /** Why nothing in a policy does what it does; null where it refuses nobody. */
  readonly why: string | null;
}

/** Null for a word that is no option of TLS. */
export function tlsOption(word: string, value: string): TlsOption | null {
  const length = /^ssl-(?:min|max)-ver$/.test(word) ? 2 : 1;
  if (HARMLESS.test(length === 2 ? `${word} ${value}` : word)) return { length, why: null };
  return OF_VERSIONS.test(word) ? { length, why: `${TOO_OLD_OR_NEW} that HAProxy refuses` } : null;
}

/** HAProxy has them in `global` alone; in any other section they are not taken for nothing. */
export function defaultsObstacle(sections: readonly Section[]): { readonly line: Line; readonly why: string } | null {
  for (const line of sections.flatMap(({ lines }) => linesWith(lines, "ssl-default-bind-options")))
    for (let i = 1; i < line.words.length;) {
      const [word = "", value = ""] = line.words.slice(i);
      const option = tlsOption(word, value) ?? { length: 1, why: `\`${word}\` has no counterpart in a policy` };
      if (option.why !== null) return { line, why: option.why };
      i += option.length;
    }
  return null;
}
