// Writes a file so that a reader sees the old file or the new one, never a part:
// a temporary file in the same folder, fsync, rename, fsync of the folder.
import { randomBytes } from "node:crypto";
import { open, readFile, realpath, rename, rm, stat, type FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { isCode } from "./disk.ts";
import { usage, type Outcome } from "./outcome.ts";

/** Readable by the gateway's user, writable by the author alone: ingressd refuses anything wider. */
const MODE = 0o644;

/** Null when it is written. `inputs` are absolute paths that must not be overwritten; `flag` is the one that named `out`, and `what` is written. */
export async function writeModule(out: string, bytes: Uint8Array, inputs: ReadonlySet<string>, flag = "-o", what = "policy"): Promise<Outcome | null> {
  const resolved = await resolveTarget(out, flag);
  if (!resolved.ok) return resolved.error;
  const target = resolved.value;
  if (inputs.has(target)) {
    return usage("output_is_input", `\`${out}\` is a file that the ${what} is made of`, `give \`${flag}\` another path`);
  }
  return replace(
    target,
    bytes,
    (file) => file.chmod(MODE),
    () => Promise.resolve(null),
    (error) => cannotWrite(out, error, otherPlace(flag)),
  );
}

/** The paths of files as `writeModule` compares them; what is no file any more can't be overwritten. */
export async function realPaths(files: readonly string[]): Promise<ReadonlySet<string>> {
  const found = await Promise.all(files.map((file) => realpath(file).catch(() => null)));
  return new Set(found.filter((path) => path !== null));
}

/**
 * Puts `after` into a file that contains `before`, in one step and with its owner and mode kept. Null
 * when it is written; a file that is another by now stays as it is.
 */
export async function replaceText(path: string, before: string, after: string): Promise<Outcome | null> {
  const failed = (error: unknown): Outcome => cannotWrite(path, error, "nothing was changed; check the permissions of the file and of its folder");
  try {
    const target = await realpath(path);
    const found = await stat(target);
    return await replace(
      target,
      Buffer.from(after),
      async (file) => {
        const own = await file.stat();
        if (own.uid !== found.uid || own.gid !== found.gid) await file.chown(found.uid, found.gid);
        await file.chmod(found.mode & 0o7777);
      },
      async () => {
        // Decoded as it was when it was read: without a byte order mark.
        if (new TextDecoder().decode(await readFile(target)) === before) return null;
        return {
          class: "delegate",
          code: "policy.changed_meanwhile",
          message: `\`${path}\` was changed by somebody else meanwhile`,
          help: "nothing was changed; run it again",
        };
      },
      failed,
    );
  } catch (error) {
    return failed(error);
  }
}

/** `last` may still say no, just before the new file takes the old one's place. */
async function replace(
  target: string,
  bytes: Uint8Array,
  prepare: (file: FileHandle) => Promise<void>,
  last: () => Promise<Outcome | null>,
  failed: (error: unknown) => Outcome,
): Promise<Outcome | null> {
  const temporary = join(dirname(target), temporaryName(target));
  try {
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(bytes);
      await prepare(file);
      await file.sync();
    } finally {
      await file.close();
    }
    const no = await last();
    if (no !== null) {
      await rm(temporary, { force: true });
      return no;
    }
    await rename(temporary, target);
    await syncFolder(dirname(target));
    return null;
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    return failed(error);
  }
}

function temporaryName(target: string): string {
  return `.ingressc-${basename(target)}.${process.pid}.${randomBytes(4).toString("hex")}.tmp`;
}

/** The path to rename to: through symlinks, in a folder that exists, and no device or folder. */
async function resolveTarget(out: string, flag: string): Promise<Result<string, Outcome>> {
  try {
    const found = await stat(out);
    if (found.isDirectory()) {
      return failed(
        usage(
          "output_is_folder",
          `\`${out}\` is a folder`,
          `name a file in it, for example \`${flag} ${join(out, flag === "-o" ? "policy.wasm" : "report")}\``,
        ),
      );
    }
    if (!found.isFile()) {
      return failed(usage("output_not_a_file", `\`${out}\` is not a regular file`, `give \`${flag}\` the path of a regular file`));
    }
    return ok(await realpath(out));
  } catch (error) {
    if (!isCode(error, "ENOENT")) return failed(cannotWrite(out, error, otherPlace(flag)));
  }
  try {
    return ok(join(await realpath(dirname(out)), basename(out)));
  } catch (error) {
    if (!isCode(error, "ENOENT")) return failed(cannotWrite(out, error, otherPlace(flag)));
    return failed(usage("output_folder", `there is no folder \`${dirname(out)}\` to write \`${out}\` into`, `create it with \`mkdir -p ${dirname(out)}\``));
  }
}

export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const CAUSES: Readonly<Record<string, string>> = {
  EACCES: "permission is denied",
  EPERM: "the operation is not permitted",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
  EDQUOT: "the quota is used up",
  ENOTDIR: "a part of its path is not a folder",
  ENAMETOOLONG: "the name is too long",
  ELOOP: "its symlinks go in circles",
};

function otherPlace(flag: string): string {
  return `nothing was changed; choose another place with \`${flag}\``;
}

export function cannotWrite(out: string, error: unknown, help: string): Outcome {
  const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
  return {
    class: "delegate",
    code: "policy.output_unwritable",
    message: `\`${out}\` can't be written: ${CAUSES[code] ?? code}`,
    help,
  };
}
