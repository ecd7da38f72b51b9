// A problem of a configuration: its key, the value, the reason, and the place.
import { likenessNote, visible } from "../../runtime/text/characters.ts";

/** Where a value comes from; the later ones go before the earlier ones. */
export type Place =
  | { readonly layer: "default" }
  /** `line` from 1; null where it can't be told, or was not yet looked for. */
  | { readonly layer: "file"; readonly file: string; readonly path: readonly string[]; readonly line: number | null }
  | { readonly layer: "environment"; readonly variable: string }
  | { readonly layer: "flag"; readonly flag: string };

export interface Problem {
  /** Dotted, as in the documents; "" for the whole. */
  readonly key: string;
  /** As JSON, shortened; absent where the key has none. */
  readonly value?: string;
  /** With its remedy; follows "`key` = value" in a sentence. */
  readonly reason: string;
  readonly place: Place;
  /** A facility that this release does not have; all else is `config`. */
  readonly code?: "unsupported";
}

/** The code with which a whole configuration is refused. */
export function codeOf(problems: readonly Problem[]): "config" | "unsupported" {
  return problems.every(({ code }) => code === "unsupported") ? "unsupported" : "config";
}

/** Characters of a value that a message shows. */
const SHOWN = 80;

export function shown(value: unknown): string {
  const text = clip(JSON.stringify(value) ?? "undefined");
  return `${visible(text)}${likenessNote(text)}`;
}

export function clip(text: string): string {
  return text.length > SHOWN ? `${text.slice(0, SHOWN - 3)}...` : text;
}

export function placeText(place: Place): string {
  switch (place.layer) {
    case "default":
      return "the default configuration";
    case "file":
      return place.line === null ? place.file : `${place.file}:${place.line}`;
    case "environment":
      return place.variable;
    case "flag":
      return place.flag;
    default:
      return place satisfies never;
  }
}

/** One line. */
export function problemText({ key, value, reason, place }: Problem): string {
  const subject =
    key === "" ? ""
    : value === undefined ? `\`${key}\` `
    : `\`${key}\` = ${value} `;
  return `${placeText(place)}: ${subject}${reason}`;
}
