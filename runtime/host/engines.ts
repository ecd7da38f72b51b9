// The engine code that this release runs: its own and that of the two releases before it, so that compiled policies still load
// after an upgrade. Any other code is refused, whatever version it claims.
import { ENGINE_ABI_VERSION, ENGINE_CODE_SHA256 } from "./pin.ts";

export interface KnownEngine {
  /** SHA-256 over `pinnedBytes`, lower-case hex. */
  readonly code: string;
  readonly abiVersion: number;
}

/** This release's engine, then that of 0.2.0, whose cells are one row of all columns per class, then that of 0.1.0, without names and times. */
export const KNOWN_ENGINES: readonly KnownEngine[] = [
  { code: ENGINE_CODE_SHA256, abiVersion: ENGINE_ABI_VERSION },
  { code: "c3d93de5d46bcbd290792ab99374864c8d93c5e2280e51ce1bb58db8791debe2", abiVersion: 2 },
  { code: "353b42849f6d851547e408a1b956bc2a4c3bbefc5a564eac86367fbe46c899b3", abiVersion: 1 },
];
