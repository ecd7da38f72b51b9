// Every `use` replaced by what its template says, until none is left: a flat list of what the
// policy has. The copy of a template's text keeps its place in the body and knows the `use`
// (Span.origin); an argument keeps the place where it was written.
import type {
  BudgetNode,
  ClauseNode,
  DialNode,
  ExposeNode,
  InvariantNode,
  Member,
  Piece,
  RuleNode,
  SetDeclaration,
  StatementNode,
  TestNode,
  UseNode,
} from "../../ast/nodes.ts";
import { MAX_EXPANDED_PLACES } from "../../source/bounds.ts";
import type { NameList } from "../../diagnostics/sentence.ts";
import type { Origin, Span } from "../../source/source.ts";
import type { Scope, Scopes } from "./scopes.ts";
import { firstNames, nearName } from "./declarations.ts";
import type { Report } from "../../diagnostics/report.ts";
import { substituteClause, substituteStatement, type Substitution, type Slot } from "./substitute.ts";
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

/** Null where it would be too much (then it was reported). */
export function expand(report: Report, scopes: Scopes, templates: Templates): Flat | null {
  return new Expander(report, scopes, templates).all();
}

/** The arguments that a parameter takes, by the place that it has. */
const FITS: Readonly<Record<Exclude<Slot, "member">, readonly Member["kind"][]>> = {
  name: ["name"],
  number: ["number"],
  text: ["text"],
  literal: ["literal"],
  address: ["literal", "number"],
};

class Expander {
  readonly #report: Report;
  readonly #scopes: Scopes;
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

  constructor(report: Report, scopes: Scopes, templates: Templates) {
    this.#report = report;
    this.#scopes = scopes;
    this.#templates = templates;
  }

  all(): Flat | null {
    for (const { ast } of this.#scopes.program.units) for (const s of ast.statements) this.#statement(s);
    if (this.#places > MAX_EXPANDED_PLACES) return null;
    return {
      sets: this.#sets,
      exposes: this.#exposes,
      dials: this.#dials,
      denies: this.#denies,
      tests: this.#tests,
      budgets: this.#budgets,
      invariants: this.#invariants,
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
        this.#use(node, (item, substitution) => {
          if (!isStatement(item) || (item.kind === "rule" && item.action === "allow"))
            this.#misplaced(node, item.span, item.kind === "rule" ? item.action : item.kind, "top_level");
          else this.#statement(substituteStatement(substitution, item));
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
    this.#use(node, (item, substitution) => {
      if (isClause(item)) this.#clause(substituteClause(substitution, item), into);
      else this.#misplaced(node, item.span, item.kind, "expose");
    });
  }

  #use(use: UseNode, each: (item: StatementNode | ClauseNode, substitution: Substitution) => void): void {
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
    this.#scopes.open(origin, template.node);
    const substitution = substitutionOf(template, use, origin);
    for (const item of template.node.body) each(item, substitution);
  }

  #template(use: UseNode): Template | null {
    const node = this.#scopes.template(use.template);
    if (node !== undefined) return this.#templates.get(node) ?? null;
    const { text, span } = use.template;
    if (text.includes(".")) sayQualified(this.#report, this.#scopes, use.template, "template", (scope) => scope.templates);
    else if (!isDoubtful(this.#scopes, span, text)) {
      const near = nearName(this.#report, text, templateNames(this.#scopes, span));
      const hint =
        near !== null ? { near }
        : isSetName(this.#scopes, use.template) ? { isSet: true as const }
        : { templates: templatesOf(this.#scopes.of(span)) };
      this.#report.say("ING201", { of: "template", name: text, hint }, span);
    }
    return null;
  }

  /** Whether the arguments are as many as the parameters, and each of a kind that fits the place of its parameter. */
  #fits(use: UseNode, { node, slots }: Template): boolean {
    const { params } = node;
    if (params.length !== use.args.length) {
      this.#report.say("ING212", { template: node.name.text, as: use.template.text, params: params.map((p) => p.text), given: use.args.length }, use.span, {
        related: [{ span: node.name.span, label: "declared here" }],
      });
      return false;
    }
    let fits = true;
    const reported = new Set<string>();
    for (const { param, slot, span } of slots) {
      const arg = use.args[params.findIndex((p) => p.text === param)];
      if (arg === undefined || slot === "member" || reported.has(param)) continue;
      if (FITS[slot].includes(arg.kind)) continue;
      reported.add(param);
      fits = false;
      this.#report.say("ING214", { param, wanted: slot, argument: arg.kind }, arg.span, { related: [{ span, label: "the parameter is used here" }] });
    }
    return fits;
  }

  #misplaced(use: UseNode, span: Span, statement: string, place: "top_level" | "expose"): void {
    this.#whole = false;
    this.#report.say("ING420", { statement, place }, span, {
      related: [{ span: use.span, label: `used ${place === "expose" ? "in an expose" : "at top level"}` }],
    });
  }
}

/** INVARIANT: the arguments fit, so that nothing is refused on the way. */
function substitutionOf({ node }: Template, use: UseNode, origin: Origin): Substitution {
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
            ...arg,
            path: { ...arg.path, span: moved(arg.path.span, piece.span) },
            max: { ...arg.max, span: moved(arg.max.span, piece.span) },
            min: arg.min === null ? null : { ...arg.min, span: moved(arg.min.span, piece.span) },
            span: at,
          };
        default:
          return { ...arg, span: at };
      }
    },
  };
}

function templatesOf(scope: Scope): NameList {
  const { templates } = scope.outer ?? scope;
  return firstNames(templates.keys(), templates.size);
}
