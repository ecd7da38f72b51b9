// The engine code that this release runs: its own and the previous release's, so that compiled
// policies outlive an upgrade. Any other code is refused, whatever it says of itself.
import { ENGINE_ABI_VERSION, ENGINE_CODE_SHA256 } from "./pin.ts";

export interface KnownEngine {
  /** SHA-256 over `pinnedBytes`, lower-case hex. */
  readonly code: string;
  readonly abiVersion: number;
}

/** This release's engine, then that of 0.1.0, which knows neither names nor ends nor shadows. */
export const KNOWN_ENGINES: readonly KnownEngine[] = [
  { code: ENGINE_CODE_SHA256, abiVersion: ENGINE_ABI_VERSION },
  { code: "353b42849f6d851547e408a1b956bc2a4c3bbefc5a564eac86367fbe46c899b3", abiVersion: 1 },
];
