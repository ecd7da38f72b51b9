// Opens the gateway's own sockets: the control sockets and the HTTP port of metrics.
import { ok, type Result } from "../runtime/result/result.ts";
import { openHttp } from "./control/http.ts";
import { openOwnSockets } from "./control/own_sockets.ts";
import type { Failure } from "./exit.ts";
import { endLease } from "./intents/end_lease.ts";
import { httpPage } from "./methods/http_pages.ts";
import { methodsOf } from "./methods/methods.ts";
import type { Parts } from "./parts.ts";
import type { DaemonSetup } from "./setup.ts";

/** They are noted in `own`; where one can't be opened, its caller closes those that were. */
export async function openSockets(
  { controlPath, say }: Pick<DaemonSetup, "controlPath" | "say">,
  { context, own, peers }: Parts,
): Promise<Result<null, Failure>> {
  const {
    config,
    clock,
    counters,
    refusals,
    inForce,
    leases,
    changes,
    giving,
    ownership: { sockets },
  } = context;
  const control = await openOwnSockets({
    config,
    controlPath,
    credentials: peers,
    clock,
    counters,
    refusals,
    inForce,
    method: methodsOf(context),
    isOwner: (client) => giving.isOwner(client) || leases.ownedBy(client).length > 0 || changes.isOwner(client),
    gone: (client) => {
      void giving.ownerGone(client);
      void changes.ownerGone(client).catch((error: unknown) => say(`a change could not be aborted: ${String(error)}`));
      for (const lease of leases.ownedBy(client)) endLease(context, lease, null);
    },
  });
  if (!control.ok) return control;
  own.control = control.value;
  const { listen, token_file: tokenFile } = config.metrics;
  if (listen === undefined || tokenFile === undefined) return ok(null);
  const turnedAway = (): void => void counters.clientsTurnedAway++;
  const isOpen = (path: string): boolean => config.metrics.open_health === true && (path === "/healthz" || path === "/readyz");
  const http = await openHttp({ listen, tokenFile, clock, sockets, turnedAway, isOpen, page: (path) => httpPage(context, path) });
  if (!http.ok) return http;
  own.http = http.value;
  return ok(null);
}
