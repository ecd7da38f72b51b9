// Handshakes on OpenSSL's engine: whole ones, and ones that the client ends in the middle. OpenSSL's memory is not V8's,
// so a session that is not freed is seen in the process alone: its memory has to stay flat, and each SSL_new has its SSL_free.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import * as assert from "uvu/assert";
import { openOpenssl, type OpensslCalls } from "../../gateway/kernel/openssl.ts";
import { made } from "../../gateway/kernel/tls_context.ts";
import { backend, freePort, running, temporaryFolder } from "../gateway/gateway_under_test.ts";
import { authority, dns, leaf, uri } from "../tls/certificates.ts";
import { put, putAuthority } from "../tls/tls_under_test.ts";
import { suite } from "../suite.ts";
import { either, figure, within } from "./measured.ts";

const test = suite("openssl_handshakes");
const HANDSHAKES = either(100_000, 2_000);
const AT_ONCE = 20;
/** V8's heap and the allocator's arenas find their size. */
const FIRST = either(10_000, 1_000);
/** A session alone takes more than 4 KiB. */
const MOST_BYTES_A_HANDSHAKE = 1_024;
const MOST_BYTES_AT_ALL = 24 * 1024 * 1024;
/** By turns: TLS 1.3 and 1.2, mTLS with a certificate that is trusted, and one that is not, and a hello that ends in the middle. */
const CLIENTS = `
const { once } = require("node:events"), net = require("node:net"), tls = require("node:tls");
let setup, contexts;
async function visit(i, counts) {
  const kind = i % 5;
  if (kind === 4) {
    const socket = net.connect(setup.plain, "127.0.0.1", () => socket.end(Buffer.from([22, 3, 1, 1, 0, 1, 0, 0, 252, 3, 3]))).on("error", () => 0);
    return new Promise((resolve) => socket.resume().once("close", resolve));
  }
  const socket = tls.connect({ host: "127.0.0.1", port: kind < 2 ? setup.plain : setup.mutual, servername: "www.example.com", secureContext: contexts[kind] });
  let got = false;
  socket.on("error", () => 0).on("data", () => { got = true; socket.end(); });
  await new Promise((resolve) => socket.once("close", resolve));
  counts[got ? 0 : 1]++;
}
process.on("message", async (said) => {
  if (typeof said !== "number") {
    setup = said;
    const { ca, own, wrong } = setup;
    contexts = [{ ca }, { ca, maxVersion: "TLSv1.2" }, { ca, cert: own[0], key: own[1] }, { ca, cert: wrong[0], key: wrong[1] }].map(tls.createSecureContext);
    return;
  }
  const counts = [0, 0];
  for (let i = 0; i < said; i += setup.atOnce) await Promise.all(Array.from({ length: setup.atOnce }, (_, j) => visit(i + j, counts)));
  process.send(counts);
});`;

setFlagsFromString("--expose-gc");
const collect: unknown = runInNewContext("gc");

/** Bytes of the process that are not V8's, after a full collection. */
function native(): number {
  if (typeof collect === "function") Reflect.apply(collect, null, []);
  const { rss, heapTotal, external } = process.memoryUsage();
  return rss - heapTotal - external;
}

/** The calls, and how often the two were made. */
function counting(calls: OpensslCalls): { readonly calls: OpensslCalls; readonly count: { made: number; freed: number } } {
  const count = { made: 0, freed: 0 };
  return {
    count,
    calls: {
      ...calls,
      SSL_new(context) {
        const handle = calls.SSL_new(context);
        if (handle !== 0) count.made++;
        return handle;
      },
      SSL_free(handle) {
        count.freed++;
        calls.SSL_free(handle);
      },
    },
  };
}

test(`${HANDSHAKES} handshakes: the memory stays flat, and each session is freed`, async () => {
  const opened = openOpenssl();
  if (!opened.ok) throw new Error(opened.error);
  const { calls, count } = counting(opened.value);
  const folder = temporaryFolder();
  const [site, clients] = [authority("site root"), authority("client root")];
  const [own, wrong] = [
    leaf(clients, { names: [uri("spiffe://corp.example/ops")] }),
    leaf(authority("another root"), { names: [uri("spiffe://corp.example/ops")] }),
  ];
  put(folder, "web", leaf(site, { names: [dns("www.example.com")] }));
  putAuthority(folder, "corp", clients);
  const behind = await backend("greeting");
  const [plain, mutual] = [await freePort(), await freePort()];
  const gateway = await running({
    forwarder: "kernel",
    engine: "openssl",
    openssl: calls,
    policy: `edition 1
expose web on tcp ${plain} as tls { backend 127.0.0.1:${behind.port} cert "web" allow from any }
expose ops on tcp ${mutual} as mtls { backend 127.0.0.1:${behind.port} cert "web" ca "corp" allow from any client uri "spiffe://corp.example/*" }`,
    config: `[certs.web]\ncert = "${folder}/web.pem"\nkey = "${folder}/web.key"\n[cas.corp]\nfile = "${folder}/corp.pem"\n`,
  });
  // Clients in a process of their own: Node's sockets of TLS have memory that is not V8's, too.
  const child = spawn(process.execPath, ["-e", CLIENTS], { stdio: ["pipe", "inherit", "inherit", "ipc"] });
  child.send({ plain, mutual, ca: site.pem, own: [own.pem, own.key], wrong: [wrong.pem, wrong.key], atOnce: AT_ONCE });
  let [served, refused] = [0, 0];
  const visits = async (many: number): Promise<void> => {
    const replied = once(child, "message");
    child.send(many);
    const [answer] = (await replied) as unknown[];
    if (!Array.isArray(answer)) throw new Error("no answer");
    [served, refused] = [served + Number(answer[0]), refused + Number(answer[1])];
    assert.ok(await within(10_000, () => gateway.daemon.forwarder.live === 0 && made.sessions === 0), "all have ended");
  };
  await visits(FIRST);
  const before = native();
  await visits(HANDSHAKES);
  const grown = native() - before;
  figure("handshakes; served, refused", `${FIRST + HANDSHAKES}; ${served}, ${refused}`);
  figure("SSL_new, SSL_free", `${count.made}, ${count.freed}`);
  figure("growth of memory outside of V8's heap", `${(grown / 1024 / 1024).toFixed(1)} MiB; a handshake ${(grown / HANDSHAKES).toFixed(0)} bytes`);
  assert.equal([served, refused], [((FIRST + HANDSHAKES) * 3) / 5, (FIRST + HANDSHAKES) / 5]);
  assert.ok(count.made >= ((FIRST + HANDSHAKES) * 4) / 5, "each handshake has had a session");
  assert.is(count.freed, count.made);
  assert.ok(grown <= Math.max(MOST_BYTES_AT_ALL, MOST_BYTES_A_HANDSHAKE * HANDSHAKES), `${grown} bytes more`);
  child.disconnect();
  await gateway.stop();
  assert.equal(made, { contexts: 0, sessions: 0 });
  behind.close();
});

test.run();
