// Opens the gateway's own unix sockets: the control socket, the shared registration socket and the
// sockets of single services.
import { CODE_BAD_INTENT } from "../../runtime/abi/verdicts.ts";
import { denial } from "../../runtime/host/decision.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type { InForce } from "../admit/desk.ts";
import type { Counters } from "../audit/counters.ts";
import type { GatewayClock } from "../clock.ts";
import type { Config } from "../config/read.ts";
import { failure, EXIT_MISSING, type Failure } from "../exit.ts";
import { identify, type SocketOf } from "../intents/identity.ts";
import type { ReadCredentials } from "../intents/peer_credentials.ts";
import { Budgets } from "./budgets.ts";
import { createDesk } from "./desk.ts";
import type { Refusals } from "./refusals.ts";
import type { ServedMethod } from "./served_client.ts";
import { ARRIVALS, openSocket, type OpenSocket, type SocketSetup } from "./server.ts";
import { clearStale, prepareDirectory } from "./socket_path.ts";

/** Modes, in octal, of registration sockets that are given none. */
const SHARED_MODE = "0666";
const SERVICE_MODE = "0660";

export interface OwnSocketsSetup {
  readonly config: Config;
  readonly controlPath: string;
  readonly credentials: ReadCredentials | null;
  readonly clock: GatewayClock;
  readonly counters: Counters;
  readonly refusals: Refusals;
  readonly inForce: InForce;
  readonly method: (name: string) => ServedMethod | null;
  /** Whether a connection has a lease, or a prepared change, that would end with it. */
  readonly isOwner: (client: number) => boolean;
  /** A connection has closed: what it owned ends. */
  readonly gone: (client: number) => void;
}

export interface OwnUnixSockets {
  readonly paths: readonly string[];
  close(): void;
  /** No client is taken any more. */
  unlisten(): void;
  closeClients(isKept: (client: number) => boolean): void;
  /** Closes the connections of services. */
  closeServices(services: ReadonlySet<string>): void;
}

interface Wanted {
  readonly path: string;
  readonly of: SocketOf;
  readonly mode: number;
  readonly gid: number | null;
}

export async function openOwnSockets(setup: OwnSocketsSetup): Promise<Result<OwnUnixSockets, Failure>> {
  const wanted = wantedSockets(setup);
  if (!wanted.ok) return wanted;
  const open: OpenSocket[] = [];
  const close = (): void => {
    for (const socket of open) socket.close();
  };
  const shared = sharedSetup(setup);
  for (const { path, of, mode, gid } of wanted.value) {
    const unusable = prepareDirectory(path, of.kind === "control" ? "private" : "public") ?? (await clearStale(path));
    const result = unusable !== null ? failed(unusable) : await openSocket({ ...shared, path, of, mode, gid });
    if (!result.ok) {
      close();
      return result;
    }
    open.push(result.value);
  }
  return ok({
    paths: open.map(({ path }) => path),
    close,
    unlisten() {
      for (const socket of open) socket.unlisten();
    },
    closeClients(isKept) {
      for (const socket of open) socket.closeClients(isKept);
    },
    closeServices(services) {
      for (const socket of open) socket.closeClients((_client, service) => !services.has(service));
    },
  });
}

function wantedSockets({ config: { intents, services }, controlPath, credentials }: OwnSocketsSetup): Result<readonly Wanted[], Failure> {
  const wanted: Wanted[] = [{ path: controlPath, of: { kind: "control" }, mode: 0o600, gid: null }];
  if (intents.socket !== undefined) {
    if (credentials === null) {
      return failed(
        failure(
          EXIT_MISSING,
          "intents.socket needs koffi, because only the peer's credentials distinguish services on it: npm install koffi, or give each service its own socket (services.NAME.socket)",
        ),
      );
    }
    wanted.push({ path: intents.socket, of: { kind: "shared" }, mode: Number.parseInt(intents.mode ?? SHARED_MODE, 8), gid: null });
  }
  for (const [service, entry] of Object.entries(services)) {
    if (entry.socket === undefined) continue;
    wanted.push({ path: entry.socket, of: { kind: "service", service }, mode: Number.parseInt(entry.mode ?? SERVICE_MODE, 8), gid: entry.gid ?? null });
  }
  return ok(wanted);
}

/** The parts that all of the gateway's own sockets share: one desk, one rate of arrivals, one row of numbers. */
function sharedSetup({
  config,
  credentials,
  clock,
  counters,
  refusals,
  inForce,
  method,
  isOwner,
  gone,
}: OwnSocketsSetup): Omit<SocketSetup, "path" | "of" | "mode" | "gid"> {
  let numbers = 0;
  return {
    maxClients: () => config.caps.control_connections,
    idleMs: () => config.timers.control_idle_ms,
    clock,
    desk: createDesk(clock),
    arrivals: new Budgets(ARRIVALS),
    turnedAway: () => counters.clientsTurnedAway++,
    identify: (socket, at) => identify(socket, at, config.services, credentials),
    method,
    refused: ({ caller }, service, detail) => {
      refusals.record(caller.peer, {
        decision: denial(CODE_BAD_INTENT),
        generation: inForce.generation,
        subject: caller.service ?? "unknown",
        service,
        detail,
      });
    },
    nextNumber: () => numbers++,
    isOwner,
    gone,
  };
}
