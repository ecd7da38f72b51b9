// The answer of phase 1 takes effect: a refusal ends the connection, and a connection that is admitted or open enters its next stage.
import type { Answer } from "../../runtime/host/decision.ts";
import { begin as beginConnecting } from "./connecting.ts";
import { begin as beginReading } from "./reading.ts";
import { free, type Stage } from "./stage.ts";
import { REFUSED } from "./states.ts";

export function settle(s: Stage, row: number, answer: Answer | undefined): void {
  if (answer === undefined || (!answer.allowed && !answer.later)) {
    free(s, row, REFUSED, null);
    return;
  }
  s.transport.keep(row);
  if (answer.allowed) beginConnecting(s, row, answer);
  else beginReading(s, row);
}
