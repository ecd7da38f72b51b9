export interface Transpiled {
  readonly folder: string;
  /** The built file of each path. */
  readonly built: ReadonlyMap<string, string>;
  /** The file that the caller writes, of each path that is to be replaced. */
  readonly apart: ReadonlyMap<string, string>;
  /** Whether a file imports another one, itself or through others. */
  readonly uses: (file: string, imported: string) => boolean;
  readonly remove: () => void;
}

export function transpile(files: readonly string[], project: string, apart?: readonly string[]): Promise<Transpiled | null>;
