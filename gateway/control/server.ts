// A control or registration socket: who may have a connection to it. No local user can keep the others
// out: connections and their rate are bounded for each peer, and a client that is silent makes room.
import { chmodSync, chownSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { failure, EXIT_REJECTED, type Failure } from "../exit.ts";
import type { Caller, SocketOf } from "../intents/identity.ts";
import type { Budgets } from "./budgets.ts";
import { rpcError, RPC_DENIED } from "./rpc.ts";
import { serve, type ServedClient, type ServeSetup } from "./served_client.ts";

/** Of a shared socket's clients one service, and all that are none together, have at most this part. */
const SHARES = 4;
/** A client without a request for so long is closed where another wants its place. */
export const EVICT_IDLE_MS = 1_000;
/** New connections of one peer, over all sockets. */
export const ARRIVALS = { perSecond: 100, burst: 400 } as const;

export interface SocketSetup extends ServeSetup {
  readonly path: string;
  readonly of: SocketOf;
  readonly mode: number;
  readonly gid: number | null;
  readonly maxClients: () => number;
  readonly arrivals: Budgets;
  readonly identify: (socket: Socket, of: SocketOf) => Caller;
  /** A connection was closed unheard. */
  readonly turnedAway: () => void;
  /** A connection's number, unique over all sockets. */
  readonly nextNumber: () => number;
}

export interface OpenSocket {
  readonly path: string;
  close(): void;
  /** Takes no client any more. */
  unlisten(): void;
  /** Closes every client that is not kept; `service` is empty where it is none. */
  closeClients(isKept: (client: number, service: string) => boolean): void;
}

interface Place {
  /** A service, or "" for all that are none. */
  readonly who: string;
  readonly number: number;
  readonly client: ServedClient;
}

export async function openSocket(setup: SocketSetup): Promise<Result<OpenSocket, Failure>> {
  const { path, mode, gid, maxClients } = setup;
  const places = new Map<Socket, Place>();
  const share = (): number => (setup.of.kind === "shared" ? Math.ceil(maxClients() / SHARES) : maxClients());

  const taken = (who: string): number => {
    let count = 0;
    for (const place of places.values()) if (place.who === who) count++;
    return count;
  };

  /** Closes the client that has been silent longest, if any may be closed; `who` limits it to that one's. */
  function makeRoom(who: string | null): boolean {
    let longest: Socket | null = null;
    let idleMs = EVICT_IDLE_MS;
    for (const [socket, place] of places) {
      const idle = who === null || place.who === who ? place.client.idleForMs() : null;
      if (idle === null || idle < idleMs) continue;
      longest = socket;
      idleMs = idle + 1;
    }
    if (longest === null) return false;
    places.delete(longest);
    longest.destroy();
    return true;
  }

  const server = createServer((socket) => {
    socket.on("error", ignore);
    const caller = setup.identify(socket, setup.of);
    if (!setup.arrivals.take(caller.peer, setup.clock.monoMs())) {
      setup.turnedAway();
      socket.destroy();
      return;
    }
    const who = caller.service ?? "";
    const room = (taken(who) < share() || makeRoom(who)) && (places.size < maxClients() || makeRoom(null));
    if (!room) {
      setup.turnedAway();
      socket.end(`${JSON.stringify({ jsonrpc: "2.0", id: null, ...rpcError(RPC_DENIED, "too many clients (caps.control_connections)") })}\n`);
      socket.destroySoon();
      return;
    }
    const number = setup.nextNumber();
    places.set(socket, { who, number, client: serve(socket, caller, number, setup) });
    socket.once("close", () => places.delete(socket));
  });
  server.on("error", ignore);
  // The socket must never be looser than its mode, not even before chmod.
  const before = process.umask(0o177);
  const fault = await new Promise<string | null>((resolve) => {
    server.once("error", (error) => resolve(error.message));
    server.listen({ path }, () => resolve(null));
    process.umask(before);
  });
  if (fault !== null) return failed(failure(EXIT_REJECTED, `the socket \`${path}\` can't be opened (${fault}): name another path`));
  try {
    if (gid !== null) chownSync(path, -1, gid);
    chmodSync(path, mode);
  } catch (error) {
    server.close();
    return failed(
      failure(
        EXIT_REJECTED,
        `the socket \`${path}\` can't be given its group or mode (${error instanceof Error ? error.message : String(error)}): ingressd must be in that group`,
      ),
    );
  }
  return ok({
    path,
    unlisten: () => void server.close(),
    closeClients(isKept) {
      for (const [socket, { number, who }] of places) if (!isKept(number, who)) socket.destroy();
    },
    close() {
      server.close();
      for (const socket of places.keys()) socket.destroy();
    },
  });
}

function ignore(): void {}
