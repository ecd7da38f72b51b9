// The key that the guard shares with ingressd. A file that the guarded program could read as well is no key: it runs as the
// guard's user, so the file is another user's, handed over as a descriptor that is open already (`--key /dev/fd/3`).
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { readKey } from "../host/token.ts";
import { failed, ok, type Result } from "../result/result.ts";

const MOST_BYTES = 4096;
const OTHERS_READ = 0o044;
const OWNER_READ = 0o400;

/** The descriptor that a path names, or null. */
export function givenDescriptor(path: string): number | null {
  const given = /^\/(?:dev|proc\/self)\/fd\/(\d+)$/.exec(path)?.[1];
  return given === undefined ? null : Number(given);
}

/** The error is one sentence with the remedy. `uid`: the user that the program will run as. */
export function openKey(path: string, uid: number): Result<Uint8Array, string> {
  const given = givenDescriptor(path);
  let fd = -1;
  try {
    // A descriptor that is given is read itself: to open its path again would need the right to its file.
    fd = given ?? openSync(path, "r");
    const stats = fstatSync(fd);
    if (stats.isFile()) {
      if ((stats.mode & OTHERS_READ) !== 0) return failed(`key \`${path}\` can be read by others: run chmod 600 on it`);
      if (uid !== 0 && stats.uid === uid && (stats.mode & OWNER_READ) !== 0) {
        return failed(
          `key \`${path}\` belongs to the user that the program runs as, who could read it: give the file to root and hand it over open, as in \`--key /dev/fd/3 3<KEYFILE\``,
        );
      }
    }
    const bytes = new Uint8Array(MOST_BYTES);
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read)
      read = readSync(fd, bytes, length, bytes.length - length, stats.isFile() ? length : null);
    const key = readKey(bytes.subarray(0, length));
    return key === null ? failed(`key \`${path}\` is not 64 hexadecimal digits: make one with \`openssl rand -hex 32\``) : ok(key);
  } catch (error) {
    return failed(`key \`${path}\` can't be read (${error instanceof Error && "code" in error ? String(error.code) : "unknown"})`);
  } finally {
    // INVARIANT: nothing that is started inherits it.
    if (fd >= 0) closeSync(fd);
  }
}
