// Little-endian words at growing addresses. A number that does not fit its field stops the
// build: an overflow that goes on silently becomes a wrong verdict.

const ALIGN = 8;

export class ImageWriter {
  readonly #base: number;
  #bytes: Uint8Array;
  #view: DataView;
  #length: number;

  constructor(base: number, headerBytes: number) {
    this.#base = base;
    this.#bytes = new Uint8Array(65536);
    this.#view = new DataView(this.#bytes.buffer);
    this.#length = headerBytes;
  }

  /** The address behind what was written; a multiple of 8. */
  end(): number {
    return this.#base + this.#length;
  }

  /** Writes a header word at its fixed place. */
  header(field: number, value: number): void {
    this.#view.setUint32(field, fitting(value, 0xffffffff), true);
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
      for (let i = 0; i < list.length; i++, at += 4) this.#view.setUint32(at, fitting(list[i] ?? NaN, 0xffffffff), true);
    }
    return address;
  }

  /** Appends bytes and returns the address of the first. */
  byteText(list: readonly number[]): number {
    const address = this.end();
    const at = this.#length;
    this.#grow(list.length);
    list.forEach((byte, i) => { this.#view.setUint8(at + i, fitting(byte, 0xff)); });
    return address;
  }

  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
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
