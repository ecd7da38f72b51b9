// The rows of a worker, in typed arrays that grow: the generation of each, and the bytes that were moved and not yet
// reported.

const FIRST_ROWS = 1024;
/** Generation of a row that is not the worker's. */
export const NO_GENERATION = 0;

export class WorkerRows {
  #generations = new Int32Array(FIRST_ROWS);
  #fromClient = new Uint32Array(FIRST_ROWS);
  #fromBackend = new Uint32Array(FIRST_ROWS);
  #isMoved = new Uint8Array(FIRST_ROWS);
  #moved: number[] = [];

  /** NO_GENERATION where the worker has no such row. */
  generation(row: number): number {
    return this.#generations[row] ?? NO_GENERATION;
  }

  begin(row: number, generation: number): void {
    if (row >= this.#generations.length) this.#grow(row);
    this.#generations[row] = generation;
    this.#fromClient[row] = 0;
    this.#fromBackend[row] = 0;
  }

  end(row: number): void {
    this.#generations[row] = NO_GENERATION;
  }

  add(row: number, fromClient: number, fromBackend: number): void {
    this.#fromClient[row] = (this.#fromClient[row] ?? 0) + fromClient;
    this.#fromBackend[row] = (this.#fromBackend[row] ?? 0) + fromBackend;
    if (this.#isMoved[row] === 1) return;
    this.#isMoved[row] = 1;
    this.#moved.push(row);
  }

  /** The bytes that were moved since the last time. */
  take(row: number): readonly [fromClient: number, fromBackend: number] {
    const bytes = [this.#fromClient[row] ?? 0, this.#fromBackend[row] ?? 0] as const;
    this.#fromClient[row] = 0;
    this.#fromBackend[row] = 0;
    return bytes;
  }

  get hasMoved(): boolean {
    return this.#moved.length > 0;
  }

  /** The rows of which something was moved since the last time. */
  moved(): readonly number[] {
    const rows = this.#moved;
    if (rows.length > 0) this.#moved = [];
    for (const row of rows) this.#isMoved[row] = 0;
    return rows;
  }

  *all(): Generator<number> {
    for (const [row, generation] of this.#generations.entries()) if (generation !== NO_GENERATION) yield row;
  }

  #grow(row: number): void {
    const room = Math.max(row + 1, 2 * this.#generations.length);
    const [generations, isMoved] = [new Int32Array(room), new Uint8Array(room)];
    const [fromClient, fromBackend] = [new Uint32Array(room), new Uint32Array(room)];
    generations.set(this.#generations);
    isMoved.set(this.#isMoved);
    fromClient.set(this.#fromClient);
    fromBackend.set(this.#fromBackend);
    [this.#generations, this.#isMoved, this.#fromClient, this.#fromBackend] = [generations, isMoved, fromClient, fromBackend];
  }
}
