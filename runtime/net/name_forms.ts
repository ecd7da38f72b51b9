// The canonical form of each typed name of a certificate, or null for a name that has none. OpenSSL compares
// names with an authority's name constraints before this code runs, byte by byte and without normal forms.
// `jump.example.`, an IPv4 address in sixteen bytes, `https://user@jump.example/` or `https://jump.example/a:b` pass
// an exclusion of `jump.example`. A name that OpenSSL could misread is therefore ignored. The same rules apply to
// names in policies, so that no policy requires a name that no certificate can have.

const MOST_DNS_BYTES = 253;
const MOST_LABEL_BYTES = 63;
const MOST_PORT = 65_535;

/** In lower case. A `*` is kept as a plain character, which no policy pattern can match. */
export function dnsName(text: string): string | null {
  return /^[A-Za-z0-9_.*-]+$/.test(text) && hasLabels(text) ? text.toLowerCase() : null;
}

/** The part before the `@` unchanged (RFC 5321 lets its host decide on case) and without quotes; the host in lower case. */
export function emailName(text: string): string | null {
  const [, local = "", host = ""] = /^([^@]+)@([^@]+)$/.exec(text) ?? [];
  const plain = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/.test(local);
  return plain && isHost(host) ? `${local}@${host.toLowerCase()}` : null;
}

/**
 * Scheme and host in lower case, the rest unchanged. A URI that RFC 3986 (section 6) would normalize further has
 * no canonical form here: `.` and `..`, empty segments, a trailing slash, unnecessary `%` escapes.
 */
export function uriName(text: string): string | null {
  const [whole, scheme = "", authority, path = "", rest = ""] = /^([A-Za-z][A-Za-z0-9+.-]*):(?:\/\/([^/?#]*))?([^?#]*)((?:[?#][^]*)?)$/.exec(text) ?? [];
  if (whole === undefined || /[^!-~]|["<>\\^`{|}]/.test(text) || !isEscapedPlainly(text)) return null;
  // Programs that unescape first would read an escaped slash as a slash.
  const segments = path.split("/").slice(path.startsWith("/") ? 1 : 0);
  if (path !== "" && segments.some((segment) => segment === "" || segment === "." || segment === ".." || /%(?:2F|5C)/.test(segment))) return null;
  if (/[?#]$|^\?#/.test(rest)) return null;
  if (authority === undefined) return path === "" ? null : `${scheme.toLowerCase()}:${path}${rest}`;
  const [, host = "", port] = /^([^:]*)(?::([1-9][0-9]{0,4}))?$/.exec(authority) ?? [];
  const nowhere = authority === "" && scheme.toLowerCase() === "file";
  if ((!isHost(host) && !nowhere) || Number(port ?? 0) > MOST_PORT) return null;
  // The verifier reads everything up to the first `:` or `/` after the `//` as the host.
  if (`${path}${rest}`.includes(":") || (path === "" && rest !== "")) return null;
  return `${scheme.toLowerCase()}://${authority.toLowerCase()}${path}${rest}`;
}

/** A DNS name, or an IPv4 address in canonical form; no address in brackets. */
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

/** Whether every `%` has two capital hexadecimal digits and escapes a byte that needs it and is not a control byte. */
function isEscapedPlainly(text: string): boolean {
  return [...text.matchAll(/%(.{0,2})/g)].every(([, digits = ""]) => {
    if (!/^[0-9A-F]{2}$/.test(digits)) return false;
    const byte = Number.parseInt(digits, 16);
    return byte >= 0x20 && byte !== 0x7f && !/[A-Za-z0-9._~-]/.test(String.fromCharCode(byte));
  });
}
