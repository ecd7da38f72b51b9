// The types of build.mjs.
export declare const ENTRIES: Readonly<Record<"ingressc" | "ingressd" | "ingress-guard" | "load_worker" | "thread_worker" | "launcher" | "doorman", string>>;
export declare function build(): Promise<{
  readonly folder: string;
  readonly sources: readonly (readonly [path: string, bytes: number, timeMs: number, sha256: string])[];
}>;
