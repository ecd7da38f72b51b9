// `backends.networks` at the start and at reloads, in one process: which backends a policy may name, the effect of a narrower
// configuration, and the log and status of both. Nothing is sent to another host, because no address of one is connected to.
import * as assert from "uvu/assert";
import { statusText } from "../../gateway/cli/status_text.ts";
import { parseAddress, type Address } from "../../runtime/net/address.ts";
import { suite } from "../suite.ts";
import { backend, eventually, freePort, moduleOf, probe, running, start, visit, type Under } from "./gateway_under_test.ts";
import { denialOf, intent } from "./registering.ts";

const test = suite("backends.networks");
const NO_WATCH = "policy.watch = false\n";
/** TEST-NET-1 and TEST-NET-2, which no host has. */
const NETWORKS = 'backends.networks = ["192.0.2.0/24"]';
const THERE = "192.0.2.7:80";

const policy = (port: number, backends: string, more = ""): string => `edition 1\nexpose web on tcp ${port} { backend ${backends} allow from any }${more}`;

async function reloaded({ daemon }: Under): Promise<string> {
  const report = await daemon.reload();
  return report.ok ? "done" : `${report.error.cause}: ${report.error.message}`;
}

async function metricsOf(gateway: Under): Promise<string> {
  const client = await gateway.control();
  const metrics = JSON.stringify(await client.call("metrics"));
  client.close();
  return metrics.replaceAll("\\n", "\n").replaceAll('\\"', '"');
}

test("a start with a policy that names another host is refused, and says which key allows it", async () => {
  for (const config of ["", 'backends.networks = ["198.51.100.0/24"]', 'backends.networks = ["::/0"]']) {
    const port = await freePort();
    const started = await start({ policy: policy(port, `127.0.0.1:9, remote ${THERE}`), config: NO_WATCH + config });
    if (!("failure" in started)) throw new Error(`it serves with \`${config}\``);
    assert.match(
      started.failure.message,
      /expose `web`: its backend 192\.0\.2\.7:80 is on another host, and in none of backends\.networks: add its network to the configuration/,
    );
    assert.equal(
      started.markers.filter((line) => line.includes("port open")),
      [],
    );
  }
});

