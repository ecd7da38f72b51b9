// Watches the files that a gateway reads: the policy, the configuration, certificates and authorities.
import { watchFile } from "../runtime/shell/watch.ts";
import type { Cancel } from "./clock.ts";
import type { Parts } from "./parts.ts";
import type { DaemonSetup } from "./setup.ts";

export class Watching {
  readonly #setup: DaemonSetup;
  readonly #parts: Parts;
  readonly #renew: () => Promise<unknown>;
  readonly #watchers: Cancel[] = [];
  readonly #ofCredentials = new Map<string, Cancel>();

  /** `renew` is called when a certificate or an authority has changed. */
  constructor(setup: DaemonSetup, parts: Parts, renew: () => Promise<unknown>) {
    this.#setup = setup;
    this.#parts = parts;
    this.#renew = renew;
  }

  cancel(): void {
    for (const cancel of [...this.#watchers.splice(0), ...this.#ofCredentials.values()]) cancel();
    this.#ofCredentials.clear();
  }

  policy(): void {
    const { policyPath, clock, say } = this.#setup;
    const { reloader, source } = this.#parts.context;
    const changed = (): void => void reloader.changed().catch((error: unknown) => say(`the reload failed: ${String(error)}`));
    // The file of a source changes by its follower alone.
    if (source === null) this.#watchers.push(watchFile({ path: policyPath, clock, say, changed }));
    this.credentials();
  }

  config(path: string): void {
    const { clock, say } = this.#setup;
    const { reloader, source } = this.#parts.context;
    const changed = (): void => void (source ?? reloader).configChanged().catch((error: unknown) => say(`the reload failed: ${String(error)}`));
    this.#watchers.push(watchFile({ path, clock, say, changed }));
  }

  /** Those of the configuration in force. */
  credentials(): void {
    const { clock, say } = this.#setup;
    const paths = new Set(this.#parts.credentials.paths);
    for (const [path, cancel] of this.#ofCredentials) {
      if (paths.has(path)) continue;
      cancel();
      this.#ofCredentials.delete(path);
    }
    const changed = (): void => void this.#renew().catch((error: unknown) => say(`the certificates could not be renewed: ${String(error)}`));
    for (const path of paths) if (!this.#ofCredentials.has(path)) this.#ofCredentials.set(path, watchFile({ path, clock, say, changed }));
  }
}
