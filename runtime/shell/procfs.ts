// /proc for ingressd and ingress-guard: readers of one file or folder each, bounded, which never throw. A process may
// end, or belong to another user, at any moment, so what can't be read is empty.
import { closeSync, openSync, readdirSync, readlinkSync, readSync } from "node:fs";
import { formatEndpoint, fromV4, type Address } from "../net/address.ts";

/** A host with a million sockets has tables of 150 MB, which nobody reads in one turn: what is behind this bound is not seen. */
const MOST_TEXT_BYTES = 64 * 1024 * 1024;
/** /proc gives at most a page at a time for most files. */
const PART_BYTES = 64 * 1024;

/** A file's text, up to the bound; "" where it can't be read. */
export function read(path: string, mostBytes = MOST_TEXT_BYTES): string {
  let fd = -1;
  try {
    fd = openSync(path, "r");
    const parts: Buffer[] = [];
    for (let left = mostBytes; left > 0;) {
      const part = Buffer.allocUnsafe(Math.min(PART_BYTES, left));
      const length = readSync(fd, part, 0, part.length, null);
      if (length === 0) break;
      parts.push(part.subarray(0, length));
      left -= length;
    }
    return Buffer.concat(parts).toString("latin1");
  } catch {
    return "";
  } finally {
    if (fd >= 0) closeSync(fd);
  }
}

/** The names in a folder. */
export function namesIn(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** The names that are numbers: processes, threads, descriptors. */
export function numbersIn(path: string): readonly number[] {
  return namesIn(path)
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** Where a link leads. */
export function target(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

/** The inode of the socket that a descriptor's link leads to; null where it leads to something else. */
export function socketInode(path: string): number | null {
  const inode = /^socket:\[(\d+)\]$/.exec(target(path))?.[1];
  return inode === undefined ? null : Number(inode);
}

/** The fields of a `Name: value` file, as /proc/PID/status is one. */
export function fieldsOf(path: string): ReadonlyMap<string, string> {
  return new Map(
    read(path)
      .split("\n")
      .map((line): [string, string] => {
        const colon = line.indexOf(":");
        return [line.slice(0, colon), line.slice(colon + 1).trim()];
      }),
  );
}

/** A limit of a process (`Max open files`), soft and hard; null where the kernel doesn't say. Infinity: none. */
export function limitOf(process: number | "self", name: string): { readonly soft: number; readonly hard: number } | null {
  const line = read(`/proc/${process}/limits`)
    .split("\n")
    .find((one) => one.startsWith(`${name} `));
  const [soft, hard] = (line?.slice(name.length).trim().split(/\s+/) ?? []).map((word) => (word === "unlimited" ? Number.POSITIVE_INFINITY : Number(word)));
  return soft === undefined || hard === undefined ? null : { soft, hard };
}

/** States of sockets as the tables print them. A UDP socket that is not connected is in CLOSE. */
export const TCP_LISTEN = "0A";
export const CLOSE = "07";

/** One socket of a table in /proc/net. */
export interface SocketRow {
  readonly address: Address;
  readonly port: number;
  readonly isConnected: boolean;
  readonly state: string;
  readonly uid: number;
  readonly inode: number;
}

/** The rows of a table such as /proc/self/net/tcp6, those in `state` where one is given. */
export function socketRows(text: string, state?: string): readonly SocketRow[] {
  return text.split("\n").flatMap((line): SocketRow[] => {
    if (state !== undefined && !line.includes(` ${state} `)) return [];
    const fields = line.trim().split(/\s+/);
    const [, localText = "", remote = "", stateText = "", , , , uid, , inode] = fields;
    const local = endpointOf(localText);
    if (local === null || inode === undefined || (state !== undefined && stateText !== state)) return [];
    return [{ ...local, isConnected: !/^[0:]+$/.test(remote), state: stateText, uid: Number(uid), inode: Number(inode) }];
  });
}

/** `0100007F:1F90`: words in the machine's order, which is little-endian on every machine that these programs know. */
export function endpointOf(text: string): { readonly address: Address; readonly port: number } | null {
  const [, digits, port] = /^((?:[0-9A-F]{8}){1,4}):([0-9A-F]{4})$/.exec(text) ?? [];
  if (digits === undefined || port === undefined) return null;
  const words = (digits.match(/.{8}/g) ?? []).map((word) => Buffer.from(word, "hex").readUInt32LE(0));
  const [a = 0, b = 0, c = 0, d = 0] = words;
  if (words.length !== 1 && words.length !== 4) return null;
  return { address: words.length === 1 ? fromV4(a) : [a, b, c, d], port: Number.parseInt(port, 16) };
}

/** `127.0.0.1:80`, `[::1]:80`; null where the text is none. */
export function endpointText(text: string): string | null {
  const endpoint = endpointOf(text);
  return endpoint === null ? null : formatEndpoint(endpoint.address, endpoint.port);
}
