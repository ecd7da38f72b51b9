// The numbers of a decision: verdicts, reasons and codes. Both the AssemblyScript compiler and tsc read
// this file, so it has only plain un-annotated literals; names.ts names every number.
// INVARIANT: numbers are never renumbered or reused, and 0 is always the refusal.

/** The connection or bind is refused. */
export const VERDICT_DENY = 0;
/** All facts are known and the policy permits the connection. */
export const VERDICT_ALLOW = 1;
/** Not refused with the facts so far; the name is needed next. */
export const VERDICT_OPEN = 2;
/** Not refused with the facts so far, including the name; the client's identity is needed next. */
export const VERDICT_IDENTITY = 3;

// Reasons: the only words that a marker or a test may print.
export const REASON_NONE = 0;
export const REASON_POLICY = 1;
export const REASON_CIDR = 2;
export const REASON_SNI = 3;
export const REASON_RATE = 4;
export const REASON_MTLS = 5;

// Audit codes: finer than the reasons. 0..99 the engine, 100..149 the host of the module,
// 150..199 the gateway, 200..249 the guard.
/** No decision was computed; the value in memory before the first decision. */
export const CODE_NONE = 0;
/** Admitted by an allow rule. */
export const CODE_ALLOWED = 1;
/** A bind of a loopback address: the built-in allow. */
export const CODE_LOOPBACK_BIND = 2;
/** ingressd binds an address and port that a gateway listener has. */
export const CODE_GATEWAY_BIND = 3;
/** The policy exposes nothing at this protocol, port and local address. */
export const CODE_NOT_EXPOSED = 4;
/** A non-loopback bind by a subject that is not ingressd. */
export const CODE_NOT_GATEWAY = 5;
/** The listener has no allow that could ever be true. */
export const CODE_NO_ALLOW = 6;
/** A deny rule matches. */
export const CODE_DENY_RULE = 7;
/** No allow rule matches. */
export const CODE_NO_MATCH = 8;
/** The listener's concurrent connections are at their cap. */
export const CODE_CAP_LISTENER = 9;
/** The source's concurrent connections are at their cap. */
export const CODE_CAP_SOURCE = 10;
/** The table of source counts is full. */
export const CODE_CAP_TABLE = 11;
/** The listener's rate of new connections is used up. */
export const CODE_LIMIT_LISTENER = 12;
/** The source's rate of new connections is used up. */
export const CODE_LIMIT_SOURCE = 13;
/** The module has no listener with that number. */
export const CODE_BAD_LISTENER = 14;
/** A number in the request is out of range. */
export const CODE_BAD_REQUEST = 15;
/** The tables were not validated, or are not valid. */
export const CODE_BAD_TABLES = 16;
/** Every allow of the listener has reached its end, or no clock is known. */
export const CODE_EXPIRED = 17;
/** A deny rule matches the name. */
export const CODE_DENY_NAME = 18;
/** No allow rule matches the name, or none was sent. */
export const CODE_NO_NAME = 19;
/** The name is longer than one can be, or not in canonical form. */
export const CODE_BAD_NAME = 20;
/** Not refused yet: the name decides. */
export const CODE_OPEN = 21;
/** A deny rule matches the client's identity. */
export const CODE_DENY_IDENTITY = 22;
/** No allow rule matches the client's identity. */
export const CODE_NO_IDENTITY = 23;
/** The identity has more names than one can have, or is not in its form. */
export const CODE_BAD_IDENTITY = 24;
/** Not refused yet: the identity decides. */
export const CODE_OPEN_IDENTITY = 25;
/** The identity's concurrent connections are at their cap. */
export const CODE_CAP_IDENTITY = 26;
/** The identity's rate of new connections is used up. */
export const CODE_LIMIT_IDENTITY = 27;
/** A service binds, with a valid token, a port that the policy exposes for it in mode `direct`. */
export const CODE_DIRECT_BIND = 28;
/** The policy grants the bind to this service, but there is no valid token. */
export const CODE_NO_TOKEN = 29;
/** A service that may dial over udp binds the wildcard address at a port that the kernel chooses. */
export const CODE_DIAL_BIND = 30;
/** The name, or a missing one, leads to no expose of the port. */
export const CODE_NO_EXPOSE = 31;

/** The module trapped; it is never called again. */
export const CODE_MODULE_TRAP = 100;
/** The module's answer was out of range; it is never called again. */
export const CODE_MODULE_RESULT = 101;
/** No module is loaded. */
export const CODE_NO_MODULE = 102;

