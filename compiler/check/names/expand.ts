// Every `use` replaced by what its template says, until none is left: a flat list of what the
// policy has. The copy of a template's text keeps its place in the body and knows the `use`
// (Span.origin); an argument keeps the place where it was written.
import type {
  BudgetNode, ClauseNode, DialNode, ExposeNode, InvariantNode, Member, Piece, RuleNode, SetDeclaration, StatementNode, TestNode, UseNode,
} from "../../ast/nodes.ts";
import { MAX_EXPANDED_PLACES } from "../../source/bounds.ts";
import { quote } from "../../diagnostics/quote.ts";
import type { Origin, Span } from "../../source/source.ts";
import type { Home, Homes } from "./scopes.ts";
import { guessed, listed } from "./declarations.ts";
import type { Report } from "../../diagnostics/report.ts";
import { carryClause, carryStatement, type Carry, type Slot } from "./substitute.ts";
import { isClause, isSetName, isStatement, templateNames, type Template, type Templates } from "./templates.ts";
import { isDoubtful, sayQualified } from "./unknown_names.ts";

/** An expose without a `use` among its clauses. */
export interface FlatExpose {
  readonly node: ExposeNode;
  readonly clauses: readonly Exclude<ClauseNode, UseNode>[];
}

export interface Flat {
  readonly sets: readonly SetDeclaration[];
  readonly exposes: readonly FlatExpose[];
  readonly dials: readonly DialNode[];
  /** Top-level rules. */
  readonly denies: readonly RuleNode[];
  readonly tests: readonly TestNode[];
  readonly budgets: readonly BudgetNode[];
  readonly invariants: readonly InvariantNode[];
  /** False where a `use` was refused: names that it would have declared are missing. */
  readonly whole: boolean;
}

/** Null where it would be too much (then it was told). */
export function expand(report: Report, homes: Homes, templates: Templates): Flat | null {
  return new Expander(report, homes, templates).all();
}

/** What an argument may be, by where its parameter stands. */
const FITS: Readonly<Record<Exclude<Slot, "member">, { readonly kinds: readonly Member["kind"][]; readonly what: string }>> = {
  name: { kinds: ["name"], what: "a name" },
  number: { kinds: ["number"], what: "a number" },
  text: { kinds: ["text"], what: "a text in quotes" },
  literal: { kinds: ["literal"], what: "an address, a rate, a length or a time" },
  address: { kinds: ["literal", "number"], what: "an address with a port" },
};

const KINDS: Readonly<Record<Member["kind"], string>> = {
  name: "a name", qualified: "a name out of an import", literal: "an address or another literal", number: "a number",
  text: "a text in quotes", id: "an identity", file: "a list file", param: "a parameter",
};

class Expander {
  readonly #report: Report;
  readonly #homes: Homes;
  readonly #templates: Templates;
  readonly #sets: SetDeclaration[] = [];
  readonly #exposes: FlatExpose[] = [];
  readonly #dials: DialNode[] = [];
  readonly #denies: RuleNode[] = [];
  readonly #tests: TestNode[] = [];
  readonly #budgets: BudgetNode[] = [];
  readonly #invariants: InvariantNode[] = [];
  #whole = true;
  #places = 0;

  constructor(report: Report, homes: Homes, templates: Templates) {
    this.#report = report;
    this.#homes = homes;
    this.#templates = templates;
  }

