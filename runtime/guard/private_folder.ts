// The folder in which the guards of a user have their sockets, and the making of a socket there: nobody else may
// enter the folder, and a socket that nobody serves any more is replaced.
import { chmodSync, lstatSync, mkdirSync, renameSync, unlinkSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PROBE_MS = 2_000;
/** sockaddr_un's, without the NUL. */
const MOST_PATH_BYTES = 107;

/** Under XDG_RUNTIME_DIR, else /run for root, else a folder of the user's in the place of temporary files. */
export function guardsFolder(env: NodeJS.ProcessEnv, uid: number): string {
  const base = env["XDG_RUNTIME_DIR"];
  if (base !== undefined && base.startsWith("/")) return join(base, "ingress-guard");
  return uid === 0 ? "/run/ingress-guard" : join(tmpdir(), `ingress-guard-${uid}`);
}

/** Makes the folder where it is missing; null, or why it can't be used. */
export function preparePrivate(folder: string): string | null {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    return `the folder \`${folder}\` can't be made (${cause(error)})`;
  }
  const stats = lstatSync(folder);
  const self = process.geteuid?.() ?? stats.uid;
  if (!stats.isDirectory()) return `\`${folder}\` is no folder`;
  if (stats.uid !== self) return `the folder \`${folder}\` belongs to uid ${stats.uid}, not to this user (${self})`;
  if ((stats.mode & 0o077) !== 0) return `others may enter the folder \`${folder}\`: run chmod 0700 ${folder}`;
  return null;
}

/** Listens at a path; null, or what the system says. */
export type Listen = (path: string) => Promise<string | null>;

/**
 * A socket at `path`, which appears when it is listened on and `prepare` has seen to its owner and mode
 * (0600 before). One that is there and answers stays, any other goes. Null, or why there is none.
 */
export async function listenAt(path: string, listen: Listen, prepare: (path: string) => void = () => undefined): Promise<string | null> {
  const coming = `${path}.${process.pid}`;
  if (Buffer.byteLength(coming) > MOST_PATH_BYTES) return `the path \`${path}\` is too long for a socket`;
  try {
    const there = kindOf(path);
    if (there === "other") return `\`${path}\` exists and is not a socket`;
    if (there === "socket" && (await answers(path))) return `another process answers at \`${path}\``;
    if (kindOf(coming) !== "nothing") unlinkSync(coming);
    const failed = await listen(coming);
    if (failed !== null) return `no socket can be made at \`${path}\` (${failed})`;
    chmodSync(coming, 0o600);
    prepare(coming);
    renameSync(coming, path);
    return null;
  } catch (error) {
    return `no socket can be made at \`${path}\` (${cause(error)})`;
  }
}

function kindOf(path: string): "nothing" | "socket" | "other" {
  try {
    return lstatSync(path).isSocket() ? "socket" : "other";
  } catch {
    return "nothing";
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ path, timeout: PROBE_MS });
    const say = (word: boolean): void => {
      probe.destroy();
      resolve(word);
    };
    // A full queue is somebody's queue.
    probe
      .once("connect", () => say(true))
      .once("timeout", () => say(true))
      .once("error", (error) => say("code" in error && error.code === "EAGAIN"));
  });
}

export function cause(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
