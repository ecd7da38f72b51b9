// The calls of the OpenSSL inside Node's own binary: the only file about TLS that declares functions for koffi. Each has
// OpenSSL's own name and meaning; handles are addresses (0: none), and what OpenSSL gives in bytes is copied at once.
//
// Each handle is freed by the file that made it: an SSL_CTX by tls_context.ts, an SSL by tls_session.ts.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { openLibc, type Libc, type Native } from "../../runtime/shell/libc.ts";

/** The address of something of OpenSSL's; 0 where there is none. */
export type Handle = number;

/** A failure has the number 0 or less, if nothing else is said. */
export interface OpensslCalls {
  OpenSSL_version(what: number): string;
  OPENSSL_version_major(): number;
  OPENSSL_version_minor(): number;

  ERR_clear_error(): void;
  /** The first error in the thread's queue; 0 where it is empty. */
  ERR_peek_error(): number;
  /** Null for an error that has no name. */
  ERR_reason_error_string(error: number): string | null;

  TLS_server_method(): Handle;
  TLS_client_method(): Handle;
  SSL_CTX_new(method: Handle): Handle;
  SSL_CTX_free(context: Handle): void;
  SSL_CTX_ctrl(context: Handle, command: number, value: number): number;
  /** The same with a handle. */
  SSL_CTX_ctrl_handle(context: Handle, command: number, value: number, handle: Handle): number;
  /** The same with bytes that are read. */
  SSL_CTX_ctrl_bytes(context: Handle, command: number, value: number, bytes: Uint8Array): number;
  /** The keys of tickets that a context has, as SSL_CTRL_GET_TLSEXT_TICKET_KEYS gives them; null where it gives none. */
  ticketKeys(context: Handle, bytes: number): Buffer | null;
  SSL_CTX_set_options(context: Handle, options: number): number;
  SSL_CTX_clear_options(context: Handle, options: number): number;
  SSL_CTX_get_options(context: Handle): number;
  SSL_CTX_set_security_level(context: Handle, level: number): void;
  SSL_CTX_get_security_level(context: Handle): number;
  SSL_CTX_set_cipher_list(context: Handle, names: string): number;
  SSL_CTX_set_ciphersuites(context: Handle, names: string): number;
  SSL_CTX_set_num_tickets(context: Handle, tickets: number): number;
  SSL_CTX_get_num_tickets(context: Handle): number;
  SSL_CTX_set_verify(context: Handle, mode: number): void;
  SSL_CTX_get_verify_mode(context: Handle): number;
  SSL_CTX_set_session_id_context(context: Handle, id: Uint8Array): number;
  SSL_CTX_get_max_early_data(context: Handle): number;
  SSL_CTX_set_max_early_data(context: Handle, bytes: number): number;
  SSL_CTX_use_certificate(context: Handle, certificate: Handle): number;
  SSL_CTX_use_PrivateKey(context: Handle, key: Handle): number;
  SSL_CTX_check_private_key(context: Handle): number;
  /** Its subject becomes one of the names that clients are shown. */
  SSL_CTX_add_client_CA(context: Handle, certificate: Handle): number;
  /** Not a handle of its own: it lives and ends with the context. */
  SSL_CTX_get_cert_store(context: Handle): Handle;
  X509_STORE_add_cert(store: Handle, certificate: Handle): number;
  X509_STORE_set_flags(store: Handle, flags: number): number;
  X509_STORE_add_crl(store: Handle, list: Handle): number;
  SSL_CTX_set_alpn_select_cb(context: Handle, callback: bigint): void;
  SSL_CTX_set_msg_callback(context: Handle, callback: Handle): void;

