export declare const PREFIXES: readonly number[];
export declare function rowsOf(options: { readonly quick: boolean; readonly others: number }): readonly object[];
