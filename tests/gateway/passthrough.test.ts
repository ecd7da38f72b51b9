// Passthrough listeners: the name in the ClientHello decides, before any backend hears of it, and
// every byte that was read arrives. Real sockets, recorded hellos of real clients.
import { connect, type Socket } from "node:net";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { backend, countedFor, eventually, freePort, moduleOf, running, type BackendUnderTest, type Under } from "./gateway_under_test.ts";
import { helloWith, padding, record, recorded, records, serverName } from "./hello_bytes.ts";

const test = suite("passthrough");

const helloOf = (...names: readonly string[]): Buffer => records(helloWith(...(names.length === 0 ? [] : [serverName(...names)])));
const GOOD = helloOf("www.example.com");
const quantum = recorded().find(({ name }) => name === "chromium156");

interface Setting {
  readonly gateway: Under;
  readonly behind: BackendUnderTest;
  readonly port: number;
  policy(body: string): string;
}

async function setting(body: string, config?: string): Promise<Setting> {
  const behind = await backend("");
  const port = await freePort();
  const policy = (text: string): string => `edition 1
expose web on tcp ${port} as passthrough {
  backend 127.0.0.1:${behind.port}
  ${text}
}`;
  const gateway = await running({ policy: policy(body), ...(config !== undefined && { config }) });
  return { gateway, behind, port, policy };
}

async function end({ gateway, behind }: Setting): Promise<void> {
  await gateway.stop();
  behind.close();
}

interface Client {
  readonly socket: Socket;
  readonly got: () => Buffer;
  readonly closed: () => boolean;
}

async function client(port: number, from = "127.0.0.1"): Promise<Client> {
  const parts: Buffer[] = [];
  let closed = false;
  const socket = connect({ port, host: "127.0.0.1", localAddress: from, allowHalfOpen: true, noDelay: true });
  socket.on("error", () => undefined);
  socket.on("data", (chunk) => parts.push(chunk));
  socket.once("close", () => {
    closed = true;
  });
  await new Promise((resolve) => {
    socket.once("connect", resolve);
    socket.once("close", resolve);
  });
  return { socket, got: () => Buffer.concat(parts), closed: () => closed };
}

const BODY = 'allow from any sni "www.example.com", "*.apps.example.com"\n  deny sni "evil.apps.example.com"';
const code = (s: Setting): string | undefined =>
  s.gateway
    .records()
    .filter(({ op }) => op === "accept")
    .at(-1)?.code;

test("the name decides, and the bytes that were read reach the backend", async () => {
  const s = await setting(BODY);
  const table: readonly (readonly [what: string, stream: Buffer, code: string])[] = [
    ["a name", GOOD, "allowed"],
    ["a name in capitals", helloOf("WWW.Example.COM"), "allowed"],
    ["a name with a dot behind it", helloOf("www.example.com."), "hello_malformed"],
    ["a name under a pattern", helloOf("a.apps.example.com"), "allowed"],
    ["two labels under it", helloOf("a.b.apps.example.com"), "no_name"],
    ["the pattern's own name", helloOf("apps.example.com"), "no_name"],
    ["a denied name", helloOf("evil.apps.example.com"), "deny_name"],
    ["another name", helloOf("www.example.org"), "no_name"],
    ["no name", helloOf(), "no_name"],
    ["spread over records", records(helloWith(serverName("www.example.com")), 1, 2, 50), "allowed"],
    ["with data behind it", Buffer.concat([GOOD, Buffer.from([23, 3, 3, 0, 1, 7])]), "allowed"],
    // One of them was recorded with a dot behind the name.
    ...recorded().map(({ name, stream }) => [`what ${name} sent`, stream, stream.includes("WWW.Example.COM.") ? "hello_malformed" : "allowed"] as const),
    ["no TLS at all", Buffer.from("GET / HTTP/1.1\r\n\r\n"), "hello_malformed"],
    ["an alert", Buffer.from([21, 3, 1, 0, 2, 2, 40]), "hello_malformed"],
    ["two names", helloOf("www.example.com", "evil.example"), "hello_malformed"],
    ["a name with a NUL", helloOf("www.example.com\0.evil.example"), "hello_malformed"],
    ["a wildcard", helloOf("*.apps.example.com"), "hello_malformed"],
    ["too large", Buffer.concat([Buffer.from([22, 3, 1, 0, 4]), Buffer.from([1, 0, 0x40, 1])]), "hello_too_large"],
    ["one record too many", records(helloWith(serverName("www.example.com"), padding(200)), ...Array.from({ length: 64 }, (_, i) => i + 1)), "hello_too_large"],
  ];
  for (const [what, stream, due] of table) {
    const reached = s.behind.accepted;
    const before = s.gateway.records().length;
    const c = await client(s.port);
    c.socket.write(stream);
    if (due === "allowed") await eventually(() => c.got().length >= stream.length, `${what}: the echo`);
    else await eventually(c.closed, `${what}: the refusal`);
    const said = s.gateway.records();
    assert.is(said.length - before, 1, `${what}: one record a decision`);
    assert.is(said.at(-1)?.code, due, what);
    assert.is(said.at(-1)?.reason, due === "allowed" ? "none" : "sni", what);
    assert.is(s.behind.accepted - reached, due === "allowed" ? 1 : 0, what);
    assert.ok(due !== "allowed" || c.got().equals(stream), `${what}: the same bytes`);
    c.socket.destroy();
    await eventually(() => s.gateway.daemon.forwarder.live === 0, `${what}: its end`);
  }
  assert.ok(s.gateway.markers.includes("ingressd: deny (reason=sni)"));
  assert.is(s.gateway.daemon.counters.byReason.get("sni"), table.filter(([, , due]) => due !== "allowed").length);
  await end(s);
});

