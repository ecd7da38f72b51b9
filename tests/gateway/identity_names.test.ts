// Each typed name of a client's certificate has one form. Names that can be written in two ways, or that
// OpenSSL compares with an authority's name constraints as another name, are refused with the certificate.
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { clientWords } from "../../gateway/admit/client_words.ts";
import { FIELD_BYTES } from "../../gateway/audit/line.ts";
import { subjectNames } from "../../gateway/tls/subject_names.ts";
import { authority, dns, email, extension, ip, leaf, oid, sequence, tlv, uri, type Name } from "../tls/certificates.ts";
import { call, lastAccept, SERVED, within } from "../tls/tls_under_test.ts";

const test = suite("identity names");
const issuer = authority("client root");
const v6 = (...tail: readonly number[]): Name => ip(...Array.from({ length: 16 - tail.length }, () => 0), ...tail);
const host = (bytes: number): string => `${"a".repeat(63)}.`.repeat(3) + "a".repeat(bytes - 192);

const rows: readonly (readonly [what: string, name: Name, due: string])[] = [
  ["a DNS name", dns("Jump.corp_1.example"), "dns:jump.corp_1.example"],
  ["a dot at its end", dns("jump.example."), "dns_name"],
  ["a dot at its beginning", dns(".jump.example"), "dns_name"],
  ["two dots", dns("jump..example"), "dns_name"],
  ["a dot alone", dns("."), "dns_name"],
  ["nothing", dns(""), "dns_name"],
  ["a blank", dns(" "), "dns_name"],
  ["a byte above ASCII", dns("j\u00fcmp.example"), "dns_name"],
  ["a wildcard, which is no pattern here", dns("*.example"), "dns:*.example"],
  ["a label of 63 bytes", dns(`${"a".repeat(63)}.example`), `dns:${"a".repeat(63)}.example`],
  ["a label of 64 bytes", dns(`${"a".repeat(64)}.example`), "dns_name"],
  ["253 bytes", dns(host(253)), `dns:${host(253)}`],
  ["254 bytes", dns(host(254)), "dns_name"],
  ["IPv4", ip(192, 0, 2, 7), "ip:192.0.2.7"],
  ["IPv4 in sixteen bytes", v6(0xff, 0xff, 192, 0, 2, 7), "ip_name"],
  ["an IPv6 address that ends as an IPv4 one, without its prefix", v6(192, 0, 2, 7), "ip:::c000:207"],
  ["IPv6", ip(0x20, 1, 13, 184, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7), "ip:2001:db8::7"],
  ["three bytes", ip(192, 0, 2), "ip_name"],
  ["five bytes", ip(192, 0, 2, 7, 0), "ip_name"],
  ["an address with its mask", ip(192, 0, 2, 0, 255, 255, 255, 0), "ip_name"],
  ["fifteen bytes", ip(...Array.from({ length: 15 }, () => 1)), "ip_name"],
  ["seventeen bytes", ip(...Array.from({ length: 17 }, () => 1)), "ip_name"],
  ["no bytes", ip(), "ip_name"],
  ["e-mail", email("Ops.team+x@Corp.Example"), "email:Ops.team+x@corp.example"],
  ["e-mail at a host with a dot at its end", email("ops@corp.example."), "email_name"],
  ["two @", email("ops@evil.example@corp.example"), "email_name"],
  ["a quoted part", email('"ops"@corp.example'), "email_name"],
  ["two dots in it", email("o..ps@corp.example"), "email_name"],
  ["at an address in brackets", email("ops@[192.0.2.7]"), "email_name"],
  ["no host", email("ops@"), "email_name"],
  ["a host alone", email("corp.example"), "email_name"],
  ["a URI", uri("SPIFFE://Corp.Example/Ops/web"), "uri:spiffe://corp.example/Ops/web"],
  ["a URI without a path", uri("spiffe://corp.example"), "uri:spiffe://corp.example"],
  ["a slash at its end", uri("spiffe://corp.example/ops/"), "uri_name"],
  ["a slash alone", uri("spiffe://corp.example/"), "uri_name"],
  ["an empty segment", uri("spiffe://corp.example//ops"), "uri_name"],
  ["an empty segment without a host", uri("urn:a//b"), "uri_name"],
  ["a segment that stays", uri("spiffe://corp.example/./ops"), "uri_name"],
  ["a segment that climbs", uri("spiffe://corp.example/x/../ops"), "uri_name"],
  ["a user", uri("https://user@corp.example/a"), "uri_name"],
  ["a user with a password", uri("https://user:word@corp.example/a"), "uri_name"],
  ["a port", uri("https://corp.example:8443/a"), "uri:https://corp.example:8443/a"],
  ["the port 65535", uri("https://corp.example:65535/a"), "uri:https://corp.example:65535/a"],
  ["the port 65536", uri("https://corp.example:65536/a"), "uri_name"],
  ["a port that is empty", uri("https://corp.example:/a"), "uri_name"],
  ["a port with a zero before it", uri("https://corp.example:0443/a"), "uri_name"],
  ["no host", uri("spiffe:///ops/web"), "uri_name"],
  ["no host where none is needed", uri("file:///srv/a"), "uri:file:///srv/a"],
  ["a host with a dot at its end", uri("https://corp.example./a"), "uri_name"],
  ["a host with a dot at its beginning", uri("https://.corp.example/a"), "uri_name"],
  ["a host with an escaped letter", uri("https://%63orp.example/a"), "uri_name"],
  ["a wildcard as the host", uri("https://*.example/a"), "uri_name"],
  ["IPv4 as the host", uri("https://192.0.2.7/a"), "uri:https://192.0.2.7/a"],
  ["IPv4 with a zero before it", uri("https://192.0.02.7/a"), "uri_name"],
  ["IPv4 as one number", uri("https://3221225991/a"), "uri_name"],
  ["IPv4 as one number in hexadecimal", uri("https://0xC0000207/a"), "uri_name"],
  ["IPv6 as the host", uri("https://[2001:db8::7]/a"), "uri_name"],
  // OpenSSL takes all before the first `:` or `/` for the host.
  ["a colon in the path", uri("https://corp.example/a:b"), "uri_name"],
  ["a colon in the query", uri("https://corp.example/a?b:c"), "uri_name"],
  ["a colon in the fragment", uri("https://corp.example/a#b:c"), "uri_name"],
  ["a query behind the host", uri("https://corp.example?a"), "uri_name"],
  ["a fragment behind the host", uri("https://corp.example#a"), "uri_name"],
  ["a query", uri("https://corp.example/a?b=/c/"), "uri:https://corp.example/a?b=/c/"],
  ["an empty query", uri("https://corp.example/a?"), "uri_name"],
  ["an empty query before a fragment", uri("https://corp.example/a?#b"), "uri_name"],
  ["a fragment", uri("https://corp.example/a#b"), "uri:https://corp.example/a#b"],
  ["an empty fragment", uri("https://corp.example/a#"), "uri_name"],
  ["an escaped byte that needs it", uri("https://corp.example/a%20b"), "uri:https://corp.example/a%20b"],
  ["an escaped letter", uri("https://corp.example/%6Fps"), "uri_name"],
  ["an escaped dot", uri("https://corp.example/%2E%2E/ops"), "uri_name"],
  ["an escaped slash", uri("https://corp.example/a%2Fb"), "uri_name"],
  ["an escaped backslash", uri("https://corp.example/a%5Cb"), "uri_name"],
  ["an escaped NUL", uri("https://corp.example/a%00"), "uri_name"],
  ["an escape in small letters", uri("https://corp.example/a%c3"), "uri_name"],
  ["half an escape", uri("https://corp.example/a%2"), "uri_name"],
  ["a name without a host", uri("urn:uuid:00000000-0000-0000-0000-000000000007"), "uri:urn:uuid:00000000-0000-0000-0000-000000000007"],
  ["a scheme alone", uri("urn:"), "uri_name"],
  ["no scheme", uri("//corp.example/a"), "uri_name"],
];
for (const [what, name, due] of rows) {
  test(`${what}: ${String(name.content).slice(0, 50)}`, () => {
    const found = subjectNames(leaf(issuer, { names: [name] }).der);
    assert.is("fault" in found ? found.fault : found.words[0], due);
  });
}

