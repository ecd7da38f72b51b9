// Listeners `as mtls`: a verified certificate's typed names decide. Each row says what a client
// shows; it was served only when the backend's bytes arrived.
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { authority, dns, email, extension, ip, leaf, oid, sequence, subjectAltName, tlv, uri, type Issued, type Name, type Wish } from "../tls/certificates.ts";
import { call, lastAccept, putAuthority, SERVED, within, type Setting } from "../tls/tls_under_test.ts";
import { eventually, listening, moduleOf } from "./gateway_under_test.ts";

const test = suite("mtls");
const OPS = "spiffe://corp.example/ops/web";
const RULES =
  'allow named staff from any client uri "spiffe://corp.example/ops/*", dns "jump.corp.example", ip "192.0.2.7", ip "2001:db8::7"\n  deny named retired client uri "spiffe://corp.example/ops/retired-*"';

async function outcome(s: Setting, certificate: Issued | undefined): Promise<string> {
  const came = await call(s, certificate === undefined ? {} : { certificate });
  const { code, reason, decision } = await lastAccept(s);
  assert.is(came.got, decision === "allow" ? SERVED : "");
  return decision === "allow" ? "allow" : `${reason} ${code}`;
}

test("only verified certificates count, and of them only the typed names", () =>
  within(RULES, {}, async (s) => {
    const stranger = authority("client root");
    const many = (n: number): readonly Name[] => [uri(OPS), ...Array.from({ length: n - 1 }, (_, i) => dns(`n${i}.example`))];
    const long = (n: number): readonly Name[] => [uri(OPS), ...Array.from({ length: n }, (_, i) => uri(`urn:${"x".repeat(496)}${i}`))];
    const rows: readonly (readonly [what: string, wish: Wish | Issued | undefined, due: string])[] = [
      ["no certificate", undefined, "mtls no_certificate"],
      ["a URI", { names: [uri(OPS)] }, "allow"],
      ["a URI whose scheme and host are in capitals", { names: [uri("SPIFFE://Corp.Example/ops/web")] }, "allow"],
      ["a URI whose path is in capitals", { names: [uri("spiffe://corp.example/OPS/web")] }, "mtls no_identity"],
      ["a URI one segment deeper", { names: [uri(`${OPS}/x`)] }, "mtls no_identity"],
      ["a URI without the segment", { names: [uri("spiffe://corp.example/ops")] }, "mtls no_identity"],
      ["a URI with an empty segment", { names: [uri("spiffe://corp.example/ops/")] }, "mtls identity_malformed"],
      ["a URI that climbs", { names: [uri("spiffe://corp.example/ops/..")] }, "mtls identity_malformed"],
      ["a URI whose host begins alike", { names: [uri("spiffe://corp.example.evil/ops/web")] }, "mtls no_identity"],
      ["a URI with the host as its user", { names: [uri("spiffe://corp.example@evil/ops/web")] }, "mtls identity_malformed"],
      ["a query that looks like the path", { names: [uri("spiffe://corp.example/x?/ops/web")] }, "mtls no_identity"],
      ["a denied one", { names: [uri("spiffe://corp.example/ops/retired-1")] }, "mtls deny_identity"],
      ["a denied one beside a good one", { names: [uri(OPS), uri("spiffe://corp.example/ops/retired-1")] }, "mtls deny_identity"],
      ["a good one behind others", { names: [dns("x.example"), email("a@b.example"), uri(OPS)] }, "allow"],
      ["a DNS name", { names: [dns("jump.corp.example")] }, "allow"],
      ["a DNS name in capitals", { names: [dns("Jump.Corp.Example")] }, "allow"],
      ["a DNS name with a dot at its end", { names: [dns("jump.corp.example.")] }, "mtls identity_malformed"],
      ["a DNS wildcard", { names: [dns("*.corp.example")] }, "mtls no_identity"],
      ["an IPv4 address", { names: [ip(192, 0, 2, 7)] }, "allow"],
      ["an IPv6 address", { names: [ip(0x20, 1, 13, 184, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7)] }, "allow"],
      ["an IPv4 address in sixteen bytes", { names: [ip(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7)] }, "mtls identity_malformed"],
      ["another address", { names: [ip(192, 0, 2, 8)] }, "mtls no_identity"],
      ["the common name alone", { commonName: "jump.corp.example" }, "mtls no_identity"],
      ["the common name beside another", { commonName: "jump.corp.example", names: [dns("x.example")] }, "mtls no_identity"],
      // Types confused: the text of one as another.
      ["the URI as a DNS name", { names: [dns(OPS)] }, "mtls identity_malformed"],
      ["the URI as an e-mail address", { names: [email(OPS)] }, "mtls identity_malformed"],
      ["the DNS name as a URI", { names: [uri("jump.corp.example")] }, "mtls identity_malformed"],
      ["the DNS name as a URI of its type", { names: [uri("dns:jump.corp.example")] }, "mtls no_identity"],
      ["the address as a DNS name", { names: [dns("192.0.2.7")] }, "mtls no_identity"],
      ["the address in three bytes", { names: [ip(192, 0, 2)] }, "mtls identity_malformed"],
      ["a joined text", { names: [dns("x.example, URI:spiffe://corp.example/ops/web")] }, "mtls identity_malformed"],
      ["a NUL in a DNS name", { names: [dns("jump.corp.example\0.evil.example")] }, "mtls identity_malformed"],
      ["a NUL in a URI", { names: [uri(`${OPS}\0`)] }, "mtls identity_malformed"],
      ["a line end in a URI", { names: [uri(`${OPS}\nDNS:x`)] }, "mtls identity_malformed"],
      [
        "a name of another kind",
        { names: [{ tag: 0, content: sequence(oid(1, 3, 6, 1, 4), tlv(0xa0, tlv(0x0c, Buffer.from("x")))).subarray(2), constructed: true }] },
        "mtls no_identity",
      ],
      ["64 names", { names: many(64) }, "allow"],
      ["65 names", { names: many(65) }, "mtls identity_malformed"],
      // uri:OPS has 33 bytes, each of the others 505 and one or two.
      ["8 KiB of names", { names: long(16) }, "allow"],
      ["more than 8 KiB", { names: long(17) }, "mtls identity_malformed"],
      ["no name in the extension", { names: [] }, "mtls identity_malformed"],
      ["the extension twice", { names: [uri(OPS)], more: [subjectAltName([dns("x.example")])] }, "mtls certificate_refused"],
      ["another root of the same name", leaf(stranger, { names: [uri(OPS)] }), "mtls certificate_refused"],
      ["the site's own certificate", leaf(s.site, { names: [uri(OPS)] }), "mtls certificate_refused"],
      ["expired", { names: [uri(OPS)], from: -9, until: -1 }, "mtls certificate_refused"],
      ["not yet valid", { names: [uri(OPS)], from: 1, until: 9 }, "mtls certificate_refused"],
      ["for servers only", { names: [uri(OPS)], use: "server" }, "mtls certificate_refused"],
      ["for signing code", { names: [uri(OPS)], use: "code" }, "mtls certificate_refused"],
      ["for clients only", { names: [uri(OPS)], use: "client" }, "allow"],
      ["without a purpose", { names: [uri(OPS)], use: "none" }, "allow"],
      [
        "an unknown critical extension",
        { names: [uri(OPS)], more: [extension(oid(1, 3, 6, 1, 4, 1, 99999, 1), tlv(0x05, Buffer.alloc(0)), true)] },
        "mtls certificate_refused",
      ],
    ];
    for (const [what, wish, due] of rows) {
      const certificate = wish === undefined || "pem" in wish ? wish : s.issue(wish);
      assert.is(await outcome(s, certificate), due, what);
    }
    const served = s.gateway.records().filter(({ op, decision }) => op === "accept" && decision === "allow");
    assert.is(s.behind.accepted, served.length, "no backend hears of a refusal");
    assert.match(served[0]?.client ?? "", /^sha256:[0-9a-f]{64} uri:spiffe:\/\/corp\.example\/ops\/web$/);
    assert.is(served[0]?.rule, "staff");
    assert.ok(s.gateway.markers.includes("ingressd: deny (reason=mtls)"));
  }));

