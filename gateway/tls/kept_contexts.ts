// The TLS contexts of the exposes, each with the age of its ticket keys.
import type { ListenerInfo } from "../../runtime/host/module.ts";
import type { Result } from "../../runtime/result/result.ts";
import type { Shown, Trusted } from "./context.ts";
import type { NativeContext, TlsContext } from "./secure.ts";

/** The parts of a context. */
export interface ContextWish {
  readonly shown: Shown;
  /** Certificates with keys of other kinds, in their order. */
  readonly others: readonly Shown[];
  readonly trusted: Trusted | null;
  /** Protocols by ALPN, the preferred one first. */
  readonly protocols: readonly string[];
}

/** Makes the contexts of another engine than Node's. A failure is the end of a sentence. */
export interface NativeEngine {
  context(wish: ContextWish): Result<NativeContext, string>;
}

/** The engine that serves, and why it is not the other; called first where a policy has TLS that ends here. */
export type EngineOfTls = () => { readonly native: NativeEngine | null; readonly because: string | null };

/** Ticket keys are replaced after so long. OpenSSL's engine reads tickets of the keys before for as long again; on Node's clients make one handshake of their own. */
export const TICKET_KEYS_MS = 12 * 3_600_000;

interface KeptContext {
  readonly context: TlsContext;
  /** When its ticket keys were made, by the monotonic clock. */
  readonly keysMs: number;
}

export class KeptContexts {
  readonly #contexts = new Map<string, KeptContext>();

  /** Frees those of other exposes. */
  keep(keys: ReadonlySet<string>): void {
    for (const [key, { context }] of this.#contexts) {
      if (keys.has(key)) continue;
      this.#contexts.delete(key);
      context.native?.free();
    }
  }

  /** Its context, with ticket keys that are not too old; null where there is none. */
  of(key: string, nowMs: number): TlsContext | null {
    const known = this.#contexts.get(key);
    return known === undefined ? null : this.#withFreshKeys(key, known, nowMs);
  }

  add(key: string, context: TlsContext, nowMs: number): void {
    this.#contexts.set(key, { context, keysMs: nowMs });
  }

  /** Replaces ticket keys whose time is over. */
  rotateTickets(nowMs: number): void {
    for (const [key, kept] of [...this.#contexts]) if (kept.context.native !== undefined) this.#withFreshKeys(key, kept, nowMs);
  }

  /** Its context, with ticket keys that are not too old; null where it had to be dropped. */
  #withFreshKeys(key: string, { context, keysMs }: KeptContext, nowMs: number): TlsContext | null {
    const age = nowMs - keysMs;
    if (age < TICKET_KEYS_MS) return context;
    const { native } = context;
    // Where the time of the keys is over twice, no ticket of theirs is good any more.
    const turns = age < 2 * TICKET_KEYS_MS ? 1 : 2;
    if (native !== undefined && Array.from({ length: turns }, () => native.rotateTickets()).every(Boolean)) {
      this.#contexts.set(key, { context, keysMs: nowMs });
      return context;
    }
    this.#contexts.delete(key);
    native?.free();
    return null;
  }
}

/** INVARIANT: no two exposes share a context, so that what a client got at one (a session) is good at no other. */
export function keyOf({ name, mode, certs, alpn, ca }: ListenerInfo): string {
  return JSON.stringify([name, mode, certs, alpn, ca]);
}
