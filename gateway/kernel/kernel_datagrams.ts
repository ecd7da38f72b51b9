// Datagrams by the kernel's own calls. One socket has all local addresses of its family, because the kernel names the
// address that each datagram came to and takes the one that an answer is to come from. Events are level-triggered.
import { getSystemErrorName } from "node:util";
import { failed, type Result } from "../../runtime/result/result.ts";
import type { ListenFailure, Local } from "../connection/forwarder.ts";
import { NO_ROW, type PeerAddress } from "../connection/transport.ts";
import type { DatagramEvents, DatagramTransport, FlowEnd } from "../datagram/transport.ts";
import type { BackendAddress } from "../forward/backend.ts";
import { EAGAIN, ECONNREFUSED, EINTR, EMFILE, ENFILE, MSG_NOSIGNAL, type KernelCalls } from "./calls.ts";
import { DESTINATION_AT, LOCAL_AT, Messages, V4_INFO_BYTES, V6_INFO_BYTES } from "./messages.ts";
import { nearEnd } from "./near_end.ts";
import { Paused } from "./paused.ts";
import { EPOLLIN, Poller } from "./poller.ts";
import { backendAddress, peerFrom } from "./sockaddr.ts";
import { boundSocket, connectedSocket } from "./udp_sockets.ts";

/** Datagrams of one call. */
const BATCH = 32;
/** Calls, and datagrams of one flow, in a round. */
const MOST_CALLS = 4;
const MOST_ANSWERS = 16;
/** Calls in a row that a signal may interrupt. */
const MOST_INTERRUPTED = 16;
const ANSWER_BYTES = 65_536;
const NONE = -1;

/** As the kernel has them: the address of the peer, and the local address. */
export interface Way {
  readonly name: Buffer;
  readonly info: Buffer;
}

export interface KernelDatagramsSetup {
  readonly calls: KernelCalls;
  readonly events: DatagramEvents<Way>;
  readonly monoMs: () => number;
}

export class KernelDatagrams implements DatagramTransport<Way> {
  readonly udpPlaces = "wildcards";
  readonly #calls: KernelCalls;
  readonly #events: DatagramEvents<Way>;
  readonly #poller: Poller;
  readonly #paused: Paused;
  readonly #incoming: Messages;
  readonly #outgoing: Messages;
  /** The socket whose answers are laid out in `outgoing`, and how many. */
  #outgoingFd = NONE;
  #outgoingCount = 0;
  readonly #answer = Buffer.alloc(ANSWER_BYTES);
  readonly #bound = new Map<number, number>();
  /** By descriptor: the number of a bound socket, and the row of a flow's. */
  readonly #numbers: (number | undefined)[] = [];
  readonly #rows: number[] = [];
  readonly #upstreams: number[] = [];
  readonly #addresses = new WeakMap<BackendAddress, Buffer | null>();

