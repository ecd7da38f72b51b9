// A checked policy for another program: refused with its clauses, or the files, and the clauses that they omit.
import { diagnostic, type Diagnostic } from "../diagnostics/diagnostic.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type { ListenerModel, PolicyModel } from "../analysis/model.ts";
import type { CheckedPolicy } from "../policy/policy.ts";
import type { SourceFile } from "../source/source.ts";
import type { Emitter, Files, Options } from "./emitter.ts";
import { analysed, nextChange, placesOf, type Place, type Plan } from "./plan.ts";
import { judged, type Without } from "./refusals.ts";

export interface Settings extends Options {
  readonly without: Without;
  /** UTC seconds; null: every moment, where the target knows the time. */
  readonly asOf: number | null;
  /** With `wholeHost`: nobody needs tcp 22. */
  readonly noSsh: boolean;
  /** The most of the analysis. */
  readonly nodes: number;
}

export interface Source {
  readonly entry: SourceFile;
  readonly policy: CheckedPolicy;
  readonly model: PolicyModel;
  /** The compiled module, of which `model` was read. */
  readonly module: Uint8Array;
  readonly hash: string;
}

export interface Written {
  readonly files: Files;
  /** Files beside them. */
  readonly binaries: ReadonlyMap<string, Uint8Array>;
  readonly plan: Plan;
}

/** Whether a target has a part in what a listener admits. */
export function hasPart({ can }: Emitter): (listener: ListenerModel) => boolean {
  return ({ mode }) => mode !== "direct" || can.direct === "written";
}

/** Throws OutOfNodes where the budget is used up. */
export function write({ entry, policy, model, module, hash }: Source, target: Emitter, settings: Settings): Result<Written, readonly Diagnostic[]> {
  const { refused, leftOut } = judged(policy, target, settings.without, settings.asOf !== null);
  if (refused.length > 0) return failed(refused);
  const from = analysed(model, settings.nodes);
  const asOf = settings.asOf === null ? null : { at: settings.asOf, next: nextChange(from, settings.asOf) };
  const places = placesOf(from, hasPart(target), settings.asOf);
  const plan: Plan = { exposes: policy.exposes, listeners: model.listeners, module, places, leftOut, hash, asOf };
  if (settings.wholeHost && !settings.noSsh && !plan.places.some(admitsSsh))
    return failed([diagnostic("ING908", { target: target.name }, { file: entry, start: 0, end: 0 })]);
  const files = target.emit(plan, settings);
  if (files.ok) return ok({ files: files.value, binaries: target.binaries?.(plan) ?? new Map<string, Uint8Array>(), plan });
  return failed(
    files.error.flatMap(({ listener, what }) => {
      const expose = policy.exposes[listener];
      return expose === undefined ? [] : [diagnostic("ING907", { target: target.name, expose: expose.name, what }, expose.span)];
    }),
  );
}

function admitsSsh({ proto, ports, grants }: Place): boolean {
  return proto === "tcp" && grants.length > 0 && ports.some(({ first, last }) => first <= 22 && 22 <= last);
}