test("byte by byte it is the same hello", async () => {
  const s = await setting(BODY);
  const stream = quantum?.stream ?? GOOD;
  assert.ok(stream.length > 1_500, "a post-quantum hello is longer than a segment");
  const c = await client(s.port);
  for (const byte of stream) {
    assert.is(s.behind.accepted, 0);
    await new Promise((resolve) => c.socket.write(Buffer.from([byte]), resolve));
  }
  await eventually(() => c.got().length === stream.length, "the echo");
  assert.ok(c.got().equals(stream));
  c.socket.destroy();
  await end(s);
});

test("a connection that is reading is ended exactly at the deadline", async () => {
  const s = await setting(BODY, "[timers]\nhello_ms = 2000");
  const c = await client(s.port);
  c.socket.write(GOOD.subarray(0, 40));
  await eventually(() => s.gateway.daemon.forwarder.live === 1, "the reading");
  await eventually(() => s.gateway.daemon.forwarder.buffered(0) === 40, "the first bytes");
  s.gateway.clock.advance(1_000);
  assert.is(s.gateway.records().filter(({ op }) => op === "accept").length, 0);
  s.gateway.clock.advance(1_000);
  await eventually(c.closed, "the refusal");
  assert.is(code(s), "hello_late");
  assert.is(s.gateway.daemon.forwarder.live, 0);
  await end(s);
});

test("a hello that is whole at the deadline is late, and a millisecond earlier it is not, whenever timers are looked at", async () => {
  const s = await setting(BODY, "[timers]\nhello_ms = 120");
  for (const [ms, due] of [
    [119, "allowed"],
    [120, "hello_late"],
  ] as const) {
    const c = await client(s.port);
    c.socket.write(GOOD.subarray(0, 40));
    await eventually(() => s.gateway.daemon.forwarder.buffered(0) === 40, "the first bytes");
    s.gateway.clock.advance(ms);
    assert.is(s.gateway.daemon.forwarder.live, 1, "no sweep in between");
    c.socket.write(GOOD.subarray(40));
    await eventually(() => (due === "allowed" ? c.got().length === GOOD.length : c.closed()), due);
    assert.is(code(s), due);
    c.socket.destroy();
    await eventually(() => s.gateway.daemon.forwarder.live === 0, "the end");
  }
  await end(s);
});

test("the record of a refused hello says what is wrong with it", async () => {
  const s = await setting(BODY);
  const table: readonly (readonly [stream: Buffer, code: string, detail: string | undefined])[] = [
    [Buffer.from("GET / HTTP/1.1\r\n\r\n"), "hello_malformed", "not_tls"],
    [Buffer.from([21, 3, 1, 0, 2, 2, 40]), "hello_malformed", "record_type"],
    [helloOf("www.example.com", "evil.example"), "hello_malformed", "two_names"],
    [helloOf("*.apps.example.com"), "hello_malformed", "name_wildcard"],
    [Buffer.concat([Buffer.from([22, 3, 1, 0, 4]), Buffer.from([1, 0, 0x40, 1])]), "hello_too_large", "too_large"],
    [helloOf("www.example.org"), "no_name", undefined],
    [GOOD.subarray(0, 30), "hello_gone", "cut_short"],
  ];
  for (const [stream, due, detail] of table) {
    const c = await client(s.port);
    c.socket.write(stream);
    if (due === "hello_gone") c.socket.end();
    await eventually(c.closed, `${due}: the refusal`);
    const last = s.gateway.records().at(-1);
    assert.equal([last?.code, last?.detail], [due, detail]);
  }
  await end(s);
});

