// Findings as diagnostics of the protocol.
import type { Diagnostic, DiagnosticSeverity, DiagnosticTag } from "vscode-languageserver/node";
import type { Abilities } from "./abilities.ts";
import type { Finding } from "./messages.ts";

// The numbers of the protocol; its library is loaded by the server alone.
const ERROR: DiagnosticSeverity = 1;
const WARNING: DiagnosticSeverity = 2;
const UNNECESSARY: DiagnosticTag = 1;

/** Warnings about what nothing uses, which editors show dimmed. */
const UNUSED: ReadonlySet<string> = new Set(["ING828", "ING829", "ING830"]);

/** `uri`: of a path. Parts that the editor can't show are omitted. */
export function diagnosticOf(finding: Finding, uri: (path: string) => string, can: Pick<Abilities, "related" | "tags">): Diagnostic {
  const { code, severity, message, place, related } = finding;
  return {
    range: place.range,
    severity: severity === "error" ? ERROR : WARNING,
    source: code === null ? "ingressc test" : "ingressc",
    message,
    ...(code === null ? {} : { code }),
    ...(can.tags && code !== null && UNUSED.has(code) ? { tags: [UNNECESSARY] } : {}),
    ...(can.related && related.length > 0 ?
      { relatedInformation: related.map(({ path, range, label }) => ({ location: { uri: uri(path), range }, message: label === "" ? "here" : label })) }
    : {}),
  };
}
