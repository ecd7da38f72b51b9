// Files of certificates and authorities: OpenSSL gets what was read of them, and never their text; what is
// expired, weak or too much is left out or refused with a sentence. A client was served only when the backend's bytes arrived.
import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { MOST_SENT_BYTES, readShown, readTrusted } from "../../gateway/tls/certificate_files.ts";
import { readBlocks } from "../../gateway/tls/pem.ts";
import { authority, dns, extension, leaf, oid, tlv, uri, type Authority, type Issued, type Wish } from "../tls/certificates.ts";
import { call, lastAccept, put, SERVED, within } from "../tls/tls_under_test.ts";
import { temporaryFolder } from "./gateway_under_test.ts";

const test = suite("certificate files");
const NOW = new Date();
const folder = temporaryFolder();
const [one, two, late] = [authority("one"), authority("two"), authority("late", { from: -9, until: -1 })];
const file = (text: string | Buffer): string => {
  const path = join(folder, "file.pem");
  writeFileSync(path, text, { mode: 0o600 });
  return path;
};

/** The part of a file of authorities that is used, or the reason why it can't be used. */
function trusted(text: string | Buffer): { readonly names: number; readonly partial: boolean; readonly warnings: string } | string {
  try {
    const { value, warnings } = readTrusted("corp", file(text), NOW);
    return { names: value.roots.split("BEGIN CERTIFICATE").length - 1, partial: value.partial, warnings: warnings.join("; ").replaceAll(folder, "") };
  } catch (error) {
    return error instanceof Error ? error.message.replaceAll(folder, "") : "";
  }
}

