// Reads DER (X.690): tag, length, content, each length in its one shortest form. Bytes that another
// reader could take for something else are not read at all.

export interface DerValue {
  /** The identifier byte. Tags above 30, which take more bytes, are not read. */
  readonly tag: number;
  readonly content: Buffer;
}

export const SEQUENCE = 0x30;
export const INTEGER = 0x02;
export const BOOLEAN = 0x01;
export const OCTET_STRING = 0x04;
export const OBJECT_IDENTIFIER = 0x06;

/** The longest length that is read; a certificate is far shorter. */
const MOST_LENGTH_BYTES = 3;

/** All values that `bytes` is made of, one behind the other; null where it is not made of values. */
export function readValues(bytes: Buffer): readonly DerValue[] | null {
  const values: DerValue[] = [];
  for (let at = 0; at < bytes.length;) {
    const tag = bytes.readUInt8(at);
    const head = readLength(bytes, at + 1);
    if ((tag & 0x1f) === 0x1f || head === null) return null;
    const end = head.from + head.length;
    if (end > bytes.length) return null;
    values.push({ tag, content: bytes.subarray(head.from, end) });
    at = end;
  }
  return values;
}

/** The values inside the one value that `bytes` is, which has this tag. */
export function readInside(bytes: Buffer, tag: number): readonly DerValue[] | null {
  const values = readValues(bytes);
  const [only] = values ?? [];
  return only === undefined || values?.length !== 1 || only.tag !== tag ? null : readValues(only.content);
}

function readLength(bytes: Buffer, at: number): { readonly length: number; readonly from: number } | null {
  const first = bytes[at];
  if (first === undefined) return null;
  if (first < 0x80) return { length: first, from: at + 1 };
  const count = first - 0x80;
  // 0x80 itself is BER's open length.
  if (count === 0 || count > MOST_LENGTH_BYTES || at + 1 + count > bytes.length) return null;
  const length = bytes.readUIntBE(at + 1, count);
  const shortest =
    length < 0x80 ? 0
    : length < 0x100 ? 1
    : length < 0x10000 ? 2
    : 3;
  return shortest === count ? { length, from: at + 1 + count } : null;
}
