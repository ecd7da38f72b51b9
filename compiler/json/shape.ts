// Shapes of JSON values. One description serves three: the decoder's check with its messages, the
// TypeScript type of what passes, and the JSON Schema; so that no two of them can disagree.

import type { Position } from "../source/source.ts";

export interface Trouble {
  /** RFC 6901; empty for the whole document. */
  readonly pointer: string;
  /** One sentence, lower case, no period. */
  readonly message: string;
  readonly help: string;
  /** In the text of the document, where it is known. */
  readonly place?: Position;
}

export type Schema = Readonly<Record<string, unknown>>;
export type Definitions = Map<string, Schema>;

export interface Shape<T> {
  /** Adds the faults at `pointer` to `troubles`; adds none exactly where it returns true. */
  check(value: unknown, pointer: string, troubles: Trouble[]): value is T & {};
  /** JSON Schema 2020-12; named parts are added to `definitions`. */
  schema(definitions: Definitions): Schema;
}

export type Of<S> = S extends Shape<infer T> ? T : never;

type Fields = Readonly<Record<string, Shape<unknown>>>;
export type ObjectOf<R extends Fields, O extends Fields> = { readonly [K in keyof R]: Of<R[K]> } & { readonly [K in keyof O]?: Of<O[K]> };

/** The name of the pattern, and the remedy where a value does not match. */
export interface Wanted {
  readonly pattern: string;
  readonly what: string;
  readonly help: string;
}

/** A text that the whole of a pattern matches. */
export function text({ pattern, what, help }: Wanted): Shape<string> {
  const whole = `^(?:${pattern})$`;
  const regexp = new RegExp(whole, "u");
  return {
    check(value, pointer, troubles): value is string {
      if (typeof value === "string" && regexp.test(value)) return true;
      return refuse(troubles, pointer, `expected ${what}, found ${shown(value)}`, help);
    },
    schema: () => ({ type: "string", pattern: whole, description: what }),
  };
}

/** One of some words, numbers or truths. */
export function constant<const T extends string | number | boolean>(...values: readonly [T, ...T[]]): Shape<T> {
  return {
    check(value, pointer, troubles): value is T {
      if (values.some((v) => v === value)) return true;
      const list = values.map((v) => JSON.stringify(v)).join(" or ");
      return refuse(troubles, pointer, `expected ${list}, found ${shown(value)}`, `write ${list}`);
    },
    schema: () => (values.length === 1 ? { const: values[0] } : { enum: values }),
  };
}

export function list<T>(item: Shape<T>, least: 0 | 1, repeats: "unique" | "allowed" = "allowed"): Shape<readonly T[]> {
  return {
    check(value, pointer, troubles): value is readonly T[] {
      if (!Array.isArray(value)) return refuse(troubles, pointer, `expected a list, found ${shown(value)}`, "write it in `[` and `]`");
      if (value.length < least) return refuse(troubles, pointer, "the list is empty", "it has one item at least");
      const items: readonly unknown[] = value;
      const before = troubles.length;
      items.forEach((each, i) => {
        item.check(each, `${pointer}/${i}`, troubles);
      });
      const again = repeats === "unique" ? items.findIndex((each, i) => items.indexOf(each) < i) : -1;
      if (again >= 0) refuse(troubles, `${pointer}/${again}`, `${shown(items[again])} appears twice in the list`, "remove one of them");
      return troubles.length === before;
    },
    schema: (definitions) => ({
      type: "array",
      items: item.schema(definitions),
      ...(least > 0 ? { minItems: least } : {}),
      ...(repeats === "unique" ? { uniqueItems: true } : {}),
    }),
  };
}

/** The first list where an item has one of the kinds, else the other; both say no to what is only in the other. */
export function eitherList<A, B>(kinds: readonly string[], first: Shape<readonly A[]>, other: Shape<readonly B[]>): Shape<readonly A[] | readonly B[]> {
  return {
    check(value, pointer, troubles): value is readonly A[] | readonly B[] {
      const isFirst = Array.isArray(value) && value.some((item: unknown) => isObject(item) && has(item, { kinds }));
      return (isFirst ? first : other).check(value, pointer, troubles);
    },
    schema: (definitions) => ({ anyOf: [first.schema(definitions), other.schema(definitions)] }),
  };
}

