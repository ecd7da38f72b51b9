// Did-you-mean: the candidate that a mistyped word is nearest to.

/** Longer words are not compared: nobody mistypes them by a letter or two. */
const MAX_WORD = 64;

/** The nearest candidate within a third of the word's length (one edit in a short word of three letters or more), or null. */
export function nearest(word: string, candidates: Iterable<string>): string | null {
  return found(word, candidates)?.best ?? null;
}

/** The same, or null where another candidate is as near: `ucp` is `tcp` or `udp`. */
export function nearestAlone(word: string, candidates: Iterable<string>): string | null {
  const near = found(word, candidates);
  return near === null || near.isTied ? null : near.best;
}

function found(word: string, candidates: Iterable<string>): { readonly best: string; readonly isTied: boolean } | null {
  if (word.length === 0 || word.length > MAX_WORD) return null;
  const lower = word.toLowerCase();
  let best: string | null = null;
  let isTied = false;
  let bestDistance = Math.floor(word.length / 3) + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) > bestDistance) continue;
    const d = candidate.toLowerCase() === lower ? 0 : distance(lower, candidate.toLowerCase());
    if (d === bestDistance && best !== null && candidate !== best) isTied = true;
    if (d < bestDistance) {
      best = candidate;
      bestDistance = d;
      isTied = false;
    }
  }
  return best === null ? null : { best, isTied };
}

/** Edits between two words; two neighbours that changed places count as one. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let d = Math.min(at(row, j - 1) + 1, at(previous, j) + 1, at(previous, j - 1) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) d = Math.min(d, at(before, j - 2) + 1);
      row.push(d);
    }
    before = previous;
    previous = row;
  }
  return at(previous, b.length);
}

function at(row: readonly number[], i: number): number {
  return row[i] ?? Number.MAX_SAFE_INTEGER;
}
