// The statements of the gateway's design, line by line, each with the test that fails where it is not true. (The lines about TLS
// are with the tests of TLS.)
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { sources } from "../house/sources.ts";
import { isMissing } from "./named_tests.ts";

const test = suite("gateway lines");
const HOST = "tests/gateway";

/** The line, by words of it; and its tests. */
const LINES: readonly (readonly [words: string, ...tests: readonly string[]])[] = [
  // Shape
  [
    "is behind one small interface",
    "tests/docs/gateway_lines.test.ts: moving bytes is behind one interface",
    "tests/house/arrows.test.ts: every import is allowed",
  ],
  ["a function that decides a batch of new peers in one call", `${HOST}/rate.test.ts: many at once never pass a cap`],
  [
    "no `pipe()`, denial before any upstream socket exists",
    "tests/docs/gateway_lines.test.ts: nothing pipes, and nothing forks workers",
    `${HOST}/ports.test.ts: a denial makes no upstream socket and no admitted connection`,
    "tests/house/arrows.test.ts: permits are made in one file only",
  ],
  ["never use it", "tests/docs/gateway_lines.test.ts: nothing pipes, and nothing forks workers"],
  // Addresses
  ["Only `::ffff:0:0/96` becomes IPv4", `${HOST}/config.test.ts: backends are literal and local`, `${HOST}/cidr.test.ts: IPv6 sources are decided as such`],
  [
    "A zone is stripped or denied",
    `${HOST}/zones.test.ts: link-local clients are decided, recorded and counted by address and interface, as tests and explain say`,
  ],
  ["an undefined `remoteAddress`", `${HOST}/ports.test.ts: a peer that disconnects before its decision is a refusal with its own code`],
  ["`0.0.0.0/0` and `::/0` differ", "tests/compiler/literals.test.ts: ::/0", "tests/compiler/literals.test.ts: 0.0.0.0/0"],
  // Policy module
  [
    "a policy file, or its directory",
    `${HOST}/bad_modules.test.ts: a policy that others can change is refused, file or directory`,
    `${HOST}/links.test.ts: a directory's link in a loose directory`,
  ],
  ["below 1024 it needs CAP_NET_BIND_SERVICE", `${HOST}/process.test.ts: a port below 1024 without the capability names it`],
  [
    "read once into memory; size cap",
    `${HOST}/bad_modules.test.ts: a policy above policy.max_bytes is refused`,
    `${HOST}/reload.test.ts: the file watcher sees a rename as one reload and does not see equal bytes`,
  ],
  ["Never read the path twice", `${HOST}/change.test.ts: the path is read once: what was checked is what is loaded and kept`],
  [
    "self-test vectors in a worker that can be terminated",
    "tests/host/refusals.test.ts: the worker gives the same answers",
    "tests/host/refusals.test.ts: a worker that takes too long is ended",
  ],
  [
    "Any failure keeps the last good policy",
    `${HOST}/bad_modules.test.ts: at a reload: the good policy stays in force`,
    `${HOST}/last_good.test.ts: a restart without its file serves the copy and says so everywhere`,
  ],
  [
    "opens **zero** ports",
    `${HOST}/bad_modules.test.ts: no file at all: zero ports, no ready`,
    `${HOST}/bad_modules.test.ts: at the start: zero ports, no ready, exit 3, one sentence`,
  ],
  [
    "only a hash or a signature sees tampering",
    "tests/host/refusals.test.ts: a module with any one bit turned",
    "tests/soak/torn_modules.check.ts: signed, with a trusted key",
  ],
  ["When verification is configured it is mandatory", `${HOST}/signed_policies.test.ts: no slip in trusted_keys turns verification off`],
  [
    "a revision high-water mark is kept with fsync + rename",
    `${HOST}/last_good.test.ts: a file is synced before it takes its place, and the directory after`,
    `${HOST}/killed.test.ts: at each step`,
    `${HOST}/signed_policies.test.ts: what may follow the mark`,
  ],
  [
    "Reload is atomic and two-phase",
    `${HOST}/change.test.ts: all prepare, then all commit in the turn of the swap`,
    `${HOST}/change.test.ts: an outside party commits and aborts`,
    `${HOST}/change.test.ts: an abort after the commit gives no token back`,
  ],
  ["only the new one's once the reload was acknowledged", `${HOST}/reload.test.ts: no old answer after the acknowledgement, in thousands of probes`],
  [
    "Established connections are checked again",
    `${HOST}/reload.test.ts: established connections: recheck closes what is refused now, and counts the rest again`,
    `${HOST}/reload.test.ts: on_reload = keep lets refused connections end by themselves`,
    `${HOST}/passthrough.test.ts: a stream is evaluated again with the name that was kept`,
  ],
  ["A request between phases starts again at phase 1", `${HOST}/passthrough.test.ts: between the phases a reload starts again, without a second charge`],
  ["Ports no longer exposed close", `${HOST}/reload.test.ts: ports open and close with the policy, and the report says which`],
  ["Each audit record has the policy's generation", `${HOST}/reload.test.ts: no old answer after the acknowledgement, in thousands of probes`],
  [
    "loses no allowed connection",
    `${HOST}/reload.test.ts: a storm of reloads under traffic loses no allowed connection`,
    "tests/soak/reload_storm.check.ts: reload_storm",
  ],
  [
    "Watch the directory, not the file",
    `${HOST}/reload.test.ts: the file watcher sees a rename as one reload and does not see equal bytes`,
    `${HOST}/links.test.ts: a directory made anew is watched for events again`,
  ],
  ["is refused by its hash", `${HOST}/reload.test.ts: half a file is refused`],
  ["SIGHUP and the control socket reload too", `${HOST}/signals.test.ts: markers verbatim, status, reload, SIGHUP, and SIGTERM drains to exit 0`],
  // Exposure contract
  [
    "newline JSON-RPC 2.0 with a frame cap",
    `${HOST}/exposure.test.ts: a malformed frame gets an answer, a long one ends the connection`,
    `${HOST}/bad_claims.test.ts: malformed and oversized messages are answered with a code and recorded`,
  ],
  [
    "the same messages as Cap'n Proto for the OS",
    `${HOST}/idl.test.ts: the compiler of Cap'n Proto accepts the schema, and encodes and decodes a message of it`,
    `${HOST}/idl.test.ts: Proto and Mode have the words of register.schema.json`,
  ],
  [
    "`register` returns a lease, `unregister`, `renew`, `list`",
    `${HOST}/exposure.test.ts: granted, served, listed and unregistered`,
    `${HOST}/exposure.test.ts: a lease with a time ends there unless it is renewed`,
  ],
  [
    "Identity comes from the transport",
    `${HOST}/other_users.test.ts: the shared socket distinguishes services by the uid that the kernel reports`,
    `${HOST}/exposure.test.ts: a service's own socket proves it, with its own mode`,
    `${HOST}/without_koffi.test.ts: a service's own socket works`,
  ],
  ["A claim for another service is denied", `${HOST}/bad_claims.test.ts: each is refused with its code, recorded, and opens nothing`],
  [
    "The backend is a literal loopback address or a unix socket",
    `${HOST}/config.test.ts: backends are literal and local`,
    `${HOST}/own_sockets.test.ts: a link that is turned to the control socket after the decision`,
  ],
  [
    "it must belong to the registrant",
    `${HOST}/other_users.test.ts: a backend of another user is refused, unless the configuration lists it`,
    `${HOST}/exposure.test.ts: a unix backend is served when its listener is the service, by the peer's credentials`,
  ],
  [
    "checked again at each connect",
    `${HOST}/other_users.test.ts: a backend that passes to another user is cut before a byte of it is forwarded`,
    `${HOST}/own_sockets.test.ts: the process that listens is looked up at each connect, and an unknown one is refused`,
  ],
  ["Two services with one uid can't be distinguished", `${HOST}/config.test.ts: [services.web]\\nuid = 5\\n[services.api]\\nuid = 5`],
  ["Caps per service and overall", `${HOST}/bad_claims.test.ts: over a cap: the last place is given, the one after is refused`],
  [
    "A dead owner's port closes within a second",
    `${HOST}/exposure.test.ts: the owner's connection closing closes its ports at once`,
    `${HOST}/client.test.ts: a service that is killed is not reachable any more`,
  ],
  [
    "The audit record is written before `listen`; `port open` after it",
    `${HOST}/allow.test.ts: an allowed client reaches the backend; markers follow their facts`,
  ],
  [
    "Socket in a 0700 directory, mode 0600",
    `${HOST}/signals.test.ts: markers verbatim, status, reload, SIGHUP, and SIGTERM drains to exit 0`,
    `${HOST}/process.test.ts: a control directory that lets others in is refused`,
  ],
  ["tokens compared in constant time", `${HOST}/metrics.test.ts: a request without the token gets no metrics`],
  // Resources
  [
    "Caps: exposed ports, connections a port, a source, overall",
    `${HOST}/ports.test.ts: caps.ports admits N sockets and refuses N + 1`,
    `${HOST}/rate.test.ts: a cap admits N and refuses N + 1, and a close gives its place back`,
    `${HOST}/rate.test.ts: the overall cap admits N and refuses N + 1, and does not hide a CIDR refusal`,
  ],
  ["connects under way to a backend", `${HOST}/ports.test.ts: the cap of connections under way to a backend admits N and refuses N + 1, and they time out`],
  ["Check `nofile` at the start", `${HOST}/ports.test.ts: nofile: enough, lowered with a sentence, refused`],
  [
    "the process survives, counts, and recovers within a second",
    `${HOST}/process.test.ts: out of file descriptors: it survives, counts, and recovers`,
    "tests/soak/no_descriptors.check.ts: no_descriptors",
  ],
  [
    "Timers: handshake <= 10 s, backend connect, idle, drain, optional lifetime",
    `${HOST}/passthrough.test.ts: a connection that is reading is ended exactly at the deadline`,
    `${HOST}/half_close.test.ts: idle, lifetime and backend timers`,
    `${HOST}/signals.test.ts: the drain ends at drain_ms`,
    "tests/soak/stalled_hellos.check.ts: stalled_hellos",
  ],
  [
    "Half-close is kept; bytes are exact both ways",
    `${HOST}/half_close.test.ts: the client ends first: the backend still answers, with exact bytes`,
    `${HOST}/half_close.test.ts: the backend ends first: the client may still send, with exact bytes`,
    `${HOST}/half_close.test.ts: a reset is a reset on the other side, never a clean end of half the bytes`,
  ],
  [
    "A backend that never reads can't grow memory",
    `${HOST}/half_close.test.ts: a backend that never reads can't grow memory`,
    `${HOST}/half_close.test.ts: a client that never reads can't grow memory either`,
  ],
  // Later: refused with their codes.
  [
    "PROXY protocol v1/v2 in",
    `${HOST}/config.test.ts: proxy_protocol = true`,
    `${HOST}/passed_sockets.test.ts: a socket that the policy does not expose ends the start`,
  ],
  [
    "UDP: flows in a bounded table",
    `${HOST}/flow_parts.test.ts: 100,000 sources have no more flows than the cap has room for`,
    "tests/docs/gateway_lines.test.ts: a policy that does not say how much udp may amplify is refused by its code",
  ],
  // Being seen
  [
    "one JSON line a decision (allowed and denied), control bytes escaped, fields capped at 256 bytes",
    `${HOST}/audit.test.ts: control bytes are escaped in every line, and fields are cut between characters`,
  ],
  [
    "accepts + denies = records + counted drops",
    `${HOST}/mixed.test.ts: thousands of mixed connections: exact counts, records = accepts + denies`,
    `${HOST}/audit.test.ts: whole lines and exact counts are written for every amount of room`,
  ],
  [
    "a full disk fails as configured",
    `${HOST}/audit.test.ts: closed: what can't be recorded is refused; count: it continues`,
    "tests/soak/full_disk.check.ts: full_disk",
  ],
  [
    "Markers on stdout, verbatim",
    `${HOST}/signals.test.ts: markers verbatim, status, reload, SIGHUP, and SIGTERM drains to exit 0`,
    `${HOST}/allow.test.ts: an allowed client reaches the backend; markers follow their facts`,
  ],
  ["deny lines are rate limited", `${HOST}/seen.test.ts: deny markers: so many lines a second for each reason, the rest is counted`],
  [
    "Prometheus metrics, health and readiness, a status endpoint",
    `${HOST}/metrics.test.ts: traffic is counted, by decision, reason, code and rule`,
    `${HOST}/metrics.test.ts: ready is said only while connections are served`,
  ],
  [
    "`ingressd status` shows listeners, policy, top denied sources, limiter fill",
    `${HOST}/status.test.ts: a table with listeners, generation, hits a rule with its place, top denied sources and the limiter's fill`,
  ],
  [
    "SIGTERM: stop accepting, drain up to T, exit 0. A second one cuts",
    `${HOST}/signals.test.ts: markers verbatim, status, reload, SIGHUP, and SIGTERM drains to exit 0`,
    `${HOST}/signals.test.ts: \${first} drains and a second one cuts, exit 0`,
  ],
  ["Clock: monotonic for limits", `${HOST}/wall_clock.test.ts: forth and back by days`, "tests/house/arrows.test.ts: only the clocks read the time"],
];

