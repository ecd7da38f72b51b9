// Prefixes as nearly everybody writes them, read at their place in a text and without an object
// each: lists have millions. For every prefix that it accepts, literals.ts has the same result; for all others it calls that,
// which has the messages.

import { scanV4, scanV6 } from "../../../runtime/net/scan.ts";

const SLASH = 47;

/**
 * Reads `text` from `start` to `end` as `10.0.0.0/8`, `2001:db8::/32` or an address. Writes eight
 * words into `bounds`, as in a set. The family, or 0 for anything else; IPv4 within IPv6 is that.
 */
export function scanPrefix(text: string, start: number, end: number, bounds: Uint32Array): 0 | 4 | 6 {
  const slash =
    text.charCodeAt(end - 2) === SLASH ? end - 2
    : text.charCodeAt(end - 3) === SLASH ? end - 3
    : end - 4;
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
    const host =
      kept <= 0 ? 0xffffffff
      : kept >= 32 ? 0
      : 0xffffffff >>> kept;
    const first = bounds[w] ?? 0;
    if ((first & host) !== 0) return false;
    bounds[4 + w] = first | host;
  }
  return true;
}
