// Between two changes of policy: interface addresses come and go, leases begin and end, certificates become good.
// Opens what ought to be open and is not, closes what ought not to be.
import type { PolicyEngine } from "../../runtime/host/module.ts";
import type { HostAddress } from "../listen/addresses.ts";
import { portsOf } from "./openings.ts";
import { tidy, type SwapSetup } from "./swap.ts";

export type ReconcileSetup = Pick<
  SwapSetup,
  "inForce" | "openings" | "ports" | "leases" | "backends" | "forwarder" | "hostAddresses" | "closedBecause" | "ending"
>;

export class Reconciler {
  readonly #setup: ReconcileSetup;
  /** The situation that the last call left nothing undone in; "" when there was none. */
  #settled = "";

  constructor(setup: ReconcileSetup) {
    this.#setup = setup;
  }

  /** Call it in a turn of its own. Nothing is walked again while nothing can have changed. */
  async reconcile(): Promise<void> {
    const {
      inForce: { engine, generation },
      openings,
      ports,
      backends,
      hostAddresses,
      ending,
    } = this.#setup;
    if (engine === null) return;
    const host = hostAddresses();
    const now = this.#situation(engine, host);
    if (now === this.#settled) return;
    this.#settled = "";
    backends.remote.hostChanged();
    const want = openings.wanted(engine, host);
    if (!want.ok) {
      openings.sayOnce("", want.error);
      return;
    }
    const before = portsOf(ports.all());
    for (const open of ports.all()) {
      const serves = want.value.get(open.key);
      if (serves === undefined) ports.close(open);
      // A certificate that is good by now may have an expose more on an open port.
      else if (serves.isGroup) open.serves = serves;
    }
    const { opened, failures } = await openings.openNow(openings.missing(want.value), engine, generation);
    if (ending.aborted) return;
    openings.announce(opened, before);
    if (failures.length === 0) openings.sayUnserved(engine);
    tidy(this.#setup);
    if (failures.length === 0) this.#settled = now;
  }

  /** Everything that what ought to be open, and what is open, depend on. */
  #situation(engine: PolicyEngine, host: readonly HostAddress[]): string {
    const { inForce, leases, ports, closedBecause } = this.#setup;
    const granted = leases
      .all()
      .map(({ id }) => id)
      .join();
    const closed = engine.info.listeners
      .filter((info) => closedBecause(info) !== null)
      .map(({ id }) => id)
      .join();
    return `${inForce.generation} ${String(engine.poisoned)} ${host.join(" ")} ${granted} ${closed} ${ports.losses}`;
  }
}
