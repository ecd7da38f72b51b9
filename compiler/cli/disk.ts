// The compiler's SourceReader on a disk. The policy root is the folder of the entry file (of
// the file itself, where the operand is a symlink); every other file must lie below it by its
// real path, so that a policy of one team can't read what its author can't.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { constants, closeSync, fstatSync, openSync, readSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { setFlagsFromString } from "node:v8";
import { MAX_LIST_BYTES, MAX_SOURCE_BYTES } from "../source/bounds.ts";
import type { ReadFailure, SourceFile, SourceReader } from "../source/source.ts";
import { sha256 } from "./sha256.ts";
import { isStandardInput, readStandardInput, standardInputName } from "./standard_input.ts";
import { decodeText } from "./utf8.ts";

/** From this size on, a text's tokens and trees are most of the process's memory. */
const LARGE_BYTES = 1024 * 1024;
/**
 * V8 lets a heap grow to up to four times what it still uses, more on machines with more memory. Half of it again
 * keeps a policy of half a million members below 1 GiB everywhere, for about a fifth more time.
 */
const GROWING_PERCENT = 50;

/** Of this process and its threads, from now on. */
export function useSmallerHeap(percent = GROWING_PERCENT): void {
  setFlagsFromString(`--heap-growing-percent=${percent}`);
}

export interface DiskPolicy {
  readonly entry: SourceFile;
  readonly reader: SourceReader;
  /** Absolute path of the policy root. */
  readonly root: string;
  /** The files that were read or missed so far, to watch them. */
  readonly inputs: Inputs;
}

export interface Inputs {
  /** Absolute folders in which a change can alter the policy. */
  readonly folders: ReadonlySet<string>;
  /** Real paths of the files that were read. */
  readonly files: ReadonlySet<string>;
  /** Absolute paths as they were named, with what was found there; see `fingerprint`. */
  readonly found: ReadonlyMap<string, string>;
}

export interface OpenFailure {
  readonly failure: ReadFailure | "folder" | "special";
  readonly inputs: Inputs;
}

export function openPolicy(path: string): Result<DiskPolicy, OpenFailure> {
  const seen = new Seen();
  if (isStandardInput(path)) return openStandardInput(seen);
  const named = resolve(path);
  const real = seen.realPath(named);
  if (real === null) return failed({ failure: "missing", inputs: seen });
  const root = dirname(real);
  const text = readText(named, real, MAX_SOURCE_BYTES, seen);
  if (!text.ok) return failed({ failure: text.error, inputs: seen });
  const entry: SourceFile = { path: basename(real), text: text.value };
  return ok({ entry, root, reader: { read: (p, from) => readBelow(root, entry, p, from, seen) }, inputs: seen });
}

/** Texts in place of those of the disk, by real path: what an editor has and has not saved. */
export type OpenTexts = ReadonlyMap<string, string>;

/** A policy of which some texts are open in an editor; such a file need not be on the disk, its folder must be. */
export function openEdited(path: string, texts: OpenTexts): Result<DiskPolicy, OpenFailure> {
  const seen = new Seen();
  const named = resolve(path);
  const real = seen.realPath(named) ?? unsaved(named, texts);
  if (real === null) return failed({ failure: "missing", inputs: seen });
  const root = dirname(real);
  const text = textAt(named, real, MAX_SOURCE_BYTES, seen, texts);
  if (!text.ok) return failed({ failure: text.error, inputs: seen });
  const entry: SourceFile = { path: basename(real), text: text.value };
  return ok({ entry, root, reader: { read: (p, from) => readBelow(root, entry, p, from, seen, texts) }, inputs: seen });
}

/** The real path that a file will have when it is saved, if it is open; null where its folder is missing too. */
function unsaved(named: string, texts: OpenTexts): string | null {
  const real = realPlace(named);
  return real !== null && texts.has(real) ? real : null;
}

