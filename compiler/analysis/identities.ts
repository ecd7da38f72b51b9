// Atoms of client identities. A certificate has several names, and each of them may be in several sets of a policy, so an
// identity is a set of atoms: an atom is all names that are in the same sets. A certificate can have any atoms together, but
// for two hashes of certificates, of which it has one. (It has at most 64 names. No answer depends on that: where two policies
// differ, or a rule has an effect, they do so for a certificate with two names at most.)
import { uriName } from "../../runtime/net/name_forms.ts";
import { covers, isFingerprint, isWild, narrowness, patternShape, plainShape, sharedShape, wordOf, type Shape } from "./id_shapes.ts";

export interface Atom {
  /** The shortest name that was found, for a witness. */
  readonly word: string;
  /** Hashes of certificates: of all such atoms a certificate has at most one. */
  readonly isFingerprint: boolean;
  /** The patterns whose names it has, for people. */
  readonly patterns: readonly string[];
}

const UNRESERVED = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_~.";
const ESCAPES = Array.from({ length: 0xe0 }, (_, i) => 0x20 + i)
  .filter((byte) => !UNRESERVED.includes(String.fromCharCode(byte)))
  .map((byte) => `%${byte.toString(16).toUpperCase()}`);
/** All by which a part of a path may continue, and a `*`, which no pattern can name; behind the last two the rest of the name has no parts. */
const CHARACTERS = [...UNRESERVED, ..."!$&'()+,;=@[]", ...ESCAPES, "*", "?a", "#a"];

/** `spend` counts steps, and throws where they are too many. */
export class IdentityClasses {
  readonly atoms: readonly Atom[];
  /** Every pattern of the sets, and what two of them have in common. */
  readonly #patterns = new Map<string, Shape>();
  readonly #wild: Shape[] = [];
  readonly #atomOf = new Map<string, number>();
  readonly #ofSet: readonly (readonly number[])[];
  readonly #spend: (steps: number) => void;

  /** `sets`: the canonical words of each set, with `!` before what is not in it. */
  constructor(sets: readonly (readonly string[])[], spend: (steps: number) => void) {
    this.#spend = spend;
    const members = sets.map((words) => new Members(words));
    for (const set of members) for (const { shape } of set.all) this.#add(shape);
    this.#close();
    const byPattern = this.#setsByPattern(members);
    const numbers = new Map<string, number>();
    const atoms: { word: string; readonly isFingerprint: boolean; readonly patterns: string[] }[] = [];
    const ofSet: number[][] = sets.map(() => []);
    for (const [shape, own] of [...byPattern].sort(([x], [y]) => (x.word < y.word ? -1 : 1))) {
      const word = this.#nameIn(shape);
      if (word === null) continue;
      const key = `${isFingerprint(word) ? "hash" : "name"} ${own.join()}`;
      const number = numbers.get(key) ?? atoms.length;
      this.#atomOf.set(shape.word, number);
      const known = atoms[number];
      if (known !== undefined) {
        known.patterns.push(shape.word);
        if (word.length < known.word.length) known.word = word;
        continue;
      }
      numbers.set(key, number);
      atoms.push({ word, isFingerprint: isFingerprint(word), patterns: [shape.word] });
      for (const set of own) ofSet[set]?.push(number);
    }
    this.atoms = atoms;
    this.#ofSet = ofSet;
  }

  /** The atoms of the set with this number. */
  atomsOf(set: number): readonly number[] {
    return this.#ofSet[set] ?? [];
  }

  /** The atoms of a certificate's words. */
  atomsIn(words: readonly string[]): ReadonlySet<number> {
    const found = new Set<number>();
    for (const word of words) {
      const narrowest = this.#narrowest(plainShape(word));
      const atom = narrowest === null ? undefined : this.#atomOf.get(narrowest.word);
      if (atom !== undefined) found.add(atom);
    }
    return found;
  }

