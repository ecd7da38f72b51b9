// Several names on one port: each name leads to its expose, whatever that does with TLS, and no other name leads anywhere.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { eventually, FORWARDERS, visit, type Visit } from "./gateway_under_test.ts";
import { helloWith, records, serverName } from "./hello_bytes.ts";
import { sharedPort, threeNames, type Shared, type Words } from "./shared_port_under_test.ts";

const test = suite("shared port");

for (const forwarder of FORWARDERS) {
  test(`three names reach three backends, a fourth and none are refused: ${forwarder}`, async () => {
    const s = await sharedPort(undefined, { forwarder });
    const rows: readonly (readonly [name: string, code: string, listener: string | undefined, got: string])[] = [
      ["www.example.com", "allowed", "www", "www hello"],
      ["a.shop.example.com", "allowed", "shop", "shop hello"],
      ["staff.example.com", "allowed", "staff", "staff hello"],
      ["WWW.Example.COM", "allowed", "www", "www hello"],
      ["B.SHOP.example.com", "allowed", "shop", "shop hello"],
      ["shop.example.com", "no_expose", undefined, ""],
      ["a.b.shop.example.com", "no_expose", undefined, ""],
      ["mail.example.com", "no_expose", undefined, ""],
      ["xn--wgbh1c.example.com", "no_expose", undefined, ""],
      ["", "no_expose", undefined, ""],
    ];
    for (const [name, code, listener, got] of rows) {
      const came = await s.call({ name, certificate: s.client });
      const { reason, ...last } = s.lastAccept();
      assert.equal([last.code, last.listener, came.got], [code, listener, got], name);
      assert.is(reason, code === "allowed" ? "none" : "sni", name);
      assert.is(last.sni, name === "" ? undefined : name.toLowerCase(), name);
    }
    assert.equal([s.behind.www.accepted, s.passed(), s.behind.staff.accepted], [2, 2, 1], "no backend hears of a refusal");
    assert.is(s.accepts().length, rows.length, "one record a connection");
  });
}

/** Clients that connect and say nothing; the first `open` are left open by the gateway. */
async function silent(s: Shared, count: number, from: string, to = "127.0.0.1"): Promise<readonly Visit[]> {
  const visits: Visit[] = [];
  for (let i = 0; i < count; i++) {
    const one = visit(s.port, { from, to });
    await new Promise((resolve) => one.socket.once("connect", resolve));
    visits.push(one);
  }
  return visits;
}

const codes = (s: Shared): readonly string[] => s.accepts().map(({ code }) => code);

for (const forwarder of FORWARDERS) {
  test(`one of a source more than may wait for its name is refused at its accept, and another source is not: ${forwarder}`, async () => {
    const s = await sharedPort(undefined, { forwarder, config: "caps.waiting = 5\ncaps.waiting_per_source = 3" });
    await silent(s, 3, "127.0.0.2");
    await eventually(() => s.gateway.daemon.forwarder.live === 3, "three wait");
    assert.equal(codes(s), [], "nothing is decided");
    const [fourth] = await silent(s, 1, "127.0.0.2");
    await fourth?.closed;
    assert.equal([s.lastAccept().code, s.lastAccept().reason, s.lastAccept().listener], ["cap_waiting_source", "rate", undefined]);
    const others = await silent(s, 2, "127.0.0.3");
    await eventually(() => s.gateway.daemon.forwarder.live === 5, "five wait");
    const [sixth] = await silent(s, 1, "127.0.0.4");
    await sixth?.closed;
    assert.equal([s.lastAccept().code, s.lastAccept().reason], ["cap_waiting", "rate"]);
    // A place is free as soon as its client has closed.
    for (const one of others) one.socket.destroy();
    await eventually(() => s.gateway.daemon.forwarder.live === 3, "two are gone");
    assert.is((await s.call({ name: "www.example.com" })).got, "www hello");
    s.gateway.clock.advance(10_250);
    await eventually(() => s.gateway.daemon.forwarder.live === 0, "hello_late");
    assert.equal(codes(s).filter((code) => code === "hello_late").length, 3);
    for (let i = 0; i < 8; i++) assert.is((await s.call({ name: "www.example.com", from: "127.0.0.2" })).got, "www hello", "no place is lost");
  });
}

