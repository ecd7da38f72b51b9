// Bounds what one SSL_read of TLS 1.2 does. A hello after the handshake is refused, but OpenSSL first reads all of it: up
// to 128 KiB, which a client may cut into records of a byte, so that one call would take a tenth of a second and more.
// A callback for each record counts them. TLS 1.3 has no such message, and pays nothing.
import { RECORD_CALLBACK, SSL_RECEIVED_SHUTDOWN, type Handle, type OpensslCalls } from "./openssl.ts";

/** Records, read and written, of one SSL_read. It comes back after the first that has data, and few come without. */
export const MOST_RECORDS = 32;
const SSL3_RT_HEADER = 0x100;

/** By the read that is under way. */
let records = 0;
let callback: bigint | null = null;

/**
 * Of a context. OpenSSL 3.2 and later only report records to a callback that was set before keys were agreed on, so each
 * session begins with one that does nothing, and is C, because most sessions are TLS 1.3.
 */
export function prepareRecords(calls: OpensslCalls, context: Handle): boolean {
  const nothing = calls.nothing();
  if (nothing !== 0) calls.SSL_CTX_set_msg_callback(context, nothing);
  return nothing !== 0;
}

/** Of a session whose handshake is over: from now on its records are counted. */
export function countRecords(calls: OpensslCalls, session: Handle): void {
  callback ??= calls.callback(RECORD_CALLBACK, (_isWrite, _version, type, _bytes, _length, ssl) => {
    if (type === SSL3_RT_HEADER && ++records > MOST_RECORDS && typeof ssl === "number") calls.SSL_set_shutdown(ssl, SSL_RECEIVED_SHUTDOWN);
    return 0;
  });
  calls.SSL_set_msg_callback(session, callback);
}

/** Before each SSL_read. */
export function beginRead(): void {
  records = 0;
}

/** Of the read that was begun last: the session is shut. */
export function hasTooMany(): boolean {
  return records > MOST_RECORDS;
}
