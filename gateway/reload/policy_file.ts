// Reads a file that may open ports: the compiled policy, or the configuration. Who may write
// it decides what is exposed, so a file, or a directory that holds it, that others can write
// is refused. One descriptor is checked and read; the path is never looked at twice.
import { closeSync, constants, fstatSync, openSync, readSync, statSync, type Stats } from "node:fs";
import { followLinks } from "./links.ts";

export interface FileRefusal {
  readonly refused: string;
}

export function isFileRefusal(x: Uint8Array | FileRefusal): x is FileRefusal {
  return "refused" in x;
}

const OTHERS_WRITE = 0o022;
const OTHERS_READ = 0o044;

/**
 * The bytes of `path` (absolute and normal), or one sentence with the remedy. `what` is how messages
 * call it. A `private` file is also refused where others can read it.
 */
export function readTrustedFile(path: string, maxBytes: number, what: string, access: "public" | "private" = "public"): Uint8Array | FileRefusal {
  const refuse = (sentence: string): FileRefusal => ({ refused: `${what} \`${path}\` ${sentence}` });
  let fd = -1;
  try {
    // Whoever may write a directory with a link on the way could turn that link.
    const { steps, real, because } = followLinks(path);
    if (real === null) return refuse(`can't be read (${because ?? "it leads nowhere"})`);
    for (const [i, { folder }] of steps.entries()) {
      const name = i === steps.length - 1 ? "its directory" : "the directory of a link on its way,";
      const wrong = writers(statSync(folder), `${name} \`${folder}\``, folder);
      if (wrong !== null) return refuse(`is refused: ${wrong}`);
    }
    fd = openSync(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stats = fstatSync(fd);
    if (!stats.isFile()) return refuse("is not a regular file: name the file itself");
    const wrong = writers(stats, "it", real);
    if (wrong !== null) return refuse(`is refused: ${wrong}`);
    if (access === "private" && (stats.mode & OTHERS_READ) !== 0) {
      return refuse(`is refused: others can read it (mode ${(stats.mode & 0o7777).toString(8).padStart(4, "0")}): run chmod 0600 ${real}`);
    }
    const bytes = Buffer.alloc(Math.min(stats.size, maxBytes) + 1);
    let length = 0;
    while (length < bytes.length) {
      const read = readSync(fd, bytes, length, bytes.length - length, null);
      if (read === 0) break;
      length += read;
    }
    if (length > maxBytes) return refuse(`has more than ${maxBytes} bytes: raise the bound or name another file`);
    if (length > stats.size) return refuse("grew while it was read: write a new file and rename it");
    return new Uint8Array(bytes.subarray(0, length));
  } catch (error) {
    return refuse(`can't be read (${error instanceof Error ? error.message : String(error)})`);
  } finally {
    if (fd >= 0) closeSync(fd);
  }
}

/** Why `stats` can't be trusted, or null. */
function writers(stats: Stats, name: string, path: string): string | null {
  const self = process.geteuid?.() ?? stats.uid;
  if (stats.uid !== 0 && stats.uid !== self) {
    return `${name} belongs to uid ${stats.uid}, who could change it: run chown ${self} ${path}`;
  }
  if ((stats.mode & OTHERS_WRITE) !== 0) {
    return `others can write ${name} (mode ${(stats.mode & 0o7777).toString(8).padStart(4, "0")}): run chmod go-w ${path}`;
  }
  return null;
}