test("a client that disconnects early, cleanly or not, is recorded and uses no cap", async () => {
  const s = await setting(`cap 1 connections\n  ${BODY}`);
  for (const disconnect of [(c: Client) => c.socket.end(), (c: Client) => c.socket.resetAndDestroy(), (c: Client) => c.socket.destroy()]) {
    const before = s.gateway.records().length;
    const c = await client(s.port);
    c.socket.write(GOOD.subarray(0, 20));
    await eventually(() => s.gateway.daemon.forwarder.live === 1, "the reading");
    disconnect(c);
    await eventually(() => s.gateway.records().length > before, "the record");
    assert.is(code(s), "hello_gone");
    await eventually(() => s.gateway.daemon.forwarder.live === 0, "the end");
  }
  assert.is(s.behind.accepted, 0);
  await end(s);
});

test("a cap counts while the hello is read, and is given back by a refusal", async () => {
  const s = await setting(`cap 1 connections\n  ${BODY}`);
  const first = await client(s.port);
  await eventually(() => s.gateway.daemon.forwarder.live === 1, "the first");
  const second = await client(s.port);
  await eventually(second.closed, "no room for a second");
  assert.is(code(s), "cap_listener");
  first.socket.write(helloOf("www.example.org"));
  await eventually(first.closed, "the refusal");
  assert.is(code(s), "no_name");
  const third = await client(s.port);
  third.socket.write(GOOD);
  await eventually(() => third.got().length === GOOD.length, "room again");
  assert.is(code(s), "allowed");
  third.socket.destroy();
  await end(s);
});

test("a source that phase 1 refuses is not read", async () => {
  const s = await setting('allow from 127.0.0.2 sni "www.example.com"');
  const c = await client(s.port);
  c.socket.write(GOOD);
  await eventually(c.closed, "the refusal");
  assert.is(code(s), "no_match");
  assert.is(s.gateway.records().at(-1)?.reason, "cidr");
  await end(s);
});

test("between the phases a reload starts again, without a second charge", async () => {
  const s = await setting(`cap 1 connections\n  ${BODY}`);
  const c = await client(s.port);
  c.socket.write(GOOD.subarray(0, 30));
  await eventually(() => s.gateway.daemon.forwarder.live === 1, "the reading");
  s.gateway.place(moduleOf(s.policy('cap 1 connections\n  allow from any sni "new.example.com"')));
  assert.ok((await s.gateway.daemon.reload()).ok);
  c.socket.write(GOOD.subarray(30));
  await eventually(c.closed, "the new policy's refusal");
  assert.is(code(s), "no_name");
  assert.is(s.gateway.records().at(-1)?.generation, 2);
  const next = await client(s.port);
  next.socket.write(helloOf("new.example.com"));
  await eventually(() => next.got().length > 0, "the one place is free");
  next.socket.destroy();
  await end(s);
});

test("a reload that takes the source away refuses while the hello is read", async () => {
  const s = await setting(BODY);
  const c = await client(s.port);
  await eventually(() => s.gateway.daemon.forwarder.live === 1, "the reading");
  s.gateway.place(moduleOf(s.policy('allow from 127.0.0.2 sni "www.example.com"')));
  assert.ok((await s.gateway.daemon.reload()).ok);
  await eventually(c.closed, "the refusal");
  const last = s.gateway
    .records()
    .filter(({ op }) => op === "accept")
    .at(-1);
  assert.is(last?.code, "no_match");
  assert.is(last?.generation, 2);
  assert.is(s.gateway.daemon.forwarder.live, 0);
  await end(s);
});

