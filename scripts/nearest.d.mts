// The types of nearest.mjs.
export declare function importersOf(files: readonly string[], read: (path: string) => string): Map<string, Set<string>>;
export declare function nearest(given: {
  readonly changed: readonly string[];
  readonly importers: ReadonlyMap<string, ReadonlySet<string>>;
  readonly times: Readonly<Record<string, number>>;
  readonly always: readonly string[];
  readonly tests: readonly string[];
  readonly parts: readonly string[];
}): string[];