  /** The widest patterns within those of an atom whose names it doesn't have. */
  exceptionsOf(atom: number): readonly string[] {
    const own = (this.atoms[atom]?.patterns ?? []).flatMap((word) => this.#patterns.get(word) ?? []);
    const inside = [...this.#patterns.values()].filter(
      (other) => this.#atomOf.get(other.word) !== atom && own.some((shape) => shape !== other && covers(shape, other)),
    );
    return inside.filter((shape) => !inside.some((other) => other !== shape && covers(other, shape))).map(({ word }) => word);
  }

  /** For each pattern that some set includes the numbers of these sets, rising. */
  #setsByPattern(members: readonly Members[]): ReadonlyMap<Shape, readonly number[]> {
    const found = new Map<Shape, number[]>();
    members.forEach((set, i) => {
      const met = new Set<Shape>();
      for (const { shape } of set.all) {
        if (!isWild(shape)) met.add(this.#patterns.get(shape.word) ?? shape);
        else {
          this.#spend(this.#patterns.size);
          for (const other of this.#patterns.values()) if (covers(shape, other)) met.add(other);
        }
      }
      for (const shape of met) {
        if (!set.includes(shape, this.#spend)) continue;
        const own = found.get(shape);
        if (own === undefined) found.set(shape, [i]);
        else own.push(i);
      }
    });
    return found;
  }

  #add(shape: Shape): void {
    if (this.#patterns.has(shape.word)) return;
    this.#patterns.set(shape.word, shape);
    if (isWild(shape)) this.#wild.push(shape);
  }

  /** The names that two patterns have in common are a pattern too, so that those that match a name always have a narrowest one. */
  #close(): void {
    for (let i = 0; i < this.#wild.length; i++) {
      for (let j = 0; j < i; j++) {
        this.#spend(1);
        const [a, b] = [this.#wild[i], this.#wild[j]];
        const shared = a === undefined || b === undefined ? null : sharedShape(a, b);
        if (shared !== null) this.#add(shared);
      }
    }
  }

  #narrowest(name: Shape): Shape | null {
    const exact = this.#patterns.get(name.word);
    if (exact !== undefined && !isWild(exact)) return exact;
    let best: Shape | null = null;
    for (const shape of this.#wild) if (covers(shape, name) && (best === null || covers(best, shape))) best = shape;
    return best;
  }

  /** A name whose narrowest pattern is this one; null where narrower ones have all of its names. */
  #nameIn(shape: Shape): string | null {
    if (!isWild(shape)) return shape.word;
    this.#spend(this.#patterns.size);
    const inside = [...this.#patterns.values()].filter((other) => other !== shape && covers(shape, other));
    const isGood = (word: string): boolean => uriName(word.slice("uri:".length)) !== null && this.#narrowest(plainShape(word)) === shape;
    if (shape.deep) {
      const parts = shape.parts.map(({ text }) => text);
      const [first, second] = [0, 1].map((i) => freshText("", textsAt(inside, parts.length + i), (text) => text !== "." && text !== "..") ?? "");
      const one = [...parts, first].join("/");
      if (isGood(one)) return one;
      const two = [...parts, first, second].join("/");
      return isGood(two) ? two : null;
    }
    const at = shape.parts.findIndex(({ open }) => open);
    const wordWith = (text: string): string =>
      wordOf(
        shape.parts.map((part, i) => (i === at ? { text, open: false } : part)),
        false,
      );
    const text = freshText(shape.parts[at]?.text ?? "", textsAt(inside, at), (candidate) => isGood(wordWith(candidate)));
    return text === null ? null : wordWith(text);
  }
}

interface Texts {
  readonly plain: ReadonlySet<string>;
  readonly open: ReadonlySet<string>;
}

function textsAt(shapes: readonly Shape[], at: number): Texts {
  const [plain, open] = [new Set<string>(), new Set<string>()];
  for (const { parts } of shapes) {
    const part = parts[at];
    if (part !== undefined) (part.open ? open : plain).add(part.text);
  }
  return { plain, open };
}

/** The shortest text that begins with `begin`, continues, is none of the plain ones and continues none of the open ones. */
function freshText(begin: string, { plain, open }: Texts, isGood: (text: string) => boolean): string | null {
  let row = [begin];
  while (row.length > 0) {
    const longer: string[] = [];
    for (const text of row) {
      for (const character of CHARACTERS) {
        const candidate = `${text}${character}`;
        if (!plain.has(candidate) && isGood(candidate)) return candidate;
        const isDots = candidate.endsWith(".") && candidate.length <= begin.length + 2;
        if (!open.has(candidate) && (plain.has(candidate) || isDots)) longer.push(candidate);
      }
    }
    row = longer;
  }
  return null;
}

/** The members of one set, so that the one that decides on a name is found fast. */
class Members {
  readonly all: readonly { readonly shape: Shape; readonly included: boolean }[];
  readonly #plain = new Map<string, boolean>();
  /** The narrowest first. */
  readonly #wild: readonly { readonly shape: Shape; readonly included: boolean }[];

  constructor(words: readonly string[]) {
    this.all = words.map((word) => {
      const included = !word.startsWith("!");
      return { shape: patternShape(included ? word : word.slice(1)), included };
    });
    for (const { shape, included } of this.all) if (!isWild(shape)) this.#plain.set(shape.word, included);
    this.#wild = this.all.filter(({ shape }) => isWild(shape)).sort((x, y) => narrowness(y.shape) - narrowness(x.shape));
  }

  /** Whether the set has the names of a pattern that none of its narrower ones divides. */
  includes(shape: Shape, spend: (steps: number) => void): boolean {
    const plain = isWild(shape) ? undefined : this.#plain.get(shape.word);
    if (plain !== undefined) return plain;
    spend(this.#wild.length);
    return this.#wild.find((member) => covers(member.shape, shape))?.included ?? false;
  }
}
