// An SSL_CTX of an expose. Certificates and keys come in as DER of what our own reader has read; each setting is read back
// and compared after it was set, because an openssl.cnf of the machine may have changed what is underneath.
//
// INVARIANT: one context serves one expose alone. Its ticket keys are the expose's own, so what a client got here is good
// nowhere else.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type { Shown, Trusted } from "../tls/context.ts";
import { readBlocks } from "../tls/pem.ts";
import type { NativeContext } from "../tls/secure.ts";
import { ciphersFor, signaturesFor } from "../tls/shown_kinds.ts";
import { answerProtocols } from "./tls_alpn.ts";
import { prepareRecords } from "./tls_records.ts";
import { TICKET_KEY_BYTES, TicketKeys } from "./tls_tickets.ts";
import {
  SSL_CTRL_CHAIN_CERT,
  SSL_CTRL_GET_MAX_CERT_LIST,
  SSL_CTRL_GET_MAX_PROTO_VERSION,
  SSL_CTRL_GET_MIN_PROTO_VERSION,
  SSL_CTRL_GET_SESS_CACHE_MODE,
  SSL_CTRL_MODE,
  SSL_CTRL_SET_GROUPS_LIST,
  SSL_CTRL_SET_MAX_CERT_LIST,
  SSL_CTRL_SET_MAX_PROTO_VERSION,
  SSL_CTRL_SET_MIN_PROTO_VERSION,
  SSL_CTRL_SET_SESS_CACHE_MODE,
  SSL_CTRL_SET_SIGALGS_LIST,
  SSL_CTRL_SET_TLSEXT_TICKET_KEYS,
  SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
  SSL_VERIFY_NONE,
  SSL_VERIFY_PEER,
  TLS1_2_VERSION,
  TLS1_3_VERSION,
  X509_V_FLAG_CRL_CHECK,
  X509_V_FLAG_CRL_CHECK_ALL,
  X509_V_FLAG_PARTIAL_CHAIN,
  type Handle,
  type OpensslCalls,
} from "./openssl.ts";

const SSL_OP_NO_TICKET = 1 << 14;
const SSL_OP_NO_COMPRESSION = 1 << 17;
const SSL_OP_ENABLE_MIDDLEBOX_COMPAT = 1 << 20;
const SSL_OP_CIPHER_SERVER_PREFERENCE = 1 << 22;
/** As a number above 2^30, which a shift of 32 bits would make negative. */
const SSL_OP_NO_RENEGOTIATION = 2 ** 30;
const EVERY_OPTION = 2 ** 40 - 1;

const SSL_MODE_ENABLE_PARTIAL_WRITE = 1;
const SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER = 2;
const SSL_MODE_AUTO_RETRY = 4;
const SSL_MODE_RELEASE_BUFFERS = 16;
const MODES = SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_AUTO_RETRY | SSL_MODE_RELEASE_BUFFERS;

/** 112 bits of security, as Node's engine has it. */
const SECURITY_LEVEL = 2;
const TICKETS = 2;
const SSL_SESS_CACHE_OFF = 0;
/** Of a client's message with its certificate and those between it and a root: ten of 6 KiB each. OpenSSL's own is 100 KiB. */
export const MOST_CERTIFICATE_BYTES = 64 * 1024;

const TLS_1_3_CIPHERS = ["TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"];
/** Those of Node's own list that need no parameters for Diffie-Hellman, in its order. */
const TLS_1_2_CIPHERS = [
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
  "ECDHE-RSA-AES128-SHA256",
  "ECDHE-RSA-AES256-SHA384",
  "ECDHE-ECDSA-AES256-SHA384",
  "ECDHE-ECDSA-AES128-SHA256",
  "ECDHE-ECDSA-AES256-SHA",
  "ECDHE-RSA-AES256-SHA",
  "ECDHE-ECDSA-AES128-SHA",
  "ECDHE-RSA-AES128-SHA",
  "AES256-GCM-SHA384",
  "AES128-GCM-SHA256",
  "AES256-SHA256",
  "AES128-SHA256",
  "AES256-SHA",
  "AES128-SHA",
];
/** The first that this OpenSSL takes: 3.5 has a group that a quantum computer doesn't break, and needs a list in its new form to prefer no second hello. */
const GROUPS = ["*X25519MLKEM768 / *X25519:P-256 / P-384:P-521", "X25519:P-256:P-384:P-521"];

/** Handles of all kinds that were made and not freed; for checks of leaks. */
export const made = { contexts: 0, sessions: 0 };

