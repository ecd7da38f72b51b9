// The file in the state directory that a source is pulled to, and that a reload loads. Two gateways share it during a takeover.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { readTrustedFileInTurns } from "../../runtime/host/trusted_file.ts";
import type { Disk } from "../../runtime/shell/disk.ts";
import { isThere } from "../../runtime/shell/revision.ts";
import { COPY_NAME } from "../reload/keeper.ts";

const PULLED_NAME = "pulled.wasm";

/** Where a source is pulled to. */
export function pulledPath(stateDirectory: string): string {
  return join(stateDirectory, PULLED_NAME);
}

export class PulledFile {
  readonly path: string;
  readonly #directory: string;
  readonly #disk: Disk;
  readonly #ending: AbortSignal;

  /** `ending`: once it is aborted the file is its successor's. */
  constructor(directory: string, disk: Disk, ending: AbortSignal) {
    this.path = pulledPath(directory);
    this.#directory = directory;
    this.#disk = disk;
    this.#ending = ending;
  }

  /** By rename. False, and nothing is changed, where the program is ending. Rejects where the disk does. */
  async put(bytes: Uint8Array): Promise<boolean> {
    if (this.#ending.aborted) return false;
    const coming = `${this.path}.${process.pid}.new`;
    await this.#disk.write(coming, bytes);
    if (this.#ending.aborted) {
      await this.#disk.remove(coming);
      return false;
    }
    await this.#disk.replace(coming, this.path);
    return true;
  }

  /** Whether it has these bytes. */
  async has(sha256: string, maxBytes: number): Promise<boolean> {
    if (!isThere(this.path)) return false;
    const file = await readTrustedFileInTurns(this.path, maxBytes, "the pulled policy");
    return file.ok && file.value.sha256 === sha256;
  }

  /** Puts the last good policy in the place of a refused one; where that can't be read, the refused one is removed, and the answer says why. */
  async putBack(maxBytes: number): Promise<string | null> {
    const copy = join(this.#directory, COPY_NAME);
    const good = isThere(copy) ? await readTrustedFileInTurns(copy, maxBytes, "last good policy") : null;
    if (good?.ok === true) await this.put(good.value.bytes);
    else if (!this.#ending.aborted) await this.#disk.remove(this.path);
    return good?.ok === false ? good.error : null;
  }

  /** Removes what gateways have begun to write that are no more. Rejects where the disk does. */
  async removeAbandoned(): Promise<void> {
    for (const name of readdirSync(this.#directory)) {
      const [, pid] = /^(?:pulled\.wasm|last_offer)\.([0-9]{1,10})\.new$/.exec(name) ?? [];
      if (pid !== undefined && (Number(pid) === process.pid || !isRunning(Number(pid)))) await this.#disk.remove(join(this.#directory, name));
    }
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !(error instanceof Error && "code" in error && error.code === "ESRCH");
  }
}