test("a start where a network contains it serves, and a reload to another one is refused as a whole", async () => {
  const local = await backend("local");
  const [port, more] = [await freePort(), await freePort()];
  const gateway = await running({ policy: policy(port, `127.0.0.1:${local.port}`), config: NO_WATCH + NETWORKS });
  gateway.place(moduleOf(policy(port, `remote 198.51.100.7:80`, `\nexpose also on tcp ${more} { backend remote 198.51.100.8:80 allow from any }`)));
  const refused =
    /^policy: expose `also`: its backend 198\.51\.100\.8:80 is on another host, .*: add its network to the configuration \(and the networks of 1 more\)$/;
  assert.match(await reloaded(gateway), refused);
  assert.is(await probe(port), "allow", "the policy before");
  assert.match(JSON.stringify(await gateway.daemon.status()), /"refused":1,"last":\[\{[^}]*"because":"expose `also`: its backend/);
  gateway.place(moduleOf(policy(port, `127.0.0.1:${local.port}, remote ${THERE}`)));
  assert.is(await reloaded(gateway), "done");
  gateway.configure(`${NO_WATCH}backends.networks = ["192.0.2.0/24", "198.51.100.0/24"]`);
  gateway.place(moduleOf(policy(port, `127.0.0.1:${local.port}, remote 198.51.100.7:80`)));
  assert.is(await reloaded(gateway), "done", "network and policy come in one reload");
});

test("a narrower configuration takes effect whatever the policy names, and is said, shown and counted; a wider one takes it back", async () => {
  const port = await freePort();
  const gateway = await running({ policy: policy(port, `remote ${THERE}`), config: NO_WATCH + NETWORKS });
  const shown = async (): Promise<string> => statusText(await gateway.daemon.status());
  assert.not.match(await shown(), /not used/);
  assert.match(await metricsOf(gateway), /^ingressd_backend_unused\{listener="web",backend="192\.0\.2\.7:80"\} 0$/m);
  gateway.configure(`${NO_WATCH}backends.networks = ["192.0.2.0/30"]`);
  assert.is(await reloaded(gateway), "done");
  const said = "expose `web`: 192.0.2.7:80 is in none of backends.networks: no connection goes there";
  assert.is(gateway.said.filter((line) => line === said).length, 1);
  assert.is(await probe(port), "deny");
  const last = gateway.records().at(-1);
  assert.equal([last?.op, last?.code, last?.reason], ["accept", "no_backend", "policy"]);
  assert.match(await shown(), /192\.0\.2\.7:80: 0 open, not used \(192\.0\.2\.7:80 is in none of backends\.networks\)/);
  assert.match(JSON.stringify(await gateway.daemon.status()), /"unused_because":"192\.0\.2\.7:80 is in none of backends\.networks"/);
  assert.match(await metricsOf(gateway), /^ingressd_backend_unused\{listener="web",backend="192\.0\.2\.7:80"\} 1$/m);
  assert.is(await reloaded(gateway), "done", "the policy in force may be loaded again");
  assert.is(gateway.said.filter((line) => line === said).length, 1, "once");
  gateway.place(moduleOf(`${policy(port, `remote ${THERE}`)}\ndeny from 203.0.113.0/24`));
  assert.match(await reloaded(gateway), /^policy: expose `web`: its backend 192\.0\.2\.7:80 is on another host/, "another policy that names it");
  gateway.configure(NO_WATCH + NETWORKS);
  assert.is(await reloaded(gateway), "done");
  assert.not.match(await shown(), /not used/);
  gateway.configure(NO_WATCH);
  assert.is(await reloaded(gateway), "done");
  assert.is(gateway.said.filter((line) => line === said).length, 2, "said again after it was not so");
});

test("a prepared change looks at the networks to come, and its abort brings back the policy that it no longer allowed", async () => {
  const local = await backend("local");
  const [port, kept] = [await freePort(), await freePort()];
  const before = policy(port, `127.0.0.1:${local.port}, remote ${THERE}`);
  const gateway = await running({ policy: before, config: NO_WATCH + NETWORKS });
  gateway.configure(NO_WATCH);
  gateway.place(moduleOf(policy(kept, `127.0.0.1:${local.port}`)));
  const change = await gateway.daemon.prepare();
  if (!change.ok) throw new Error(change.error.message);
  assert.ok((await change.value.commit()).ok);
  assert.is(await probe(kept), "allow");
  assert.ok((await change.value.abort()).ok);
  assert.match(statusText(await gateway.daemon.status()), new RegExp(`:${port} +2 backends`), "the policy before decides");
  assert.not.match(statusText(await gateway.daemon.status()), /not used/, "under the configuration before");
});

test("an address of this host is never one of another: no connection is made to it, and it is said", async () => {
  const port = await freePort();
  const own: Address[] = [];
  const gateway = await running({ policy: policy(port, `remote 192.0.2.7:${port}`), config: NO_WATCH + NETWORKS, hostAddresses: () => own });
  const address = parseAddress("192.0.2.7");
  if (address === null) throw new Error("no address");
  own.push(address);
  const said = (): readonly string[] => gateway.said.filter((line) => line.includes("is an address of this host: no connection goes there"));
  await eventually(() => (gateway.clock.advance(5_000), said().length > 0), "it is said");
  assert.is(await probe(port), "deny");
  assert.is(gateway.records().at(-1)?.code, "no_backend");
  own.length = 0;
  gateway.clock.advance(5_000);
  assert.not.match(statusText(await gateway.daemon.status()), /not used/, "it is another host's again");
});

test("while the host's addresses can't be read, clients are served, a reload succeeds and status answers", async () => {
  const local = await backend("local");
  const port = await freePort();
  let isLacking = false;
  const text = policy(port, `127.0.0.1:${local.port}, remote 192.0.2.7:${port}`);
  const gateway = await running({
    policy: text,
    config: NO_WATCH + NETWORKS,
    hostAddresses: () => {
      if (isLacking) throw new Error("EMFILE: too many open files");
      return [];
    },
  });
  isLacking = true;
  gateway.clock.advance(10_000);
  gateway.place(moduleOf(`${text}\ndeny from 203.0.113.0/24`));
  assert.is(await reloaded(gateway), "done");
  assert.is(await visit(port).first, "local");
  assert.match(statusText(await gateway.daemon.status()), new RegExp(`:${port} +2 backends`));
  assert.match(await metricsOf(gateway), /^ingressd_backend_unused\{listener="web",backend="192\.0\.2\.7:\d+"\} 0$/m);
  assert.is(gateway.said.filter((line) => line.includes("addresses of this host can't be read: EMFILE")).length, 1);
});

test("a gateway that has never read the host's addresses does not start, and says why", async () => {
  const port = await freePort();
  const started = await start({
    policy: policy(port, "127.0.0.1:9"),
    config: NO_WATCH,
    hostAddresses: () => {
      throw new Error("EMFILE: too many open files");
    },
  });
  if (!("failure" in started)) throw new Error("it serves");
  assert.match(started.failure.message, /the addresses of this host can't be read: EMFILE/);
});

test("of several backends only those that are allowed get connections", async () => {
  const local = await backend("local");
  const port = await freePort();
  const gateway = await running({ policy: policy(port, `127.0.0.1:${local.port}, remote ${THERE}`), config: NO_WATCH + NETWORKS });
  gateway.configure(NO_WATCH);
  assert.is(await reloaded(gateway), "done");
  const all = [visit(port), visit(port), visit(port)];
  assert.equal(await Promise.all(all.map(({ first }) => first)), ["local", "local", "local"]);
  assert.is(local.accepted, 3);
  assert.equal([...gateway.daemon.counters.ends], [], "none was tried and failed");
});

test("a registration can't name another host, whatever the networks are", async () => {
  const port = await freePort();
  const gateway = await running({
    policy: `edition 1\nexpose web on tcp ${port} { allow from any }`,
    config: `${NO_WATCH}${NETWORKS}\n[services.web]\nuid = ${process.getuid?.() ?? 0}`,
  });
  const client = await gateway.control();
  for (const named of [THERE, `remote ${THERE}`, "[2001:db8::7]:80"]) {
    assert.match(denialOf(await client.call("register", intent(port, named))), /must be a loopback address|must be a literal address/, named);
  }
  client.close();
});

test.run();