test("a client whose name is known waits no more: open connections take no place", async () => {
  const s = await sharedPort(({ port, www, shop }) => threeNames({ port, www, shop, staff: www, rest: www }), {
    config: "caps.waiting = 1\ncaps.waiting_per_source = 1",
  });
  const hello = records(helloWith(serverName("a.shop.example.com")));
  const visits: Visit[] = [];
  for (let i = 1; i <= 4; i++) {
    const [one] = await silent(s, 1, "127.0.0.2");
    if (one === undefined) throw new Error("no client");
    one.socket.write(hello);
    await eventually(() => codes(s).length === i, "its decision");
    visits.push(one);
  }
  assert.equal(codes(s), ["allowed", "allowed", "allowed", "allowed"]);
});

test("the smallest cap per source of the port's exposes bounds who waits", async () => {
  const s = await sharedPort((words) => threeNames(words).replace('cert "www"', 'cert "www" cap 9 connections, 2 per source'));
  await silent(s, 2, "127.0.0.2");
  await eventually(() => s.gateway.daemon.forwarder.live === 2, "two wait");
  const [third] = await silent(s, 1, "127.0.0.2");
  await third?.closed;
  assert.is(s.lastAccept().code, "cap_waiting_source");
});

test("a cap per source from NET bounds how many of those sources wait, and of no other", async () => {
  const s = await sharedPort(
    (words) =>
      threeNames(words)
        .replace('cert "www"', 'cert "www" cap 9 connections, 2 per source from 127.0.0.2/31, 1 per source from 127.0.0.4 dryrun cap 1 per source')
        .replace("as passthrough {", "as passthrough { cap 9 connections, 4 per source"),
    { config: "caps.waiting_per_source = 3" },
  );
  const rows: readonly (readonly [from: string, most: number])[] = [
    ["127.0.0.2", 2],
    ["127.0.0.3", 2],
    ["127.0.0.4", 1],
    ["127.0.0.5", 3],
  ];
  let waiting = 0;
  for (const [i, [from, most]] of rows.entries()) {
    await silent(s, most, from);
    waiting += most;
    await eventually(() => s.gateway.daemon.forwarder.live === waiting, `${most} of ${from} wait`);
    assert.is(codes(s).length, i, from);
    const [next] = await silent(s, 1, from);
    await next?.closed;
    assert.equal([s.lastAccept().code, s.lastAccept().source?.split(":")[0]], ["cap_waiting_source", from]);
  }
});

test("a reload of the configuration changes how many wait from the next client on, under the same policy too", async () => {
  const s = await sharedPort(undefined, { config: "caps.waiting_per_source = 1\ncaps.waiting = 4" });
  const reload = async (caps: string): Promise<void> => {
    const path = join(s.gateway.folder, "test.toml");
    writeFileSync(path, readFileSync(path, "utf8").replace(/caps\.waiting_per_source = .*\ncaps\.waiting = .*/, caps));
    assert.ok((await s.gateway.daemon.reload()).ok, caps);
  };
  const waits = async (from: string, live: number): Promise<void> => {
    await silent(s, 1, from);
    await eventually(() => s.gateway.daemon.forwarder.live === live, `${live} wait`);
  };
  const refused = async (from: string, code: string): Promise<void> => {
    const [one] = await silent(s, 1, from);
    await one?.closed;
    assert.is(s.lastAccept().code, code);
  };
  await waits("127.0.0.2", 1);
  await refused("127.0.0.2", "cap_waiting_source");
  await reload("caps.waiting_per_source = 3\ncaps.waiting = 4");
  await waits("127.0.0.2", 2);
  await waits("127.0.0.2", 3);
  await refused("127.0.0.2", "cap_waiting_source");
  await reload("caps.waiting_per_source = 2\ncaps.waiting = 2");
  assert.is(s.gateway.daemon.forwarder.live, 3, "those that wait stay");
  await refused("127.0.0.3", "cap_waiting");
});

