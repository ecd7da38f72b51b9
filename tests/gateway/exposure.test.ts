// Registration: granted only to the proven service, for what the policy exposes, to its own
// backend; refused in every other way; and over when the owner goes.
import { connect } from "node:net";
import { statSync } from "node:fs";
import { join } from "node:path";
import { once } from "node:events";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { couldAccept, listeningSockets, parseListening, tcpOwner } from "../../gateway/intents/ownership.ts";
import { peerCredentials } from "../../gateway/intents/peer_credentials.ts";
import { parseAddress } from "../../runtime/net/address.ts";
import { backendProcess } from "./backend_process.ts";
import { backend, eventually, freePort, moduleOf, probe, running, temporaryFolder, visit } from "./gateway_under_test.ts";
import { denialOf, intent, leaseOf, policy } from "./registering.ts";
import { skip } from "../skip.ts";

const test = suite("exposure");
const koffi = peerCredentials() !== null;
const self = process.getuid?.() ?? 0;
const byCredentials = (name: string, run: () => Promise<void>): void => {
  if (koffi) test(name, run);
  else skip(`exposure ${name}`, "koffi is not installed");
};

byCredentials("granted, served, listed and unregistered", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const gateway = await running({ policy: policy(port), config: `[services.web]\nuid = ${self}` });
  assert.equal(gateway.markers, ["ingressd: ready"]);
  assert.is(await probe(port), "deny", "no port before its service registers");
  const client = await gateway.control();
  const lease = await leaseOf(client, intent(port, behind.port));
  assert.is(gateway.markers.at(-1), `ingressd: port open (port=${port}, proto=tcp)`);
  const bind = gateway.records().find(({ op }) => op === "bind");
  assert.equal([bind?.decision, bind?.subject, bind?.service], ["allow", "ingressd", "web"]);
  assert.is(await probe(port), "allow");
  assert.match(JSON.stringify(await client.call("list")), new RegExp(`"service":"web","port":${port},"backend":"127.0.0.1:${behind.port}"`));
  assert.equal(await client.call("unregister", { lease }).then((a) => "result" in a && a.result), { closed: true });
  assert.is(await probe(port), "deny");
  client.close();
  await gateway.stop();
  behind.close();
});

byCredentials("the owner's connection closing closes its ports at once", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const gateway = await running({ policy: policy(port), config: `[services.web]\nuid = ${self}` });
  const client = await gateway.control();
  await leaseOf(client, intent(port, behind.port));
  assert.is(await probe(port), "allow");
  client.close();
  const from = performance.now();
  await eventually(() => gateway.daemon.forwarder.live === 0, "nothing is live");
  let answer = await probe(port);
  while (answer === "allow" && performance.now() - from < 1000) answer = await probe(port);
  assert.is(answer, "deny", "within a second");
  await gateway.stop();
  behind.close();
});

byCredentials("an unknown uid is nobody", async () => {
  const port = await freePort();
  const gateway = await running({ policy: policy(port), config: `[services.web]\nuid = ${self + 1}` });
  const client = await gateway.control();
  assert.match(denialOf(await client.call("register", intent(port, 1))), /^not_gateway: uid [0-9]+ is no service/);
  client.close();
  await gateway.stop();
});

byCredentials("the second registration of a port is refused, and caps admit N and refuse N + 1", async () => {
  const behind = await backend("hello");
  const ports = [await freePort(), await freePort(), await freePort()];
  const [a = 0, b = 0, c = 0] = ports;
  const gateway = await running({
    policy: `edition 1\nexpose web on tcp ${ports.join(", ")} { allow from any }`,
    config: `[caps]\nintents_per_service = 2\n[services.web]\nuid = ${self}`,
  });
  const client = await gateway.control();
  const lease = await leaseOf(client, intent(a, behind.port));
  assert.match(denialOf(await client.call("register", intent(a, behind.port))), /already open/);
  await leaseOf(client, intent(b, behind.port));
  assert.match(denialOf(await client.call("register", intent(c, behind.port))), /^cap_ports: .*intents_per_service/);
  await client.call("unregister", { lease });
  await leaseOf(client, intent(c, behind.port));
  client.close();
  await gateway.stop();
  behind.close();
});

byCredentials("a lease with a time ends there unless it is renewed", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const gateway = await running({ policy: policy(port), config: `[services.web]\nuid = ${self}` });
  const client = await gateway.control();
  const lease = await leaseOf(client, intent(port, behind.port, { ttl_ms: 2000 }));
  gateway.clock.advance(1750);
  assert.is(await probe(port), "allow");
  await client.call("renew", { lease, ttl_ms: 3000 });
  gateway.clock.advance(2750);
  assert.is(await probe(port), "allow");
  gateway.clock.advance(500);
  assert.is(await probe(port), "deny");
  assert.match(denialOf(await client.call("renew", { lease, ttl_ms: 3000 })), /no such lease/);
  client.close();
  await gateway.stop();
  behind.close();
});

byCredentials("a reload ends leases that the new policy does not grant, and keeps the others", async () => {
  const behind = await backend("hello");
  const [a, b] = [await freePort(), await freePort()];
  const gateway = await running({
    policy: `edition 1\nexpose web on tcp ${a}, ${b} { allow from any }`,
    config: `[services.web]\nuid = ${self}\n[policy]\nwatch = false`,
  });
  const client = await gateway.control();
  await leaseOf(client, intent(a, behind.port));
  await leaseOf(client, intent(b, behind.port));
  gateway.place(moduleOf(policy(b)));
  await gateway.daemon.reload();
  assert.equal([await probe(a), await probe(b)], ["deny", "allow"]);
  const listed = await client.call("list");
  assert.is("result" in listed && Array.isArray(listed.result) ? listed.result.length : -1, 1);
  client.close();
  await gateway.stop();
  behind.close();
});

