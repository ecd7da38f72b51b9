// Rows of cells by the classes of one fact, a name or an identity: at each class the lowest deny and
// the lowest allow whose sets contain it.
import { CELL_BITS } from "../../runtime/abi/layout.ts";
import type { Meter } from "./meter.ts";
import { PageForest } from "./pages.ts";
import type { OrderedRule } from "./tables.ts";

export class FactRows {
  readonly forest: PageForest;
  readonly #rowOf = new Map<string, number>();
  /** The classes in a rule's set, ascending. */
  readonly #classesOf: (rule: OrderedRule) => Uint32Array;
  readonly #meter: Meter;
  /** The residual where these are the lowest, or Infinity. */
  readonly #wordOf: (deny: number, allow: number) => number;
  /** By class, while a row is made: the lowest deny and allow. */
  readonly #deny: Float64Array;
  readonly #allow: Float64Array;
  /** The classes that have one, and the words of the row there. */
  readonly #touched: Uint32Array;
  #touchedCount = 0;
  readonly #words: Uint32Array;

  constructor(classCount: number, classesOf: (rule: OrderedRule) => Uint32Array, meter: Meter, wordOf: (deny: number, allow: number) => number) {
    this.forest = new PageForest(classCount, CELL_BITS);
    this.#classesOf = classesOf;
    this.#meter = meter;
    this.#wordOf = wordOf;
    this.#deny = new Float64Array(classCount).fill(Infinity);
    this.#allow = new Float64Array(classCount).fill(Infinity);
    this.#touched = new Uint32Array(classCount);
    this.#words = new Uint32Array(classCount);
  }

  /** For each class, the lowest deny, else the lowest allow; `plain` is the lowest that applies to all, or Infinity. */
  row(plain: number, allows: readonly OrderedRule[], denies: readonly OrderedRule[]): number {
    const key = [plain, ...allows.map((r) => r.id), "-", ...denies.map((r) => r.id)].join();
    const known = this.#rowOf.get(key);
    if (known !== undefined) return known;
    this.#enter(allows, this.#allow);
    this.#enter(denies, this.#deny);
    const touched = this.#touched.subarray(0, this.#touchedCount).sort();
    touched.forEach((i, at) => {
      this.#words[at] = this.#wordOf(this.#deny[i] ?? Infinity, Math.min(plain, this.#allow[i] ?? Infinity));
      this.#deny[i] = this.#allow[i] = Infinity;
    });
    this.#touchedCount = 0;
    const row = this.forest.patch(this.forest.uniform(this.#wordOf(Infinity, plain)), touched, this.#words, touched.length);
    this.#rowOf.set(key, row);
    return row;
  }

  /** Puts the rules, which rise, at their classes. */
  #enter(rules: readonly OrderedRule[], into: Float64Array): void {
    for (const rule of rules) {
      const classes = this.#classesOf(rule);
      this.#meter.spend(classes.length, this.#meter.numberOf(rule.from));
      if (this.#meter.over) return;
      for (const i of classes) {
        if (this.#deny[i] === Infinity && this.#allow[i] === Infinity) this.#touched[this.#touchedCount++] = i;
        if (rule.id < (into[i] ?? Infinity)) into[i] = rule.id;
      }
    }
  }

  /** A row of which some classes have words of their own. */
  mixed(key: string, most: number, words: ReadonlyMap<number, number>): number {
    const known = this.#rowOf.get(key);
    if (known !== undefined) return known;
    const classes = Uint32Array.from(words.keys()).sort();
    const row = this.forest.patch(
      this.forest.uniform(most),
      classes,
      classes.map((i) => words.get(i) ?? most),
      classes.length,
    );
    this.#rowOf.set(key, row);
    return row;
  }
}