  SSL_new(context: Handle): Handle;
  SSL_free(ssl: Handle): void;
  SSL_set_fd(ssl: Handle, fd: number): number;
  SSL_set_accept_state(ssl: Handle): void;
  SSL_set_connect_state(ssl: Handle): void;
  SSL_do_handshake(ssl: Handle): number;
  SSL_read(ssl: Handle, into: Uint8Array, bytes: number): number;
  /** The error number that the system gave last; to be read right after a call. OpenSSL sets it to 0 before each system call. */
  errno(): number;
  SSL_write(ssl: Handle, from: Uint8Array, bytes: number): number;
  SSL_shutdown(ssl: Handle): number;
  SSL_get_error(ssl: Handle, result: number): number;
  /** 0x0304: TLS 1.3. */
  SSL_set_msg_callback(ssl: Handle, callback: bigint): void;
  SSL_set_shutdown(ssl: Handle, mode: number): void;
  SSL_version(ssl: Handle): number;
  SSL_session_reused(ssl: Handle): number;
  SSL_ctrl(ssl: Handle, command: number, value: number): number;
  /** Whether the server name of the last hello is these bytes; null: whether it has none. */
  isServername(ssl: Handle, name: Buffer | null): boolean;
  /** Null past the last. */
  SSL_get_cipher_list(ssl: Handle, index: number): string | null;
  SSL_get_verify_result(ssl: Handle): number;
  /** The text of X509_V_ERR_… */
  X509_verify_cert_error_string(error: number): string;
  /** The peer's certificate as DER; null without one, and where it can't be copied. */
  peerCertificate(ssl: Handle): Buffer | null;

  /** From the DER of a certificate, and from that of a key (PKCS #8). 0 where it is none. */
  certificateOf(der: Uint8Array): Handle;
  X509_free(certificate: Handle): void;
  /** 0 where it can't be read. */
  revocationListOf(der: Uint8Array): Handle;
  X509_CRL_free(list: Handle): void;
  keyOf(der: Uint8Array): Handle;
  EVP_PKEY_free(key: Handle): void;

  /** Bytes at an address that stays, for as long as the process lives; 0 where there is no memory. */
  kept(bytes: Uint8Array): Handle;
  /** The address of a function that does nothing, for a callback; 0 where there is none. */
  nothing(): Handle;
  /** Copies to an address that OpenSSL gave a callback. */
  put(to: Handle, bytes: Uint8Array): void;
  /** See Libc. */
  callback(prototype: string, call: (...args: readonly unknown[]) => number): bigint;
}

/** The type of the callback that chooses a protocol by ALPN. */
export const ALPN_CALLBACK = "int AlpnCallback(uintptr_t, uintptr_t, uintptr_t, uintptr_t, unsigned int, uintptr_t)";
/** The type of the callback for each record; its result is ignored. */
export const RECORD_CALLBACK = "int RecordCallback(int, int, int, uintptr_t, size_t, uintptr_t, uintptr_t)";

/** Of SSL_CTX_ctrl and SSL_ctrl, whose macros a binary doesn't have. */
export const SSL_CTRL_MODE = 33;
export const SSL_CTRL_SET_SESS_CACHE_MODE = 44;
export const SSL_CTRL_GET_SESS_CACHE_MODE = 45;
export const SSL_CTRL_GET_MAX_CERT_LIST = 50;
export const SSL_CTRL_SET_MAX_CERT_LIST = 51;
const SSL_CTRL_GET_TLSEXT_TICKET_KEYS = 58;
export const SSL_CTRL_SET_TLSEXT_TICKET_KEYS = 59;
export const SSL_CTRL_CLEAR_MODE = 78;
export const SSL_CTRL_CHAIN_CERT = 89;
export const SSL_CTRL_SET_GROUPS_LIST = 92;
export const SSL_CTRL_SET_MIN_PROTO_VERSION = 123;
export const SSL_CTRL_SET_MAX_PROTO_VERSION = 124;
export const SSL_CTRL_GET_MIN_PROTO_VERSION = 130;
export const SSL_CTRL_GET_MAX_PROTO_VERSION = 131;
export const SSL_CTRL_GET_NEGOTIATED_GROUP = 134;

