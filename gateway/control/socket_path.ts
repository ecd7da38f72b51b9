// Where the gateway's own unix sockets lie. The control socket is 0600 in a 0700 directory, so
// the file system already says who may give orders; what is looser is refused.
import { connect } from "node:net";
import { lstatSync, mkdirSync, statSync, unlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { failure, EXIT_DELEGATE, EXIT_REJECTED, type Failure } from "../exit.ts";

/** Under XDG_RUNTIME_DIR, else /run/ingressd. */
export function defaultControlPath(env: NodeJS.ProcessEnv): string {
  const base = env["XDG_RUNTIME_DIR"];
  return base !== undefined && base.startsWith("/") ? join(base, "ingressd", "control.sock") : "/run/ingressd/control.sock";
}

/**
 * Makes the directory where it is missing and looks at who else may enter (`private`: nobody)
 * or write it. Null when it is good.
 */
export function prepareDirectory(path: string, access: "private" | "public"): Failure | null {
  const folder = dirname(path);
  try {
    mkdirSync(folder, { recursive: true, mode: access === "private" ? 0o700 : 0o755 });
  } catch (error) {
    return failure(
      EXIT_REJECTED,
      `the directory \`${folder}\` for the socket \`${path}\` can't be made (${text(error)}): name another path with --control or control.socket`,
    );
  }
  const { uid, mode } = statSync(folder);
  const self = process.geteuid?.() ?? uid;
  const others = access === "private" ? 0o077 : 0o022;
  if (uid !== self && !(access === "public" && uid === 0)) {
    return failure(EXIT_REJECTED, `the directory \`${folder}\` of the socket belongs to uid ${uid}, not to ingressd (${self}): use a directory of its own`);
  }
  if ((mode & others) !== 0) {
    const wanted = access === "private" ? "0700" : "0755";
    return failure(
      EXIT_REJECTED,
      `the directory \`${folder}\` of the socket has mode ${(mode & 0o7777).toString(8).padStart(4, "0")}, which lets others in: run chmod ${wanted} ${folder}`,
    );
  }
  return null;
}

/** Removes a socket that nobody serves any more; refuses one that answers. */
export async function clearStale(path: string): Promise<Failure | null> {
  let stats;
  try {
    stats = lstatSync(path);
  } catch {
    // Nothing is there.
    return null;
  }
  if (!stats.isSocket()) return failure(EXIT_REJECTED, `\`${path}\` exists and is not a socket: remove it or name another path`);
  if (await answers(path)) {
    return failure(EXIT_DELEGATE, `another ingressd answers at \`${path}\`: stop it, or give this one its own path with --control`);
  }
  unlinkSync(path);
  return null;
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ path });
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", () => resolve(false));
  });
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
