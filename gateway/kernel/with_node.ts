// The transport of the kernel's calls, and Node's for the rows whose TLS Node ends: their client's descriptor is taken out of the poller and
// given to a socket of Node, and node_transport.ts serves them from then on.
import { Socket, type SocketConstructorOpts } from "node:net";
import type { Permit } from "../../runtime/host/decision.ts";
import type { ListenFailure, Local } from "../connection/forwarder.ts";
import type { Transport } from "../connection/transport.ts";
import type { BackendAddress } from "../forward/backend.ts";
import type { AGAIN, Backend } from "../forward/backends.ts";
import type { Endpoint } from "../forward/proxy_header.ts";
import type { HasEnded } from "../forward/peer_end.ts";
import type { IsReset } from "../forward/reset.ts";
import { MARKS, NodeTransport } from "../listen/node_transport.ts";
import type { FirstFlights } from "../tls/first_flights.ts";
import type { TlsContext } from "../tls/secure.ts";
import { KernelTransport, type KernelTransportSetup } from "./kernel_transport.ts";
import { NONE } from "./rows.ts";
import { OpensslContext } from "./tls_context.ts";

export interface WithNodeSetup extends Omit<KernelTransportSetup, "thread"> {
  /** For Node's sockets; see node_transport.ts. */
  readonly isReset: IsReset | null;
  readonly hasEnded: HasEnded | null;
}

export class TransportWithNode implements Transport {
  readonly #kernel: KernelTransport;
  readonly #node: NodeTransport;

  constructor({ isReset, hasEnded, ...setup }: WithNodeSetup) {
    this.#kernel = new KernelTransport(setup);
    this.#node = new NodeTransport({ events: setup.events, isReset, hasEnded, keepAliveMs: setup.keepAliveMs });
  }

  /** Calls back after the events of this round. */
  after(flush: () => void): void {
    this.#kernel.after(flush);
  }

  listen(listening: number, local: Local): Promise<ListenFailure | null> {
    return this.#kernel.listen(listening, local);
  }

  unlisten(listening: number): void {
    this.#kernel.unlisten(listening);
  }

  descriptorOf(listening: number): number | null {
    return this.#kernel.descriptorOf(listening);
  }

  /** The listening socket had the option already. */
  keep(): void {}

  keepBackend(row: number): void {
    this.#kernel.keepBackend(row);
  }

  read(row: number): void {
    this.#kernel.read(row);
  }

  readHeader(row: number): void {
    this.#kernel.readHeader(row);
  }

  take(row: number, bytes: number): void {
    this.#kernel.take(row, bytes);
  }

  pause(row: number): void {
    this.#kernel.pause(row);
  }

  secure(row: number, context: TlsContext, said: string | null, first: Buffer): void {
    if (context.native instanceof OpensslContext) {
      this.#kernel.secureWith(row, context.native, said, first);
      return;
    }
    const fd = this.#kernel.handOver(row, first.length);
    if (fd === NONE) return;
    const options: SocketConstructorOpts & { readonly pauseOnCreate: boolean } = { fd, readable: true, writable: true, pauseOnCreate: true, ...MARKS };
    this.#node.adopt(row, new Socket(options));
    this.#node.secure(row, context, said, first);
  }

  alert(row: number, description: number, read: number): void {
    if (this.#isOfNode(row)) this.#node.alert(row, description);
    else this.#kernel.alert(row, description, read);
  }

  dial(row: number, address: BackendAddress): void {
    if (this.#isOfNode(row)) this.#node.dial(row, address);
    else this.#kernel.dial(row, address);
  }

  look(row: number, report: (hasClosed: boolean) => void): void {
    if (this.#isOfNode(row)) this.#node.look(row, report);
    else this.#kernel.look(row, report);
  }

  hangUp(row: number): void {
    if (this.#isOfNode(row)) this.#node.hangUp(row);
    else this.#kernel.hangUp(row);
  }

  verify(row: number, backend: Backend): string | typeof AGAIN | null {
    return this.#isOfNode(row) ? this.#node.verify(row, backend) : this.#kernel.verify(row, backend);
  }

  preface(row: number, header: (local: Endpoint) => Uint8Array | null): boolean {
    return this.#isOfNode(row) ? this.#node.preface(row, header) : this.#kernel.preface(row, header);
  }

  relay(row: number, permit: Permit, first: Buffer | null, flights: FirstFlights | null): void {
    if (this.#isOfNode(row)) {
      this.#node.relay(row, permit, first, flights);
      return;
    }
    if (permit.allowed !== true) throw new Error("a relay needs a permit");
    this.#kernel.relayPermitted(row, first, flights);
  }

  breakOff(row: number): void {
    if (this.#isOfNode(row)) this.#node.breakOff(row);
    else this.#kernel.breakOff(row);
  }

  drop(row: number): void {
    const isOfNode = this.#isOfNode(row);
    this.#kernel.drop(row);
    if (isOfNode) this.#node.drop(row);
  }

  nearPort(row: number): number | null {
    return this.#isOfNode(row) ? this.#node.nearPort(row) : this.#kernel.nearPort(row);
  }

  buffered(row: number): number {
    return this.#isOfNode(row) ? this.#node.buffered(row) : this.#kernel.buffered(row);
  }

  close(): void {
    this.#kernel.close();
    this.#node.close();
  }

  #isOfNode(row: number): boolean {
    return this.#kernel.isHandedOver(row);
  }
}
