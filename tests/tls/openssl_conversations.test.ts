// Conversations of clients that break the rules of TLS 1.3 with records that are sealed well, at the real gateway: in the
// middle of a handshake nobody gets to the backend, behind it nothing but data does, and every session is freed.
import type { Socket } from "node:net";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import type { OpensslCalls } from "../../gateway/kernel/openssl.ts";
import { made } from "../../gateway/kernel/tls_context.ts";
import { MOST_MESSAGES } from "../../gateway/kernel/tls_session.ts";
import { backend, eventually, FORWARDERS, freePort, running, temporaryFolder, type BackendUnderTest, type Under } from "../gateway/gateway_under_test.ts";
import { skip } from "../skip.ts";
import { authority, dns, leaf, uri, type Authority } from "./certificates.ts";
import { OPENSSL } from "./openssl_peer.ts";
import { ALERT, DATA, HANDSHAKE, ownClient, type Own, type OwnRecord, type Sealer } from "./own_records.ts";
import { put, putAuthority } from "./tls_under_test.ts";

const test = suite("openssl conversations");

/** OpenSSL takes so many records without content in a row. */
const MOST_EMPTY = 32;
const MOST_CONTENT = 16_384;
const hello: OwnRecord = { type: DATA, content: Buffer.from("hello") };
const message = (kind: number, ...body: readonly number[]): OwnRecord => ({
  type: HANDSHAKE,
  content: Buffer.from([kind, body.length >> 16, (body.length >> 8) & 255, body.length & 255, ...body]),
});
const alert = (...bytes: readonly number[]): OwnRecord => ({ type: ALERT, content: Buffer.from(bytes) });
const keyUpdate = (requests: number): OwnRecord => message(24, requests);
const empty = (type: number): OwnRecord => ({ type, content: Buffer.alloc(0) });
const bytes = (length: number): OwnRecord => ({ type: DATA, content: Buffer.alloc(length, "x") });
const times = <T>(count: number, one: T): readonly T[] => Array.from({ length: count }, () => one);
const sealed =
  (...records: readonly OwnRecord[]) =>
  (sealer: Sealer): Buffer =>
    Buffer.concat(records.map((record) => sealer.seal(record)));
const clear =
  (...parts: readonly (readonly number[])[]) =>
  (): Buffer =>
    Buffer.concat(parts.map((part) => Buffer.from(part)));
/** New keys, so many times, and then records by the last of them. */
const updates =
  (count: number, ...behind: readonly OwnRecord[]) =>
  (sealer: Sealer): Buffer => {
    const all: Buffer[] = [];
    for (let i = 0; i < count; i++) {
      all.push(sealer.seal(keyUpdate(0)));
      sealer.update();
    }
    return Buffer.concat([...all, ...behind.map((record) => sealer.seal(record))]);
  };

type Say = (sealer: Sealer) => Buffer;
type Row = readonly [what: string, say: Say];

/** Wrong both in a handshake and behind it. */
const NEVER: readonly Row[] = [
  ["a tag that is wrong", sealed({ ...hello, isForged: true })],
  ["a record of zeros alone", sealed({ type: null, content: Buffer.alloc(64) })],
  ["a record of zeros alone, without content", sealed({ type: null, content: Buffer.alloc(0) })],
  ["a type that nobody knows", sealed({ type: 99, content: Buffer.from("x") })],
  ["a change of cipher inside", sealed({ type: 20, content: Buffer.from([1]) })],
  ["content one byte too long", sealed(bytes(MOST_CONTENT + 1))],
  ["a record one byte too long", sealed({ ...bytes(1), padding: MOST_CONTENT + 256 - 16 - 1 })],
  ["a header with the most that it can say", sealed({ ...hello, length: 65_535 })],
  ["a header shorter than the record", sealed({ ...hello, length: 20 })],
  ["a record shorter than a tag", clear([23, 3, 3, 0, 3, 1, 2, 3])],
  ["another type outside", sealed({ ...hello, outside: HANDSHAKE })],
  ["data in the clear", clear([23, 3, 3, 0, 5, 104, 101, 108, 108, 111])],
  ["a hello in the clear", clear([22, 3, 1, 0, 5, 1, 0, 0, 1, 3])],
  ["a record of TLS 1.0", clear([22, 2, 0, 0, 1, 0])],
  ["what is no record", clear([71, 69, 84, 32, 47, 32, 72, 84, 84, 80, 47, 49, 46, 49, 13, 10, 13, 10])],
  ["a second hello", sealed(message(1, ...Buffer.alloc(64)))],
  ["a message of 16 MiB", sealed({ type: HANDSHAKE, content: Buffer.from([1, 255, 255, 255, 0]) })],
  ["a message of a kind that nobody knows", sealed(message(99, 0))],
  ["an alert of one byte", sealed(alert(1))],
  ["an alert of three bytes", sealed(alert(1, 90, 0))],
  ["an alert of no level", sealed(alert(3, 90))],
  ["an alert that ends it", sealed(alert(2, 40), hello)],
  ["a warning that is none in TLS 1.3", sealed(alert(1, 100), hello)],
  ["new keys where there is no such request", sealed(keyUpdate(2), hello)],
  ["new keys without their byte", sealed(message(24), hello)],
  ["too many messages without content", sealed(...times(MOST_EMPTY + 1, empty(HANDSHAKE)), hello)],
  ["one alert without content", sealed(empty(ALERT), hello)],
];

