// Parses the JSON of a module that is not yet trusted. JSON.parse can't be interrupted, not even by terminating its
// thread, so a module with JSON that takes minutes to parse could delay the end of the process as long. A loop that can
// be interrupted therefore counts first all that makes parsing slow.

/** The most that a text may have of each. */
export interface JsonBounds {
  readonly bytes: number;
  /** Objects and arrays. */
  readonly containers: number;
  /** Keys of all objects. */
  readonly keys: number;
  /** Values of all arrays and objects, not counting the first of each. */
  readonly values: number;
  readonly depth: number;
}

export class BeyondBounds extends Error {}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Throws BeyondBounds, or what the decoder and JSON.parse throw. */
export function parseBounded(bytes: Uint8Array, bounds: JsonBounds): unknown {
  if (!isWithin(bytes, bounds)) throw new BeyondBounds();
  return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
}

function isWithin(bytes: Uint8Array, bounds: JsonBounds): boolean {
  if (bytes.length > bounds.bytes) return false;
  let containers = 0;
  let keys = 0;
  let values = 0;
  let depth = 0;
  for (let i = 0; i < bytes.length; i++) {
    switch (bytes[i]) {
      case QUOTE:
        // In UTF-8 no byte of another character is a quote or a backslash.
        for (i++; i < bytes.length && bytes[i] !== QUOTE; i++) if (bytes[i] === BACKSLASH) i++;
        break;
      case OPEN_LIST:
      case OPEN_OBJECT:
        if (++containers > bounds.containers || ++depth > bounds.depth) return false;
        break;
      case CLOSE_LIST:
      case CLOSE_OBJECT:
        depth--;
        break;
      case COLON:
        if (++keys > bounds.keys) return false;
        break;
      case COMMA:
        if (++values > bounds.values) return false;
        break;
      default:
    }
  }
  return true;
}