export interface OpensslContextSetup {
  readonly calls: OpensslCalls;
  readonly shown: Shown;
  /** Certificates with keys of other kinds, in their order. */
  readonly others?: readonly Shown[];
  readonly trusted: Trusted | null;
  /** Protocols by ALPN, the preferred one first; where it is empty, a client's list is not answered. */
  readonly protocols?: readonly string[];
  /** Of the expose, where it has a context in another thread already. */
  readonly tickets?: TicketKeys;
}

export class OpensslContext implements NativeContext {
  readonly calls: OpensslCalls;
  /** A client's certificate is requested, and verified, in each handshake. */
  readonly requestsCertificate: boolean;
  readonly protocols: readonly string[];
  #tickets: TicketKeys;
  readonly #handle: Handle;
  #isFreed = false;

  private constructor({ calls, trusted, protocols = [] }: OpensslContextSetup, handle: Handle, tickets: TicketKeys) {
    this.calls = calls;
    this.#handle = handle;
    this.#tickets = tickets;
    this.requestsCertificate = trusted !== null;
    this.protocols = protocols;
    made.contexts++;
  }

  /** Or what can't be had of this OpenSSL, as the end of a sentence. */
  static create(setup: OpensslContextSetup): Result<OpensslContext, string> {
    const { calls, trusted, tickets = TicketKeys.create() } = setup;
    calls.ERR_clear_error();
    const handle = calls.SSL_CTX_new(calls.TLS_server_method());
    if (handle === 0) return failed("OpenSSL makes no context");
    const context = new OpensslContext(setup, handle, tickets);
    try {
      const fault =
        configured({ ...setup, tickets }, handle) ??
        different(calls, handle, trusted !== null, tickets, ciphersFor(TLS_1_2_CIPHERS, [setup.shown, ...(setup.others ?? [])]));
      if (fault === null) return ok(context);
      context.free();
      return failed(fault);
    } catch (error) {
      context.free();
      return failed(error instanceof Error ? error.message : String(error));
    }
  }

  /** 0 where OpenSSL makes none, or the context is freed already. */
  newSession(): Handle {
    return this.#isFreed ? 0 : this.calls.SSL_new(this.#handle);
  }

  /** The keys of its expose's tickets, for contexts of that expose in other threads. */
  get tickets(): TicketKeys {
    return this.#tickets;
  }

