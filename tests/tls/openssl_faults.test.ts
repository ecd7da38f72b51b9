// Each of OpenSSL's calls fails in turn, at each of its uses in the life of a connection. Nobody is served whose handshake
// was not judged, nothing is left behind, and nothing spins. A context with a setting that didn't take is never used.
import { connect } from "node:tls";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import type { OpensslCalls } from "../../gateway/kernel/openssl.ts";
import { made, OpensslContext } from "../../gateway/kernel/tls_context.ts";
import { faultOf } from "../../gateway/kernel/tls_self_test.ts";
import { backend, eventually, FORWARDERS, freePort, running, temporaryFolder } from "../gateway/gateway_under_test.ts";
import { authority, dns, leaf, uri } from "./certificates.ts";
import { CLIENT, KERNEL, OPENSSL, SERVER } from "./openssl_peer.ts";
import { put, putAuthority } from "./tls_under_test.ts";

const test = suite("openssl faults");

/** The answer of a call that has failed. Calls without an answer, and those that can't fail, are not here. */
const FAILURES: Readonly<Partial<Record<keyof OpensslCalls, unknown>>> = {
  TLS_server_method: 0,
  SSL_CTX_new: 0,
  SSL_CTX_ctrl: 7,
  SSL_CTX_ctrl_handle: 0,
  SSL_CTX_ctrl_bytes: 0,
  ticketKeys: null,
  SSL_CTX_set_cipher_list: 0,
  SSL_CTX_set_ciphersuites: 0,
  SSL_CTX_set_num_tickets: 0,
  SSL_CTX_set_session_id_context: 0,
  SSL_CTX_set_max_early_data: 0,
  SSL_CTX_use_certificate: 0,
  SSL_CTX_use_PrivateKey: 0,
  SSL_CTX_check_private_key: 0,
  SSL_CTX_add_client_CA: 0,
  SSL_CTX_get_cert_store: 0,
  X509_STORE_add_cert: 0,
  SSL_CTX_get_options: 0,
  SSL_CTX_get_security_level: 0,
  SSL_CTX_get_verify_mode: 0,
  SSL_CTX_get_num_tickets: 9,
  SSL_CTX_get_max_early_data: 9,
  SSL_get_cipher_list: "NULL-SHA256",
  certificateOf: 0,
  keyOf: 0,
  SSL_new: 0,
  SSL_set_fd: 0,
  SSL_do_handshake: -1,
  SSL_read: -1,
  SSL_write: -1,
  SSL_shutdown: -1,
  SSL_get_error: 1,
  SSL_version: 0,
  SSL_session_reused: 1,
  isServername: false,
  SSL_get_verify_result: 1,
  peerCertificate: null,
  errno: 5,
};
type Name = keyof typeof FAILURES;
const NAMES = Object.keys(FAILURES).filter((name): name is Name => name in FAILURES);
/** Without these no connection may be admitted. */
const MUST_REFUSE: readonly string[] = ["SSL_new", "SSL_set_fd", "SSL_do_handshake", "isServername", "peerCertificate", "SSL_get_verify_result"];
const OF_CERTIFICATES: readonly string[] = ["peerCertificate", "SSL_get_verify_result"];

/** How long a client waits for its answer. */
const PATIENCE_MS = 500;
/** Those of a context; the others are of a connection. */
const isOfContext = (name: string): boolean => /^(TLS_|SSL_CTX_|X509_STORE_|SSL_get_cipher_list|ticketKeys|certificateOf|keyOf|SSL_new)/.test(name);

/** The calls, of which one use of `name` fails; `counted` counts them. */
function failing(name: string, fails: { readonly at: number }, counted: { uses: number }, how: unknown): OpensslCalls {
  const calls = Object.entries(OPENSSL).map(([key, call]: [string, unknown]) => [
    key,
    key !== name || typeof call !== "function" ?
      call
    : (...args: unknown[]): unknown => {
        if (++counted.uses !== fails.at) return Reflect.apply(call, OPENSSL, args);
        if (how instanceof Error) throw how;
        return how;
      },
  ]);
  const all: unknown = Object.fromEntries(calls);
  if (!isCalls(all)) throw new Error("not the calls");
  return all;
}

function isCalls(value: unknown): value is OpensslCalls {
  return typeof value === "object" && value !== null && Object.keys(OPENSSL).every((key) => key in value);
}

