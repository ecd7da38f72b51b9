// Time as the gateway is given it: runtime/shell/clock.ts reads the real clocks.
import type * as shell from "../runtime/shell/clock.ts";

export type GatewayClock = shell.Clock;
export type Cancel = shell.Cancel;
