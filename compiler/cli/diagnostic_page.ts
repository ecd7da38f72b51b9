// The section of docs/diagnostics.md about a diagnostic, for `ingressc explain CODE`.
import { CODES, isDiagnosticCode, isWarning } from "../diagnostics/codes.ts";
import { nearest } from "../../runtime/text/nearest.ts";
import { DIAGNOSTIC_PAGES } from "./diagnostic_pages.ts";
import { usage, type Outcome } from "./outcome.ts";
import { diagnosticAddress } from "./site.ts";
import type { Paint } from "./terminal.ts";

/** `written`: a code in small or large letters. */
export function explainCode(written: string): Outcome {
  const code = written.toUpperCase();
  const text = DIAGNOSTIC_PAGES[code];
  if (!isDiagnosticCode(code) || text === undefined) {
    const near = nearest(code, Object.keys(CODES));
    return usage(
      "unknown_code",
      `there is no diagnostic \`${code}\``,
      `${near === null ? "" : `did you mean \`${near}\`? `}docs/diagnostics.md has all of them; a policy named \`${written}\` is followed by a request`,
    );
  }
  const { title } = CODES[code];
  const severity = isWarning(code) ? "warning" : "error";
  const address = diagnosticAddress(code);
  return {
    class: "ok",
    code: "policy.code_explained",
    message: `${severity} \`${code}\`: ${title}`,
    data: { code, severity, title, text, address },
    report: (p) => pageText(`${severity}[${code}]: ${title}`, text, address, p),
  };
}

/** Examples are indented below their words; other text is as it is written. */
function pageText(heading: string, text: string, address: string | null, p: Paint): string {
  const body = text.replace(/^```(\w*) ?(\w*)\n([^]*?)^```$/gm, (_, _language: string, kind: string, block: string) => {
    const lines = block.trimEnd().split("\n");
    return [...(kind === "" ? [] : [`${p.bold(kind)}:`, ""]), ...lines.map((line) => (line === "" ? "" : `    ${line}`))].join("\n");
  });
  return [p.bold(heading), "", body, ...(address === null ? [] : ["", address])].join("\n");
}
