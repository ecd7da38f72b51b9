// Comments as other languages have them, `// …` and `/* … */`: found before the text is read, so
// that their content is not reported word by word.

export interface Slashed {
  readonly start: number;
  readonly end: number;
}

const RUN = /[A-Za-z0-9_$*.:%/[\]-]/;

/** The text with blanks in their place, so that all places stay, and the comments with their places; linear. */
export function withoutSlashed(text: string): { readonly text: string; readonly slashed: readonly Slashed[] } {
  if (!text.includes("//") && !text.includes("/*")) return { text, slashed: [] };
  const slashed: Slashed[] = [];
  const lastEnd = text.lastIndexOf("*/");
  // Only what is no comment, no text in quotes and no part of a word can begin one.
  const next = /#|"|\/[/*]/g;
  for (let match = next.exec(text); match !== null; match = next.exec(text)) {
    const start = match.index;
    const inWord = start > 0 && RUN.test(text.charAt(start - 1));
    if (match[0] === "#") next.lastIndex = lineEnd(text, start);
    else if (match[0] === '"') next.lastIndex = textEnd(text, start);
    else if (!inWord) {
      const end = match[0] === "/*" && start + 2 <= lastEnd ? text.indexOf("*/", start + 2) + 2 : withoutReturn(text, lineEnd(text, start));
      slashed.push({ start, end });
      next.lastIndex = end;
    }
  }
  let out = "";
  let at = 0;
  for (const { start, end } of slashed) {
    out += text.slice(at, start) + text.slice(start, end).replace(/[^\r\n]/g, " ");
    at = end;
  }
  return { text: out + text.slice(at), slashed };
}

// Nobody knows how far a `/*` was to reach that nothing closes.
/** Whether the end of a comment is known. */
export function isClosed(text: string, { start, end }: Slashed): boolean {
  return text.startsWith("//", start) || (end - start >= 4 && text.startsWith("*/", end - 2));
}

/** The same comment as the language has them; a line of its own for the text behind it. */
export function withHashes(text: string, { start, end }: Slashed): string {
  const written = text.slice(start, end);
  if (written.startsWith("//")) return `#${written.slice(2)}`;
  const lines = written
    .slice(2, written.endsWith("*/") ? -2 : undefined)
    .split(/\r?\n/)
    .map((l) => `# ${l.trim().replace(/^\*+ ?/, "")}`.trimEnd());
  const shown = lines.filter((l, i) => l !== "#" || (i > 0 && i < lines.length - 1));
  const behind = text.slice(end, lineEnd(text, end)).trim();
  return `${(shown.length === 0 ? ["#"] : shown).join("\n")}${behind === "" ? "" : "\n"}`;
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end < 0 ? text.length : end;
}

/** Behind the closing quote, or at the end of the line that has none. */
function textEnd(text: string, quote: number): number {
  const rest = /["\r\n]/g;
  rest.lastIndex = quote + 1;
  const found = rest.exec(text);
  return found === null ? text.length : found.index + (found[0] === '"' ? 1 : 0);
}

function withoutReturn(text: string, end: number): number {
  return text.charAt(end - 1) === "\r" ? end - 1 : end;
}
