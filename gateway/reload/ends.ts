// A stream whose `until` passes is decided again, as at a reload. Nothing is
// looked at before one of the policy's ends has passed.
import { CODE_RECHECKED } from "../../runtime/abi/verdicts.ts";
import { denial } from "../../runtime/host/decision.ts";
import type { PolicyEngine } from "../../runtime/host/module.ts";
import type { InForce } from "../admit/desk.ts";
import type { Entry, Recorder } from "../audit/recorder.ts";
import type { GatewayClock } from "../clock.ts";
import { CONNECTING, OPEN } from "../connection/states.ts";
import type { Forwarder } from "../connection/forwarder.ts";
import type { Ports } from "../listen/ports.ts";
import { connectionFacts } from "../admit/entries.ts";
import { decisionNow } from "./recheck.ts";

export interface EndsSetup {
  readonly inForce: InForce;
  readonly forwarder: Forwarder;
  readonly recorder: Recorder;
  readonly ports: Ports;
  readonly clock: GatewayClock;
  readonly onReload: () => "recheck" | "keep";
}

/** To be called on a tick; returns how many streams were closed. */
export function createEnds({ inForce, forwarder, recorder, ports, clock, onReload }: EndsSetup): () => number {
  let known: PolicyEngine | null = null;
  /** UTC seconds, those still to come, rising. */
  let ends: number[] = [];
  /** When it was looked the last time: an end may pass between a swap and the first look after it. */
  let looked = Math.floor(clock.wallMs() / 1000);

  return () => {
    const { engine, generation } = inForce;
    const now = Math.floor(clock.wallMs() / 1000);
    if (engine !== known) {
      known = engine;
      const untils = (engine?.info.rules ?? []).flatMap(({ until, dryrun }) => (until === null || dryrun ? [] : [until]));
      ends = [...new Set(untils)].filter((end) => end > looked).sort((a, b) => a - b);
    }
    looked = now;
    if (engine === null || (ends[0] ?? Infinity) > now) return 0;
    ends = ends.filter((end) => end > now);
    if (onReload() === "keep") return 0;
    engine.setClock({ monoMs: clock.monoMs(), wallSeconds: now });
    const { table } = forwarder;
    const refused: { readonly row: number; readonly entry: Entry }[] = [];
    for (let row = 0; row < table.rows; row++) {
      const state = table.state[row];
      const listener = table.listener[row] ?? -1;
      const source = table.sourceOf(row);
      if ((state !== OPEN && state !== CONNECTING) || listener < 0 || typeof source === "number") continue;
      const decision = decisionNow(engine, listener, source, table.name[row], table.identity[row]);
      if (decision.allowed) continue;
      const open = ports.numbered(table.socket[row] ?? 0);
      refused.push({
        row,
        entry: {
          op: "recheck",
          decision: denial(CODE_RECHECKED, decision.rule),
          ...connectionFacts(table, row, open, generation),
          detail: decision.code,
        },
      });
    }
    if (refused.length === 0) return 0;
    recorder.record(
      refused.map(({ entry }) => entry),
      engine.info,
    );
    for (const { row } of refused) forwarder.cut(row, "rechecked");
    return refused.length;
  };
}
