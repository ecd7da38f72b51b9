// Concrete tree -> abstract tree: what each statement says, in the order of the text, with the
// place of every piece. The edition and misplaced statements are judged here; names and
// literals are checked in check/.
import { firstErrors, type Diagnostic } from "../diagnostics/diagnostic.ts";
import type { Cst, Parsed } from "../syntax/cst.ts";
import { attach } from "./annotations.ts";
import { judgeEdition } from "./edition.ts";
import type { PolicyNode } from "./nodes.ts";
import { isBroken, node, nodes, parts, piece, readerOf, type Reader } from "./reader.ts";
import { buildItems, isStatement } from "./statements.ts";

export interface Built {
  /** Null where the text can't be read as a policy of this edition at all. */
  readonly ast: PolicyNode | null;
  readonly diagnostics: readonly Diagnostic[];
}

export function build(parsed: Parsed): Built {
  return built(parsed, true);
}

/** Statements out of the middle of a text, where no `edition` is due. */
export function buildPart(parsed: Parsed): Built {
  return built(parsed, false);
}

/** Whether a text says its edition. */
export function hasEdition({ cst }: Parsed): boolean {
  return nodes(cst, "statement").some((statement) => node(statement, "edition") !== null);
}

function built(parsed: Parsed, isWhole: boolean): Built {
  const { file, cst } = parsed;
  if (cst === null) return { ast: null, diagnostics: [] };
  const r = readerOf(parsed);
  const written = nodes(cst, "statement");
  const edition = isWhole ? judgeEdition(r, parsed, written) : "known";
  if (edition === "unknown") return { ast: null, diagnostics: r.diagnostics };

  const statements = attach(r, buildItems(r, cst, "statement", "top")).filter(isStatement);
  const incomplete = parsed.diagnostics.length > 0 || r.diagnostics.length > 0;
  const diagnostics = firstErrors([...r.diagnostics].sort((a, b) => a.span.start - b.span.start));
  return { ast: { file, statements, incomplete, doubtful: doubts(r, parsed, written) }, diagnostics };
}

/** The kinds of names that the broken statements may have declared. */
function doubts(r: Reader, parsed: Parsed, written: readonly Cst[]): PolicyNode["doubtful"] {
  const imports = new Set<string>();
  let all = false;
  for (const cst of written.flatMap((statement) => parts(statement))) {
    switch (cst.name) {
      case "import": {
        const alias = piece(r, cst, "Name");
        if (!isBroken(r, cst)) break;
        if (alias === null) all = true;
        else imports.add(alias.text);
        break;
      }
      case "declaration":
        if (piece(r, cst, "Name") === null) all = true;
        break;
      case "expose":
        if (piece(r, node(cst, "exposeHead"), "Name") === null || isBroken(r, node(cst, "exposeHead") ?? cst)) all = true;
        break;
      case "template":
      case "use":
        if (isBroken(r, cst)) all = true;
        break;
    }
  }
  return { names: new Set(parsed.doubtful), imports, all };
}
