// The TLS context of an expose that several threads serve: each has an SSL_CTX of its own, all with the same certificate,
// ticket keys and session context, so that a session of one is resumed by another.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type { OpensslCalls } from "../kernel/openssl.ts";
import { newSharedKeys, OpensslContext } from "../kernel/tls_context.ts";
import type { NativeEngine } from "../tls/credentials.ts";
import type { NativeContext } from "../tls/secure.ts";
import type { Threads } from "./threads.ts";

export class ThreadedContext implements NativeContext {
  /** Its number in each thread. */
  readonly id: number;
  readonly #threads: Pick<Threads, "retire">;
  #isFreed = false;

  constructor(id: number, threads: Pick<Threads, "retire">) {
    this.id = id;
    this.#threads = threads;
  }

  free(): void {
    if (this.#isFreed) return;
    this.#isFreed = true;
    this.#threads.retire(this.id);
  }
}

/** INVARIANT: what the main thread's OpenSSL refuses is given to no thread. */
export function threadedEngine(calls: OpensslCalls, threads: Pick<Threads, "announce" | "retire">): NativeEngine {
  return {
    context(shown, trusted): Result<ThreadedContext, string> {
      const shared = newSharedKeys();
      const tried = OpensslContext.create({ calls, shown, trusted, shared });
      if (!tried.ok) return failed(tried.error);
      tried.value.free();
      return ok(new ThreadedContext(threads.announce({ shown, trusted, shared }), threads));
    },
  };
}
