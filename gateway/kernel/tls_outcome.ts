// The outcome of a handshake: a verified identity, or a refusal.
import {
  CODE_CERTIFICATE_REFUSED,
  CODE_IDENTITY_MALFORMED,
  CODE_NO_CERTIFICATE,
  CODE_TLS_CHANGED,
  CODE_TLS_FAILED,
  CODE_TLS_GONE,
} from "../../runtime/abi/verdicts.ts";
import type { CodeNumber } from "../../runtime/abi/names.ts";
import { denial } from "../../runtime/host/decision.ts";
import { identityOf } from "../../runtime/host/identity.ts";
import type { Handshake } from "../connection/transport.ts";
import { certificateKey } from "../tls/revocation.ts";
import type { TlsRefusal } from "../tls/secure.ts";
import { subjectNames } from "../tls/subject_names.ts";
import { TLS1_2_VERSION, X509_V_OK, type OpensslCalls } from "./openssl.ts";
import type { TlsSession } from "./tls_session.ts";

/** The names that Node's engine has for the faults of a certificate (X509_V_ERR_…), by number. */
const VERIFY_NAMES: Readonly<Record<number, string>> = {
  2: "UNABLE_TO_GET_ISSUER_CERT",
  3: "UNABLE_TO_GET_CRL",
  4: "UNABLE_TO_DECRYPT_CERT_SIGNATURE",
  5: "UNABLE_TO_DECRYPT_CRL_SIGNATURE",
  6: "UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY",
  7: "CERT_SIGNATURE_FAILURE",
  8: "CRL_SIGNATURE_FAILURE",
  9: "CERT_NOT_YET_VALID",
  10: "CERT_HAS_EXPIRED",
  11: "CRL_NOT_YET_VALID",
  12: "CRL_HAS_EXPIRED",
  13: "ERROR_IN_CERT_NOT_BEFORE_FIELD",
  14: "ERROR_IN_CERT_NOT_AFTER_FIELD",
  17: "OUT_OF_MEM",
  18: "DEPTH_ZERO_SELF_SIGNED_CERT",
  19: "SELF_SIGNED_CERT_IN_CHAIN",
  20: "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  21: "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  22: "CERT_CHAIN_TOO_LONG",
  23: "CERT_REVOKED",
  24: "INVALID_CA",
  25: "PATH_LENGTH_EXCEEDED",
  26: "INVALID_PURPOSE",
  27: "CERT_UNTRUSTED",
  28: "CERT_REJECTED",
  62: "HOSTNAME_MISMATCH",
};

export function goneOutcome(): TlsRefusal {
  return { denial: denial(CODE_TLS_GONE) };
}

/** A handshake that OpenSSL has ended; the client has its alert. */
export function failedOutcome({ calls, handle, context }: TlsSession, detail: string): TlsRefusal {
  if (context.requestsCertificate && handle !== 0) {
    if (detail === "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE") return refusal(CODE_NO_CERTIFICATE);
    const result = calls.SSL_get_verify_result(handle);
    if (result !== X509_V_OK) return refusal(CODE_CERTIFICATE_REFUSED, verifyName(calls, result));
  }
  return refusal(CODE_TLS_FAILED, detail);
}

/**
 * Of a handshake that is over. `said` is the server name of the hello that was decided about, as it came.
 * INVARIANT: what fails while it is looked at is a refusal.
 */
export function judge(session: TlsSession, said: string | null): Handshake {
  try {
    return judged(session, said);
  } catch (error) {
    return refusal(CODE_TLS_FAILED, error instanceof Error ? error.message : "unknown");
  }
}

function judged({ calls, handle, context }: TlsSession, said: string | null): Handshake {
  const isReused = calls.SSL_session_reused(handle) !== 0;
  // For a resumed session of TLS 1.2 OpenSSL reports the name that is kept in the session, and none is kept there. Only
  // TLS 1.3 has a second hello, so the one that was read is the only one.
  const due = isReused && calls.SSL_version(handle) === TLS1_2_VERSION ? null : said;
  if (!calls.isServername(handle, due === null ? null : Buffer.from(due, "latin1"))) return refusal(CODE_TLS_CHANGED, "another name in a second hello");
  if (!context.requestsCertificate) return { identity: null };
  // INVARIANT: a certificate that was verified at another time is none.
  if (isReused) return refusal(CODE_TLS_FAILED, "a resumed session");
  const der = calls.peerCertificate(handle);
  if (der === null) return refusal(CODE_NO_CERTIFICATE);
  const result = calls.SSL_get_verify_result(handle);
  if (result !== X509_V_OK) return refusal(CODE_CERTIFICATE_REFUSED, verifyName(calls, result));
  const names = subjectNames(der);
  return "fault" in names ? refusal(CODE_IDENTITY_MALFORMED, names.fault) : { identity: identityOf(names.words), certificate: certificateKey(der) };
}

function verifyName(calls: OpensslCalls, result: number): string {
  return VERIFY_NAMES[result] ?? calls.X509_verify_cert_error_string(result);
}

function refusal(code: CodeNumber, detail?: string): TlsRefusal {
  return { denial: denial(code), ...(detail !== undefined && { detail }) };
}
