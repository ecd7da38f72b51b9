// Files of revocation lists: what is read, which of two lists is older, and which certificates are on them.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { checkFiles } from "../../gateway/cli/check_files.ts";
import { parseConfig } from "../../gateway/config/read.ts";
import { NewestLists } from "../../gateway/tls/newest_lists.ts";
import { certificateKey, MOST_LIST_BYTES, readRevocations, Revocations } from "../../gateway/tls/revocation.ts";
import { skip } from "../skip.ts";
import { suite } from "../suite.ts";
import { HAS_OPENSSL, opensslAuthority, type OpensslAuthority } from "../tls/openssl_authority.ts";
import { running } from "./gateway_under_test.ts";
import { ground, NOW, renew, served } from "./revocation_under_test.ts";

const test = suite("revocation lists");

function withOpenssl(): void {
  test("an older number is refused and the list in use stays; the same one and a newer one are taken", async () => {
    const g = await ground();
    const anna = g.corp.issue("anna.example.com");
    g.corp.setNumber("09");
    g.corp.list(g.crl);
    copyFileSync(g.crl, `${g.crl}.old`);
    g.corp.revoke("anna.example.com");
    renew(g.corp, g.crl);
    const gateway = await running({ policy: g.policy, config: g.config() });
    assert.not.ok(await served(g, anna));
    copyFileSync(`${g.crl}.old`, g.crl);
    assert.equal(await gateway.daemon.renew(), []);
    assert.match(
      gateway.said.join("\n"),
      /the authority `corp` can't be used: the revocation list `[^`]+corp\.crl` is older \(number 9\) than the one in use \(number 10\): put a newer one in its place; the previous one stays in use/,
    );
    assert.not.ok(await served(g, anna));
    assert.ok((await gateway.daemon.reload()).ok);
    assert.not.ok(await served(g, anna));
    g.corp.setNumber("0A");
    renew(g.corp, g.crl);
    await gateway.daemon.renew();
    assert.not.ok(
      gateway.said.slice(-1).some((line) => line.includes("older")),
      "the same number",
    );
  });

  test("files: what is no list, damaged, a delta, too large, expired or early is refused with its path; check-config says the same", async () => {
    const g = await ground();
    g.corp.list(g.crl);
    const crl = (name: string, bytes: string | Uint8Array): string => {
      const path = join(g.folder, name);
      writeFileSync(path, bytes);
      return path;
    };
    const good = readFileSync(g.crl, "utf8");
    const der = Buffer.from(good.replace(/-----[^-]+-----|\s/g, ""), "base64");
    const rows: readonly (readonly [path: string, because: RegExp])[] = [
      [join(g.folder, "missing.crl"), /revocation list `[^`]+missing\.crl` can't be read/],
      [crl("text.crl", "nothing"), /has no revocation list$/],
      [crl("cert.crl", g.corp.pem), /has a CERTIFICATE in line 1, which is no revocation list: remove it/],
      [crl("torn.crl", good.slice(0, 200)), /has no `-----END X509 CRL-----`/],
      [crl("cut.crl", der.subarray(0, 100)), /it is no list in DER or PEM, or it is damaged/],
      [crl("behind.crl", Buffer.concat([der, Buffer.from([0])])), /it is no list in DER or PEM, or it is damaged/],
      [crl("large.crl", Buffer.alloc(MOST_LIST_BYTES + 1, 10)), /is larger than|has more than/],
    ];
    const empty = join(g.folder, "empty");
    mkdirSync(empty);
    g.corp.list(join(g.folder, "late.crl"), { from: "20200101000000Z", until: "20291231235959Z" });
    g.corp.list(join(g.folder, "early.crl"), { from: "20300101000001Z" });
    const all = [
      ...rows,
      [empty, /has no revocation list$/] as const,
      [join(g.folder, "late.crl"), /late\.crl` has expired \(2029-12-31T23:59:59\.000Z\): put a new one in its place/] as const,
      [join(g.folder, "early.crl"), /early\.crl` is not yet valid \(2030-01-01T00:00:01\.000Z\)/] as const,
    ];
    for (const [path, because] of all) {
      assert.throws(() => readRevocations([path], NOW, null), because, path);
      const config = parseConfig(g.config(path), "t.toml");
      if (!config.ok) throw new Error(config.error.message);
      const found = checkFiles({ config: config.value, env: {}, now: NOW }).find(({ key }) => key === "cas.corp.file");
      assert.match(found?.reason ?? "", because, path);
    }
    // At the bound: the same list behind as many line ends as there is room for.
    const room = MOST_LIST_BYTES - Buffer.byteLength(good);
    assert.is(readRevocations([crl("most.crl", Buffer.concat([Buffer.alloc(room, 10), Buffer.from(good)]))], NOW, null).lists.length, 1);
    assert.throws(() => readRevocations([join(g.folder, "most.crl"), g.crl], NOW, null), /have more than 16777216 bytes together/);
    assert.equal(
      readRevocations([crl("good.der", der)], NOW, null).lists.map(({ number }) => number),
      [1n],
    );
    assert.is(readRevocations([g.crl], new Date(Date.UTC(2049, 11, 31, 23, 59, 58)), null).lists.length, 1);
  });

  test("a certificate is found on a list by issuer and serial number; another issuer's number is not it, and an unknown one counts as revoked", async () => {
    const g = await ground();
    const [anna, bert] = [g.corp.issue("anna.example.com"), g.corp.issue("bert.example.com")];
    const other = opensslAuthority(g.folder, "other");
    other.issue("x.example.com");
    const [sameSerialAnna, sameSerialBert] = [other.issue("anna.example.com"), other.issue("bert.example.com")];
    g.corp.revoke("bert.example.com");
    g.corp.list(g.crl);
    const lists = readRevocations([g.crl], NOW, null);
    assert.equal(
      [anna, bert, sameSerialAnna, sameSerialBert].map(({ der }) => lists.has(certificateKey(der))),
      [false, true, false, false],
    );
    assert.equal([lists.has(undefined), lists.has("")], [true, true]);
    assert.is(certificateKey(Buffer.from("no certificate")), "");
    assert.not.ok(new Revocations([]).has(certificateKey(anna.der)));
  });

  test("each key of a name numbers its lists by itself: an older one of either is refused, and a new key begins at one", async () => {
    const g = await ground();
    const again = join(g.folder, "again");
    mkdirSync(again);
    const twin = opensslAuthority(again, "corp");
    const anna = g.corp.issue("anna.example.com");
    const lists = join(g.folder, "lists");
    mkdirSync(lists);
    const [old, next] = [join(lists, "old.crl"), join(lists, "next.crl")];
    g.corp.setNumber("09");
    g.corp.list(old, { saysKey: true });
    copyFileSync(old, `${g.crl}.old`);
    g.corp.revoke("anna.example.com");
    g.corp.list(old, { saysKey: true });
    twin.list(next, { saysKey: true });
    const roots = join(g.folder, "roots.pem");
    writeFileSync(roots, g.corp.pem + twin.pem);
    const config = g.config(lists).replace(g.corp.path, roots);
    const gateway = await running({ policy: g.policy, config });
    const said = (): string => gateway.said.slice(-1).join("");
    assert.not.ok(await served(g, anna));
    twin.setNumber("50");
    twin.list(next, { saysKey: true });
    assert.equal(await gateway.daemon.renew(), ["corp"]);
    copyFileSync(`${g.crl}.old`, old);
    await gateway.daemon.renew();
    assert.match(said(), /old\.crl` is older \(number 9\) than the one in use \(number 10\)/);
    assert.not.ok(await served(g, anna), "the other key's list is newer, and says nothing of her");
  });

  test("which lists are compared: those of one key, and where none of it was in use, those without a key", async () => {
    const g = await ground();
    const again = join(g.folder, "again");
    mkdirSync(again);
    const twin = opensslAuthority(again, "corp");
    const listOf = (by: OpensslAuthority, number: string, saysKey: boolean): string => {
      const path = join(g.folder, `${by === twin ? "twin" : "corp"}${number}${saysKey ? "k" : ""}.crl`);
      by.setNumber(number);
      // Of one time, which is compared where the numbers are the same.
      by.list(path, { saysKey, from: "20200101000000Z" });
      return path;
    };
    const [a9, a10, b1, b2] = [listOf(g.corp, "09", true), listOf(g.corp, "10", true), listOf(twin, "01", true), listOf(twin, "02", true)];
    const [x9, x10, x11] = [listOf(g.corp, "09", false), listOf(g.corp, "10", false), listOf(g.corp, "11", false)];
    const rows: readonly (readonly [used: readonly (readonly string[])[], next: readonly string[], isTaken: boolean])[] = [
      [[[a9]], [a10], true],
      [[[a10]], [a9], false],
      [[[a10]], [b1], true],
      [[[a10, b2]], [a10, b1], false],
      [[[a9, b2]], [a10, b2], true],
      [[[x10]], [x9], false],
      [[[x10]], [x11], true],
      // A list without a key may be of any.
      [[[a10]], [x9], false],
      [[[a10]], [x11], true],
      [[[x10]], [a9], false],
      [[[x10]], [a10], true],
      [[[x10]], [b1], false],
      // One of a key has taken its place.
      [[[x9], [a10]], [x9], false],
      // They were beside each other.
      [[[x10, b1]], [x10, b2], true],
      [[[x10, b2]], [x10, b1], false],
      [[[x10, b2]], [x9, b2], false],
    ];
    for (const [used, next, isTaken] of rows) {
      const newest = new NewestLists();
      for (const one of used) newest.note(readRevocations(one, NOW, newest.of).lists);
      const read = (): unknown => readRevocations(next, NOW, newest.of);
      const name = `${used.map(String).join(" then ")}: ${next.join()}`;
      if (isTaken) assert.not.throws(read, name);
      else assert.throws(read, / is older \(number /, name);
    }
    const [before, after] = [readRevocations([a9, b2], NOW, null), readRevocations([a10, b1], NOW, null)];
    assert.equal(
      before.withNewer(after).lists.map(({ number }) => number),
      [16n, 2n],
    );
    assert.is(after.withNewer(readRevocations([a9], NOW, null)), after);
  });
}

if (HAS_OPENSSL) withOpenssl();
else skip("revocation lists", "openssl is not installed");

test.run();
