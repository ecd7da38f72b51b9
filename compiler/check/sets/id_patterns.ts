// Patterns of client identities: a typed name as in a certificate, where in a `uri` one
// segment of the path may end in `*` (the rest of that segment, at least one character) and the
// last may be `**` (one segment or more). Compared byte by byte in their canonical form.
import { formatAddress } from "../../../runtime/net/address.ts";
import { uriName } from "../../../runtime/net/name_forms.ts";
import { MAX_ID_BYTES } from "../../source/bounds.ts";
import type { StarFault, UriFault } from "../../diagnostics/literal_words.ts";
import { readHostName } from "../names/host_names.ts";
import { readAddress } from "../names/literals.ts";
import type { IdPattern } from "../../policy/policy.ts";
import { literalProblem, refused, type Problem } from "../../diagnostics/report.ts";
import { ok, type Failed, type Result } from "../../../runtime/result/result.ts";

export type IdType = "uri" | "dns" | "ip" | "sha256";

export interface Segment {
  readonly text: string;
  /** The segment begins so and continues. */
  readonly open: boolean;
}

export interface ReadId {
  readonly type: IdType;
  /** All but the path of a uri. */
  readonly head: string;
  /** INVARIANT: at most one is open, and none where the pattern is deep. */
  readonly segments: readonly Segment[];
  /** One more segment or several follow. */
  readonly deep: boolean;
}

export function readId(type: IdType, text: string): Result<ReadId, Problem> {
  if (text.length > MAX_ID_BYTES) return refused("ING317", { literal: text, fault: "too_long", most: MAX_ID_BYTES });
  if (type === "uri") return readUri(text);
  if (text.includes("*")) return refused("ING316", { literal: text, of: "identity", fault: "not_a_uri", type });
  const head =
    type === "dns" ? readHostName(text)
    : type === "ip" ? readIp(text)
    : readHash(text);
  if (head.ok) return ok({ type, head: head.value, segments: [], deep: false });
  return head.error.code === "ING317" ? head : refused("ING317", { literal: text, fault: "part", of: literalProblem(head.error) }, head.error.replace);
}

function readIp(text: string): Result<string, Problem> {
  const address = readAddress(text);
  return address.ok ? ok(formatAddress(address.value)) : address;
}

function readHash(text: string): Result<string, Problem> {
  const plain = text.toLowerCase().replace(/[: ]/g, "");
  if (/^[0-9a-f]{64}$/.test(plain)) {
    if (plain.length === text.length) return ok(plain);
    return refused("ING317", { literal: text, fault: "sha256_form" }, plain);
  }
  return refused("ING317", { literal: text, fault: "sha256" });
}

function readUri(text: string): Result<ReadId, Problem> {
  const no = (fault: UriFault): Failed<Problem> => refused("ING317", { literal: text, fault });
  const parts = /^([A-Za-z][A-Za-z0-9+.-]*):(?:\/\/([^/?#]*))?([^?#]*)([?#][^]*)?$/.exec(text);
  if (parts === null) return no("uri");
  const [, scheme = "", authority, path = "", rest = ""] = parts;
  if (/[^!-~]|["<>\\^`{|}]/.test(text)) return no("uri_character");
  if (/%(?![0-9A-Fa-f]{2})/.test(text)) return no("uri_percent");
  if (authority === "" && scheme.toLowerCase() !== "file") return no("uri_authority");
  if (authority === undefined && path === "") return no("uri");
  const star = (fault: StarFault): Failed<Problem> => refused("ING316", { literal: text, of: "identity", fault });
  if (`${scheme}${authority ?? ""}${rest}`.includes("*")) return star("outside_path");
  if (authority === undefined && path.includes("*") && !path.includes("/")) return star("no_path");
  const segments = path.split("/").map((s) => ({ text: s.endsWith("*") && s !== "**" ? s.slice(0, -1) : s, open: s.endsWith("*") && s !== "**" }));
  const deep = segments.length > 1 && segments.at(-1)?.text === "**";
  if (deep) segments.pop();
  if (segments.some((s) => s.text.includes("*"))) return star("inside_segment");
  if (segments.filter((s) => s.open).length + (deep ? 1 : 0) > 1) return star("two_open");
  if (rest !== "" && (deep || segments.some((s) => s.open))) return star("behind_open");
  const last = segments.at(-1);
  if (rest !== "" && last !== undefined) segments[segments.length - 1] = { text: `${last.text}${rest}`, open: false };
  // A `*` is at least one character, `**` at least one segment.
  if (uriName(text.replace(/\*\*?/g, "x")) === null) {
    return no("uri_not_in_certificate");
  }
  const head = `${scheme.toLowerCase()}:${authority === undefined ? "" : `//${authority.toLowerCase()}`}`;
  return ok({ type: "uri", head, segments, deep });
}

/** `uri:spiffe://corp.example/ops/*` */
export function idWord({ type, head, segments, deep }: ReadId): string {
  const path = segments.map((s) => `${s.text}${s.open ? "*" : ""}`).join("/");
  return `${type}:${head}${path}${deep ? "/**" : ""}`;
}

/** The same as the module looks for it. */
export function idParts({ type, head, segments, deep }: ReadId): IdPattern {
  const [first = { text: "", open: false }, ...rest] = segments;
  const before = `${type}:${head}`.split("/");
  const last = before.pop() ?? "";
  return { parts: [...before.map((text) => ({ text, open: false })), { text: `${last}${first.text}`, open: first.open }, ...rest], deep };
}

/** Whether every identity of `b` is one of `a`. */
export function coversId(a: ReadId, b: ReadId): boolean {
  if (a.type !== b.type || a.head !== b.head) return false;
  if (a.deep ? b.segments.length + (b.deep ? 1 : 0) <= a.segments.length : b.deep || b.segments.length !== a.segments.length) return false;
  return a.segments.every((s, i) => {
    const other = b.segments[i];
    if (other === undefined) return false;
    if (!s.open) return !other.open && other.text === s.text;
    return other.text.startsWith(s.text) && (other.open || other.text.length > s.text.length);
  });
}

/** The identities that are of both patterns: again one pattern, or none at all. */
export function sharedId(a: ReadId, b: ReadId): ReadId | null {
  if (a.type !== b.type || a.head !== b.head) return null;
  const [short, long] = a.segments.length <= b.segments.length ? [a, b] : [b, a];
  if (short.segments.length < long.segments.length ? !short.deep : short.deep !== long.deep) return null;
  const segments: Segment[] = [];
  for (const [i, segment] of long.segments.entries()) {
    const other = short.segments[i];
    const shared = other === undefined ? segment : sharedSegment(segment, other);
    if (shared === null) return null;
    segments.push(shared);
  }
  return { ...long, segments };
}

function sharedSegment(a: Segment, b: Segment): Segment | null {
  const [short, long] = a.text.length < b.text.length || (a.text.length === b.text.length && a.open) ? [a, b] : [b, a];
  if (!short.open) return !long.open && short.text === long.text ? long : null;
  // An open segment continues by at least one character.
  return long.text.startsWith(short.text) && (long.open || long.text.length > short.text.length) ? long : null;
}

/** More than the segments, and more than the characters, of any identity. */
const NARROW = 2 * MAX_ID_BYTES;

/** A pattern that includes all of another one has a lower number. */
export function narrowness({ segments, deep }: ReadId): number {
  if (deep) return segments.length;
  const open = segments.find((segment) => segment.open);
  return open === undefined ? 2 * NARROW : NARROW + open.text.length;
}
