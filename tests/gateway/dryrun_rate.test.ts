// Dryrun caps and limits in a running gateway: everybody is served, and records, status and metrics say whom they would have refused.
import * as assert from "uvu/assert";
import { statusText } from "../../gateway/cli/status_text.ts";
import { suite } from "../suite.ts";
import { accepts, clients, onEach, query, served } from "./served_datagrams.ts";
import { backend, eventually, FORWARDERS, freePort, moduleOf, probe, running, visit, type Under } from "./gateway_under_test.ts";
import { helloWith, records, serverName } from "./hello_bytes.ts";
import { sharedPort, type Words } from "./shared_port_under_test.ts";

const test = suite("dryrun rate");
const both = onEach(test);

const said = (gateway: Under): readonly (string | undefined)[] =>
  gateway
    .records()
    .filter(({ op }) => op === "accept")
    .map(({ decision, code, would }) => (decision === "allow" ? would : code));

function dryrunRate(status: unknown): unknown {
  return typeof status === "object" && status !== null && "dryrun_rate" in status ? status.dryrun_rate : "no such key";
}

for (const forwarder of FORWARDERS) {
  test(`over tcp: all are served, and counted by listener and code; removing the word keeps the debt: ${forwarder}`, async () => {
    const behind = await backend("hello");
    const port = await freePort();
    const policy = (limit: string): string => `edition 1
expose web on tcp ${port} { backend 127.0.0.1:${behind.port} cap 5 connections ${limit} allow from 127.0.0.0/30 }`;
    const gateway = await running({ policy: policy("dryrun limit 2/h per source dryrun cap 1 per source"), forwarder });
    // The cap would have refused the second one while the first is open.
    for (const which of ["the first", "the second"]) {
      assert.is(await probe(port), "allow", which);
      await eventually(() => gateway.daemon.forwarder.live === 0, `${which} has ended`);
    }
    const stays = visit(port, { from: "127.0.0.2" });
    assert.is(await stays.first, "hello");
    assert.equal([await probe(port, "127.0.0.2"), await probe(port), await probe(port, "127.0.0.5")], ["allow", "allow", "deny"]);
    assert.equal(said(gateway), [undefined, undefined, undefined, "cap_source", "limit_source", "no_match"]);
    assert.equal(dryrunRate(await gateway.daemon.status()), { web: { cap_source: 1, limit_source: 1 } });
    const client = await gateway.control();
    const answer = await client.call("metrics");
    client.close();
    // Quotes as they are inside of a JSON text.
    for (const code of ["cap_source", "limit_source"]) {
      const row = `ingressd_dryrun_rate_total{listener="web",code="${code}"} 1`;
      assert.ok(JSON.stringify(answer).includes(JSON.stringify(row).slice(1, -1)), row);
    }
    gateway.place(moduleOf(policy("limit 2/h per source")));
    assert.ok((await gateway.daemon.reload()).ok);
    assert.equal([await probe(port), await probe(port, "127.0.0.2"), await probe(port, "127.0.0.2")], ["deny", "allow", "deny"]);
    assert.equal(said(gateway).slice(6), ["limit_source", undefined, "limit_source"]);
    stays.socket.destroy();
  });
}

both("over udp", async () => {
  const { gateway, port } = await served("amplify any dryrun limit 1/h per source allow from any");
  const all = await clients(3);
  for (const client of all) await query(client, port);
  assert.equal(
    accepts(gateway).map(({ decision, would }) => [decision, would]),
    [
      ["allow", undefined],
      ["allow", "limit_source"],
      ["allow", "limit_source"],
    ],
  );
  assert.equal(dryrunRate(await gateway.daemon.status()), { dns: { limit_source: 2 } });
});