const DURING: readonly Row[] = [
  ...NEVER,
  ["a Finished that is wrong", sealed(message(20, ...Buffer.alloc(32)), hello)],
  ["a Finished that is too short", sealed(message(20, 0), hello)],
  ["data before the Finished", sealed(hello)],
  ["new keys before the Finished", sealed(keyUpdate(0), hello)],
  ["a CertificateVerify alone", sealed(message(15, 4, 3, 0, 1, 0), hello)],
  ["a ticket from the client", sealed(message(4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0), hello)],
  ["a certificate without content", sealed(message(11, 0, 0, 0, 0), hello)],
  ["a certificate that is none", sealed(message(11, 0, 0, 0, 6, 0, 0, 1, 48, 0, 0), hello)],
  ["a list of certificates longer than its message", sealed(message(11, 0, 255, 255, 255), hello)],
  ["too much data without content", sealed(...times(MOST_EMPTY + 1, empty(DATA)))],
  ["a change of cipher in the clear, too often", clear(...times(100, [20, 3, 3, 0, 1, 1]), [23, 3, 3, 0, 1, 0])],
  ["a change of cipher of another value", clear([20, 3, 3, 0, 1, 2])],
  ["end of early data that nobody sent", sealed(message(5), hello)],
];

const AFTER: readonly Row[] = [
  ...NEVER,
  ["a Finished once more", sealed(message(20, ...Buffer.alloc(32)), hello)],
  ["a certificate that nobody requested", sealed(message(11, 0, 0, 0, 0), hello)],
  ["a ticket from the client", sealed(message(4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0), hello)],
  ["new keys with data behind them in the message", sealed({ type: HANDSHAKE, content: Buffer.from([24, 0, 0, 1, 0, 24, 0, 0, 1, 0]) }, hello)],
  ["data by the keys before", (sealer) => Buffer.concat([sealer.seal(keyUpdate(0)), sealer.seal(hello)])],
  ["more records with new keys than a second may have", updates(MOST_MESSAGES + 1, hello)],
  ["too much data without content", sealed(...times(MOST_EMPTY + 1, empty(DATA)), hello)],
  ["a change of cipher in the clear", clear([20, 3, 3, 0, 1, 1])],
  ["end of early data that nobody sent", sealed(message(5), hello)],
];

/** Odd, and served: what the backend gets. */
const SERVED: readonly (readonly [...Row, due: string])[] = [
  ["data without content, as often as it may be", sealed(...times(MOST_EMPTY, empty(DATA)), hello), "hello"],
  ["as many records with new keys as a second may have", updates(MOST_MESSAGES, hello), "hello"],
  ["content as long as it may be", sealed(bytes(MOST_CONTENT)), "x".repeat(MOST_CONTENT)],
  ["padding as long as it may be", sealed({ ...bytes(1), padding: MOST_CONTENT - 1 }), "x"],
  // The standard allows a byte less; OpenSSL bounds the whole record alone.
  ["padding to the end of the longest record", sealed({ ...bytes(1), padding: MOST_CONTENT + 256 - 16 - 2 }), "x"],
  ["a close_notify, and data behind it", sealed(hello, alert(1, 0), hello), "hello"],
  ["data, and then what is wrong", sealed(hello, { ...hello, isForged: true }), "hello"],
  ["new keys in records of a byte each", sealed(...[24, 0, 0, 1, 0].map((byte) => ({ type: HANDSHAKE, content: Buffer.from([byte]) }))), ""],
];

interface World {
  readonly gateway: Under;
  readonly behind: BackendUnderTest;
  readonly got: () => string;
  readonly count: { made: number; freed: number };
  open(when: "during" | "after"): Promise<Own>;
  end(): Promise<void>;
}

