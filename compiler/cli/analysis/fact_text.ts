// The facts of a listener beside its rules, in words: backends, load balancers, caps, limits and certificates as a policy
// writes them. A value that this release does not know is shown as JSON.
import { ANY } from "../../check/sets/builtin_nets.ts";
import { equal, subtract } from "../../check/sets/intervals.ts";
import { listText, sourcesText } from "../../wording/sources_text.ts";
import { NEW_BUDGETS } from "../../analysis/facts.ts";
import type { Side } from "./side.ts";

const MOST_RANGES = 8;
type Fields = Readonly<Record<string, unknown>>;

export function factText(what: string, value: unknown, side: Side): string {
  if (value === null || value === undefined) return "none";
  return known(what, value, side) ?? codeText(typeof value === "string" ? value : JSON.stringify(value));
}

/** Null where it has another form than this release writes. */
function known(what: string, value: unknown, side: Side): string | null {
  switch (what) {
    case "backend":
      return backendText(value);
    case "via":
      return typeof value === "string" ? netText(value, side) : null;
    case "cap":
      return capText(value, side);
    case "limits":
    case NEW_BUDGETS:
      return limitsText(value, side);
    case "dryrun":
      return dryrunText(value, side);
    case "cert":
    case "alpn":
      return isTexts(value) ? listText(value.map(codeText)) : null;
    case "amplify":
      return typeof value === "number" ? String(value) : null;
    default:
      return null;
  }
}

/** `127.0.0.1:8080, unix "/run/web.sock" proxy v2` */
export function backendText(value: unknown): string | null {
  if (!isFields(value)) return null;
  const { proxy, backends, ...one } = value;
  const targets = Array.isArray(backends) ? (backends as readonly unknown[]) : [one];
  if (Array.isArray(backends) && Object.keys(one).length > 0) return null;
  const texts = targets.map(targetText);
  if (texts.some((text) => text === null) || (proxy !== undefined && typeof proxy !== "string")) return null;
  return `${texts.join(", ")}${proxy === undefined ? "" : ` proxy ${proxy}`}`;
}

function targetText(target: unknown): string | null {
  if (!isFields(target)) return null;
  const { host, remote, port, unix, ...other } = target;
  if (Object.keys(other).length > 0 || Object.keys(target).length !== (unix === undefined ? 2 : 1)) return null;
  if (typeof unix === "string") return codeText(`unix "${unix}"`);
  const address = host ?? remote;
  if (typeof address !== "string" || typeof port !== "number") return null;
  return `${remote === undefined ? "" : "remote "}${address.includes(":") ? `[${address}]` : address}:${port}`;
}

/** `100 connections, 10 per source /32 /64 from office, 5 per identity` */
function capText(value: unknown, side: Side): string | null {
  if (!isFields(value)) return null;
  // A `dryrun` cap may have no number for all connections.
  const { connections = null, perSource = null, perIdentity = null, ...other } = value;
  if ((connections !== null && typeof connections !== "number") || Object.keys(other).length > 0) return null;
  const sources = Array.isArray(perSource) ? (perSource as readonly unknown[]) : [perSource].filter((one) => one !== null);
  const texts = sources.map((one) => {
    if (!isFields(one)) return null;
    const { connections: each, ...key } = one;
    const of = sourceText(key, side);
    return typeof each !== "number" || of === null ? null : `${each} ${of}`;
  });
  if (texts.some((text) => text === null) || (perIdentity !== null && typeof perIdentity !== "number")) return null;
  return [...(connections === null ? [] : [`${connections} connections`]), ...texts, ...(perIdentity === null ? [] : [`${perIdentity} per identity`])].join(
    ", ",
  );
}

/** `cap 20 per source /32 /64, limit 10/s burst 20 per listener` */
function dryrunText(value: unknown, side: Side): string | null {
  if (!isFields(value)) return null;
  const { cap = null, limits = null, ...other } = value;
  const texts = [cap === null ? "" : capText(cap, side), limits === null ? "" : limitsText(limits, side)];
  const [caps, rates] = texts;
  if (texts.includes(null) || Object.keys(other).length > 0) return null;
  return [...(caps ? [`cap ${caps}`] : []), ...(rates ? [`limit ${rates}`] : [])].join(", ");
}

/** `10/s burst 20 per source /32 /64, 200/s burst 200 per listener` */
function limitsText(value: unknown, side: Side): string | null {
  if (!Array.isArray(value)) return null;
  if (value.length === 0) return "none";
  const texts = (value as readonly unknown[]).map((limit) => {
    if (!isFields(limit)) return null;
    const { count, periodMs, burst, key, ...other } = limit;
    if (typeof count !== "number" || typeof periodMs !== "number" || typeof burst !== "number" || !isFields(key) || Object.keys(other).length > 0) return null;
    const per = keyText(key, side);
    return per === null ? null : `${count}/${windowText(periodMs)} burst ${burst} ${per}`;
  });
  return texts.some((text) => text === null) ? null : texts.join(", ");
}

function keyText(key: Fields, side: Side): string | null {
  const { kind, ...rest } = key;
  if (kind === "source") return sourceText(rest, side);
  return (kind === "listener" || kind === "identity") && Object.keys(rest).length === 0 ? `per ${kind}` : null;
}

function sourceText({ v4, v6, from = null, ...other }: Fields, side: Side): string | null {
  if (typeof v4 !== "number" || typeof v6 !== "number" || Object.keys(other).length > 0) return null;
  const text = `per source /${v4} /${v6}`;
  if (from === null) return text;
  return typeof from === "string" ? `${text} from ${netText(from, side)}` : null;
}

/** By the name of a declared net that is the same, or all other addresses; else by prefixes. */
function netText(key: string, { model, nets }: Side): string {
  const set = model.net(key);
  const others = subtract(ANY, set);
  const same = nets.filter((net) => equal(net.set, set) || equal(net.set, others));
  const { parts, more } = sourcesText(set, same, MOST_RANGES);
  return listText(parts, more);
}

/** Units of a window, the longest first. */
const UNITS: readonly (readonly [unit: string, ms: number])[] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
];

/** `s`, `30s`, `d` */
function windowText(ms: number): string {
  const [unit, size] = UNITS.find(([, each]) => ms % each === 0) ?? ["ms", 1];
  return ms === size ? unit : `${ms / size}${unit}`;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

/** An author's text between marks, which it can't end. */
export function codeText(text: string): string {
  return `\`${text.replaceAll("`", "'")}\``;
}