/** The peer's address is unknown, because the peer disconnected before it was checked. */
export const CODE_NO_PEER = 150;
/** The peer's address is not one that can be decided (for example it has a zone). */
export const CODE_BAD_PEER = 151;
/** The gateway's overall cap of connections is reached. */
export const CODE_CAP_OVERALL = 152;
/** The cap of connections under way to one backend is reached. */
export const CODE_CAP_BACKEND = 153;
/** The listener is closing or draining. */
export const CODE_DRAINING = 154;
/** No owner is registered for the listener, or the backend no longer belongs to the owner. */
export const CODE_NO_BACKEND = 155;
/** Closed at a reload: the new policy refuses what the old one had admitted. */
export const CODE_RECHECKED = 156;
/** The audit record could not be written and `audit.on_error` is `closed`. */
export const CODE_AUDIT_CLOSED = 157;
/** An internal error in the gateway during a decision. */
export const CODE_INTERNAL = 158;
/** The cap of ports that may be open is reached. */
export const CODE_CAP_PORTS = 159;
/** The client's first bytes are not a TLS ClientHello. */
export const CODE_HELLO_MALFORMED = 160;
/** The ClientHello is larger than it may be. */
export const CODE_HELLO_TOO_LARGE = 161;
/** The ClientHello did not come in time. */
export const CODE_HELLO_LATE = 162;
/** The client disconnected before its ClientHello was complete. */
export const CODE_HELLO_GONE = 163;
/** The TLS handshake failed, or does not match the ClientHello that was decided on. */
export const CODE_TLS_FAILED = 164;
/** The TLS handshake was not over in time. */
export const CODE_TLS_LATE = 165;
/** The client disconnected during the TLS handshake. */
export const CODE_TLS_GONE = 166;
/** The client sent no certificate. */
export const CODE_NO_CERTIFICATE = 167;
/** The client's certificate was not verified. */
export const CODE_CERTIFICATE_REFUSED = 168;
/** The names in the client's certificate can't be read, or are too many. */
export const CODE_IDENTITY_MALFORMED = 169;
/** A registration for a protocol or a mode that this release does not serve. */
export const CODE_UNSUPPORTED = 170;
/** The caller has no such lease: the lease has ended, or belongs to another service. */
export const CODE_NO_LEASE = 171;
/** A service's message is malformed, too long, or matches none of the schemas. */
export const CODE_BAD_INTENT = 172;
/** The listener's certificate or authority is missing, or changed since the handshake began. */
export const CODE_TLS_CHANGED = 173;
/** A registration for an expose whose certificate or authority can't be used. */
export const CODE_CERTIFICATE_UNUSABLE = 174;
/** After a HelloRetryRequest of the backend the client sent another name, or a hello that can't be read. */
export const CODE_SECOND_HELLO = 177;
/** The socket that listens at the backend's address does not belong to the service, or its owner is unknown. */
export const CODE_BACKEND_NOT_OWNED = 180;
/** An operator has blocked the source for some time; the module was not queried. */
export const CODE_BLOCKED = 181;
/** The cap of connections that wait for their name at the port is reached. */
export const CODE_CAP_WAITING = 182;
/** The cap of connections of the source that wait for their name at the port is reached. */
export const CODE_CAP_WAITING_SOURCE = 183;
/** A peer in the `via` of an expose did not begin with a PROXY header that names a client or itself. */
export const CODE_PROXY_MALFORMED = 184;
/** The PROXY header of a peer in the `via` of an expose did not come in time. */
export const CODE_PROXY_LATE = 185;
/** A peer in the `via` of an expose disconnected before its PROXY header was complete. */
export const CODE_PROXY_GONE = 186;

/** The client's certificate is on a revocation list of its authority. */
export const CODE_CERTIFICATE_REVOKED = 187;

/** The guard: the address is not of the socket's family, or is of a family that the guard does not support. */
export const CODE_GUARD_FAMILY = 200;
/** The guard: listen on an unbound socket, which would take a port that the kernel chooses. */
export const CODE_GUARD_UNBOUND = 201;
/** The guard: a protocol that policies can't express. */
export const CODE_GUARD_PROTOCOL = 202;
/** The guard: a low port that the program itself has no privilege to bind. */
export const CODE_GUARD_LOW_PORT = 203;
/** The token has fewer bytes than a token has. */
export const CODE_TOKEN_TRUNCATED = 204;
/** The token has more bytes than a token has. */
export const CODE_TOKEN_TOO_LONG = 205;
/** The token has an unknown version. */
export const CODE_TOKEN_VERSION = 206;
/** The token's MAC does not match the key. */
export const CODE_TOKEN_FORGED = 207;
/** The token belongs to another service. */
export const CODE_TOKEN_SERVICE = 208;
/** The token is for the other protocol. */
export const CODE_TOKEN_PROTO = 209;
/** The token is for the other family of addresses. */
export const CODE_TOKEN_FAMILY = 210;
/** The token is for another local address. */
export const CODE_TOKEN_SCOPE = 211;
/** The token is for another port. */
export const CODE_TOKEN_PORT = 212;
/** The token has expired. */
export const CODE_TOKEN_EXPIRED = 213;
/** The token was made under another policy. */
export const CODE_TOKEN_POLICY = 214;
/** The token was used before. */
export const CODE_TOKEN_REPLAYED = 215;
/** The table of used tokens is full. */
export const CODE_TOKEN_NONCES_FULL = 216;
/** The socket's permission to be bound was revoked. */
export const CODE_TOKEN_REVOKED = 217;
/** The guard: listen on a socket that the guard did not bind. */
export const CODE_GUARD_FOREIGN = 218;
/** The guard: the table of bound sockets is full. */
export const CODE_GUARD_SOCKETS_FULL = 219;
/** The guard: the process has a Landlock domain of its own that might forbid the bind. */
export const CODE_GUARD_LANDLOCK = 220;
/** The guard: the socket is no longer where the guard bound it. */
export const CODE_GUARD_MOVED = 221;
/** The guard: its keeper has ended, so the program would not be stopped if the guard failed. */
export const CODE_GUARD_UNKEPT = 222;
