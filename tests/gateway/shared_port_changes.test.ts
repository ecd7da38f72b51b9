// Registrations, reloads and certificates on a port that exposes share. A stream stays where its name still
// leads, and no session of one expose is good at another.
import { writeFileSync } from "node:fs";
import { connect as connectPlain } from "node:net";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { read, type Came } from "../tls/tls_under_test.ts";
import { eventually, FORWARDERS, moduleOf, visit, type Visit } from "./gateway_under_test.ts";
import { helloWith, records, serverName } from "./hello_bytes.ts";
import { denialOf, leaseOf } from "./registering.ts";
import { sharedPort, threeNames, type Shared, type Words } from "./shared_port_under_test.ts";

const test = suite("shared port changes");

async function stream(s: Shared, name: string): Promise<Visit> {
  const one = visit(s.port);
  const before = s.accepts().length;
  one.socket.write(records(helloWith(...(name === "" ? [] : [serverName(name)]))));
  await eventually(() => s.accepts().length > before, name);
  return one;
}

/** One service with two exposes on the port without backends, and a static one of another service. */
function registered({ port, www }: Words): string {
  return `edition 1
expose a service web on tcp ${port} for "a.example.com" as passthrough { allow from any }
expose b service web on tcp ${port} for "b.example.com" as passthrough { allow from any }
expose www on tcp ${port} for "www.example.com" as tls { backend 127.0.0.1:${www} cert "www" allow from any }
`;
}

const intent = (s: Shared, more: object = {}): object => ({
  service: "web",
  proto: "tcp",
  port: s.port,
  mode: "passthrough",
  backend: `127.0.0.1:${s.words.rest}`,
  ...more,
});

const SERVICE = (uid = process.getuid?.() ?? 0): string => `[services.web]\nuid = ${uid}\n`;

test("an intent names its expose where its service has several on the port", async () => {
  const s = await sharedPort(registered, { config: SERVICE() });
  const client = await s.gateway.control();
  const answer = async (more: object): Promise<string> => denialOf(await client.call("register", intent(s, more)));
  assert.match(await answer({}), /several exposes on port \d+ \(`a`, `b`\): name one with `expose`/);
  assert.match(await answer({ expose: "c" }), /^not_exposed: .* by an expose `c`/);
  assert.match(await answer({ expose: "www" }), /^not_exposed: /, "of another service");
  assert.match(await answer({ expose: "a", mode: "tls" }), /^not_exposed: .* in the mode passthrough/);
  const refused = async (name: string): Promise<void> => {
    const one = await stream(s, name);
    await one.closed;
    assert.equal([s.lastAccept().code, s.lastAccept().reason, s.lastAccept().listener], ["no_backend", "policy", name.slice(0, 1)], name);
  };
  await refused("a.example.com");
  const lease = await leaseOf(client, intent(s, { expose: "a" }));
  assert.match(await answer({ expose: "a" }), /already open under another lease/);
  const served = await stream(s, "a.example.com");
  assert.equal([s.lastAccept().code, s.lastAccept().listener], ["allowed", "a"]);
  await refused("b.example.com");
  assert.is((await s.call()).got, "www hello", "the static one");
  await client.call("unregister", { lease });
  await refused("a.example.com");
  assert.is((await s.call()).got, "www hello", "the port stays open");
  assert.not.ok(served.socket.closed, "a stream outlives the lease");
});

test("the port is open while one expose of it is leased", async () => {
  const s = await sharedPort((words) => registered(words).split("\n").slice(0, 3).join("\n"), { config: SERVICE() });
  assert.is(s.gateway.daemon.forwarder.live, 0);
  const shut = visit(s.port);
  await shut.closed;
  assert.equal(s.accepts(), [], "nobody listens");
  const client = await s.gateway.control();
  const [a, b] = [await leaseOf(client, intent(s, { expose: "a" })), await leaseOf(client, intent(s, { expose: "b" }))];
  await client.call("unregister", { lease: a });
  await stream(s, "b.example.com");
  assert.equal([s.lastAccept().code, s.lastAccept().listener], ["allowed", "b"]);
  await client.call("unregister", { lease: b });
  await visit(s.port).closed;
  assert.is(s.accepts().length, 1, "nobody listens any more");
  assert.is(s.gateway.records().filter(({ op, decision }) => op === "bind" && decision === "allow").length >= 2, true, "each is recorded");
});

