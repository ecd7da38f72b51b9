// From the code and the data of a diagnostic to its words. Each family of codes has a file that
// gives its data and its words; this file joins them.
import { BOUND_WORDS, type BoundData } from "./bound_words.ts";
import type { DiagnosticCode } from "./codes.ts";
import { FILE_WORDS, type FileData } from "./file_words.ts";
import { INVARIANT_WORDS, type InvariantData } from "./invariant_words.ts";
import { IMPORT_WORDS, type ImportData } from "./import_words.ts";
import { LINT_WORDS, type LintData } from "./lint_words.ts";
import { LITERAL_WORDS, type LiteralData } from "./literal_words.ts";
import { NAME_WORDS, type NameData } from "./name_words.ts";
import { NEXUS_WORDS, type NexusData } from "./nexus_words.ts";
import { PROFILE_WORDS, type ProfileData } from "./profile_words.ts";
import { TARGET_WORDS, type TargetData } from "./target_words.ts";
import { STATEMENT_WORDS, type StatementData } from "./statement_words.ts";
import type { Words, WordsOf } from "./sentence.ts";
import { SYNTAX_WORDS, type SyntaxData } from "./syntax_words.ts";

type Data = SyntaxData &
  NameData &
  LiteralData &
  FileData &
  StatementData &
  BoundData &
  InvariantData &
  ProfileData &
  ImportData &
  LintData &
  TargetData &
  NexusData;

/** Every code is here: a code without data and words does not compile. */
const WORDS: WordsOf<Pick<Data, DiagnosticCode>> = {
  ...SYNTAX_WORDS,
  ...NAME_WORDS,
  ...LITERAL_WORDS,
  ...FILE_WORDS,
  ...STATEMENT_WORDS,
  ...BOUND_WORDS,
  ...INVARIANT_WORDS,
  ...PROFILE_WORDS,
  ...IMPORT_WORDS,
  ...LINT_WORDS,
  ...TARGET_WORDS,
  ...NEXUS_WORDS,
};

/** The data of a code, ready for JSON; null where there is nothing to say beyond the code. */
export type DataOf<C extends DiagnosticCode> = Data[C];

export function wordsOf<C extends DiagnosticCode>(code: C, data: DataOf<C>): Words {
  return WORDS[code](data);
}

/** The words of data that came out of JSON, which nothing has checked. */
export function wordsFrom(code: DiagnosticCode, data: unknown): Words {
  const words: (data: never) => Words = WORDS[code];
  return words(data as never);
}
