// Named sets -> their values, for all kinds alike: every set once, in the order in which they
// need each other, without recursion, so that no chain of names is too long. A set that can't be
// computed is null and was reported, so its uses report nothing.
import type { Member, Piece, SetDeclaration, SetNode } from "../../ast/nodes.ts";
import type { Scopes, SetKind } from "./scopes.ts";
import type { Span } from "../../source/source.ts";
import type { Report } from "../../diagnostics/report.ts";

/** The operations of one kind of set. `T` is a set's value. */
export interface Algebra<T> {
  readonly kind: SetKind;
  /** The value of anything but a declared name; null if it has none (then the reason was reported). */
  literal(member: Member): T | null;
  /** For members of the kind `literal`, where a set may have very many. */
  readonly written?: {
    /** Their union; null if one of them has no value (then the reason was reported). */
    union(members: readonly Piece[]): T | null;
    /** The value of one that was read before; it is not counted or reported again. */
    again(member: Piece): T | null;
  };
  /** The members' union without the others; null if that is too much work (then it was reported). */
  combine(members: readonly T[], except: readonly T[], at: SetNode): T | null;
  isEmpty(value: T): boolean;
}

export class Resolver<T> {
  readonly #report: Report;
  readonly #scopes: Scopes;
  readonly #algebra: Algebra<T>;
  readonly #values = new Map<SetDeclaration, T | null>();
  /** Sets that are written out of names and literals alone, by their text and the scope of their names. */
  readonly #written = new Map<string, T>();

  constructor(report: Report, scopes: Scopes, algebra: Algebra<T>, declarations: Iterable<SetDeclaration>) {
    this.#report = report;
    this.#scopes = scopes;
    this.#algebra = algebra;
    for (const declaration of declarations) if (declaration.kind === algebra.kind) this.#declare(declaration);
  }

  /** The value of a set where it is used. */
  value(set: SetNode): T | null {
    const all = [...set.members, ...(set.except ?? [])];
    const [only] = set.members;
    if (set.members.length === 1 && set.except === null && only !== undefined && !set.broken) return this.#member(only);
    if (all.some((m) => m.kind === "file")) return this.#evaluate(set);
    const key = `${String(set.broken)} ${set.members.map((m) => this.#key(m)).join()} ${set.except?.map((m) => this.#key(m)).join() ?? "-"}`;
    const known = this.#written.get(key);
    if (known !== undefined) return known;
    const value = this.#evaluate(set);
    if (value !== null) this.#written.set(key, value);
    return value;
  }

  /** The value of a declared set; says nothing. */
  valueOf(declaration: SetDeclaration): T | null {
    return this.#values.get(declaration) ?? null;
  }

  /** The declared set that a member names; says nothing. */
  declared(member: Member): SetNode | undefined {
    return this.#find(member)?.set;
  }

  /** The values of a declared set's members, with their text; none where the set has no value. */
  membersOf({ set: { members } }: SetDeclaration): { readonly text: string; readonly set: T; readonly span: Span }[] {
    return members.flatMap((member) => {
      const { span } = member;
      const value = member.kind === "literal" && this.#algebra.written !== undefined ? this.#algebra.written.again(member) : this.#member(member);
      return value === null ? [] : [{ text: span.file.text.slice(span.start, span.end), set: value, span }];
    });
  }

  /** Computes a declared set and all that it needs, deepest first. */
  #declare(root: SetDeclaration): void {
    const open: { readonly set: SetDeclaration; readonly needs: readonly Need[]; next: number }[] = [];
    const onPath = new Set<SetDeclaration>();
    const enter = (set: SetDeclaration): void => {
      onPath.add(set);
      open.push({ set, needs: this.#needs(set.set), next: 0 });
    };
    if (!this.#values.has(root)) enter(root);
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      const need = top.needs[top.next++];
      if (need === undefined) {
        if (!this.#values.has(top.set)) this.#values.set(top.set, this.#evaluate(top.set.set));
        onPath.delete(top.set);
        open.pop();
      } else if (onPath.has(need.set)) {
        this.#refuseCircle(need, [...onPath]);
      } else if (!this.#values.has(need.set)) enter(need.set);
    }
  }

  #needs(set: SetNode): Need[] {
    return [...set.members, ...(set.except ?? [])].flatMap((member) => {
      const found = this.#find(member);
      return found === undefined ? [] : [{ member, set: found }];
    });
  }

  #find(member: Member): SetDeclaration | undefined {
    return member.kind === "name" || member.kind === "qualified" ? this.#scopes.set(this.#algebra.kind, member) : undefined;
  }

  #refuseCircle({ member, set }: Need, path: readonly SetDeclaration[]): void {
    if (this.#values.has(set)) return;
    const circle = path.slice(path.indexOf(set));
    for (const s of circle) this.#values.set(s, null);
    const through = circle.slice(1, 4).map((s) => s.name.span);
    this.#report.say("ING206", { set: set.name.text }, member.span, { related: through });
  }

  #member(member: Member): T | null {
    const found = this.#find(member);
    const value = found === undefined ? undefined : this.#values.get(found);
    return value === undefined ? this.#algebra.literal(member) : value;
  }

  /** The values of members, those of literals perhaps as one; null where one has none. */
  #all(members: readonly Member[]): readonly T[] | null {
    const { written } = this.#algebra;
    const literals = written === undefined ? [] : members.filter((m) => m.kind === "literal");
    const others = literals.length < 2 ? members : members.filter((m) => m.kind !== "literal");
    const values = others.map((m) => this.#member(m));
    if (literals.length >= 2) values.push(written?.union(literals) ?? null);
    return values.every((value) => value !== null) ? values : null;
  }

  #evaluate(set: SetNode): T | null {
    const members = this.#all(set.members);
    const except = this.#all(set.except ?? []);
    if (set.broken || members === null || except === null) return null;
    const value = this.#algebra.combine(members, except, set);
    if (value !== null && set.except !== null && this.#algebra.isEmpty(value)) {
      this.#report.say("ING207", null, set.span);
      return null;
    }
    return value;
  }

  /** Two members with one key have one value; lists have no key. */
  #key(member: Member): string {
    switch (member.kind) {
      case "file":
        return "";
      case "id":
        return JSON.stringify([member.type, member.pattern.text]);
      case "name":
      case "qualified":
        return JSON.stringify([this.#scopes.of(member.span).id, member.text]);
      default:
        return JSON.stringify([member.kind, member.text]);
    }
  }
}

interface Need {
  readonly member: Member;
  readonly set: SetDeclaration;
}
