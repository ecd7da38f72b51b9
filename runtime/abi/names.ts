// The names of the numbers in verdicts.ts. tsc requires an entry for each number.
import * as v from "./verdicts.ts";

type Numbers<Prefix extends string> = {
  [K in keyof typeof v]: K extends `${Prefix}${string}` ? (typeof v)[K] : never;
}[keyof typeof v];

export type ReasonNumber = Numbers<"REASON_">;
export type CodeNumber = Numbers<"CODE_">;

/** Reason names as markers and tests print them; `none` appears only with an allow. */
export const REASON_NAMES = {
  [v.REASON_NONE]: "none",
  [v.REASON_POLICY]: "policy",
  [v.REASON_CIDR]: "cidr",
  [v.REASON_SNI]: "sni",
  [v.REASON_RATE]: "rate",
  [v.REASON_MTLS]: "mtls",
} as const satisfies Record<ReasonNumber, string>;

export type Reason = (typeof REASON_NAMES)[ReasonNumber];

/** Audit codes with the reason of each and one human-readable sentence. */
export const CODES = {
  [v.CODE_NONE]: { name: "none", reason: v.REASON_POLICY, says: "nothing was decided" },
  [v.CODE_ALLOWED]: { name: "allowed", reason: v.REASON_NONE, says: "an allow rule admits it" },
  [v.CODE_LOOPBACK_BIND]: { name: "loopback_bind", reason: v.REASON_NONE, says: "a loopback bind is always allowed" },
  [v.CODE_GATEWAY_BIND]: { name: "gateway_bind", reason: v.REASON_NONE, says: "ingressd binds what the policy exposes" },
  [v.CODE_NOT_EXPOSED]: { name: "not_exposed", reason: v.REASON_POLICY, says: "the policy exposes nothing there" },
  [v.CODE_NOT_GATEWAY]: {
    name: "not_gateway",
    reason: v.REASON_POLICY,
    says: "only ingressd binds non-loopback addresses, and a service what is exposed as `direct` for it",
  },
  [v.CODE_NO_ALLOW]: { name: "no_allow", reason: v.REASON_POLICY, says: "the listener has no allow" },
  [v.CODE_DENY_RULE]: { name: "deny_rule", reason: v.REASON_CIDR, says: "a deny rule matches the source" },
  [v.CODE_NO_MATCH]: { name: "no_match", reason: v.REASON_CIDR, says: "no allow rule matches the source" },
  [v.CODE_CAP_LISTENER]: { name: "cap_listener", reason: v.REASON_RATE, says: "the listener is at its cap of connections" },
  [v.CODE_CAP_SOURCE]: { name: "cap_source", reason: v.REASON_RATE, says: "the source is at its cap of connections" },
  [v.CODE_CAP_TABLE]: { name: "cap_table", reason: v.REASON_RATE, says: "the table of source counts is full" },
  [v.CODE_LIMIT_LISTENER]: { name: "limit_listener", reason: v.REASON_RATE, says: "the listener's rate is used up" },
  [v.CODE_LIMIT_SOURCE]: { name: "limit_source", reason: v.REASON_RATE, says: "the source's rate is used up" },
  [v.CODE_BAD_LISTENER]: { name: "bad_listener", reason: v.REASON_POLICY, says: "the module has no such listener" },
  [v.CODE_BAD_REQUEST]: { name: "bad_request", reason: v.REASON_POLICY, says: "the request is out of range" },
  [v.CODE_BAD_TABLES]: { name: "bad_tables", reason: v.REASON_POLICY, says: "the module's tables are not valid" },
  [v.CODE_EXPIRED]: {
    name: "expired",
    reason: v.REASON_POLICY,
    says: "no allow of the listener is in force at this time (`after`, `until`), or no clock is known",
  },
  [v.CODE_DENY_NAME]: { name: "deny_name", reason: v.REASON_SNI, says: "a deny rule matches the name" },
  [v.CODE_NO_NAME]: { name: "no_name", reason: v.REASON_SNI, says: "no allow rule matches the name, or none was sent" },
  [v.CODE_BAD_NAME]: { name: "bad_name", reason: v.REASON_SNI, says: "the name is not one that can be decided" },
  [v.CODE_OPEN]: { name: "open", reason: v.REASON_NONE, says: "not refused yet; the name decides" },
  [v.CODE_DENY_IDENTITY]: { name: "deny_identity", reason: v.REASON_MTLS, says: "a deny rule matches the client's identity" },
  [v.CODE_NO_IDENTITY]: { name: "no_identity", reason: v.REASON_MTLS, says: "no allow rule matches the client's identity" },
  [v.CODE_BAD_IDENTITY]: { name: "bad_identity", reason: v.REASON_MTLS, says: "the identity is not one that can be decided" },
  [v.CODE_OPEN_IDENTITY]: { name: "open_identity", reason: v.REASON_NONE, says: "not refused yet; the client's identity decides" },
  [v.CODE_CAP_IDENTITY]: { name: "cap_identity", reason: v.REASON_RATE, says: "the identity is at its cap of connections" },
  [v.CODE_LIMIT_IDENTITY]: { name: "limit_identity", reason: v.REASON_RATE, says: "the identity's rate is used up" },
  [v.CODE_DIRECT_BIND]: {
    name: "direct_bind",
    reason: v.REASON_NONE,
    says: "the service binds, with a token, what the policy exposes in mode `direct` for it",
  },
  [v.CODE_NO_TOKEN]: { name: "no_token", reason: v.REASON_POLICY, says: "the policy grants it to this service only with a token that ingressd mints" },
  [v.CODE_NO_EXPOSE]: { name: "no_expose", reason: v.REASON_SNI, says: "no expose of the port has the name" },
  [v.CODE_DIAL_BIND]: { name: "dial_bind", reason: v.REASON_NONE, says: "the policy lets the service dial over udp, from a port of the kernel's choice" },
  [v.CODE_MODULE_TRAP]: { name: "module_trap", reason: v.REASON_POLICY, says: "the module trapped" },
  [v.CODE_MODULE_RESULT]: { name: "module_result", reason: v.REASON_POLICY, says: "the module's answer is out of range" },
  [v.CODE_NO_MODULE]: { name: "no_module", reason: v.REASON_POLICY, says: "no valid policy is loaded" },
  [v.CODE_NO_PEER]: { name: "no_peer", reason: v.REASON_POLICY, says: "the client disconnected before it was checked" },
  [v.CODE_BAD_PEER]: { name: "bad_peer", reason: v.REASON_POLICY, says: "the client's address can't be decided" },
  [v.CODE_CAP_OVERALL]: { name: "cap_overall", reason: v.REASON_RATE, says: "the gateway is at its cap of connections" },
  [v.CODE_CAP_BACKEND]: { name: "cap_backend", reason: v.REASON_RATE, says: "too many connections are under way to the backend" },
  [v.CODE_DRAINING]: { name: "draining", reason: v.REASON_POLICY, says: "the listener is closing" },
  [v.CODE_NO_BACKEND]: { name: "no_backend", reason: v.REASON_POLICY, says: "no registered backend serves the listener" },
  [v.CODE_RECHECKED]: { name: "rechecked", reason: v.REASON_POLICY, says: "a reload withdrew what had been admitted" },
  [v.CODE_AUDIT_CLOSED]: { name: "audit_closed", reason: v.REASON_POLICY, says: "the audit record could not be written" },
  [v.CODE_INTERNAL]: { name: "internal", reason: v.REASON_POLICY, says: "the gateway failed while it decided" },
  [v.CODE_CAP_PORTS]: { name: "cap_ports", reason: v.REASON_POLICY, says: "the gateway is at its cap of open ports" },
  [v.CODE_HELLO_MALFORMED]: { name: "hello_malformed", reason: v.REASON_SNI, says: "the client sent something other than a TLS ClientHello" },
  [v.CODE_HELLO_TOO_LARGE]: { name: "hello_too_large", reason: v.REASON_SNI, says: "the ClientHello is too large" },
  [v.CODE_HELLO_LATE]: { name: "hello_late", reason: v.REASON_SNI, says: "the ClientHello did not come in time" },
  [v.CODE_HELLO_GONE]: { name: "hello_gone", reason: v.REASON_SNI, says: "the client disconnected before its ClientHello was complete" },
  [v.CODE_TLS_FAILED]: { name: "tls_failed", reason: v.REASON_MTLS, says: "the TLS handshake failed" },
  [v.CODE_TLS_LATE]: { name: "tls_late", reason: v.REASON_MTLS, says: "the TLS handshake was not over in time" },
  [v.CODE_TLS_GONE]: { name: "tls_gone", reason: v.REASON_MTLS, says: "the client disconnected during the TLS handshake" },
  [v.CODE_NO_CERTIFICATE]: { name: "no_certificate", reason: v.REASON_MTLS, says: "the client sent no certificate" },
  [v.CODE_CERTIFICATE_REFUSED]: { name: "certificate_refused", reason: v.REASON_MTLS, says: "the client's certificate was not verified" },
  [v.CODE_IDENTITY_MALFORMED]: {
    name: "identity_malformed",
    reason: v.REASON_MTLS,
    says: "the names in the client's certificate can't be read, or are too many",
  },
  [v.CODE_SECOND_HELLO]: {
    name: "second_hello",
    reason: v.REASON_SNI,
    says: "after a HelloRetryRequest the client sent another name, or a hello that can't be read",
  },
  [v.CODE_TLS_CHANGED]: {
    name: "tls_changed",
    reason: v.REASON_MTLS,
    says: "the listener's certificate or authority is missing, or changed since the handshake began",
  },
  [v.CODE_CERTIFICATE_UNUSABLE]: { name: "certificate_unusable", reason: v.REASON_MTLS, says: "the certificate or the authority of the expose can't be used" },
  [v.CODE_UNSUPPORTED]: { name: "unsupported", reason: v.REASON_POLICY, says: "this release does not serve that protocol or mode" },
  [v.CODE_NO_LEASE]: { name: "no_lease", reason: v.REASON_POLICY, says: "the caller has no such lease: it has ended, or belongs to another service" },
  [v.CODE_BAD_INTENT]: { name: "bad_intent", reason: v.REASON_POLICY, says: "a service's message is malformed, too long or not one of the schemas" },
  [v.CODE_CAP_WAITING]: { name: "cap_waiting", reason: v.REASON_RATE, says: "too many clients of the port wait for their name" },
  [v.CODE_CAP_WAITING_SOURCE]: { name: "cap_waiting_source", reason: v.REASON_RATE, says: "too many clients of the source wait for their name at the port" },
  [v.CODE_PROXY_MALFORMED]: { name: "proxy_malformed", reason: v.REASON_CIDR, says: "a peer in `via` sent something other than a PROXY header about a client" },
  [v.CODE_PROXY_LATE]: { name: "proxy_late", reason: v.REASON_CIDR, says: "the PROXY header of a peer in `via` did not come in time" },
  [v.CODE_PROXY_GONE]: { name: "proxy_gone", reason: v.REASON_CIDR, says: "a peer in `via` disconnected before its PROXY header was complete" },
  [v.CODE_CERTIFICATE_REVOKED]: {
    name: "certificate_revoked",
    reason: v.REASON_MTLS,
    says: "the client's certificate is on a revocation list of its authority",
  },
  [v.CODE_BACKEND_NOT_OWNED]: {
    name: "backend_not_owned",
    reason: v.REASON_POLICY,
    says: "the socket that listens at the backend's address is not known to belong to the service",
  },
  [v.CODE_BLOCKED]: { name: "blocked", reason: v.REASON_POLICY, says: "an operator has blocked the source for some time" },
  [v.CODE_GUARD_FAMILY]: {
    name: "guard_family",
    reason: v.REASON_POLICY,
    says: "the address is not of the socket's family, or of one that the guard does not serve",
  },
  [v.CODE_GUARD_UNBOUND]: { name: "guard_unbound", reason: v.REASON_POLICY, says: "a socket that was not bound would listen at a port of the kernel's choice" },
  [v.CODE_GUARD_PROTOCOL]: { name: "guard_protocol", reason: v.REASON_POLICY, says: "policies can't express the socket's protocol" },
  [v.CODE_GUARD_LOW_PORT]: { name: "guard_low_port", reason: v.REASON_POLICY, says: "the program itself has no right to bind a port that low" },
  [v.CODE_TOKEN_TRUNCATED]: { name: "token_truncated", reason: v.REASON_POLICY, says: "the token is cut off" },
  [v.CODE_TOKEN_TOO_LONG]: { name: "token_too_long", reason: v.REASON_POLICY, says: "the token is too long" },
  [v.CODE_TOKEN_VERSION]: { name: "token_version", reason: v.REASON_POLICY, says: "the token is of an unknown version" },
  [v.CODE_TOKEN_FORGED]: { name: "token_forged", reason: v.REASON_POLICY, says: "the token was not made with the key" },
  [v.CODE_TOKEN_SERVICE]: { name: "token_service", reason: v.REASON_POLICY, says: "the token belongs to another service" },
  [v.CODE_TOKEN_PROTO]: { name: "token_proto", reason: v.REASON_POLICY, says: "the token is for another protocol" },
  [v.CODE_TOKEN_FAMILY]: { name: "token_family", reason: v.REASON_POLICY, says: "the token is for another family of addresses" },
  [v.CODE_TOKEN_SCOPE]: { name: "token_scope", reason: v.REASON_POLICY, says: "the token is for another local address" },
  [v.CODE_TOKEN_PORT]: { name: "token_port", reason: v.REASON_POLICY, says: "the token is for another port" },
  [v.CODE_TOKEN_EXPIRED]: { name: "token_expired", reason: v.REASON_POLICY, says: "the token has expired" },
  [v.CODE_TOKEN_POLICY]: { name: "token_policy", reason: v.REASON_POLICY, says: "the token was made under another policy" },
  [v.CODE_TOKEN_REPLAYED]: { name: "token_replayed", reason: v.REASON_POLICY, says: "the token was used before" },
  [v.CODE_TOKEN_NONCES_FULL]: { name: "token_nonces_full", reason: v.REASON_POLICY, says: "the table of used tokens is full" },
  [v.CODE_TOKEN_REVOKED]: { name: "token_revoked", reason: v.REASON_POLICY, says: "the socket's permission was revoked" },
  [v.CODE_GUARD_FOREIGN]: {
    name: "guard_foreign",
    reason: v.REASON_POLICY,
    says: "the guard did not bind the socket, or it was accepted from one that the guard bound",
  },
  [v.CODE_GUARD_SOCKETS_FULL]: { name: "guard_sockets_full", reason: v.REASON_POLICY, says: "the table of bound sockets is full" },
  [v.CODE_GUARD_LANDLOCK]: {
    name: "guard_landlock",
    reason: v.REASON_POLICY,
    says: "the process has a Landlock domain that might forbid the bind, and the guard would bind outside that domain",
  },
  [v.CODE_GUARD_MOVED]: { name: "guard_moved", reason: v.REASON_POLICY, says: "the socket is no longer at the address where the guard bound it" },
  [v.CODE_GUARD_UNKEPT]: {
    name: "guard_unkept",
    reason: v.REASON_POLICY,
    says: "the guard's keeper has ended, so nobody would close the port if the guard could not",
  },
} as const satisfies Record<CodeNumber, { name: string; reason: ReasonNumber; says: string }>;

export type Code = (typeof CODES)[CodeNumber]["name"];

export function isCode(n: number): n is CodeNumber {
  return Object.hasOwn(CODES, n);
}
