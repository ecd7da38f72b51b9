// V8's compile cache, from Node 22 on: the compiled code of a program's own files, kept for the next start.
//
// Node does not authenticate it: who can write the folder can have other code run in place of the program's. So it is kept
// only where nobody but this user and root can write, judged by the owner and the mode of the folder and of every folder
// above it, and never below the temporary folder. Root uses no folder of another user. Where no such folder is, there is
// no cache, and nothing is said about it.
const { lstatSync, mkdirSync } = process.getBuiltinModule("node:fs");
const { dirname, isAbsolute, join, resolve, sep } = process.getBuiltinModule("node:path");

const WRITABLE_BY_OTHERS = 0o022;
const PERMISSIONS = 0o777;
const ONLY_OWNER = 0o700;

/** Has Node keep and use the compiled code of what is imported from here on. `packageFolder`: of the build, absolute. */
export function useCompileCache(packageFolder) {
  const modules = process.getBuiltinModule?.("node:module");
  if (modules?.enableCompileCache === undefined || process.geteuid === undefined) return;
  const folder = compileCacheFolder({
    packageFolder,
    cacheHome: process.env.XDG_CACHE_HOME ?? "",
    temporary: process.env.TMPDIR ?? "",
    uid: process.geteuid(),
  });
  if (folder !== null) modules.enableCompileCache(folder);
}

/**
 * The folder for the cache, which is made where it is missing; null where none is safe.
 * `cacheHome` and `temporary` are the variables XDG_CACHE_HOME and TMPDIR, "" where they are not set.
 */
export function compileCacheFolder({ packageFolder, cacheHome, temporary, uid }) {
  const temporaries = ["/tmp", "/var/tmp", ...(isAbsolute(temporary) ? [resolve(temporary)] : [])];
  const isTemporary = (path) => temporaries.some((one) => path === one || path.startsWith(one === sep ? sep : one + sep));
  if (!isTemporary(packageFolder) && isSafe(packageFolder, uid)) {
    const own = made(join(packageFolder, "cache"), uid);
    if (own !== null) return own;
  }
  if (!isAbsolute(cacheHome) || isTemporary(resolve(cacheHome)) || !isSafe(resolve(cacheHome), uid)) return null;
  return made(join(resolve(cacheHome), "ingressd"), uid);
}

/** `folder` with mode 0700, this user's own; null where it can't be made, or another one is there. */
function made(folder, uid) {
  try {
    mkdirSync(folder, { mode: ONLY_OWNER });
  } catch (error) {
    if (error.code !== "EEXIST") return null;
  }
  const stats = statOf(folder);
  const isPrivate = stats !== null && stats.isDirectory() && stats.uid === uid && (stats.mode & PERMISSIONS) === ONLY_OWNER;
  return isPrivate ? folder : null;
}

/** Whether it and every folder above it is a real folder that only this user and root can write; for root, only root. */
function isSafe(folder, uid) {
  for (let path = folder; ; path = dirname(path)) {
    const stats = statOf(path);
    if (stats === null || !stats.isDirectory() || (stats.uid !== uid && stats.uid !== 0) || (stats.mode & WRITABLE_BY_OTHERS) !== 0) return false;
    if (path === dirname(path)) return true;
  }
}

function statOf(path) {
  try {
    return lstatSync(path);
  } catch {
    return null;
  }
}
