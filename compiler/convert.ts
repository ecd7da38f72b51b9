// A policy's text -> source JSON and back. Each conversion is checked to be lossless: what was
// written is read again and compared, since a form can't know everything (a parameter that its
// template does not list).
import { failed, ok, type Failed, type Result } from "../runtime/result/result.ts";
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

/** Why a policy is not exported. */
export type Unexported =
  { readonly kind: "broken"; readonly diagnostics: readonly Diagnostic[] } | { readonly kind: "refused"; readonly troubles: readonly Trouble[] };

export function exportPolicy(file: SourceFile): Result<{ readonly json: Json; readonly text: string }, Unexported> {
  const tree = readTree(file);
  if (!tree.ok) return failed({ kind: "broken", diagnostics: tree.error });
  const json = encodePolicy(tree.value);
  const decoded = decodePolicy(json);
  return decoded.ok ? ok({ json, text: jsonText(json) }) : failed({ kind: "refused", troubles: decoded.error.slice(0, MAX_TROUBLES) });
}

/** The text of a policy in source JSON. */
export function importPolicy(source: string): Result<string, readonly Trouble[]> {
  const parsed = parseJson(source);
  if (!parsed.ok) return parsed;
  const decoded = decodePolicy(parsed.value);
  if (!decoded.ok) return refused(decoded.error);
  const text = printPolicy(decoded.value);
  const again = readTree({ path: "", text });
  if (!again.ok) return refused(again.error.map(unwritable));
  const same = jsonText(encodePolicy(again.value)) === jsonText(encodePolicy(decoded.value));
  return same ? ok(text) : refused([{ pointer: "", message: "a policy that says this can't be written", help: "please report it with the document" }]);
}

function unwritable({ message, help }: Diagnostic): Trouble {
  return { pointer: "", message: `a policy that says this has an error: ${message}`, help: help ?? "change the document" };
}

function parseJson(source: string): Result<unknown, readonly Trouble[]> {
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
  return twice.length > 0 ? refused(twice) : ok(value);
}

function refused(troubles: readonly Trouble[]): Failed<readonly Trouble[]> {
  return failed(troubles.slice(0, MAX_TROUBLES));
}
