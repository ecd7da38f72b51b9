// Random edits of policies, from a seed: what people type, paste, remove and undo, and what nobody would.

export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

const PIECES = [
  " ",
  "\n",
  "\n\n",
  "  ",
  "{",
  "}",
  "(",
  ")",
  ",",
  "=",
  "=>",
  "@",
  "#",
  '"',
  "'",
  "/*",
  "*/",
  "//",
  ";",
  "\u00e9",
  "\u{1f600}",
  "\r\n",
  "\u00a0",
  "$",
  "$a",
  "->",
  "edition 1\n",
  "net",
  "net x = ",
  "net x = any\n",
  "ports p = 443\n",
  "hosts h = ",
  "expose ",
  "expose x on tcp 443 {\n",
  "allow from ",
  "allow from any\n",
  "deny ",
  "deny from any\n",
  "deny all",
  "deny office",
  "use ",
  "template t($a) {\n",
  'test "t" {\n',
  "from 10.0.0.1 to web => allow\n",
  "except",
  "backend 127.0.0.1:80\n",
  "10.0.0.0/8",
  "10.0.0.1/8",
  "office",
  "dryrun ",
  '@why "x"\n',
  '@lint off ING833 "x"\n',
  'import "a.ingress" as a\n',
  'invariant "i" {\n',
  "budget {\n",
  "limit 5/s",
  "\0",
  "\ufeff",
];

/** A generator of numbers below 1 (mulberry32). */
export function numbersOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export function randomEdit(text: string, random: () => number): Edit {
  const below = (n: number): number => Math.floor(random() * n);
  const at = below(text.length + 1);
  const piece = PIECES[below(PIECES.length)] ?? "";
  switch (below(8)) {
    case 0:
    case 1:
    case 2:
      return { start: at, end: at, text: piece };
    case 3:
      return { start: at, end: Math.min(text.length, at + 1 + below(3)), text: "" };
    case 4: {
      const end = Math.min(text.length, at + 1 + below(12));
      return { start: at, end, text: piece };
    }
    case 5: {
      // A whole line, gone or twice.
      const start = text.lastIndexOf("\n", at - 1) + 1;
      const next = text.indexOf("\n", at);
      const end = next < 0 ? text.length : next + 1;
      return random() < 0.5 ? { start, end, text: "" } : { start: end, end, text: text.slice(start, end) };
    }
    case 6: {
      // A word of the text somewhere else.
      const from = below(text.length + 1);
      const word = /^\S*/.exec(text.slice(from, from + 40))?.[0] ?? "";
      return { start: at, end: at, text: word };
    }
    default: {
      const start = text.lastIndexOf("\n", at - 1) + 1;
      return { start, end: start, text: piece };
    }
  }
}

export function applied(text: string, { start, end, text: put }: Edit): string {
  return text.slice(0, start) + put + text.slice(end);
}