/** [what, the policy after the reload, who stays of a.shop, b.shop and what has no name] */
const RELOADS: readonly (readonly [what: string, next: (words: Words) => string, stays: readonly boolean[]])[] = [
  ["the same policy", two, [true, true, true]],
  [
    "the same exposes in another order",
    (w) =>
      two(w)
        .split("\n")
        .reverse()
        .join("\n")
        .replace(/(.*)edition 1/s, "edition 1\n$1"),
    [true, true, true],
  ],
  ["another name of the expose", (w) => two(w).replace("expose a ", "expose z service a "), [true, true, true]],
  ["a name leads to another service", (w) => two(w).replace('for "a.shop.example.com"', 'for "c.shop.example.com"'), [false, true, true]],
  [
    "a name leads to another service that has a wildcard",
    (w) => two(w).replace('for "a.shop.example.com"', 'for "c.shop.example.com"').replace('for "b.shop.example.com"', 'for "*.shop.example.com"'),
    [false, true, true],
  ],
  ["an expose admits others", (w) => two(w).replace(/allow from any/, "allow from 192.0.2.1"), [false, true, true]],
  [
    "no expose has the other names any more",
    (w) =>
      two(w)
        .split("\n")
        .filter((line) => !line.startsWith("expose rest"))
        .join("\n"),
    [true, true, false],
  ],
  ["every expose refuses the source", (w) => two(w).replaceAll("allow from any", "allow from 192.0.2.1"), [false, false, false]],
  ["a mode changes", (w) => two(w).replace("as passthrough {", 'as tls { cert "www"'), [false, true, true]],
  [
    "one expose has the port alone",
    (w) => `edition 1\nexpose rest on tcp ${w.port} as passthrough { backend 127.0.0.1:${w.rest} allow from any }`,
    [false, false, true],
  ],
];

function two({ port, www, staff, rest }: Words): string {
  return `edition 1
expose a on tcp ${port} for "a.shop.example.com" as passthrough { backend 127.0.0.1:${www} allow from any }
expose b on tcp ${port} for "b.shop.example.com" as passthrough { backend 127.0.0.1:${staff} allow from any }
expose rest on tcp ${port} as passthrough { backend 127.0.0.1:${rest} allow from any }`;
}

for (const [what, next, stays] of RELOADS)
  test(`a stream stays if its name still leads to its service, in its mode, and that admits it: ${what}`, async () => {
    const s = await sharedPort(two);
    const streams = [await stream(s, "a.shop.example.com"), await stream(s, "b.shop.example.com"), await stream(s, "")];
    assert.equal(
      s.accepts().map(({ code }) => code),
      ["allowed", "allowed", "allowed"],
    );
    s.gateway.place(moduleOf(next(s.words)));
    const report = await s.gateway.daemon.reload();
    assert.ok(report.ok, report.ok ? "" : report.error.message);
    const left = stays.filter(Boolean).length;
    await eventually(() => s.gateway.daemon.forwarder.live === left, `${left} are left`);
    await Promise.all(streams.filter((_, i) => stays[i] === false).map(({ closed }) => closed));
    assert.equal(
      streams.map(({ socket }) => !socket.closed),
      stays,
    );
    const rechecks = s.gateway.records().filter(({ op }) => op === "recheck");
    assert.is(rechecks.length, 3 - left, "one record each");
    assert.equal(
      rechecks.map(({ listener }) => listener).sort(),
      ["a", "b", "rest"].filter((_, i) => stays[i] === false),
      "as it was when it was admitted",
    );
  });

/** A client that stays, of TLS that ends here; its backend has greeted it. */
async function tlsStream(s: Shared, name: string): Promise<TLSSocket> {
  const socket = connect({
    socket: connectPlain({ port: s.port, host: "127.0.0.1" }),
    ca: s.site.pem,
    servername: name,
    checkServerIdentity: () => undefined,
    cert: s.client.pem,
    key: s.client.key,
  });
  socket.on("error", () => undefined);
  await new Promise<void>((resolve, reject) => {
    socket.once("data", () => resolve());
    socket.once("close", () => reject(new Error(`${name} is not served`)));
  });
  return socket;
}

