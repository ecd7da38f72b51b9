// Named sets -> their values, for nets and for ports alike: every name once, in the order in
// which they need each other, without recursion, so that no chain of names is too long. A set
// that can't be computed is null, was told about, and stays silent wherever it is used.
import type { Member, SetNode, Piece } from "../ast/nodes.ts";
import { quote } from "../quote.ts";
import type { Report } from "./report.ts";

/** What one kind of set knows. `T` is a set's value. */
export interface Algebra<T> {
  readonly declarations: ReadonlyMap<string, { readonly name: Piece; readonly set: SetNode }>;
  /** The value of anything but a declared name; null if it has none (then it was told why). */
  literal(member: Member): T | null;
  /** The members' union without the others; null if that is too much work (then it was told). */
  combine(members: readonly T[], except: readonly T[], at: SetNode): T | null;
  isEmpty(value: T): boolean;
}

export class Resolver<T> {
  readonly #report: Report;
  readonly #algebra: Algebra<T>;
  readonly #values = new Map<string, T | null>();
  /** Sets that are written out of names and literals alone, by their text. */
  readonly #written = new Map<string, T | null>();

  constructor(report: Report, algebra: Algebra<T>) {
    this.#report = report;
    this.#algebra = algebra;
    for (const name of algebra.declarations.keys()) this.#declare(name);
  }

  /** The value of a set where it is used. */
  value(set: SetNode): T | null {
    const all = [...set.members, ...(set.except ?? [])];
    const [only] = set.members;
    if (set.members.length === 1 && set.except === null && only !== undefined && !set.broken) return this.#member(only);
    if (all.some((m) => m.kind === "file")) return this.#evaluate(set);
    const key = `${String(set.broken)} ${set.members.map(keyOf).join()} ${set.except?.map(keyOf).join() ?? "-"}`;
    const known = this.#written.get(key);
    if (known !== undefined && known !== null) return known;
    const value = this.#evaluate(set);
    this.#written.set(key, value);
    return value;
  }

  /** The value of one member, for those who ask which one it was; says nothing. */
  valueOf(name: string): T | null {
    return this.#values.get(name) ?? null;
  }

  /** Computes a declared set and all that it needs, deepest first. */
  #declare(root: string): void {
    const open: { readonly name: string; readonly needs: readonly Piece[]; next: number }[] = [];
    const onPath = new Map<string, Piece>();
    const enter = (name: string): void => {
      const declaration = this.#algebra.declarations.get(name);
      if (declaration === undefined) return;
      onPath.set(name, declaration.name);
      open.push({ name, needs: this.#needs(declaration.set), next: 0 });
    };
    if (!this.#values.has(root)) enter(root);
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      const need = top.needs[top.next++];
      if (need === undefined) {
        const set = this.#algebra.declarations.get(top.name)?.set;
        if (set !== undefined && !this.#values.has(top.name)) this.#values.set(top.name, this.#evaluate(set));
        onPath.delete(top.name);
        open.pop();
      } else if (onPath.has(need.text)) {
        this.#refuseCircle(need, onPath);
      } else if (!this.#values.has(need.text)) enter(need.text);
    }
  }

  #needs(set: SetNode): Piece[] {
    return [...set.members, ...(set.except ?? [])].flatMap((m) => (m.kind === "name" && this.#algebra.declarations.has(m.text) ? [m] : []));
  }

  #refuseCircle(need: Piece, onPath: ReadonlyMap<string, Piece>): void {
    if (this.#values.has(need.text)) return;
    const path = [...onPath];
    const circle = path.slice(path.findIndex(([name]) => name === need.text));
    for (const [name] of circle) this.#values.set(name, null);
    const through = circle.slice(1, 4).map(([, piece]) => ({ span: piece.span, label: "by way of this" }));
    this.#report.say("ING206", `the set ${quote(need.text)} contains itself`, need.span, { related: through, help: "take it out of its own members" });
  }

  #member(member: Member): T | null {
    if (member.kind !== "name") return this.#algebra.literal(member);
    const value = this.#values.get(member.text);
    return value === undefined ? this.#algebra.literal(member) : value;
  }

  #evaluate(set: SetNode): T | null {
    const members = set.members.map((m) => this.#member(m));
    const except = (set.except ?? []).map((m) => this.#member(m));
    const whole = [...members, ...except].flatMap((v) => (v === null ? [] : [v]));
    if (set.broken || whole.length < members.length + except.length) return null;
    const value = this.#algebra.combine(whole.slice(0, members.length), whole.slice(members.length), set);
    if (value !== null && set.except !== null && this.#algebra.isEmpty(value)) {
      this.#report.say("ING207", "nothing is left of this set after `except`", set.span, { help: "take less away, or remove the set and what uses it" });
      return null;
    }
    return value;
  }
}

/** Two members with one key have one value; a piece's kind follows from its text and its quotes. */
function keyOf(member: Member): string {
  return member.kind === "file" ? "" : JSON.stringify([member.kind, member.text]);
}
