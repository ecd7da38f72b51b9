export interface Coverage {
  /** A folder for the processes of one test file (NODE_V8_COVERAGE). */
  folder(): string;
  /** Reads what they wrote, and removes the folder. */
  read(folder: string): void;
  /** Lines of the report; every line of code goes to the file `lcov`. */
  report(lcov: string): readonly string[];
  remove(): void;
}

export function createCoverage(project: string, built: readonly string[]): Coverage;
