// The clients of a place, by names that are treated alike.
import type { AddressSet, CheckedExpose } from "../policy/policy.ts";
import type { Grant, NamedGrants, Place } from "./plan.ts";
import { prefixTexts } from "./ranges.ts";

export interface Entry {
  /** Null: any address of the host. */
  readonly local: AddressSet | null;
  /** Whether clients send a hello. */
  readonly hello: boolean;
  /** `any`: whatever the name is, or none. `none`: clients without a name, behind all names. `odd`: names that are none are refused. */
  readonly names: readonly string[] | "any" | "none" | "odd";
  readonly grants: readonly Grant[];
  /** A filter chain's own match can say it, because its names are whole and its place refuses all other clients. */
  readonly isSimple: boolean;
}

export function readsHello(exposes: readonly CheckedExpose[], { members }: Place): boolean {
  return members.some((i) => exposes[i]?.mode !== "tcp");
}

/** In the order in which they decide. */
export function entriesOf(exposes: readonly CheckedExpose[], place: Place): readonly Entry[] {
  const { local, names, grants } = place;
  const hello = readsHello(exposes, place);
  if (names === null) return [{ local, hello, names: "any", grants, isSimple: true }];
  const exact = names.filter(({ pattern }) => !pattern.startsWith("*"));
  const wild = names.filter(({ pattern }) => pattern.startsWith("*"));
  const isSimple = wild.length === 0 && grants.length === 0;
  const entry = (one: Pick<Entry, "names" | "grants">): Entry => ({ local, hello, isSimple, ...one });
  return [
    entry({ names: "odd", grants: [] }),
    ...grouped(exact, false).map(entry),
    // The order of names that are treated alike says nothing.
    ...grouped(wild, true).map(entry),
    ...(grants.length > 0 ? [entry({ names: "none", grants })] : []),
  ];
}

function grouped(names: readonly NamedGrants[], neighbours: boolean): readonly Pick<Entry, "names" | "grants">[] {
  const groups: { readonly key: string; readonly names: string[]; readonly grants: readonly Grant[] }[] = [];
  const texts = new Map<AddressSet, string>();
  const textOf = (set: AddressSet): string => {
    const text = texts.get(set) ?? prefixTexts(set).join();
    texts.set(set, text);
    return text;
  };
  const byKey = new Map<string, (typeof groups)[number]>();
  for (const { pattern, grants } of names) {
    const key = grants.map(({ listener, clients, sources }) => `${listener} ${JSON.stringify(clients)} ${textOf(sources)}`).join("|");
    const last = groups.at(-1);
    const same = neighbours && last?.key !== key ? undefined : byKey.get(key);
    if (same !== undefined) same.names.push(pattern);
    else {
      const made = { key, names: [pattern], grants };
      groups.push(made);
      byKey.set(key, made);
    }
  }
  return groups;
}
