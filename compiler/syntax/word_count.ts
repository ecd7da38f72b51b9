// How many words and signs a text has, before it is read: what it costs to read is in proportion.

/** Texts in quotes count one, comments none. Linear, and without memory of its own. */
export function countWords(text: string): number {
  let count = 0;
  let inWord = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    const isWord = WORD[c] === 1;
    if (!isWord && c > SPACE) count++;
    else if (isWord && !inWord) count++;
    inWord = isWord;
    if (c === HASH) {
      count--;
      i = behindLine(text, i) - 1;
    } else if (c === QUOTE) i = behindQuote(text, i + 1) - 1;
  }
  return count;
}

const SPACE = 32;
const QUOTE = 34;
const HASH = 35;
const WORD = Uint8Array.from({ length: 128 }, (_, c) => (/[A-Za-z0-9_$*.:%/[\]-]/.test(String.fromCharCode(c)) ? 1 : 0));

function behindLine(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end < 0 ? text.length : end;
}

/** Looks no further than the end of the line. */
function behindQuote(text: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === QUOTE) return i + 1;
    if (c === 10) return i;
  }
  return text.length;
}
