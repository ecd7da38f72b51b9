// Little-endian words at growing addresses. A number that does not fit its field stops the
// build: an overflow that continues silently becomes a wrong verdict.

const ALIGN = 8;
const LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

export class ImageWriter {
  readonly #base: number;
  #bytes: Uint8Array;
  #view: DataView;
  #length: number;

  /** `room`: bytes that will be written, as well as they are known. */
  constructor(base: number, headerBytes: number, room = 65536) {
    this.#base = base;
    this.#bytes = new Uint8Array(Math.max(room, headerBytes));
    this.#view = new DataView(this.#bytes.buffer);
    this.#length = headerBytes;
  }

  /** The address behind what was written; a multiple of 8. */
  end(): number {
    return this.#base + this.#length;
  }

  /** Writes a header word at its fixed place. */
  header(field: number, value: number, most = 0xffffffff): void {
    this.#view.setUint32(field, fitting(value, most), true);
  }

  /** Makes room for one record of zeros and returns its address. */
  record(bytes: number): number {
    const address = this.end();
    this.#grow(bytes);
    return address;
  }

  u32(address: number, value: number, most = 0xffffffff): void {
    this.#view.setUint32(address - this.#base, fitting(value, most), true);
  }

  u64(address: number, value: bigint): void {
    this.#view.setBigUint64(address - this.#base, value, true);
  }

  /** Appends lists of words and returns the address of the first. */
  words(...lists: readonly ArrayLike<number>[]): number {
    const address = this.end();
    let at = this.#length;
    this.#grow(lists.reduce((sum, list) => sum + list.length * 4, 0));
    for (const list of lists) {
      // Words of a typed array fit; their bytes need only be in order.
      if (list instanceof Uint32Array && LITTLE_ENDIAN) this.#bytes.set(new Uint8Array(list.buffer, list.byteOffset, list.byteLength), at);
      else for (let i = 0; i < list.length; i++) this.#view.setUint32(at + 4 * i, fitting(list[i] ?? NaN, 0xffffffff), true);
      at += 4 * list.length;
    }
    return address;
  }

  /** Appends a text of one byte a character and returns the address of the first. */
  byteText(text: string): number {
    const address = this.end();
    const at = this.#length;
    this.#grow(text.length);
    for (let i = 0; i < text.length; i++) this.#view.setUint8(at + i, fitting(text.charCodeAt(i), 0x7f));
    return address;
  }

  /** All that was written; nothing may be written after that. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #grow(bytes: number): void {
    this.#length = Math.ceil((this.#length + bytes) / ALIGN) * ALIGN;
    if (this.#length <= this.#bytes.length) return;
    const wider = new Uint8Array(2 ** Math.ceil(Math.log2(this.#length)));
    wider.set(this.#bytes);
    this.#bytes = wider;
    this.#view = new DataView(wider.buffer);
  }
}

function fitting(value: number, most: number): number {
  if (!Number.isInteger(value) || value < 0 || value > most) throw new RangeError(`${value} does not fit a field of at most ${most}`);
  return value;
}