test("a certificate is known by its own hash too", () =>
  within("allow from any", {}, async (s) => {
    const [mine, other] = [s.issue({ commonName: "mine" }), s.issue({ commonName: "other" })];
    const { createHash } = await import("node:crypto");
    s.gateway.place(moduleOf(s.policy(`allow from any client sha256 "${createHash("sha256").update(mine.der).digest("hex")}"`)));
    await s.gateway.daemon.reload();
    assert.is(await outcome(s, mine), "allow");
    assert.is(await outcome(s, other), "mtls no_identity");
  }));

test("source, name and identity decide in their order, each with its reason", () =>
  within(
    `allow from 127.0.0.1 sni "www.example.com" client uri "${OPS}"\n  allow from 127.0.0.2 client uri "${OPS}"\n  allow from 127.0.0.2 sni "*.apps.example.com"`,
    {},
    async (s) => {
      const [good, none] = [s.issue({ names: [uri(OPS)] }), s.issue({ names: [dns("x.example")] })];
      const rows: readonly (readonly [from: string, name: string, certificate: Issued | undefined, due: string])[] = [
        ["127.0.0.1", "www.example.com", good, "allowed"],
        ["127.0.0.1", "www.example.com", none, "no_identity"],
        ["127.0.0.1", "www.example.com", undefined, "no_certificate"],
        ["127.0.0.1", "a.apps.example.com", good, "no_name"],
        ["127.0.0.2", "other.example", good, "allowed"],
        ["127.0.0.2", "other.example", none, "no_identity"],
        // Anybody whom the authority knows.
        ["127.0.0.2", "a.apps.example.com", none, "allowed"],
        ["127.0.0.2", "a.apps.example.com", undefined, "no_certificate"],
        ["127.0.0.3", "www.example.com", good, "no_match"],
      ];
      for (const [from, name, certificate, due] of rows) {
        const came = await call(s, { from, name, ...(certificate !== undefined && { certificate }) });
        assert.is((await lastAccept(s)).code, due, `${from} ${name}`);
        assert.is(came.got, due === "allowed" ? SERVED : "", `${from} ${name}`);
      }
    },
  ));