/** Excludes names below `jump.example`, and the address 192.0.2.7. */
const EXCLUDES = extension(
  oid(2, 5, 29, 30),
  sequence(
    tlv(
      0xa1,
      Buffer.concat([
        sequence(tlv(0x82, Buffer.from("jump.example"))),
        sequence(tlv(0x86, Buffer.from("jump.example"))),
        sequence(tlv(0x81, Buffer.from("jump.example"))),
        sequence(tlv(0x87, Buffer.from([192, 0, 2, 7, 255, 255, 255, 255]))),
      ]),
    ),
  ),
  true,
);

test("no spelling of an excluded name passes an authority's name constraints", () =>
  within("allow from any", {}, async (s) => {
    const between = authority("constrained", { by: s.clients, more: [EXCLUDES] });
    const names: readonly Name[] = [
      dns("jump.example"),
      dns("jump.example."),
      dns("JUMP.example"),
      ip(192, 0, 2, 7),
      v6(0xff, 0xff, 192, 0, 2, 7),
      uri("https://jump.example/a"),
      uri("https://jump.example./a"),
      uri("https://user@jump.example/a"),
      uri("https://jump.example/a:b"),
      uri("https://jump.example?a"),
      uri("https://%6Aump.example/a"),
      email("ops@jump.example"),
      email("ops@jump.example."),
      email("a@jump.example@other.example"),
    ];
    for (const name of names) {
      const { pem, key, der } = leaf(between, { names: [name] });
      const came = await call(s, { certificate: { pem: pem + between.pem, key, der } });
      assert.is(came.got, "", String(name.content));
      assert.ok(["certificate_refused", "identity_malformed"].includes((await lastAccept(s)).code), (await lastAccept(s)).code);
    }
    const good = leaf(between, { names: [dns("other.example"), uri("https://other.example/a")] });
    assert.is((await call(s, { certificate: { ...good, pem: good.pem + between.pem } })).got, SERVED);
  }));

