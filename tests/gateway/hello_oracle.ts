// A second, slow and strict reader of a ClientHello, written from RFC 8446 and RFC 6066 without a
// look at the gateway's: all bytes at once, lists of numbers, and the first oddity throws.

export interface OracleHello {
  readonly serverName: string | null;
  readonly alpn: readonly string[];
  readonly streamBytes: number;
}

class Odd extends Error {}

/** Null for everything that is not a whole and flawless hello at the stream's start. */
export function oracle(stream: Uint8Array): OracleHello | null {
  try {
    return read([...stream]);
  } catch (error) {
    if (error instanceof Odd) return null;
    throw error;
  }
}

function must(condition: boolean): asserts condition {
  if (!condition) throw new Odd();
}

/** Removes the first `n` numbers. */
function cut(from: number[], n: number): number[] {
  must(from.length >= n);
  return from.splice(0, n);
}

const toNumber = (list: readonly number[]): number => list.reduce((n, byte) => n * 256 + byte, 0);
const counted = (from: number[], width: number): number[] => cut(from, toNumber(cut(from, width)));
const text = (list: readonly number[]): string => String.fromCharCode(...list);

function read(rest: number[]): OracleHello {
  const all = rest.length;
  const content: number[] = [];
  let fragments = 0;
  const wanted = (): number => (content.length < 4 ? Infinity : 4 + toNumber(content.slice(1, 4)));
  while (content.length < wanted()) {
    const [type, major] = cut(rest, 3);
    must(type === 22 && major === 3);
    const fragment = counted(rest, 2);
    must(fragment.length >= 1 && fragment.length <= 16384);
    content.push(...fragment);
    must(++fragments <= 64);
  }
  must(content[0] === 1 && content.length === wanted() && content.length <= 16384);
  return { ...hello(content.slice(4)), streamBytes: all - rest.length };
}

function hello(rest: number[]): { serverName: string | null; alpn: string[] } {
  must(cut(rest, 2)[0] === 3);
  cut(rest, 32);
  must(counted(rest, 1).length <= 32);
  const suites = counted(rest, 2).length;
  must(suites > 0 && suites % 2 === 0);
  must(counted(rest, 1).length > 0);
  const found = new Map<number, number[]>();
  if (rest.length > 0) {
    const block = counted(rest, 2);
    must(rest.length === 0);
    while (block.length > 0) {
      const type = toNumber(cut(block, 2));
      must(!found.has(type));
      found.set(type, counted(block, 2));
    }
  }
  const name = found.get(0);
  const protocols = found.get(16);
  return { serverName: name === undefined ? null : host(name), alpn: protocols === undefined ? [] : list(protocols) };
}

function host(data: number[]): string {
  const entries = counted(data, 2);
  must(data.length === 0);
  must(cut(entries, 1)[0] === 0);
  const name = text(counted(entries, 2));
  must(entries.length === 0);
  const match = /^((?:[a-z0-9_-]{1,63}\.)*)([a-z0-9_-]{1,63})\.?$/i.exec(name);
  must(match !== null);
  const [, front = "", last = ""] = match;
  must(front.length + last.length <= 253 && !/^(0x[\da-f]*|\d+)$/i.test(last));
  return `${front}${last}`.toLowerCase();
}

function list(data: number[]): string[] {
  const entries = counted(data, 2);
  must(data.length === 0 && entries.length > 0);
  const names: string[] = [];
  while (entries.length > 0) names.push(text(counted(entries, 1)));
  must(names.every((name) => name !== ""));
  return names;
}
