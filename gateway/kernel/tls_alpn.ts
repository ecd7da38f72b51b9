// The choice of a protocol by ALPN. It is made before the handshake, from the list of the hello that was read; OpenSSL's
// callback only repeats it, so that nothing in it can fail.
import { ALPN_CALLBACK, SSL_TLSEXT_ERR_ALERT_FATAL, SSL_TLSEXT_ERR_OK, type Handle, type OpensslCalls } from "./openssl.ts";

const POINTER_BYTES = 8;

interface Chosen {
  /** Bytes of the address at which the name is, and of the name's length. */
  readonly at: Buffer;
  readonly length: Buffer;
}

/** By name. INVARIANT: the memory lives as long as the process, because a session may outlive its context. */
const names = new Map<string, Chosen>();
/** The choice for the call of OpenSSL that is under way. */
let current: Chosen | null = null;
let callback: bigint | null = null;

/** The first of `preferred` that the client offers; null where there is none. */
export function chooseProtocol(preferred: readonly string[], offered: readonly string[]): string | null {
  return preferred.find((one) => offered.includes(one)) ?? null;
}

/** From now on the context answers ALPN with what `withProtocol` says. */
export function answerProtocols(calls: OpensslCalls, context: Handle): boolean {
  callback ??= calls.callback(ALPN_CALLBACK, (_ssl, out, outLength) => {
    // OpenSSL sends no_application_protocol.
    if (current === null || typeof out !== "number" || typeof outLength !== "number") return SSL_TLSEXT_ERR_ALERT_FATAL;
    calls.put(out, current.at);
    calls.put(outLength, current.length);
    return SSL_TLSEXT_ERR_OK;
  });
  calls.SSL_CTX_set_alpn_select_cb(context, callback);
  return true;
}

/** Makes a call of OpenSSL in which the callback gives this protocol; null: none is in common, and a client that has sent a list is refused. */
export function withProtocol<T>(calls: OpensslCalls, name: string | null, call: () => T): T {
  current = name === null ? null : keptName(calls, name);
  try {
    return call();
  } finally {
    current = null;
  }
}

function keptName(calls: OpensslCalls, name: string): Chosen | null {
  const known = names.get(name);
  if (known !== undefined) return known;
  const bytes = Buffer.from(name, "latin1");
  const address = calls.kept(bytes);
  if (address === 0 || bytes.length === 0 || bytes.length > 255) return null;
  const at = Buffer.alloc(POINTER_BYTES);
  at.writeBigUInt64LE(BigInt(address));
  const made: Chosen = { at, length: Buffer.from([bytes.length]) };
  names.set(name, made);
  return made;
}
