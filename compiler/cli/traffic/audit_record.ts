// One line of an audit file -> what was decided, with every fact that the record has. A fact that the record does not have
// is unknown, which is not the same as absent: a client without a name was read, and a name that was never read is unknown.
import { CODES } from "../../../runtime/abi/names.ts";
import { FIELD_BYTES, MAX_NAME } from "./audit_bounds.ts";
import { parseAddress, type Address } from "../../../runtime/net/address.ts";

/** A decision about a client, or about a bind of ingressd, that a policy makes. */
export interface DecisionRecord {
  readonly kind: "decision";
  readonly op: "accept" | "recheck" | "bind";
  /** UTC seconds. */
  readonly seconds: number;
  readonly allowed: boolean;
  readonly reason: string;
  readonly code: string;
  /** Whether rules made it: the others are refusals by caps, limits, blocks, or of what the gateway could not read. */
  readonly byRules: boolean;
  /** The place of the rule that decided; null where none did. */
  readonly at: string | null;
  readonly listener: string | null;
  readonly service: string | null;
  readonly proto: "tcp" | "udp";
  /** Null where the record has none, or one that can't be read. */
  readonly local: Endpoint | null;
  readonly source: Address | null;
  /** The load balancer that named the source. */
  readonly peer: Address | null;
  /** Null: the client sent none. Undefined: unknown. */
  readonly sni: string | null | undefined;
  /** The words of the certificate. Null: the client showed none. Undefined: unknown. */
  readonly client: string | null | undefined;
  /** Names of the certificate that the record does not have. */
  readonly clientMore: number;
  readonly backend: string | null;
  readonly subject: string | null;
  /** A deny refuses it, enforced or tried out by `dryrun`. */
  readonly byDeny: boolean;
}

export interface Endpoint {
  /** As the record has it. */
  readonly text: string;
  readonly address: Address;
  readonly port: number;
}

export type AuditLine =
  | DecisionRecord
  /** What no policy decides: a registration, a token, a policy file, a fault. */
  | { readonly kind: "stays"; readonly op: string }
  | { readonly kind: "end" }
  /** Not a record: a message between the records of standard error, or an empty line. */
  | { readonly kind: "message" }
  /** It begins as a record and is not one: a part of a line. */
  | { readonly kind: "torn" }
  /** A record of a release that this one does not know. */
  | { readonly kind: "foreign"; readonly what: string };

type Fields = Readonly<Record<string, unknown>>;

/** Operations about which policies decide nothing, or not in a way that a record shows. */
const STAYS: ReadonlySet<string> = new Set(["backend", "token", "register", "second_hello", "load", "fault"]);

/** Codes with which rules decide, or the lack of one. */
const BY_RULES: ReadonlySet<string> = new Set([
  "allowed",
  "not_exposed",
  "no_allow",
  "deny_rule",
  "no_match",
  "expired",
  "deny_name",
  "no_name",
  "bad_name",
  "deny_identity",
  "no_identity",
  "bad_identity",
  "no_expose",
  "no_certificate",
  "loopback_bind",
  "gateway_bind",
  "direct_bind",
  "dial_bind",
  "not_gateway",
]);

const BY_DENY: ReadonlySet<string> = new Set(["deny_rule", "deny_name", "deny_identity"]);

/** Codes of decisions before which the hello was read. */
const AFTER_HELLO: ReadonlySet<string> = new Set(["deny_name", "no_name", "deny_identity", "no_identity", "bad_identity", "no_expose", "no_certificate"]);

const MESSAGE: AuditLine = { kind: "message" };
const TORN: AuditLine = { kind: "torn" };
const END: AuditLine = { kind: "end" };

export function readAuditLine(line: string): AuditLine {
  if (line.charCodeAt(0) !== OPEN_BRACE) return MESSAGE;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return TORN;
  }
  return isFields(value) ? readFields(value) : TORN;
}

const OPEN_BRACE = 123;

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readFields(f: Fields): AuditLine {
  const { op } = f;
  const seconds = secondsOf(f["time"]);
  if (typeof op !== "string" || seconds === null) return { kind: "foreign", what: typeof op === "string" ? "its time can't be read" : "it has no `op`" };
  if (op === "close") return END;
  if (op === "accept" || op === "recheck" || op === "bind") return readDecision(f, op, seconds);
  return STAYS.has(op) ? { kind: "stays", op } : { kind: "foreign", what: "its `op` is not known" };
}

