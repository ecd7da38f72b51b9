// TLS on a port that exposes share: protocols by ALPN, several certificates, and the alerts of refusals.
import { generateKeyPairSync } from "node:crypto";
import { connect as connectPlain } from "node:net";
import { connect, type ConnectionOptions } from "node:tls";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { dns, leaf } from "../tls/certificates.ts";
import { put } from "../tls/tls_under_test.ts";
import { eventually, FORWARDERS, visit, type Record, type UnderSetup } from "./gateway_under_test.ts";
import { helloWith, records, serverName } from "./hello_bytes.ts";
import { sharedPort, threeNames, type Shared, type Words } from "./shared_port_under_test.ts";

const test = suite("shared port tls");

interface Got {
  readonly protocol: string | false | null;
  readonly kind: string | undefined;
  readonly error: string | null;
  /** The client's port. */
  readonly local: number | undefined;
}

/** A handshake, and what came of it. */
async function shake({ port, site }: Shared, name: string, options: ConnectionOptions): Promise<Got> {
  const raw = connectPlain({ port, host: "127.0.0.1" });
  let local: number | undefined;
  raw.once("connect", () => {
    local = raw.localPort;
  });
  const socket = connect({
    socket: raw,
    ca: site.pem,
    servername: name,
    checkServerIdentity: () => undefined,
    ...options,
  });
  return new Promise((resolve) => {
    socket.once("error", (error: Error) => resolve({ protocol: null, kind: undefined, error: "code" in error ? String(error.code) : error.message, local }));
    socket.once("secureConnect", () => {
      const kind = socket.getPeerX509Certificate()?.publicKey.asymmetricKeyType;
      resolve({ protocol: socket.alpnProtocol, kind, error: null, local });
      socket.destroy();
    });
  });
}

const ENGINES: readonly (readonly [what: string, setup: Pick<UnderSetup, "forwarder" | "engine" | "threads">])[] = [
  ...FORWARDERS.map((forwarder) => [`the ${forwarder} forwarder`, { forwarder }] as const),
  ...(FORWARDERS.includes("kernel") ?
    ([
      ["Node's TLS on the kernel's forwarder", { forwarder: "kernel", engine: "node" }],
      ["three threads", { forwarder: "kernel", threads: 3 }],
    ] as const)
  : []),
];

const protocols = (words: Words): string => threeNames(words).replace('cert "www"', 'cert "www" alpn "h2", "http/1.1"');

