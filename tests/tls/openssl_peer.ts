// A client of OpenSSL's own calls, over a socket pair, whose every step the test says; and the server's side that it speaks to.
import { MSG_PEEK, openCalls, SOCK_STREAM, type KernelCalls } from "../../gateway/kernel/calls.ts";
import { openOpenssl, SSL_RECEIVED_SHUTDOWN, type Handle, type OpensslCalls } from "../../gateway/kernel/openssl.ts";
import { OpensslContext } from "../../gateway/kernel/tls_context.ts";
import { selfSigned, type SelfSigned } from "../../gateway/kernel/tls_self_signed.ts";
import type { TicketKeys } from "../../gateway/kernel/tls_tickets.ts";
import { TlsSession, type HandshakeStep } from "../../gateway/kernel/tls_session.ts";
import { openLibc } from "../../runtime/shell/libc.ts";

const [kernel, openssl, libc] = [openCalls(), openOpenssl(), openLibc()];
if (kernel === null || !openssl.ok || libc === null) throw new Error("these tests need koffi");

export const KERNEL: KernelCalls = kernel;
export const OPENSSL: OpensslCalls = openssl.value;
const keyUpdate = libc.func("int SSL_key_update(uintptr_t, int)");
const renegotiate = libc.func("int SSL_renegotiate(uintptr_t)");
const setTicket = libc.func("int SSL_set_session_ticket_ext(uintptr_t, const void *, int)");
const control = libc.func("long SSL_ctrl(uintptr_t, int, long, const char *)");
const groups = libc.func("long SSL_ctrl(uintptr_t, int, long, const char *)");
const protocols = libc.func("int SSL_set_alpn_protos(uintptr_t, const void *, unsigned int)");
const selected = libc.func("void SSL_get0_alpn_selected(uintptr_t, void *, void *)");
const copy = libc.func("uintptr_t memcpy(void *, uintptr_t, size_t)");
const takeSession = libc.func("uintptr_t SSL_get1_session(uintptr_t)");
const offerSession = libc.func("int SSL_set_session(uintptr_t, uintptr_t)");
const allowEarly = libc.func("int SSL_SESSION_set_max_early_data(uintptr_t, uint32_t)");
const writeEarly = libc.func("int SSL_write_early_data(uintptr_t, const void *, size_t, void *)");
const earlyStatus = libc.func("int SSL_get_early_data_status(uintptr_t)");
const freeSession = libc.func("void SSL_SESSION_free(uintptr_t)");
const SSL_SENT_SHUTDOWN = 1;
const SSL_CTRL_SET_MAX_SEND_FRAGMENT = 52;
/** The least that OpenSSL takes. */
const FRAGMENT_BYTES = 512;
const SSL_CTRL_SET_TLSEXT_HOSTNAME = 55;
const MOST_HELLO_BYTES = 16 * 1024;
const SSL_CTRL_SET_GROUPS_LIST = 92;
const SSL_CTRL_SET_MAX_PROTO_VERSION = 124;

export const SERVER = selfSigned("server");
export const CLIENT = selfSigned("client");

export interface PeerSetup {
  readonly calls?: OpensslCalls;
  readonly trusted?: SelfSigned;
  readonly shows?: SelfSigned;
  readonly name?: string;
  readonly most?: number;
  readonly groups?: string;
  readonly serves?: readonly string[];
  readonly offers?: readonly string[];
  /** The keys of the server's tickets. */
  readonly tickets?: TicketKeys;
  /** Of an earlier pair; it stays the caller's. */
  readonly resumes?: Handle;
  /** The client sends it with its hello, though no session was given out for that. */
  readonly early?: string;
}

export interface Pair {
  readonly session: TlsSession;
  readonly peer: Handle;
  /** The descriptors of the server's and the client's side. */
  readonly fds: readonly [near: number, far: number];
  /** A step of the client, then of the server. */
  step(): HandshakeStep;
  /** Until it is over, one way or the other. */
  handshake(): HandshakeStep;
  rename(name: string): void;
  keyUpdate(): void;
  /** A hello of TLS 1.2 after the handshake, in so many records. */
  helloAgain(records: number): void;
  send(text: string): number;
  protocol(): string;
  /** The session that the client could resume; `released` frees it. */
  kept(): Handle;
  isReused(): boolean;
  /** Whether the client's early data was "not sent", "rejected" or "accepted". */
  early(): string;
  close(): void;
}