test("caps and limits of an expose are charged when its name has led there, and of no other", async () => {
  const s = await sharedPort((words) => threeNames(words).replace('cert "www"', 'cert "www" limit 1/h burst 2 per source'));
  const rows: readonly (readonly [name: string, code: string, reason: string])[] = [
    ["www.example.com", "allowed", "none"],
    ["a.shop.example.com", "allowed", "none"],
    ["www.example.com", "allowed", "none"],
    ["www.example.com", "limit_source", "rate"],
    ["a.shop.example.com", "allowed", "none"],
    ["staff.example.com", "allowed", "none"],
  ];
  for (const [name, code, reason] of rows) {
    const came = await s.call({ name, certificate: s.client });
    assert.equal([s.lastAccept().code, s.lastAccept().reason, came.got !== ""], [code, reason, code === "allowed"], name);
  }
  assert.is(s.accepts()[3]?.listener, "www");
});

test("a name that leads nowhere costs a token of every limit per source of the port", async () => {
  const s = await sharedPort((words) => threeNames(words).replace('cert "www"', 'cert "www" limit 1/h burst 2 per source'));
  for (const name of ["a.example", "b.example", "c.example"]) {
    await s.call({ name });
    assert.is(s.lastAccept().code, "no_expose", name);
  }
  await s.call({ name: "www.example.com" });
  assert.equal([s.lastAccept().code, s.lastAccept().listener], ["limit_source", "www"]);
  assert.is((await s.call({ name: "a.shop.example.com" })).got, "shop hello", "which has no limit");
  assert.is((await s.call({ name: "www.example.com", from: "127.0.0.2" })).got, "www hello", "another source");
});

test("a cap of an expose counts open connections, and its place is free when one has ended", async () => {
  const s = await sharedPort((words) => threeNames(words).replace("as passthrough {", "as passthrough { cap 1 connections"));
  const [one] = await silent(s, 1, "127.0.0.1");
  one?.socket.write(records(helloWith(serverName("a.shop.example.com"))));
  await eventually(() => codes(s).length === 1, "the first is decided");
  await s.call({ name: "b.shop.example.com" });
  assert.equal(codes(s), ["allowed", "cap_listener"]);
  one?.socket.destroy();
  await eventually(() => s.gateway.daemon.forwarder.live === 0, "it has ended");
  assert.is((await s.call({ name: "b.shop.example.com" })).got, "shop hello");
});

/** Each expose admits other sources; `rest` has every other name. */
function bySource({ port, www, shop, rest }: Words): string {
  return `edition 1
expose www on tcp ${port} for "www.example.com" as passthrough { backend 127.0.0.1:${www} allow from 127.0.0.1 }
expose shop on tcp ${port} for "*.shop.example.com" as passthrough { backend 127.0.0.1:${shop} allow from 127.0.0.2 deny from 127.0.0.9 dryrun allow from 127.0.0.5 }
expose rest on tcp ${port} as passthrough { backend 127.0.0.1:${rest} allow from 127.0.0.3 }
`;
}

