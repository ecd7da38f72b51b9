// Intents that a service must not get, one row each: the code of the answer, and the audit record
// with the same code. A refused intent opens no port.
import { once } from "node:events";
import { connect } from "node:net";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import type { Connection } from "../../gateway/client/connection.mjs";
import { peerCredentials } from "../../gateway/intents/peer_credentials.ts";
import { skip } from "../skip.ts";
import { backend, freePort, moduleOf, probe, running, type Under } from "./gateway_under_test.ts";
import { denialOf, intent, leaseOf, policy } from "./registering.ts";

const test = suite("bad claims");
const koffi = peerCredentials() !== null;
const self = process.getuid?.() ?? 0;
const byCredentials = (name: string, run: () => Promise<void>): void => {
  if (koffi) test(name, run);
  else skip(`bad claims ${name}`, "koffi is not installed");
};

/** The code of the last registration that was refused, as the audit has it. */
const recorded = (gateway: Under): string =>
  gateway
    .records()
    .filter(({ op, decision }) => op === "register" && decision === "deny")
    .at(-1)?.code ?? "none";

const count = (gateway: Under): number => gateway.records().filter(({ op }) => op === "register").length;

async function refused(gateway: Under, client: Connection, name: string, params: object, code: string): Promise<void> {
  const before = count(gateway);
  assert.is(denialOf(await client.call("register", params)).split(":")[0], code, name);
  assert.is(recorded(gateway), code, `${name}: the audit's code`);
  assert.is(count(gateway), before + 1, `${name}: one record`);
}

byCredentials("each is refused with its code, recorded, and opens nothing", async () => {
  const behind = await backend("hello");
  const [port, fixed, foreign, secret] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const gateway = await running({
    policy: policy(
      port,
      `expose api on tcp ${foreign} { allow from any }
expose sealed service web on tcp ${secret} as passthrough { allow from any }
expose fixed service web on tcp ${fixed} { backend 127.0.0.1:${behind.port} allow from any }`,
    ),
    config: `[services.web]\nuid = ${self}\n[services.api]\nuid = ${self + 7}`,
  });
  const client = await gateway.control();
  const table: readonly (readonly [string, object, string])[] = [
    ["another's service", intent(foreign, behind.port, { service: "api" }), "not_gateway"],
    ["the gateway's own name", intent(port, behind.port, { service: "ingressd" }), "not_gateway"],
    ["another's port", intent(foreign, behind.port), "not_exposed"],
    ["a port not exposed", intent(await freePort(), behind.port), "not_exposed"],
    ["a static exposure", intent(fixed, behind.port), "not_exposed"],
    ["another mode: passthrough for tcp", intent(port, behind.port, { mode: "passthrough" }), "not_exposed"],
    ["another mode: tcp for passthrough", intent(secret, behind.port), "not_exposed"],
    ["another mode: mtls", intent(port, behind.port, { mode: "mtls" }), "not_exposed"],
    ["another mode: direct", intent(port, behind.port, { mode: "direct" }), "not_exposed"],
    ["udp", intent(port, behind.port, { proto: "udp" }), "unsupported"],
    ["a backend that isn't loopback", intent(port, "10.0.0.1:80"), "bad_intent"],
    ["a wildcard backend", intent(port, "0.0.0.0:80"), "bad_intent"],
    ["a name as backend", intent(port, "localhost:80"), "bad_intent"],
    ["a backend that is ingressd's own port", intent(port, fixed), "no_backend"],
    ["a backend that is the port itself", intent(port, port), "no_backend"],
    ["a backend that is the control socket", intent(port, `unix:${gateway.daemon.controlPath}`), "no_backend"],
    ["a backend that nobody has", intent(port, await freePort()), "no_backend"],
    ["a relative path as backend", intent(port, "unix:x.sock"), "bad_intent"],
    ["a path with .. as backend", intent(port, "unix:/run/../x.sock"), "bad_intent"],
    ["a bind that is no address", intent(port, behind.port, { bind: "eth0" }), "bad_intent"],
    ["a mode that there is not", intent(port, behind.port, { mode: "http" }), "bad_intent"],
    ["a key that there is not", intent(port, behind.port, { uid: 0 }), "bad_intent"],
    ["port 0", intent(0, behind.port), "bad_intent"],
    ["port 65536", intent(65536, behind.port), "bad_intent"],
    ["a part of a port", intent(port + 0.5, behind.port), "bad_intent"],
    ["a service of 49 characters", intent(port, behind.port, { service: "x".repeat(49) }), "bad_intent"],
    ["a service that is no text", intent(port, behind.port, { service: ["web"] }), "bad_intent"],
    ["a lease that is too short", intent(port, behind.port, { ttl_ms: 999 }), "bad_intent"],
  ];
  for (const [name, params, code] of table) {
    await refused(gateway, client, name, params, code);
    for (const at of [port, foreign, secret]) assert.is(await probe(at), "deny", name);
  }
  assert.match(denialOf(await client.call("register", intent(port, behind.port, { bind: "192.0.2.77" }))), /^-32003: /, "a bind that the host lacks");
  assert.is(gateway.markers.filter((line) => line.includes("port open")).length, 1, "only the static one");
  // The nearest that is good.
  await leaseOf(client, intent(port, behind.port));
  assert.is(await probe(port), "allow");
  await refused(gateway, client, "taken", intent(port, behind.port), "not_exposed");
  await leaseOf(client, intent(secret, behind.port, { mode: "passthrough" }));
  client.close();
  await gateway.stop();
  behind.close();
});