  all(): Flat | null {
    for (const { ast } of this.#homes.program.units) for (const s of ast.statements) this.#statement(s);
    if (this.#places > MAX_EXPANDED_PLACES) return null;
    return {
      sets: this.#sets, exposes: this.#exposes, dials: this.#dials, denies: this.#denies, tests: this.#tests, budgets: this.#budgets, invariants: this.#invariants,
      whole: this.#whole,
    };
  }

  #statement(node: StatementNode): void {
    switch (node.kind) {
      case "net":
      case "ports":
      case "hosts":
      case "ids":
        this.#sets.push(node);
        break;
      case "expose": {
        const clauses: Exclude<ClauseNode, UseNode>[] = [];
        for (const clause of node.clauses) this.#clause(clause, clauses);
        this.#exposes.push({ node, clauses });
        break;
      }
      case "dial":
        this.#dials.push(node);
        break;
      case "rule":
        this.#denies.push(node);
        break;
      case "test":
        this.#tests.push(node);
        break;
      case "budget":
        this.#budgets.push(node);
        break;
      case "invariant":
        this.#invariants.push(node);
        break;
      case "use":
        this.#use(node, (item, carry) => {
          if (!isStatement(item) || (item.kind === "rule" && item.action === "allow")) this.#misplaced(node, item.span, item.kind === "rule" ? item.action : item.kind, "top_level");
          else this.#statement(carryStatement(carry, item));
        });
        break;
      // Both have their place before expansion.
      case "import":
      case "template":
        break;
    }
  }

  #clause(node: ClauseNode, into: Exclude<ClauseNode, UseNode>[]): void {
    if (node.kind !== "use") {
      into.push(node);
      return;
    }
    this.#use(node, (item, carry) => {
      if (isClause(item)) this.#clause(carryClause(carry, item), into);
      else this.#misplaced(node, item.span, item.kind, "expose");
    });
  }

  #use(use: UseNode, each: (item: StatementNode | ClauseNode, carry: Carry) => void): void {
    if (this.#places > MAX_EXPANDED_PLACES) return;
    const template = this.#template(use);
    if (template === null || !template.sound || !this.#fits(use, template)) {
      this.#whole = false;
      return;
    }
    this.#places += template.places;
    if (this.#places > MAX_EXPANDED_PLACES) {
      this.#report.say("ING609", { bound: "places" }, use.span);
      return;
    }
    const origin: Origin = { kind: "body", use: use.span };
    this.#homes.open(origin, template.node);
    const carry = carryOf(template, use, origin);
    for (const item of template.node.body) each(item, carry);
  }

  #template(use: UseNode): Template | null {
    const node = this.#homes.template(use.template);
    if (node !== undefined) return this.#templates.get(node) ?? null;
    const { text, span } = use.template;
    if (text.includes(".")) sayQualified(this.#report, this.#homes, use.template, "template", (home) => home.templates);
    else if (!isDoubtful(this.#homes, span, text)) {
      this.#report.sayUntyped("ING201", `there is no template named ${quote(text)}`, span,
        guessed(this.#report, text, templateNames(this.#homes, span)) ?? { help: isSetName(this.#homes, use.template) ? `${quote(text)} is a set; name it where a set stands` : templatesHelp(this.#homes.of(span), text) });
    }
    return null;
  }

  /** Whether the arguments are as many as the parameters, and each of a kind that can stand where its parameter does. */
  #fits(use: UseNode, { node, slots }: Template): boolean {
    const { params } = node;
    if (params.length !== use.args.length) {
      const [wanted, given] = [params.length, use.args.length];
      this.#report.sayUntyped("ING212", `${quote(node.name.text)} takes ${count(wanted)}, and ${given === 0 ? "none is" : `${given} ${given === 1 ? "is" : "are"}`} given`, use.span, {
        related: [{ span: node.name.span, label: "declared here" }],
        help: `write \`use ${use.template.text}(${params.map((p) => p.text).join(", ")})\` with one argument for each parameter`,
      });
      return false;
    }
    let fits = true;
    const told = new Set<string>();
    for (const { param, slot, span } of slots) {
      const arg = use.args[params.findIndex((p) => p.text === param)];
      if (arg === undefined || slot === "member" || told.has(param)) continue;
      const { kinds, what } = FITS[slot];
      if (kinds.includes(arg.kind)) continue;
      told.add(param);
      fits = false;
      this.#report.sayUntyped("ING214", `${quote(param)} stands for ${what}, and the argument is ${KINDS[arg.kind]}`, arg.span, {
        related: [{ span, label: "the parameter stands here" }], help: `give ${what}`,
      });
    }
    return fits;
  }

  #misplaced(use: UseNode, span: Span, statement: string, place: "top_level" | "expose"): void {
    this.#whole = false;
    this.#report.say("ING420", { statement, place }, span, { related: [{ span: use.span, label: `used ${place === "expose" ? "in an expose" : "at top level"}` }] });
  }
}

function count(n: number): string {
  return n === 0 ? "no arguments" : n === 1 ? "1 argument" : `${n} arguments`;
}

/** INVARIANT: the arguments fit, so that nothing is refused on the way. */
function carryOf({ node }: Template, use: UseNode, origin: Origin): Carry {
  const args = new Map(node.params.map((p, i) => [p.text, use.args[i]]));
  const span = (s: Span): Span => ({ ...s, origin });
  const moved = (s: Span, parameter: Span): Span => ({ ...s, origin: { kind: "argument", parameter, own: s.origin } });
  return {
    span,
    piece(piece): Piece {
      const arg = piece.param === true ? args.get(piece.text) : undefined;
      if (arg === undefined || !("text" in arg)) return { ...piece, span: span(piece.span) };
      return { text: arg.text, span: moved(arg.span, piece.span) };
    },
    param(piece): Member {
      const arg = args.get(piece.text);
      if (arg === undefined) return { ...piece, kind: "param", span: span(piece.span) };
      const at = moved(arg.span, piece.span);
      switch (arg.kind) {
        case "id":
          return { ...arg, pattern: { ...arg.pattern, span: moved(arg.pattern.span, piece.span) }, span: at };
        case "file":
          return {
            ...arg, path: { ...arg.path, span: moved(arg.path.span, piece.span) }, max: { ...arg.max, span: moved(arg.max.span, piece.span) },
            min: arg.min === null ? null : { ...arg.min, span: moved(arg.min.span, piece.span) }, span: at,
          };
        default:
          return { ...arg, span: at };
      }
    },
  };
}

function templatesHelp(home: Home, name: string): string {
  const { templates } = home.outer ?? home;
  const list = listed(templates.keys(), templates.size);
  const declare = `declare it: \`template ${name}($a) { … }\``;
  return list === null ? declare : `${templates.size === 1 ? "the template of this file is" : "the templates of this file are"} ${list}; or ${declare}`;
}
