// The only parser of address text, for policies, lists, configuration, messages and kernel output. Nothing
// else accepts the forms that it refuses (leading zeros, missing octets, hexadecimal octets, zones). It
// allocates no objects, because lists have millions of addresses.

const DOT = 46;
const COLON = 58;

/** Four decimal numbers without leading zeros, into the first four words of `bounds`. */
export function scanV4(text: string, start: number, end: number, bounds: Uint32Array): boolean {
  let bits = 0;
  let octet = -1;
  let dots = 0;
  for (let i = start; i < end; i++) {
    const c = text.charCodeAt(i);
    if (c === DOT) {
      if (octet < 0 || ++dots > 3) return false;
      bits = (bits << 8) | octet;
      octet = -1;
    } else if (c >= 48 && c <= 57 && octet !== 0) {
      octet = octet < 0 ? c - 48 : octet * 10 + c - 48;
      if (octet > 255) return false;
    } else return false;
  }
  if (dots !== 3 || octet < 0) return false;
  bounds[0] = 0;
  bounds[1] = 0;
  bounds[2] = 0xffff;
  bounds[3] = (bits << 8) | octet;
  return true;
}

const groups = new Uint16Array(8);

/**
 * Groups of up to four digits, at most one `::` in place of one group or more, and perhaps an IPv4
 * address in place of the last two groups; into the first four words of `bounds`.
 */
export function scanV6(text: string, start: number, end: number, bounds: Uint32Array): boolean {
  let n = 0;
  let gap = -1;
  let at = start;
  if (text.charCodeAt(at) === COLON) {
    if (end - at < 2 || text.charCodeAt(at + 1) !== COLON) return false;
    gap = 0;
    at += 2;
  }
  while (at < end) {
    let value = 0;
    const from = at;
    for (; at < end && at - from < 5; at++) {
      const digit = hex(text.charCodeAt(at));
      if (digit < 0) break;
      value = (value << 4) | digit;
    }
    if (text.charCodeAt(at) === DOT && at < end) {
      if (n > 6 || !scanV4(text, from, end, bounds)) return false;
      const v4 = bounds[3] ?? 0;
      groups[n++] = v4 >>> 16;
      groups[n++] = v4 & 0xffff;
      break;
    }
    if (at === from || at - from > 4 || n === 8) return false;
    groups[n++] = value;
    if (at === end) break;
    if (text.charCodeAt(at) !== COLON || ++at === end) return false;
    if (text.charCodeAt(at) === COLON) {
      if (gap >= 0) return false;
      gap = n;
      at++;
    }
  }
  if (gap < 0 ? n !== 8 : n > 7) return false;
  const skipped = 8 - n;
  for (let w = 0; w < 4; w++) bounds[w] = (group(2 * w, gap, skipped) << 16) | group(2 * w + 1, gap, skipped);
  return true;
}

/** Group `i` of eight, where `::` replaces `skipped` groups at `gap`. */
function group(i: number, gap: number, skipped: number): number {
  if (gap < 0 || i < gap) return groups[i] ?? 0;
  return i < gap + skipped ? 0 : (groups[i - skipped] ?? 0);
}

function hex(c: number): number {
  if (c >= 48 && c <= 57) return c - 48;
  const letter = c | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}