byCredentials("over a cap: the last place is given, the one after is refused", async () => {
  const behind = await backend("hello");
  const ports = [await freePort(), await freePort(), await freePort()];
  const [a = 0, b = 0, c = 0] = ports;
  for (const [cap, code] of [
    ["intents = 2", "cap_ports"],
    ["intents_per_service = 2", "cap_ports"],
  ] as const) {
    const gateway = await running({
      policy: `edition 1\nexpose web on tcp ${ports.join(", ")} { allow from any }`,
      config: `[caps]\n${cap}\n[services.web]\nuid = ${self}`,
    });
    const client = await gateway.control();
    await leaseOf(client, intent(a, behind.port));
    await leaseOf(client, intent(b, behind.port));
    await refused(gateway, client, cap, intent(c, behind.port), code);
    assert.is(await probe(c), "deny");
    client.close();
    await gateway.stop();
  }
  behind.close();
});

byCredentials("stale: a lease that ended, another's, and one that never was", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const gateway = await running({ policy: policy(port), config: `[services.web]\nuid = ${self}` });
  const client = await gateway.control();
  const lease = await leaseOf(client, intent(port, behind.port));
  await client.call("unregister", { lease });
  for (const params of [{ lease }, { lease: "0".repeat(32) }]) {
    for (const [method, more] of [
      ["unregister", {}],
      ["renew", { ttl_ms: 5000 }],
    ] as const) {
      assert.match(denialOf(await client.call(method, { ...params, ...more })), /^no_lease: /);
      assert.is(recorded(gateway), "no_lease");
    }
  }
  assert.match(denialOf(await client.call("renew", { lease: "../x", ttl_ms: 5000 })), /^bad_intent: /);
  client.close();
  await gateway.stop();
  behind.close();
});

byCredentials("a reload withdraws a lease that is not granted, or in another mode, and notifies the owner", async () => {
  const behind = await backend("hello");
  for (const next of ["edition 1", "passthrough"]) {
    const port = await freePort();
    const gateway = await running({ policy: policy(port), config: `[services.web]\nuid = ${self}\n[policy]\nwatch = false` });
    const notices: unknown[] = [];
    const client = await gateway.control(undefined, (method, params) => notices.push([method, params]));
    const lease = await leaseOf(client, intent(port, behind.port));
    gateway.place(moduleOf(next === "edition 1" ? next : `edition 1\nexpose web on tcp ${port} as passthrough { allow from any }`));
    await gateway.daemon.reload();
    assert.is(await probe(port), "deny");
    assert.equal(await client.call("list"), { jsonrpc: "2.0", id: 2, result: [] });
    assert.equal(notices, [["lease_ended", { lease, because: "the policy no longer grants it", word: "policy" }]]);
    assert.match(denialOf(await client.call("renew", { lease, ttl_ms: 5000 })), /^no_lease/);
    await refused(gateway, client, "again", intent(port, behind.port), "not_exposed");
    client.close();
    await gateway.stop();
  }
  behind.close();
});

test("malformed and oversized messages are answered with a code and recorded", async () => {
  const gateway = await running({ policy: "edition 1" });
  const messages: readonly (readonly [string, string | Buffer, RegExp])[] = [
    ["no JSON", "{\n", /-32700/],
    ["no request", "[]\n", /-32600/],
    ["another version", '{"jsonrpc":"1.0","id":1,"method":"list"}\n', /-32600/],
    ["65,537 bytes", Buffer.alloc(64 * 1024 + 1, 0x20), /at most 65536 bytes/],
    ["bytes that are no UTF-8", Buffer.from([0xff, 0xfe, 0x0a]), /-32700/],
    ["parameters of another kind", '{"jsonrpc":"2.0","id":1,"method":"register","params":[1]}\n', /-32600/],
    ["no parameters", '{"jsonrpc":"2.0","id":1,"method":"register"}\n', /-32602/],
  ];
  for (const [i, [name, bytes, expected]] of messages.entries()) {
    const socket = connect(gateway.daemon.controlPath);
    let out = "";
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => {
      out += chunk.toString();
      socket.end();
    });
    socket.write(bytes);
    await once(socket, "close");
    assert.match(out, expected, name);
    assert.match(out, /"code":"bad_intent"/, name);
    assert.equal([recorded(gateway), count(gateway)], ["bad_intent", i + 1], name);
  }
  await gateway.stop();
});

test.run();
