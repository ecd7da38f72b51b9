// A connection is a row of this table. The fields that every connection has, or that are read for every byte, are in typed
// arrays, so that a forwarder needs no object per connection; the fields that only some have are in columns of objects. A row
// is used again after its connection ended.
import type { Identity } from "../../runtime/host/identity.ts";
import { formatEndpoint, formatHost, formatV4, MAPPED, type Address } from "../../runtime/net/address.ts";
import type { Code } from "../../runtime/abi/names.ts";
import type { Denial, Permit } from "../../runtime/host/decision.ts";
import type { ListenerInfo } from "../../runtime/host/module.ts";
import type { Backend } from "../forward/backends.ts";
import type { Endpoint } from "../forward/proxy_header.ts";
import type { HeaderReading } from "../forward/proxy_reading.ts";
import type { FirstFlights } from "../tls/first_flights.ts";
import type { HelloReading } from "../tls/hello_reading.ts";
import type { TlsContext } from "../tls/secure.ts";
import type { NameFault } from "../tls/server_name.ts";
import type { Cancel } from "../clock.ts";
import type { End } from "../end.ts";
import { FREE } from "./states.ts";
import { Zones } from "./zones.ts";

/** The client, and the authority that its certificate was verified by, under its name in the policy of that moment. */
export interface Known {
  readonly identity: Identity;
  readonly ca: string;
  /** Its issuer and serial number (certificateKey in tls/revocation.ts); undefined where another release did not say. */
  readonly certificate?: string | undefined;
}

/** Instead of an address: the peer had gone before its address could be read. */
export const SOURCE_GONE = 0;
/** Instead of an address: text that is no address that a policy can decide. */
export const SOURCE_ODD = 2;
const SOURCE_KNOWN = 1;

/** The peer that began with a PROXY header. */
export interface Via {
  readonly peer: Endpoint;
  /** Where its client connected to; null while it has named none. */
  readonly destination: Endpoint | null;
}

/** The process that moves the bytes of a connection that this one adopted. */
export interface RemoteRelay {
  /** Has it break the connection off; its end is reported later. */
  readonly cut: () => void;
}

/** The facts of a connection that a decision about it needs. */
export interface RemoteFacts {
  readonly source: Address;
  readonly sourcePort: number;
  readonly zone: string;
  /** As the table has them. */
  readonly name: string | null | undefined;
  readonly nameFault: NameFault | null;
  readonly identity: Known | undefined;
  readonly via: Via | undefined;
  /** By the wall clock; null where it is not known. */
  readonly startedMs: number | null;
}

const FIRST_ROWS = 1024;

export class ConnectionTable {
  state = new Uint8Array(FIRST_ROWS);
  /** Listener number in the policy in force, or a group's until a name has led to a listener; -1 when that policy has none any more. */
  listener = new Int32Array(FIRST_ROWS).fill(-1);
  /** Number of the listening socket; see forwarder.ts. */
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
  /** By the wall clock, for its records: its admission. */
  startedMs = new Float64Array(FIRST_ROWS);
  /** Read from the client, and from the backend. */
  bytesIn = new Float64Array(FIRST_ROWS);
  bytesOut = new Float64Array(FIRST_ROWS);
  /** Bits of charges.ts. */
  charged = new Uint8Array(FIRST_ROWS);
  /** 1: the row is a flow of datagrams (gateway/datagram); 0: a connection over tcp. */
  isFlow = new Uint8Array(FIRST_ROWS);
  /** Times that its backend was dialed again. */
  redials = new Uint16Array(FIRST_ROWS);
  /** While its backend is dialed: how many can still be tried, this one among them, and the clock until which this one may take. */
  choices = new Uint8Array(FIRST_ROWS);
  tryUntilMs = new Float64Array(FIRST_ROWS);
  /** The name that was read, null where the client sent none; undefined where none is read. */
  readonly name: (string | null | undefined)[] = [];
  /** Why `name` is null though the client sent one; such a connection is admitted only where no rule has a name. */
  readonly nameFault: (NameFault | null)[] = [];
  /** Undefined where no certificate was verified. */
  readonly identity: (Known | undefined)[] = [];
  /** The peer that said who the client is: `source` is that client's from then on, and until then the peer's. Undefined where the source is the peer. */
  readonly via: (Via | undefined)[] = [];
  /** The protocol that was negotiated by ALPN, one character a byte; undefined where none was. */
  readonly protocol: (string | undefined)[] = [];
  /** The expose that it belongs to, as it was when that was known or rechecked last; undefined before a name has led to one. */
  readonly expose: (ListenerInfo | undefined)[] = [];
  /** The backend that it is forwarded to once it is admitted. */
  readonly backend: (Backend | undefined)[] = [];
  /** Addresses of backends that have failed it. */
  readonly tried: (Set<string> | undefined)[] = [];
  /** The backend of a remote connection, as its process says at the end; undefined: the one that it was handed over with. */
  readonly servedBy: (string | undefined)[] = [];
  /** The code with which the first dryrun cap or limit would have refused it; undefined where none would, and before it was charged. */
  readonly would: (Code | undefined)[] = [];
  /** Why the policy in force does not count it, where a reload has found that out and has not yet refused it. */
  readonly due: (Denial | undefined)[] = [];
  /** From its admission on. */
  readonly permit: (Permit | undefined)[] = [];
  /** While its PROXY header is read. */
  readonly header: (HeaderReading | undefined)[] = [];
  /** While its hello is read, and until what was read has been passed on. */
  readonly reading: (HelloReading | undefined)[] = [];
  /** While its TLS handshake is under way. */
  readonly context: (TlsContext | undefined)[] = [];
  /** From its admission on, where its hello goes through to the backend. */
  readonly flights: (FirstFlights | undefined)[] = [];
  /** Cancels the wait before its backend is dialed again. */
  readonly redial: (Cancel | undefined)[] = [];
  /** Where another process moves its bytes: see remote.ts. */
  readonly remote: (RemoteRelay | undefined)[] = [];
  /** Why the gateway broke it off. */
  readonly end: (End | undefined)[] = [];
  /** No row at or above this one was ever used. */
  rows = 0;

