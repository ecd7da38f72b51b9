// Audit files as lines, read in pieces, so that a file of any length needs the memory of one piece: plain, compressed by
// gzip as logrotate does it, or standard input.
import { createReadStream, statSync } from "node:fs";
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { isCode } from "../disk.ts";
import { usage, type Outcome } from "../outcome.ts";
import { STANDARD_INPUT } from "../standard_input.ts";

/** Characters of a line. The longest that ingressd writes has a certificate's names, some 9 KiB. */
export const MAX_AUDIT_LINE = 65_536;
const PIECE_BYTES = 256 * 1024;
/** The first two bytes of a file that gzip made. */
const GZIP = [0x1f, 0x8b] as const;

export interface LineSink {
  /** Without its line end; lines are numbered from 1. */
  line(text: string, number: number): void;
  /** A line of more than MAX_AUDIT_LINE characters, of which nothing is kept. */
  tooLong(number: number): void;
}

/** Null when the whole file was read. */
export async function readAuditLines(path: string, sink: LineSink, input: AsyncIterable<unknown> = process.stdin): Promise<Outcome | null> {
  try {
    if (path !== STANDARD_INPUT && statSync(path).isDirectory())
      return usage("not_a_file", `\`${path}\` is a folder`, "name the audit files in it, for example `audit.jsonl audit.jsonl.1 audit.jsonl.2.gz`");
    const source = path === STANDARD_INPUT ? input : createReadStream(path, { highWaterMark: PIECE_BYTES });
    const splitter = new Splitter(sink);
    for await (const piece of unpacked(source)) splitter.add(piece);
    splitter.end();
    return null;
  } catch (error) {
    return unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): Outcome {
  const name = path === STANDARD_INPUT ? "standard input" : `\`${path}\``;
  if (isCode(error, "ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG"))
    return usage("missing_file", `there is no file ${name}`, "name the audit file (`audit.file` of the configuration)");
  if (isCode(error, "EACCES", "EPERM")) return usage("unreadable_file", `${name} can't be read`, "check the permissions of the file and of its folder");
  if (isCode(error, "Z_BUF_ERROR"))
    return damaged(`${name} is cut off: the compressed file ends too early`, "copy the file again, or read what is there with `zcat FILE | …` and `-`");
  if (isCode(error, "Z_DATA_ERROR")) return damaged(`${name} is damaged: it can't be decompressed`, "copy the file again; `gzip -t FILE` checks it");
  const text = error instanceof Error && "code" in error ? String(error.code) : String(error);
  return { class: "delegate", code: "policy.audit_unreadable", message: `${name} can't be read: ${text}`, help: "try again, or copy the file first" };
}

function damaged(message: string, help: string): Outcome {
  return { class: "reject", code: "policy.audit_damaged", message, help };
}

async function* unpacked(source: AsyncIterable<unknown>): AsyncGenerator<Buffer> {
  const pieces = buffers(source);
  let head = Buffer.alloc(0);
  while (head.length < GZIP.length) {
    const next = await pieces.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  const all = behind(head, pieces);
  if (head[0] !== GZIP[0] || head[1] !== GZIP[1]) {
    yield* all;
    return;
  }
  // A failure of the source or of the decompression ends the loop that reads.
  const plain = pipeline(Readable.from(all), createGunzip({ chunkSize: PIECE_BYTES }), () => undefined);
  yield* buffers(plain);
}

async function* behind(head: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head;
  yield* rest;
}

async function* buffers(source: AsyncIterable<unknown>): AsyncGenerator<Buffer> {
  for await (const piece of source) yield Buffer.isBuffer(piece) ? piece : Buffer.from(String(piece));
}

const LF = 10;

class Splitter {
  readonly #sink: LineSink;
  /** The beginning of a line whose end has not come. */
  #begun: Buffer[] = [];
  #begunBytes = 0;
  /** The line that is being read is too long. */
  #isSkipped = false;
  #number = 0;

  constructor(sink: LineSink) {
    this.#sink = sink;
  }

  add(piece: Buffer): void {
    const first = piece.indexOf(LF);
    if (first < 0) {
      this.#begin(piece);
      return;
    }
    this.#begin(piece.subarray(0, first));
    this.#finish();
    const last = piece.lastIndexOf(LF);
    if (last > first) this.#whole(piece.toString("utf8", first + 1, last));
    if (last + 1 < piece.length) this.#begin(Buffer.from(piece.subarray(last + 1)));
  }

  end(): void {
    if (this.#begunBytes > 0 || this.#isSkipped) this.#finish();
  }

  #begin(part: Buffer): void {
    if (this.#isSkipped || part.length === 0) return;
    // Four bytes of UTF-8 are at most two characters of a text, so that a line within the bound is never skipped.
    if (this.#begunBytes + part.length > 3 * MAX_AUDIT_LINE) {
      this.#isSkipped = true;
      this.#begun = [];
      this.#begunBytes = 0;
      return;
    }
    this.#begun.push(part);
    this.#begunBytes += part.length;
  }

  #finish(): void {
    const text = this.#begun.length === 1 ? (this.#begun[0]?.toString("utf8") ?? "") : Buffer.concat(this.#begun).toString("utf8");
    const isSkipped = this.#isSkipped;
    this.#begun = [];
    this.#begunBytes = 0;
    this.#isSkipped = false;
    if (isSkipped) this.#sink.tooLong(++this.#number);
    else this.#line(text);
  }

  /** Lines with ends between them. */
  #whole(text: string): void {
    for (let from = 0; ;) {
      const end = text.indexOf("\n", from);
      if (end < 0) {
        this.#line(text.slice(from));
        return;
      }
      this.#line(text.slice(from, end));
      from = end + 1;
    }
  }

  #line(text: string): void {
    const number = ++this.#number;
    if (text.length > MAX_AUDIT_LINE) this.#sink.tooLong(number);
    else this.#sink.line(text, number);
  }
}
