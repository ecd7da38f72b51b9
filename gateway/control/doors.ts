// Opens the gateway's own sockets: the control socket, the shared registration socket and the
// sockets of single services.
import { CODE_BAD_INTENT } from "../../runtime/abi/verdicts.ts";
import { denial } from "../../runtime/host/ask.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { failure, EXIT_MISSING, type Failure } from "../exit.ts";
import { identify, type Door } from "../intents/identity.ts";
import type { ReadCredentials } from "../intents/peer_credentials.ts";
import { endLease } from "../intents/unregister.ts";
import { Budgets } from "./budgets.ts";
import type { Context } from "./context.ts";
import { createDesk } from "./desk.ts";
import { ARRIVALS, openDoor, type OpenDoor } from "./server.ts";
import { clearStale, prepareDirectory } from "./socket_path.ts";

/** Modes, in octal, of registration sockets that are given none. */
const SHARED_MODE = "0666";
const SERVICE_MODE = "0660";

export interface DoorsSetup {
  readonly context: Context;
  readonly controlPath: string;
  readonly credentials: ReadCredentials | null;
}

export interface Doors {
  readonly paths: readonly string[];
  close(): void;
}

interface Wanted {
  readonly path: string;
  readonly door: Door;
  readonly mode: number;
  readonly gid: number | null;
}

export async function openDoors({ context, controlPath, credentials }: DoorsSetup): Promise<Result<Doors, Failure>> {
  const { config, leases, clock, changes } = context;
  const { intents, services } = config;
  const wanted: Wanted[] = [{ path: controlPath, door: { kind: "control" }, mode: 0o600, gid: null }];
  if (intents.socket !== undefined) {
    if (credentials === null) {
      return failed(failure(EXIT_MISSING, "intents.socket needs koffi, because only the peer's credentials tell services apart on it: npm install koffi, or give each service its own socket (services.NAME.socket)"));
    }
    wanted.push({ path: intents.socket, door: { kind: "shared" }, mode: Number.parseInt(intents.mode ?? SHARED_MODE, 8), gid: null });
  }
  for (const [service, entry] of Object.entries(services)) {
    if (entry.socket === undefined) continue;
    wanted.push({ path: entry.socket, door: { kind: "service", service }, mode: Number.parseInt(entry.mode ?? SERVICE_MODE, 8), gid: entry.gid ?? null });
  }

  const open: OpenDoor[] = [];
  const close = (): void => {
    for (const door of open) door.close();
  };
  let numbers = 0;
  const desk = createDesk(clock);
  const arrivals = new Budgets(ARRIVALS);
  for (const { path, door, mode, gid } of wanted) {
    const unusable = prepareDirectory(path, door.kind === "control" ? "private" : "public") ?? await clearStale(path);
    const result = unusable !== null ? failed(unusable) : await openDoor({
      path, door, mode, gid,
      maxClients: config.caps.control_connections,
      idleMs: config.timers.control_idle_ms,
      clock,
      desk,
      arrivals,
      turnedAway: () => context.counters.clientsTurnedAway++,
      identify: (socket, at) => identify(socket, at, services, credentials),
      run: (method, client, params) => method.run(context, client, params),
      refused: ({ caller }, service, detail) => {
        const { refusals, inForce } = context;
        refusals.record(caller.peer, {
          decision: denial(CODE_BAD_INTENT), generation: inForce.generation, subject: caller.service ?? "unknown", service, detail,
        });
      },
      nextNumber: () => numbers++,
      holdsLease: (client) => leases.ownedBy(client).length > 0 || changes.isOwner(client),
      gone: (client) => {
        void changes.ownerGone(client);
        for (const lease of leases.ownedBy(client)) endLease(context, lease, null);
      },
    });
    if (!result.ok) {
      close();
      return result;
    }
    open.push(result.value);
  }
  return ok({ paths: open.map(({ path }) => path), close });
}
