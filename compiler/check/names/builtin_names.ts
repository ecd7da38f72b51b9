// The names of the nets that need no declaration; sets/builtin_nets.ts has their addresses.

export const BUILTIN_NAMES = ["any", "any4", "any6", "internet", "private", "loopback", "linklocal"] as const;
export type BuiltinName = (typeof BUILTIN_NAMES)[number];

const NAMES: ReadonlySet<string> = new Set(BUILTIN_NAMES);

export function isBuiltin(name: string): name is BuiltinName {
  return NAMES.has(name);
}
