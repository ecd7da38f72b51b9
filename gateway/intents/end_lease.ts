// Ends a lease: by its owner, its time, its connection, or the gateway.
import { exposureOf, type Ports } from "../listen/ports.ts";
import type { EndWord, Lease, Leases } from "./leases.ts";

/** The notification that the owner of a lease gets. */
export interface LeaseEnd {
  readonly because: string;
  readonly word: EndWord;
}

/** Closes the lease's sockets at once, but for those that another expose shares; connections live on. `end`: null where the owner knows. */
export function endLease({ leases, ports }: { readonly leases: Leases; readonly ports: Ports }, lease: Lease, end: LeaseEnd | null): void {
  leases.delete(lease.id);
  for (const open of ports.all()) {
    const rest = exposureOf(open.serves, (expose) => expose.lease !== lease.id);
    if (rest === null) ports.close(open);
    else open.serves = rest;
  }
  if (end !== null) lease.ended(end.because, end.word);
}
