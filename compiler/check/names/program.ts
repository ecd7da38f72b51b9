// The input of check/: the trees of all files of a policy, each file once. Types only; load.ts
// makes them.
import type { PolicyNode } from "../../ast/nodes.ts";

/** One file of a policy. */
export interface Unit {
  readonly ast: PolicyNode;
  /** By alias; null where the file could not be read, which was reported. */
  readonly imports: ReadonlyMap<string, Unit | null>;
}

export interface Program {
  /** The entry file first, then the others by their distance from it. */
  readonly units: readonly Unit[];
  /** True where anything was refused already, so that there can be no policy. */
  readonly incomplete: boolean;
}