export function pair({ calls = OPENSSL, trusted, shows, name, most, groups: list, serves = [], offers = [], tickets, resumes, early }: PeerSetup = {}): Pair {
  const made = OpensslContext.create({
    calls,
    shown: SERVER,
    trusted: trusted === undefined ? null : { name: "corp", roots: trusted.chain, partial: false },
    protocols: serves,
    ...(tickets !== undefined && { tickets }),
  });
  if (!made.ok) throw new Error(made.error);
  const fds = new Int32Array(2);
  KERNEL.socketpair(SOCK_STREAM, fds);
  const [near = -1, far = -1] = fds;
  const context = OPENSSL.SSL_CTX_new(OPENSSL.TLS_client_method());
  if (shows !== undefined) {
    const [certificate, key] = [OPENSSL.certificateOf(shows.der), OPENSSL.keyOf(shows.keyDer)];
    OPENSSL.SSL_CTX_use_certificate(context, certificate);
    OPENSSL.SSL_CTX_use_PrivateKey(context, key);
    OPENSSL.X509_free(certificate);
    OPENSSL.EVP_PKEY_free(key);
  }
  if (most !== undefined) OPENSSL.SSL_CTX_ctrl(context, SSL_CTRL_SET_MAX_PROTO_VERSION, most);
  const peer = OPENSSL.SSL_new(context);
  if (peer === 0) throw new Error("no session of a client");
  OPENSSL.SSL_set_fd(peer, far);
  OPENSSL.SSL_set_connect_state(peer);
  if (name !== undefined) control(peer, SSL_CTRL_SET_TLSEXT_HOSTNAME, 0, name);
  if (list !== undefined) groups(peer, SSL_CTRL_SET_GROUPS_LIST, 0, list);
  if (offers.length > 0) {
    const wire = Buffer.concat(offers.map((one) => Buffer.from([one.length, ...Buffer.from(one)])));
    protocols(peer, wire, wire.length);
  }
  if (resumes !== undefined) {
    if (early !== undefined) allowEarly(resumes, 16_384);
    offerSession(peer, resumes);
  }
  // Its hello is looked at before the server has a session, as the gateway does it.
  OPENSSL.ERR_clear_error();
  if (early === undefined) OPENSSL.SSL_do_handshake(peer);
  else if (writeEarly(peer, Buffer.from(early), early.length, new BigUint64Array(1)) !== 1) throw new Error("the client sends no early data");
  const hello = Buffer.alloc(MOST_HELLO_BYTES);
  const length = KERNEL.recv(near, hello, hello.length, MSG_PEEK);
  const session = TlsSession.accept(made.value, near, offers, hello.subarray(0, Math.max(0, length)));
  if (session === null) throw new Error("no session of the server");
  const one: Pair = {
    session,
    peer,
    fds: [near, far],
    step() {
      OPENSSL.ERR_clear_error();
      OPENSSL.SSL_do_handshake(peer);
      return session.handshake();
    },
    handshake() {
      for (let i = 0; i < 8; i++) {
        const step = one.step();
        if (step !== "more") return step;
      }
      return "more";
    },
    rename: (to) => void control(peer, SSL_CTRL_SET_TLSEXT_HOSTNAME, 0, to),
    keyUpdate() {
      keyUpdate(peer, 0);
      OPENSSL.SSL_do_handshake(peer);
    },
    helloAgain(records) {
      // The server's last flight.
      OPENSSL.SSL_do_handshake(peer);
      OPENSSL.SSL_ctrl(peer, SSL_CTRL_SET_MAX_SEND_FRAGMENT, FRAGMENT_BYTES);
      const ticket = Buffer.alloc(records * FRAGMENT_BYTES - 400);
      setTicket(peer, ticket, ticket.length);
      renegotiate(peer);
      OPENSSL.SSL_do_handshake(peer);
    },
    send: (text) => OPENSSL.SSL_write(peer, Buffer.from(text), text.length),
    protocol() {
      const [at, length] = [new BigUint64Array(1), new Uint32Array(1)];
      selected(peer, at, length);
      const text = Buffer.alloc(length[0] ?? 0);
      if (text.length > 0) copy(text, at[0], text.length);
      return text.toString("latin1");
    },
    kept() {
      // TLS 1.3 gives its tickets behind the handshake, and a read takes them up.
      OPENSSL.SSL_read(peer, Buffer.alloc(1), 1);
      return Number(takeSession(peer));
    },
    early: () => ["not sent", "rejected", "accepted"][Number(earlyStatus(peer))] ?? "unknown",
    isReused: () => OPENSSL.SSL_session_reused(session.handle) === 1,
    close() {
      session.free();
      made.value.free();
      // A connection that was broken off may not be resumed by its client.
      OPENSSL.SSL_set_shutdown(peer, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
      OPENSSL.SSL_free(peer);
      OPENSSL.SSL_CTX_free(context);
      KERNEL.close(near);
      KERNEL.close(far);
      OPENSSL.ERR_clear_error();
    },
  };
  return one;
}

/** Frees the session that `kept` gave. */
export function released(session: Handle): void {
  freeSession(session);
}
