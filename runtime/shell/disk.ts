// The few steps in which state reaches the disk. A file is written whole beside its place, synced,
// renamed over the old one, and the directory synced: whenever the process or the machine stops,
// the old file or the new one is there.
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

export interface Disk {
  /** Makes or overwrites a file that only its owner may read; it is on the disk when this resolves. */
  write(path: string, bytes: Uint8Array): Promise<void>;
  /** Puts `from` in the place of `to`, in one directory; that is on the disk when this resolves. */
  replace(from: string, to: string): Promise<void>;
  /** Removes a file that may be missing. */
  remove(path: string): Promise<void>;
}

export const systemDisk: Disk = {
  async write(path, bytes) {
    // Never through a file that may lie there, because it could be a link to another place.
    await rm(path, { force: true });
    const file = await open(path, "wx", 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
  },
  async replace(from, to) {
    await rename(from, to);
    const folder = await open(dirname(to), "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  },
  remove: (path) => rm(path, { force: true }),
};
