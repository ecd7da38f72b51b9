// The concrete tree as ast/ reads it: the part of Chevrotain's shape that is used.
// After a syntax error any child may be missing.
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { SourceFile } from "../source/source.ts";

export interface Token {
  readonly image: string;
  readonly startOffset: number;
  /** The last offset of the token's text, which may differ from the image; see foreign_forms.ts. */
  readonly endOffset?: number | undefined;
  readonly isInsertedInRecovery?: boolean;
}

/** The offset behind a token. */
export function endOf({ image, startOffset, endOffset }: Token): number {
  return endOffset === undefined || Number.isNaN(endOffset) ? startOffset + image.length : endOffset + 1;
}

export interface Cst {
  readonly name: string;
  /** By the name of the grammar rule, or of the token (`kw_net` for a keyword). */
  readonly children: Readonly<Record<string, readonly (Cst | Token)[]>>;
  /** Offsets of the first character and of the last; not numbers where there is none. */
  readonly location?: { readonly startOffset: number; readonly endOffset?: number };
  /** Reading continued behind an error in this node. */
  readonly recoveredNode?: boolean;
}

export interface Parsed {
  readonly file: SourceFile;
  /** Null where the text can't be read as a policy at all. */
  readonly cst: Cst | null;
  readonly diagnostics: readonly Diagnostic[];
  /** Nothing was wrong: no part of the tree is missing or made up. */
  readonly whole: boolean;
  /** Offsets of the ends of tokens that something wrong follows. */
  readonly brokenAfter: ReadonlySet<number>;
  /** Offsets of parameters that are in no list of theirs, also of those that are not reported because another fault may be the cause. */
  readonly misplacedParams: readonly number[];
  /** Names that a misspelt statement may have declared, and words that may be no names. */
  readonly doubtful: ReadonlySet<string>;
}
