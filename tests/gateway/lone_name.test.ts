// One expose that has its port alone, with `for`: its clients wait for their names, and are charged only when the name has led there.
import * as assert from "uvu/assert";
import { suite } from "../suite.ts";
import { eventually, FORWARDERS, visit, type Visit } from "./gateway_under_test.ts";
import { helloWith, records, serverName } from "./hello_bytes.ts";
import { sharedPort, type Shared, type SharedSetup, type Words } from "./shared_port_under_test.ts";

const test = suite("one expose with `for`");

const lone =
  (clauses: string) =>
  ({ port, www }: Words): string =>
    `edition 1\nexpose www on tcp ${port} for "www.example.com" as passthrough { backend 127.0.0.1:${www} ${clauses} allow from any }`;

interface Status {
  /** By port. */
  readonly waiting: Readonly<Record<string, number>>;
  readonly listeners: readonly { readonly name: string; readonly connections: number }[];
}

const isStatus = (value: unknown): value is Status => typeof value === "object" && value !== null && "listeners" in value && "waiting" in value;

/** Connections that the expose's caps count, and those that wait for their names. */
async function counted({ gateway, port }: Shared): Promise<readonly [charged: number, waiting: number]> {
  const status: unknown = JSON.parse(JSON.stringify(await gateway.daemon.status()));
  if (!isStatus(status)) throw new Error("no status");
  return [status.listeners.find(({ name }) => name === "www")?.connections ?? -1, status.waiting[port] ?? 0];
}

async function silent(s: Shared, from = "127.0.0.1"): Promise<Visit> {
  const before = s.gateway.daemon.forwarder.live;
  const one = visit(s.port, { from });
  await eventually(() => s.gateway.daemon.forwarder.live === before + 1, "it waits");
  return one;
}

async function refused(s: Shared, from = "127.0.0.1"): Promise<string> {
  const before = s.accepts().length;
  const one = visit(s.port, { from });
  await one.closed;
  assert.is(s.accepts().length, before + 1);
  return s.lastAccept().code;
}

async function says(s: Shared, one: Visit, name: string): Promise<string> {
  const before = s.accepts().length;
  one.socket.write(records(helloWith(...(name === "" ? [] : [serverName(name)]))));
  await eventually(() => s.accepts().length > before, "its record");
  return s.lastAccept().code;
}

const served = async (s: Shared, name: string, from?: string): Promise<string> => says(s, await silent(s, from), name);

for (const forwarder of FORWARDERS) {
  const under = (clauses: string, setup: SharedSetup = {}): Promise<Shared> => sharedPort(lone(clauses), { forwarder, ...setup });

  test(`until its name has come a client counts in caps.waiting and in no cap of the expose: ${forwarder}`, async () => {
    const s = await under("cap 1 connections", { config: "caps.waiting = 3\ncaps.waiting_per_source = 2" });
    const first = await silent(s, "127.0.0.2");
    const second = await silent(s, "127.0.0.2");
    const third = await silent(s, "127.0.0.3");
    assert.equal(await counted(s), [0, 3]);
    assert.is(await refused(s, "127.0.0.4"), "cap_waiting");
    assert.is(await says(s, first, "www.example.com"), "allowed");
    assert.equal(await counted(s), [1, 2]);
    assert.is(await says(s, second, "www.example.com"), "cap_listener");
    assert.equal([s.lastAccept().reason, s.lastAccept().sni, s.lastAccept().listener], ["rate", "www.example.com", "www"], "with its name, in phase 2");
    assert.equal(await counted(s), [1, 1]);
    assert.is(await says(s, third, "mail.example.com"), "no_expose");
    assert.equal(await counted(s), [1, 0]);
    first.socket.destroy();
    await eventually(() => s.gateway.daemon.forwarder.live === 0, "its end");
    assert.equal(await counted(s), [0, 0]);
    assert.is(await served(s, "www.example.com"), "allowed", "its place is free");
  });

  test(`one source has waiting_per_source places, or as many as its cap per source if that is less: ${forwarder}`, async () => {
    const s = await under("cap 9 connections, 2 per source", { config: "caps.waiting_per_source = 3" });
    await silent(s, "127.0.0.2");
    await silent(s, "127.0.0.2");
    assert.is(await refused(s, "127.0.0.2"), "cap_waiting_source");
    assert.equal(await counted(s), [0, 2]);
    assert.is(await served(s, "www.example.com", "127.0.0.3"), "allowed");
  });

  test(`a limit is charged with the name: clients that disconnect before it cost nothing, and names that lead nowhere a token each: ${forwarder}`, async () => {
    const s = await under("limit 1/h burst 3 per source");
    for (let i = 0; i < 5; i++) {
      const one = await silent(s);
      one.socket.destroy();
      await eventually(() => s.gateway.daemon.forwarder.live === 0, "it is gone");
    }
    assert.is(await served(s, "www.example.com"), "allowed");
    assert.is(await served(s, "mail.example.com"), "no_expose");
    assert.is(await served(s, ""), "no_expose");
    assert.is(await served(s, "www.example.com"), "limit_source");
    assert.is(await served(s, "www.example.com", "127.0.0.2"), "allowed");
  });
}

test("without `for` the same expose is charged at the accept", async () => {
  const s = await sharedPort((words) => lone("cap 1 connections")(words).replace(' for "www.example.com"', ""));
  await silent(s);
  assert.is((await counted(s))[0], 1);
  assert.is(await refused(s), "cap_listener");
});

test.run();
