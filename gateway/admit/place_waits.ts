// Which refused connections wait for a place of their source; connection/places.ts has the waits.
import type { Answer } from "../../runtime/host/decision.ts";
import type { ListenerInfo } from "../../runtime/host/module.ts";
import type { PolicyInForce } from "../../runtime/shell/policy_in_force.ts";
import type { PlaceKeys, Places } from "../connection/places.ts";
import type { ConnectionTable } from "../connection/table.ts";
import type { TlsContext } from "../tls/secure.ts";
import { capKeysOf, fullKeysOf } from "./cap_key.ts";

/** Of listeners of the policy in force. */
export function placeKeys(inForce: Pick<PolicyInForce, "engine">): PlaceKeys {
  return (listener, source, zone) => {
    const info = inForce.engine?.info.listeners[listener];
    return info === undefined ? [] : capKeysOf(info, source, zone);
  };
}

export interface PlaceWaitsSetup {
  readonly table: ConnectionTable;
  readonly places: Pick<Places, "waitsFor" | "decided" | "count">;
}

/** Whether the row waits undecided, because a cap per source is full. Any other answer ends its wait. */
export function waitsForPlace({ table, places }: PlaceWaitsSetup, row: number, info: ListenerInfo | undefined, answer: Answer | TlsContext): boolean {
  const source = table.sourceOf(row);
  const isFull = "allowed" in answer && !answer.allowed && !answer.later && answer.code === "cap_source";
  if (isFull && info !== undefined && typeof source !== "number") {
    const full = fullKeysOf(info, source, table.zone[row] ?? 0, (key) => places.count(key));
    return places.waitsFor(row, info.id, full);
  }
  places.decided(row);
  return false;
}