for (const forwarder of FORWARDERS) {
  test(`where a name leads to an expose, and per identity; a refused connection says nothing: ${forwarder}`, async () => {
    const s = await sharedPort(
      ({ port, www, staff }) => `edition 1
expose www on tcp ${port} for "www.example.com" as tls { backend 127.0.0.1:${www} cert "www" dryrun limit 1/h per source allow from any }
expose staff on tcp ${port} for "staff.example.com" as mtls {
  backend 127.0.0.1:${staff} cert "staff" ca "corp"
  dryrun limit 1/h burst 2 per listener
  dryrun limit 1/h per identity
  allow from any client dns "anna.example.com"
}`,
      { forwarder },
    );
    const got: (string | undefined)[][] = [];
    for (const name of ["www.example.com", "www.example.com", "staff.example.com", "staff.example.com", "staff.example.com", "mail.example.com"]) {
      await s.call({ name, certificate: s.client });
      const { code, would } = s.lastAccept();
      got.push([code, would]);
    }
    await s.call({ name: "staff.example.com" });
    got.push([s.lastAccept().code, s.lastAccept().would]);
    assert.equal(got, [
      ["allowed", undefined],
      ["allowed", "limit_source"],
      ["allowed", undefined],
      ["allowed", "limit_identity"],
      ["allowed", "limit_listener"],
      ["no_expose", undefined],
      ["no_certificate", undefined],
    ]);
    assert.equal(dryrunRate(await s.gateway.daemon.status()), { www: { limit_source: 1 }, staff: { limit_identity: 1, limit_listener: 1 } });
  });
}

test("one expose with a port of its own says it in the record of its hello, though it was charged at the accept", async () => {
  const s = await sharedPort(
    ({ port, www }) => `edition 1
expose www on tcp ${port} as tls { backend 127.0.0.1:${www} cert "www" dryrun limit 1/h per source allow from any }`,
  );
  await s.call({ name: "www.example.com" });
  await s.call({ name: "www.example.com" });
  assert.equal(
    s.accepts().map(({ code, would }) => [code, would]),
    [
      ["allowed", undefined],
      ["allowed", "limit_source"],
    ],
  );
});

/** One expose, or two of which a name says which; the first has the clauses. */
const alone = ({ port, www }: Words, clauses: string): string => `edition 1
expose www on tcp ${port} as passthrough { backend 127.0.0.1:${www} ${clauses} allow from any }`;
const shared = ({ port, www, staff }: Words, clauses: string): string => `edition 1
expose www on tcp ${port} for "www.example.com" as passthrough { backend 127.0.0.1:${www} ${clauses} allow from any }
expose staff on tcp ${port} for "staff.example.com" as passthrough { backend 127.0.0.1:${staff} allow from any }`;

for (const [what, first, next, due] of [
  [
    "a port that they shared, by the expose that has it alone",
    (w: Words) => shared(w, ""),
    (w: Words) => alone(w, "dryrun limit 1/h per source"),
    ["limit_source", "nobody"],
  ],
  ["one expose, by that of its name", (w: Words) => alone(w, "dryrun limit 1/h per source"), (w: Words) => shared(w, ""), ["nobody", "nobody"]],
] as const)
  test(`who waits for a name over a reload is counted at ${what}`, async () => {
    const s = await sharedPort(first);
    const two = [visit(s.port), visit(s.port)];
    await eventually(() => s.gateway.daemon.forwarder.live === 2, "they wait");
    s.gateway.place(moduleOf(next(s.words)));
    assert.ok((await s.gateway.daemon.reload()).ok);
    for (const { socket } of two) socket.write(records(helloWith(serverName("www.example.com"))));
    await eventually(() => s.accepts().length === 2, "they are served");
    const said = s.accepts().map(({ would = "nobody" }) => would);
    assert.equal(said.sort(), due);
    for (const { socket } of two) socket.destroy();
  });

test("status for people has a line only where there is something to say", () => {
  assert.not.match(statusText({ policy: null, dryrun_rate: {} }), /dryrun/);
  assert.match(
    statusText({ policy: null, dryrun_rate: { web: { cap_source: 2, limit_source: 1 }, "a\u001bb": { limit_listener: 7 } } }),
    /^dryrun +web cap_source 2, web limit_source 1, a\\u\{1b\}b limit_listener 7$/m,
  );
});

test.run();
