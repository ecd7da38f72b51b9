// The types of start.mjs.
export declare function start(name: "ingressc" | "ingressd" | "ingress-guard"): Promise<void>;
export declare function nodeRefusal(version: string): string | null;