export const TLS1_2_VERSION = 0x0303;
export const TLS1_3_VERSION = 0x0304;

export const SSL_VERIFY_NONE = 0;
export const SSL_VERIFY_PEER = 1;
export const SSL_VERIFY_FAIL_IF_NO_PEER_CERT = 2;
export const X509_V_OK = 0;
export const X509_V_FLAG_PARTIAL_CHAIN = 0x80000;
export const X509_V_FLAG_CRL_CHECK = 0x4;
export const X509_V_FLAG_CRL_CHECK_ALL = 0x8;

/** Of SSL_get_error. */
export const SSL_ERROR_WANT_READ = 2;
export const SSL_ERROR_WANT_WRITE = 3;
export const SSL_ERROR_SYSCALL = 5;
export const SSL_ERROR_ZERO_RETURN = 6;

/** Of SSL_set_shutdown. */
export const SSL_RECEIVED_SHUTDOWN = 2;

export const SSL_TLSEXT_ERR_OK = 0;
export const SSL_TLSEXT_ERR_ALERT_FATAL = 2;
export const SSL_CTRL_SET_SIGALGS_LIST = 98;

const TESTED_MAJOR = 3;
const NUL = Buffer.alloc(1);

/** The calls, or why they can't be used here, as the end of a sentence. */
export function openOpenssl(): Result<OpensslCalls, string> {
  const libc = openLibc();
  if (libc === null) return failed("koffi is not installed, or this is not Linux");
  try {
    const calls = declared(libc);
    const major = calls.OPENSSL_version_major();
    return major === TESTED_MAJOR ? ok(calls) : failed(`it was tested with OpenSSL 3, and Node has ${calls.OpenSSL_version(0)}`);
  } catch (error) {
    // A Node whose binary doesn't show them.
    return failed(error instanceof Error ? error.message : String(error));
  }
}

function numberOf(result: unknown): number {
  if (typeof result === "number") return result;
  throw new Error(`a call of OpenSSL gave ${typeof result}, and a number was due`);
}

function textOf(result: unknown): string | null {
  if (result === null || typeof result === "string") return result;
  throw new Error(`a call of OpenSSL gave ${typeof result}, and a text was due`);
}

function declared(libc: Libc): OpensslCalls {
  return { ...errorsOf(libc), ...contextsOf(libc), ...sessionsOf(libc), ...certificatesOf(libc), ...memoryOf(libc) };
}

/** A prototype with arguments that are numbers, texts or bytes. */
function numeric(libc: Libc, prototype: string): (...args: readonly unknown[]) => number {
  const native = libc.func(prototype);
  return (...args) => numberOf(native(...args));
}

function silent(libc: Libc, prototype: string): (...args: readonly unknown[]) => void {
  const native = libc.func(prototype);
  return (...args) => void native(...args);
}

function errorsOf(
  libc: Libc,
): Pick<
  OpensslCalls,
  | "OpenSSL_version"
  | "OPENSSL_version_major"
  | "OPENSSL_version_minor"
  | "ERR_clear_error"
  | "ERR_peek_error"
  | "ERR_reason_error_string"
  | "X509_verify_cert_error_string"
> {
  const version = libc.func("const char *OpenSSL_version(int)");
  const clear = libc.func("void ERR_clear_error()");
  const reason = libc.func("const char *ERR_reason_error_string(unsigned long)");
  const verify = libc.func("const char *X509_verify_cert_error_string(long)");
  return {
    OpenSSL_version: (what) => textOf(version(what)) ?? "",
    OPENSSL_version_major: numeric(libc, "unsigned int OPENSSL_version_major()"),
    OPENSSL_version_minor: numeric(libc, "unsigned int OPENSSL_version_minor()"),
    ERR_clear_error: () => void clear(),
    ERR_peek_error: numeric(libc, "unsigned long ERR_peek_error()"),
    ERR_reason_error_string: (error) => textOf(reason(error)),
    X509_verify_cert_error_string: (error) => textOf(verify(error)) ?? "",
  };
}

