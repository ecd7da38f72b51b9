// Prefixes as nearly everybody writes them, read where they stand in a text and without an object
// each: lists have millions. What it takes, literals.ts reads alike; all else it leaves to that,
// which knows what to say.

const SLASH = 47;
const COLON = 58;

/**
 * Reads `text` from `start` to `end` as `10.0.0.0/8`, `2001:db8::/32` or an address. Writes eight
 * words into `bounds`, as in a set. The family, or 0 for anything else; IPv4 within IPv6 is that.
 */
export function scanPrefix(text: string, start: number, end: number, bounds: Uint32Array): 0 | 4 | 6 {
  const slash = text.charCodeAt(end - 2) === SLASH ? end - 2 : text.charCodeAt(end - 3) === SLASH ? end - 3 : end - 4;
  const whole = slash < start || text.charCodeAt(slash) !== SLASH;
  const stop = whole ? end : slash;
  const length = whole ? -1 : scanLength(text, slash + 1, end);
  if (!whole && length < 0) return 0;
  if (scanV4(text, start, stop, bounds)) return length <= 32 && fill(bounds, whole ? 128 : 96 + length) ? 4 : 0;
  if (!scanV6(text, start, stop, bounds)) return 0;
  if (bounds[0] === 0 && bounds[1] === 0 && bounds[2] === 0xffff) return 0;
  return length <= 128 && fill(bounds, whole ? 128 : length) ? 6 : 0;
}

/** One to three digits without leading zeros, or -1. */
function scanLength(text: string, start: number, end: number): number {
  let length = 0;
  for (let i = start; i < end; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9 || (digit === 0 && length === 0 && end > i + 1)) return -1;
    length = length * 10 + digit;
  }
  return end > start ? length : -1;
}

/** Writes the last address of the prefix behind its first; false if that has bits behind `length`. */
function fill(bounds: Uint32Array, length: number): boolean {
  for (let w = 0; w < 4; w++) {
    const kept = length - 32 * w;
    const host = kept <= 0 ? 0xffffffff : kept >= 32 ? 0 : 0xffffffff >>> kept;
    const first = bounds[w] ?? 0;
    if ((first & host) !== 0) return false;
    bounds[4 + w] = first | host;
  }
  return true;
}

function scanV4(text: string, start: number, end: number, bounds: Uint32Array): boolean {
  let bits = 0;
  let octet = -1;
  let dots = 0;
  for (let i = start; i < end; i++) {
    const c = text.charCodeAt(i);
    if (c === 46) {
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

/** Groups of up to four digits, and at most one `::` in place of one group or more. */
function scanV6(text: string, start: number, end: number, bounds: Uint32Array): boolean {
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

/** The group in place `i` of eight, where `skipped` of them stand at `gap`. */
function group(i: number, gap: number, skipped: number): number {
  if (gap < 0 || i < gap) return groups[i] ?? 0;
  return i < gap + skipped ? 0 : (groups[i - skipped] ?? 0);
}

function hex(c: number): number {
  if (c >= 48 && c <= 57) return c - 48;
  const letter = c | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}