const joined = one.pem.trimEnd() + two.pem;
const rsa = (bits: number, wish: Wish = {}): Issued => leaf(one, { ...wish, key: generateKeyPairSync("rsa", { modulusLength: bits }).privateKey });
const curve = (namedCurve: string): Issued => leaf(one, { ca: true, key: generateKeyPairSync("ec", { namedCurve }).privateKey });
const between = authority("between", { by: one });
const ofLate = authority("of late", { by: late });
const texts: readonly (readonly [what: string, text: string | Buffer, due: number | RegExp])[] = [
  ["two", one.pem + two.pem, 2],
  ["no line end between two", joined, 2],
  ["a byte order mark", `\u00ef\u00bb\u00bf${one.pem}`, 1],
  ["one between two", Buffer.from(`${one.pem}\u00ef\u00bb\u00bf${two.pem}`, "latin1"), 2],
  ["CR LF", (one.pem + two.pem).replaceAll("\n", "\r\n"), 2],
  ["lines that are set in, as in YAML", one.pem.replace(/^/gm, "    "), 1],
  ["all on one line", one.pem.replaceAll("\n", " "), 1],
  ["text between", `subject=CN=one\n${one.pem}----- two -----\n${two.pem}the end`, 2],
  ["the same twice", one.pem + one.pem, 1],
  ["the old label", one.pem.replaceAll(" CERTIFICATE", " X509 CERTIFICATE"), 1],
  ["a key beside it", one.pem + one.key, 1],
  ["nothing", "", /has no certificate in PEM/],
  ["a TRUSTED CERTIFICATE", one.pem + two.pem.replaceAll(" CERTIFICATE", " TRUSTED CERTIFICATE"), /has a TRUSTED CERTIFICATE in line \d+, .*openssl x509/],
  ["a revocation list", one.pem + one.pem.replaceAll(" CERTIFICATE", " X509 CRL"), /has a revocation list in line \d+/],
  ["PKCS #7", one.pem + one.pem.replaceAll(" CERTIFICATE", " PKCS7"), /has a PKCS7 in line \d+/],
  ["a request", one.pem.replaceAll(" CERTIFICATE", " CERTIFICATE REQUEST"), /has a CERTIFICATE REQUEST in line 1/],
  ["a block without its end", one.pem + two.pem.slice(0, 200), /has no `-----END CERTIFICATE-----` for the block that begins in line \d+/],
  ["a block in a block", one.pem.slice(0, 200) + two.pem, /has no `-----END CERTIFICATE-----` for the block that begins in line 1/],
  ["an end without a beginning", one.pem + two.pem.slice(30), /ends a CERTIFICATE in line \d+ that it never began/],
  [
    "markers with a dash too few",
    one.pem + two.pem.replace(/-----(BEGIN|END) CERTIFICATE-----/g, "----$1 CERTIFICATE----"),
    /has a damaged marker in line \d+/,
  ],
  ["a byte that is not base64", one.pem.replace(/MII/, "M*I"), /not base64/],
  ["a line that is lost", one.pem.replace(/\n[A-Za-z0-9+/=]{64}\n/, "\n"), /can't be read/],
  [
    "bytes behind the certificate",
    one.pem.replace(
      /-----BEGIN[^]*END CERTIFICATE-----/,
      () => `-----BEGIN CERTIFICATE-----\n${Buffer.concat([one.der, Buffer.from("more")]).toString("base64")}\n-----END CERTIFICATE-----`,
    ),
    /can't be read/,
  ],
  ["DER", one.der, /is DER, not PEM: `openssl x509 -inform DER/],
  ["UTF-16", Buffer.from(`\ufeff${one.pem}`, "utf16le"), /UTF-16/],
  ["no authority", leaf(one, {}).pem, /is not an authority's/],
  ["an expired one beside a good one", late.pem + one.pem, 1],
  ["an expired one alone", late.pem, /has expired/],
  ["one of the future beside a good one", one.pem + authority("soon", { from: 5 }).pem, 2],
  ["one of the future alone", authority("soon", { from: 5 }).pem, /is not yet valid/],
  ["an intermediate alone", between.pem, 1],
  ["an intermediate of an expired root, beside a good one", ofLate.pem + late.pem + one.pem, 1],
  ["an intermediate of an expired root and that", ofLate.pem + late.pem, /has expired/],
  ["RSA of 2048 bits", rsa(2048, { ca: true }).pem + one.pem, 2],
  ["RSA of 2047 bits", rsa(2047, { ca: true }).pem + one.pem, /an RSA key of 2047 bits, and 2048 at least are needed/],
  ["RSA of 1024 bits", rsa(1024, { ca: true }).pem, /an RSA key of 1024 bits/],
  ["P-384", curve("secp384r1").pem, 1],
  ["P-224", curve("secp224r1").pem, /on the curve secp224r1/],
  ["a signature over SHA-1", authority("old", { by: one, digest: "sha1" }).pem + one.pem, /a signature that is too weak/],
  ["a root's own signature over SHA-1", authority("old", { digest: "sha1" }).pem, 1],
];
for (const [what, text, due] of texts) {
  test(`authorities: ${what}`, () => {
    const found = trusted(text);
    if (typeof due === "number") assert.is(typeof found === "string" ? found : found.names, due);
    else assert.match(typeof found === "string" ? found : "it was read", due);
  });
}

test("what is left out is said, and an intermediate alone is trusted by itself", () => {
  assert.equal(trusted(one.pem + between.pem), { names: 2, partial: false, warnings: "" });
  assert.equal(trusted(two.pem + between.pem), { names: 2, partial: true, warnings: "" });
  const left = trusted(late.pem + ofLate.pem + one.pem);
  assert.ok(typeof left !== "string" && !left.partial);
  if (typeof left !== "string")
    assert.match(
      left.warnings,
      /^the certificate `CN=late` of `\/file\.pem` is left out: it has expired \(.*\); the certificate `CN=of late` of `\/file\.pem` is left out: the authority that issued it has expired$/,
    );
});

const small = (n: number, long: number): string => Array.from({ length: n }, (_, i) => authority(String(i).padStart(long, "0")).pem).join("");

test("the names of authorities are bounded by what a handshake has room for", () =>
  within("allow from any", {}, async (s) => {
    /** Thirteen bytes around the letters, and two for its length. */
    const sent = (letters: number): number => letters + 15;
    const own = s.clients;
    const left = MOST_SENT_BYTES - sent(own.name.length);
    const many = Math.floor(left / sent(100)) - 1;
    const text = small(many, 100);
    const filler = (more: number): string => {
      const letters = left - many * sent(100) - 2 * sent(0);
      const half = Math.floor(letters / 2);
      return authority("e".repeat(half)).pem + authority("f".repeat(letters - half + more)).pem;
    };
    const path = join(s.folder, "corp.pem");
    writeFileSync(path, own.pem + text + filler(0));
    await s.gateway.daemon.renew();
    assert.match(s.gateway.said.join("\n"), /renewed: corp/);
    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      assert.is(
        (await call(s, { certificate: s.issue({ names: [uri("spiffe://a/b")] }), options: { minVersion: version, maxVersion: version } })).got,
        SERVED,
        version,
      );
    }
    writeFileSync(path, own.pem + text + filler(1));
    await s.gateway.daemon.renew();
    assert.match(
      s.gateway.said.at(-1) ?? "",
      new RegExp(
        `the names of the ${many + 3} authorities in .* take ${MOST_SENT_BYTES + 1} bytes, and a handshake has room for ${MOST_SENT_BYTES}: .*previous one stays`,
      ),
    );
  }));

test("an intermediate alone is an anchor, and the clients of others are refused", () =>
  within("allow from any", {}, async (s) => {
    const [root, other] = [authority("root"), authority("other")];
    const [middle, sister] = [authority("middle", { by: root }), authority("sister", { by: root })];
    writeFileSync(join(s.folder, "corp.pem"), middle.pem);
    await s.gateway.daemon.renew();
    const rows: readonly (readonly [what: string, by: Authority, more: string, served: boolean])[] = [
      ["its own", middle, "", true],
      ["its own, with the whole chain", middle, middle.pem + root.pem, true],
      ["another intermediate's", sister, sister.pem + root.pem, false],
      ["the root's", root, root.pem, false],
      ["a stranger's", other, other.pem, false],
      ["one below it", authority("below", { by: middle }), "", false],
    ];
    for (const [what, by, more, served] of rows) {
      const { pem, key, der } = leaf(by, { names: [uri("spiffe://a/b")] });
      const came = await call(s, { certificate: { pem: pem + more, key, der } });
      assert.equal([came.got, (await lastAccept(s)).code], served ? [SERVED, "allowed"] : ["", "certificate_refused"], what);
    }
  }));

test("a client's own key and signature have the same bounds", () =>
  within("allow from any", {}, async (s) => {
    const key = (modulusLength: number): Wish => ({ key: generateKeyPairSync("rsa", { modulusLength }).privateKey });
    for (const [what, wish, code] of [
      ["RSA of 2048 bits", key(2048), "allowed"],
      ["RSA of 1024 bits", key(1024), "certificate_refused"],
      ["a signature over SHA-1", { digest: "sha1" }, "certificate_refused"],
    ] as const) {
      await call(s, { certificate: s.issue(wish), options: { ciphers: "DEFAULT@SECLEVEL=0" } });
      assert.is((await lastAccept(s)).code, code, what);
    }
  }));

/** The chain that is sent for a chain file and a key, or the reason why it can't be used. */
function shown(chain: string, key: string): string {
  const paths = [join(folder, "chain.pem"), join(folder, "chain.key")] as const;
  writeFileSync(paths[0], chain, { mode: 0o600 });
  writeFileSync(paths[1], key, { mode: 0o600 });
  try {
    const { value, warnings } = readShown(...paths, NOW);
    return `${value.chain.split("BEGIN CERTIFICATE").length - 1} ${warnings.join("; ")}`.replaceAll(folder, "").trimEnd();
  } catch (error) {
    return error instanceof Error ? error.message.replaceAll(folder, "") : "";
  }
}

test("chains and keys", () => {
  const web = leaf(between, { names: [dns("www.example.com")] });
  const padded = (more: number): Issued => leaf(one, { ca: true, more: [extension(oid(1, 3, 6, 1, 4, 1, 99999, 2), tlv(0x04, Buffer.alloc(more)))] });
  /** Signatures differ by a byte or two. */
  const fits = (extra: number): string => {
    const due = MOST_SENT_BYTES + extra - web.der.length - 6;
    for (;;) {
      const one = padded(60_000 + due - padded(60_000).der.length);
      if (one.der.length === due) return one.pem;
    }
  };
  const rsaKey = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  const withRsa = leaf(between, { key: rsaKey });
  const secret = web.key.replaceAll("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
  const rows: readonly (readonly [what: string, chain: string, key: string, due: RegExp])[] = [
    ["a chain", web.pem + between.pem, web.key, /^2$/],
    [
      "joined, with a mark and CR LF",
      `\u00ef\u00bb\u00bf${web.pem.trimEnd()}${between.pem.replaceAll("\n", "\r\n")}`,
      `\u00ef\u00bb\u00bf${web.key.replaceAll("\n", "\r\n")}`,
      /^2$/,
    ],
    [
      "an expired one more in the chain",
      web.pem + between.pem + late.pem,
      web.key,
      /^2 the certificate `CN=late` of `\/chain\.pem` is left out: it has expired/,
    ],
    ["key and chain in one text", web.key + web.pem, web.pem + web.key, /^1$/],
    ["PKCS #1", withRsa.pem, String(rsaKey.export({ type: "pkcs1", format: "pem" })), /^1$/],
    ["RSA of 1024 bits", rsa(1024).pem, rsa(1024).key, /is not the key of|RSA key of 1024 bits/],
    ["another's key", web.pem, between.key, /is not the key of the first certificate/],
    ["two keys", web.pem, web.key + between.key, /has 2 private keys/],
    ["a key under a passphrase", web.pem, secret, /not a private key in PEM without a passphrase/],
    ["as many bytes as there is room for", web.pem + fits(0), web.key, /^2$/],
    ["one more", web.pem + fits(1), web.key, new RegExp(`has ${MOST_SENT_BYTES + 1} bytes, and a handshake has room for ${MOST_SENT_BYTES}`)],
  ];
  for (const [what, chain, key, due] of rows) assert.match(shown(Buffer.from(chain, "latin1").toString("latin1"), key), due, what);
  const weak = rsa(1024);
  assert.match(shown(weak.pem, weak.key), /an RSA key of 1024 bits, and 2048 at least are needed/);
  assert.match(shown(web.pem + weak.pem, web.key), /an RSA key of 1024 bits/, "in the chain too");
});

test("a chain with as many bytes as there is room for is shown", () =>
  within("allow from any", { mode: "tls" }, async (s) => {
    const pad = leaf(s.site, { ca: true, more: [extension(oid(1, 3, 6, 1, 4, 1, 99999, 2), tlv(0x04, Buffer.alloc(64_000)))] });
    const web = leaf(s.site, { names: [dns("www.example.com")] });
    put(s.folder, "web", { ...web, pem: web.pem + pad.pem });
    await s.gateway.daemon.renew();
    assert.match(s.gateway.said.join("\n"), /renewed: web/);
    assert.is((await call(s)).got, SERVED);
  }));

test("the lines of blocks", () => {
  const read = readBlocks(Buffer.from(`a\n${one.pem}b\n${two.pem}`));
  assert.equal("blocks" in read ? read.blocks.map(({ label, line }) => `${label} ${line}`) : read.fault, [
    "CERTIFICATE 2",
    `CERTIFICATE ${one.pem.split("\n").length + 2}`,
  ]);
});

test.run();
