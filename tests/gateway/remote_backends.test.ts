// Backends on other hosts for real, with each forwarder and with a thread: the near host has ingressd and its clients, the far one
// the backends (remote_under_test.ts).
import * as assert from "uvu/assert";
import { openLibc } from "../../runtime/shell/libc.ts";
import { skip } from "../skip.ts";
import { suite } from "../suite.ts";
import { eventually, FORWARDERS } from "./gateway_under_test.ts";
import {
  backendsAt,
  BEYOND,
  clientOf,
  FAR,
  FAR6,
  gatewayIn,
  hosts,
  lacking,
  NEAR,
  NEAR_ALONE,
  NEAR_UNSEEN,
  OTHER,
  type BackendAt,
} from "./remote_under_test.ts";

const test = suite("remote backends");
const NETWORKS = 'backends.networks = ["10.0.3.0/24", "2001:db8:3::/64"]';

/** The ways in which bytes are moved. */
const WAYS: readonly (readonly [name: string, keys: string])[] = [
  ...FORWARDERS.map((forwarder) => [forwarder, `forwarder = "${forwarder}"\n${forwarder === "kernel" ? "threads = 1\n" : ""}`] as const),
  ...(FORWARDERS.includes("kernel") ? ([["a thread", 'forwarder = "kernel"\nthreads = 2\ntls.engine = "openssl"\n']] as const) : []),
];

const at = (host: string, port: number, says: string): BackendAt => ({ host, port, says });
const expose = (name: string, port: number, backends: string): string => `expose ${name} on tcp ${port} { backend ${backends} allow from any }\n`;
const policy = (...exposes: readonly string[]): string => `edition 1\n${exposes.join("")}`;
/** Of `records`, the values of a field. */
const values = (lines: readonly string[], field: string): readonly (string | undefined)[] =>
  lines.map((line) => new RegExp(`"${field}":"((?:[^"\\\\]|\\\\.)*)"`).exec(line)?.[1]);

