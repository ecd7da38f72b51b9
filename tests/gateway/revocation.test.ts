// Revocation lists: real certificates and lists of the openssl program, real handshakes with each engine of TLS. A client was
// served only when the backend's bytes arrived.
import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import * as assert from "uvu/assert";
import { skip } from "../skip.ts";
import { suite } from "../suite.ts";
import { HAS_OPENSSL, opensslAuthority } from "../tls/openssl_authority.ts";
import { put } from "../tls/tls_under_test.ts";
import { backend, eventually, FORWARDERS, running, type UnderSetup } from "./gateway_under_test.ts";
import { ground, lastOf, renew, served, stream } from "./revocation_under_test.ts";

const test = suite("revocation");
const run = promisify(execFile);
/** The date in a time that is over, in which every certificate of these tests is good. */
const THEN = Date.UTC(2020, 5, 1);

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
      // One that was refused may have ended before it reads this.
      child.child.stdin?.on("error", () => undefined).end("GET / HTTP/1.1\r\n\r\n");
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
}

if (HAS_OPENSSL) withOpenssl();
else skip("revocation", "openssl is not installed");

test.run();
