// Bytes -> text, or the first place where they are not UTF-8.
import type { NotText } from "../source/source.ts";

export function decodeText(bytes: Uint8Array): { readonly text: string } | NotText {
  const nul = bytes.indexOf(0);
  const bad = firstBad(nul < 0 ? bytes : bytes.subarray(0, nul));
  if (bad < 0 && nul < 0) return { text: new TextDecoder().decode(bytes) };
  const at = bad < 0 ? nul : bad;
  const before = bytes.subarray(0, at);
  const lineStart = before.lastIndexOf(LF) + 1;
  let line = 1;
  for (let i = before.indexOf(LF); i >= 0; i = before.indexOf(LF, i + 1)) line++;
  const column = new TextDecoder().decode(before.subarray(lineStart)).length + 1;
  return { failure: "not_text", line, column, what: whatIs(bytes, at) };
}

const LF = 10;

function whatIs(bytes: Uint8Array, at: number): string {
  const [first, second] = bytes;
  if (at === 0 && ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff))) return "the mark of UTF-16";
  const byte = bytes[at] ?? 0;
  return byte === 0 ? "a NUL character" : `the byte 0x${byte.toString(16).padStart(2, "0")}`;
}

/**
 * The offset of the first sequence that is not UTF-8 (RFC 3629: no surrogates, no longer form than
 * is needed, at most U+10FFFF), or -1.
 */
function firstBad(bytes: Uint8Array): number {
  for (let i = 0; i < bytes.length;) {
    const lead = bytes[i] ?? 0;
    const more =
      lead < 0x80 ? 0
      : lead >= 0xc2 && lead <= 0xdf ? 1
      : lead >= 0xe0 && lead <= 0xef ? 2
      : lead >= 0xf0 && lead <= 0xf4 ? 3
      : -1;
    if (more < 0) return i;
    const second = bytes[i + 1] ?? 0;
    const [least, most] =
      lead === 0xe0 ? [0xa0, 0xbf]
      : lead === 0xed ? [0x80, 0x9f]
      : lead === 0xf0 ? [0x90, 0xbf]
      : lead === 0xf4 ? [0x80, 0x8f]
      : [0x80, 0xbf];
    if (more > 0 && (second < least || second > most)) return i;
    for (let k = 2; k <= more; k++) if (((bytes[i + k] ?? 0) & 0xc0) !== 0x80) return i;
    i += more + 1;
  }
  return -1;
}