type ContextCalls = Pick<OpensslCalls, Extract<keyof OpensslCalls, `SSL_CTX_${string}` | `TLS_${string}` | `X509_STORE_${string}` | "ticketKeys">>;

function contextsOf(libc: Libc): ContextCalls {
  const verify = libc.func("void SSL_CTX_set_verify(uintptr_t, int, uintptr_t)");
  const id = libc.func("int SSL_CTX_set_session_id_context(uintptr_t, const void *, unsigned int)");
  const control = libc.func("long SSL_CTX_ctrl(uintptr_t, int, long, uintptr_t)");
  const controlBytes = libc.func("long SSL_CTX_ctrl(uintptr_t, int, long, const void *)");
  const controlInto = libc.func("long SSL_CTX_ctrl(uintptr_t, int, long, void *)");
  const alpn = libc.func("void SSL_CTX_set_alpn_select_cb(uintptr_t, uintptr_t, uintptr_t)");
  return {
    TLS_server_method: numeric(libc, "uintptr_t TLS_server_method()"),
    TLS_client_method: numeric(libc, "uintptr_t TLS_client_method()"),
    SSL_CTX_new: numeric(libc, "uintptr_t SSL_CTX_new(uintptr_t)"),
    SSL_CTX_free: silent(libc, "void SSL_CTX_free(uintptr_t)"),
    SSL_CTX_ctrl: (context, command, value) => numberOf(control(context, command, value, 0)),
    SSL_CTX_ctrl_handle: (context, command, value, handle) => numberOf(control(context, command, value, handle)),
    SSL_CTX_ctrl_bytes: (context, command, value, bytes) => numberOf(controlBytes(context, command, value, bytes)),
    ticketKeys(context, bytes) {
      const keys = Buffer.alloc(bytes);
      return numberOf(controlInto(context, SSL_CTRL_GET_TLSEXT_TICKET_KEYS, bytes, keys)) === 1 ? keys : null;
    },
    SSL_CTX_set_options: numeric(libc, "uint64_t SSL_CTX_set_options(uintptr_t, uint64_t)"),
    SSL_CTX_clear_options: numeric(libc, "uint64_t SSL_CTX_clear_options(uintptr_t, uint64_t)"),
    SSL_CTX_get_options: numeric(libc, "uint64_t SSL_CTX_get_options(uintptr_t)"),
    SSL_CTX_set_security_level: silent(libc, "void SSL_CTX_set_security_level(uintptr_t, int)"),
    SSL_CTX_get_security_level: numeric(libc, "int SSL_CTX_get_security_level(uintptr_t)"),
    SSL_CTX_set_cipher_list: numeric(libc, "int SSL_CTX_set_cipher_list(uintptr_t, const char *)"),
    SSL_CTX_set_ciphersuites: numeric(libc, "int SSL_CTX_set_ciphersuites(uintptr_t, const char *)"),
    SSL_CTX_set_num_tickets: numeric(libc, "int SSL_CTX_set_num_tickets(uintptr_t, size_t)"),
    SSL_CTX_get_num_tickets: numeric(libc, "size_t SSL_CTX_get_num_tickets(uintptr_t)"),
    SSL_CTX_set_verify: (context, mode) => void verify(context, mode, 0),
    SSL_CTX_get_verify_mode: numeric(libc, "int SSL_CTX_get_verify_mode(uintptr_t)"),
    SSL_CTX_set_session_id_context: (context, bytes) => numberOf(id(context, bytes, bytes.length)),
    SSL_CTX_get_max_early_data: numeric(libc, "uint32_t SSL_CTX_get_max_early_data(uintptr_t)"),
    SSL_CTX_set_max_early_data: numeric(libc, "int SSL_CTX_set_max_early_data(uintptr_t, uint32_t)"),
    SSL_CTX_use_certificate: numeric(libc, "int SSL_CTX_use_certificate(uintptr_t, uintptr_t)"),
    SSL_CTX_use_PrivateKey: numeric(libc, "int SSL_CTX_use_PrivateKey(uintptr_t, uintptr_t)"),
    SSL_CTX_check_private_key: numeric(libc, "int SSL_CTX_check_private_key(uintptr_t)"),
    SSL_CTX_add_client_CA: numeric(libc, "int SSL_CTX_add_client_CA(uintptr_t, uintptr_t)"),
    SSL_CTX_get_cert_store: numeric(libc, "uintptr_t SSL_CTX_get_cert_store(uintptr_t)"),
    X509_STORE_add_cert: numeric(libc, "int X509_STORE_add_cert(uintptr_t, uintptr_t)"),
    X509_STORE_set_flags: numeric(libc, "int X509_STORE_set_flags(uintptr_t, unsigned long)"),
    X509_STORE_add_crl: numeric(libc, "int X509_STORE_add_crl(uintptr_t, uintptr_t)"),
    SSL_CTX_set_alpn_select_cb: (context, callback) => void alpn(context, callback, 0),
    SSL_CTX_set_msg_callback: silent(libc, "void SSL_CTX_set_msg_callback(uintptr_t, uintptr_t)"),
  };
}

