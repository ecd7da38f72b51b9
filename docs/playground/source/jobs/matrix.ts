// The exposure matrix of the policy, or of a change from an older one; and the change in words.
import { differenceLines } from "../../../../compiler/cli/analysis/difference_lines.ts";
import type { Side } from "../../../../compiler/cli/analysis/side.ts";
import { differenceOf } from "../../../../compiler/analysis/difference.ts";
import { modelOf, SharedSets, type PolicyModel } from "../../../../compiler/analysis/model.ts";
import { withinBudget } from "../../../../compiler/analysis/permitted.ts";
import { cellText, rowDetail, summaryText } from "../../../../compiler/graph/cell_words.ts";
import { matrixOf, type Matrix, type MatrixCell, type MatrixSide } from "../../../../compiler/graph/matrix.ts";
import { columnText, letterOf } from "../../../../compiler/graph/table.ts";
import { namedNets } from "../../../../compiler/wording/named_nets.ts";
import type { ChangeLine, MatrixCellShown, MatrixShown } from "../messages.ts";
import { compiledText, FILE, type Ready } from "./compiled.ts";

const NOT_PROVEN = "not proven: the policy needs more nodes of the analysis than this page allows";

/** `older` null: of one policy. */
export function matrix({ text, older }: { readonly text: string; readonly older: string | null }): MatrixShown | { readonly trouble: string } {
  const after = compiledText(text);
  if (after.ready === null) return { trouble: "the policy has an error" };
  const before = older === null ? null : compiledText(older);
  if (before !== null && before.ready === null) {
    const [first] = before.errors;
    return { trouble: `the older policy has an error${first === undefined ? "" : `: ${first.message}`}` };
  }
  const shared = new SharedSets();
  const sides = [before?.ready ?? null, after.ready].map((ready) => (ready === null ? null : { ready, model: modelIn(ready, shared) }));
  const [old = null, now = null] = sides;
  if (now === null) throw new Error("the policy has no model");
  const found = matrixOf(old === null ? null : sideIn(old), sideIn(now));
  if (!found.ok) return { trouble: NOT_PROVEN };
  const changes = old === null ? null : changesOf(old, now);
  return changes === "not proven" ? { trouble: NOT_PROVEN } : shown(found.value, changes);
}

interface Modelled {
  readonly ready: Ready;
  readonly model: PolicyModel;
}

function modelIn({ module }: Ready, shared: SharedSets): PolicyModel {
  const model = modelOf(module, shared);
  if (!model.ok) throw new Error(model.error);
  return model.value;
}

function sideIn({ ready, model }: Modelled): MatrixSide {
  return { model, nets: namedNets(ready.policy) };
}

/** The lines of `ingressc diff`, the most dangerous first. */
function changesOf(old: Modelled, now: Modelled): readonly ChangeLine[] | "not proven" {
  const side = ({ ready, model }: Modelled): Side => ({
    path: FILE,
    isModule: false,
    model,
    owners: ready.policy.exposes.map(({ annotations }) => annotations.owner),
    places: [],
    nets: namedNets(ready.policy),
  });
  const lines = withinBudget(() => differenceLines(differenceOf(old.model, now.model), side(old), side(now)));
  if (!lines.ok) return "not proven";
  return lines.value.map(({ effect, listener, place, text, witness }) => ({ effect, listener, place, text, example: witness }));
}

function shown(found: Matrix, changes: MatrixShown["changes"]): MatrixShown {
  return {
    summary: summaryText(found),
    isDifference: found.isDifference,
    columns: found.columns.map((column, i) => ({ letter: letterOf(i), text: columnText(column) })),
    rows: found.rows.map((row) => ({ listener: row.listener, detail: rowDetail(row), cells: row.cells.map(cellShown) })),
    moreRows: found.moreRows,
    changes,
  };
}

function cellShown(cell: MatrixCell): MatrixCellShown {
  const { after, opens, closes } = cell;
  return {
    verdict:
      after.verdict === "refused" ? "deny"
      : after.verdict === "admitted" ? "allow"
      : "depends",
    word:
      after.verdict === "refused" ? "no"
      : after.verdict === "admitted" ? "yes"
      : after.verdict === "partly" ? "part"
      : "if",
    limited: after.limited,
    opens,
    closes,
    says: cellText(cell),
  };
}
