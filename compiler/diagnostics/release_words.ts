// ING7xx: clauses that this release reads and does not enforce. Their data and their words.
import type { WordsOf } from "./sentence.ts";

interface Later {
  /** The words, such as `invariant`. */
  readonly clause: string;
  /** The release that will enforce it, such as `0.8`. */
  readonly release: string;
}

export interface ReleaseData {
  ING706: Later;
}

const later = ({ clause, release }: Later) => ({
  message: `\`${clause}\` is not enforced yet; release ${release} will enforce it`,
  help: "`ingressc check` accepts it already; to build the policy with this release, remove it",
});

export const RELEASE_WORDS: WordsOf<ReleaseData> = { ING706: later };
