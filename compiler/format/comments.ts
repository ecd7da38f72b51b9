// The comments of a text, by the tokens around them. A comment belongs to a gap: gap
// `i` lies before token `i`, and the last gap before the end of the text.

export interface Comment {
  /** From its `#`, without white space at its end. */
  readonly text: string;
  /** A blank line is before it. */
  readonly apart: boolean;
}

export interface Gap {
  /** On the line of the token before. */
  readonly trailing: string | null;
  /** On lines of their own. */
  readonly own: readonly Comment[];
  /** A blank line is before the next token. */
  readonly apart: boolean;
}

export const EMPTY_GAP: Gap = { trailing: null, own: [], apart: false };

export interface Placed {
  readonly start: number;
  readonly end: number;
}

/** One gap more than there are tokens. Between tokens there is nothing but white space and comments. */
export function gapsOf(text: string, tokens: readonly Placed[]): Gap[] {
  const gaps: Gap[] = [];
  let at = 0;
  for (const token of tokens) {
    gaps.push(gap(text.slice(at, token.start), gaps.length === 0));
    at = token.end;
  }
  gaps.push(gap(text.slice(at), gaps.length === 0));
  return gaps;
}

function gap(text: string, first: boolean): Gap {
  if (!text.includes("#") && lineBreaks(text) < 2) return EMPTY_GAP;
  let trailing: string | null = null;
  const own: Comment[] = [];
  let at = 0;
  for (let hash = text.indexOf("#"); hash >= 0; hash = text.indexOf("#", at)) {
    const breaks = lineBreaks(text.slice(at, hash));
    const newline = text.indexOf("\n", hash);
    const stop = newline < 0 ? text.length : newline;
    const comment = text.slice(hash, stop).replace(/[ \t\r]+$/, "");
    if (breaks === 0 && at === 0 && !first) trailing = comment;
    else own.push({ text: comment, apart: breaks > 1 });
    at = stop;
  }
  return { trailing, own, apart: lineBreaks(text.slice(at)) > 1 };
}

function lineBreaks(text: string): number {
  return text.split("\n").length - 1;
}

/** All comments in their order. */
export function commentsIn(gaps: readonly Gap[]): string[] {
  return gaps.flatMap((g) => [...(g.trailing === null ? [] : [g.trailing]), ...g.own.map((c) => c.text)]);
}

/** Several gaps as one, where the tokens between them are printed on one line. */
export function gathered(gaps: readonly Gap[]): Gap {
  let trailing: string | null = null;
  const own: Comment[] = [];
  for (const gap of gaps) {
    if (trailing === null && own.length === 0) trailing = gap.trailing;
    else if (gap.trailing !== null) own.push({ text: gap.trailing, apart: false });
    for (const comment of gap.own) own.push(comment);
  }
  return { trailing, own, apart: gaps.at(-1)?.apart ?? false };
}
