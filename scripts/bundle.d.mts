// The types of bundle.mjs.
import type { Plugin } from "esbuild";

export declare const LOADERS: RegExp;
export declare function chevrotainFile(): string;
export declare function sourcesIn(project: string, replaced: Readonly<Record<string, string>>): Plugin;
export declare function onDemandAfter(project: string, firsts: (path: string) => readonly string[]): Plugin;
export declare function withoutFacades(text: string): string;
