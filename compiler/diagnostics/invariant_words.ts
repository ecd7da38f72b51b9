// ING85x: claims of an `invariant` that say nothing. Their data and their words.
import { quote } from "./quote.ts";
import type { WordsOf } from "./sentence.ts";

type Mode = "tcp" | "passthrough" | "tls" | "mtls" | "direct";

export interface InvariantData {
  /** `modes`: those that the expose has; null is that of udp. */
  ING850: { readonly expose: string; readonly mode: Mode; readonly modes: readonly (Mode | null)[] };
  ING851: null;
}

export const INVARIANT_WORDS: WordsOf<InvariantData> = {
  ING850: ({ expose, mode, modes }) => ({
    message: `${quote(expose)} is not \`as ${mode}\`, so that the claim is about nothing`,
    help: `it is ${modes.map((own) => (own === null ? "on udp" : `\`as ${own}\``)).join(" and ")}: change the mode, or omit it`,
    related: ["declared here"],
  }),
  ING851: () => ({
    message: "`only` is followed by no condition, so that the claim is true of every policy",
    help: "write who may reach it, as `only from office to web` or `only client ops to console`",
  }),
};
