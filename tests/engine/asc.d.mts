/** The module that asc builds, or null where it reports an error. `readFile` returns null for a file that is not there. */
export function compile(args: readonly string[], readFile: (name: string) => string | null): Promise<Uint8Array | null>;
