// A difference as SARIF 2.1.0, for the code scanning of a forge. An opening is an error, an accepted one a suppressed error, and a closing a note.
import type { LineKind } from "./difference_lines.ts";
import type { JudgedLine } from "./judged.ts";
import type { Side } from "./side.ts";

const RULES = {
  listener_opened: "a listener appears",
  listener_closed: "a listener disappears",
  opened: "a listener may be reached by more clients",
  closed: "a listener may be reached by fewer clients",
  changed: "something else of a listener changes",
  dial: "a service's use of udp as a client changes",
  dryrun_opened: "a dryrun rule would open",
  dryrun_closed: "a dryrun rule would close",
  dryrun_changed: "a dryrun cap or limit changes",
} as const satisfies Readonly<Record<LineKind, string>>;

/** At most `most` characters: results at the end are left out, and their number is in the run's properties. */
export function sarifText(lines: readonly JudgedLine[], before: Side, after: Side, most: number): string {
  const results: unknown[] = [];
  let room = most - JSON.stringify(documentOf([], lines.length)).length;
  for (const line of lines) {
    const result = resultOf(line, before, after);
    room -= JSON.stringify(result).length + 1;
    if (room < 0) break;
    results.push(result);
  }
  return JSON.stringify(documentOf(results, lines.length - results.length));
}

function documentOf(results: readonly unknown[], omitted: number): unknown {
  const rules = Object.entries(RULES).map(([id, text]) => ({ id, shortDescription: { text } }));
  return {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [{ tool: { driver: { name: "ingressc", rules } }, columnKind: "utf16CodeUnits", results, ...(omitted > 0 && { properties: { omitted } }) }],
  };
}

function resultOf({ line, accepted }: JudgedLine, before: Side, after: Side): unknown {
  const { kind, effect, listener, place, text, witness } = line;
  const said = `${listener}${place === "" ? "" : ` (${place})`}: ${text}`.replaceAll("`", "");
  return {
    ruleId: kind,
    ruleIndex: Object.keys(RULES).indexOf(kind),
    level: effect === "opens" ? "error" : "note",
    message: { text: witness === null ? said : `${said}; for example: ${witness}` },
    locations: [{ physicalLocation: locationOf(listener, before, after) }],
    ...(accepted.length > 0 && {
      suppressions: accepted.map(({ owner, why }) => ({ kind: "external", status: "accepted", justification: `${owner}: ${why}` })),
    }),
  };
}

/** Where the listener is declared, or else the second file. */
function locationOf(listener: string, before: Side, after: Side): unknown {
  for (const side of [after, before]) {
    const place = side.places[side.model.listeners.findIndex(({ name }) => name === listener)];
    if (place !== undefined) return { artifactLocation: { uri: uriOf(place.file) }, region: { startLine: place.line } };
  }
  return { artifactLocation: { uri: uriOf(after.path) } };
}

function uriOf(path: string): string {
  return path
    .split("/")
    .map((part) => encodeURIComponent(part))
    .join("/");
}
