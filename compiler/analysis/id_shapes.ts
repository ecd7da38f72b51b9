// Patterns of client identities, as words of a policy's canonical form: `uri:spiffe://corp.example/ops/*`, `dns:jump.example`.
// Cut at each `/` of a uri's path, they are compared part by part.

export interface Part {
  readonly text: string;
  /** The part begins so and continues by at least one character. */
  readonly open: boolean;
}

export interface Shape {
  readonly word: string;
  /** At most one is open, and then nothing is deep. */
  readonly parts: readonly Part[];
  /** One more part or several follow. */
  readonly deep: boolean;
}

const FINGERPRINT = "sha256:";

/** The word of a certificate itself, of which each has one. */
export function isFingerprint(word: string): boolean {
  return word.startsWith(FINGERPRINT);
}

/** A word of a certificate, in which a `*` is a character. */
export function plainShape(word: string): Shape {
  return { word, parts: partsOf(word).map((text) => ({ text, open: false })), deep: false };
}

export function patternShape(word: string): Shape {
  const parts = partsOf(word);
  const isUri = word.startsWith("uri:");
  const deep = isUri && parts.length > 1 && parts.at(-1) === "**";
  if (deep) parts.pop();
  return {
    word,
    deep,
    parts: parts.map((text) => {
      const open = isUri && text.endsWith("*");
      return { text: open ? text.slice(0, -1) : text, open };
    }),
  };
}

/** Behind `?` or `#` no part ends. */
function partsOf(word: string): string[] {
  if (!word.startsWith("uri:")) return [word];
  const rest = word.search(/[?#]/);
  const parts = (rest < 0 ? word : word.slice(0, rest)).split("/");
  if (rest >= 0) parts.push(`${parts.pop() ?? ""}${word.slice(rest)}`);
  return parts;
}

export function isWild({ parts, deep }: Shape): boolean {
  return deep || parts.some(({ open }) => open);
}

/** Whether every identity of `b` is one of `a`. */
export function covers(a: Shape, b: Shape): boolean {
  if (a.deep ? b.parts.length + (b.deep ? 1 : 0) <= a.parts.length : b.deep || b.parts.length !== a.parts.length) return false;
  return a.parts.every((part, i) => {
    const other = b.parts[i];
    if (other === undefined) return false;
    if (!part.open) return !other.open && other.text === part.text;
    return other.text.startsWith(part.text) && (other.open || other.text.length > part.text.length);
  });
}

/** The identities of both: one pattern, or null for none. */
export function sharedShape(a: Shape, b: Shape): Shape | null {
  const [short, long] = a.parts.length <= b.parts.length ? [a, b] : [b, a];
  if (short.parts.length < long.parts.length ? !short.deep : short.deep !== long.deep) return null;
  const parts: Part[] = [];
  for (const [i, part] of long.parts.entries()) {
    const other = short.parts[i];
    const shared = other === undefined ? part : sharedPart(part, other);
    if (shared === null) return null;
    parts.push(shared);
  }
  return { word: wordOf(parts, long.deep), parts, deep: long.deep };
}

function sharedPart(a: Part, b: Part): Part | null {
  const [short, long] = a.text.length < b.text.length || (a.text.length === b.text.length && a.open) ? [a, b] : [b, a];
  if (!short.open) return !long.open && short.text === long.text ? long : null;
  return long.text.startsWith(short.text) && (long.open || long.text.length > short.text.length) ? long : null;
}

export function wordOf(parts: readonly Part[], deep: boolean): string {
  return `${parts.map(({ text, open }) => `${text}${open ? "*" : ""}`).join("/")}${deep ? "/**" : ""}`;
}

/** More than the parts, and more than the characters, of any identity. */
const NARROW = 1 << 16;

/** A pattern that includes all of another one has a lower number. */
export function narrowness({ parts, deep }: Shape): number {
  if (deep) return parts.length;
  const open = parts.find((part) => part.open);
  return open === undefined ? 2 * NARROW : NARROW + open.text.length;
}