/** [what, the policy after the reload, who stays of www.example.com as tls and staff.example.com as mtls] */
const TLS_RELOADS: readonly (readonly [what: string, next: (text: string) => string, stays: readonly [www: boolean, staff: boolean]])[] = [
  ["the same policy", (text) => text, [true, true]],
  ["other names beside it", (text) => text.replace('for "www.example.com"', 'for "other.example.com", "www.example.com"'), [true, true]],
  ["a wildcard that has it", (text) => text.replace('for "www.example.com"', 'for "*.example.com"'), [true, true]],
  ["another name of the expose", (text) => text.replace("expose www ", "expose z service www "), [true, true]],
  ["another certificate", (text) => text.replace('cert "www"', 'cert "staff"'), [true, true]],
  ["a name that leads nowhere", (text) => text.replace('for "www.example.com"', 'for "old.example.com"'), [false, true]],
  [
    "a name that leads to another service",
    (text) => text.replace('for "www.example.com"', 'for "old.example.com"').replace('for "*.shop.example.com"', 'for "*.shop.example.com", "www.example.com"'),
    [false, true],
  ],
  ["another service of the name", (text) => text.replace("expose www ", "expose www service other "), [false, true]],
  ["as mtls in place of tls", (text) => text.replace("as tls { ", 'as mtls { ca "corp" '), [false, true]],
  ["as passthrough in place of tls", (text) => text.replace("as tls { ", "as passthrough { ").replace(' cert "www"', ""), [false, true]],
  ["a rule that refuses the name", (text) => text.replace('cert "www" allow from any', 'cert "www" allow from any deny sni "www.example.com"'), [false, true]],
  ["a rule that refuses the source", (text) => text.replace("allow from any client", "allow from 192.0.2.1 client"), [true, false]],
  ["a rule that refuses the client", (text) => text.replace('client dns "anna.example.com"', 'client dns "bert.example.com"'), [true, false]],
  [
    "as tls in place of mtls",
    (text) =>
      text
        .replace("as mtls {", "as tls {")
        .replace(' ca "corp"', "")
        .replace(/ client dns "[^"]+"/, ""),
    [true, false],
  ],
];
for (const forwarder of FORWARDERS)
  for (const [what, next, stays] of TLS_RELOADS)
    test(`streams of TLS that ends here, after a reload with ${what}: ${forwarder}`, async () => {
      const s = await sharedPort(threeNames, { forwarder });
      const streams = [await tlsStream(s, "www.example.com"), await tlsStream(s, "staff.example.com")];
      const text = threeNames(s.words);
      assert.ok(what === "the same policy" || next(text) !== text);
      s.gateway.place(moduleOf(next(text)));
      const report = await s.gateway.daemon.reload();
      assert.ok(report.ok, report.ok ? "" : report.error.message);
      await eventually(() => streams.every(({ closed }, i) => closed !== stays[i]), `who stays: ${stays.join()}`);
      for (const socket of streams) {
        if (socket.closed) continue;
        let echo = "";
        socket.on("data", (part: Buffer) => (echo += part.toString()));
        socket.write("more");
        await eventually(() => echo === "more", "a stream that stays is served");
      }
      assert.equal(
        s.gateway
          .records()
          .filter(({ op }) => op === "recheck")
          .map(({ listener, decision }) => [listener, decision]),
        ["www", "staff"].filter((_, i) => !stays[i]).map((name) => [name, "deny"]),
      );
    });

test("a stream counts in the caps of its expose after a reload, and one that waits is decided by the new policy", async () => {
  const s = await sharedPort(two);
  await stream(s, "a.shop.example.com");
  const waits = visit(s.port);
  await eventually(() => s.gateway.daemon.forwarder.live === 2, "it waits");
  s.gateway.place(moduleOf(two(s.words).replace("passthrough {", "passthrough { cap 1 connections")));
  assert.ok((await s.gateway.daemon.reload()).ok);
  waits.socket.write(records(helloWith(serverName("a.shop.example.com"))));
  await waits.closed;
  assert.equal([s.lastAccept().code, s.lastAccept().listener], ["cap_listener", "a"]);
  await stream(s, "b.shop.example.com");
  assert.is(s.lastAccept().code, "allowed");
});

for (const [what, first, second] of [
  [
    "a group to one expose",
    two,
    (w: Words) => `edition 1\nexpose rest on tcp ${w.port} as passthrough { backend 127.0.0.1:${w.rest} cap 1 connections allow from any }`,
  ],
  [
    "one expose to a group",
    (w: Words) => `edition 1\nexpose rest on tcp ${w.port} as passthrough { backend 127.0.0.1:${w.rest} cap 1 connections allow from any }`,
    two,
  ],
] as const)
  test(`one that waits for its name over a reload is charged once, and given back: ${what}`, async () => {
    const s = await sharedPort(first, { config: "caps.waiting_per_source = 1" });
    const waits = visit(s.port);
    await eventually(() => s.gateway.daemon.forwarder.live === 1, "it waits");
    s.gateway.place(moduleOf(second(s.words)));
    assert.ok((await s.gateway.daemon.reload()).ok);
    const before = s.accepts().length;
    const next = visit(s.port);
    await next.closed;
    assert.is(s.accepts().length, before + 1);
    assert.ok(["cap_waiting_source", "cap_listener"].includes(s.lastAccept().code), s.lastAccept().code);
    waits.socket.destroy();
    await eventually(() => s.gateway.daemon.forwarder.live === 0, "it is gone");
    for (let i = 0; i < 3; i++) {
      const one = await stream(s, "");
      assert.is(s.lastAccept().code, "allowed");
      one.socket.destroy();
      await eventually(() => s.gateway.daemon.forwarder.live === 0, "its end");
    }
  });

