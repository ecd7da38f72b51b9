// CRC-32C (Castagnoli), the checksum of a PROXY header; Node's zlib has only the other CRC-32.

/** 0x1EDC6F41 with its bits reversed. */
const POLYNOMIAL = 0x82f63b78;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let word = byte;
  for (let bit = 0; bit < 8; bit++) word = (word & 1) === 1 ? (word >>> 1) ^ POLYNOMIAL : word >>> 1;
  return word;
});

export function crc32c(bytes: Uint8Array): number {
  let word = 0xffffffff;
  for (const byte of bytes) word = (word >>> 8) ^ (TABLE[(word ^ byte) & 0xff] ?? 0);
  return (word ^ 0xffffffff) >>> 0;
}