type SessionCalls = Pick<OpensslCalls, Exclude<Extract<keyof OpensslCalls, `SSL_${string}` | "isServername" | "errno">, keyof ContextCalls>>;

/** INVARIANT: a call of a connection has as many arguments as its function, because a list of them would be copied each time. */
function sessionsOf(libc: Libc): SessionCalls {
  const declare = (prototype: string): Native => libc.func(prototype);
  const make = declare("uintptr_t SSL_new(uintptr_t)");
  const free = declare("void SSL_free(uintptr_t)");
  const fd = declare("int SSL_set_fd(uintptr_t, int)");
  const accept = declare("void SSL_set_accept_state(uintptr_t)");
  const handshake = declare("int SSL_do_handshake(uintptr_t)");
  const read = declare("int SSL_read(uintptr_t, void *, int)");
  const write = declare("int SSL_write(uintptr_t, const void *, int)");
  const shutdown = declare("int SSL_shutdown(uintptr_t)");
  const error = declare("int SSL_get_error(uintptr_t, int)");
  const control = declare("long SSL_ctrl(uintptr_t, int, long, uintptr_t)");
  const name = declare("uintptr_t SSL_get_servername(uintptr_t, int)");
  const compare = declare("int strcmp(uintptr_t, const void *)");
  const records = declare("void SSL_set_msg_callback(uintptr_t, uintptr_t)");
  const cipher = declare("const char *SSL_get_cipher_list(uintptr_t, int)");
  return {
    SSL_new: (context) => numberOf(make(context)),
    SSL_free: (ssl) => void free(ssl),
    SSL_set_fd: (ssl, to) => numberOf(fd(ssl, to)),
    SSL_set_accept_state: (ssl) => void accept(ssl),
    SSL_set_connect_state: silent(libc, "void SSL_set_connect_state(uintptr_t)"),
    SSL_do_handshake: (ssl) => numberOf(handshake(ssl)),
    SSL_read: (ssl, into, bytes) => numberOf(read(ssl, into, bytes)),
    SSL_write: (ssl, from, bytes) => numberOf(write(ssl, from, bytes)),
    SSL_shutdown: (ssl) => numberOf(shutdown(ssl)),
    SSL_get_error: (ssl, result) => numberOf(error(ssl, result)),
    SSL_set_msg_callback: (ssl, callback) => void records(ssl, callback),
    SSL_set_shutdown: silent(libc, "void SSL_set_shutdown(uintptr_t, int)"),
    SSL_version: numeric(libc, "int SSL_version(uintptr_t)"),
    SSL_session_reused: numeric(libc, "int SSL_session_reused(uintptr_t)"),
    SSL_ctrl: (ssl, command, value) => numberOf(control(ssl, command, value, 0)),
    isServername(ssl, due) {
      const said = numberOf(name(ssl, 0));
      if (due === null || said === 0) return due === null && said === 0;
      return !due.includes(0) && compare(said, Buffer.concat([due, NUL])) === 0;
    },
    errno: () => libc.errno(),
    SSL_get_cipher_list: (ssl, index) => textOf(cipher(ssl, index)),
    SSL_get_verify_result: numeric(libc, "long SSL_get_verify_result(uintptr_t)"),
  };
}

