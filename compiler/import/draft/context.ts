// Every importer writes to a context: faults, which end the import, and what is left out, which ends it with code 1.
import { MAX_ERRORS } from "../../source/bounds.ts";
import { diagnostic, type Diagnostic } from "../../diagnostics/diagnostic.ts";
import { positionOf, type Position, type SourceFile } from "../../source/source.ts";

/** A part of the source that is not in the policy, so that the policy admits less. */
export interface LeftOut {
  readonly place: Position;
  /** The part, as a person finds it in the source. */
  readonly what: string;
  readonly why: string;
}

/** Where something is: UTF-16 offsets. */
export interface Stretch {
  readonly at: number;
  readonly end: number;
}

type FaultCode = "ING873" | "ING874" | "ING875" | "ING877";

export class Context {
  readonly file: SourceFile;
  readonly faults: Diagnostic[] = [];
  readonly #left = new Map<string, LeftOut>();

  constructor(file: SourceFile) {
    this.file = file;
  }

  fault(code: FaultCode, { at, end }: Stretch, says: string, help: string): null {
    if (this.faults.length < MAX_ERRORS) this.faults.push(diagnostic(code, { says, help }, { file: this.file, start: at, end }));
    return null;
  }

  /** The same part is noted once for each reason. */
  omit({ at }: Stretch, what: string, why: string): void {
    const key = `${at} ${what} ${why}`;
    if (!this.#left.has(key)) this.#left.set(key, { place: positionOf(this.file, at), what, why });
  }

  /** In the order of the source. */
  left(): readonly LeftOut[] {
    return [...this.#left.values()].sort((a, b) => a.place.line - b.place.line || a.place.column - b.place.column);
  }
}