function counting(count: { made: number; freed: number }): OpensslCalls {
  return {
    ...OPENSSL,
    SSL_new(context) {
      const handle = OPENSSL.SSL_new(context);
      if (handle !== 0) count.made++;
      return handle;
    },
    SSL_free(handle) {
      count.freed++;
      OPENSSL.SSL_free(handle);
    },
  };
}

async function world(mode: "tls" | "mtls"): Promise<World> {
  const folder = temporaryFolder();
  const [site, clients]: readonly [Authority, Authority] = [authority("site root"), authority("client root")];
  const own = leaf(clients, { names: [uri("spiffe://corp.example/ops")] });
  put(folder, "web", leaf(site, { names: [dns("www.example.com")] }));
  putAuthority(folder, "corp", clients);
  let got = "";
  const behind = await backend("", (socket: Socket) => {
    socket.on("data", (chunk: Buffer) => {
      got += chunk.toString();
    });
    socket.on("end", () => socket.end());
  });
  const port = await freePort();
  const count = { made: 0, freed: 0 };
  const gateway = await running({
    forwarder: "kernel",
    engine: "openssl",
    openssl: counting(count),
    policy: `edition 1\nexpose web on tcp ${port} as ${mode} { backend 127.0.0.1:${behind.port} cert "web" ${mode === "mtls" ? 'ca "corp"' : ""} allow from any ${mode === "mtls" ? 'client uri "spiffe://corp.example/*"' : ""} }`,
    config: `[certs.web]\ncert = "${folder}/web.pem"\nkey = "${folder}/web.key"\n[cas.corp]\nfile = "${folder}/corp.pem"\n`,
  });
  return {
    gateway,
    behind,
    got: () => got,
    count,
    open: (when) => ownClient(port, when, { ca: site.pem, servername: "www.example.com", ...(mode === "mtls" && { cert: own.pem, key: own.key }) }),
    async end() {
      await gateway.stop();
      behind.close();
      assert.equal(made, { contexts: 0, sessions: 0 });
      assert.is(count.freed, count.made, "SSL_free and SSL_new");
    },
  };
}

/** Says it, waits until the connection is gone, and gives what the backend got of it. */
async function said({ gateway, got, open }: World, when: "during" | "after", what: string, say: Say): Promise<string> {
  const own = await open(when);
  const before = got().length;
  own.raw.write(say(own.sealer));
  // A record that is not whole waits for its rest.
  own.raw.end();
  await eventually(() => gateway.daemon.forwarder.live === 0 && made.sessions === 0, `${what}: the connection has ended`);
  own.raw.destroy();
  await own.closed;
  return got().slice(before);
}

if (!FORWARDERS.includes("kernel")) skip("openssl conversations", "the kernel's forwarder does not serve");
else {
  for (const mode of ["tls", "mtls"] as const) {
    test(`${mode}: whatever comes in the middle of a handshake, nobody gets to the backend`, async () => {
      const w = await world(mode);
      for (const [what, say] of DURING) {
        assert.is(await said(w, "during", what, say), "", what);
        assert.is(w.behind.accepted, 0, `${what}: the backend`);
        const record = w.gateway.records().at(-1);
        assert.ok(record?.decision === "deny" && /^(tls_|no_certificate|certificate_)/.test(record.code), `${what}: ${JSON.stringify(record)}`);
      }
      assert.is(w.gateway.records().filter(({ op }) => op === "accept").length, DURING.length);
      // The records were read, and refused for what they say.
      const details = new Set(w.gateway.records().map(({ detail }) => detail));
      // Where a certificate is due no Finished is looked at.
      for (const detail of [...(mode === "tls" ? ["DIGEST_CHECK_FAILED"] : []), "UNEXPECTED_MESSAGE", "DATA_LENGTH_TOO_LONG"])
        assert.ok(details.has(`ERR_SSL_${detail}`), detail);
      await w.end();
    });

    test(`${mode}: whatever comes behind a handshake, only data gets to the backend`, async () => {
      const w = await world(mode);
      for (const [what, say] of AFTER) assert.is(await said(w, "after", what, say), "", what);
      for (const [what, say, due] of SERVED) assert.is(await said(w, "after", what, say), due, what);
      assert.is(w.behind.accepted, AFTER.length + SERVED.length);
      assert.not.ok(w.gateway.records().some(({ code }) => code === "internal" || code === "fault"));
      await w.end();
    });
  }
}

test.run();
