// The values that one key of the configuration may have. A field checks values, reads them from the text of an
// environment variable or a flag, and gives its part of the JSON Schema, so that no two of these
// can disagree.

export type Schema = Readonly<Record<string, unknown>>;

export interface Field<T> {
  /** The meaning of the key, for the documents, the schema and messages. */
  readonly says: string;
  is(value: unknown): value is T & {};
  /** Describes a valid value, after "must be". */
  readonly wanted: string;
  /** The value that a text outside TOML means; a text that means none is given back and refused by `is`. */
  fromText(text: string): unknown;
  readonly schema: Schema;
}

/** A key that has a value where nobody gives one. */
export interface Defaulted<T> extends Field<T> {
  readonly fallback: T;
}

/** A key without which its table is refused. */
export interface Needed<T> extends Field<T> {
  readonly needed: true;
}

export type Keys = Readonly<Record<string, Field<unknown>>>;

type TypeOf<F> = F extends Field<infer T> ? T : never;
type Always<F> = F extends Defaulted<unknown> | Needed<unknown> ? true : false;
/** The decoded values of a table with these keys. */
export type ValuesOf<K extends Keys> = { readonly [P in keyof K as Always<K[P]> extends true ? P : never]: TypeOf<K[P]> } & {
  readonly [P in keyof K as Always<K[P]> extends true ? never : P]?: TypeOf<K[P]>;
};

export function orElse<T>(fallback: T, field: Field<T>): Defaulted<T> {
  return { ...field, fallback, schema: { ...field.schema, default: fallback } };
}

export function needed<T>(field: Field<T>): Needed<T> {
  return { ...field, needed: true };
}

export function hasFallback(field: Field<unknown>): field is Defaulted<unknown> {
  return "fallback" in field;
}

export function isNeeded(field: Field<unknown>): field is Needed<unknown> {
  return "needed" in field;
}

/** One of some words. */
export function word<const W extends string>(words: readonly [W, ...W[]], says: string): Field<W> {
  return {
    says,
    is: (value): value is W => words.some((one) => one === value),
    wanted: words.map((one) => JSON.stringify(one)).join(" or "),
    fromText: (text) => text,
    schema: { enum: words },
  };
}

export function whole(least: number, most: number, says: string): Field<number> {
  return {
    says,
    is: (value): value is number => typeof value === "number" && Number.isInteger(value) && value >= least && value <= most,
    wanted: `a whole number from ${least} to ${most}`,
    fromText: (text) => (/^-?[0-9]{1,15}$/.test(text) ? Number(text) : text),
    schema: { type: "integer", minimum: least, maximum: most },
  };
}

export function truth(says: string): Field<boolean> {
  return {
    says,
    is: (value): value is boolean => typeof value === "boolean",
    wanted: "true or false",
    fromText: (text) =>
      text === "true" ? true
      : text === "false" ? false
      : text,
    schema: { type: "boolean" },
  };
}

/** A text of `least` to `most` characters that the whole of `pattern` matches, where there is one. */
export function text(least: number, most: number, says: string, pattern: { readonly text: string; readonly wanted: string } | null = null): Field<string> {
  const regexp = pattern === null ? null : new RegExp(pattern.text, "u");
  const size = least === 0 ? `at most ${most} characters` : `${least} to ${most} characters`;
  return {
    says,
    is(value): value is string {
      if (typeof value !== "string" || regexp?.test(value) === false) return false;
      const length = [...value].length;
      return length >= least && length <= most;
    },
    wanted: pattern === null ? `a text of ${size}` : `${pattern.wanted} (at most ${most} characters)`,
    fromText: (given) => given,
    schema: { type: "string", ...(least > 0 && { minLength: least }), maxLength: most, ...(pattern !== null && { pattern: pattern.text }) },
  };
}

const PATH_MOST = 4096;
/** The longest path that fits into the kernel's sockaddr_un. */
const SOCKET_MOST = 107;

export function path(says: string, most = PATH_MOST): Field<string> {
  return text(0, most, says, { text: "^/", wanted: "an absolute path" });
}

export function socketPath(says: string): Field<string> {
  return path(says, SOCKET_MOST);
}

export function mode(says: string): Field<string> {
  return text(0, 4, says, { text: "^0?[0-7]{3}$", wanted: 'an octal mode such as "0660"' });
}

/** Different values, `least` to `most` of them. */
export function list(item: Field<string>, least: number, most: number, says: string): Field<readonly string[]> {
  return {
    says,
    is: (value): value is readonly string[] =>
      Array.isArray(value) && value.length >= least && value.length <= most && value.every((one) => item.is(one)) && new Set(value).size === value.length,
    wanted: `a list of ${least} to ${most} different values, each ${item.wanted}`,
    fromText(given) {
      try {
        const read: unknown = JSON.parse(given);
        return read;
      } catch {
        return given;
      }
    },
    schema: { type: "array", ...(least > 0 && { minItems: least }), maxItems: most, uniqueItems: true, items: item.schema },
  };
}
