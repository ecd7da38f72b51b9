// Reports the status of a running guard to its own user: over a unix socket in a folder that nobody else may enter, once per
// connection, whatever the client sends.
import { rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { boundSockets, descendants, type BoundSocket } from "./bound.ts";
import { guardsFolder, preparePrivate, listenAt } from "./private_folder.ts";

const MOST_CLIENTS = 8;
const CLIENT_MS = 2_000;

export interface GuardStatus {
  readonly pid: number;
  readonly service: string;
  readonly program: string;
  /** Null where it has ended, and what it started has not. */
  readonly program_pid: number | null;
  readonly isolated: boolean;
  readonly uptime_ms: number;
  readonly policy: { readonly file: string; readonly generation: number; readonly sha256: string; readonly tree_sha256: string } | null;
  readonly binds: { readonly allowed: number; readonly denied: number };
  readonly bound: readonly BoundSocket[];
  /** Unix sockets that lead into the namespace. */
  readonly "doors": readonly { readonly path: string; readonly port: number }[];
}

/** Null, or why there is none. `doorman`: a process of the guard's own. */
export async function serveStatus(say: () => Omit<GuardStatus, "pid" | "bound">, entryProcess: number): Promise<string | null> {
  const folder = guardsFolder(process.env, process.geteuid?.() ?? 0);
  const refused = preparePrivate(folder);
  if (refused !== null) return refused;
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy()).setTimeout(CLIENT_MS, () => socket.destroy());
    const status: GuardStatus = { pid: process.pid, ...say(), bound: boundSockets(descendants(process.pid, entryProcess)) };
    socket.resume().end(`${JSON.stringify(status)}\n`);
  });
  server.maxConnections = MOST_CLIENTS;
  server.on("error", () => server.close());
  const path = join(folder, `${process.pid}.sock`);
  // A guard of the same number that was killed left it.
  rmSync(path, { force: true });
  const failed = await listenAt(
    path,
    (at) =>
      new Promise((resolve) => {
        server.once("error", (error) => resolve(error.message)).listen(at, () => resolve(null));
      }),
  );
  if (failed !== null) return failed;
  server.unref();
  process.on("exit", () => rmSync(path, { force: true }));
  return null;
}
