// The engine's scratch memory, through which names, the words of certificates, batches of peers and records of state pass.
import * as abi from "../abi/layout.ts";
import { concatBytes } from "../abi/sections.ts";
import * as v from "../abi/verdicts.ts";
import type { Identity } from "./identity.ts";
import type { EngineExports } from "./instance.ts";
import type { Peer } from "./module.ts";

/** Nothing here catches a trap: that is its caller's. */
export class Scratch {
  /** Its address in the engine's memory. */
  readonly at: number;
  /** How many records of a batch it has room for. */
  readonly records: number;
  readonly #exports: EngineExports;
  readonly #view: DataView;
  readonly #bytes: Uint8Array;

  constructor(exports: EngineExports) {
    this.#exports = exports;
    this.#view = new DataView(exports.memory.buffer);
    this.#bytes = new Uint8Array(exports.memory.buffer);
    this.at = exports.scratch() >>> 0;
    this.records = Math.floor((exports.scratchBytes() >>> 0) / abi.BATCH_BYTES);
  }

  /** Writes a certificate's words into scratch and returns their length in bytes. Words that don't fit give a length that the engine refuses. */
  writeWords({ words }: Identity): number {
    const room = (this.#exports.scratchBytes() >>> 0) - abi.SCRATCH_IDENTITY;
    let at = this.at + abi.SCRATCH_IDENTITY;
    const end = at + Math.min(room, abi.MAX_IDENTITY_WORD_BYTES + 2 * abi.MAX_IDENTITY_WORDS);
    for (const word of words) {
      const bytes = new TextEncoder().encode(word);
      if (bytes.length > 0xffff || at + 2 + bytes.length > end) return abi.MAX_IDENTITY_WORD_BYTES + 2 * abi.MAX_IDENTITY_WORDS + 1;
      this.#view.setUint16(at, bytes.length, true);
      this.#bytes.set(bytes, at + 2);
      at += 2 + bytes.length;
    }
    return at - this.at - abi.SCRATCH_IDENTITY;
  }

  /** Writes a name into scratch and returns its length. A name that is too long is cut one byte above the bound, and the engine refuses that length. */
  writeName(name: string | null): number {
    if (name === null) return 0;
    const bytes = new TextEncoder().encode(name);
    const length = Math.min(bytes.length, abi.MAX_NAME_BYTES + 1);
    this.#bytes.set(bytes.subarray(0, length), this.at);
    // Length 0 means that the client sent no name, so the empty name has a length that the engine refuses.
    return length === 0 ? abi.MAX_NAME_BYTES + 1 : length;
  }

  /** Writes a batch, for which there is room. `isKnown`: a listener or group of that number is in the policy. */
  writePeers(peers: readonly Peer[], isKnown: (listener: number) => boolean): void {
    const view = this.#view;
    let at = this.at;
    for (const { listener, source, zone = 0 } of peers) {
      view.setInt32(at + abi.R_BATCH_LISTENER, isKnown(listener) ? listener : -1, true);
      const [a, b, c, d] = source;
      view.setUint32(at + abi.R_BATCH_SOURCE, a, true);
      view.setUint32(at + abi.R_BATCH_SOURCE + 4, b, true);
      view.setUint32(at + abi.R_BATCH_SOURCE + 8, c, true);
      view.setUint32(at + abi.R_BATCH_SOURCE + 12, d, true);
      view.setInt32(at + abi.R_BATCH_VERDICT, v.VERDICT_DENY, true);
      view.setUint32(at + abi.BATCH_ZONE, zone, true);
      at += abi.BATCH_BYTES;
    }
  }

  /** The records of the limits' state. */
  takeState(): Uint8Array {
    const parts: Uint8Array[] = [];
    let cursor = 0;
    do {
      const count = Math.min(this.#exports.exportState(cursor) >>> 0, this.records);
      parts.push(this.#bytes.slice(this.at, this.at + count * abi.STATE_BYTES));
      const next = this.#exports.exportNext() >>> 0;
      cursor = next > cursor ? next : 0;
    } while (cursor !== 0);
    return concatBytes(parts);
  }

  /** Adds such records to the limits' state. */
  giveState(state: Uint8Array): void {
    const size = this.records * abi.STATE_BYTES;
    for (let from = 0; size > 0 && from < state.length; from += size) {
      const part = state.subarray(from, from + size);
      this.#bytes.set(part, this.at);
      this.#exports.importState(Math.floor(part.length / abi.STATE_BYTES));
    }
  }
}