const HASH = `sha256:${"0".repeat(64)}`;

test("the fingerprint and the matching name are in a record whole; of the others what fits", () => {
  const fit = FIELD_BYTES - HASH.length - 1;
  const long = `uri:spiffe://corp.example/${"x".repeat(4000)}`;
  const records: readonly (readonly [what: string, words: readonly string[], matching: string | null, client: string, more: number | undefined])[] = [
    ["one name", ["dns:a", HASH], "dns:a", `${HASH} dns:a`, undefined],
    ["none", [HASH], null, HASH, undefined],
    ["as long as fits", ["x".repeat(fit), HASH], null, `${HASH} ${"x".repeat(fit)}`, undefined],
    ["one byte longer", ["x".repeat(fit + 1), HASH], null, HASH, 1],
    ["one byte longer, and matching", ["x".repeat(fit + 1), HASH], "x".repeat(fit + 1), `${HASH} ${"x".repeat(fit + 1)}`, undefined],
    ["a long one that matches", ["dns:a", HASH, long], long, `${HASH} ${long}`, 1],
    ["a long one that doesn't", ["dns:a", HASH, long], "dns:a", `${HASH} dns:a`, 1],
  ];
  for (const [what, words, matching, client, more] of records)
    assert.equal(clientWords({ words }, matching), { client, ...(more !== undefined && { client_more: more }) }, what);
});

test("of 64 names the record has the one that the deciding rule matches", () =>
  within('allow from any client uri "spiffe://corp.example/ops/*"\n  deny client dns "z.example"', {}, async (s) => {
    const others = Array.from({ length: 62 }, (_, i) => dns(`n${i}.${"a".repeat(40)}.example`));
    const path = "x".repeat(600);
    const table: readonly (readonly [names: readonly Name[], code: string, matching: string])[] = [
      [[...others, uri(`spiffe://corp.example/ops/${path}`)], "allowed", `uri:spiffe://corp.example/ops/${path}`],
      [[...others, dns("z.example"), uri("spiffe://corp.example/ops/web")], "deny_identity", "dns:z.example"],
    ];
    for (const [names, code, matching] of table) {
      const certificate = s.issue({ names });
      await call(s, { certificate });
      const record = await lastAccept(s);
      const fingerprint = subjectNames(certificate.der);
      const hash = "words" in fingerprint ? fingerprint.words.at(-1) : "";
      assert.is(record.code, code);
      assert.ok(record.client?.startsWith(`${hash} ${matching}`), record.client);
      assert.ok((record.client_more ?? 0) > 50);
    }
  }));

test.run();
