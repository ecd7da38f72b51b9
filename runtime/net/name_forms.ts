// The one form of each typed name of a certificate; null for what has none. OpenSSL compares names with an
// authority's name constraints before anything is read here, byte by byte and without normal forms:
// `jump.example.`, an IPv4 address in sixteen bytes, `https://user@jump.example/` or `https://jump.example/a:b` pass an
// exclusion of `jump.example`. A name that it could misread is therefore no name. Policies are held to the same, so
// that none asks for what no certificate can have.

const MOST_DNS_BYTES = 253;
const MOST_LABEL_BYTES = 63;
const MOST_PORT = 65_535;

/** In lower case. A `*` stays a letter that no pattern of a policy has. */
export function dnsName(text: string): string | null {
  return /^[A-Za-z0-9_.*-]+$/.test(text) && hasLabels(text) ? text.toLowerCase() : null;
}

/** The part before the `@` as it is (RFC 5321 leaves its case to its host), without quotes; the host in lower case. */
export function emailName(text: string): string | null {
  const [, local = "", host = ""] = /^([^@]+)@([^@]+)$/.exec(text) ?? [];
  const plain = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/.test(local);
  return plain && isHost(host) ? `${local}@${host.toLowerCase()}` : null;
}

/**
 * Scheme and host in lower case, the rest as it is. What RFC 3986 (section 6) counts as another spelling of
 * the same URI is none: `.` and `..`, empty segments, a trailing slash, bytes in `%` that need none.
 */
export function uriName(text: string): string | null {
  const [whole, scheme = "", authority, path = "", rest = ""] = /^([A-Za-z][A-Za-z0-9+.-]*):(?:\/\/([^/?#]*))?([^?#]*)((?:[?#][^]*)?)$/.exec(text) ?? [];
  if (whole === undefined || /[^!-~]|["<>\\^`{|}]/.test(text) || !isEscapedPlainly(text)) return null;
  // An escaped slash is one to programs that unescape first.
  const segments = path.split("/").slice(path.startsWith("/") ? 1 : 0);
  if (path !== "" && segments.some((segment) => segment === "" || segment === "." || segment === ".." || /%(?:2F|5C)/.test(segment))) return null;
  if (/[?#]$|^\?#/.test(rest)) return null;
  if (authority === undefined) return path === "" ? null : `${scheme.toLowerCase()}:${path}${rest}`;
  const [, host = "", port] = /^([^:]*)(?::([1-9][0-9]{0,4}))?$/.exec(authority) ?? [];
  const nowhere = authority === "" && scheme.toLowerCase() === "file";
  if ((!isHost(host) && !nowhere) || Number(port ?? 0) > MOST_PORT) return null;
  // The verifier takes all before the first `:` or `/` behind the `//` for the host.
  if (`${path}${rest}`.includes(":") || (path === "" && rest !== "")) return null;
  return `${scheme.toLowerCase()}://${authority.toLowerCase()}${path}${rest}`;
}

/** A DNS name, or an IPv4 address in its one form; no address in brackets. */
function isHost(text: string): boolean {
  if (!/^[A-Za-z0-9_.-]+$/.test(text) || !hasLabels(text)) return false;
  const labels = text.split(".");
  if (!/^(?:[0-9]+|0[xX][0-9A-Fa-f]*)$/.test(labels.at(-1) ?? "")) return true;
  return labels.length === 4 && labels.every((label) => /^(?:0|[1-9][0-9]{0,2})$/.test(label) && Number(label) <= 255);
}

/** INVARIANT: no empty label, so no dot at either end. */
function hasLabels(name: string): boolean {
  return name.length <= MOST_DNS_BYTES && name.split(".").every(({ length }) => length >= 1 && length <= MOST_LABEL_BYTES);
}

/** `%` only with two capital hexadecimal digits, and only for what can't be written as it is and isn't a control byte. */
function isEscapedPlainly(text: string): boolean {
  return [...text.matchAll(/%(.{0,2})/g)].every(([, digits = ""]) => {
    if (!/^[0-9A-F]{2}$/.test(digits)) return false;
    const byte = Number.parseInt(digits, 16);
    return byte >= 0x20 && byte !== 0x7f && !/[A-Za-z0-9._~-]/.test(String.fromCharCode(byte));
  });
}
