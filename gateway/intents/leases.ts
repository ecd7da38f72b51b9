// Leases: what services have registered. A lease opens one port of one listener and ends with
// its owner's connection, at its time limit, or when a new policy no longer grants it.
import type { Address } from "../../runtime/net/address.ts";
import type { ListenerInfo } from "../../runtime/host/module.ts";
import type { Backend } from "../forward/backends.ts";

/** Why a lease ended. After `shutdown` a gateway may come back. */
export type EndWord = "expired" | "policy" | "unregistered" | "shutdown";

export interface Lease {
  readonly id: string;
  /** Proven by the transport; equals the listener's service. */
  readonly service: string;
  /** Number of the control connection that registered it. */
  readonly owner: number;
  readonly proto: "tcp" | "udp";
  readonly port: number;
  /** The expose that the intent named; null: none. */
  readonly expose: string | null;
  /** The name of the expose when it was granted. */
  readonly grantedBy: string;
  /** The listener's, when it was granted. */
  readonly mode: ListenerInfo["mode"];
  /** The local address that the intent named; null: all of the listener's. */
  readonly bind: Address | null;
  /** Null where the service binds by itself: then the lease opens nothing here, and has a token. */
  readonly backend: Backend | null;
  /** Monotonic milliseconds; null: as long as the owner's connection lives. */
  expiresMs: number | null;
  /** Notifies the owner, where it is still there, that the lease has ended without its doing; `word` for programs. */
  readonly ended: (because: string, word: EndWord) => void;
}

export class Leases {
  readonly #leases = new Map<string, Lease>();
  #direct: (lease: Lease) => void = () => undefined;

  /** Gets each lease of a service that binds by itself, when it is added. */
  onDirect(direct: (lease: Lease) => void): void {
    this.#direct = direct;
  }

  get size(): number {
    return this.#leases.size;
  }

  add(lease: Lease): void {
    this.#leases.set(lease.id, lease);
    if (lease.mode === "direct") this.#direct(lease);
  }

  get(id: string): Lease | undefined {
    return this.#leases.get(id);
  }

  delete(id: string): void {
    this.#leases.delete(id);
  }

  all(): readonly Lease[] {
    return [...this.#leases.values()];
  }

  of(service: string): readonly Lease[] {
    return this.all().filter((lease) => lease.service === service);
  }

  ownedBy(owner: number): readonly Lease[] {
    return this.all().filter((lease) => lease.owner === owner);
  }

  expired(monoMs: number): readonly Lease[] {
    return this.all().filter((lease) => lease.expiresMs !== null && lease.expiresMs <= monoMs);
  }
}