/** The real path of a file that is there or whose folder is; else null. */
export function realPlace(path: string): string | null {
  const named = resolve(path);
  try {
    return realpathSync.native(named);
  } catch {
    try {
      return join(realpathSync.native(dirname(named)), basename(named));
    } catch {
      return null;
    }
  }
}

function textAt(named: string, real: string, maxBytes: number, seen: Seen, texts: OpenTexts): Result<string, OpenFailure["failure"]> {
  const open = texts.get(real);
  if (open === undefined) return readText(named, real, maxBytes, seen);
  // A character is at most three bytes of UTF-8.
  return open.length > maxBytes / 3 && Buffer.byteLength(open) > maxBytes ? failed("too_large") : ok(open);
}

const NOTHING_OPEN: OpenTexts = new Map();

/** In the folder of its name, whether that file is there or not. */
function openStandardInput(seen: Seen): Result<DiskPolicy, OpenFailure> {
  const named = resolve(standardInputName());
  const root = seen.realPath(dirname(named));
  if (root === null) return failed({ failure: "missing", inputs: seen });
  const bytes = readStandardInput(MAX_SOURCE_BYTES);
  const text = bytes.ok ? decodeText(bytes.value) : bytes;
  if (!text.ok) return failed({ failure: text.error, inputs: seen });
  const entry: SourceFile = { path: basename(named), text: text.value };
  return ok({ entry, root, reader: { read: (p, from) => readBelow(root, entry, p, from, seen) }, inputs: seen });
}

function readBelow(root: string, entry: SourceFile, path: string, from: SourceFile | null, seen: Seen, texts = NOTHING_OPEN): Result<SourceFile, ReadFailure> {
  if (from === null && path === entry.path) return ok(entry);
  if (path === "" || path.includes("\0")) return failed("missing");
  if (isAbsolute(path)) return failed("outside");
  const base = join(root, dirname(from?.path ?? "."));
  // The text decides first, so that what lies outside isn't even looked at.
  const named = resolve(base, path);
  if (!isBelow(root, named)) return failed("outside");
  // The kernel's reading of `..` counts: after a symlinked folder it differs from the text's.
  const real = seen.realPath(`${base}${sep}${path}`) ?? unsaved(named, texts);
  if (real === null) return failed("missing");
  if (!isBelow(root, real)) return failed("outside");
  const text = textAt(named, real, MAX_LIST_BYTES, seen, texts);
  if (!text.ok) return failed(text.error === "folder" || text.error === "special" ? "unreadable" : text.error);
  // The real path: one file has one name, however it is reached, and what it names is relative to it.
  return ok({ path: relative(root, real).split(sep).join("/"), text: text.value });
}

function isBelow(root: string, path: string): boolean {
  return path.startsWith(root.endsWith(sep) ? root : root + sep);
}

/** A text of its own that nothing is read for; `real` is its absolute path. */
export function openText(path: string, maxBytes: number): Result<{ readonly text: string; readonly real: string }, OpenFailure> {
  const seen = new Seen();
  const named = resolve(path);
  const real = seen.realPath(named);
  if (real === null) return failed({ failure: "missing", inputs: seen });
  const read = readText(named, real, maxBytes, seen);
  return read.ok ? ok({ text: read.value, real }) : failed({ failure: read.error, inputs: seen });
}

function readText(named: string, real: string, maxBytes: number, seen: Seen): Result<string, OpenFailure["failure"]> {
  const bytes = readRegular(real, maxBytes);
  seen.note(named, real, bytes);
  return bytes.ok ? decodeText(bytes.value) : bytes;
}

type Found = ReturnType<typeof readRegular>;

/** Why a path gives no bytes. */
export type RegularFailure = "missing" | "folder" | "special" | "too_large" | "unreadable";

/**
 * The bytes of a regular file, at most `maxBytes`. Looked at before it is opened, because
 * opening a FIFO waits and opening a device acts; and again after, because it may be another by then.
 */
