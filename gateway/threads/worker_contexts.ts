// The TLS contexts of a worker: an SSL_CTX of its own for each that the main thread has announced, because OpenSSL's callbacks
// run on the thread that registered them.
//
// INVARIANT: a context that can't be used here is kept as the sentence why, and refuses each handshake with it.
import { receiveMessageOnPort, type MessagePort } from "node:worker_threads";
import { openOpenssl, type OpensslCalls } from "../kernel/openssl.ts";
import { OpensslContext } from "../kernel/tls_context.ts";
import { TicketKeys } from "../kernel/tls_tickets.ts";
import type { ContextWish } from "../tls/kept_contexts.ts";

/** CONTEXT announces this. */
export interface GivenContext extends ContextWish {
  readonly id: number;
  /** See TicketKeys. */
  readonly tickets: Uint8Array;
}

export class WorkerContexts {
  readonly #port: MessagePort;
  readonly #all = new Map<number, OpensslContext | string>();
  #openssl: OpensslCalls | null = null;

  constructor(port: MessagePort) {
    this.#port = port;
  }

  /** Or why there is none. */
  context(id: number): OpensslContext | string {
    return this.#all.get(id) ?? "there is no such context";
  }

  /** Throws where the context that was announced has not come. */
  add(id: number): void {
    const received: { readonly message: GivenContext } | undefined = receiveMessageOnPort(this.#port);
    if (received?.message.id !== id) throw new Error("a context of TLS was announced and did not come");
    const { id: _, tickets: keys, ...wish } = received.message;
    const tickets = TicketKeys.from(keys);
    const opened = this.#openssl === null ? openOpenssl() : null;
    if (opened?.ok === true) this.#openssl = opened.value;
    const calls = this.#openssl;
    const made = calls === null || tickets === null ? null : OpensslContext.create({ calls, ...wish, tickets });
    this.#all.set(
      id,
      made === null ? "OpenSSL can't be called in this thread"
      : made.ok ? made.value
      : made.error,
    );
  }

  takeTickets(id: number, bytes: Buffer): void {
    const context = this.#all.get(id);
    if (context === undefined || typeof context === "string") return;
    const tickets = TicketKeys.from(bytes);
    if (tickets !== null && context.takeTickets(tickets)) return;
    this.retire(id);
    this.#all.set(id, "OpenSSL does not take the keys of tickets in this thread");
  }

  retire(id: number): void {
    const context = this.#all.get(id);
    this.#all.delete(id);
    if (context !== undefined && typeof context !== "string") context.free();
  }

  free(): void {
    for (const id of [...this.#all.keys()]) this.retire(id);
  }
}
