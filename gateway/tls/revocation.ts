// Revocation lists of an authority (RFC 5280 section 5): reads their files, refuses what can't be used, and says whether a
// certificate is on them. Signatures are OpenSSL's to verify, in every handshake; a list with a wrong one refuses everyone.
import { createHash } from "node:crypto";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { readTrustedFile } from "../../runtime/host/trusted_file.ts";
import { INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, readInside, readValues, SEQUENCE, type DerValue } from "./der.ts";
import { pemText, readBlocks } from "./pem.ts";

/** Of all lists of one authority. */
export const MOST_LIST_BYTES = 16 * 1024 * 1024;
const MOST_FILES = 256;

const VERSION = 0xa0;
const EXTENSIONS = 0xa0;
const SET = 0x31;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const BMP_STRING = 0x1e;
const LATIN: readonly number[] = [0x13, 0x14, 0x16, 0x1a];
const UTF8_STRING = 0x0c;
/** Contents of object identifiers, in hexadecimal. */
const CRL_NUMBER = "551d14";
const DELTA_INDICATOR = "551d1b";
const AUTHORITY_KEY = "551d23";
const KEY_IDENTIFIER = 0x80;

/** In place of a key: the list does not say which one signed it. */
export const NO_KEY = "";

/** Several keys may have one name: those of two authorities, or of one that has a new key. Each numbers its lists by itself. */
export interface Signer {
  /** See `nameKey`. */
  readonly issuer: string;
  /** Its identifier, in hexadecimal, or NO_KEY. */
  readonly key: string;
}

export interface RevocationList extends Signer {
  readonly path: string;
  /** `crlNumber`; null where it has none. */
  readonly number: bigint | null;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  readonly der: Buffer;
  /** Its entries, as they are in it. */
  readonly entries: Buffer;
}

/** When a list was made, by its number or else by its date. */
export type ListAge = Pick<RevocationList, "number" | "thisUpdate">;

function isSameSigner(a: Signer, b: Signer): boolean {
  return a.issuer === b.issuer && a.key === b.key;
}

/** The newest list of a signer that was in use. */
export type NewestUsed = (signer: Signer) => ListAge | undefined;

/** The lists of one authority. */
export class Revocations {
  readonly lists: readonly RevocationList[];
  /** When the first of them ends. */
  readonly notAfter: Date;
  /** The one form of a certificate that is on one; made when it is needed. */
  #revoked: ReadonlySet<string> | null = null;

  constructor(lists: readonly RevocationList[]) {
    this.lists = lists;
    this.notAfter = new Date(Math.min(...lists.map(({ nextUpdate }) => nextUpdate.getTime())));
  }

  /** The newest of each signer. */
  newest(): readonly RevocationList[] {
    const found = new Map<string, RevocationList>();
    for (const list of this.lists) {
      const signer = `${list.issuer} ${list.key}`;
      const known = found.get(signer);
      if (known === undefined || order(known, list) < 0) found.set(signer, list);
    }
    return [...found.values()];
  }

  /** With the lists of `other` for each signer of which that has newer ones. */
  withNewer(other: Revocations | null): Revocations {
    if (other === null) return this;
    const isNewer = (own: RevocationList): boolean => other.newest().some((one) => isSameSigner(own, one) && order(own, one) < 0);
    const newest = this.newest();
    if (!newest.some(isNewer)) return this;
    return new Revocations(newest.flatMap((own) => (isNewer(own) ? other : this).lists.filter((one) => isSameSigner(own, one))));
  }

  /** PEM, one text each. */
  pem(): readonly string[] {
    return this.lists.map(({ der }) => pemText("X509 CRL", der));
  }

  /** `key`: of certificateKey. INVARIANT: a certificate of which it is not known counts as revoked. */
  has(key: string | undefined): boolean {
    this.#revoked ??= new Set(this.lists.flatMap(({ issuer, entries }) => serialsIn(entries).map((serial) => `${issuer} ${serial}`)));
    return key === undefined || key === "" || this.#revoked.has(key);
  }
}

