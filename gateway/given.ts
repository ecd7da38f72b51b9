// Values that are read before any part is made: the state directory, the limit of descriptors, the guard's key, the blocks.
import { failed, ok, type Result } from "../runtime/result/result.ts";
import { systemDisk } from "../runtime/shell/disk.ts";
import { prepareStateDirectory } from "../runtime/shell/revision.ts";
import { Blocks } from "./blocks/blocks.ts";
import { KeptBlocks } from "./blocks/kept_blocks.ts";
import { connectionCap, openFileLimit } from "./descriptors.ts";
import { EXIT_REJECTED, failure, isFailure, type Failure } from "./exit.ts";
import { readGuardKey } from "./intents/guard_key.ts";
import { NEEDS_STATE, type ConnectionCap } from "./live_parts.ts";
import { createKeeper, type Keeper } from "./reload/keeper.ts";
import type { DaemonSetup } from "./setup.ts";

export interface Given {
  readonly keeper: Keeper | null;
  readonly cap: ConnectionCap;
  readonly guardKey: Uint8Array | null;
  readonly blocks: Blocks;
  readonly keptBlocks: KeptBlocks | null;
}

export function readGiven({ stateDirectory, config, disk = systemDisk, clock, say }: DaemonSetup): Result<Given, Failure> {
  const keeper = openKeeper({ stateDirectory, config, disk });
  if (!keeper.ok) return keeper;
  const cap = connectionCap(config, openFileLimit(), say);
  if (isFailure(cap)) return failed(cap);
  const guardKey = readGuardKey(config.guard.key_file);
  if (!guardKey.ok) return guardKey;
  const blocks = new Blocks(clock);
  const keptBlocks = stateDirectory === null ? null : new KeptBlocks(stateDirectory, blocks, disk);
  const loaded = keptBlocks?.load() ?? ok(null);
  if (!loaded.ok) return failed(failure(EXIT_REJECTED, loaded.error));
  return ok({ keeper: keeper.value, cap: { now: cap }, guardKey: guardKey.value, blocks, keptBlocks });
}

/** INVARIANT: where keys are trusted there is a mark, because otherwise an older policy could be loaded again. */
function openKeeper({
  stateDirectory,
  config,
  disk,
}: Pick<DaemonSetup, "stateDirectory" | "config"> & Required<Pick<DaemonSetup, "disk">>): Result<Keeper | null, Failure> {
  if (stateDirectory === null) {
    return config.policy.trusted_keys === undefined ? ok(null) : failed(failure(EXIT_REJECTED, NEEDS_STATE));
  }
  const refused = prepareStateDirectory(stateDirectory, "ingressd", "state_dir");
  return refused !== null ? failed(failure(EXIT_REJECTED, refused)) : ok(createKeeper(stateDirectory, () => config.policy.max_bytes, disk));
}
