// `list`: the caller's leases; an operator sees all.
import type { Endpoint } from "./context.ts";
import { formatAddress } from "../../runtime/net/address.ts";

export const list: Endpoint = async ({ leases, ports, clock }, { caller }) => {
  const shown =
    caller.operator ? leases.all()
    : caller.service === null ? []
    : leases.of(caller.service);
  return {
    result: shown.map((lease) => ({
      lease: lease.id,
      service: lease.service,
      ...(lease.mode === "direct" && { mode: lease.mode, proto: lease.proto }),
      port: lease.port,
      ...(lease.bind !== null && { bind: formatAddress(lease.bind) }),
      ...(lease.backend !== null && { backend: lease.backend.address.key }),
      expires_in_ms: lease.expiresMs === null ? null : Math.max(0, lease.expiresMs - clock.monoMs()),
      open: ports
        .all()
        .filter((open) => open.serves.exposes.some((expose) => expose.lease === lease.id))
        .map(({ local }) => local),
    })),
  };
};
