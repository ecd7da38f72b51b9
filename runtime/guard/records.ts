// Writes the broker's decisions: an audit line for each, a marker and a sentence for denials.
import { bindDenied } from "../abi/markers.ts";
import { formatEndpoint } from "../net/address.ts";
import type { DecidedCall } from "./broker.ts";

/** Denials are written at most so often; what is left out is counted. */
const LINES_A_SECOND = 10;
const SECOND_MS = 1_000;

export interface RecordsSetup {
  readonly service: string;
  /** UTC milliseconds. */
  readonly wallMs: () => number;
  /** Appends one line to the audit, without its end; null: there is none. Throws what the system says. */
  readonly append: ((line: string) => void) | null;
  readonly print: (line: string) => void;
}

export function createRecords({ service, wallMs, append, print }: RecordsSetup): (decided: DecidedCall) => void {
  let [second, lines, leftOut] = [0, 0, 0];
  let broken = false;

  function audit({ call, process, command, proto, local, decision }: DecidedCall): void {
    if (append === null) return;
    try {
      append(
        JSON.stringify({
          time: new Date(wallMs()).toISOString(),
          op: call,
          decision: decision.allowed ? "allow" : "deny",
          service,
          ...(local !== null && { local: formatEndpoint(local.address, local.port) }),
          ...(proto !== null && { proto }),
          ...(!decision.allowed && { reason: decision.reason }),
          code: decision.code,
          process,
          command,
        }),
      );
      broken = false;
    } catch (error) {
      if (!broken) print(`ingress-guard: the audit can't be written: ${error instanceof Error ? error.message : String(error)}`);
      broken = true;
    }
  }

  function warn({ call, process, command, proto, local, decision }: DecidedCall): void {
    const now = Math.floor(wallMs() / SECOND_MS);
    if (now !== second) {
      if (leftOut > 0) print(`ingress-guard: ${leftOut} more denials`);
      [second, lines, leftOut] = [now, 0, 0];
    }
    if (lines >= LINES_A_SECOND) {
      leftOut++;
      return;
    }
    lines++;
    print(bindDenied(service));
    const where = local === null ? "a socket" : `${formatEndpoint(local.address, local.port)}${proto === null ? "" : `/${proto}`}`;
    print(`ingress-guard: \`${command}\` (process ${process}) may not ${call === "bind" ? "bind" : "listen on"} ${where}: ${decision.code}`);
  }

  return (decided) => {
    audit(decided);
    if (!decided.decision.allowed) warn(decided);
  };
}
