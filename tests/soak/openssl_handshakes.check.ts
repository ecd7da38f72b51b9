// Handshakes on OpenSSL's engine: whole ones, ones that are refused, and ones that the client ends in the middle. OpenSSL's
// memory is not V8's, so a session that is not freed is seen in the allocator alone: from the first tenth on nothing may
// grow, neither there, nor in V8's heap, nor in the process, and each SSL_new has its SSL_free.
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
import { allocated } from "./allocator.ts";
import { either, figure, within } from "./measured.ts";

const test = suite("openssl_handshakes");
const PARTS = 10;
/** Clients in a tenth. Four of five have a session, so that the full check is of 100,000 sessions. */
const PART = either(12_500, 500);
const AT_ONCE = 20;
const MIB = 1024 * 1024;
/** Between the first tenth and the last, of what is in use: a leak of 21 bytes a handshake is more. */
const MOST_GROWTH = 2 * MIB;
/** The same in the short form, in which V8's heap and the allocator are still finding their size: a session that is not freed takes more than 4 KiB. */
const MOST_GROWTH_SHORT = 8 * MIB;
/** V8 keeps its books of the pages of its heap in the allocator's memory: a byte for some 50 of them. */
const HEAP_BYTES_A_BYTE = 32;
/** Of the whole process, whose allocator returns memory late. */
const MOST_RESIDENT_GROWTH = 24 * MIB;
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

interface Sample {
  readonly heap: number;
  readonly external: number;
  readonly allocator: number;
  readonly resident: number;
  /** The pages of V8's heap, which V8 adds and gives back in steps. */
  readonly committed: number;
}

/** Bytes, after full collections: what a first one finalizes, a second one frees. */
function sample(): Sample {
  if (typeof collect === "function") for (let i = 0; i < 3; i++) Reflect.apply(collect, null, []);
  const { rss, heapUsed, heapTotal, external } = process.memoryUsage();
  return { heap: heapUsed, external, allocator: allocated(), resident: rss, committed: heapTotal };
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

test(`${PARTS * PART} clients: the memory stays flat, and each session is freed`, async () => {
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
  const samples: Sample[] = [];
  for (let part = 0; part < PARTS; part++) {
    await visits(PART);
    samples.push(sample());
  }
  const clientsInAll = PARTS * PART;
  figure("clients; served, refused", `${clientsInAll}; ${served}, ${refused}`);
  figure("SSL_new, SSL_free", `${count.made}, ${count.freed}`);
  for (const what of ["heap", "external", "allocator", "resident", "committed"] as const)
    figure(`${what}, MiB after each tenth`, samples.map((one) => (one[what] / MIB).toFixed(2)).join(" "));
  assert.equal([served, refused], [(clientsInAll * 3) / 5, clientsInAll / 5]);
  assert.ok(count.made >= (clientsInAll * 4) / 5, "each handshake has had a session");
  assert.is(count.freed, count.made);
  const growth = (what: keyof Sample): number => (samples.at(-1)?.[what] ?? Number.NaN) - (samples[0]?.[what] ?? Number.NaN);
  // A busy machine lets V8 take 64 MiB at once for its young generation; with `--max-semi-space-size=1` it never does, and
  // the allocator is flat to 0.1 MiB.
  const ofV8 = Math.max(0, growth("committed"));
  for (const [what, most] of [
    ["heap", either(MOST_GROWTH, MOST_GROWTH_SHORT)],
    ["external", MOST_GROWTH],
    ["allocator", either(MOST_GROWTH, MOST_GROWTH_SHORT) + ofV8 / HEAP_BYTES_A_BYTE],
    ["resident", MOST_RESIDENT_GROWTH + ofV8],
  ] as const)
    assert.ok(growth(what) <= most, `${what}: ${growth(what)} bytes more, at most ${most} are due`);
  child.disconnect();
  await gateway.stop();
  assert.equal(made, { contexts: 0, sessions: 0 });
  behind.close();
});

test.run();