test("caps and limits count an identity, whatever its order of names, and no other", () =>
  within("allow from any\n  cap 9 connections, 1 per identity\n  limit 2/h per identity", {}, async (s) => {
    const one = s.issue({ names: [uri(OPS), dns("x.example")] });
    const same = s.issue({ names: [dns("x.example"), uri(OPS)] });
    const other = s.issue({ names: [uri(OPS)] });
    const open = await import("node:tls").then(({ connect }) =>
      connect({ port: s.port, host: "127.0.0.1", ca: s.site.pem, cert: one.pem, key: one.key, checkServerIdentity: () => undefined }),
    );
    await new Promise((resolve) => open.once("data", resolve));
    assert.is(await outcome(s, same), "rate cap_identity");
    assert.is(await outcome(s, other), "allow");
    // The state outlives a reload: the stream is counted in the new policy.
    await s.gateway.daemon.reload();
    assert.is(await outcome(s, same), "rate cap_identity");
    open.destroy();
    while (s.gateway.daemon.forwarder.live > 0) await new Promise((resolve) => setImmediate(resolve));
    assert.is(await outcome(s, same), "allow");
    assert.is(await outcome(s, one), "rate limit_identity");
    assert.is(await outcome(s, other), "allow");
    assert.is(await outcome(s, other), "rate limit_identity");
    await s.gateway.daemon.reload();
    assert.is(await outcome(s, other), "rate limit_identity");
    s.gateway.clock.advance(30 * 60_000);
    assert.is(await outcome(s, other), "allow");
  }));

