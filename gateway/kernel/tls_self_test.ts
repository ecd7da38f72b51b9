// Tries OpenSSL on this machine, once at the start: a handshake with itself over a socket pair, with certificates both
// ways, and the refusal of a wrong one.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { SOCK_STREAM, type KernelCalls } from "./calls.ts";
import { openOpenssl, SSL_CTRL_GET_NEGOTIATED_GROUP, TLS1_3_VERSION, X509_V_OK, type Handle, type OpensslCalls } from "./openssl.ts";
import { OpensslContext } from "./tls_context.ts";
import { selfSigned, type SelfSigned } from "./tls_self_signed.ts";
import { TlsSession, type HandshakeStep } from "./tls_session.ts";

/** A handshake has three flights. */
const MOST_TURNS = 8;
/** X25519MLKEM768, which has no number of OpenSSL's own, and X25519. */
const GROUPS: readonly number[] = [0x1_0011ec, 1034];

/** The calls, or why they can't be used here, as the end of a sentence. */
export function usableOpenssl(kernel: KernelCalls): Result<OpensslCalls, string> {
  const opened = openOpenssl();
  if (!opened.ok) return opened;
  try {
    const fault = faultOf(kernel, opened.value);
    return fault === null ? opened : failed(fault);
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error));
  }
}

/** Null where all is as it must be. */
export function faultOf(kernel: KernelCalls, calls: OpensslCalls): string | null {
  const [server, client, stranger] = [selfSigned("server"), selfSigned("client"), selfSigned("client")];
  const made = OpensslContext.create({ calls, shown: server, trusted: { name: "self-test", roots: client.chain, partial: false } });
  if (!made.ok) return made.error;
  try {
    const good = converse(kernel, calls, made.value, client);
    if (!good.ok) return good.error;
    if (good.value.step !== "done") return `a handshake with itself fails (${wordOf(good.value.step)})`;
    if (good.value.version !== TLS1_3_VERSION || !good.value.isKnownGroup) return "a handshake with itself has another version or group than 1.3 and X25519";
    if (good.value.verified !== X509_V_OK || good.value.shown?.equals(client.der) !== true) return "the certificate of a client is not what it showed";
    for (const wrong of [stranger, null]) {
      const bad = converse(kernel, calls, made.value, wrong);
      if (!bad.ok) return bad.error;
      if (typeof bad.value.step === "string") return wrong === null ? "a client without a certificate is not refused" : "a wrong certificate is not refused";
    }
    return null;
  } finally {
    made.value.free();
  }
}

interface Conversation {
  readonly step: HandshakeStep;
  readonly version: number;
  readonly isKnownGroup: boolean;
  readonly verified: number;
  readonly shown: Buffer | null;
}

function wordOf(step: HandshakeStep): string {
  return typeof step === "string" ? step : step.detail;
}

function converse(kernel: KernelCalls, calls: OpensslCalls, context: OpensslContext, shows: SelfSigned | null): Result<Conversation, string> {
  const pair = new Int32Array(2);
  if (kernel.socketpair(SOCK_STREAM, pair) < 0) return failed("a socket pair can't be made");
  const [near = -1, far = -1] = pair;
  const session = TlsSession.accept(context, near, []);
  const client = clientOf(calls, shows);
  const peer = client === 0 ? 0 : calls.SSL_new(client);
  try {
    if (session === null || peer === 0 || calls.SSL_set_fd(peer, far) !== 1) return failed("OpenSSL makes no session");
    calls.SSL_set_connect_state(peer);
    let step: HandshakeStep = "more";
    for (let turn = 0; turn < MOST_TURNS && step === "more"; turn++) {
      calls.ERR_clear_error();
      calls.SSL_do_handshake(peer);
      step = session.handshake();
    }
    const { handle } = session;
    const group = calls.SSL_ctrl(handle, SSL_CTRL_GET_NEGOTIATED_GROUP, 0);
    return ok({
      step,
      version: calls.SSL_version(handle),
      verified: calls.SSL_get_verify_result(handle),
      shown: calls.peerCertificate(handle),
      isKnownGroup: GROUPS.includes(group),
    });
  } finally {
    session?.free();
    if (peer !== 0) calls.SSL_free(peer);
    if (client !== 0) calls.SSL_CTX_free(client);
    kernel.close(near);
    kernel.close(far);
    calls.ERR_clear_error();
  }
}

/** A client's context that shows a certificate, where there is one; 0 where it can't be made. */
function clientOf(calls: OpensslCalls, shows: SelfSigned | null): Handle {
  const context = calls.SSL_CTX_new(calls.TLS_client_method());
  if (context === 0 || shows === null) return context;
  const [certificate, key] = [calls.certificateOf(shows.der), calls.keyOf(shows.keyDer)];
  const did = certificate !== 0 && key !== 0 && calls.SSL_CTX_use_certificate(context, certificate) === 1 && calls.SSL_CTX_use_PrivateKey(context, key) === 1;
  if (certificate !== 0) calls.X509_free(certificate);
  if (key !== 0) calls.EVP_PKEY_free(key);
  if (did) return context;
  calls.SSL_CTX_free(context);
  return 0;
}
