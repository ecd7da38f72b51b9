export declare const OVERLAPS: Readonly<Record<string, unknown>>;
export declare function overlapping(name: string, sets: number): string;
