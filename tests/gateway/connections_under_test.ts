// Connections without sockets: the product's table, stages, admission and policy module over a transport that does
// nothing by itself, so that a test says every event.
import { createServer } from "node:tls";
import { openEngine } from "../../runtime/host/ask.ts";
import { denial } from "../../runtime/host/decision.ts";
import { loadPolicy } from "../../runtime/host/load.ts";
import type { LoadedPolicy, PolicyEngine } from "../../runtime/host/module.ts";
import { CODE_TLS_FAILED } from "../../runtime/abi/verdicts.ts";
import { identityOf } from "../../runtime/host/identity.ts";
import { fromV4 } from "../../runtime/net/address.ts";
import { Places } from "../../gateway/connection/places.ts";
import { NameWaits } from "../../gateway/admit/name_waits.ts";
import { Blocks } from "../../gateway/blocks/blocks.ts";
import { createAdmitter, type Admitter } from "../../gateway/admit/admit.ts";
import type { InForce } from "../../gateway/admit/desk.ts";
import { TopDenied } from "../../gateway/admit/top_denied.ts";
import { createSuppression } from "../../gateway/audit/suppressed.ts";
import { createRecorder } from "../../gateway/audit/recorder.ts";
import { createConnections } from "../../gateway/connection/connections.ts";
import { isListenFailure, type Forwarder } from "../../gateway/connection/forwarder.ts";
import { ConnectionTable } from "../../gateway/connection/table.ts";
import type { Handshake, Transport, TransportEvents } from "../../gateway/connection/transport.ts";
import { newCounters, type Counters } from "../../gateway/audit/counters.ts";
import { tcpBackend, unixBackend } from "../../gateway/forward/backend.ts";
import { Backends, type AGAIN, type Backend } from "../../gateway/forward/backends.ts";
import { exposure, Ports } from "../../gateway/listen/ports.ts";
import { createMarkers } from "../../gateway/audit/markers.ts";
import type { TlsContext } from "../../gateway/tls/secure.ts";
import { helloWith, record, serverName } from "./hello_bytes.ts";
import { manualClock, moduleOf, type ManualClock } from "./gateway_under_test.ts";

export const TIMERS = { keepalive_ms: 0, hello_ms: 1000, backend_connect_ms: 2000, idle_ms: 5000, lifetime_ms: 20_000 };
export const CAPS = { connections: 12, backend_connecting: 3 };

const POLICY = `edition 1
expose plain on tcp 1001 {
  backend unix "/run/plain.sock"
  allow from any4
  cap 4 connections, 2 per source
}
expose through on tcp 1002 as passthrough {
  backend 127.0.0.1:2
  allow from any4 sni "a.test"
  cap 4 connections
}
expose shown on tcp 1003 as tls {
  backend 127.0.0.1:3
  cert "c"
  allow from any4 sni "a.test"
}
expose known on tcp 1004 as mtls {
  backend 127.0.0.1:4
  cert "c" ca "ops"
  allow from any4 client dns "a.test"
  cap 9 connections, 2 per identity
}
expose balanced on tcp 1005 via 10.0.0.77 {
  backend 127.0.0.1:5
  allow from any4
  cap 4 connections, 2 per source
}
expose several on tcp 1006 {
  backend 127.0.0.1:51, 127.0.0.1:52, 127.0.0.1:53
  allow from any4
}
`;
/** The listeners of POLICY, in its order. */
export const LISTENERS = ["plain", "through", "shown", "known", "balanced", "several"] as const;

export const HELLO = record(helloWith(serverName("a.test")));
export const OTHER_HELLO = record(helloWith(serverName("b.test")));
export const SHOWN: Handshake = { identity: null };
export const KNOWN: Handshake = { identity: identityOf(["dns:a.test", `sha256:${"0".repeat(64)}`]) };
export const FAILED: Handshake = { denial: denial(CODE_TLS_FAILED) };

/** A transport that records its calls by the names of its functions. */
class SilentTransport implements Transport {
  readonly calls: string[] = [];
  /** The result of the next look at a backend; an Error is thrown. */
  verdict: string | typeof AGAIN | null | Error = null;
  async listen(): Promise<null> {
    return null;
  }
  unlisten(): void {
    this.calls.push("unlisten");
  }
  keep = this.#noting("keep");
  keepBackend(): void {}
  read = this.#noting("read");
  readHeader = this.#noting("read header");
  take(row: number, bytes: number, rest: Uint8Array): void {
    this.calls.push(`take ${row} ${bytes} ${rest.length}`);
  }
  pause = this.#noting("pause");
  alert = this.#noting("alert");
  secure = this.#noting("secure");
  dial = this.#noting("dial");
  hangUp = this.#noting("hang up");
  /** Rows whose clients have closed; looks at others are answered, too. */
  readonly closed = new Set<number>();
  look(row: number, report: (hasClosed: boolean) => void): void {
    this.calls.push(`look ${row}`);
    report(this.closed.has(row));
  }
  relay = this.#noting("relay");
  breakOff = this.#noting("break off");
  drop = this.#noting("drop");
  #noting(word: string): (row: number) => void {
    return (row) => void this.calls.push(`${word} ${row}`);
  }
  /** Whether a preface could be written. */
  takesPreface = true;
  preface(row: number): boolean {
    this.calls.push(`preface ${row}`);
    return this.takesPreface;
  }
  verify(): string | typeof AGAIN | null {
    if (this.verdict instanceof Error) throw this.verdict;
    return this.verdict;
  }
  descriptorOf(): null {
    return null;
  }
  nearPort(): null {
    return null;
  }
  close(): void {}

  buffered(): number {
    return 0;
  }
}