function readDecision(f: Fields, op: DecisionRecord["op"], seconds: number): AuditLine {
  const { decision, reason, code } = f;
  if ((decision !== "allow" && decision !== "deny") || typeof reason !== "string" || typeof code !== "string")
    return { kind: "foreign", what: "it has no decision" };
  const allowed = decision === "allow";
  // A recheck refuses by rules with one code, and has theirs in its detail.
  const ruled = code === "rechecked" && typeof f["detail"] === "string" ? f["detail"] : code;
  if (!allowed && !isKnownCode(ruled)) return { kind: "foreign", what: "its code is not known" };
  const clientMore = f["client_more"];
  return {
    kind: "decision",
    op,
    seconds,
    allowed,
    reason,
    code,
    byRules: allowed || BY_RULES.has(ruled),
    at: textOf(f["at"]),
    listener: textOf(f["listener"]),
    service: textOf(f["service"]),
    proto: f["proto"] === "udp" ? "udp" : "tcp",
    local: endpointOf(f["local"]),
    source: addressOf(f["source"]),
    peer: addressOf(f["peer"]),
    sni: op === "recheck" ? undefined : nameOf(f, code),
    client:
      typeof f["client"] === "string" ? f["client"]
      : code === "no_certificate" ? null
      : undefined,
    clientMore:
      clientMore === undefined ? 0
      : typeof clientMore === "number" && clientMore >= 0 ? clientMore
      : 1,
    backend: textOf(f["backend"]),
    subject: textOf(f["subject"]),
    byDeny: BY_DENY.has(ruled) || isShadowOfDeny(f["shadow"]),
  };
}

function isShadowOfDeny(shadow: unknown): boolean {
  return isFields(shadow) && shadow["decision"] === "deny" && typeof shadow["code"] === "string" && BY_DENY.has(shadow["code"]);
}

/** A name that was cut is unknown, and so is one that could not be read, of which `detail` speaks. */
function nameOf(f: Fields, code: string): string | null | undefined {
  const { sni } = f;
  if (typeof sni === "string") return Buffer.byteLength(sni) > MAX_NAME ? undefined : sni;
  if (sni !== undefined || f["detail"] !== undefined) return undefined;
  return AFTER_HELLO.has(code) || typeof f["client"] === "string" ? null : undefined;
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value.length < FIELD_BYTES ? value : null;
}

const KNOWN_CODES: ReadonlySet<string> = new Set(Object.values(CODES).map(({ name }) => name));

function isKnownCode(name: string): boolean {
  return KNOWN_CODES.has(name);
}

/** The last time up to its second, and what it is: records come in the order of their times. */
let lastText = "";
let lastSeconds = 0;

/** UTC seconds; null for anything but a time as ingressd writes it. */
function secondsOf(value: unknown): number | null {
  if (typeof value !== "string" || value.length !== 24) return null;
  const upToSecond = value.slice(0, 19);
  if (upToSecond === lastText && value.charCodeAt(23) === Z) return lastSeconds;
  const ms = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value) ? Date.parse(value) : Number.NaN;
  // To a policy 0 is a clock that is not known.
  if (Number.isNaN(ms) || ms < 1_000) return null;
  lastText = upToSecond;
  lastSeconds = Math.floor(ms / 1_000);
  return lastSeconds;
}

const Z = 90;

/** Listening sockets of one gateway are few. */
const MOST_LOCALS = 1_024;
const locals = new Map<string, Endpoint | null>();

function endpointOf(value: unknown): Endpoint | null {
  if (typeof value !== "string") return null;
  const known = locals.get(value);
  if (known !== undefined) return known;
  const address = addressOf(value);
  const port = value.slice(value.lastIndexOf(":") + 1);
  const read = address !== null && /^[1-9][0-9]{0,4}$/.test(port) && Number(port) <= 65_535 ? { text: value, address, port: Number(port) } : null;
  if (locals.size >= MOST_LOCALS) locals.clear();
  locals.set(value, read);
  return read;
}

/** Of `192.0.2.1:443`, or `[fe80::1%eth0]:443` without its zone. */
function addressOf(value: unknown): Address | null {
  if (typeof value !== "string") return null;
  const colon = value.lastIndexOf(":");
  if (colon < 0) return null;
  if (value.charCodeAt(0) !== OPEN_BRACKET) return parseAddress(value.slice(0, colon));
  const zone = value.indexOf("%");
  return value.charCodeAt(colon - 1) === CLOSE_BRACKET ? parseAddress(value.slice(1, zone > 0 && zone < colon ? zone : colon - 1)) : null;
}

const OPEN_BRACKET = 91;
const CLOSE_BRACKET = 93;
