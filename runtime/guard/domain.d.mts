// Types of domain.mjs, which the launcher runs as it is.
import type { Native } from "../shell/libc.ts";

type Func = (prototype: string) => Native;

export const LANDLOCK_REFER: number;
export const LANDLOCK_SIGNALS: number;
export function landlockVersion(func: Func): number;
export function enterDomain(func: Func, signals: boolean): boolean;
