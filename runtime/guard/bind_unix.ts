// A bind of a unix socket, which is a matter of the file system: made where, and with the rights with which, the
// program itself would have made it. A bind that can't be made so is refused.
import { EACCES, EADDRINUSE, EINVAL, ELOOP, ENOENT, EPERM, EXDEV } from "./errno.ts";
import { FAMILIES } from "./filter.ts";
import { close, type Kernel } from "./kernel.ts";
import { placeOf, type ThreadStatus } from "./proc.ts";
import { familyOf } from "./sockaddr.ts";

const SUN_PATH = 2;
const AT_FDCWD = -100;
// RESOLVE_* of openat2.
/** Links of /proc such as `/proc/self/fd/3`, which would lead to what the guard has. */
const NO_MAGICLINKS = 0x02;
const BENEATH = 0x08;
const IN_ROOT = 0x10;

/** The path of a socket in the file system, a character each byte; null: it is unnamed or abstract. */
export function pathOf(bytes: Uint8Array): string | null {
  const text = Buffer.from(bytes.subarray(SUN_PATH));
  if (text.length === 0 || text[0] === 0) return null;
  const end = text.indexOf(0);
  return text.subarray(0, end < 0 ? text.length : end).toString("latin1");
}

/** `valid`: the thread is still in the call. */
export function bindUnix(kernel: Kernel, fd: number, bytes: Uint8Array, thread: number, { rights, umask }: ThreadStatus, valid: () => boolean): number {
  if (familyOf(bytes) !== FAMILIES.unix) return -EINVAL;
  const path = pathOf(bytes);
  if (path === null) return kernel.as({ capabilities: rights.capabilities }, () => kernel.bind(fd, bytes)) ?? -EPERM;
  const open = (from: string): number => kernel.openFolder(AT_FDCWD, from, 0);
  const folders = { root: open(`/proc/${thread}/root`), own: open("/proc/self/root"), cwd: open(`/proc/${thread}/cwd`), back: open(".") };
  const before = process.umask(umask);
  try {
    if (Object.values(folders).some((folder) => folder < 0) || !valid()) return -EPERM;
    const root = placeOf(folders.root);
    const sameRoot = root !== null && root === placeOf(folders.own);
    const cwdIsRoot = root !== null && root === placeOf(folders.cwd);
    return kernel.as(rights, () => bindIn(kernel, fd, bytes, path, { ...folders, sameRoot, cwdIsRoot })) ?? -EPERM;
  } finally {
    process.umask(before);
    const back = kernel.enterFolder(folders.back);
    for (const folder of Object.values(folders)) close(folder);
    if (back < 0) throw new Error("the guard can't return to its own folder");
  }
}

interface Folders {
  /** Those of the program's thread. */
  readonly root: number;
  readonly cwd: number;
  /** The guard's root is the same, in the same mount: a path means the same file. */
  readonly sameRoot: boolean;
  readonly cwdIsRoot: boolean;
}

function bindIn(kernel: Kernel, fd: number, bytes: Uint8Array, path: string, { root, cwd, sameRoot, cwdIsRoot }: Folders): number {
  const absolute = path.startsWith("/");
  const cut = path.lastIndexOf("/") + 1;
  const [parent, name] = [path.slice(0, cut), path.slice(cut)];
  // Under another root, `..` and links out of the working directory can't be followed as the program would.
  const resolve =
    NO_MAGICLINKS |
    (absolute || cwdIsRoot ? IN_ROOT
    : sameRoot ? 0
    : BENEATH);
  const folder = kernel.openFolder(absolute ? root : cwd, parent === "" ? "." : parent, resolve);
  try {
    if (folder < 0) return folder === -ELOOP || folder === -EXDEV ? -EACCES : folder;
    if (sameRoot) {
      const entered = absolute ? 0 : kernel.enterFolder(cwd);
      return entered < 0 ? entered : kernel.bind(fd, bytes);
    }
    if (name === "") return -ENOENT;
    if (name === "." || name === "..") return -EADDRINUSE;
    const entered = kernel.enterFolder(folder);
    return entered < 0 ? entered : kernel.bind(fd, unixAddress(name));
  } finally {
    close(folder);
  }
}

function unixAddress(path: string): Uint8Array {
  const bytes = Buffer.alloc(SUN_PATH + path.length);
  bytes.writeUInt16LE(FAMILIES.unix, 0);
  bytes.write(path, SUN_PATH, "latin1");
  return bytes;
}
