// Ends what is over by the clock, what another gateway has taken over, and flows whose backend is no longer its owner's.
import { CONNECTING, OPEN } from "../connection/states.ts";
import { isRemote, type Backend } from "../forward/backends.ts";
import { nearFault, ownerFault } from "./deciding.ts";
import { free, type Desk } from "./desk.ts";

export function sweep<A>(d: Desk<A>, now: number): void {
  const {
    table,
    flows,
    timers: { udp_fresh_ms: freshMs, udp_idle_ms: idleMs, lifetime_ms: lifetimeMs },
  } = d;
  /** Results of the owner checks: each backend is checked once a sweep. */
  const found = new Map<Backend, string | null>();
  const isOver = d.retiredMs !== null && now - d.retiredMs >= freshMs;
  for (const row of [...flows.rows()]) {
    if (isOver) {
      free(d, row, "done");
      continue;
    }
    const state = table.state[row];
    const backend = table.backend[row];
    if ((state !== CONNECTING && state !== OPEN) || backend === undefined) continue;
    let wrong = found.get(backend);
    if (wrong === undefined) {
      if (!isRemote(backend.address)) wrong = ownerFault(backend, null);
      else if (state === OPEN) wrong = nearFault(d, row, backend);
      if (wrong !== undefined) found.set(backend, wrong);
    }
    const age = now - (table.openedMs[row] ?? now);
    if (typeof wrong === "string") {
      d.decider.notOwned(row, wrong);
      d.decider.backendFailed(row, "not_owned");
      free(d, row, "backend_not_owned");
    } else if (flows.isFresh(row)) {
      if (age >= freshMs) free(d, row, (flows.datagramsOut[row] ?? 0) > 0 ? "done" : "unanswered");
    } else if (now - (table.activeMs[row] ?? now) >= idleMs) free(d, row, "idle");
    else if (lifetimeMs > 0 && age >= lifetimeMs) free(d, row, "lifetime");
  }
}
