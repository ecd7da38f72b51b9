// The periodic work of a running gateway: it ends what is over, opens what may open, and reads certificates anew.
import { closedExposes } from "./methods/closed.ts";
import { endLease } from "./intents/end_lease.ts";
import type { Parts } from "./parts.ts";
import { cutRevoked } from "./reload/cut_revoked.ts";
import type { DaemonSetup } from "./setup.ts";
import type { Which } from "./tls/credential_files.ts";

export class Ticks {
  readonly #setup: DaemonSetup;
  readonly #parts: Parts;
  /** Another gateway decides; only what is relayed here is looked after. */
  readonly #isIdle: () => boolean;
  /** That the module has failed was said. */
  #poisonSaid = false;

  constructor(setup: DaemonSetup, parts: Parts, isIdle: () => boolean) {
    this.#setup = setup;
    this.#parts = parts;
    this.#isIdle = isIdle;
  }

  sweep(): void {
    const { clock, say } = this.#setup;
    const { context, passEnds, descriptors, credentials } = this.#parts;
    const { forwarder, leases, withdrawn, inForce } = context;
    const now = clock.monoMs();
    forwarder.sweep(now);
    context.recorder.flush();
    if (this.#isIdle()) return;
    passEnds();
    if (context.blocks.passEnds() > 0)
      void context.keptBlocks?.keep().catch((error: unknown) => say(`expired blocks could not be removed from the state directory: ${String(error)}`));
    for (const lease of leases.expired(now)) endLease(context, lease, { because: "its time is over: renew it sooner", word: "expired" });
    withdrawn.look();
    descriptors.check();
    credentials.warnOfEnds();
    credentials.rotateTickets();
    const poisoned = inForce.engine?.poisoned === true;
    if (poisoned && !this.#poisonSaid) say("the policy module has failed: every connection is refused until a reload puts a module in force");
    this.#poisonSaid = poisoned;
  }

  poll(): void {
    const { say } = this.#setup;
    const { context } = this.#parts;
    if (this.#isIdle()) return;
    void context.turns(() => this.#parts.reconciler.reconcile()).catch((error: unknown) => say(`the ports could not be checked: ${String(error)}`));
    // Also without a watcher, and where it is time alone that makes a certificate good.
    if (this.#parts.credentials.hasNewFiles()) void this.renew("all").catch((error: unknown) => say(`the certificates could not be renewed: ${String(error)}`));
    else if (closedExposes(context).length > 0)
      void this.renew("missing").catch((error: unknown) => say(`the certificates could not be renewed: ${String(error)}`));
  }

  /** A certificate's files may have changed: shown from the next handshake on. Exposes that were closed without them open. */
  renew(which: Which): Promise<readonly string[]> {
    const {
      context: { turns },
      credentials,
      reconciler,
    } = this.#parts;
    return turns(async () => {
      const changed = credentials.renew(which);
      if (changed.length > 0) {
        this.#setup.say(`certificates and authorities renewed: ${changed.join(" ")}`);
        const { forwarder, recorder, ports } = this.#parts.context;
        const cut = await cutRevoked({ forwarder, recorder, ports, isRevoked: ({ ca, certificate }) => credentials.isRevoked(ca, certificate) });
        if (cut > 0) this.#setup.say(`${cut} connections are closed, because their certificates are revoked`);
      }
      await reconciler.reconcile();
      return changed;
    });
  }
}
