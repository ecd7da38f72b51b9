// From the code and the data of a diagnostic to its words. Each family of codes has a file that
// gives its data and its words; this file joins them.
import { BOUND_WORDS, type BoundData } from "./bound_words.ts";
import type { DiagnosticCode } from "./codes.ts";
import { FILE_WORDS, type FileData } from "./file_words.ts";
import { LITERAL_WORDS, type LiteralData } from "./literal_words.ts";
import { NAME_WORDS, type NameData } from "./name_words.ts";
import { PROFILE_WORDS, type ProfileData } from "./profile_words.ts";
import { RELEASE_WORDS, type ReleaseData } from "./release_words.ts";
import { STATEMENT_WORDS, type StatementData } from "./statement_words.ts";
import type { Words, WordsOf } from "./sentence.ts";
import { SYNTAX_WORDS, type SyntaxData } from "./syntax_words.ts";

type Data = SyntaxData & NameData & LiteralData & FileData & StatementData & BoundData & ReleaseData & ProfileData;

const WORDS: WordsOf<Data> = {
  ...SYNTAX_WORDS,
  ...NAME_WORDS,
  ...LITERAL_WORDS,
  ...FILE_WORDS,
  ...STATEMENT_WORDS,
  ...BOUND_WORDS,
  ...RELEASE_WORDS,
  ...PROFILE_WORDS,
};

/** Codes whose diagnostics have typed data and get their words from a family's file. */
export type TypedCode = keyof Data;
/** Codes whose words are still written where the diagnostic is made. */
export type UntypedCode = Exclude<DiagnosticCode, TypedCode>;
/** The data of a code, ready for JSON; null where there is nothing to say beyond the code. */
export type DataOf<C extends DiagnosticCode> = C extends TypedCode ? Data[C] : null;

export function wordsOf<C extends TypedCode>(code: C, data: Data[C]): Words {
  return WORDS[code](data);
}

/** The data of a typed code: the same as `DataOf`, for a caller that is generic in the code. */
export type TypedData<C extends TypedCode> = Data[C];

export function isTyped(code: DiagnosticCode): code is TypedCode {
  return Object.hasOwn(WORDS, code);
}

/** The words of data that came out of JSON, which nothing has checked. */
export function wordsFrom(code: TypedCode, data: unknown): Words {
  const words: (data: never) => Words = WORDS[code];
  return words(data as never);
}
