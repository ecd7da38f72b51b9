// Ends a lease: by its owner, its time, its connection, or the gateway.
import type { Ports } from "../listen/ports.ts";
import type { EndWord, Lease, Leases } from "./leases.ts";

/** The notification that the owner of a lease gets. */
export interface LeaseEnd {
  readonly because: string;
  readonly word: EndWord;
}

/** Closes the lease's sockets at once; connections live on. `end`: null where the owner knows. */
export function endLease({ leases, ports }: { readonly leases: Leases; readonly ports: Ports }, lease: Lease, end: LeaseEnd | null): void {
  leases.delete(lease.id);
  for (const open of ports.all()) if (open.serves.lease === lease.id) ports.close(open);
  if (end !== null) lease.ended(end.because, end.word);
}