/** Throws an Error with one sentence about what can't be used. `used`: what was in use; null: nothing was. */
export function readRevocations(paths: readonly string[], now: Date, used: NewestUsed | null): Revocations {
  const files = paths.flatMap(filesAt);
  if (files.length > MOST_FILES) throw new Error(`${files.length} files of revocation lists are too many: at most ${MOST_FILES}`);
  let room = MOST_LIST_BYTES;
  const lists = files.flatMap((path) => {
    const bytes = readTrustedFile(path, MOST_LIST_BYTES, "revocation list");
    if (!bytes.ok) throw new Error(bytes.error);
    room -= bytes.value.length;
    if (room < 0) throw new Error(`the revocation lists of one authority have more than ${MOST_LIST_BYTES} bytes together (at \`${path}\`)`);
    return listsIn(path, Buffer.from(bytes.value));
  });
  if (lists.length === 0) throw new Error(`${paths.map((path) => `\`${path}\``).join(", ")} has no revocation list`);
  for (const { path, thisUpdate, nextUpdate } of lists) {
    if (!(nextUpdate > now)) throw new Error(`the revocation list \`${path}\` has expired (${nextUpdate.toISOString()}): put a new one in its place`);
    if (!(thisUpdate <= now)) throw new Error(`the revocation list \`${path}\` is not yet valid (${thisUpdate.toISOString()})`);
  }
  const read = new Revocations(lists);
  for (const newest of read.newest()) checkNotOlder(newest, used?.(newest));
  return read;
}

/** The files of a folder, or the file itself; names that begin with a dot are left out. */
export function filesAt(path: string): readonly string[] {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return [path];
  return readdirSync(path)
    .filter((name) => !name.startsWith("."))
    .sort()
    .map((name) => join(path, name));
}

/** Below zero where `a` is older. */
export function order(a: ListAge, b: ListAge): number {
  if (a.number !== b.number) return (a.number ?? -1n) < (b.number ?? -1n) ? -1 : 1;
  return a.thisUpdate.getTime() - b.thisUpdate.getTime();
}

/** An older list would admit again what the one in use has revoked. */
function checkNotOlder(next: RevocationList, used: ListAge | undefined): void {
  if (used === undefined || order(next, used) >= 0) return;
  const numbered = ({ number, thisUpdate }: ListAge): string => (number === null ? `that of ${thisUpdate.toISOString()}` : `number ${number}`);
  throw new Error(`the revocation list \`${next.path}\` is older (${numbered(next)}) than the one in use (${numbered(used)}): put a newer one in its place`);
}

function listsIn(path: string, bytes: Buffer): readonly RevocationList[] {
  // ASN.1's SEQUENCE, with a length in more than one byte.
  if (bytes[0] === SEQUENCE && (bytes[1] ?? 0) > 0x80) return [listOf(path, bytes)];
  const pem = readBlocks(bytes);
  if ("fault" in pem) throw new Error(`\`${path}\` ${pem.fault}`);
  return pem.blocks.map(({ label, der, line }) => {
    if (label !== "X509 CRL") throw new Error(`\`${path}\` has a ${label} in line ${line}, which is no revocation list: remove it`);
    return listOf(path, der);
  });
}

function listOf(path: string, der: Buffer): RevocationList {
  const unreadable = (what: string): Error => new Error(`the revocation list \`${path}\` can't be used: ${what}`);
  const [body, algorithm] = readInside(der, SEQUENCE) ?? [];
  const fields = body?.tag === SEQUENCE && algorithm !== undefined ? readValues(body.content) : null;
  if (fields === null) throw unreadable("it is no list in DER or PEM, or it is damaged");
  const [, issuer, from, to, ...rest] = fields[0]?.tag === INTEGER ? fields.slice(1) : fields;
  const [thisUpdate, nextUpdate] = [timeOf(from), timeOf(to)];
  const name = issuer?.tag === SEQUENCE ? nameKey(issuer) : null;
  if (name === null || thisUpdate === null) throw unreadable("its issuer or its date can't be read");
  if (nextUpdate === null) throw unreadable("it has no nextUpdate, so nobody knows when it ends");
  const extensions = extensionsOf(rest.find(({ tag }) => tag === EXTENSIONS));
  if (extensions === null) throw unreadable("its extensions can't be read");
  if (extensions.has(DELTA_INDICATOR)) throw unreadable("it is a delta list: name whole lists");
  const key = keyIn(extensions.get(AUTHORITY_KEY));
  if (key === null) throw unreadable("its extensions can't be read");
  const [entries] = rest;
  return {
    path,
    issuer: name,
    key,
    number: numberIn(extensions.get(CRL_NUMBER)),
    thisUpdate,
    nextUpdate,
    der,
    entries: entries?.tag === SEQUENCE ? entries.content : Buffer.alloc(0),
  };
}

