// Revocation lists: real certificates and lists of the openssl program, real handshakes with each engine of TLS. A client was
// served only when the backend's bytes arrived.
import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { connect, type TLSSocket } from "node:tls";
import { connect as connectPlain } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { NewestLists } from "../../gateway/tls/newest_lists.ts";
import { checkFiles } from "../../gateway/cli/check_files.ts";
import { READING, SECURING } from "../../gateway/connection/states.ts";
import { parseConfig } from "../../gateway/config/read.ts";
import { certificateKey, MOST_LIST_BYTES, readRevocations, Revocations } from "../../gateway/tls/revocation.ts";
import { skip } from "../skip.ts";
import { authority, dns, leaf, type Authority, type Issued } from "../tls/certificates.ts";
import { HAS_OPENSSL, opensslAuthority, type OpensslAuthority } from "../tls/openssl_authority.ts";
import { call, GREETING, put, SERVED } from "../tls/tls_under_test.ts";
import { backend, eventually, FORWARDERS, freePort, moduleOf, running, start, temporaryFolder, type Under, type UnderSetup } from "./gateway_under_test.ts";

const test = suite("revocation");
const run = promisify(execFile);
const NOW = new Date(Date.UTC(2030, 0, 1));
/** The date in a time that is over, in which every certificate of these tests is good. */
const THEN = Date.UTC(2020, 5, 1);

interface Ground {
  readonly folder: string;
  readonly site: Authority;
  readonly corp: OpensslAuthority;
  readonly port: number;
  readonly policy: string;
  readonly crl: string;
  config(crl?: string): string;
}

async function ground(): Promise<Ground> {
  const folder = temporaryFolder();
  const site = authority("site root", { from: -6000 });
  put(folder, "web", leaf(site, { names: [dns("www.example.com")], from: -6000 }));
  const corp = opensslAuthority(folder, "corp");
  const port = await freePort();
  const behind = await backend(GREETING);
  const crl = join(folder, "corp.crl");
  return {
    folder,
    site,
    corp,
    port,
    crl,
    policy: `edition 1
expose web on tcp ${port} bind 127.0.0.1 as mtls { backend 127.0.0.1:${behind.port} cert "web" ca "corp" allow from any client dns "anna.example.com", dns "bert.example.com" }`,
    config: (lists = crl) =>
      `policy.watch = false\n[certs.web]\ncert = "${folder}/web.pem"\nkey = "${folder}/web.key"\n[cas.corp]\nfile = "${corp.path}"\ncrl = ["${lists}"]\n`,
  };
}

/** Written beside its place and renamed, as an operator's tool does. */
function renew(of: OpensslAuthority, path: string): void {
  of.list(`${path}.new`);
  renameSync(`${path}.new`, path);
}

async function served(g: Pick<Ground, "port" | "site">, certificate: Issued): Promise<boolean> {
  return (await call(g, { certificate })).got === SERVED;
}

async function lastOf(gateway: Under): Promise<string> {
  const { table } = gateway.daemon.forwarder;
  await eventually(() => table.state.every((state) => state !== READING && state !== SECURING), "the last decision");
  const record = gateway
    .records()
    .filter(({ op }) => op === "accept")
    .at(-1);
  return `${record?.code} ${record?.detail ?? ""}`.trim();
}

/** A client that stays. */
async function stream({ port, site }: Ground, certificate: Issued): Promise<{ readonly socket: TLSSocket; readonly closed: Promise<void> }> {
  const socket = connect({
    socket: connectPlain(port, "127.0.0.1"),
    ca: site.pem,
    checkServerIdentity: () => undefined,
    servername: "www.example.com",
    cert: certificate.pem,
    key: certificate.key,
  });
  socket.on("error", () => undefined);
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  await new Promise<void>((resolve) => socket.once("data", () => resolve()));
  return { socket, closed };
}

const KERNEL = FORWARDERS.includes("kernel");
const WAYS: readonly (readonly [string, Pick<UnderSetup, "forwarder" | "engine" | "threads">])[] = [
  ["Node's engine", { forwarder: "node" }],
  ...(KERNEL ?
    ([
      ["OpenSSL's engine", { forwarder: "kernel", engine: "openssl" }],
      ["Node's engine on the kernel's forwarder", { forwarder: "kernel", engine: "node" }],
      ["OpenSSL's engine in threads", { forwarder: "kernel", engine: "openssl", threads: 2 }],
    ] as const)
  : []),
];

