// One line of an audit file as a request of `explain`, with the facts that the record does not have.
import { isWildcard } from "../../../runtime/net/address.ts";
import { failed, ok, type Result } from "../../../runtime/result/result.ts";
import { printable } from "../../diagnostics/quote.ts";
import { usage, type Outcome } from "../outcome.ts";
import type { Request } from "../request.ts";
import { isStandardInput, readStandardInput } from "../standard_input.ts";
import { MAX_AUDIT_LINE } from "./audit_lines.ts";
import { readAuditLine, type DecisionRecord } from "./audit_record.ts";
import { requestText } from "./request_text.ts";

export interface Recorded {
  readonly record: DecisionRecord;
  readonly request: Request;
  /** For the title of the answer. */
  readonly text: string;
  /** The facts that the record does not have, and what the answer takes instead. */
  readonly notes: readonly string[];
}

const HELP = "give one whole line of the audit file, in single quotes, or `-` and the line on standard input";

/** `line` is `-` for standard input. */
export function readRecorded(line: string): Result<Recorded, Outcome> {
  const text = isStandardInput(line) ? inputLine() : ok(line.trim());
  if (!text.ok) return text;
  const read = text.value.length > MAX_AUDIT_LINE ? ({ kind: "torn" } as const) : readAuditLine(text.value);
  switch (read.kind) {
    case "decision":
      return requestOf(read);
    case "end":
      return failed(
        usage(
          "audit_line",
          "the record is the end of a connection, which was decided before",
          "explain the last record before it with the same `connection` and `source`",
        ),
      );
    case "stays":
      return failed({
        class: "unsupported",
        code: "policy.unsupported_record",
        message: `no policy decides what a record with \`op\` \`${printable(read.op)}\` is about`,
        help: "explain a record with `op` `accept`, `recheck` or `bind`; `detail` says why the others were refused",
      });
    case "foreign":
      return failed({
        class: "unsupported",
        code: "policy.unsupported_record",
        message: `the record is one of another release: ${read.what}`,
        help: "explain it with the release that wrote it, or write the request yourself",
      });
    case "message":
    case "torn":
      return failed(usage("audit_line", read.kind === "torn" ? "this is only a part of a record" : "this is no record of an audit file", HELP));
  }
}

function inputLine(): Result<string, Outcome> {
  const bytes = readStandardInput(4 * MAX_AUDIT_LINE);
  if (!bytes.ok)
    return failed(usage("audit_line", "standard input is longer than a record, or can't be read", "pipe one line into it, for example with `tail -1`"));
  const lines = new TextDecoder().decode(bytes.value).trim().split("\n");
  const [first = "", second] = lines;
  if (second !== undefined)
    return failed(usage("audit_line", `standard input has ${lines.length} lines, and one is explained`, "pipe one line into it, for example with `tail -1`"));
  return ok(first.trim());
}

function requestOf(record: DecisionRecord): Result<Recorded, Outcome> {
  const { op, local, source, peer, sni, client, clientMore, proto, seconds, subject } = record;
  const missing = (what: string): Result<Recorded, Outcome> =>
    failed({
      class: "unsupported",
      code: "policy.unsupported_record",
      message: `the record has no ${what} that can be read, so that there is nothing to decide`,
      help: "write the request yourself, as in a test line",
    });
  if (local === null) return missing("local address");
  const text = requestText(record) ?? "a recorded connection";
  if (op === "bind") {
    if (subject === null) return missing("subject");
    return ok({ record, request: { kind: "bind", subject, proto, address: local.address, port: local.port }, text, notes: [] });
  }
  if (source === null) return missing("source");
  const to = { kind: "port", proto, port: local.port, local: isWildcard(local.address) ? null : local.address } as const;
  const notes = [
    ...(sni === undefined && proto === "tcp" ? ["the record does not say which server name the client sent: the answer is for a client that sends none"] : []),
    ...(client === undefined && proto === "tcp" ? ["the record has no certificate of the client: the answer is for a client that shows none"] : []),
    ...(clientMore > 0 ? [`the record does not have ${clientMore} further name${clientMore === 1 ? "" : "s"} of the certificate`] : []),
  ];
  const words = typeof client === "string" ? client.split(" ").filter((word) => word !== "") : null;
  return ok({ record, request: { kind: "from", source, via: peer, to, sni: sni ?? null, client: words, at: seconds, isNow: false }, text, notes });
}

/** `deny (reason=cidr), no_match, by edge.ingress:3`, and whether the answer is another. */
export function recordedText({ allowed, reason, code, at, byRules }: DecisionRecord, isAllowed: boolean): string {
  const was = `${allowed ? "allow" : `deny (reason=${printable(reason)})`}, ${printable(code)}${at === null ? "" : `, by ${printable(at)}`}`;
  if (!byRules) return `${was}: no rule decided this, and the answer below is that of the rules`;
  return `${was}: ${allowed === isAllowed ? "the same" : "another one now"}`;
}