/** The values by the identifiers of extensions; null where they can't be read. */
function extensionsOf(field: DerValue | undefined): ReadonlyMap<string, Buffer> | null {
  const found = new Map<string, Buffer>();
  if (field === undefined) return found;
  for (const { tag, content } of readInside(field.content, SEQUENCE) ?? [UNREADABLE]) {
    const parts = tag === SEQUENCE ? readValues(content) : null;
    const [id, value] = [parts?.[0], parts?.at(-1)];
    if (id?.tag !== OBJECT_IDENTIFIER || value?.tag !== OCTET_STRING) return null;
    found.set(id.content.toString("hex"), value.content);
  }
  return found;
}

const UNREADABLE: DerValue = { tag: 0, content: Buffer.alloc(0) };

/** Null where it can't be read. */
function keyIn(value: Buffer | undefined): string | null {
  if (value === undefined) return NO_KEY;
  const fields = readInside(value, SEQUENCE);
  return fields === null ? null : (fields.find(({ tag }) => tag === KEY_IDENTIFIER)?.content.toString("hex") ?? NO_KEY);
}

function numberIn(value: Buffer | undefined): bigint | null {
  const [number] = value === undefined ? [] : (readValues(value) ?? []);
  return number?.tag === INTEGER && number.content.length > 0 ? BigInt(`0x${number.content.toString("hex")}`) : null;
}

function timeOf(value: DerValue | undefined): Date | null {
  if (value === undefined || (value.tag !== UTC_TIME && value.tag !== GENERALIZED_TIME)) return null;
  const text = value.content.toString("latin1");
  const found = (value.tag === UTC_TIME ? /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/ : /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/).exec(text);
  if (found === null) return null;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = found.slice(1).map(Number);
  const century =
    value.tag !== UTC_TIME ? 0
    : year < 50 ? 2000
    : 1900;
  return new Date(Date.UTC(century + year, month - 1, day, hour, minute, second));
}

/** Serial numbers of the entries, in hexadecimal. INVARIANT: an entry that can't be read ends the list: nobody relies on a part. */
function serialsIn(entries: Buffer): readonly string[] {
  const all = readValues(entries);
  if (all === null) throw new Error("a revocation list has entries that can't be read");
  return all.map(({ content }) => {
    const [serial] = readValues(content) ?? [];
    if (serial?.tag !== INTEGER) throw new Error("a revocation list has an entry without a serial number");
    return serial.content.toString("hex");
  });
}

/** Issuer and serial number of a certificate, as lists have them; empty where they can't be read. */
export function certificateKey(der: Buffer): string {
  const [body] = readInside(der, SEQUENCE) ?? [];
  const fields = body?.tag === SEQUENCE ? (readValues(body.content) ?? []) : [];
  // version? serial signature issuer ...
  const [serial, , issuer] = fields[0]?.tag === VERSION ? fields.slice(1) : fields;
  const name = issuer?.tag === SEQUENCE ? nameKey(issuer) : null;
  return serial?.tag === INTEGER && name !== null ? `${name} ${serial.content.toString("hex")}` : "";
}

/** One form of a name, however its texts are encoded: OpenSSL compares it so. Null where it can't be read. */
function nameKey({ content }: DerValue): string | null {
  const hash = createHash("sha256");
  for (const part of readValues(content) ?? [UNREADABLE]) {
    const attributes = part.tag === SET ? readValues(part.content) : null;
    if (attributes === null) return null;
    for (const attribute of attributes) {
      const [type, value] = readValues(attribute.content) ?? [];
      if (type === undefined || value === undefined) return null;
      hash.update(`${type.content.toString("hex")}=${textOf(value)}\0`);
    }
    hash.update("\n");
  }
  return hash.digest("hex").slice(0, 32);
}

function textOf({ tag, content }: DerValue): string {
  const text =
    tag === UTF8_STRING ? content.toString("utf8")
    : LATIN.includes(tag) ? content.toString("latin1")
    : tag === BMP_STRING ? Buffer.from(content).swap16().toString("utf16le")
    : null;
  if (text === null) return `${tag} ${content.toString("hex")}`;
  return text
    .replace(/[A-Z]/g, (c) => c.toLowerCase())
    .trim()
    .replace(/\s+/g, " ");
}