/** [the clauses of the expose that gets the port alone, how many of four that wait it admits, the code of the others] */
const ALONE: readonly (readonly [clauses: string, admits: number, code: string])[] = [
  ["allow from any", 4, ""],
  ["cap 4 connections allow from any", 4, ""],
  ["cap 3 connections allow from any", 3, "cap_listener"],
  ["cap 9 connections, 2 per source allow from any", 2, "cap_source"],
  ["limit 4/h per source allow from any", 4, ""],
  ["limit 3/h per source allow from any", 3, "limit_source"],
  ["limit 1/h per listener allow from any", 1, "limit_listener"],
  ["cap 1 connections limit 1/h per source allow from 192.0.2.1", 0, "no_match"],
];
for (const [clauses, admits, code] of ALONE)
  test(`those that wait for their names are charged by the expose that gets the port alone: ${clauses}`, async () => {
    const s = await sharedPort(two);
    const four = Array.from({ length: 4 }, () => visit(s.port));
    await eventually(() => s.gateway.daemon.forwarder.live === 4, "they wait");
    s.gateway.place(moduleOf(`edition 1\nexpose rest on tcp ${s.words.port} as passthrough { backend 127.0.0.1:${s.words.rest} ${clauses} }`));
    const report = await s.gateway.daemon.reload();
    assert.ok(report.ok, report.ok ? "" : report.error.message);
    await eventually(() => s.gateway.daemon.forwarder.live === admits, `${admits} are left`);
    assert.equal(
      s.accepts().map((record) => [record.code, record.listener]),
      Array.from({ length: 4 - admits }, () => [code, "rest"]),
    );
    const left = four.filter(({ socket }) => !socket.closed);
    for (const { socket } of left) socket.write(records(helloWith()));
    await eventually(() => s.accepts().filter((record) => record.code === "allowed").length === admits, "they are served");
    for (const { socket } of left) socket.destroy();
    await eventually(() => s.gateway.daemon.forwarder.live === 0, "their ends");
    if (clauses.includes("limit")) return;
    for (let i = 0; i < admits; i++) await stream(s, "");
    assert.is(s.accepts().filter((record) => record.code === "allowed").length, 2 * admits, "all places were given back");
  });

test("those that were admitted have their places before those that wait for their names", async () => {
  const s = await sharedPort(two);
  const waits = visit(s.port);
  await eventually(() => s.gateway.daemon.forwarder.live === 1, "it waits");
  const served = await stream(s, "");
  s.gateway.place(
    moduleOf(`edition 1\nexpose rest on tcp ${s.words.port} as passthrough { backend 127.0.0.1:${s.words.rest} cap 1 connections allow from any }`),
  );
  assert.ok((await s.gateway.daemon.reload()).ok);
  await waits.closed;
  assert.is(s.lastAccept().code, "cap_listener");
  assert.not.ok(served.socket.closed);
});

test("a session of one expose is good at no other expose of the port", async () => {
  const s = await sharedPort(({ port, www, shop, staff }) =>
    threeNames(
      { port, www, shop, staff, rest: www },
      `expose two on tcp ${port} for "two.example.com" as tls { backend 127.0.0.1:${staff} cert "www" allow from any }`,
    ),
  );
  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    const visitWith = (name: string, session?: Buffer): Promise<Came> =>
      read(
        connect({
          port: s.port,
          host: "127.0.0.1",
          ca: s.site.pem,
          servername: name,
          maxVersion,
          checkServerIdentity: () => undefined,
          cert: s.client.pem,
          key: s.client.key,
          ...(session !== undefined && { session }),
        }),
      );
    const { sessions } = await visitWith("www.example.com");
    const session = sessions.at(-1);
    assert.ok(session, maxVersion);
    if (session === undefined) return;
    assert.equal([(await visitWith("www.example.com", session)).reused, s.lastAccept().listener], [true, "www"], maxVersion);
    for (const name of ["two.example.com", "staff.example.com"]) {
      const came = await visitWith(name, session);
      assert.equal([came.reused, s.lastAccept().code, s.lastAccept().listener], [false, "allowed", name.split(".")[0]], `${maxVersion} ${name}`);
    }
  }
});

test("a certificate that can't be read any more stays in use as it was", async () => {
  const s = await sharedPort();
  writeFileSync(join(s.gateway.folder, "staff.pem"), "none");
  await s.gateway.daemon.renew();
  assert.is((await s.call({ name: "staff.example.com", certificate: s.client })).got, "staff hello");
  assert.is((await s.call({ name: "www.example.com" })).got, "www hello");
  await s.gateway.stop();
});

test.run();
