// Reads a file that may open ports: the compiled policy, or the configuration. A user who may write the file, or its
// directory, decides what is exposed, so a file that others can write is refused, and so is one in a directory that others
// can write (ownership.ts). The same descriptor is checked and read; the path is never opened twice.
import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, read, readSync, statSync } from "node:fs";
import { promisify } from "node:util";
import { failed, ok, type Result } from "../result/result.ts";
import { followLinks } from "./links.ts";
import { folderFault, fileFault, unreadable, type Access } from "./ownership.ts";

const readPart = promisify(read);

/** How many bytes are read and hashed in one turn of the event loop. */
const TURN_BYTES = 512 * 1024;

/** An open file that passed the checks. */
interface Trusted {
  readonly fd: number;
  readonly size: number;
}

export interface HashedFile {
  readonly bytes: Uint8Array;
  /** SHA-256 of the bytes, lower-case hex. */
  readonly sha256: string;
}

/**
 * Returns the bytes of `path` (absolute and normal), or one sentence with the remedy. Messages call the file `what`. A
 * `private` file is also refused where users other than its owner and this process's groups can read it.
 */
export function readTrustedFile(path: string, maxBytes: number, what: string, access: Access = "public"): Result<Uint8Array, string> {
  const refuse = refusals(path, what);
  let fd = -1;
  try {
    const opened = openTrusted(path, maxBytes, access, what);
    if (!opened.ok) return opened;
    fd = opened.value.fd;
    const bytes = new Uint8Array(opened.value.size);
    let length = 0;
    for (let read = -1; length < bytes.length && read !== 0; length += read) read = readSync(fd, bytes, length, bytes.length - length, null);
    if (readSync(fd, new Uint8Array(1), 0, 1, null) > 0) return grew(refuse, opened.value.size, maxBytes);
    return ok(bytes.subarray(0, length));
  } catch (error) {
    return refuse(`can't be read (${cause(error)})`);
  } finally {
    if (fd >= 0) closeSync(fd);
  }
}

/** Reads the file over several turns of the event loop and hashes it; the bytes fill their own buffer. */
export async function readTrustedFileInTurns(path: string, maxBytes: number, what: string): Promise<Result<HashedFile, string>> {
  const refuse = refusals(path, what);
  let fd = -1;
  try {
    const opened = openTrusted(path, maxBytes, "public", what);
    if (!opened.ok) return opened;
    fd = opened.value.fd;
    // Filling the buffer with zeros would take time, and only bytes that were read are returned.
    const bytes = Buffer.allocUnsafeSlow(opened.value.size);
    const hash = createHash("sha256");
    let length = 0;
    while (length < bytes.length) {
      const { bytesRead } = await readPart(fd, bytes, length, Math.min(TURN_BYTES, bytes.length - length), null);
      if (bytesRead === 0) break;
      hash.update(bytes.subarray(length, length + bytesRead));
      length += bytesRead;
    }
    if ((await readPart(fd, new Uint8Array(1), 0, 1, null)).bytesRead > 0) return grew(refuse, opened.value.size, maxBytes);
    return ok({ bytes: length === bytes.length ? bytes : bytes.slice(0, length), sha256: hash.digest("hex") });
  } catch (error) {
    return refuse(`can't be read (${cause(error)})`);
  } finally {
    if (fd >= 0) closeSync(fd);
  }
}

type Refuse = (sentence: string) => Result<never, string>;

function refusals(path: string, what: string): Refuse {
  return (sentence) => failed(`${what} \`${path}\` ${sentence}`);
}

/** Throws the system's errors. */
function openTrusted(path: string, maxBytes: number, access: Access, what: string): Result<Trusted, string> {
  const refuse = refusals(path, what);
  // A user who may write a directory with a link on the way could replace that link.
  const { steps, real, because } = followLinks(path);
  if (real === null) return refuse(`can't be read (${because ?? "it leads nowhere"}): check the path of the ${what.replace(/^the /, "")}`);
  for (const step of steps) {
    const wrong = folderFault(statSync(step.folder), step);
    if (wrong !== null) return refuse(`is refused: ${wrong}`);
  }
  const fd = openReadable(real, access);
  if (typeof fd === "string") return refuse(fd);
  let trusted = false;
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) return refuse("is not a regular file: name the file itself");
    const wrong = fileFault(stats, real, access);
    if (wrong !== null) return refuse(`is refused: ${wrong}`);
    if (stats.size > maxBytes) return tooLarge(refuse, maxBytes);
    trusted = true;
    return ok({ fd, size: stats.size });
  } finally {
    if (!trusted) closeSync(fd);
  }
}

function tooLarge(refuse: Refuse, maxBytes: number): Result<never, string> {
  return refuse(`has more than ${maxBytes} bytes: raise the bound or name another file`);
}

function grew(refuse: Refuse, size: number, maxBytes: number): Result<never, string> {
  return size >= maxBytes ? tooLarge(refuse, maxBytes) : refuse("grew while it was read: write a new file and rename it");
}

function cause(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Returns a descriptor, or why this process may not read the file. Throws the system's other errors. */
function openReadable(real: string, access: Access): number | string {
  try {
    return openSync(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EACCES")) throw error;
    return `can't be read (${error.message}): ${unreadable(statSync(real), real, access)}`;
  }
}