/** No other keys than these; a list of keys goes with each message about one. */
export function object<R extends Fields, O extends Fields>(required: R, optional: O): Shape<ObjectOf<R, O>> {
  const fields = new Map([...Object.entries(required), ...Object.entries(optional)]);
  const known = `its keys are ${[...fields.keys()].map((k) => `\`${k}\``).join(", ")}`;
  return {
    check(value, pointer, troubles): value is ObjectOf<R, O> {
      if (!isObject(value)) return refuse(troubles, pointer, `expected an object, found ${shown(value)}`, known);
      const before = troubles.length;
      for (const [key, inner] of Object.entries(value)) {
        const field = fields.get(key);
        if (field === undefined) refuse(troubles, child(pointer, key), `unknown key ${shown(key)}`, known);
        else field.check(inner, child(pointer, key), troubles);
      }
      for (const key of Object.keys(required)) {
        if (!Object.hasOwn(value, key)) refuse(troubles, pointer, `the key \`${key}\` is missing`, known);
      }
      return troubles.length === before;
    },
    schema: (definitions) => ({
      type: "object",
      properties: Object.fromEntries([...fields].map(([key, field]) => [key, field.schema(definitions)])),
      required: Object.keys(required),
      additionalProperties: false,
    }),
  };
}

/** An object that is not empty. */
export function some<T>(shape: Shape<T>): Shape<T> {
  return {
    check(value, pointer, troubles): value is T & {} {
      if (isObject(value) && Object.keys(value).length === 0) return refuse(troubles, pointer, "the object is empty", "remove it");
      return shape.check(value, pointer, troubles);
    },
    schema: (definitions) => ({ ...shape.schema(definitions), minProperties: 1 }),
  };
}

/** An object that has at least one of these keys, all of them optional in `shape`. */
export function withAny<T>(shape: Shape<T>, keys: readonly string[]): Shape<T> {
  return {
    check(value, pointer, troubles): value is T & {} {
      if (isObject(value) && !keys.some((key) => Object.hasOwn(value, key)))
        return refuse(troubles, pointer, `none of the keys ${keys.map((key) => `\`${key}\``).join(", ")} is there`, "write one of them");
      return shape.check(value, pointer, troubles);
    },
    schema: (definitions) => ({ ...shape.schema(definitions), anyOf: keys.map((key) => ({ required: [key] })) }),
  };
}

/** One of several objects: the first whose mark, a key or a value of `kind`, is there. */
export function oneOf<S extends readonly { readonly mark: Mark; readonly shape: Shape<unknown> }[]>(what: string, rows: S): Shape<Of<S[number]["shape"]>> {
  const marks = rows.map(({ mark }) => (typeof mark === "string" ? `\`${mark}\`` : mark.kinds.map((k) => `"${k}"`).join(", "))).join(", ");
  const byKey = typeof rows[0]?.mark === "string";
  const help = byKey ? `it has one of the keys ${marks}` : `its \`kind\` is one of ${marks}`;
  return {
    check(value, pointer, troubles): value is Of<S[number]["shape"]> & {} {
      if (!isObject(value)) return refuse(troubles, pointer, `expected ${what}, found ${shown(value)}`, help);
      const row = rows.find(({ mark }) => has(value, mark));
      if (row !== undefined) return row.shape.check(value, pointer, troubles);
      if (byKey) return refuse(troubles, pointer, `expected ${what}, found none of its keys`, help);
      const { kind } = value;
      const found = kind === undefined ? "one of no kind" : shown(kind);
      return refuse(troubles, Object.hasOwn(value, "kind") ? child(pointer, "kind") : pointer, `expected ${what}, found ${found}`, help);
    },
    schema: (definitions) => ({ anyOf: rows.map(({ shape }) => shape.schema(definitions)) }),
  };
}

export type Mark = string | { readonly kinds: readonly string[] };

function has(value: Readonly<Record<string, unknown>>, mark: Mark): boolean {
  if (typeof mark === "string") return Object.hasOwn(value, mark);
  const { kind } = value;
  return typeof kind === "string" && mark.kinds.includes(kind);
}

/** A word, or an object in its stead. */
export function wordOr<A extends string, B>(word: Shape<A>, other: Shape<B>): Shape<A | B> {
  return {
    check: (value, pointer, troubles): value is (A | B) & {} => (isObject(value) ? other : word).check(value, pointer, troubles),
    schema: (definitions) => ({ anyOf: [word.schema(definitions), other.schema(definitions)] }),
  };
}

/** A part of the schema with a name of its own. */
export function named<T>(name: string, shape: Shape<T>): Shape<T> {
  return {
    check: (value, pointer, troubles): value is T & {} => shape.check(value, pointer, troubles),
    schema(definitions) {
      if (!definitions.has(name)) {
        definitions.set(name, {});
        definitions.set(name, shape.schema(definitions));
      }
      return { $ref: `#/$defs/${name}` };
    },
  };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function refuse(troubles: Trouble[], pointer: string, message: string, help: string): false {
  troubles.push({ pointer, message, help });
  return false;
}

function child(pointer: string, key: string): string {
  return `${pointer}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

/** Characters of a value that a message quotes. */
const MAX_SHOWN = 60;

function shown(value: unknown): string {
  const json =
    Array.isArray(value) ? "a list"
    : isObject(value) ? "an object"
    : JSON.stringify(value);
  return json.length > MAX_SHOWN ? `${json.slice(0, MAX_SHOWN)}…` : json;
}
