// Concrete tree -> abstract tree: what each statement says, in the order of the text, with the
// place of every piece. Here everything of edition 1 that this release does not have gets its
// one diagnostic, and the edition is judged; names and literals are left for check/.
import { firstErrors, type Diagnostic } from "../diagnostic.ts";
import type { Parsed } from "../syntax/cst.ts";
import { judgeEdition } from "./edition.ts";
import { buildExpose, buildLater } from "./expose.ts";
import type { ExposeNode, NetNode, PolicyNode, PortsNode, RuleNode, TestNode } from "./nodes.ts";
import { isBroken, node, nodes, notYet, piece, readerOf, spanOf } from "./reader.ts";
import { buildRule } from "./rules.ts";
import { buildSet } from "./sets.ts";
import { buildTest } from "./tests.ts";

export interface Built {
  /** Null where the text can't be read as a policy of this edition at all. */
  readonly ast: PolicyNode | null;
  readonly diagnostics: readonly Diagnostic[];
}

export function build(parsed: Parsed): Built {
  const { file, cst } = parsed;
  if (cst === null) return { ast: null, diagnostics: [] };
  const r = readerOf(parsed);
  const statements = nodes(cst, "statement");
  const edition = judgeEdition(r, parsed, statements);
  if (edition === "unknown") return { ast: null, diagnostics: r.diagnostics };

  const nets: NetNode[] = [];
  const ports: PortsNode[] = [];
  const exposes: ExposeNode[] = [];
  const denies: RuleNode[] = [];
  const tests: TestNode[] = [];
  const names = new Set(parsed.doubtful);
  const imports = new Set<string>();
  let all = false;

  for (const statement of statements) {
    for (const kind of ["net", "ports"] as const) {
      const cstOfSet = node(statement, kind);
      const name = piece(r, cstOfSet, "Name");
      if (cstOfSet === null) continue;
      if (name === null) {
        all = true;
        continue;
      }
      const written = node(cstOfSet, "set");
      const span = spanOf(r, cstOfSet);
      const set = written === null ? { members: [], except: null, broken: true, span } : buildSet(r, written);
      const whole = isBroken(r, cstOfSet) ? { ...set, broken: true } : set;
      if (kind === "net") nets.push({ kind, name, set: whole, span });
      else ports.push({ kind, name, set: whole, span });
    }
    const expose = node(statement, "expose");
    if (expose !== null) {
      const built = buildExpose(r, expose);
      if (built !== null) exposes.push(built);
      if (built === null || isBroken(r, node(expose, "exposeHead") ?? expose)) all = true;
    }
    const deny = node(statement, "deny");
    if (deny !== null) denies.push(buildRule(r, deny, "deny", "top"));
    const test = node(statement, "test");
    if (test !== null) {
      const built = buildTest(r, test);
      if (built !== null) tests.push(built);
    }
    const imported = node(statement, "import");
    const alias = piece(r, imported, "Name");
    if (alias !== null) imports.add(alias.text);
    const laterName = piece(r, node(statement, "laterSet"), "Name");
    if (laterName !== null) names.add(laterName.text);
    if (node(statement, "use") !== null) all = true;
    for (const [rule, word] of LATER) {
      const found = piece(r, node(statement, rule), word);
      if (found !== null) notYet(r, found);
    }
    buildLater(r, statement);
  }
  const incomplete = parsed.diagnostics.length > 0 || r.diagnostics.length > 0;
  const diagnostics = firstErrors([...r.diagnostics].sort((a, b) => a.span.start - b.span.start));
  return { ast: { file, nets, ports, exposes, denies, tests, incomplete, doubtful: { names, imports, all } }, diagnostics };
}

/** Statements that are refused whole, by the word that they begin with. */
const LATER = [
  ["import", "kw_import"],
  ["laterSet", "kw_hosts"],
  ["laterSet", "kw_ids"],
  ["laterBlock", "kw_template"],
  ["laterBlock", "kw_budget"],
  ["laterBlock", "kw_invariant"],
] as const;
