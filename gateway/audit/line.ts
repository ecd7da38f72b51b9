// One decision as one line of JSON. Bytes from outside can neither end the line nor reach a
// terminal as control bytes, and no field but `client` is longer than FIELD_BYTES.
import type { Code } from "../../runtime/abi/names.ts";
import type { Decision, Shadow } from "../../runtime/host/decision.ts";

export const FIELD_BYTES = 256;

export interface AuditFacts {
  /** The operation that was decided. */
  readonly op: "accept" | "backend" | "bind" | "token" | "register" | "recheck" | "second_hello" | "load" | "fault";
  readonly decision: Decision;
  /** Generation of the policy that decided; 0 before the first. */
  readonly generation: number;
  /** Listener (expose) and service names of the policy. */
  readonly listener?: string | undefined;
  readonly service?: string | undefined;
  /** Only udp is recorded: a record without it is about tcp, or about no port. */
  readonly proto?: "tcp" | "udp" | undefined;
  /** The caller that requested a bind or a register. */
  readonly subject?: string | undefined;
  /** Local address and port, `host:port`, or the policy's path of a `load`; absent where a message named none. */
  readonly local?: string | undefined;
  /** The peer, `host:port`; absent where it is unknown. */
  readonly source?: string | undefined;
  /** The peer that named `source` in its PROXY header, or could have, `host:port`, and the address and port that it says its client connected to. */
  readonly peer?: string | undefined;
  readonly destination?: string | undefined;
  /** The name that a client requested, canonical. */
  readonly sni?: string | undefined;
  /** The words of the client's verified certificate, with blanks between, as admit/client_words.ts bounds them: never cut in one. */
  readonly client?: string | undefined;
  /** How many words are left out of `client`. */
  readonly client_more?: number | undefined;
  /** The verdict of the rules with every dryrun rule enforced; null where there is none. */
  readonly shadow?: Shadow | null | undefined;
  /** Of an allow: the code with which the first dryrun cap or limit would have refused it; none where none would. */
  readonly would?: Code | undefined;
  readonly backend?: string | undefined;
  /** The connection's number; numbers are used again after an end. */
  readonly connection?: number | undefined;
  /** Free words for people, for example why a register was refused. */
  readonly detail?: string | undefined;
  /** Refusals of registrations and messages since the last record of one that have no record of their own. */
  readonly unrecorded?: number | undefined;
}

/** Name and place of the rule that decides. */
export interface RuleWords {
  readonly rule?: string | undefined;
  readonly at?: string | undefined;
}

const NO_WORDS: RuleWords = {};

/**
 * One call makes the line of every refusal, so it is put together from its parts, and not by JSON.stringify of a whole
 * object. The parts that most records of a batch have in common are made once.
 */
export function auditLine(facts: AuditFacts, wallMs: number, words: RuleWords = NO_WORDS): string {
  const { shadow } = facts;
  let json = beginning(facts, wallMs, words) + text("source", facts.source) + peerOf(facts) + text("sni", facts.sni);
  if (facts.client !== undefined) json += jsonOf("client", facts.client) + number("client_more", facts.client_more);
  if (shadow) json += `,"shadow":${JSON.stringify(shadowJson(shadow))}`;
  if (facts.would !== undefined) json += `,"would":"${facts.would}"`;
  if (facts.backend !== undefined) json += backend(facts.backend);
  if (facts.connection !== undefined) json += `,"connection":${facts.connection}`;
  json += text("detail", facts.detail) + number("unrecorded", facts.unrecorded);
  return `${json}}\n`;
}

/** Nothing for most records. */
export function peerOf({ peer, destination }: Pick<AuditFacts, "peer" | "destination">): string {
  return peer === undefined ? "" : text("peer", peer) + text("destination", destination);
}

/** The last beginning of a line, and what it was made of. */
let begun = "";
let begunMs = Number.NaN;
let begunFacts: AuditFacts | null = null;
let begunWords = NO_WORDS;

/** The fields up to `local`. */
function beginning(facts: AuditFacts, wallMs: number, words: RuleWords): string {
  if (wallMs === begunMs && begunFacts !== null && words.rule === begunWords.rule && words.at === begunWords.at && beginAlike(facts, begunFacts)) return begun;
  const { decision } = facts;
  let json = `{"time":"${timeOf(wallMs)}","generation":${facts.generation},"op":"${facts.op}"`;
  json += decision.allowed ? `,"decision":"allow","reason":"none"` : `,"decision":"deny","reason":"${decision.reason}"`;
  json += `,"code":"${decision.code}"`;
  if (decision.rule >= 0) json += `,"rule_id":${decision.rule}`;
  json += text("rule", words.rule) + text("at", words.at) + text("listener", facts.listener) + text("service", facts.service);
  json += text("subject", facts.subject);
  if (facts.proto === "udp") json += `,"proto":"udp"`;
  json += text("local", facts.local);
  [begun, begunMs, begunFacts, begunWords] = [json, wallMs, facts, words];
  return json;
}

/** Whether the fields up to `local` are the same, but for the rule's words and the time. */
function beginAlike(a: AuditFacts, b: AuditFacts): boolean {
  const [x, y] = [a.decision, b.decision];
  const decidedAlike = x === y || (x.allowed === y.allowed && x.code === y.code && x.rule === y.rule && (x.allowed || y.allowed || x.reason === y.reason));
  return (
    decidedAlike &&
    a.local === b.local &&
    a.listener === b.listener &&
    a.service === b.service &&
    a.generation === b.generation &&
    a.op === b.op &&
    a.proto === b.proto &&
    a.subject === b.subject
  );
}

const backend = last("backend");

/** A field whose value is mostly that of the record before. */
export function last(key: string): (value: string | undefined) => string {
  let [known, json]: [string | undefined, string] = [undefined, ""];
  return (value) => {
    if (value !== known) [known, json] = [value, text(key, value)];
    return json;
  };
}

/** Records of one batch have one time. */
let lastMs = Number.NaN;
let lastTime = "";
export function timeOf(wallMs: number): string {
  if (wallMs === lastMs) return lastTime;
  lastTime = new Date(wallMs).toISOString();
  lastMs = wallMs;
  return lastTime;
}

/** Needs no escape in JSON. */
const PLAIN = /^[ !#-[\]-~]*$/;

export function text(key: string, value: string | undefined): string {
  return value === undefined ? "" : jsonOf(key, field(value));
}

function jsonOf(key: string, value: string): string {
  return PLAIN.test(value) ? `,"${key}":"${value}"` : `,"${key}":${escapeControl(JSON.stringify(value))}`;
}

export function number(key: string, value: number | undefined): string {
  return value === undefined ? "" : `,"${key}":${value}`;
}

function shadowJson({ verdict, reason, code, rule }: Shadow): object {
  return { decision: verdict, reason, code, ...(rule >= 0 && { rule_id: rule }) };
}

/** At most FIELD_BYTES bytes of UTF-8, cut between characters. */
export function field(text: string): string {
  // A UTF-16 unit takes at most three bytes of UTF-8.
  if (text.length * 3 <= FIELD_BYTES) return text;
  const bytes = Buffer.from(text, "utf8");
  if (bytes.length <= FIELD_BYTES) return text;
  let end = FIELD_BYTES;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.toString("utf8", 0, end);
}

/** JSON.stringify keeps DEL, the C1 controls and the line separators as they are. */
function escapeControl(json: string): string {
  return json.replace(/[\u007f-\u009f\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
