// Datagrams over Node's own sockets. They don't say which local address a datagram came to, so each address of the host
// has a socket of its own, and answers are sent from it.
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import type { ListenFailure, Local } from "../connection/forwarder.ts";
import type { PeerAddress } from "../connection/transport.ts";
import type { BackendAddress } from "../forward/backend.ts";
import { peerOf } from "../listen/peer.ts";
import { createFlows, type Flows, type FlowsSetup } from "./flows.ts";
import type { DatagramEvents, DatagramTransport, FlowEnd } from "./transport.ts";

/** The kernel's buffer of a bound socket, for bursts; net.core.rmem_max may be lower. */
const RECEIVE_BYTES = 4 * 1024 * 1024;
/** Bytes in the queue of one socket. */
const MOST_QUEUED_BYTES = 1024 * 1024;

interface Upstream {
  readonly socket: Socket;
  readonly backend: BackendAddress & { readonly kind: "tcp" };
  isConnected: boolean;
}

class NodeDatagrams implements DatagramTransport<RemoteInfo> {
  readonly udpPlaces = "each_address";
  readonly #events: DatagramEvents<RemoteInfo>;
  readonly #bound = new Map<number, Socket>();
  readonly #upstreams: (Upstream | undefined)[] = [];

  constructor(events: DatagramEvents<RemoteInfo>) {
    this.#events = events;
  }

  async bind(number: number, { host, port, inherited }: Local): Promise<ListenFailure | null> {
    const socket = newSocket(host);
    const failed = await new Promise<ListenFailure | null>((resolve) => {
      socket.once("error", (error) => resolve({ code: codeOf(error) }));
      socket.bind(inherited === undefined ? { address: host, port, exclusive: true } : { fd: inherited.fd, exclusive: true }, () => resolve(null));
    });
    if (failed !== null) {
      socket.close();
      return failed;
    }
    socket.removeAllListeners("error");
    // A send that failed, or an answer that nobody took: the datagram is lost and the socket is as good as before.
    socket.on("error", () => undefined);
    enlarge(socket);
    socket.on("message", (bytes, from) => this.#events.received(number, `${number} ${from.port} ${from.address}`, () => from, bytes));
    this.#bound.set(number, socket);
    return null;
  }

  unbind(number: number): void {
    this.#bound.get(number)?.close();
    this.#bound.delete(number);
  }

  /** Node's sockets are never handed over, because they name no descriptor and can't stop receiving. */
  suspend(): void {}

  resume(): null {
    return null;
  }

  descriptorOf(): null {
    return null;
  }

  localOf(): string {
    return "";
  }

  peerOf({ address, port }: RemoteInfo): PeerAddress {
    return peerOf({ remoteAddress: address, remotePort: port });
  }

  connect(row: number, backend: BackendAddress): void {
    if (backend.kind !== "tcp") {
      this.#events.connectFailed(row, "refused");
      return;
    }
    const socket = newSocket(backend.host);
    const upstream: Upstream = { socket, backend, isConnected: false };
    this.#upstreams[row] = upstream;
    const isCurrent = (): boolean => this.#upstreams[row] === upstream;
    socket.on("error", (error) => {
      if (isCurrent()) this.#failed(row, upstream, error);
    });
    socket.on("connect", () => {
      if (!isCurrent()) return;
      upstream.isConnected = true;
      this.#events.connected(row);
    });
    socket.on("message", (bytes, from) => {
      if (!isCurrent()) return;
      // Anybody on this host may have sent to the socket between its bind and its connect.
      if (from.port !== backend.port || from.address !== backend.host) this.#events.dropped("stranger");
      else this.#events.answered(row, bytes);
    });
    try {
      const isV6 = backend.host.includes(":");
      const loopback = isV6 ? "::1" : "127.0.0.1";
      // To another host the kernel chooses the address.
      socket.bind({ ...(!backend.remote && { address: loopback }), port: 0, exclusive: true }, () => {
        if (isCurrent()) socket.connect(backend.port, backend.host);
      });
    } catch (error) {
      this.#failed(row, upstream, error);
    }
  }

  #failed(row: number, { isConnected }: Upstream, error: unknown): void {
    const code = codeOf(error);
    if (!isConnected) this.#events.connectFailed(row, code === "EMFILE" || code === "ENFILE" ? "no_descriptor" : "refused");
    else if (code === "ECONNREFUSED") this.#events.unreachable(row);
    else this.#events.dropped("path");
  }

  toBackend(row: number, bytes: Buffer): void {
    const upstream = this.#upstreams[row];
    if (upstream === undefined) return;
    const { socket } = upstream;
    if (socket.getSendQueueSize() > MOST_QUEUED_BYTES) {
      this.#events.dropped("overflow");
      return;
    }
    socket.send(bytes, (error) => {
      if (error !== null && this.#upstreams[row] === upstream) this.#failed(row, upstream, error);
    });
  }

  toClient(number: number, { address, port }: RemoteInfo, bytes: Buffer): void {
    const socket = this.#bound.get(number);
    if (socket === undefined || socket.getSendQueueSize() > MOST_QUEUED_BYTES) {
      this.#events.dropped("overflow");
      return;
    }
    socket.send(bytes, port, address, (error) => {
      if (error !== null) this.#events.dropped("path");
    });
  }

  close(row: number): void {
    const upstream = this.#upstreams[row];
    this.#upstreams[row] = undefined;
    upstream?.socket.close();
  }

  /** Its sockets are all that it has. */
  shut(): void {}

  nearEnd(row: number): FlowEnd | null {
    const upstream = this.#upstreams[row];
    if (upstream?.isConnected !== true) return null;
    const { address: host, port } = upstream.socket.address();
    return { host, port };
  }

  buffered(row: number): number {
    return this.#upstreams[row]?.socket.getSendQueueSize() ?? 0;
  }
}

export function nodeFlows(setup: Omit<FlowsSetup<RemoteInfo>, "transport" | "afterTurn">): Flows {
  return createFlows({ ...setup, afterTurn: setImmediate, transport: (events) => new NodeDatagrams(events) });
}

function newSocket(host: string): Socket {
  const isV6 = host.includes(":");
  return createSocket({
    type: isV6 ? "udp6" : "udp4",
    ipv6Only: isV6,
    reuseAddr: false,
    // Hosts are literal addresses, so nothing is looked up and nothing waits.
    lookup: (address, _options, found) => found(null, address, isV6 ? 6 : 4),
  });
}

/** The kernel may grant less. */
function enlarge(socket: Socket): void {
  try {
    socket.setRecvBufferSize(RECEIVE_BYTES);
  } catch {
    return;
  }
}

function codeOf(error: unknown): string {
  return typeof error === "object" && error !== null && "code" in error && typeof error.code === "string" ? error.code : "UNKNOWN";
}