test("a reload closes the streams of those whom the new policy does not know, and of another authority", () =>
  within(RULES, {}, async (s) => {
    const { connect } = await import("node:tls");
    const good = s.issue({ names: [uri(OPS)] });
    const stream = async (): Promise<() => boolean> => {
      let closed = false;
      const socket = connect({ port: s.port, host: "127.0.0.1", ca: s.site.pem, cert: good.pem, key: good.key, checkServerIdentity: () => undefined });
      socket.on("error", () => undefined);
      socket.on("close", () => {
        closed = true;
      });
      await new Promise((resolve) => socket.once("data", resolve));
      return () => closed;
    };
    const first = await stream();
    s.gateway.place(moduleOf(s.policy(`${RULES}\n  deny client dns "gone.example"`)));
    await s.gateway.daemon.reload();
    assert.not(first(), "still allowed");
    s.gateway.place(moduleOf(s.policy('allow from any client uri "spiffe://corp.example/others/*"')));
    await s.gateway.daemon.reload();
    while (!first()) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(
      s.gateway
        .records()
        .filter(({ op }) => op === "recheck")
        .map(({ code, detail }) => [code, detail]),
      [["rechecked", "no_identity"]],
    );
  }));

test("an authority that was exchanged is the only one from the next handshake on", () =>
  within(RULES, {}, async (s) => {
    const previous = s.issue({ names: [uri(OPS)] });
    const next = authority("client root of next year");
    assert.is(await outcome(s, previous), "allow");
    putAuthority(s.folder, "corp", next);
    assert.equal(await s.gateway.daemon.renew(), ["corp"]);
    assert.is(await outcome(s, previous), "mtls certificate_refused");
    assert.is(await outcome(s, leaf(next, { names: [uri(OPS)] })), "allow");
    // Both at once, as in a rotation.
    putAuthority(s.folder, "corp", next, s.clients);
    await s.gateway.daemon.renew();
    assert.is(await outcome(s, previous), "allow");
    // A certificate that is no authority is not accepted as one.
    putAuthority(s.folder, "corp", { ...next, ...leaf(next, {}) });
    assert.equal(await s.gateway.daemon.renew(), []);
    assert.is(await outcome(s, previous), "allow");
  }));

test("a handshake under an authority that is exchanged meanwhile ends in a refusal", () =>
  within(RULES, {}, async (s) => {
    const { connect, createServer } = await import("node:net");
    const { connect: connectTls } = await import("node:tls");
    const good = s.issue({ names: [uri(OPS)] });
    let release = (): void => undefined;
    // Lets the hello through and keeps the bytes that the client sends after it.
    const between = createServer((client) => {
      const onwards = connect({ port: s.port, host: "127.0.0.1" });
      const kept: Buffer[] = [];
      let seen = 0;
      let open = false;
      client.on("data", (chunk) => {
        if (seen++ === 0 || open) onwards.write(chunk);
        else kept.push(chunk);
      });
      release = () => {
        open = true;
        for (const chunk of kept) onwards.write(chunk);
      };
      onwards.on("data", (chunk) => client.write(chunk));
      for (const [x, y] of [
        [client, onwards],
        [onwards, client],
      ] as const) {
        x.on("error", () => undefined);
        x.on("close", () => y.destroy());
      }
    });
    const port = await listening(between);
    for (const [next, due] of [
      [s.clients, "allowed"],
      [authority("another root"), "tls_changed"],
    ] as const) {
      const before = s.gateway.records().length;
      const socket = connectTls({
        port,
        host: "127.0.0.1",
        ca: s.site.pem,
        cert: good.pem,
        key: good.key,
        servername: "www.example.com",
        checkServerIdentity: () => undefined,
      });
      socket.on("error", () => undefined);
      await new Promise((resolve) => socket.once("secureConnect", resolve));
      putAuthority(s.folder, "corp", next);
      await s.gateway.daemon.renew();
      release();
      await eventually(() => s.gateway.records().length > before, due);
      assert.is((await lastAccept(s)).code, due);
      socket.destroy();
    }
    between.close();
  }));

test.run();