test("each line's tests are there", () => {
  assert.equal(
    LINES.flatMap(([, ...tests]) => tests)
      .map(isMissing)
      .filter((missing) => missing !== null),
    [],
  );
  for (const [words, ...tests] of LINES) assert.ok(tests.length > 0, words);
});

const gateway = sources(".ts").filter(({ path }) => path.startsWith("gateway/"));

test("moving bytes is behind one interface", () => {
  const importers = (name: string): string[] => gateway.filter(({ text }) => text.includes(`/${name}"`)).map(({ path }) => path);
  assert.equal(
    importers("node_forwarder.ts"),
    ["gateway/kernel/kernel_forwarder.ts", "gateway/serving.ts", "gateway/threads/threaded_forwarder.ts"],
    "the daemon's parts make the forwarder; the others share its type",
  );
  assert.equal(importers("kernel_forwarder.ts"), ["gateway/serving.ts"]);
  assert.equal(
    importers("pump.ts"),
    ["dialing", "ends", "hellos", "kernel_transport", "pump_reports"].map((name) => `gateway/kernel/${name}.ts`),
    "dialing has its sockets begin, ends.ts has them end, hellos are read with it, and pump_reports.ts has the type of its owner",
  );
  assert.equal(importers("relay.ts"), ["gateway/listen/node_transport.ts"], "nothing else moves bytes");
  assert.equal(
    importers("tls_end.ts"),
    ["gateway/forward/relay.ts", "gateway/tls/secure.ts"],
    "a handshake only reports to the relay which socket lies over which",
  );
  const dials = gateway.filter(({ text }) => /import \{[^}]*\bconnect\b[^}]*\} from "node:(net|tls)"/.test(text)).map(({ path }) => path);
  assert.equal(
    dials,
    ["gateway/control/socket_path.ts", "gateway/listen/node_transport.ts"],
    "and nothing else dials (socket_path.ts tries whether an old control socket answers)",
  );
});

test("nothing pipes, and nothing forks workers", () => {
  assert.equal(
    gateway.filter(({ text }) => /(?<!calls)\.pipe\(|\bpipeline\(|from "node:cluster"|from "node:child_process"/.test(text)).map(({ path }) => path),
    [],
  );
});

test("a policy that does not say how much udp may amplify is refused by its code", async () => {
  const { compile } = await import("../../compiler/compile.ts");
  const entry = { path: "x.ingress", text: "edition 1\nexpose dns on udp 53 { allow from any }\n" };
  const { module, diagnostics } = compile(entry, { read: () => ({ ok: true, value: entry }) });
  assert.equal([module, diagnostics.map(({ code }) => code)], [null, ["ING425"]]);
});

test.run();
