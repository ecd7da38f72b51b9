// Ports that a service has bound by itself and keeps after its lease: a real gateway, a real lease and real sockets of a
// process that no guard closes.
import { createSocket } from "node:dgram";
import { randomBytes } from "node:crypto";
import { createServer } from "node:net";
import { join } from "node:path";
import { writeFileSync } from "node:fs";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { boundHere, GRACE_MS, LOOK_MS, MOST_PLACES, watchWithdrawn } from "../../gateway/intents/withdrawn.ts";
import { Leases, type Lease } from "../../gateway/intents/leases.ts";
import { proofOf } from "../../runtime/host/token.ts";
import { fromV4 } from "../../runtime/net/address.ts";
import { freePort, moduleOf, running, temporaryFolder, type Under } from "./gateway_under_test.ts";

const test = suite("withdrawn ports");
const key = randomBytes(32);
const policyOf = (proto: string, port: number): string =>
  `edition 1\n@why "it reads the addresses of its clients itself"\nexpose web on ${proto} ${port} as direct { }\n`;

type Proto = "tcp" | "udp";

/** A service that binds by itself: its lease, and its socket. */
async function service(proto: Proto): Promise<{
  readonly gateway: Under;
  readonly port: number;
  readonly lease: string;
  call(method: string, params: object): Promise<unknown>;
  close(): Promise<void>;
}> {
  const port = await freePort();
  const keyPath = join(temporaryFolder(), "guard.key");
  writeFileSync(keyPath, key.toString("hex"), { mode: 0o600 });
  const gateway = await running({
    policy: policyOf(proto, port),
    config: `[policy]\nwatch = false\n[guard]\nkey_file = "${keyPath}"\n[services.web]\nuid = ${process.getuid?.() ?? 0}`,
  });
  const client = await gateway.control();
  const {
    result: { challenge },
  } = (await client.call("challenge")) as { readonly result: { readonly challenge: string } };
  const answer = await client.call("register", {
    service: "web",
    proto,
    port,
    mode: "direct",
    bind: "0.0.0.0",
    ttl_ms: 600_000,
    proof: proofOf(key, challenge, "web"),
  });
  const {
    result: { lease },
  } = answer as { readonly result: { readonly lease: string } };
  const close = await bindAt(proto, port);
  return { gateway, port, lease, call: (method, params) => client.call(method, params), close };
}

async function bindAt(proto: Proto, port: number): Promise<() => Promise<void>> {
  if (proto === "tcp") {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port, "0.0.0.0", resolve));
    return () => new Promise((resolve) => server.close(() => resolve()));
  }
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(port, "0.0.0.0", resolve));
  return () => new Promise((resolve) => socket.close(() => resolve()));
}

const warnings = ({ said }: Under): readonly string[] => said.filter((sentence) => sentence.includes("is still bound"));
async function shown(gateway: Under): Promise<unknown> {
  const status: unknown = await gateway.daemon.status();
  return typeof status === "object" && status !== null && "withdrawn_ports" in status ? status.withdrawn_ports : null;
}

for (const proto of ["tcp", "udp"] as const) {
  test(`${proto}: by a policy that withdraws it, said once after the grace, shown while it is so`, async () => {
    const { gateway, port, close } = await service(proto);
    const local = `0.0.0.0:${port}`;
    gateway.clock.advance(2 * GRACE_MS);
    assert.equal([warnings(gateway), await shown(gateway)], [[], []], "while the lease lives nothing is wrong");
    gateway.place(moduleOf("edition 1\n"));
    await gateway.daemon.reload();
    gateway.clock.advance(250);
    gateway.clock.advance(GRACE_MS - 250);
    assert.equal(warnings(gateway), []);
    gateway.clock.advance(500);
    assert.is(warnings(gateway).length, 1);
    assert.match(warnings(gateway)[0] ?? "", new RegExp(`^WARNING: ${local}/${proto} is still bound, though web has no lease of it any more`));
    assert.equal(await shown(gateway), [{ service: "web", proto, local }]);
    gateway.clock.advance(3 * LOOK_MS);
    assert.is(warnings(gateway).length, 1, "once");
    await close();
    gateway.clock.advance(LOOK_MS + 250);
    assert.equal(await shown(gateway), []);
    await gateway.stop();
  });
}

test("a port that is closed in time, and one that is registered again, is no warning", async () => {
  const first = await service("tcp");
  await first.call("unregister", { lease: first.lease });
  first.gateway.clock.advance(250);
  await first.close();
  first.gateway.clock.advance(2 * GRACE_MS);
  assert.equal(warnings(first.gateway), []);
  await first.gateway.stop();
});

test("which places are bound: exactly there, and no longer once closed", async () => {
  const isBound = boundHere();
  const at = (proto: Proto, port: number, first: number): boolean => isBound({ service: "web", proto, local: "", address: fromV4(first), port });
  const [any, loopback] = [0, 0x7f000001];
  for (const proto of ["tcp", "udp"] as const) {
    const port = await freePort();
    const close = await bindAt(proto, port);
    assert.equal(
      [at(proto, port, any), at(proto, port, loopback), at(proto, port + 1, any), at(proto === "tcp" ? "udp" : "tcp", port, any)],
      [true, false, false, false],
      proto,
    );
    await close();
    assert.is(at(proto, port, any), false, proto);
  }
});

const lease = (port: number, id: string): Lease => ({
  id,
  service: "web",
  owner: 1,
  proto: "tcp",
  expose: null,
  grantedBy: "web",
  port,
  mode: "direct",
  bind: fromV4(0),
  backend: null,
  expiresMs: null,
  ended: () => undefined,
});

test("what the gateway itself serves there since, and what is granted again, is no warning", () => {
  for (const [name, own, again, expected] of [
    ["still bound", [], false, 1],
    ["the gateway's own", [{ local: "0.0.0.0:53", proto: "tcp" }], false, 0],
    ["granted again", [], true, 0],
  ] as const) {
    let now = 0;
    const leases = new Leases();
    const said: string[] = [];
    const seen = watchWithdrawn({
      leases,
      ports: { all: () => own },
      clock: { monoMs: () => now },
      say: (s) => said.push(s),
      isBound: ({ proto, local }) => `${proto} ${local}` === "tcp 0.0.0.0:53",
    });
    leases.add(lease(53, "a"));
    leases.delete("a");
    seen.look();
    if (again) leases.add(lease(53, "b"));
    now = GRACE_MS;
    seen.look();
    assert.is(said.length, expected, name);
  }
});

for (const [places, remembered] of [
  [MOST_PLACES, true],
  [MOST_PLACES + 1, false],
] as const) {
  test(`${places} places: the first is ${remembered ? "remembered" : "forgotten"}`, () => {
    let now = 0;
    const leases = new Leases();
    const seen = watchWithdrawn({ leases, ports: { all: () => [] }, clock: { monoMs: () => now }, say: () => undefined, isBound: ({ port }) => port === 1 });
    for (let port = 1; port <= places; port++) leases.add(lease(port, String(port)));
    for (let port = 1; port <= places; port++) leases.delete(String(port));
    seen.look();
    now = GRACE_MS;
    seen.look();
    assert.is(seen.open().length, remembered ? 1 : 0);
  });
}

test.run();
