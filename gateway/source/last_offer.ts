// When a source last offered the policy in force, kept over restarts in the state directory. It names source and module, because what is in
// force after a restart may have come from a file or from another source meanwhile.
//
//   last_offer   SHA-256 of the module, a space, the source, a newline; its time of change is that of the offer
import { statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { readTrustedFile } from "../../runtime/host/trusted_file.ts";
import type { Disk } from "../../runtime/shell/disk.ts";

const LAST_OFFER_NAME = "last_offer";
const MOST_BYTES = 4096;

export interface Offered {
  readonly source: string;
  /** Of the module, lower-case hex. */
  readonly sha256: string;
  /** Since 1970. */
  readonly atMs: number;
}

export class LastOffer {
  readonly #path: string;
  readonly #disk: Disk;
  readonly #ending: AbortSignal;
  #last: Offered | null;

  /** `ending`: once it is aborted the file is its successor's. */
  constructor(directory: string, disk: Disk, ending: AbortSignal) {
    this.#path = join(directory, LAST_OFFER_NAME);
    this.#disk = disk;
    this.#ending = ending;
    this.#last = read(this.#path);
  }

  /** Milliseconds since 1970 at which the source last offered this module; null where it did not, or offered another one since. */
  atMs(source: string, sha256: string | null): number | null {
    const last = this.#last;
    return last !== null && last.source === source && last.sha256 === sha256 ? last.atMs : null;
  }

  /** Never rejects: what the disk does not take is not known after the next start. */
  async note(offered: Offered): Promise<void> {
    const isWritten = this.atMs(offered.source, offered.sha256) !== null;
    this.#last = offered;
    if (this.#ending.aborted) return;
    const next = `${this.#path}.${process.pid}.new`;
    try {
      // The time goes first into place, so that no stop pairs this module with the time of another.
      if (isWritten) return this.#touch(this.#path, offered.atMs);
      await this.#disk.write(next, Buffer.from(`${offered.sha256} ${offered.source}\n`));
      this.#touch(next, offered.atMs);
      await this.#disk.replace(next, this.#path);
    } catch {
      // The file is still right about another module or source.
      await this.#disk.remove(next).catch(() => undefined);
    }
  }

  #touch(path: string, atMs: number): void {
    utimesSync(path, atMs / 1000, atMs / 1000);
  }
}

/** Null where there is none, or it is not what `note` writes. */
function read(path: string): Offered | null {
  const stats = statSync(path, { throwIfNoEntry: false });
  const bytes = stats === undefined ? null : readTrustedFile(path, MOST_BYTES, "the last offer");
  if (stats === undefined || bytes?.ok !== true) return null;
  const [, sha256, source] = /^([0-9a-f]{64}) (\S+)\n$/.exec(new TextDecoder().decode(bytes.value)) ?? [];
  return sha256 === undefined || source === undefined ? null : { source, sha256, atMs: stats.mtimeMs };
}
