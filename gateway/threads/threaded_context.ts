// The TLS context of an expose that several threads serve: each has an SSL_CTX of its own, all with the same certificate,
// ticket keys and session context, so that a session of one is resumed by another.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type { OpensslCalls } from "../kernel/openssl.ts";
import type { EngineChoice } from "../kernel/tls_choice.ts";
import { OpensslContext } from "../kernel/tls_context.ts";
import { TicketKeys } from "../kernel/tls_tickets.ts";
import type { EngineOfTls, NativeEngine } from "../tls/kept_contexts.ts";
import type { NativeContext } from "../tls/secure.ts";
import type { Threads } from "./threads.ts";

type Announcing = Pick<Threads, "announce" | "takeTickets" | "retire">;

export class ThreadedContext implements NativeContext {
  /** Its number in each thread. */
  readonly id: number;
  readonly #threads: Announcing;
  readonly #tickets: TicketKeys;
  #isFreed = false;

  constructor(id: number, tickets: TicketKeys, threads: Announcing) {
    this.id = id;
    this.#tickets = tickets;
    this.#threads = threads;
  }

  /** A thread whose OpenSSL does not take them begins no handshake of this context any more. */
  rotateTickets(): boolean {
    if (this.#isFreed) return false;
    this.#tickets.rotate();
    this.#threads.takeTickets(this.id, this.#tickets.bytes());
    return true;
  }

  free(): void {
    if (this.#isFreed) return;
    this.#isFreed = true;
    this.#threads.retire(this.id);
  }
}

/** In place of OpenSSL's engine in the main thread. */
export function threadedEngine(engine: EngineChoice, threads: Announcing): EngineOfTls {
  const { calls, because } = engine();
  const native = calls === null ? null : nativeEngine(calls, threads);
  return () => ({ native, because });
}

/** INVARIANT: a context that the main thread's OpenSSL refuses is given to no thread. */
function nativeEngine(calls: OpensslCalls, threads: Announcing): NativeEngine {
  return {
    context(wish): Result<ThreadedContext, string> {
      const tickets = TicketKeys.create();
      const tried = OpensslContext.create({ calls, ...wish, tickets });
      if (!tried.ok) return failed(tried.error);
      tried.value.free();
      return ok(new ThreadedContext(threads.announce({ ...wish, tickets: tickets.bytes() }), tickets, threads));
    },
  };
}
