// Connections are numbers; what is known of each stands in typed arrays, so that a native
// path needs no object per connection. A number is used again after its connection ended.
import type { Identity } from "../../runtime/host/identity.ts";
import { formatEndpoint, formatHost, type Address } from "../../runtime/net/address.ts";
import { Zones } from "./zones.ts";
import type { NameFault } from "../tls/server_name.ts";

/** Who the client is, and by whose word: the authority's name in the policy that asked. */
export interface Known {
  readonly identity: Identity;
  readonly ca: string;
}

export const FREE = 0;
/** Accepted, not yet decided; no byte of it was read. */
export const WAITING = 1;
/** Admitted; its backend has not yet accepted. */
export const CONNECTING = 2;
/** Bytes go both ways. */
export const OPEN = 3;
/** Told to close; counted until both sides are gone. */
export const CLOSING = 4;
/** Not refused in phase 1, charged, and not admitted: its ClientHello is being read. */
export const READING = 5;
/** Its hello was not refused: the TLS handshake is under way. */
export const SECURING = 6;

/** Instead of an address: the peer had gone before it could be asked about. */
export const SOURCE_GONE = 0;
/** Instead of an address: text that is no address that a policy can decide. */
export const SOURCE_ODD = 2;
const SOURCE_KNOWN = 1;

const FIRST_ROWS = 1024;

export class ConnectionTable {
  state = new Uint8Array(FIRST_ROWS);
  /** Listener number in the policy in force; -1 when that policy has none any more. */
  listener = new Int32Array(FIRST_ROWS).fill(-1);
  /** Number of the listening socket; see listener.ts. */
  socket = new Uint32Array(FIRST_ROWS);
  /** Generation of the policy that admitted, or last rechecked, it. */
  generation = new Uint32Array(FIRST_ROWS);
  /** Four words a row; they mean something where `known` is SOURCE_KNOWN. */
  source = new Uint32Array(4 * FIRST_ROWS);
  known = new Uint8Array(FIRST_ROWS);
  sourcePort = new Uint16Array(FIRST_ROWS);
  /** Number of the interface that a link-local source is on; else 0. See zones.ts. */
  zone = new Uint32Array(FIRST_ROWS);
  openedMs = new Float64Array(FIRST_ROWS);
  activeMs = new Float64Array(FIRST_ROWS);
  /** Read from the client, and from the backend. */
  bytesIn = new Float64Array(FIRST_ROWS);
  bytesOut = new Float64Array(FIRST_ROWS);
  /** The name that was read, null where the client sent none; undefined where none is read. */
  readonly name: (string | null | undefined)[] = [];
  /** Why `name` is null though the client sent one; such a connection is admitted only where no rule asks for names. */
  readonly nameFault: (NameFault | null)[] = [];
  /** Undefined where no certificate was verified. */
  readonly identity: (Known | undefined)[] = [];
  /** No row at or above this one was ever used. */
  rows = 0;

  readonly #free: number[] = [];
  readonly #zones = new Zones();

  take(): number {
    const row = this.#free.pop() ?? this.rows;
    if (row === this.state.length) this.#grow();
    if (row >= this.rows) this.rows = row + 1;
    this.listener[row] = -1;
    this.bytesIn[row] = 0;
    this.bytesOut[row] = 0;
    this.name[row] = undefined;
    this.nameFault[row] = null;
    this.identity[row] = undefined;
    return row;
  }

  give(row: number): void {
    this.state[row] = FREE;
    this.#free.push(row);
  }

  /** `zone` is the name of the interface that a link-local source is on; empty: none. */
  setSource(row: number, source: Address | typeof SOURCE_GONE | typeof SOURCE_ODD, port: number, zone = ""): void {
    const number = this.#zones.numberOf(zone);
    const known = number === null ? SOURCE_ODD : source;
    this.sourcePort[row] = port;
    this.zone[row] = number ?? 0;
    this.known[row] = typeof known === "number" ? known : SOURCE_KNOWN;
    if (typeof known !== "number") this.source.set(known, 4 * row);
  }

  /** The peer's address, or why there is none. */
  sourceOf(row: number): Address | typeof SOURCE_GONE | typeof SOURCE_ODD {
    const known = this.known[row];
    if (known !== SOURCE_KNOWN) return known === SOURCE_ODD ? SOURCE_ODD : SOURCE_GONE;
    const at = 4 * row;
    const s = this.source;
    return [s[at] ?? 0, s[at + 1] ?? 0, s[at + 2] ?? 0, s[at + 3] ?? 0];
  }

  /** The peer's address for records, with its zone; undefined where it is not known. */
  hostOf(row: number): string | undefined {
    const source = this.sourceOf(row);
    return typeof source === "number" ? undefined : formatHost(source, this.#zones.nameOf(this.zone[row] ?? 0));
  }

  /** The same with the peer's port: `192.0.2.7:40000`, `[fe80::7%eth0]:40000`. */
  endpointOf(row: number): string | undefined {
    const source = this.sourceOf(row);
    return typeof source === "number" ? undefined : formatEndpoint(source, this.sourcePort[row] ?? 0, this.#zones.nameOf(this.zone[row] ?? 0));
  }

  #grow(): void {
    const rows = this.state.length * 2;
    const wider = <A extends { set(from: A): void }>(to: A, from: A): A => {
      to.set(from);
      return to;
    };
    this.state = wider(new Uint8Array(rows), this.state);
    this.listener = wider(new Int32Array(rows), this.listener);
    this.socket = wider(new Uint32Array(rows), this.socket);
    this.generation = wider(new Uint32Array(rows), this.generation);
    this.source = wider(new Uint32Array(4 * rows), this.source);
    this.known = wider(new Uint8Array(rows), this.known);
    this.sourcePort = wider(new Uint16Array(rows), this.sourcePort);
    this.zone = wider(new Uint32Array(rows), this.zone);
    this.openedMs = wider(new Float64Array(rows), this.openedMs);
    this.activeMs = wider(new Float64Array(rows), this.activeMs);
    this.bytesIn = wider(new Float64Array(rows), this.bytesIn);
    this.bytesOut = wider(new Float64Array(rows), this.bytesOut);
  }
}