export function readRegular(path: string, maxBytes: number): Result<Uint8Array, RegularFailure> {
  let fd: number | null = null;
  try {
    const before = statSync(path);
    if (before.isDirectory()) return failed("folder");
    if (!before.isFile()) return failed("special");
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    const after = fstatSync(fd);
    if (!after.isFile() || !isSameFile(before, after)) return failed("special");
    if (after.size > LARGE_BYTES) useSmallerHeap();
    return readAll(fd, after.size, maxBytes);
  } catch (error) {
    return failed(isCode(error, "ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG") ? "missing" : "unreadable");
  } finally {
    if (fd !== null) closeSync(fd);
  }
}

/** By the numbers of two looks at it. On Windows one look has a longer number of the volume than the other (libuv pull request 4698). */
export function isSameFile(one: FileNumbers, other: FileNumbers, windows = process.platform === "win32"): boolean {
  return one.ino === other.ino && (windows || one.dev === other.dev);
}

interface FileNumbers {
  readonly ino: number;
  readonly dev: number;
}

export function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** Reads to the end, also of a file that grows meanwhile or that states no size (as in /proc). */
function readAll(fd: number, size: number, maxBytes: number): Result<Uint8Array, "too_large"> {
  if (size > maxBytes) return failed("too_large");
  let buffer = new Uint8Array(Math.min(maxBytes, Math.max(size, 4096)) + 1);
  let length = 0;
  for (;;) {
    const got = readSync(fd, buffer, length, buffer.length - length, null);
    if (got === 0) return ok(buffer.subarray(0, length));
    length += got;
    if (length > maxBytes) return failed("too_large");
    if (length === buffer.length) {
      const larger = new Uint8Array(Math.min(maxBytes + 1, buffer.length * 2));
      larger.set(buffer);
      buffer = larger;
    }
  }
}

export function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && typeof error.code === "string" && codes.includes(error.code);
}

/** The content at a path now and its real path, in a form that changes when either does. */
export function fingerprint(path: string): string {
  try {
    return fingerprintOf(realpathSync.native(path), readRegular(path, MAX_LIST_BYTES));
  } catch {
    return MISSING;
  }
}

const MISSING = "missing";

function fingerprintOf(real: string, found: Found): string {
  if (!found.ok && found.error === "missing") return MISSING;
  return JSON.stringify([real, found.ok ? Buffer.from(sha256(found.value)).toString("hex") : found.error]);
}

class Seen implements Inputs {
  readonly folders = new Set<string>();
  readonly files = new Set<string>();
  readonly found = new Map<string, string>();

  /** Null where nothing is there, a loop of symlinks and a file used as a folder included. */
  realPath(named: string): string | null {
    for (const folder of foldersOfLinks(named)) this.folders.add(folder);
    try {
      return realpathSync.native(named);
    } catch {
      this.folders.add(dirname(resolve(named)));
      this.found.set(resolve(named), MISSING);
      return null;
    }
  }

  note(named: string, real: string, found: Found): void {
    this.folders.add(dirname(real));
    this.files.add(real);
    this.found.set(named, fingerprintOf(real, found));
  }
}

/** Links that one path goes through at most; the kernel's own bound. */
const MOST_LINKS = 40;

/**
 * The real folders of all symlinks that a path goes through, links to links too: where one of them is
 * turned, the path leads to another file.
 */
function foldersOfLinks(path: string): Set<string> {
  const folders = new Set<string>();
  const rest = parts(isAbsolute(path) ? path : `${process.cwd()}${sep}${path}`);
  let at = "/";
  for (let links = 0; rest.length > 0 && links <= MOST_LINKS;) {
    const name = rest.shift() ?? "";
    if (name === "..") {
      at = dirname(at);
      continue;
    }
    const next = join(at, name);
    const target = linkTarget(next);
    if (target === null) {
      at = next;
      continue;
    }
    links++;
    folders.add(at);
    rest.unshift(...parts(target));
    if (isAbsolute(target)) at = "/";
  }
  return folders;
}

function parts(path: string): string[] {
  return path.split(sep).filter((part) => part !== "" && part !== ".");
}

function linkTarget(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}
