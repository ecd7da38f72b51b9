// Checks who owns, writes and reads a file that decides what is opened, or that is secret. A file that others could change
// or read is refused with a remedy: a command for root, or for the file's owner, after which the file is accepted.
import { accessSync, constants, type Stats } from "node:fs";
import type { Step } from "./links.ts";

/** `private`: only the file's owner and the groups of this process may read it. */
export type Access = "public" | "private";

const OTHERS_WRITE = 0o022;
const OTHERS_READ = 0o004;
const GROUP_READS = 0o040;
const STICKY = 0o1000;

/** Why others could replace an entry of a directory, with the remedy; null where nobody else can. */
export function folderFault(folder: Stats, { folder: path, name, linkUid }: Step): string | null {
  const who = `${linkUid === null ? "its directory" : "the directory of a link on its way,"} \`${path}\``;
  if (!isOurs(folder.uid)) return `${who} belongs to uid ${folder.uid}, who could change it: run ${commands(`chown ${self()} ${path}`, loose(folder, path))}`;
  if ((folder.mode & OTHERS_WRITE) === 0) return null;
  // In a sticky directory only the owner of an entry, or of the directory, can replace it. Kubernetes mounts secrets so.
  const sticky = (folder.mode & STICKY) !== 0 && folder.uid === 0;
  if (sticky && linkUid !== null) {
    const link = `${path === "/" ? "" : path}/${name}`;
    return isOurs(linkUid) ? null : `the link \`${link}\` belongs to uid ${linkUid}, who could replace it: run chown -h ${self()} ${link}`;
  }
  return `others can write ${who} (mode ${octal(folder)}): ${sticky ? "put it into a directory that nobody else may write, or, if no other program uses this one, " : ""}run chmod go-w ${path}`;
}

/** Why others could change a file or, where it is `private`, read it, with the remedy; null where nobody else can. */
export function fileFault(stats: Stats, path: string, access: Access): string | null {
  const remedy = remedyFor(stats, path, access);
  if (!isOurs(stats.uid)) return `it belongs to uid ${stats.uid}, who could change it: ${remedy}`;
  if ((stats.mode & OTHERS_WRITE) !== 0) return `others can write it (mode ${octal(stats)}): ${remedy}`;
  if (access === "public") return null;
  if ((stats.mode & OTHERS_READ) !== 0) return `others can read it (mode ${octal(stats)}): ${remedy}`;
  return isForeignGroup(stats) ? `the group ${stats.gid}, which this process is not in, can read it (mode ${octal(stats)}): ${remedy}` : null;
}

/** Describes a file that this process may not open, with the remedy. */
export function unreadable(stats: Stats, path: string, access: Access): string {
  return `it belongs to uid ${stats.uid} and gid ${stats.gid}, and has mode ${octal(stats)}: ${remedyFor(stats, path, access)}`;
}

/**
 * Whether a group that this process is not in can read the file. If root's file could be opened without its group, an
 * access list permits this process alone (systemd's credentials), and the group does not count.
 */
function isForeignGroup({ uid, gid, mode }: Stats): boolean {
  const groups = [process.getegid?.(), ...(process.getgroups?.() ?? [])];
  return (mode & GROUP_READS) !== 0 && !groups.includes(gid) && !(uid === 0 && self() !== 0);
}

function remedyFor(stats: Stats, path: string, access: Access): string {
  const group = process.getegid?.() ?? 0;
  const roots = stats.uid === 0 && self() !== 0;
  if (isReadOnly(path)) {
    const wanted = access === "public" ? "mode 0444" : `mode 0440 and the group ${group} (Kubernetes: \`defaultMode: 0440\` and \`fsGroup: ${group}\`)`;
    return `it is on a read-only file system: mount it with ${wanted}`;
  }
  const owner = isOurs(stats.uid) ? null : `chown ${self()} ${path}`;
  if (access === "private") return `run ${roots ? `chgrp ${group} ${path} && chmod 0640 ${path}` : commands(owner, `chmod 0600 ${path}`)}`;
  const closed = (stats.mode & (roots ? OTHERS_READ : 0o400)) === 0;
  return `run ${commands(owner, closed ? `chmod ${roots ? "0644" : "0600"} ${path}` : loose(stats, path)) || `chmod a+r ${path}`}`;
}

function commands(...all: readonly (string | null)[]): string {
  return all.filter((one) => one !== null).join(" && ");
}

function loose(stats: Stats, path: string): string | null {
  return (stats.mode & OTHERS_WRITE) === 0 ? null : `chmod go-w ${path}`;
}

function isOurs(uid: number): boolean {
  return uid === 0 || uid === self();
}

function self(): number {
  return process.geteuid?.() ?? 0;
}

function isReadOnly(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return false;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EROFS";
  }
}

function octal({ mode }: Stats): string {
  return (mode & 0o7777).toString(8).padStart(4, "0");
}
