// Listeners `as tls`: TLS ends at the gateway, the name decides before any handshake, and a client
// was served only when the backend's bytes arrived.
import { X509Certificate } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { type TLSSocket, connect as connectTls } from "node:tls";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { statusText } from "../../gateway/cli/status_text.ts";
import { dns, leaf } from "../tls/certificates.ts";
import { call, lastAccept, put, SERVED, within, type Setting } from "../tls/tls_under_test.ts";
import { eventually, freePort, moduleOf, start } from "./gateway_under_test.ts";
import { helloWith, recorded, records, serverName } from "./hello_bytes.ts";

const test = suite("tls");
const TLS = { mode: "tls" } as const;
const NAMES = 'allow from any sni "www.example.com", "*.apps.example.com"\n  deny sni "evil.apps.example.com"';

test("the name decides before the handshake, and what is inside TLS reaches the backend", () =>
  within(NAMES, TLS, async (s) => {
    const rows: readonly (readonly [name: string, code: string, sni: string | undefined])[] = [
      ["www.example.com", "allowed", "www.example.com"],
      ["WWW.Example.COM", "allowed", "www.example.com"],
      ["a.apps.example.com", "allowed", "a.apps.example.com"],
      ["evil.apps.example.com", "deny_name", "evil.apps.example.com"],
      ["a.b.apps.example.com", "no_name", "a.b.apps.example.com"],
      ["www.example.org", "no_name", "www.example.org"],
      ["", "no_name", undefined],
    ];
    for (const [name, code, sni] of rows) {
      const before = s.behind.accepted;
      const came = await call(s, { name });
      assert.equal([(await lastAccept(s)).code, (await lastAccept(s)).sni, came.got], [code, sni, code === "allowed" ? SERVED : ""], name);
      assert.is(s.behind.accepted - before, Number(code === "allowed"), `${name}: no backend hears of a refusal`);
      // The refused have seen no byte of a certificate.
      assert.is(came.protocol, code === "allowed" ? "TLSv1.3" : null, name);
    }
  }));

test("TLS 1.2 is the least, 1.3 what is spoken where both can", () =>
  within("allow from any", TLS, async (s) => {
    const rows: readonly (readonly [least: "TLSv1" | "TLSv1.1" | "TLSv1.2" | "TLSv1.3", most: "TLSv1.1" | "TLSv1.2" | "TLSv1.3", spoken: string | null])[] = [
      ["TLSv1.2", "TLSv1.3", "TLSv1.3"],
      ["TLSv1.2", "TLSv1.2", "TLSv1.2"],
      ["TLSv1.3", "TLSv1.3", "TLSv1.3"],
      ["TLSv1.1", "TLSv1.1", null],
      ["TLSv1", "TLSv1.1", null],
    ];
    for (const [minVersion, maxVersion, spoken] of rows) {
      const came = await call(s, { options: { minVersion, maxVersion, ciphers: "DEFAULT@SECLEVEL=0" } });
      assert.equal([came.protocol, came.got], [spoken, spoken === null ? "" : SERVED], `${minVersion} to ${maxVersion}`);
      if (spoken === null) assert.equal([(await lastAccept(s)).code, (await lastAccept(s)).reason], ["tls_failed", "mtls"]);
    }
  }));

test("without a policy about names no name is needed, and any is served with the one certificate", () =>
  within("allow from any", TLS, async (s) => {
    for (const name of ["", "anything.example", "www.example.com"]) assert.is((await call(s, { name })).got, SERVED, name);
  }));

test("what is not a hello, or stops in the middle, gets no handshake", () =>
  within("allow from any", TLS, async (s) => {
    const hello = records(helloWith(serverName("www.example.com")));
    const quantum = recorded().find(({ name }) => name === "chromium156")?.stream ?? Buffer.alloc(0);
    const rows: readonly (readonly [what: string, bytes: Buffer, code: string])[] = [
      ["HTTP", Buffer.from("GET / HTTP/1.1\r\n\r\n"), "hello_malformed"],
      ["an alert", Buffer.from([21, 3, 1, 0, 2, 2, 40]), "hello_malformed"],
      ["two names", records(helloWith(serverName("www.example.com", "evil.example"))), "hello_malformed"],
      ["half a hello and the end", hello.subarray(0, 60), "hello_gone"],
      // The record layer of a hello that no key exchange follows.
      ["a hello and garbage", Buffer.concat([quantum, Buffer.from("garbage")]), "tls_failed"],
      ["a hello and the end", quantum, "tls_gone"],
    ];
    for (const [i, [what, bytes, code]] of rows.entries()) {
      const one = client(s, bytes);
      if (code.endsWith("gone")) one.socket.end();
      await eventually(() => s.gateway.records().filter(({ op }) => op === "accept").length > i, what);
      assert.is((await lastAccept(s)).code, code, what);
    }
    assert.is(s.behind.accepted, 0);
    assert.is((await call(s)).got, SERVED, "and the next is served");
  }));