test("a source that every expose refuses is refused at its accept; else the expose of the name decides", async () => {
  const s = await sharedPort(bySource);
  const rows: readonly (readonly [from: string, name: string, code: string, reason: string, listener: string | undefined])[] = [
    ["127.0.0.1", "www.example.com", "allowed", "none", "www"],
    ["127.0.0.2", "www.example.com", "no_match", "cidr", "www"],
    ["127.0.0.2", "a.shop.example.com", "allowed", "none", "shop"],
    ["127.0.0.3", "a.shop.example.com", "no_match", "cidr", "shop"],
    ["127.0.0.3", "mail.example.com", "allowed", "none", "rest"],
    ["127.0.0.3", "", "allowed", "none", "rest"],
    ["127.0.0.1", "", "no_match", "cidr", "rest"],
    ["127.0.0.4", "www.example.com", "no_match", "cidr", undefined],
    ["127.0.0.5", "a.shop.example.com", "no_match", "cidr", undefined],
  ];
  for (const [from, name, code, reason, listener] of rows) {
    const [one] = await silent(s, 1, from);
    one?.socket.write(records(helloWith(...(name === "" ? [] : [serverName(name)]))));
    const local = one?.socket.localPort;
    await eventually(() => s.accepts().some(({ source }) => source === `${from}:${local}`), "its record");
    const last = s.lastAccept();
    assert.equal([last.code, last.reason, last.listener], [code, reason, listener], `${from} ${name}`);
    one?.socket.destroy();
  }
  assert.is(s.lastAccept().sni, undefined, "no byte was read of it");
  assert.is(s.lastAccept().shadow?.decision, "undetermined", "the most permissive shadow");
  const [denied] = await silent(s, 1, "127.0.0.9");
  await denied?.closed;
  assert.equal([s.lastAccept().code, s.lastAccept().listener, s.lastAccept().at !== undefined], ["deny_rule", undefined, true], "the rule of the group");
});

test("what no two programs read alike leads nowhere, also where an expose has every other name", async () => {
  const s = await sharedPort(
    (words) => `${threeNames(words)}expose rest on tcp ${words.port} as passthrough { backend 127.0.0.1:${words.rest} allow from any }`,
  );
  const rows: readonly (readonly [name: string, code: string, detail: string | undefined])[] = [
    ["www.example.com.", "allowed", undefined],
    ["a.shop.example.com.", "hello_malformed", "name_dot"],
    ["mail.example.com.", "hello_malformed", "name_dot"],
    ["192.0.2.1", "hello_malformed", "name_ip_literal"],
    ["*.shop.example.com", "hello_malformed", "name_wildcard"],
    ["www.example.com\0.evil.example", "hello_malformed", "name_nul"],
    ["b\u00fccher.shop.example.com", "hello_malformed", "name_byte"],
    ["xn--bcher-kva.shop.example.com", "allowed", undefined],
  ];
  for (const [name, code, detail] of rows) {
    const before = s.accepts().length;
    const [one] = await silent(s, 1, "127.0.0.1");
    one?.socket.write(records(helloWith(serverName(name))));
    // Where TLS ends here the rest of the handshake never comes.
    await eventually(() => s.accepts().length > before || (one !== undefined && one.socket.bytesRead > 0), name);
    if (name === "www.example.com.") one?.socket.destroy();
    else assert.equal([s.lastAccept().code, s.lastAccept().detail], [code, detail], name);
    await eventually(() => s.gateway.daemon.forwarder.live === 0 || code === "allowed", "its end");
    one?.socket.destroy();
    await eventually(() => s.gateway.daemon.forwarder.live === 0, "its end");
  }
});

test("a hello byte by byte waits for its last byte, and has one place until then", async () => {
  const s = await sharedPort(undefined, { config: "caps.waiting_per_source = 1" });
  const [one] = await silent(s, 1, "127.0.0.1");
  const stream = records(helloWith(serverName("a.shop.example.com")));
  for (const byte of stream.subarray(0, -1)) await new Promise((resolve) => one?.socket.write(Buffer.of(byte), resolve));
  await s.call({ name: "www.example.com" });
  assert.equal(codes(s), ["cap_waiting_source"]);
  assert.is(s.passed(), 0);
  one?.socket.write(stream.subarray(-1));
  await eventually(() => codes(s).length === 2, "its decision");
  assert.is(s.lastAccept().code, "allowed");
});

test.run();
