// Words of a policy's identities as matchers of a certificate's alternative names, and back. A matcher fits a name as it is in the
// certificate, in every way in which a name has the canonical form of the word (runtime/net/name_forms.ts).
import { parseAddress } from "../../runtime/net/address.ts";
import { patternShape, type Part } from "../analysis/id_shapes.ts";
import type { Json } from "./envoy_parts.ts";
import { at, canonical } from "./json.ts";

const HEX = "0123456789ABCDEF";
const UNESCAPED = /[A-Za-z0-9._~-]/;

/** `%` and a byte that may be escaped there, as an expression. */
function escapes(isAllowed: (byte: number) => boolean): string {
  const rows = [...HEX].map((high, i) => ({ high, low: classOf([...HEX].filter((_, n) => isAllowed(16 * i + n)).join("")) }));
  const lows = [...new Set(rows.map(({ low }) => low))].filter((low) => low !== "");
  const parts = lows.map((low) => `${classOf(rows.flatMap((row) => (row.low === low ? [row.high] : [])).join(""))}${low}`);
  return `%(?:${parts.join("|")})`;
}

/** `0123F` as `[0-3F]`. */
function classOf(digits: string): string {
  const runs: string[] = [];
  for (const digit of digits) {
    const last = runs.at(-1);
    if (last !== undefined && HEX.includes(`${last}${digit}`)) runs[runs.length - 1] = `${last}${digit}`;
    else runs.push(digit);
  }
  const texts = runs.flatMap((run) => (run.length < 3 ? [run] : ranges(run)));
  return (
    digits.length === 0 ? ""
    : digits.length === 1 ? digits
    : `[${texts.join("")}]`
  );
}

/** Digits and letters are apart in ASCII. */
function ranges(run: string): readonly string[] {
  return [run.replace(/[A-F]/g, ""), run.replace(/[0-9]/g, "")].flatMap((part) =>
    part.length < 3 ? [part] : [`${part.charAt(0)}-${part.charAt(part.length - 1)}`],
  );
}

const mayBeEscaped = (byte: number): boolean => byte >= 0x20 && byte !== 0x7f && !UNESCAPED.test(String.fromCharCode(byte));
const SLASHES = [0x2f, 0x5c];

/** Expressions of the characters of one form of URI. `colon`: one without a host may have any. */
interface Characters {
  /** Of a part of the path, and the same without a dot. */
  readonly part: string;
  readonly notDot: string;
  /** A query, a fragment, or both. */
  readonly rest: string;
}

function characters(colon: string): Characters {
  const plain = `A-Za-z0-9_~!$&'()*+,;=@\\[\\]${colon}-`;
  const part = escapes((byte) => mayBeEscaped(byte) && !SLASHES.includes(byte));
  const end = `(?:[./${plain}]|${escapes(mayBeEscaped)})`;
  const any = `(?:[?#./${plain}]|${escapes(mayBeEscaped)})`;
  // Neither ends with `?` or `#`, nor begins with `?#`.
  return { part: `(?:[.${plain}]|${part})`, notDot: `(?:[${plain}]|${part})`, rest: `(?:\\?(?:${end}|(?:${end}|\\?)${any}*${end})|#${any}*${end})` };
}

const WITH_HOST = characters("");
const WITHOUT_HOST = characters(":");