  readonly #free: number[] = [];
  readonly #zones = new Zones();

  take(): number {
    const row = this.#free.pop() ?? this.rows;
    if (row === this.state.length) this.#grow();
    if (row >= this.rows) this.rows = row + 1;
    this.listener[row] = -1;
    this.charged[row] = 0;
    this.isFlow[row] = 0;
    this.redials[row] = 0;
    this.choices[row] = 1;
    this.bytesIn[row] = 0;
    this.bytesOut[row] = 0;
    this.name[row] = undefined;
    this.nameFault[row] = null;
    this.identity[row] = undefined;
    this.expose[row] = undefined;
    this.via[row] = undefined;
    this.protocol[row] = undefined;
    this.would[row] = undefined;
    this.due[row] = undefined;
    return row;
  }

  /** Everything that it was charged has been given back. Where it may not yet be used again, `reuse` follows. */
  give(row: number, isReusable = true): void {
    this.state[row] = FREE;
    this.backend[row] = undefined;
    this.tried[row] = undefined;
    this.servedBy[row] = undefined;
    this.permit[row] = undefined;
    this.header[row] = undefined;
    this.reading[row] = undefined;
    this.context[row] = undefined;
    this.flights[row] = undefined;
    this.redial[row] = undefined;
    this.end[row] = undefined;
    this.remote[row] = undefined;
    if (isReusable) this.#free.push(row);
  }

  reuse(row: number): void {
    this.#free.push(row);
  }

  /** `zone` is the name of the interface that a link-local source is on; empty: none. */
  setSource(row: number, source: Address | typeof SOURCE_GONE | typeof SOURCE_ODD, port: number, zone = ""): void {
    const number = this.#zones.numberOf(zone);
    const known = number === null ? SOURCE_ODD : source;
    this.sourcePort[row] = port;
    this.zone[row] = number ?? 0;
    this.known[row] = typeof known === "number" ? known : SOURCE_KNOWN;
    if (typeof known === "number") return;
    const at = 4 * row;
    const s = this.source;
    s[at] = known[0];
    s[at + 1] = known[1];
    s[at + 2] = known[2];
    s[at + 3] = known[3];
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
    if (this.#isV4(row)) return formatV4(this.source[4 * row + 3] ?? 0);
    const source = this.sourceOf(row);
    return typeof source === "number" ? undefined : formatHost(source, this.#zones.nameOf(this.zone[row] ?? 0));
  }

  /** The same as a key: the 32 bits of an IPv4 address, as a signed number, or text. */
  hostKeyOf(row: number): number | string | undefined {
    return this.#isV4(row) ? (this.source[4 * row + 3] ?? 0) | 0 : this.hostOf(row);
  }

  /** The name of the interface that a link-local source is on; empty: none. */
  zoneOf(row: number): string {
    return this.#zones.nameOf(this.zone[row] ?? 0);
  }

  /** The same with the peer's port: `192.0.2.7:40000`, `[fe80::7%eth0]:40000`. */
  endpointOf(row: number): string | undefined {
    if (this.#isV4(row)) return `${formatV4(this.source[4 * row + 3] ?? 0)}:${this.sourcePort[row] ?? 0}`;
    const source = this.sourceOf(row);
    return typeof source === "number" ? undefined : formatEndpoint(source, this.sourcePort[row] ?? 0, this.#zones.nameOf(this.zone[row] ?? 0));
  }

  /** Most are; they need no object to be named. */
  #isV4(row: number): boolean {
    const at = 4 * row;
    const s = this.source;
    return this.known[row] === SOURCE_KNOWN && s[at] === 0 && s[at + 1] === 0 && s[at + 2] === MAPPED;
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
    this.startedMs = wider(new Float64Array(rows), this.startedMs);
    this.bytesIn = wider(new Float64Array(rows), this.bytesIn);
    this.bytesOut = wider(new Float64Array(rows), this.bytesOut);
    this.charged = wider(new Uint8Array(rows), this.charged);
    this.isFlow = wider(new Uint8Array(rows), this.isFlow);
    this.redials = wider(new Uint16Array(rows), this.redials);
    this.choices = wider(new Uint8Array(rows), this.choices);
    this.tryUntilMs = wider(new Float64Array(rows), this.tryUntilMs);
  }
}
