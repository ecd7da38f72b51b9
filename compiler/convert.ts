// A policy's text -> source JSON and back. Each conversion is checked to be lossless: what was
// written is read again and compared, since a form can't know everything (a parameter that its
// template does not list).
import { printPolicy } from "./format/print.ts";
import type { Diagnostic } from "./diagnostics/diagnostic.ts";
import { readTree } from "./format/format.ts";
import { positionOf, type SourceFile } from "./source/source.ts";
import { decodePolicy } from "./json/decode.ts";
import { encodePolicy, jsonText, type Json } from "./json/encode.ts";
import { repeatedKeys } from "./json/keys.ts";
import type { Trouble } from "./json/shape.ts";
import { jsonFault } from "./json/syntax_error.ts";

/** Troubles of one document that are reported. */
const MAX_TROUBLES = 20;

export type Refused = { readonly kind: "refused"; readonly troubles: readonly Trouble[] };

export type Exported =
  | { readonly kind: "exported"; readonly json: Json; readonly text: string }
  | { readonly kind: "broken"; readonly diagnostics: readonly Diagnostic[] }
  | Refused;

export function exportPolicy(file: SourceFile): Exported {
  const tree = readTree(file);
  if (tree.kind === "broken") return tree;
  const json = encodePolicy(tree.ast);
  const decoded = decodePolicy(json);
  return decoded.kind === "policy" ? { kind: "exported", json, text: jsonText(json) } : refused(decoded.troubles);
}

export type Imported = { readonly kind: "imported"; readonly text: string } | Refused;

export function importPolicy(source: string): Imported {
  const parsed = parseJson(source);
  if ("troubles" in parsed) return parsed;
  const decoded = decodePolicy(parsed.value);
  if (decoded.kind === "refused") return refused(decoded.troubles);
  const text = printPolicy(decoded.ast);
  const again = readTree({ path: "", text });
  if (again.kind === "broken") return refused(again.diagnostics.map(unwritable));
  const same = jsonText(encodePolicy(again.ast)) === jsonText(encodePolicy(decoded.ast));
  return same ?
      { kind: "imported", text }
    : refused([{ pointer: "", message: "a policy that says this can't be written", help: "please report it with the document" }]);
}

function unwritable({ message, help }: Diagnostic): Trouble {
  return { pointer: "", message: `a policy that says this has an error: ${message}`, help: help ?? "change the document" };
}

function parseJson(source: string): { readonly value: unknown } | Refused {
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const fault = jsonFault(source);
    const help = fault?.help ?? "`ingressc export` writes a document of this form";
    return refused([
      {
        pointer: "",
        message: `this is not JSON: ${fault?.says ?? error.message}`,
        help,
        ...(fault === null ? {} : { place: positionOf({ path: "", text: source }, fault.at) }),
      },
    ]);
  }
  const twice = repeatedKeys(source);
  return twice.length > 0 ? refused(twice) : { value };
}

function refused(troubles: readonly Trouble[]): Refused {
  return { kind: "refused", troubles: troubles.slice(0, MAX_TROUBLES) };
}