  /** New tickets get new keys; see TicketKeys. False: OpenSSL did not take them, and the context is not to be used any more. */
  rotateTickets(): boolean {
    this.#tickets.rotate();
    return this.takeTickets(this.#tickets);
  }

  /** The keys that the expose's tickets have from now on. */
  takeTickets(tickets: TicketKeys): boolean {
    this.#tickets = tickets;
    return !this.#isFreed && setTicketKeys(this.calls, this.#handle, tickets.current);
  }

  /**
   * Makes the one call in which OpenSSL reads a hello with a ticket of the keys before.
   * INVARIANT: nothing else happens on this context meanwhile, and a context that did not get its keys back begins nothing.
   */
  withPreviousTickets<T>(call: () => T): T {
    const { current, previous } = this.#tickets;
    if (previous === null || this.#isFreed || !setTicketKeys(this.calls, this.#handle, previous)) return call();
    let isBack = false;
    try {
      return call();
    } finally {
      try {
        isBack = setTicketKeys(this.calls, this.#handle, current);
      } finally {
        if (!isBack) this.free();
      }
    }
  }

  /** Handshakes and connections under way keep what they need. */
  free(): void {
    if (this.#isFreed) return;
    this.#isFreed = true;
    made.contexts--;
    this.calls.SSL_CTX_free(this.#handle);
  }
}

function wantedOptions(requestsCertificate: boolean): number {
  const always = SSL_OP_NO_COMPRESSION | SSL_OP_ENABLE_MIDDLEBOX_COMPAT | SSL_OP_CIPHER_SERVER_PREFERENCE;
  return always + SSL_OP_NO_RENEGOTIATION + (requestsCertificate ? SSL_OP_NO_TICKET : 0);
}

function wantedVerify(requestsCertificate: boolean): number {
  return requestsCertificate ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_NONE;
}

/** The setting that OpenSSL refused; null where it took all. */
function configured(
  { calls, shown, others = [], trusted, protocols = [], tickets }: OpensslContextSetup & { readonly tickets: TicketKeys },
  context: Handle,
): string | null {
  const isMtls = trusted !== null;
  const all = [shown, ...others];
  calls.SSL_CTX_set_security_level(context, SECURITY_LEVEL);
  calls.SSL_CTX_clear_options(context, EVERY_OPTION);
  calls.SSL_CTX_set_options(context, wantedOptions(isMtls));
  calls.SSL_CTX_ctrl(context, SSL_CTRL_MODE, MODES);
  calls.SSL_CTX_ctrl(context, SSL_CTRL_SET_MAX_CERT_LIST, MOST_CERTIFICATE_BYTES);
  // INVARIANT: no session is kept to be resumed by its number, and where a certificate is requested there is no ticket either.
  calls.SSL_CTX_ctrl(context, SSL_CTRL_SET_SESS_CACHE_MODE, SSL_SESS_CACHE_OFF);
  calls.SSL_CTX_set_verify(context, wantedVerify(isMtls));
  const steps: readonly (readonly [what: string, did: boolean])[] = [
    ["version 1.2 as the least", calls.SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_2_VERSION) === 1],
    ["version 1.3 as the highest", calls.SSL_CTX_ctrl(context, SSL_CTRL_SET_MAX_PROTO_VERSION, TLS1_3_VERSION) === 1],
    ["the ciphers of TLS 1.2", calls.SSL_CTX_set_cipher_list(context, ciphersFor(TLS_1_2_CIPHERS, all).join(":")) === 1],
    ["the signatures", others.length === 0 || calls.SSL_CTX_ctrl_bytes(context, SSL_CTRL_SET_SIGALGS_LIST, 0, Buffer.from(`${signaturesFor(all)}\0`)) === 1],
    ["the ciphers of TLS 1.3", calls.SSL_CTX_set_ciphersuites(context, TLS_1_3_CIPHERS.join(":")) === 1],
    ["the groups", GROUPS.some((list) => calls.SSL_CTX_ctrl_bytes(context, SSL_CTRL_SET_GROUPS_LIST, 0, Buffer.from(`${list}\0`)) === 1)],
    ["the number of tickets", calls.SSL_CTX_set_num_tickets(context, isMtls ? 0 : TICKETS) === 1],
    ["no early data", calls.SSL_CTX_set_max_early_data(context, 0) === 1],
    ["a context of sessions", calls.SSL_CTX_set_session_id_context(context, tickets.id) === 1],
    ["keys of tickets", setTicketKeys(calls, context, tickets.current)],
    ["a count of records", prepareRecords(calls, context)],
  ];
  const refused = steps.find(([, did]) => !did);
  if (refused !== undefined) return `OpenSSL does not take ${refused[0]}`;
  if (protocols.length > 0 && !answerProtocols(calls, context)) return "OpenSSL does not take a choice of protocols";
  // A list of groups that this OpenSSL doesn't know has left an error.
  calls.ERR_clear_error();
  const refusal = all.map((one) => showing(calls, context, one)).find((fault) => fault !== null);
  return refusal ?? (trusted === null ? null : trusting(calls, context, trusted));
}

function setTicketKeys(calls: OpensslCalls, context: Handle, keys: Uint8Array): boolean {
  return calls.SSL_CTX_ctrl_bytes(context, SSL_CTRL_SET_TLSEXT_TICKET_KEYS, TICKET_KEY_BYTES, keys) === 1;
}

function showing(calls: OpensslCalls, context: Handle, shown: Shown): string | null {
  const [leaf, ...others] = dersOf(shown.chain);
  const [key] = dersOf(shown.key);
  if (leaf === undefined || key === undefined) return "there is no certificate and key to show";
  const refused = withCertificate(calls, leaf, (one) => calls.SSL_CTX_use_certificate(context, one) === 1);
  if (refused !== null) return refused;
  for (const between of others) {
    const fault = withCertificate(calls, between, (one) => calls.SSL_CTX_ctrl_handle(context, SSL_CTRL_CHAIN_CERT, 1, one) === 1);
    if (fault !== null) return fault;
  }
  const handle = calls.keyOf(key);
  if (handle === 0) return "OpenSSL can't read the key";
  try {
    return calls.SSL_CTX_use_PrivateKey(context, handle) === 1 && calls.SSL_CTX_check_private_key(context) === 1 ? null : "OpenSSL does not take the key";
  } finally {
    calls.EVP_PKEY_free(handle);
  }
}

function trusting(calls: OpensslCalls, context: Handle, trusted: Trusted): string | null {
  const store = calls.SSL_CTX_get_cert_store(context);
  if (store === 0) return "OpenSSL has no store of authorities";
  if (trusted.partial && calls.X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) !== 1) return "OpenSSL does not take an authority by itself";
  for (const der of dersOf(trusted.roots)) {
    const fault = withCertificate(calls, der, (one) => calls.X509_STORE_add_cert(store, one) === 1 && calls.SSL_CTX_add_client_CA(context, one) === 1);
    if (fault !== null) return fault;
  }
  return trusted.crls === undefined ? null : revoking(calls, store, trusted.crls);
}

/** INVARIANT: where there are lists, every certificate of a chain is looked up in the one of its issuer. */
function revoking(calls: OpensslCalls, store: Handle, crls: readonly string[]): string | null {
  for (const der of crls.flatMap(dersOf)) {
    const list = calls.revocationListOf(der);
    if (list === 0) return "OpenSSL can't read a revocation list";
    try {
      if (calls.X509_STORE_add_crl(store, list) !== 1) return "OpenSSL does not take a revocation list";
    } finally {
      calls.X509_CRL_free(list);
    }
  }
  return calls.X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) === 1 ? null : "OpenSSL does not check revocation lists";
}

function withCertificate(calls: OpensslCalls, der: Buffer, take: (certificate: Handle) => boolean): string | null {
  const certificate = calls.certificateOf(der);
  if (certificate === 0) return "OpenSSL can't read a certificate";
  try {
    return take(certificate) ? null : "OpenSSL does not take a certificate";
  } finally {
    calls.X509_free(certificate);
  }
}

function dersOf(text: string): readonly Buffer[] {
  const read = readBlocks(Buffer.from(text));
  return "blocks" in read ? read.blocks.map(({ der }) => der) : [];
}

/** The setting that is not as it was set; null where all are. */
function different(calls: OpensslCalls, context: Handle, isMtls: boolean, tickets: TicketKeys, oldCiphers: readonly string[]): string | null {
  const rows: readonly (readonly [what: string, is: number, due: number])[] = [
    ["the least version", calls.SSL_CTX_ctrl(context, SSL_CTRL_GET_MIN_PROTO_VERSION, 0), TLS1_2_VERSION],
    ["the highest version", calls.SSL_CTX_ctrl(context, SSL_CTRL_GET_MAX_PROTO_VERSION, 0), TLS1_3_VERSION],
    ["the options", calls.SSL_CTX_get_options(context), wantedOptions(isMtls)],
    ["the modes", calls.SSL_CTX_ctrl(context, SSL_CTRL_MODE, 0), MODES],
    ["the security level", calls.SSL_CTX_get_security_level(context), SECURITY_LEVEL],
    ["the mode of verification", calls.SSL_CTX_get_verify_mode(context), wantedVerify(isMtls)],
    ["the mode of sessions", calls.SSL_CTX_ctrl(context, SSL_CTRL_GET_SESS_CACHE_MODE, 0), SSL_SESS_CACHE_OFF],
    ["the most bytes of a client's certificates", calls.SSL_CTX_ctrl(context, SSL_CTRL_GET_MAX_CERT_LIST, 0), MOST_CERTIFICATE_BYTES],
    ["the number of tickets", calls.SSL_CTX_get_num_tickets(context), isMtls ? 0 : TICKETS],
    ["the most early data", calls.SSL_CTX_get_max_early_data(context), 0],
  ];
  const wrong = rows.find(([, is, due]) => is !== due);
  if (wrong !== undefined) return `OpenSSL has changed ${wrong[0]}: ${wrong[1]} in place of ${wrong[2]}`;
  if (calls.ticketKeys(context, TICKET_KEY_BYTES)?.equals(tickets.current) !== true) return "OpenSSL has changed the keys of tickets";
  const ciphers = ciphersOf(calls, context);
  const due = [...TLS_1_3_CIPHERS, ...oldCiphers];
  return ciphers !== null && ciphers.join() === due.join() ? null : `OpenSSL has changed the ciphers: ${ciphers?.join(" ") ?? "none"}`;
}

function ciphersOf(calls: OpensslCalls, context: Handle): readonly string[] | null {
  const session = calls.SSL_new(context);
  if (session === 0) return null;
  try {
    const names: string[] = [];
    for (;;) {
      const name = calls.SSL_get_cipher_list(session, names.length);
      if (name === null) return names;
      names.push(name);
    }
  } finally {
    calls.SSL_free(session);
  }
}
