// The names that a tree uses: sets by their kind, templates, and the list files that it names.
import type { Member, SetDeclaration } from "../ast/nodes.ts";

type SetKind = SetDeclaration["kind"];

export interface References {
  /** `KIND NAME`, and `any NAME` for an argument of a template, whose kind is that of its place there. */
  readonly sets: Set<string>;
  readonly templates: Set<string>;
  readonly lists: Extract<Member, { readonly kind: "file" }>[];
}

/** The kind of set behind a key of a node. */
const KINDS: Readonly<Record<string, SetKind>> = {
  from: "net",
  bind: "net",
  via: "net",
  sni: "hosts",
  hosts: "hosts",
  client: "ids",
  ports: "ports",
};

/** Parts of a node in which nothing is used. */
const WITHOUT = new Set(["span", "name", "annotations", "kind"]);

export function referencesIn(nodes: readonly unknown[]): References {
  const found: References = { sets: new Set(), templates: new Set(), lists: [] };
  for (const node of nodes) walk(node, null, found);
  return found;
}

/** Whether a set is used under this name, `a.b` included. */
export function usesSet({ sets }: References, kind: SetKind, name: string): boolean {
  return sets.has(`${kind} ${name}`) || sets.has(`any ${name}`);
}

/** The parts before the dot of all names out of imports. */
export function aliasesIn({ sets, templates }: References): ReadonlySet<string> {
  const names = [...[...sets].map((key) => key.slice(key.indexOf(" ") + 1)), ...templates];
  return new Set(names.flatMap((name) => (name.includes(".") ? [name.slice(0, name.indexOf("."))] : [])));
}

function walk(node: unknown, kind: SetKind | null, found: References): void {
  if (Array.isArray(node)) {
    for (const item of node as readonly unknown[]) walk(item, kind, found);
    return;
  }
  if (!isFields(node)) return;
  const { kind: own, text } = node;
  // By far the most nodes of a large policy.
  if (own === "literal") return;
  if ((own === "name" || own === "qualified") && typeof text === "string") {
    found.sets.add(`${kind ?? "any"} ${text}`);
    return;
  }
  if (isList(node)) {
    found.lists.push(node);
    return;
  }
  if (own === "use" && isFields(node["template"]) && typeof node["template"]["text"] === "string") found.templates.add(node["template"]["text"]);
  const declared = own === "net" || own === "ports" || own === "hosts" || own === "ids" ? own : null;
  for (const [key, part] of Object.entries(node)) {
    if (WITHOUT.has(key)) continue;
    walk(part, declared ?? KINDS[key] ?? kind, found);
  }
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function isList(node: Readonly<Record<string, unknown>>): node is Readonly<Record<string, unknown>> & Extract<Member, { readonly kind: "file" }> {
  return node["kind"] === "file" && "path" in node && "max" in node;
}