test("a context whose setting was refused, or is another when it is read back, is none, and all is freed", () => {
  let tried = 0;
  for (const name of NAMES.filter(isOfContext)) {
    for (let at = 1; ; at++) {
      const counted = { uses: 0 };
      const calls = failing(name, { at }, counted, FAILURES[name]);
      const context = OpensslContext.create({ calls, shown: SERVER, trusted: { name: "corp", roots: CLIENT.chain, partial: false } });
      const wasReached = counted.uses >= at;
      // The first list of groups may be refused: an older OpenSSL does so. The modes, the most bytes of certificates and the mode of sessions are read back.
      const isHarmless = (name === "SSL_CTX_ctrl_bytes" && at === 1) || (name === "SSL_CTX_ctrl" && at <= 3);
      if (wasReached && !isHarmless) assert.not(context.ok, `${name}, use ${at}`);
      if (context.ok) context.value.free();
      assert.equal(made, { contexts: 0, sessions: 0 }, `${name}, use ${at}`);
      if (!wasReached) break;
      tried++;
    }
  }
  assert.ok(tried > 50, `${tried} were tried`);
  assert.is(faultOf(KERNEL, OPENSSL), null);
});

test("the self-test finds each call that fails, and frees all", () => {
  for (const name of ["SSL_new", "SSL_set_fd", "SSL_version", "SSL_get_verify_result", "peerCertificate", "SSL_CTX_use_certificate"] as const) {
    const counted = { uses: 0 };
    const fault = faultOf(KERNEL, failing(name, { at: name === "SSL_new" || name === "SSL_version" ? 2 : 1 }, counted, FAILURES[name]));
    assert.ok(fault !== null && counted.uses > 0, name);
    assert.equal(made, { contexts: 0, sessions: 0 }, name);
  }
});

if (FORWARDERS.includes("kernel")) {
  for (const mode of ["tls", "mtls"] as const) {
    test(`${mode}: a call that fails at any step of a connection admits nobody, frees all and doesn't spin`, async () => {
      const folder = temporaryFolder();
      const [site, clients] = [authority("site root"), authority("client root")];
      const own = leaf(clients, { names: [uri("spiffe://corp.example/ops")] });
      put(folder, "web", leaf(site, { names: [dns("www.example.com")] }));
      putAuthority(folder, "corp", clients);
      const behind = await backend("greeting");
      for (const name of NAMES.filter((one) => !isOfContext(one) || one === "SSL_new")) {
        for (const how of [FAILURES[name], new Error(`${name} threw`)]) {
          const port = await freePort();
          const counted = { uses: 0 };
          const fails = { at: Number.POSITIVE_INFINITY };
          const calls = failing(name, fails, counted, how);
          const gateway = await running({
            forwarder: "kernel",
            engine: "openssl",
            openssl: calls,
            folder: temporaryFolder(),
            policy: `edition 1\nexpose web on tcp ${port} as ${mode} { backend 127.0.0.1:${behind.port} cert "web" ${mode === "mtls" ? 'ca "corp"' : ""} allow from any ${mode === "mtls" ? 'client uri "spiffe://corp.example/*"' : ""} }`,
            config: `[certs.web]\ncert = "${folder}/web.pem"\nkey = "${folder}/web.key"\n[cas.corp]\nfile = "${folder}/corp.pem"\n`,
          });
          const visit = (): Promise<string> =>
            new Promise((resolve) => {
              let got = "";
              const socket = connect({
                port,
                host: "127.0.0.1",
                ca: site.pem,
                servername: "www.example.com",
                checkServerIdentity: () => undefined,
                ...(mode === "mtls" && { cert: own.pem, key: own.key }),
              });
              socket.on("data", (chunk: Buffer) => {
                got += chunk.toString();
              });
              socket.on("error", () => undefined);
              socket.on("close", () => resolve(got));
              socket.on("secureConnect", () => socket.end("hello"));
              socket.setTimeout(PATIENCE_MS, () => socket.destroy());
            });
          assert.is(await visit(), "greetinghello", `${name}: nothing fails yet`);
          await eventually(() => gateway.daemon.forwarder.live === 0 && made.sessions === 0, `${name}: the first is gone`);
          const uses = counted.uses;
          for (let at = 1; at <= Math.min(uses, 8); at++) {
            [counted.uses, fails.at] = [0, at];
            const accepted = behind.accepted;
            await visit();
            // The deadline of a handshake that waits for what has come already.
            gateway.clock.advance(11_000);
            await eventually(() => gateway.daemon.forwarder.live === 0 && made.sessions === 0, `${name}, use ${at}: the connection is gone`);
            // A handshake that gives nothing once, and no error, is one that waits.
            const mayWait = name === "SSL_do_handshake" && !(how instanceof Error);
            if (counted.uses >= at && !mayWait && MUST_REFUSE.includes(name) && (mode === "mtls" || !OF_CERTIFICATES.includes(name)))
              assert.is(behind.accepted, accepted, `${name}, use ${at}: nobody was admitted`);
          }
          fails.at = Number.POSITIVE_INFINITY;
          assert.is(await visit(), "greetinghello", `${name}: the next is served`);
          await gateway.stop();
          assert.equal(made, { contexts: 0, sessions: 0 }, name);
        }
      }
      behind.close();
    });
  }
}

test.run();
