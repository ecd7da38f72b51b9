// A policy or a compiled module as the analysis reads it: always from the semantic JSON that the module has, so that both are
// answered alike.
import { failed, ok, type Result } from "../../../runtime/result/result.ts";
import { loadPolicy } from "../../../runtime/host/load.ts";
import { modelOf, readModel, SharedSets, type PolicyModel } from "../../analysis/model.ts";
import type { CheckedPolicy } from "../../policy/policy.ts";
import { positionOf } from "../../source/source.ts";
import { compileFile, shownPath, type Compiled } from "../compiled.ts";
import { beginModule, looksLikeModule, readModule, refusedModule } from "../modules.ts";
import type { Outcome } from "../outcome.ts";
import type { Progress } from "../progress.ts";
import type { NamedNet } from "../../wording/largest_parts.ts";
import { namedNets } from "../../wording/named_nets.ts";

export interface Side {
  readonly path: string;
  /** Its meaning is what the module says of itself, which nothing has compared with its code. */
  readonly isModule: boolean;
  readonly model: PolicyModel;
  /** By listener; null: nobody is named. */
  readonly owners: readonly (string | null)[];
  /** By listener, where it is declared; a module has none. */
  readonly places: readonly { readonly file: string; readonly line: number }[];
  /** Declared nets; a module has none. */
  readonly nets: readonly NamedNet[];
}

/** `shared`: of the sides that are compared with it. */
export function readSide(path: string, progress: Progress, shared = new SharedSets()): Result<Side, Outcome> {
  return path.endsWith(".wasm") || beginsAsModule(path) ? moduleSide(path, progress, shared) : policySide(path, progress, shared);
}

function beginsAsModule(path: string): boolean {
  const bytes = readModule(path);
  return bytes.ok && looksLikeModule(bytes.value);
}

function moduleSide(path: string, progress: Progress, shared: SharedSets): Result<Side, Outcome> {
  const read = readModule(path);
  if (!read.ok) return read;
  beginModule(progress, read.value);
  return sideOfModule(path, read.value, shared);
}

export function sideOfModule(path: string, module: Uint8Array, shared: SharedSets): Result<Side, Outcome> {
  const loaded = loadPolicy(module);
  if (!loaded.ok) return failed(refusedModule(path, loaded.error));
  const model = modelOf(module, shared);
  if (!model.ok) return failed(unreadable(path, model.error));
  return ok({
    path,
    isModule: true,
    model: model.value,
    owners: loaded.value.info.listeners.map(({ annotations }) => annotations.owner),
    places: [],
    nets: [],
  });
}

function policySide(path: string, progress: Progress, shared: SharedSets): Result<Side, Outcome> {
  const compiled = compileFile(path, "host", progress);
  if (!compiled.ok) return failed(compiled.error.outcome);
  return sideOfPolicy(path, compiled.value, shared);
}

export function sideOfPolicy(path: string, { policy, semantic, disk }: Compiled, shared = new SharedSets()): Result<Side, Outcome> {
  const model = readModel(new TextDecoder().decode(semantic), shared);
  if (!model.ok) return failed(unreadable(path, model.error));
  return ok({
    path,
    isModule: false,
    model: model.value,
    owners: policy.exposes.map(({ annotations }) => annotations.owner),
    places: placesOf(policy, disk.root),
    nets: namedNets(policy),
  });
}

function placesOf({ exposes }: CheckedPolicy, root: string): Side["places"] {
  return exposes.map(({ span }) => ({ file: shownPath(root, span.file.path), line: positionOf(span.file, span.start).line }));
}

function unreadable(path: string, why: string): Outcome {
  return {
    class: "unsupported",
    code: "policy.not_comparable",
    message: `\`${path}\` can't be compared: ${why}`,
    help: "compare it with the release that built it",
  };
}