test("a stream is evaluated again with the name that was kept", async () => {
  const s = await setting(BODY);
  const names = ["www.example.com", "a.apps.example.com"];
  const [gone, stays] = await Promise.all(
    names.map(async (name) => {
      const c = await client(s.port);
      c.socket.write(helloOf(name));
      await eventually(() => c.got().length > 0, name);
      return c;
    }),
  );
  s.gateway.place(moduleOf(s.policy('allow from any sni "*.apps.example.com"')));
  const report = await s.gateway.daemon.reload();
  assert.is(report.ok && report.value.rechecked, 1);
  await eventually(() => gone?.closed() === true, "the one that is no longer allowed");
  assert.is(stays?.closed(), false);
  stays?.socket.destroy();
  await end(s);
});

test("a stream whose name was never read does not survive that the name decides", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const text = (mode: string, rule: string): string => `edition 1\nexpose web on tcp ${port} as ${mode} { backend 127.0.0.1:${behind.port} ${rule} }`;
  const gateway = await running({ policy: text("tcp", "allow from any") });
  const c = await client(port);
  await eventually(() => c.got().length > 0, "the greeting");
  gateway.place(moduleOf(text("passthrough", 'allow from any deny sni "www.example.com"')));
  assert.ok((await gateway.daemon.reload()).ok);
  await eventually(c.closed, "the cut");
  assert.is(gateway.records().at(-1)?.detail, "no_name");
  await gateway.stop();
  behind.close();
});

test("an `until` that passes ends the streams that it admitted, and no others", async () => {
  const s = await setting('allow from 127.0.0.1 sni "www.example.com" until 2030-01-01T01:00Z\n  allow from 127.0.0.2');
  const [ends, stays] = await Promise.all(
    ["127.0.0.1", "127.0.0.2"].map(async (from) => {
      const c = await client(s.port, from);
      c.socket.write(GOOD);
      await eventually(() => c.got().length > 0, from);
      return c;
    }),
  );
  // The time is 00:16:40; the stream is not idle for as long as the test is about.
  for (let i = 0; i < 43; i++) {
    s.gateway.clock.advance(60_000);
    for (const c of [ends, stays]) c?.socket.write("x");
    await eventually(
      () => [ends, stays].every((c) => c !== undefined && countedFor(s.gateway, c.socket) === c.got().length && c.got().length === GOOD.length + i + 1),
      "the byte",
    );
  }
  assert.is(ends?.closed(), false);
  s.gateway.clock.advance(60_000);
  await eventually(() => ends?.closed() === true, "the end");
  assert.is(s.gateway.records().at(-1)?.op, "recheck");
  assert.is(stays?.closed(), false);
  const late = await client(s.port);
  late.socket.write(GOOD);
  await eventually(late.closed, "no second one");
  stays?.socket.destroy();
  await end(s);
});

test("dryrun says what it would do and does nothing", async () => {
  const s = await setting('allow from any\n  dryrun deny sni "www.example.com"');
  const c = await client(s.port);
  c.socket.write(GOOD);
  await eventually(() => c.got().length > 0, "the echo");
  const last = s.gateway.records().at(-1);
  assert.is(last?.decision, "allow");
  assert.is(last?.sni, "www.example.com");
  assert.is(last?.shadow?.decision, "deny");
  assert.is(last?.shadow?.code, "deny_name");
  const gone = await client(s.port);
  gone.socket.end();
  await eventually(gone.closed, "the refusal");
  assert.is(s.gateway.records().at(-1)?.shadow?.decision, "undetermined");
  assert.equal(s.gateway.daemon.counters.shadow, { allow: 0, deny: 1, undetermined: 1, differs: 1 });
  c.socket.destroy();
  await end(s);
});

test("draining refuses what is still being read", async () => {
  const s = await setting(BODY);
  const c = await client(s.port);
  await eventually(() => s.gateway.daemon.forwarder.live === 1, "the reading");
  const stopped = s.gateway.daemon.stop();
  await eventually(c.closed, "the refusal");
  await stopped;
  assert.is(code(s), "draining");
  s.behind.close();
});

test("a first record that never ends is no more than its bound", async () => {
  const s = await setting(BODY);
  const c = await client(s.port);
  c.socket.write(record(Buffer.concat([Buffer.from([1, 0, 0x3f, 0xfc]), Buffer.alloc(8_000)])));
  await eventually(() => s.gateway.daemon.forwarder.buffered(0) === 8_009, "what was read");
  c.socket.write(record(Buffer.alloc(8_380)));
  await eventually(c.closed, "the refusal");
  assert.is(code(s), "hello_malformed");
  await end(s);
});

test.run();
