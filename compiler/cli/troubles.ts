// The faults of a document of source JSON, as an outcome.
import type { Trouble } from "../json/shape.ts";
import { count, type Outcome } from "./outcome.ts";

export function refusedDocument(path: string, troubles: readonly Trouble[]): Outcome {
  return {
    class: "reject",
    code: "policy.document_refused",
    message: `${count(troubles.length, "error")} in \`${path}\``,
    report: (p) =>
      troubles
        .map(
          ({ pointer, message, help, place }) =>
            `${p.bad("error")}: ${message}\n  at ${
              place === undefined ?
                pointer === "" ?
                  "the top of the document"
                : pointer
              : `${path}:${place.line}:${place.column}${pointer === "" ? "" : ` (${pointer})`}`
            }\n${p.bold("help")}: ${help}\n`,
        )
        .join("\n"),
    data: { errors: troubles },
  };
}