export interface World {
  readonly forwarder: Forwarder;
  readonly admitter: Admitter;
  readonly events: TransportEvents;
  readonly transport: SilentTransport;
  readonly table: ConnectionTable;
  readonly clock: ManualClock;
  readonly blocks: Blocks;
  readonly places: Places;
  readonly inForce: { -readonly [key in keyof InForce]: InForce[key] };
  readonly counters: Counters;
  /** Of all listeners, in their order. */
  readonly backends: readonly Backend[];
  readonly ports: Ports;
  /** Number of the listening socket of each listener. */
  readonly sockets: readonly number[];
  /** Written records. */
  readonly lines: string[];
  /** Whether the disk of the audit file is full. */
  isFull: boolean;
  /** Lets accepted peers be decided. */
  turn(): void;
  newEngine(): PolicyEngine;
  /** A row that a peer from 10.0.0.`host` has at this listener, not yet decided; NO_ROW where it is not taken. */
  peer(listener: number, host: number): number;
}

let loaded: LoadedPolicy | null = null;

function policy(): LoadedPolicy {
  if (loaded !== null) return loaded;
  const read = loadPolicy(moduleOf(POLICY));
  if (!read.ok) throw new Error(read.error.message);
  return (loaded = read.value);
}

const context: Pick<TlsContext, "server"> = { server: createServer() };

export async function world(): Promise<World> {
  const clock = manualClock();
  const table = new ConnectionTable();
  const counters = newCounters();
  const blocks = new Blocks(clock);
  const lines: string[] = [];
  const newEngine = (): PolicyEngine => openEngine(policy(), new Uint8Array(16));
  const engine = newEngine();
  const inForce: World["inForce"] = { engine, generation: 1 };
  const ports = new Ports(
    () => [],
    () => null,
  );
  const recorder = createRecorder({
    counters,
    clock,
    onError: "closed",
    markers: createMarkers(() => undefined, counters),
    audit: {
      write(batch) {
        const taken = w.isFull ? 0 : batch.length;
        lines.push(...batch.slice(0, taken));
        counters.auditRecords += taken;
        counters.auditDropped += batch.length - taken;
        return taken;
      },
      reopen: () => null,
      handOver: () => undefined,
      close: () => undefined,
    },
  });
  const places = new Places(clock);
  const admitter = createAdmitter({
    table,
    inForce,
    ports,
    recorder,
    counters,
    topDenied: new TopDenied(),
    clock,
    caps: CAPS,
    nameWaits: new NameWaits({ waiting: 1024, waiting_per_source: 32 }),
    places,
    lackedDescriptor: () => undefined,
    suppression: createSuppression(() => 10, counters),
    headerSuppression: createSuppression(() => 10, counters),
    blocks,
    makeRoom: () => false,
    contextOf: ({ ca }) => ({ ...context, ca, trust: ca ?? "" }),
  });
  const transport = new SilentTransport();
  const flushes: (() => void)[] = [];
  const found: TransportEvents[] = [];
  const forwarder = createConnections({
    table,
    decider: admitter.decider,
    clock,
    timers: TIMERS,
    places,
    afterTurn: (flush) => void flushes.push(flush),
    transport: (given) => {
      found.push(given);
      return transport;
    },
  });
  const [events] = found;
  if (events === undefined) throw new Error("the transport was not created");
  const pool = new Backends(() => null);
  const sockets: number[] = [];
  const backends: Backend[] = [];
  for (const [i, name] of LISTENERS.entries()) {
    const info = engine.info.listeners.find((one) => one.name === name);
    if (info === undefined) throw new Error(`there is no ${name}`);
    const socket = await forwarder.open({ host: "0.0.0.0", port: 1001 + i }, false);
    if (isListenFailure(socket)) throw new Error(socket.code);
    const own = info.backends.map((named) => {
      const address = named.kind === "unix" ? unixBackend(named.path) : tcpBackend(named.host, named.port);
      if (typeof address === "string") throw new Error(address);
      return pool.at(address, null);
    });
    backends.push(...own);
    ports.add(exposure([0, 0, 0xffff, 0], 1001 + i, info.proto, { number: info.id, isGroup: false }, [{ info, backends: own, lease: null }]), socket);
    sockets.push(socket.number);
  }
  const w: World = {
    forwarder,
    admitter,
    events,
    transport,
    table,
    clock,
    blocks,
    places,
    inForce,
    counters,
    backends,
    ports,
    sockets,
    lines,
    newEngine,
    isFull: false,
    turn() {
      for (const flush of flushes.splice(0)) flush();
    },
    peer: (listener, host) => events.accepted(sockets[listener] ?? -1, { source: fromV4((10 << 24) | host), port: 40_000, zone: "" }),
  };
  return w;
}