for (const [what, setup] of ENGINES) {
  test(`the first of an expose's protocols that a client offers is negotiated, and none at another expose: ${what}`, async () => {
    const s = await sharedPort(protocols, setup);
    const rows: readonly (readonly [name: string, offered: readonly string[], protocol: string | false | null, error: string | null])[] = [
      ["www.example.com", ["http/1.1", "h2"], "h2", null],
      ["www.example.com", ["h2"], "h2", null],
      ["www.example.com", ["spdy/3", "http/1.1"], "http/1.1", null],
      ["www.example.com", [], false, null],
      ["www.example.com", ["spdy/3"], null, "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL"],
      ["www.example.com", ["h"], null, "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL"],
      ["staff.example.com", ["h2"], false, null],
    ];
    for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const)
      for (const [name, offered, protocol, error] of rows) {
        const got = await shake(s, name, { maxVersion, cert: s.client.pem, key: s.client.key, ...(offered.length > 0 && { ALPNProtocols: [...offered] }) });
        assert.equal([got.protocol, got.error], [protocol, error], `${name} ${offered.join()} ${maxVersion}`);
        if (error === null) continue;
        const own = (): Record | undefined => s.accepts().find(({ source }) => source === `127.0.0.1:${got.local}`);
        await eventually(() => own() !== undefined, "its record");
        assert.equal([own()?.code, own()?.listener, own()?.detail], ["tls_failed", "www", "ERR_SSL_NO_APPLICATION_PROTOCOL"]);
      }
  });

  test(`a client whose name leads nowhere reads the alert unrecognized_name, and no other refusal has a byte: ${what}`, async () => {
    const s = await sharedPort(
      (words) => threeNames(words).replace('cert "www" allow from any', 'cert "www" allow from any sni "www.example.com" deny sni "www.example.com"'),
      setup,
    );
    const rows: readonly (readonly [what: string, bytes: Buffer, alert: number | null, code: string])[] = [
      ["no such name", records(helloWith(serverName("mail.example.com"))), 112, "no_expose"],
      ["no name", records(helloWith()), 112, "no_expose"],
      ["a name that its expose refuses", records(helloWith(serverName("www.example.com"))), 112, "deny_name"],
      ["no TLS", Buffer.from("GET / HTTP/1.1\r\n\r\n"), null, "hello_malformed"],
    ];
    for (const [row, bytes, alert, code] of rows) {
      const one = visit(s.port);
      const parts: Buffer[] = [];
      let error: string | null = null;
      one.socket.on("data", (chunk: Buffer) => parts.push(chunk));
      one.socket.on("error", (cause) => {
        error = cause.message;
      });
      one.socket.on("end", () => one.socket.end());
      one.socket.write(bytes);
      await one.closed;
      assert.is(s.lastAccept().code, code, row);
      assert.equal([...Buffer.concat(parts)], alert === null ? [] : [21, 3, 3, 0, 2, 2, alert], row);
      if (alert !== null) assert.is(error, null, `${row}: an end and no reset`);
    }
    assert.equal((await shake(s, "mail.example.com", {})).error, "ERR_SSL_TLSV1_UNRECOGNIZED_NAME");
    assert.is(s.gateway.daemon.forwarder.live, 0);
  });

  test(`a client without the certificate that its expose requires reads an alert: ${what}`, async () => {
    const s = await sharedPort(undefined, setup);
    const came = await s.call({ name: "staff.example.com" });
    await eventually(() => s.accepts().length === 1, "its record");
    assert.equal([s.lastAccept().code, s.lastAccept().reason, came.error], ["no_certificate", "mtls", "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED"]);
    const old = await shake(s, "staff.example.com", { maxVersion: "TLSv1.2" });
    await eventually(() => s.accepts().length === 2, "its record");
    assert.match(old.error ?? "", /HANDSHAKE_FAILURE/);
    assert.equal([s.lastAccept().code, s.lastAccept().listener, s.lastAccept().detail], ["no_certificate", "staff", undefined]);
    assert.is(s.behind.staff.accepted, 0);
  });

  test(`of several certificates a client gets the first that it supports: ${what}`, async () => {
    for (const [first, kinds] of [
      ["www", ["ec", "ec", "rsa"]],
      ["rsa", ["rsa", "ec", "rsa"]],
    ] as const) {
      const s = await sharedPort((words) => threeNames(words).replace('cert "www"', first === "www" ? 'cert "www", "rsa"' : 'cert "rsa", "www"'), {
        ...setup,
        withRsa: true,
      });
      for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
        const [any, ec, rsa] = [
          await shake(s, "www.example.com", { maxVersion }),
          await shake(s, "www.example.com", { maxVersion, sigalgs: "ECDSA+SHA256", ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256:TLS_AES_128_GCM_SHA256" }),
          await shake(s, "www.example.com", {
            maxVersion,
            sigalgs: "RSA-PSS+SHA256:RSA+SHA256:ECDSA+SHA384",
            ciphers: "ECDHE-RSA-AES128-GCM-SHA256:TLS_AES_128_GCM_SHA256",
          }),
        ];
        assert.equal([any.kind, ec.kind], kinds.slice(0, 2), `${first} ${maxVersion} ${any.error ?? ""} ${ec.error ?? ""}`);
        if (maxVersion === "TLSv1.2") assert.is(rsa.kind, "rsa", `${rsa.error ?? ""}`);
      }
    }
  });
}

test("two certificates with keys of one kind close their expose, with a sentence, and no other", async () => {
  const s = await sharedPort((words) => threeNames(words).replace('cert "www"', 'cert "www", "staff"'));
  assert.ok(
    s.gateway.said.some((sentence) => /expose `www` is closed: two of its certificates have keys of the kind ec/.test(sentence)),
    s.gateway.said.join("\n"),
  );
  await s.call({ name: "www.example.com" });
  assert.equal([s.lastAccept().code, s.lastAccept().listener], ["tls_changed", "www"]);
  assert.is((await s.call({ name: "staff.example.com", certificate: s.client })).got, "staff hello");
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  put(s.gateway.folder, "staff", leaf(s.site, { names: [dns("staff.example.com"), dns("www.example.com")], key: privateKey }));
  await s.gateway.daemon.renew();
  assert.is((await s.call({ name: "www.example.com" })).got, "www hello", "it opens by itself on the port that is open");
});

test.run();
