// Blocks over restarts: one file in the state directory, written whole beside its place, synced and renamed. Its first line has the hash of
// the rest, so that a damaged file is known as one.
import { createHash } from "node:crypto";
import { join } from "node:path";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { readTrustedFile } from "../../runtime/host/trusted_file.ts";
import type { Disk } from "../../runtime/shell/disk.ts";
import { isThere } from "../../runtime/shell/revision.ts";
import { fieldsOf } from "../../runtime/shell/rpc_client.ts";
import { MOST_BLOCKS, MOST_WHY_CHARACTERS, type Block, type Blocks } from "./blocks.ts";
import { formatPrefix, parsePrefix } from "./prefix.ts";

export const BLOCKS_NAME = "blocks.json";
const FORM = "ingressd blocks 1";
const MOST_BYTES = 128 * 1024 * 1024;

export class KeptBlocks {
  readonly #blocks: Blocks;
  readonly #path: string;
  readonly #disk: Disk;
  #writing: Promise<void> = Promise.resolve();
  #next: Promise<void> | null = null;

  constructor(directory: string, blocks: Blocks, disk: Disk) {
    this.#path = join(directory, BLOCKS_NAME);
    this.#blocks = blocks;
    this.#disk = disk;
  }

  /** Takes over what the file has. The error is one of the start. */
  load(): Result<null, string> {
    if (!isThere(this.#path)) return ok(null);
    const bytes = readTrustedFile(this.#path, MOST_BYTES, "file of temporary blocks");
    if (!bytes.ok) return bytes;
    const blocks = readBlocks(new TextDecoder().decode(bytes.value));
    if (blocks === null)
      return failed(
        `the file of temporary blocks \`${this.#path}\` is damaged, so it is not known who is blocked: restore it from a backup, or remove it to start without blocks`,
      );
    this.#blocks.restore(blocks);
    return ok(null);
  }

  /** Resolves when what is blocked now is on the disk; calls that come while the disk is written share the next write. Rejects where the disk does. */
  keep(): Promise<void> {
    this.#next ??= this.#writing
      .catch(() => undefined)
      .then(() => {
        this.#next = null;
        return (this.#writing = this.#write());
      });
    return this.#next;
  }

  async #write(): Promise<void> {
    const beside = `${this.#path}.new`;
    await this.#disk.write(beside, Buffer.from(writeBlocks(this.#blocks.all())));
    await this.#disk.replace(beside, this.#path);
  }
}

export function writeBlocks(blocks: readonly Block[]): string {
  const body = `${JSON.stringify(blocks)}\n`;
  return `${FORM} ${hashOf(body)}\n${body}`;
}

/** Null where it is not what `writeBlocks` writes. */
export function readBlocks(text: string): readonly Block[] | null {
  const end = text.indexOf("\n");
  const body = text.slice(end + 1);
  if (end < 0 || text.slice(0, end) !== `${FORM} ${hashOf(body)}`) return null;
  try {
    return blocksIn(JSON.parse(body));
  } catch {
    return null;
  }
}

/** Null where one of them is none. */
export function blocksIn(value: unknown): readonly Block[] | null {
  if (!Array.isArray(value) || value.length > MOST_BLOCKS) return null;
  const blocks = value.map(blockIn);
  return blocks.every((block) => block !== null) ? blocks : null;
}

function blockIn(value: unknown): Block | null {
  const { prefix, why, sinceMs, untilMs } = fieldsOf(value) ?? {};
  if (typeof prefix !== "string" || typeof why !== "string" || [...why].length > MOST_WHY_CHARACTERS) return null;
  if (!isTime(sinceMs) || !isTime(untilMs)) return null;
  const parsed = parsePrefix(prefix);
  return parsed.ok && formatPrefix(parsed.value) === prefix ? { prefix, why, sinceMs, untilMs } : null;
}

/** Milliseconds that a date can have. */
function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 8.64e15;
}

function hashOf(body: string): string {
  return createHash("sha256").update(body).digest("hex");
}