test("a stalled handshake is ended in time", () =>
  within("allow from any", { mode: "tls", config: "[timers]\nhello_ms = 1000" }, async (s) => {
    const quantum = recorded().find(({ name }) => name === "chromium156")?.stream ?? Buffer.alloc(0);
    const stalled = [Buffer.alloc(0), quantum.subarray(0, 100), quantum].map((bytes) => client(s, bytes));
    await eventually(() => s.gateway.daemon.forwarder.live === 3, "three handshakes are pending");
    // The last has got its answer, so its handshake is under way.
    await eventually(() => (stalled[2]?.received() ?? 0) > 0, "no ServerHello");
    s.gateway.clock.advance(900);
    assert.is(s.gateway.daemon.forwarder.live, 3);
    s.gateway.clock.advance(250);
    await eventually(() => stalled.every(({ closed }) => closed()), "some are left");
    const codes = s.gateway
      .records()
      .filter(({ op }) => op === "accept")
      .map(({ code }) => code)
      .sort();
    assert.equal(codes, ["hello_late", "hello_late", "tls_late"]);
    assert.is(s.gateway.daemon.forwarder.live, 0);
  }));

test("a certificate is renewed without a restart, and an unusable file keeps the previous one", () =>
  within("allow from any", TLS, async (s) => {
    const shown = async (): Promise<string> =>
      new Promise((resolve, reject) => {
        const socket = connectTls(
          { port: s.port, host: "127.0.0.1", ca: s.site.pem, servername: "www.example.com", checkServerIdentity: () => undefined },
          () => {
            resolve(String(socket.getPeerCertificate().subject.CN));
            socket.destroy();
          },
        );
        socket.on("error", reject);
      });
    const names = [dns("www.example.com")];
    assert.is(await shown(), "a test");
    const good = leaf(s.site, { commonName: "second", names });
    const rows: readonly (readonly [what: string, change: () => void, shown: string, said: RegExp])[] = [
      ["a new one", () => put(s.folder, "web", good), "second", /renewed: web/],
      [
        "an expired one",
        () => put(s.folder, "web", leaf(s.site, { commonName: "expired", names, from: -9, until: -1 })),
        "second",
        /`web` can't be used: a certificate .* has expired .*previous one stays/,
      ],
      ["one of the future", () => put(s.folder, "web", leaf(s.site, { commonName: "future", names, from: 3000 })), "second", /not yet valid/],
      ["another's key", () => put(s.folder, "web", { ...leaf(s.site, { commonName: "third", names }), key: good.key }), "second", /is not the key of/],
      ["no PEM", () => writeFileSync(join(s.folder, "web.pem"), "nothing"), "second", /has no certificate in PEM/],
      ["a torn one", () => writeFileSync(join(s.folder, "web.pem"), good.pem.replace(/\n[A-Za-z0-9+/=]{64}\n/, "\n")), "second", /can't be read/],
      ["none", () => renameSync(join(s.folder, "web.pem"), join(s.folder, "gone.pem")), "second", /`web` can't be used/],
      [
        "a key that others read",
        () => {
          put(s.folder, "web", leaf(s.site, { commonName: "fourth", names }));
          writeFileSync(join(s.folder, "web.key"), "x");
        },
        "second",
        /not a private key/,
      ],
      ["a good one again", () => put(s.folder, "web", leaf(s.site, { commonName: "fifth", names })), "fifth", /renewed: web/],
    ];
    for (const [what, change, subject, said] of rows) {
      s.gateway.said.length = 0;
      change();
      await s.gateway.daemon.renew();
      assert.is(await shown(), subject, what);
      assert.match(s.gateway.said.join("\n"), said, what);
    }
    // Status and metrics have the end of the certificate in use, not of the one in the file.
    const endOf = (file: string): string => new Date(new X509Certificate(readFileSync(join(s.folder, file))).validTo).toISOString();
    const ends = [endOf("web.pem"), endOf("corp.pem")];
    put(s.folder, "web", leaf(s.site, { commonName: "expired", names, from: -9, until: -1 }));
    await s.gateway.daemon.renew();
    assert.not.equal(endOf("web.pem"), ends[0]);
    const status = JSON.stringify(await s.gateway.daemon.status());
    assert.ok(
      status.includes(
        `"certificates":[{"kind":"cert","name":"web","not_after":"${ends[0] ?? ""}"},{"kind":"ca","name":"corp","not_after":"${ends[1] ?? ""}"}]`,
      ),
      status,
    );
    assert.ok(
      statusText(JSON.parse(status))
        .split("\n")
        .includes(`web          cert  ${ends[0] ?? ""}`),
    );
    const control = await s.gateway.control();
    assert.ok(
      JSON.stringify(await control.call("metrics")).includes(
        `ingressd_certificate_not_after_seconds{kind=\\"cert\\",name=\\"web\\"} ${Date.parse(ends[0] ?? "") / 1000}`,
      ),
    );
    control.close();
    // Established streams live on, and their TLS with them.
    const long = connectTls({ port: s.port, host: "127.0.0.1", ca: s.site.pem, checkServerIdentity: () => undefined });
    let got = "";
    long.on("data", (chunk: Buffer) => {
      got += chunk.toString();
    });
    await eventually(() => got !== "", "nothing came");
    put(s.folder, "web", leaf(s.site, { commonName: "sixth", names }));
    await s.gateway.daemon.reload();
    long.write("still");
    await eventually(() => got.endsWith("still"), "the echo");
    long.destroy();
  }));

test("a policy that names what the configuration lacks is refused, and the last stays", () =>
  within("allow from any", TLS, async (s) => {
    s.gateway.place(moduleOf(s.policy("allow from any").replace('cert "web"', 'cert "other"')));
    const answer = await s.gateway.daemon.reload();
    assert.match(answer.ok ? "" : answer.error.message, /the store of certificates lacks the cert `other` of expose `web`: add `\[certs.other\]`/);
    assert.is((await call(s)).got, SERVED);
  }));

test("a first start without its certificate opens nothing", async () => {
  const port = await freePort();
  const started = await start({ policy: `edition 1\nexpose web on tcp ${port} as tls { cert "web" backend 127.0.0.1:9 allow from any }` });
  assert.ok("failure" in started && /\[certs.web\]/.test(started.failure.message));
  assert.equal(started.markers, []);
});

test("bytes are exact both ways, and each half ends by itself", () =>
  within("allow from any", TLS, async (s) => {
    const size = 3_000_000;
    const socket = connectTls({ port: s.port, host: "127.0.0.1", ca: s.site.pem, servername: "www.example.com", checkServerIdentity: () => undefined });
    const sent = Buffer.alloc(size, "0123456789abcdef");
    const parts: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => parts.push(chunk));
    socket.on("error", () => undefined);
    socket.end(sent);
    await new Promise((resolve) => socket.once("end", resolve));
    const got = Buffer.concat(parts).toString();
    assert.is(got.length, "from the backend".length + size);
    assert.ok(got.endsWith(sent.toString()));
  }));

test("a client that goes, or a backend that resets, ends both sides", () =>
  within("allow from any", TLS, async (s) => {
    const disconnect = async (end: (socket: TLSSocket) => void): Promise<void> => {
      const socket = connectTls({ port: s.port, host: "127.0.0.1", ca: s.site.pem, checkServerIdentity: () => undefined });
      let closed = false;
      socket.on("error", () => undefined);
      socket.on("close", () => {
        closed = true;
      });
      await new Promise((resolve) => socket.once("data", resolve));
      end(socket);
      await eventually(() => closed && s.behind.sockets.size === 0 && s.gateway.daemon.forwarder.live === 0, "both sides have ended");
    };
    await disconnect((socket) => socket.destroy());
    await disconnect(() => {
      for (const socket of s.behind.sockets) socket.resetAndDestroy();
    });
    await disconnect(() => {
      for (let row = 0; row < 8; row++) s.gateway.daemon.forwarder.cut(row, "cut");
    });
  }));

function client(s: Setting, bytes: Buffer): { readonly socket: Socket; readonly received: () => number; readonly closed: () => boolean } {
  const socket = connect({ port: s.port, host: "127.0.0.1" });
  let [received, closed] = [0, false];
  socket.on("error", () => undefined);
  socket.on("data", (chunk) => {
    received += chunk.length;
  });
  socket.on("close", () => {
    closed = true;
  });
  socket.write(bytes);
  return { socket, received: () => received, closed: () => closed };
}

test.run();
