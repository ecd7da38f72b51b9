// The side of a takeover that gives: it stops deciding, relays its connections to their end, and ends. takeover/giving.ts
// says when.
import { endLease } from "./intents/end_lease.ts";
import type { Parts } from "./parts.ts";
import type { DaemonSetup, Handing } from "./setup.ts";

type Reporting = Parameters<Handing["handedOver"]>[0];

export interface HandingOverSetup {
  readonly setup: Pick<DaemonSetup, "say" | "clock" | "config">;
  readonly parts: Parts;
  /** No reload is to begin any more. */
  readonly end: () => void;
  /** Refuses connections that have not yet said what they want. */
  readonly refuseUnread: () => void;
  /** Cuts every connection. */
  readonly cut: () => void;
  /** Its last connection has ended. */
  readonly over: () => void;
}

export class HandingOver {
  readonly #of: HandingOverSetup;
  #isHandedOver = false;

  constructor(of: HandingOverSetup) {
    this.#of = of;
    Object.assign(of.parts.handing, {
      handedOver: (report: Reporting) => this.#handOver(report),
      done: () => this.#handedOver(),
      abandoned: () => this.#abandoned(),
    });
  }

  /** Another gateway decides. */
  get isHandedOver(): boolean {
    return this.#isHandedOver;
  }

  /** Another gateway serves: this one relays its connections to their end, and decides nothing. */
  #handOver(report: Reporting): void {
    const { parts, end, refuseUnread } = this.#of;
    const { context } = parts;
    const { ports, flows } = context;
    const { admitter, reports, own, audit, inherited } = parts;
    this.#isHandedOver = true;
    end();
    context.source?.stop();
    reports.handedOver();
    admitter.drain();
    refuseUnread();
    context.recorder.handOver();
    audit.handOver((lines, ends) => {
      if (lines.length > 0) report("takeover_records", { lines });
      if (ends.length > 0) report("takeover_end_records", { lines: ends });
    });
    for (const open of ports.all()) ports.close(open);
    flows.retire();
    inherited.close();
    own.control?.unlisten();
    own.http?.close();
  }

  /** The other gateway takes registrations. */
  #handedOver(): void {
    const { parts, over } = this.#of;
    const { context, own } = parts;
    const { leases, forwarder } = context;
    for (const lease of leases.all()) endLease(context, lease, { because: "another gateway has taken over", word: "shutdown" });
    own.control?.closeClients((client) => context.giving.isOwner(client));
    void forwarder.drained().then(over);
  }

  /** INVARIANT: nobody enforces a policy on what is left, so it is not left for long. */
  #abandoned(): void {
    const { setup, cut } = this.#of;
    setup.say("the gateway that took over has ended: connections that this one relays end within timers.drain_ms");
    setup.clock.after(setup.config.timers.drain_ms, () => cut());
    this.#handedOver();
  }
}