function eachWay(name: string, body: (setup: (typeof WAYS)[number][1]) => Promise<void>): void {
  for (const [way, setup] of WAYS) test(`${way}: ${name}`, () => body(setup));
}

function withOpenssl(): void {
  eachWay("who is on the list is refused, another client is served, and a renewed list counts from the next handshake on", async (setup) => {
    const g = await ground();
    const [anna, bert] = [g.corp.issue("anna.example.com"), g.corp.issue("bert.example.com")];
    g.corp.revoke("bert.example.com");
    g.corp.list(g.crl);
    const gateway = await running({ ...setup, policy: g.policy, config: g.config() });
    assert.ok(await served(g, anna));
    assert.not.ok(await served(g, bert));
    assert.is(await lastOf(gateway), "certificate_refused CERT_REVOKED");
    g.corp.revoke("anna.example.com");
    renew(g.corp, g.crl);
    assert.ok(await served(g, anna), "not read yet");
    assert.equal(await gateway.daemon.renew(), ["corp"]);
    assert.not.ok(await served(g, anna));
    assert.is(await lastOf(gateway), "certificate_refused CERT_REVOKED");
  });

  for (const how of ["renew", "reload", "keep"] as const)
    eachWay(
      `the stream of a certificate that gets revoked is cut by ${how === "keep" ? "a reload with on_reload = keep" : how}, and another one stays`,
      async (setup) => {
        const g = await ground();
        const [anna, bert] = [g.corp.issue("anna.example.com"), g.corp.issue("bert.example.com")];
        g.corp.list(g.crl);
        const gateway = await running({ ...setup, policy: g.policy, config: `${how === "keep" ? 'on_reload = "keep"\n' : ""}${g.config()}` });
        const [a, b] = [await stream(g, anna), await stream(g, bert)];
        g.corp.revoke("bert.example.com");
        renew(g.corp, g.crl);
        if (how === "renew") await gateway.daemon.renew();
        else assert.ok((await gateway.daemon.reload()).ok);
        await b.closed;
        const record = gateway.records().find(({ op }) => op === "recheck");
        assert.equal([record?.decision, record?.code, record?.detail], ["deny", "rechecked", "certificate_revoked"]);
        await eventually(() => gateway.daemon.forwarder.live === 1, "one is left");
        let echoed = false;
        a.socket.once("data", () => (echoed = true));
        a.socket.write("more");
        await eventually(() => echoed, "the other stream lives");
      },
    );

  eachWay("with a list of no issuer of the chain, or with one that has expired by OpenSSL's clock, everybody is refused", async (setup) => {
    const g = await ground();
    const anna = g.corp.issue("anna.example.com");
    opensslAuthority(g.folder, "other").list(g.crl);
    const gateway = await running({ ...setup, policy: g.policy, config: g.config() });
    assert.not.ok(await served(g, anna));
    assert.is(await lastOf(gateway), "certificate_refused UNABLE_TO_GET_CRL");
    await gateway.stop();
    const late = await ground();
    const client = late.corp.issue("anna.example.com");
    late.corp.list(late.crl, { from: "20200101000000Z", until: "20201231000000Z" });
    // The gateway's clock is still in the time of the list.
    const old = await running({ ...setup, policy: late.policy, config: late.config(), wall: () => THEN });
    assert.not.ok(await served(late, client));
    assert.is(await lastOf(old), "certificate_refused CRL_HAS_EXPIRED");
  });

  eachWay("a list whose signature is another's refuses everybody", async (setup) => {
    const g = await ground();
    const anna = g.corp.issue("anna.example.com");
    // The same name, another key.
    const folder = join(g.folder, "twin");
    mkdirSync(folder);
    opensslAuthority(folder, "corp").list(g.crl);
    const gateway = await running({ ...setup, policy: g.policy, config: g.config() });
    assert.not.ok(await served(g, anna));
    assert.match(await lastOf(gateway), /^certificate_refused (CRL_SIGNATURE_FAILURE|UNABLE_TO_GET_CRL)/);
  });

  eachWay("every certificate of a chain is looked up: an authority between that is revoked, or has no list, refuses its clients", async (setup) => {
    const g = await ground();
    const staff = g.corp.below("staff");
    const anna = staff.issue("anna.example.com");
    const lists = join(g.folder, "lists");
    mkdirSync(lists);
    g.corp.list(join(lists, "corp.crl"));
    const gateway = await running({ ...setup, policy: g.policy, config: g.config(lists) });
    assert.not.ok(await served(g, anna));
    assert.is(await lastOf(gateway), "certificate_refused UNABLE_TO_GET_CRL");
    staff.list(join(lists, "staff.crl"));
    // The poll finds new files in folders, which no watcher reports.
    gateway.clock.advance(5_000);
    await eventually(() => gateway.said.includes("certificates and authorities renewed: corp"), "the new file");
    assert.ok(await served(g, anna));
    g.corp.revoke("staff");
    renew(g.corp, join(lists, "corp.crl"));
    await gateway.daemon.renew();
    assert.not.ok(await served(g, anna));
    assert.is(await lastOf(gateway), "certificate_refused CERT_REVOKED");
  });

  eachWay("curl and openssl s_client: served, then refused, and no session that they kept brings them back", async (setup) => {
    const g = await ground();
    const anna = g.corp.issue("anna.example.com");
    put(g.folder, "client", anna);
    writeFileSync(join(g.folder, "site.pem"), g.site.pem);
    g.corp.list(g.crl);
    const behind = await backend("", (socket) => socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi")));
    const policy = g.policy.replace(/backend 127\.0\.0\.1:\d+/, `backend 127.0.0.1:${behind.port}`);
    const gateway = await running({ ...setup, policy, config: g.config() });
    const curl = async (): Promise<string> => {
      const to = `https://www.example.com:${g.port}/`;
      const argv = [
        "-sS",
        "--noproxy",
        "*",
        "--resolve",
        `www.example.com:${g.port}:127.0.0.1`,
        "--cacert",
        `${g.folder}/site.pem`,
        "--cert",
        `${g.folder}/client.pem`,
        "--key",
        `${g.folder}/client.key`,
        to,
      ];
      return run("curl", argv, { timeout: 20_000 }).then(
        ({ stdout }) => stdout,
        () => "refused",
      );
    };
    const sClient = async (version: string, ...more: readonly string[]): Promise<string> => {
      const argv = [
        "s_client",
        "-connect",
        `127.0.0.1:${g.port}`,
        "-servername",
        "www.example.com",
        version,
        "-CAfile",
        `${g.folder}/site.pem`,
        "-cert",
        `${g.folder}/client.pem`,
        "-key",
        `${g.folder}/client.key`,
        "-quiet",
        "-no_ign_eof",
        ...more,
      ];
      const child = run("openssl", argv, { timeout: 20_000 });
      child.child.stdin?.end("GET / HTTP/1.1\r\n\r\n");
      return child.then(
        ({ stdout }) => stdout,
        () => "refused",
      );
    };
    assert.is(await curl(), "hi");
    for (const version of ["-tls1_2", "-tls1_3"]) await sClient(version, "-sess_out", `${g.folder}/session${version}`);
    g.corp.revoke("anna.example.com");
    renew(g.corp, g.crl);
    await gateway.daemon.renew();
    assert.is(await curl(), "refused");
    const before = behind.accepted;
    for (const version of ["-tls1_2", "-tls1_3"]) {
      await sClient(version, "-sess_in", `${g.folder}/session${version}`);
      assert.is(await lastOf(gateway), "certificate_refused CERT_REVOKED", version);
    }
    assert.is(behind.accepted, before);
  });

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

  test("a start without a good list closes the expose, and opens it once there is one; on_bad_certificate = refuse ends the start", async () => {
    const g = await ground();
    const anna = g.corp.issue("anna.example.com");
    const gateway = await running({ policy: g.policy, config: g.config() });
    assert.match(gateway.said.join("\n"), /expose `web` is closed: the authority `corp` can't be used: revocation list `[^`]+corp\.crl` can't be read/);
    assert.not.ok(await served(g, anna));
    g.corp.list(g.crl);
    gateway.clock.advance(5_000);
    await eventually(() => gateway.said.includes("certificates and authorities renewed: corp"), "it opens");
    await eventually(() => gateway.markers.some((line) => line.includes(`port open (port=${g.port}`)), "its port");
    assert.ok(await served(g, anna));
    // Then it is gone: what was read stays in use.
    renameSync(g.crl, `${g.crl}.gone`);
    assert.equal(await gateway.daemon.renew(), []);
    assert.ok(await served(g, anna));
    const refused = await start({ policy: g.policy, config: `on_bad_certificate = "refuse"\n${g.config()}` });
    assert.ok("failure" in refused && /revocation list/.test(refused.failure.message), JSON.stringify(refused));
  });

  test("a configuration that names lists for the first time refuses what they revoke, in the same reload", async () => {
    const g = await ground();
    const anna = g.corp.issue("anna.example.com");
    const without = g.config().replace(/crl = .*\n/, "");
    const gateway = await running({ policy: g.policy, config: without });
    const one = await stream(g, anna);
    g.corp.revoke("anna.example.com");
    g.corp.list(g.crl);
    gateway.configure(g.config());
    assert.ok((await gateway.daemon.reload()).ok);
    await one.closed;
    assert.not.ok(await served(g, anna));
    assert.match(JSON.stringify(await gateway.daemon.status()), /"kind":"crl","name":"corp","not_after":"2049-12-31T23:59:59.000Z"/);
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

  test("a policy that comes with the lists in one change, and a change that is taken back", async () => {
    const g = await ground();
    const anna = g.corp.issue("anna.example.com");
    const gateway = await running({ policy: g.policy, config: g.config().replace(/crl = .*\n/, "") });
    g.corp.revoke("anna.example.com");
    g.corp.list(g.crl);
    gateway.configure(g.config());
    gateway.place(moduleOf(g.policy.replace("expose web", "expose site")));
    const change = await gateway.daemon.prepare();
    if (!change.ok) throw new Error(change.error.message);
    assert.ok(await served(g, anna), "prepared");
    assert.ok((await change.value.commit()).ok);
    assert.not.ok(await served(g, anna));
    assert.ok((await change.value.abort()).ok);
    assert.ok(await served(g, anna), "as before");
  });

  test("a change that is taken back keeps the newer list that came with it", async () => {
    const g = await ground();
    const anna = g.corp.issue("anna.example.com");
    g.corp.list(g.crl);
    copyFileSync(g.crl, `${g.crl}.old`);
    const gateway = await running({ policy: g.policy, config: g.config() });
    assert.ok(await served(g, anna));
    g.corp.revoke("anna.example.com");
    renew(g.corp, g.crl);
    const change = await gateway.daemon.prepare();
    if (!change.ok) throw new Error(change.error.message);
    assert.ok((await change.value.commit()).ok);
    assert.ok((await change.value.abort()).ok);
    assert.not.ok(await served(g, anna), "it is revoked");
    copyFileSync(`${g.crl}.old`, g.crl);
    assert.equal(await gateway.daemon.renew(), []);
    assert.match(gateway.said.join("\n"), /is older \(number 1\) than the one in use \(number 2\)/);
    assert.not.ok(await served(g, anna));
  });

  for (const between of ["names no list", "names the list of another authority"])
    test(`an older list is refused also after a configuration that ${between} meanwhile`, async () => {
      const g = await ground();
      const anna = g.corp.issue("anna.example.com");
      g.corp.list(g.crl);
      copyFileSync(g.crl, `${g.crl}.old`);
      g.corp.revoke("anna.example.com");
      renew(g.corp, g.crl);
      opensslAuthority(g.folder, "other").list(`${g.crl}.other`);
      const gateway = await running({ policy: g.policy, config: g.config() });
      assert.not.ok(await served(g, anna));
      const meanwhile = between === "names no list" ? g.config().replace(/crl = .*\n/, "") : g.config(`${g.crl}.other`);
      gateway.configure(meanwhile);
      assert.ok((await gateway.daemon.reload()).ok);
      copyFileSync(`${g.crl}.old`, g.crl);
      gateway.configure(g.config());
      const report = await gateway.daemon.reload();
      // Without lists the authority would admit everyone, so that the change is refused.
      assert.is(report.ok, between !== "names no list");
      assert.match(report.ok ? gateway.said.join("\n") : report.error.message, /is older \(number 1\) than the one in use \(number 2\)/);
      assert.is(await served(g, anna), between === "names no list");
      renew(g.corp, g.crl);
      assert.ok((await gateway.daemon.reload()).ok);
      assert.not.ok(await served(g, anna));
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
      by.list(path, { saysKey });
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

  test("a configuration whose first lists can't be used is refused, and the one in force stays", async () => {
    const g = await ground();
    const anna = g.corp.issue("anna.example.com");
    const gateway = await running({ policy: g.policy, config: g.config().replace(/crl = .*\n/, "") });
    gateway.configure(g.config());
    const report = await gateway.daemon.reload();
    assert.match(report.ok ? "" : report.error.message, /lacks the ca `corp` of expose `web`: .*corp\.crl` can't be read.*; repair that and reload/);
    assert.ok(await served(g, anna));
    g.corp.revoke("anna.example.com");
    g.corp.list(g.crl);
    assert.ok((await gateway.daemon.reload()).ok);
    assert.not.ok(await served(g, anna));
  });
}

if (HAS_OPENSSL) withOpenssl();
else skip("revocation", "openssl is not installed");

test.run();
