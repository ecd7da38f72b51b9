# Leases of ports as Cap'n Proto messages, for systems whose services use it. schemas/intents/*.schema.json defines the
# same messages as JSON; tests/gateway/idl.test.ts checks that the two agree. The transport authenticates the caller:
# `service` only names the service and grants nothing by itself. Open Nexus OS's `ExposeIntent` is another message, with
# another meaning: docs/nexus.md maps one to the other.
@0xd3b1f0a96c2e7a45;

# Transport of the port.
enum Proto {
  tcp @0;
  # In this release only in mode direct; otherwise refused with the code `unsupported`.
  udp @1;
}

# As the policy states it; an intent for another mode is refused.
enum Mode {
  tcp @0;
  passthrough @1;
  tls @2;
  mtls @3;
  # The service binds by itself, under a guard, which registers for it with a proof and receives a token.
  direct @4;
}

# `register`: a service requests the port that the policy grants it.
struct LeaseRequest {
  # 1 to 48 bytes; it must be the service that the transport authenticates.
  service @0 :Text;
  proto @1 :Proto;
  # 1 to 65535.
  port @2 :UInt16;
  # One literal local address; empty: all addresses that the policy grants the expose.
  bind @3 :Text;
  mode @4 :Mode;
  # 127.0.0.1:8080, [::1]:8080 or unix:/path, at most 256 bytes; it must belong to the service. Empty in mode direct.
  backend @5 :Text;
  # 1,000 to 86,400,000; 0: as long as the connection lives, which mode direct does not support.
  ttlMs @6 :UInt32;
  # In mode direct: 64 hexadecimal digits, HMAC-SHA256 with the guards' key; else empty.
  proof @7 :Text;
  # The expose that is meant, 1 to 48 bytes; needed where the service has several on the port, else it may be empty.
  expose @8 :Text;
  # Before the client's bytes; only over tcp, and not in mode direct.
  proxy @9 :Proxy;
}

# The header of the PROXY protocol that a backend gets.
enum Proxy {
  none @0;
  v1 @1;
  v2 @2;
}

# `unregister`: ends a lease of the caller.
struct Unregister {
  # 32 hexadecimal digits, as `register` gave it.
  lease @0 :Text;
}

# `renew`: sets the remaining time of a lease of the caller.
struct Renew {
  lease @0 :Text;
  ttlMs @1 :UInt32;
}

# The answer to each of these requests.
struct Outcome {
  union {
    granted @0 :Granted;
    refused @1 :Refused;
  }
}

struct Granted {
  lease @0 :Text;
  # Local endpoints, such as 0.0.0.0:8443.
  open @1 :List(Text);
  # 0: no end.
  expiresInMs @2 :UInt32;
  # In mode direct: 120 bytes (runtime/host/token.ts); else empty.
  token @3 :Data;
}

struct Refused {
  # policy, cidr, sni, rate or mtls.
  reason @0 :Text;
  # The number of the audit's code (docs/operations.md), never reused.
  code @1 :UInt16;
  # One human-readable sentence.
  message @2 :Text;
}