  /** Throws where the kernel or koffi doesn't allow it. */
  constructor({ calls, events, monoMs }: KernelDatagramsSetup) {
    this.#calls = calls;
    this.#events = events;
    this.#incoming = new Messages(calls, BATCH);
    this.#outgoing = new Messages(calls, BATCH);
    this.#poller = new Poller({
      calls,
      monoMs,
      ready: (fd) => this.#ready(fd),
      fault: (fd, error) => events.faulted(this.#rows[fd] ?? NO_ROW, error instanceof Error ? error.message : String(error)),
    });
    this.#paused = new Paused(this.#poller);
  }

  /** Calls back after the events of this round. */
  after(flush: () => void): void {
    this.#poller.after(flush);
  }

  bind(number: number, local: Local): Promise<ListenFailure | null> {
    const bound = this.#open(local);
    if (!bound.ok) return Promise.resolve(bound.error);
    this.#bound.set(number, bound.value);
    this.#numbers[bound.value] = number;
    return Promise.resolve(null);
  }

  #open(local: Local): Result<number, ListenFailure> {
    const bound = boundSocket(this.#calls, local);
    if (!bound.ok) return bound;
    const error = this.#poller.add(bound.value, EPOLLIN);
    if (error >= 0) return bound;
    this.#calls.close(bound.value);
    return failed({ code: getSystemErrorName(error) });
  }

  unbind(number: number): void {
    const fd = this.#bound.get(number);
    if (fd === undefined) return;
    this.#flush();
    this.#bound.delete(number);
    this.#numbers[fd] = undefined;
    this.#paused.delete(fd);
    // Another process may have the same file, which stays in the epoll descriptor then.
    this.#poller.remove(fd);
    this.#calls.close(fd);
  }

  suspend(number: number): void {
    const fd = this.#bound.get(number);
    if (fd === undefined) return;
    this.#paused.delete(fd);
    this.#poller.remove(fd);
  }

  resume(number: number): ListenFailure | null {
    const fd = this.#bound.get(number);
    const error = fd === undefined ? 0 : this.#poller.add(fd, EPOLLIN);
    return error < 0 ? { code: getSystemErrorName(error) } : null;
  }

  descriptorOf(number: number): number | null {
    return this.#bound.get(number) ?? null;
  }

  localOf({ info }: Way): string {
    return info.length === V4_INFO_BYTES ? info.toString("hex", LOCAL_AT, DESTINATION_AT) : info.toString("hex", 0, V6_INFO_BYTES - 4);
  }

  peerOf({ name }: Way): PeerAddress {
    return peerFrom(name, this.#calls);
  }

  connect(row: number, backend: BackendAddress): void {
    const calls = this.#calls;
    const address = this.#addressOf(backend);
    if (address === null) {
      this.#events.connectFailed(row, "refused");
      return;
    }
    const fd = connectedSocket(calls, address, this.#answer, () => this.#events.dropped("stranger"));
    const error = fd < 0 ? fd : this.#poller.add(fd, EPOLLIN);
    if (error < 0) {
      if (fd >= 0) calls.close(fd);
      this.#events.connectFailed(row, error === -EMFILE || error === -ENFILE ? "no_descriptor" : "refused");
      return;
    }
    this.#upstreams[row] = fd;
    this.#rows[fd] = row;
    this.#events.connected(row);
  }

  #addressOf(backend: BackendAddress): Buffer | null {
    let address = this.#addresses.get(backend);
    if (address === undefined) {
      address = backend.kind === "tcp" ? backendAddress(backend, this.#calls) : null;
      this.#addresses.set(backend, address);
    }
    return address;
  }

  toBackend(row: number, bytes: Buffer): void {
    const fd = this.#upstreams[row] ?? NONE;
    if (fd === NONE) return;
    let sent = -EINTR;
    for (let i = 0; sent === -EINTR && i < MOST_INTERRUPTED; i++) sent = this.#calls.send(fd, bytes, bytes.length, MSG_NOSIGNAL);
    if (sent >= 0) return;
    if (sent === -ECONNREFUSED) this.#events.unreachable(row);
    else this.#events.dropped("path");
  }

  toClient(number: number, { name, info }: Way, bytes: Buffer): void {
    const fd = this.#bound.get(number);
    if (fd === undefined) return;
    if (fd !== this.#outgoingFd || this.#outgoingCount === BATCH) this.#flush();
    if (this.#outgoingCount === 0) this.#poller.after(() => this.#flush());
    this.#outgoingFd = fd;
    this.#outgoing.put(this.#outgoingCount++, name, info, bytes);
  }

  #flush(): void {
    const [fd, end] = [this.#outgoingFd, this.#outgoingCount];
    this.#outgoingFd = NONE;
    this.#outgoingCount = 0;
    let interrupted = 0;
    for (let first = 0; first < end;) {
      const sent = this.#outgoing.send(fd, first, end);
      if (sent > 0) first += sent;
      else if (sent !== -EINTR || ++interrupted > MOST_INTERRUPTED) {
        // The path does not take this one; the others may still go.
        first++;
        this.#events.dropped("path");
      }
    }
  }

  shut(): void {
    this.#poller.close();
  }

  close(row: number): void {
    const fd = this.#upstreams[row] ?? NONE;
    if (fd === NONE) return;
    this.#upstreams[row] = NONE;
    this.#rows[fd] = NO_ROW;
    this.#closeFd(fd);
  }

  #closeFd(fd: number): void {
    this.#paused.delete(fd);
    this.#poller.forget(fd);
    this.#calls.close(fd);
  }

  nearEnd(row: number): FlowEnd | null {
    const fd = this.#upstreams[row] ?? NONE;
    if (fd === NONE) return null;
    const { localAddress, localPort } = nearEnd(this.#calls, fd);
    return localAddress === undefined || localPort === undefined ? null : { host: localAddress, port: localPort };
  }

  /** The kernel has all that was sent. */
  buffered(): number {
    return 0;
  }

  #ready(fd: number): void {
    const number = this.#numbers[fd];
    if (number !== undefined) this.#receive(fd, number);
    else this.#answers(fd, this.#rows[fd] ?? NO_ROW);
  }

  #receive(fd: number, number: number): void {
    for (let call = 0; call < MOST_CALLS; call++) {
      const count = this.#incoming.receive(fd);
      if (count < 0 && count !== -EAGAIN && count !== -EINTR) this.#paused.add(fd);
      for (let i = 0; i < count && this.#numbers[fd] === number; i++) this.#received(number, i);
      if (count < BATCH) return;
    }
  }

  #received(number: number, i: number): void {
    const info = this.#incoming.info(i);
    if (info === null) {
      this.#events.dropped("not_unicast");
      return;
    }
    const name = this.#incoming.name(i);
    const local = info.length === V4_INFO_BYTES ? info.toString("latin1", LOCAL_AT, DESTINATION_AT) : info.toString("latin1", 0, V6_INFO_BYTES - 4);
    this.#events.received(
      number,
      `${number} ${name.toString("latin1")} ${local}`,
      () => ({ name: Buffer.from(name), info: Buffer.from(info) }),
      this.#incoming.bytes(i),
    );
  }

  #answers(fd: number, row: number): void {
    for (let i = 0; i < MOST_ANSWERS && row !== NO_ROW && this.#upstreams[row] === fd; i++) {
      const bytes = this.#calls.recv(fd, this.#answer, ANSWER_BYTES, 0);
      if (bytes >= 0) this.#events.answered(row, this.#answer.subarray(0, bytes));
      else if (bytes === -ECONNREFUSED) this.#events.unreachable(row);
      else if (bytes === -EAGAIN) return;
      else if (bytes !== -EINTR) {
        this.#paused.add(fd);
        return;
      }
    }
  }
}