function quoted(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

/** The scheme and the host in any case. */
function uriExpression(word: string): string | null {
  const { parts, deep } = patternShape(word);
  const texts = parts.map((part, i) => (i === 0 ? { ...part, text: part.text.slice("uri:".length) } : part));
  const hasHost = texts.length >= 3 && /^[a-z][a-z0-9+.-]*:$/.test(texts[0]?.text ?? "") && texts[1]?.text === "";
  const fixed = hasHost ? 3 : 1;
  if (texts.slice(0, fixed).some(({ open }) => open) && hasHost) return null;
  const own = hasHost ? WITH_HOST : WITHOUT_HOST;
  if (!hasHost) return withoutHost(texts, deep, own);
  const head = `(?i:${texts
    .slice(0, fixed)
    .map(({ text }) => quoted(text))
    .join("/")})`;
  return `${head}${pathExpression(texts.slice(fixed), deep, own)}`;
}

/** `urn:example:*`: the scheme ends at the first colon. */
function withoutHost(texts: readonly Part[], deep: boolean, own: Characters): string | null {
  const [first, ...others] = texts;
  const [, scheme = "", begin = ""] = /^([a-z][a-z0-9+.-]*:)([^]*)$/.exec(first?.text ?? "") ?? [];
  if (first === undefined || scheme === "") return null;
  const path = pathExpression([{ text: begin, open: first.open }, ...others], deep, own);
  return `(?i:${quoted(scheme)})${path.slice(1)}`;
}

function pathExpression(parts: readonly Part[], deep: boolean, own: Characters): string {
  const segment = `(?:${own.notDot}${own.part}*|\\.${own.notDot}${own.part}*|\\.\\.${own.part}+)`;
  const last = deep ? -1 : parts.length - 1;
  const texts = parts.map(({ text, open }, i) => {
    if (!open) return `/${quoted(text)}`;
    const more = openExpression(text, own, segment);
    // Behind the last part of a path there may be a query.
    return i === last ?
        `/${text === "" || text === "." || text === ".." ? `${more}${own.rest}?` : `(?:${more}${own.rest}?|${quoted(text)}${own.rest})`}`
      : `/${more}`;
  });
  return `${texts.join("")}${deep ? `(?:/${segment})+${own.rest}?` : ""}`;
}

/** At least one character more. */
function openExpression(text: string, { part, notDot }: Characters, segment: string): string {
  if (text === "") return segment;
  return text === "." ? `\\.(?:${notDot}${part}*|\\.${part}+)` : `${quoted(text)}${part}+`;
}

/** Null where the target has no such matcher. */
function matcherOf(word: string): Json | null {
  const [kind, name] = [word.slice(0, word.indexOf(":")), word.slice(word.indexOf(":") + 1)];
  const expression = (san_type: string, regex: string): Json => ({ san_type, matcher: { safe_regex: { regex } } });
  switch (kind) {
    // An exact matcher of Envoy takes `*.example.com` in a certificate for every name below.
    case "dns":
      return expression("DNS", `(?i:${quoted(name)})`);
    case "email": {
      const [local = "", host = ""] = name.split("@");
      return expression("EMAIL", `${quoted(local)}@(?i:${quoted(host)})`);
    }
    case "ip": {
      const address = parseAddress(name);
      // Programs write addresses that begin with 96 zero bits in two ways.
      const isOdd = address === null || (address[0] | address[1] | address[2]) === 0;
      return isOdd ? null : { san_type: "IP_ADDRESS", matcher: { exact: name } };
    }
    case "uri": {
      const regex = uriExpression(word);
      return regex === null ? null : expression("URI", regex);
    }
    default:
      return null;
  }
}

const HASH = "sha256:";

/** The fields of a validation context; a string is what the target lacks. */
export function clientFields(words: readonly string[] | null): Json | string {
  if (words === null) return {};
  const hashes = words.flatMap((word) => (word.startsWith(HASH) ? [word.slice(HASH.length)] : []));
  if (hashes.length === words.length) return { verify_certificate_hash: hashes };
  if (hashes.length > 0) return "it would require the hash of a certificate and a name, where the policy requires one of them";
  const matchers = words.map((word) => matcherOf(word));
  const odd = words.find((_, i) => matchers[i] === null);
  return odd === undefined ? { match_typed_subject_alt_names: matchers } : `it has no matcher for \`${odd}\``;
}

/** The words of such fields; `known` are candidates. Null where the fields have another form. */
export function wordsOfFields(fields: Json, known: readonly string[]): readonly string[] | null {
  const { match_typed_subject_alt_names: names, verify_certificate_hash: hashes } = fields;
  if (Array.isArray(hashes) && names === undefined && hashes.every((hash) => typeof hash === "string" && /^[0-9a-f]{64}$/.test(hash)))
    return hashes.map((hash) => `${HASH}${String(hash)}`);
  if (!Array.isArray(names) || hashes !== undefined || names.length === 0) return null;
  const own = new Map(known.flatMap((word) => (word.startsWith(HASH) ? [] : [[canonical(matcherOf(word)), word] as const])));
  const words = names.map((name) => own.get(canonical(name)) ?? simpleWord(name));
  return words.every((word) => word !== null) ? words : null;
}

/** Of a name without patterns. */
function simpleWord(name: unknown): string | null {
  const [type, regex, exact] = [at(name, "san_type"), at(name, "matcher", "safe_regex", "regex"), at(name, "matcher", "exact")];
  const tried =
    type === "IP_ADDRESS" && typeof exact === "string" ? `ip:${exact}`
    : typeof regex !== "string" ? null
    : type === "DNS" ? `dns:${unquoted(regex)}`
    : type === "EMAIL" ? `email:${unquoted(regex)}`
    : type === "URI" ? `uri:${unquoted(regex)}`
    : null;
  return tried !== null && canonical(matcherOf(tried)) === canonical(name) ? tried : null;
}

function unquoted(regex: string): string {
  return regex.replace(/\(\?i:((?:[^()\\]|\\.)*)\)/g, "$1").replace(/\\([^A-Za-z0-9])/g, "$1");
}