function certificatesOf(
  libc: Libc,
): Pick<OpensslCalls, "certificateOf" | "revocationListOf" | "keyOf" | "X509_free" | "X509_CRL_free" | "EVP_PKEY_free" | "peerCertificate"> {
  const memory = libc.func("uintptr_t BIO_new_mem_buf(const void *, int)");
  const release = libc.func("int BIO_free(uintptr_t)");
  const certificate = libc.func("uintptr_t d2i_X509_bio(uintptr_t, uintptr_t)");
  const list = libc.func("uintptr_t d2i_X509_CRL_bio(uintptr_t, uintptr_t)");
  const key = libc.func("uintptr_t d2i_PrivateKey_bio(uintptr_t, uintptr_t)");
  const peer = libc.func("uintptr_t SSL_get0_peer_certificate(uintptr_t)");
  const encode = libc.func("int i2d_X509(uintptr_t, void *)");
  const copy = libc.func("uintptr_t memcpy(void *, uintptr_t, size_t)");
  const give = libc.func("void CRYPTO_free(uintptr_t, uintptr_t, int)");
  const decoded = (decode: Native, der: Uint8Array): Handle => {
    const bio = numberOf(memory(der, der.length));
    if (bio === 0) return 0;
    try {
      return numberOf(decode(bio, 0));
    } finally {
      release(bio);
    }
  };
  /** Where i2d_X509 says what it made. */
  const made = new BigUint64Array(1);
  return {
    certificateOf: (der) => decoded(certificate, der),
    revocationListOf: (der) => decoded(list, der),
    X509_CRL_free: silent(libc, "void X509_CRL_free(uintptr_t)"),
    keyOf: (der) => decoded(key, der),
    X509_free: silent(libc, "void X509_free(uintptr_t)"),
    EVP_PKEY_free: silent(libc, "void EVP_PKEY_free(uintptr_t)"),
    peerCertificate(ssl) {
      const shown = numberOf(peer(ssl));
      if (shown === 0) return null;
      made[0] = 0n;
      const length = numberOf(encode(shown, made));
      const at = made[0];
      if (length <= 0 || at === undefined || at === 0n) return null;
      const der = Buffer.allocUnsafe(length);
      copy(der, at, length);
      give(at, 0, 0);
      return der;
    },
  };
}

function memoryOf(libc: Libc): Pick<OpensslCalls, "kept" | "put" | "nothing" | "callback"> {
  const allocate = libc.func("uintptr_t malloc(size_t)");
  const copy = libc.func("uintptr_t memcpy(uintptr_t, const void *, size_t)");
  const find = libc.func("uintptr_t dlsym(uintptr_t, const char *)");
  return {
    // A constant: it reads no argument and changes nothing.
    nothing: () => numberOf(find(0, "OPENSSL_version_major")),
    kept(bytes) {
      const at = numberOf(allocate(Math.max(1, bytes.length)));
      if (at !== 0) copy(at, bytes, bytes.length);
      return at;
    },
    put: (to, bytes) => void copy(to, bytes, bytes.length),
    callback: (prototype, call) => libc.callback(prototype, call),
  };
}