const none = lacking();
if (none !== null) skip("remote backends", none);
else {
  for (const [name, ways] of WAYS) {
    test(`${name}: a client is served by the other host, over IPv4 and IPv6, and the records name it`, async () => {
      const both = await hosts();
      const reached = await backendsAt(both.far, [at(FAR, 9000, "far"), at(FAR6, 9000, "far6")]);
      const text = policy(expose("web", 8443, `remote ${FAR}:9000`), expose("six", 8444, `remote [${FAR6}]:9000`));
      // Its owner can't be looked at, also where the service has a uid.
      const it = gatewayIn(both, { policy: text, ways, config: `${NETWORKS}\n[services.web]\nuid = 46001` });
      await it.line("ingressd: ready");
      for (const [port, says] of [
        [8443, "far"],
        [8444, "far6"],
      ] as const) {
        const client = clientOf(both.near, port);
        assert.is(await client.next(), says);
        client.say("ping");
        assert.is(await client.next(), "ping");
        client.quit();
      }
      assert.equal([...reached()], ["far", "far6"]);
      await eventually(() => it.records("close").length === 2, "the records of the ends");
      assert.equal(values(it.records("accept"), "backend"), [`${FAR}:9000`, `[${FAR6}]:9000`]);
      assert.equal(values(it.records("close"), "backend"), [`${FAR}:9000`, `[${FAR6}]:9000`]);
      const { out } = it.order("status", "--json");
      assert.match(out, new RegExp(`"backend":"${FAR}:9000","connections":0,"skipped_ms":0,"unused_because":null`));
    });

    test(`${name}: the PROXY header comes first there, too`, async () => {
      const both = await hosts();
      // It answers what it gets.
      await backendsAt(both.far, [at(FAR, 9000, "far")]);
      const it = gatewayIn(both, { policy: policy(expose("web", 8443, `remote ${FAR}:9000 proxy v1`)), ways, config: NETWORKS });
      await it.line("ingressd: ready");
      const client = clientOf(both.near, 8443);
      assert.is(await client.next(), "far");
      assert.match(await client.next(), /^PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 \d+ 8443/);
    });

    test(`${name}: narrower networks end the streams to what they no longer contain, in either way of a reload, and no other stream`, async () => {
      for (const mode of ["recheck", "keep"]) {
        const both = await hosts();
        await backendsAt(both.far, [at(FAR, 9000, "far"), at(OTHER, 9000, "other")]);
        await backendsAt(both.near, [at("127.0.0.1", 9000, "local")]);
        const text = policy(expose("web", 8443, `remote ${FAR}:9000`), expose("more", 8444, `remote ${OTHER}:9000`), expose("own", 8445, "127.0.0.1:9000"));
        const it = gatewayIn(both, { policy: text, ways: `on_reload = "${mode}"\n${ways}`, config: NETWORKS });
        await it.line("ingressd: ready");
        const [web, more, own] = [clientOf(both.near, 8443), clientOf(both.near, 8444), clientOf(both.near, 8445)];
        assert.equal([await web.next(), await more.next(), await own.next()], ["far", "other", "local"]);
        const { code, out } = it.change({ config: `backends.networks = ["${OTHER}/32"]` });
        assert.is(code, 0, out);
        assert.is(await web.next(), "over");
        for (const client of [more, own]) {
          client.say("still");
          assert.is(await client.next(), "still");
        }
        const cut = it.records("recheck");
        assert.equal([values(cut, "code"), values(cut, "listener"), values(cut, "detail")], [["rechecked"], ["web"], ["backend_not_allowed"]]);
        const late = clientOf(both.near, 8443);
        assert.is(await late.next(), "over");
        assert.is(values(it.records("accept"), "code").at(-1), "no_backend");
        assert.match(it.err(), new RegExp(`expose \`web\`: ${FAR.replaceAll(".", "\\.")}:9000 is in none of backends\\.networks: no connection goes there`));
        assert.is(it.change({ config: NETWORKS }).code, 0);
        assert.is(await clientOf(both.near, 8443).next(), "far", "wider again");
      }
    });

    test(`${name}: a policy that names an address outside of the networks is refused, and the one before serves`, async () => {
      const both = await hosts();
      const reached = await backendsAt(both.far, [at(FAR, 9000, "far"), at(OTHER, 9000, "other")]);
      const it = gatewayIn(both, { policy: policy(expose("web", 8443, `remote ${FAR}:9000`)), ways, config: `backends.networks = ["${FAR}/32"]` });
      await it.line("ingressd: ready");
      const refused = it.change({ policy: policy(expose("web", 8443, `remote ${OTHER}:9000`)) });
      assert.not(refused.code === 0);
      assert.match(refused.out + refused.err, /10\.0\.3\.8:9000 is on another host, and in none of backends\.networks: add its network to the configuration/);
      assert.is(await clientOf(both.near, 8443).next(), "far");
      assert.equal([...reached()], ["far"]);
    });

    test(`${name}: of a backend here and one there, each gets its part; what is down there costs nobody a connection`, async () => {
      const both = await hosts();
      await backendsAt(both.far, [at(FAR, 9000, "far")]);
      await backendsAt(both.near, [at("127.0.0.1", 9000, "local")]);
      const text = policy(
        expose("web", 8443, `127.0.0.1:9000, remote ${FAR}:9000`),
        expose("shut", 8444, `remote ${FAR}:9, 127.0.0.1:9000`),
        expose("gone", 8445, `remote ${BEYOND}:9000, 127.0.0.1:9000`),
        expose("alone", 8446, `remote ${FAR}:9`),
      );
      const it = gatewayIn(both, { policy: text, ways, config: `${NETWORKS}\ntimers.backend_connect_ms = 1000` });
      await it.line("ingressd: ready");
      const four = [0, 1, 2, 3].map(() => clientOf(both.near, 8443));
      assert.equal((await Promise.all(four.map(async (client) => client.next()))).sort(), ["far", "far", "local", "local"]);
      for (const port of [8444, 8445]) assert.is(await clientOf(both.near, port).next(), "local", String(port));
      assert.is(await clientOf(both.near, 8446).next(), "over");
      const { out } = it.order("status", "--json");
      assert.match(out, new RegExp(`"backend":"${FAR}:9","connections":0,[^}]*"failures":{"refused":[1-9]`));
      assert.match(out, new RegExp(`"backend":"${BEYOND}:9000","connections":0,[^}]*"failures":{"(?:timeout|refused)":1`));
    });

    test(`${name}: no address of this host is reached as another one: of the link, of another interface, one that comes, or by a route`, async () => {
      const both = await hosts();
      both.ip("route", "add", "local", "10.0.5.0/24", "dev", "lo");
      const reached = await backendsAt(both.near, [at("0.0.0.0", 9000, "own")]);
      await backendsAt(both.far, [at(FAR, 9000, "far")]);
      const text = policy(
        expose("link", 8443, `remote ${NEAR}:9000`),
        expose("alone", 8444, `remote ${NEAR_ALONE}:9000`),
        expose("itself", 8445, `remote ${NEAR}:8445`),
        expose("comes", 8446, `remote ${FAR}:9000`),
        expose("route", 8447, "remote 10.0.5.5:9000"),
        expose("unseen", 8448, `remote ${NEAR_UNSEEN}:9000`),
      );
      const it = gatewayIn(both, { policy: text, ways, config: 'backends.networks = ["10.0.0.0/8"]\ntimers.interface_poll_ms = 100' });
      await it.line("ingressd: ready");
      for (const port of [8443, 8444, 8445]) {
        assert.is(await clientOf(both.near, port).next(), "over", String(port));
        assert.is(values(it.records("accept"), "code").at(-1), "no_backend");
      }
      await it.says(`expose \`alone\`: ${NEAR_ALONE}:9000 is an address of this host: no connection goes there`);
      const stays = clientOf(both.near, 8446);
      assert.is(await stays.next(), "far");
      both.ip("addr", "add", `${FAR}/32`, "dev", "one");
      await it.says(`expose \`comes\`: ${FAR}:9000 is an address of this host: no connection goes there`);
      assert.is(await clientOf(both.near, 8446).next(), "over");
      assert.equal([...reached()], [], "no connection was made");
      // Only the connection shows where a route leads: it gets no byte of the client, nor the client one of it.
      assert.is(await clientOf(both.near, 8447).next(), "over");
      const [record] = it.records("backend");
      assert.match(record ?? "", /"code":"backend_not_owned".*"detail":"10\.0\.5\.5:9000 is an address of this host"/);
      // So it is with the address of an interface that is not running, which Node does not list.
      assert.is(await clientOf(both.near, 8448).next(), "over");
      assert.match(it.records("backend")[1] ?? "", /"code":"backend_not_owned".*"detail":"10\.9\.8\.8:9000 is an address of this host"/);
    });
  }

  for (const [name, ways] of WAYS.filter(([, keys]) => !keys.includes("threads = 2"))) {
    test(`${name}: flows of datagrams go to the other host, end where the networks are narrowed, and to no address of this host`, async () => {
      const both = await hosts();
      const udp = (host: string, port: number, says: string): BackendAt => ({ host, port, says, proto: "udp" });
      both.ip("route", "add", "local", "10.0.5.0/24", "dev", "lo");
      const reached = await backendsAt(both.far, [udp(FAR, 5300, "far"), udp(FAR6, 5300, "far6")]);
      const own = await backendsAt(both.near, [udp("0.0.0.0", 5300, "own")]);
      const dns = (port: number, host: string): string =>
        `expose dns${port} on udp ${port} bind 127.0.0.1 { backend remote ${host}:5300 amplify any allow from any }\n`;
      const served = [dns(5301, FAR), dns(5302, NEAR_ALONE), dns(5303, "10.0.5.5"), dns(5304, NEAR_UNSEEN), dns(5305, `[${FAR6}]`)];
      const it = gatewayIn(both, { policy: policy(...served), ways, config: 'backends.networks = ["10.0.0.0/8", "2001:db8:3::/64"]' });
      await it.line("ingressd: ready");
      const client = clientOf(both.near, 5301, "udp");
      for (const query of ["a", "b"]) {
        client.say(query);
        assert.is(await client.next(), `far ${query}`);
      }
      const six = clientOf(both.near, 5305, "udp");
      six.say("a");
      assert.is(await six.next(), "far6 a");
      const other = clientOf(both.near, 5302, "udp");
      other.say("a");
      await eventually(() => it.records("accept").some((line) => line.includes('"code":"no_backend"')), "it is refused");
      // Where a route leads is known from the socket of the flow, before a datagram is sent.
      for (const port of [5303, 5304]) {
        clientOf(both.near, port, "udp").say("a");
        await eventually(() => values(it.records("backend"), "listener").includes(`dns${port}`), `${port} is refused`);
      }
      assert.equal(values(it.records("backend"), "detail"), ["10.0.5.5:5300 is an address of this host", `${NEAR_UNSEEN}:5300 is an address of this host`]);
      assert.is(it.change({ config: 'backends.networks = ["10.9.0.0/16", "2001:db8:3::/64"]' }).code, 0);
      const cut = it.records("recheck");
      assert.equal([values(cut, "listener"), values(cut, "detail")], [["dns5301"], ["backend_not_allowed"]]);
      client.say("c");
      await eventually(() => it.records("accept").filter((line) => line.includes('"code":"no_backend"')).length === 2, "its next flow is refused");
      assert.equal([[...reached()], [...own()]], [["far", "far", "far6"], []]);
      assert.equal([client.lines(), other.lines()], [["far a", "far b"], []]);
    });
  }

  if (openLibc() === null || !FORWARDERS.includes("kernel")) skip("a takeover with narrower networks", "the kernel's forwarder can't be used here");
  else
    test("a takeover ends what the next gateway's networks do not contain, and does not begin where its policy names it", async () => {
      const both = await hosts();
      await backendsAt(both.far, [at(FAR, 9000, "far"), at(OTHER, 9000, "other")]);
      const text = policy(expose("web", 8443, `remote ${FAR}:9000, remote ${OTHER}:9000`));
      const it = gatewayIn(both, { policy: text, config: NETWORKS });
      await it.line("ingressd: ready");
      const two = [clientOf(both.near, 8443), clientOf(both.near, 8443)];
      const names = await Promise.all(two.map(async (client) => client.next()));
      assert.equal([...names].sort(), ["far", "other"]);
      const refused = it.takeOver(`backends.networks = ["${OTHER}/32"]`);
      assert.not((await refused.exit) === 0);
      assert.match(refused.err(), /10\.0\.3\.7:9000 is on another host, and in none of backends\.networks/);
      assert.is(it.change({ policy: policy(expose("web", 8443, `remote ${OTHER}:9000`)), config: NETWORKS }).code, 0, "the one that runs continues");
      const next = it.takeOver(`backends.networks = ["${OTHER}/32"]`);
      await next.line("ingressd: ready");
      const [far, other] = names[0] === "far" ? two : [...two].reverse();
      assert.is(await far?.next(), "over");
      other?.say("still");
      assert.is(await other?.next(), "still");
    });
}

test.run();