byCredentials("a unix backend is served when its listener is the service, by the peer's credentials", async () => {
  const port = await freePort();
  const folder = temporaryFolder();
  const path = join(folder, "app.sock");
  const app = await backendProcess(path, "over unix");
  const gateway = await running({ policy: policy(port), config: `[services.web]\nuid = ${self}` });
  const client = await gateway.control();
  await leaseOf(client, intent(port, `unix:${path}`));
  const { first, closed, socket } = visit(port);
  assert.is(await first, "over unix");
  socket.end();
  await closed;
  client.close();
  await app?.stop();
  await gateway.stop();
});

test("a service's own socket proves it, with its own mode", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const folder = temporaryFolder();
  const path = join(folder, "web.sock");
  const gateway = await running({
    policy: policy(port),
    config: `allowed_backends = ["127.0.0.1:${behind.port}"]\n[services.web]\nsocket = "${path}"\nmode = "0620"`,
  });
  assert.is(statSync(path).mode & 0o777, 0o620);
  const client = await gateway.control(path);
  assert.match(denialOf(await client.call("status")), /is for the control socket/);
  assert.match(denialOf(await client.call("register", intent(port, behind.port, { service: "api" }))), /belongs to `web`/);
  await leaseOf(client, intent(port, behind.port));
  assert.is(await probe(port), "allow");
  client.close();
  await gateway.stop();
  behind.close();
});

byCredentials("on a service's own socket the kernel's word must agree with its uid", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const path = join(temporaryFolder(), "web.sock");
  const gateway = await running({ policy: policy(port), config: `[services.web]\nsocket = "${path}"\nuid = ${self + 1}` });
  const client = await gateway.control(path);
  assert.match(denialOf(await client.call("register", intent(port, behind.port))), /^not_gateway: the peer runs as uid/);
  client.close();
  await gateway.stop();
  behind.close();
});

test("a service socket without a uid can only name listed backends", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const path = join(temporaryFolder(), "web.sock");
  const gateway = await running({ policy: policy(port), config: `[services.web]\nsocket = "${path}"` });
  assert.is(statSync(path).mode & 0o777, 0o660, "the mode unless given");
  const client = await gateway.control(path);
  assert.match(denialOf(await client.call("register", intent(port, behind.port))), /^no_backend: .*no uid in the configuration/);
  client.close();
  await gateway.stop();
  behind.close();
});

test("a malformed frame gets an answer, a long one ends the connection", async () => {
  const gateway = await running({ policy: "edition 1" });
  const answerTo = async (bytes: string | Buffer): Promise<string> => {
    const socket = connect(gateway.daemon.controlPath);
    socket.write(bytes);
    let out = "";
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      out += chunk.toString();
      socket.end();
    });
    await once(socket, "close");
    return out;
  };
  assert.match(await answerTo("{\n"), /-32700/);
  assert.match(await answerTo("[]\n"), /-32600/);
  assert.match(await answerTo('{"jsonrpc":"1.0","id":1,"method":"status"}\n'), /-32600/);
  assert.match(await answerTo('{"jsonrpc":"2.0","id":1,"method":"status","extra":1}\n'), /-32600/);
  assert.match(await answerTo('{"jsonrpc":"2.0","id":1,"method":"constructor"}\n'), /-32601/);
  assert.match(await answerTo('{"jsonrpc":"2.0","id":1,"method":"__proto__"}\n'), /-32601/);
  assert.match(await answerTo('{"jsonrpc":"2.0","id":1,"method":"status","params":{"x":1}}\n'), /-32602/);
  assert.match(await answerTo(Buffer.alloc(64 * 1024 + 1, 0x20)), /at most 65536 bytes/);
  assert.match(await answerTo(`{"jsonrpc":"2.0","id":7,"method":"list","params":{}}${" ".repeat(65536 - 54)}\n`), /"id":7,"result":\[\]/);
  await gateway.stop();
});

test("who owns a listening socket", () => {
  const text = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1001        0 1 1 0
   1: 00000000:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1002        0 1 1 0
   2: 0100007F:1F92 00000000:0000 01 00000000:00000000 00:00000000 00000000  1001        0 1 1 0
`;
  const six = `   0: 00000000000000000000000000000000:1F93 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1003        0 1 1 0\n`;
  const rows = [...parseListening(text), ...parseListening(six)];
  const owner = (host: string, port: number, uid: number): string | null => {
    const address = parseAddress(host);
    return address === null ? "bad" : (
        tcpOwner(
          rows.filter((row) => row.port === port && couldAccept(row, address)),
          [uid],
        )
      );
  };
  assert.is(owner("127.0.0.1", 8080, 1001), null);
  assert.match(owner("127.0.0.1", 8080, 1002) ?? "", /uid 1001/);
  assert.match(owner("127.0.0.2", 8080, 1001) ?? "", /nothing/, "another address");
  assert.is(owner("127.0.0.2", 8081, 1002), null, "the wildcard takes all");
  assert.match(owner("127.0.0.1", 8082, 1001) ?? "", /nothing/, "established is not listening");
  assert.is(owner("::1", 8083, 1003), null);
  assert.is(owner("127.0.0.1", 8083, 1003), null, "a dual-stack wildcard takes IPv4");
  assert.match(owner("::1", 8081, 1002) ?? "", /nothing/, "an IPv4 wildcard does not take IPv6");
  assert.ok(Array.isArray(listeningSockets()));
});

test.run();
