// Names of characters that are invisible or that look like an ASCII character, and the character that each
// is mistaken for. Used wherever a message shows text from a user.

/** Unicode spaces and line ends, except ASCII's tab, line feed, carriage return and space. */
// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const BLANK = /[\u000b\u000c\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/u;
/** Characters without width, or without any visible mark. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\ufff9-\uffff\u{e0100}-\u{e01ef}]/u;

/** Pairs of a non-ASCII character and the ASCII character that it looks like. Characters that NFKC maps to ASCII are not listed. */
const PAIRS = [
  "аaеeоoрpсcуyхxіiјjѕsԁdԛqԝwһhӏlкkАAВBСCЕEНHІIЈJКKМMОOРPЅSТTХXУY",
  "αaοoνvιiρpκkυuχxγyΑAΒBΕEΖZΗHΙIΚKΜMΝNΟOΡPΤTΥYΧX",
  "ıiɑaɡgոnսuօoհhցg",
  "‐-‑-‒-–-—-―-−-˗-⁄/∕/⧸/∶:꞉:ː:·.。.、,،,‚,∗*⁎*",
  '“"”"„"‟"«"»"‘\'’\'‛\'',
].join("");
const LIKE: ReadonlyMap<string, string> = new Map(Array.from({ length: PAIRS.length / 2 }, (_, i) => [PAIRS.charAt(2 * i), PAIRS.charAt(2 * i + 1)]));

const NAMES: ReadonlyMap<number, string> = new Map([
  [0x00, "NUL"],
  [0x0b, "vertical tab"],
  [0x0c, "form feed"],
  [0x1b, "escape"],
  [0x7f, "delete"],
  [0x85, "next line"],
  [0xa0, "no-break space"],
  [0xad, "soft hyphen"],
  [0x34f, "combining grapheme joiner"],
  [0x61c, "Arabic letter mark"],
  [0x200b, "zero width space"],
  [0x200c, "zero width non-joiner"],
  [0x200d, "zero width joiner"],
  [0x200e, "left-to-right mark"],
  [0x200f, "right-to-left mark"],
  [0x2028, "line separator"],
  [0x2029, "paragraph separator"],
  [0x202a, "left-to-right embedding"],
  [0x202b, "right-to-left embedding"],
  [0x202c, "pop directional formatting"],
  [0x202d, "left-to-right override"],
  [0x202e, "right-to-left override"],
  [0x202f, "narrow no-break space"],
  [0x2060, "word joiner"],
  [0x2066, "left-to-right isolate"],
  [0x2067, "right-to-left isolate"],
  [0x2068, "first strong isolate"],
  [0x2069, "pop directional isolate"],
  [0x3000, "ideographic space"],
  [0xfeff, "byte order mark"],
  [0xfffd, "replacement character"],
]);

const SCRIPTS: readonly (readonly [RegExp, string])[] = [
  [/\p{Script=Cyrillic}/u, "a Cyrillic letter"],
  [/\p{Script=Greek}/u, "a Greek letter"],
  [/\p{Script=Armenian}/u, "an Armenian letter"],
  [/[\uff01-\uff5e]/u, "a fullwidth form"],
  [/\p{Pd}|−/u, "a dash"],
  [/[“”„‟«»‘’‛]/u, "a typographic quote"],
];

/** The ASCII character, space or empty string that a reader takes a character for; null if it can't be mistaken. */
export function takenFor(character: string): string | null {
  if ((character >= " " && character <= "~") || character === "\t" || character === "\n" || character === "\r") return null;
  if (BLANK.test(character)) return " ";
  if (UNSEEN.test(character)) return "";
  const form = LIKE.get(character) ?? character.normalize("NFKC");
  return /^[!-~]$/.test(form) ? form : null;
}

/** `U+00A0`; also for half of a surrogate pair. */
export function codePoint(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}

/** `U+00A0 (no-break space)`, `U+043E (a Cyrillic letter)`. */
export function characterName(character: string): string {
  const name = NAMES.get(character.codePointAt(0) ?? 0) ?? SCRIPTS.find(([script]) => script.test(character))?.[1];
  return name === undefined ? codePoint(character) : `${codePoint(character)} (${name})`;
}

/** The text as it looks to a reader. */
export function asSeen(text: string): string {
  return isAscii(text) ? text : [...text].map((c) => takenFor(c) ?? c).join("");
}

/** Characters that are invisible or look like a space, each once. */
export function unseenIn(text: string): string[] {
  return [...new Set(text)].filter((c) => /^ ?$/.test(takenFor(c) ?? "x"));
}

/**
 * Characters that look like ASCII, in words that could be mistaken for ASCII words: words that also have
 * ASCII characters, and words in which every letter looks like an ASCII letter.
 */
export function likenessesIn(text: string): { readonly character: string; readonly like: string }[] {
  if (isAscii(text)) return [];
  const found = new Map<string, string>();
  for (const [word] of text.matchAll(/[\p{L}\p{M}\p{N}]+/gu)) {
    const letters = [...word].map((character) => ({ character, like: takenFor(character) }));
    const mayBeTaken = /[A-Za-z0-9]/.test(word) || letters.every(({ like }) => like !== null);
    if (mayBeTaken) for (const { character, like } of letters) if (like !== null && like.trim() !== "") found.set(character, like);
  }
  return [...found].map(([character, like]) => ({ character, like }));
}

/** The text in backticks with invisible characters as code points, followed by a note on characters that only look like ASCII: `wеb` (with U+0435 for `e`). */
export function quoted(text: string): string {
  return `\`${visible(text)}\`${likenessNote(text)}`;
}

/** ` (with U+0435 for `e`)`, or an empty string. */
export function likenessNote(text: string): string {
  const each = likenessesIn(text)
    .slice(0, 4)
    .map(({ character, like }) => `${codePoint(character)} for \`${like}\``);
  return each.length === 0 ? "" : ` (with ${each.join(", ")})`;
}

/** Replaces invisible and terminal control characters by `\u{200b}` and the like; variation selectors of emoji are kept. */
export function visible(text: string): string {
  if (/^[ -~]*$/.test(text)) return text;
  let out = "";
  let before = "";
  for (const c of text) {
    const keep = (c >= " " && c <= "~") || (/[\ufe00-\ufe0f]/.test(c) && /\p{Emoji}/u.test(before)) || !(BLANK.test(c) || UNSEEN.test(c));
    out += keep ? c : `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`;
    before = c;
  }
  return out;
}

function isAscii(text: string): boolean {
  return /^[ -~]*$/.test(text);
}
