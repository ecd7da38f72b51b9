// The two ends of a change of policy: what was done, or why nothing was.
import type { LoadFailure } from "../../runtime/shell/policy_check.ts";

export interface Report {
  readonly generation: number;
  /** The module's own hash. */
  readonly sha256: string;
  readonly opened: readonly string[];
  readonly closed: readonly string[];
  /** Established connections that the new policy refused and that were closed. */
  readonly rechecked: number;
  /** Ports that ought to be open and are not; they are tried again. */
  readonly failed: readonly string[];
}

export interface Refused {
  /**
   * `policy`: it can't be served; `keys`: it can't be verified; `port`: a port could not be opened;
   * `state`: it could not be written to the disk; `participant`: another party of the change refused or failed;
   * `config`: the configuration can't be read, or can't be put in force;
   * `sockets`: this process was given sockets that the policy does not expose.
   * `takeover`: the gateway that runs could not be taken over.
   * `source`: nothing could be pulled from `policy.source`.
   * Of a change that a coordinator prepares, commits or aborts also `busy`: another one is prepared; `aborted`: it is
   * over; `committed`: it is in force; `unknown`: no change has that id.
   */
  readonly cause:
    "policy" | "config" | "keys" | "port" | "state" | "participant" | "sockets" | "takeover" | "source" | "busy" | "aborted" | "committed" | "unknown";
  readonly message: string;
}

export const STOPPING: Refused = { cause: "policy", message: "the gateway is stopping: nothing was loaded" };

export function refusedBy({ cause, message }: LoadFailure): Refused {
  return cause === "ending" ? STOPPING : { cause, message };
}

export function reportSentence(report: Report): string {
  const part = (name: string, list: readonly string[]): string => (list.length > 0 ? `, ${name} ${list.join(" ")}` : "");
  return (
    `policy generation ${report.generation} (${report.sha256.slice(0, 12)}) is in force` +
    part("opened", report.opened) +
    part("closed", report.closed) +
    (report.rechecked > 0 ? `, ${report.rechecked} connections closed` : "") +
    (report.failed.length > 0 ? `; not open: ${report.failed.join("; ")}` : "")
  );
}
