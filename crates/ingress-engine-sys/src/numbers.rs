//! The numbers of the engine's interface, as runtime/abi and c/host.h have them.
// Written by `npm run crates`. Change runtime/abi instead.

/// The version of the tables that the engine reads.
pub const ABI_VERSION: u32 = 3;
/// SHA-256 of the engine's code; `policy.bin` names the engine that its tables are for.
pub const ENGINE_SHA256: [u8; 32] = [0x2e, 0x91, 0x55, 0xa8, 0x2b, 0x0a, 0x62, 0x7d, 0xfe, 0xf9, 0x9c, 0x82, 0x6e, 0xd1, 0x84, 0x8f, 0x3f, 0x63, 0x70, 0x67, 0xd7, 0x18, 0xc5, 0x44, 0x87, 0x3b, 0x05, 0xc9, 0x8e, 0x89, 0xeb, 0x5e];
/// The longest name that a client may request, in bytes.
pub const MAX_NAME_BYTES: usize = 255;
/// No rule decided.
pub const NO_RULE: i32 = -1;

// Results of loading a policy.
/// The policy is loaded.
pub const LOADED: i32 = 0;
/// The length is not that of the head and the tables it announces.
pub const SHORT: i32 = 1;
/// Not policy data, or another format.
pub const MAGIC: i32 = 2;
/// The engine does not read tables of this version.
pub const VERSION: i32 = 3;
/// The tables are for another engine.
pub const ENGINE: i32 = 4;
/// Not a manifest, or the manifest of another policy.
pub const MANIFEST: i32 = 5;
/// `validate` refused the tables: damaged, or out of bounds.
pub const TABLES: i32 = 6;
/// A policy is already loaded; loading another would reset limits.
pub const TWICE: i32 = 7;
/// The engine trapped.
pub const POISONED: i32 = 8;

// Verdicts.
/// The connection or bind is refused.
pub const VERDICT_DENY: i32 = 0;
/// All facts are known and the policy permits the connection.
pub const VERDICT_ALLOW: i32 = 1;
/// Not refused with the facts so far; the name is needed next.
pub const VERDICT_OPEN: i32 = 2;
/// Not refused with the facts so far, including the name; the client's identity is needed next.
pub const VERDICT_IDENTITY: i32 = 3;

// Reasons.
/// No deny.
pub const REASON_NONE: i32 = 0;
/// The word `policy` of markers and audit records.
pub const REASON_POLICY: i32 = 1;
/// The word `cidr` of markers and audit records.
pub const REASON_CIDR: i32 = 2;
/// The word `sni` of markers and audit records.
pub const REASON_SNI: i32 = 3;
/// The word `rate` of markers and audit records.
pub const REASON_RATE: i32 = 4;
/// The word `mtls` of markers and audit records.
pub const REASON_MTLS: i32 = 5;

// Codes.
/// Nothing was decided.
pub const CODE_NONE: i32 = 0;
/// An allow rule admits it.
pub const CODE_ALLOWED: i32 = 1;
/// A loopback bind is always allowed.
pub const CODE_LOOPBACK_BIND: i32 = 2;
/// Ingressd binds what the policy exposes.
pub const CODE_GATEWAY_BIND: i32 = 3;
/// The policy exposes nothing there.
pub const CODE_NOT_EXPOSED: i32 = 4;
/// Only ingressd binds non-loopback addresses, and a service what is exposed as `direct` for it.
pub const CODE_NOT_GATEWAY: i32 = 5;
/// The listener has no allow.
pub const CODE_NO_ALLOW: i32 = 6;
/// A deny rule matches the source.
pub const CODE_DENY_RULE: i32 = 7;
/// No allow rule matches the source.
pub const CODE_NO_MATCH: i32 = 8;
/// The listener is at its cap of connections.
pub const CODE_CAP_LISTENER: i32 = 9;
/// The source is at its cap of connections.
pub const CODE_CAP_SOURCE: i32 = 10;
/// The table of source counts is full.
pub const CODE_CAP_TABLE: i32 = 11;
/// The listener's rate is used up.
pub const CODE_LIMIT_LISTENER: i32 = 12;
/// The source's rate is used up.
pub const CODE_LIMIT_SOURCE: i32 = 13;
/// The module has no such listener.
pub const CODE_BAD_LISTENER: i32 = 14;
/// The request is out of range.
pub const CODE_BAD_REQUEST: i32 = 15;
/// The module's tables are not valid.
pub const CODE_BAD_TABLES: i32 = 16;
/// No allow of the listener is in force at this time (`after`, `until`), or no clock is known.
pub const CODE_EXPIRED: i32 = 17;
/// A deny rule matches the name.
pub const CODE_DENY_NAME: i32 = 18;
/// No allow rule matches the name, or none was sent.
pub const CODE_NO_NAME: i32 = 19;
/// The name is not one that can be decided.
pub const CODE_BAD_NAME: i32 = 20;
/// Not refused yet; the name decides.
pub const CODE_OPEN: i32 = 21;
/// A deny rule matches the client's identity.
pub const CODE_DENY_IDENTITY: i32 = 22;
/// No allow rule matches the client's identity.
pub const CODE_NO_IDENTITY: i32 = 23;
/// The identity is not one that can be decided.
pub const CODE_BAD_IDENTITY: i32 = 24;
/// Not refused yet; the client's identity decides.
pub const CODE_OPEN_IDENTITY: i32 = 25;
/// The identity is at its cap of connections.
pub const CODE_CAP_IDENTITY: i32 = 26;
/// The identity's rate is used up.
pub const CODE_LIMIT_IDENTITY: i32 = 27;
/// The service binds, with a token, what the policy exposes in mode `direct` for it.
pub const CODE_DIRECT_BIND: i32 = 28;
/// The policy grants it to this service only with a token that ingressd mints.
pub const CODE_NO_TOKEN: i32 = 29;
/// The policy lets the service dial over udp, from a port of the kernel's choice.
pub const CODE_DIAL_BIND: i32 = 30;
/// No expose of the port has the name.
pub const CODE_NO_EXPOSE: i32 = 31;
/// The module trapped.
pub const CODE_MODULE_TRAP: i32 = 100;
/// The module's answer is out of range.
pub const CODE_MODULE_RESULT: i32 = 101;
/// No valid policy is loaded.
pub const CODE_NO_MODULE: i32 = 102;
