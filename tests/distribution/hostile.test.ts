// Every answer that a server, a registry or somebody on the way can give to a pull: nothing but the module that was offered comes out, and what went
// wrong has its code.
import { writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { createServer, type AddressInfo } from "node:net";
import * as assert from "uvu/assert";
import { digestOf, MANIFEST_TYPE } from "../../runtime/distribution/manifest.ts";
import { IDLE_MS, WHOLE_MS } from "../../runtime/distribution/http.ts";
import { atEnd, ownFolder, suite } from "../suite.ts";
import { authority, dns, ip, leaf } from "../tls/certificates.ts";
import { AUTHORITY, client, MODULE, outcome, registryOf, serve, source, stored, type Served, type Stored } from "./server.ts";

const test = suite("distribution: hostile answers");

const FILES: readonly (readonly [name: string, answer: Served["answer"], due: string])[] = [
  ["a file", (_, r) => r.end(MODULE), "new the bytes of a module"],
  ["as many bytes as may come", (_, r) => r.end(Buffer.alloc(1000, "x")), `new ${"x".repeat(40)}`],
  ["one byte more", (_, r) => r.end(Buffer.alloc(1001, "x")), "too_large"],
  ["one byte more, in pieces without a length", (_, r) => (r.write(Buffer.alloc(1000)), void r.end("x")), "too_large"],
  ["a length that is too large, and nothing behind it", (_, r) => r.writeHead(200, { "content-length": "1001" }).flushHeaders(), "too_large"],
  ["less than the length", (_, r) => (r.writeHead(200, { "content-length": "10" }), r.write("12345"), void setImmediate(() => r.destroy())), "truncated"],
  ["a chunk that ends early", (_, r) => (r.write("12345"), void setImmediate(() => r.destroy())), "truncated"],
  ["a packed body, though none was offered", (_, r) => r.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(Buffer.alloc(100_000))), "encoded"],
  ["two packings", (_, r) => r.writeHead(200, { "content-encoding": "gzip, gzip" }).end("x"), "encoded"],
  ["nothing has changed, though nobody has anything", (_, r) => r.writeHead(304).end(), "status"],
  ["no content", (_, r) => r.writeHead(204).end(), "status"],
  ["a part", (_, r) => r.writeHead(206).end(MODULE), "status"],
  ["not there", (_, r) => r.writeHead(404).end(), "status"],
  ["not now", (_, r) => r.writeHead(503).end(), "status"],
  ["a login", (_, r) => r.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end(), "login"],
  ["forbidden", (_, r) => r.writeHead(403).end(), "login"],
  ["a header that is too long", (_, r) => r.writeHead(200, { x: "y".repeat(20_000) }).end(MODULE), "malformed"],
  ["a redirect to nowhere", (_, r) => r.writeHead(302).end(), "redirect"],
  ["a redirect to http", (_, r) => r.writeHead(302, { location: "http://127.0.0.1:1/" }).end(), "redirect"],
  ["a redirect to a file", (_, r) => r.writeHead(302, { location: "file:///etc/passwd" }).end(), "redirect"],
  ["a redirect with a password", (_, r) => r.writeHead(302, { location: "https://a:b@127.0.0.1/" }).end(), "redirect"],
  ["a redirect to itself", ({ url = "" }, r) => r.writeHead(302, { location: url }).end(), "redirect"],
];

test("an HTTPS server: each answer has its outcome", async () => {
  const server = await serve(() => undefined);
  for (const [name, answer, due] of FILES) {
    server.answer = answer;
    assert.is(await outcome(source(`https://${server.host}/p.wasm`, client(), { maxBytes: 1000 }).pull()), due, name);
  }
});

test("three redirects are followed, and the fourth is not", async () => {
  const server = await serve(({ url = "" }, r) => {
    const left = Number(url.slice(1));
    if (left === 0) r.end(MODULE);
    else r.writeHead(307, { location: `/${left - 1}` }).end();
  });
  assert.is(await outcome(source(`https://${server.host}/3`, client()).pull()), "new the bytes of a module");
  assert.is(server.seen.length, 4);
  assert.is(await outcome(source(`https://${server.host}/4`, client()).pull()), "redirect");
  assert.is(server.seen.length, 8);
});

test("a certificate of another authority, of another host, or one that is over", async () => {
  const wrong = [
    leaf(authority("another"), { use: "server", names: [ip(127, 0, 0, 1)] }),
    leaf(AUTHORITY, { use: "server", names: [dns("other.example")] }),
    leaf(AUTHORITY, { use: "server", names: [ip(127, 0, 0, 1)], from: -2, until: -1 }),
    leaf(AUTHORITY, { use: "client", names: [ip(127, 0, 0, 1)] }),
  ];
  for (const shown of wrong) {
    const server = await serve((_, r) => r.end(MODULE), shown);
    // Whatever the environment says.
    const result = await source(`https://${server.host}/`, client(AUTHORITY.pem, { NODE_TLS_REJECT_UNAUTHORIZED: "0" })).pull();
    assert.is(result.ok ? "" : result.error.code, "tls", JSON.stringify(result));
    assert.is(server.seen.length, 0);
  }
  const server = await serve((_, r) => r.end(MODULE));
  assert.is(await outcome(source(`https://${server.host}/`, client(null)).pull()), "tls", "Node's own authorities");
});

test("a server that speaks no TLS, none, and one that says nothing", async () => {
  const plain = await serve((_, r) => r.end(MODULE), null);
  assert.is(await outcome(source(`https://${plain.host}/`, client()).pull()), "tls");
  plain.close();
  assert.is(await outcome(source(`https://${plain.host}/`, client()).pull()), "unreachable");

  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => {
    silent.listen(0, "127.0.0.1", () => resolve());
  });
  atEnd(() => silent.close());
  const http = client();
  const pulled = outcome(source(`https://127.0.0.1:${(silent.address() as AddressInfo).port}/`, http).pull());
  http.clock.advance(IDLE_MS);
  assert.is(await pulled, "slow");
});

test("silence ends a transfer, and so does one that drips for too long", async () => {
  for (const dripped of [false, true]) {
    const http = client();
    let drip: (() => void) | null = null;
    const server = await serve((_, r) => {
      r.writeHead(200, { "content-length": "100000" });
      drip = () => void r.write("x");
      drip();
    });
    const pulled = outcome(source(`https://${server.host}/`, http, { maxBytes: 100_000 }).pull());
    const over = { done: false };
    void pulled.then(() => (over.done = true));
    let ms = 0;
    while (!over.done && ms < WHOLE_MS) {
      const step = dripped ? IDLE_MS / 3 : IDLE_MS;
      if (dripped) (drip as (() => void) | null)?.();
      // The byte is under way for some turns of the event loop.
      for (let i = 0; i < 200; i++) await new Promise((resolve) => setImmediate(resolve));
      http.clock.advance(step);
      ms += step;
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.is(await pulled, "slow");
    assert.ok(dripped ? ms > 10 * IDLE_MS : ms <= 2 * IDLE_MS, `${dripped}: ${ms} ms`);
  }
});

test("a token is for its host: a redirect to another port does not get it", async () => {
  const other = await serve((_, r) => r.end(MODULE));
  const server = await serve(({ url = "" }, r) =>
    url === "/a" ? r.writeHead(302, { location: "/b" }).end() : r.writeHead(302, { location: `https://${other.host}/c` }).end(),
  );
  const tokenFile = `${ownFolder()}/token`;
  writeFileSync(tokenFile, "secret\n", { mode: 0o600 });
  assert.is(await outcome(source(`https://${server.host}/a`, client(), { tokenFile }).pull()), "new the bytes of a module");
  assert.equal(
    server.seen.map(({ path, authorization }) => [path, authorization]),
    [
      ["/a", "Bearer secret"],
      ["/b", "Bearer secret"],
    ],
  );
  assert.equal(
    other.seen.map(({ authorization }) => authorization),
    [null],
  );
});

const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
const changed = (change: (manifest: Record<string, unknown>) => void): Uint8Array => {
  const manifest: unknown = JSON.parse(Buffer.from(stored().manifest).toString());
  const fields = Object.fromEntries(Object.entries(manifest as object));
  change(fields);
  return json(fields);
};
const LAYER = { mediaType: "application/vnd.ingressd.policy.v1+wasm", digest: digestOf(MODULE), size: MODULE.length };

const ARTIFACTS: readonly (readonly [name: string, has: Partial<Stored>, due: string])[] = [
  ["a policy", {}, "new the bytes of a module"],
  ["no media type in the manifest", { manifest: changed((m) => delete m["mediaType"]) }, "new the bytes of a module"],
  ["an index", { type: "application/vnd.oci.image.index.v1+json" }, "media_type"],
  ["Docker's manifest", { type: "application/vnd.docker.distribution.manifest.v2+json" }, "media_type"],
  ["no media type", { type: "text/html" }, "media_type"],
  ["another media type inside", { manifest: changed((m) => (m["mediaType"] = "application/vnd.oci.image.index.v1+json")) }, "malformed"],
  ["no JSON", { manifest: Buffer.from("{") }, "malformed"],
  ["a list", { manifest: json([]) }, "malformed"],
  ["null", { manifest: json(null) }, "malformed"],
  ["nothing", { manifest: Buffer.alloc(0) }, "malformed"],
  ["another version", { manifest: changed((m) => (m["schemaVersion"] = 1)) }, "malformed"],
  ["a container image", { manifest: changed((m) => delete m["artifactType"]) }, "media_type"],
  ["another artifact", { manifest: changed((m) => (m["artifactType"] = "application/vnd.example")) }, "media_type"],
  ["no layers", { manifest: changed((m) => delete m["layers"]) }, "malformed"],
  ["two layers", { manifest: changed((m) => (m["layers"] = [LAYER, LAYER])) }, "malformed"],
  ["a layer of another type", { manifest: changed((m) => (m["layers"] = [{ ...LAYER, mediaType: "application/gzip" }])) }, "media_type"],
  ["a layer that is none", { manifest: changed((m) => (m["layers"] = ["x"])) }, "malformed"],
  ["a digest of another kind", { manifest: changed((m) => (m["layers"] = [{ ...LAYER, digest: "md5:00" }])) }, "malformed"],
  ["a digest that leads out", { manifest: changed((m) => (m["layers"] = [{ ...LAYER, digest: "../../x" }])) }, "malformed"],
  ["no size", { manifest: changed((m) => (m["layers"] = [{ ...LAYER, size: "21" }])) }, "malformed"],
  ["size zero", { manifest: changed((m) => (m["layers"] = [{ ...LAYER, size: 0 }])) }, "malformed"],
  ["half a byte", { manifest: changed((m) => (m["layers"] = [{ ...LAYER, size: 21.5 }])) }, "malformed"],
  ["a size beyond the bound", { manifest: changed((m) => (m["layers"] = [{ ...LAYER, size: 1_000_001 }])) }, "too_large"],
  ["a size below that of the blob", { manifest: changed((m) => (m["layers"] = [{ ...LAYER, size: MODULE.length - 1 }])) }, "too_large"],
  ["a size above that of the blob", { manifest: changed((m) => (m["layers"] = [{ ...LAYER, size: MODULE.length + 1 }])) }, "truncated"],
  ["a manifest that is too large", { manifest: Buffer.alloc(65_537, " ") }, "too_large"],
  ["no blob: it was removed after the manifest was read", { blobs: new Map() }, "status"],
  ["another blob of the same size", { blobs: new Map([[digestOf(MODULE), Buffer.from(MODULE).fill("x")]]) }, "digest"],
];

test("a registry: each answer has its outcome", async () => {
  const server = await serve(() => undefined, null);
  for (const [name, has, due] of ARTIFACTS) {
    server.answer = registryOf({ ...stored(), ...has });
    assert.is(await outcome(source(`oci://${server.host}/policies/edge:stable`, client(null)).pull()), due, name);
  }
});

test("the digest that a user names is the manifest's, whatever the registry says", async () => {
  const has = stored();
  const server = await serve(registryOf(has), null);
  const at = (digest: string): Promise<string> => outcome(source(`oci://${server.host}/policies/edge@${digest}`, client(null)).pull());
  assert.is(await at(digestOf(has.manifest)), "new the bytes of a module");
  assert.is(await at(digestOf(MODULE)), "digest");
  server.answer = (request, response) => {
    if (request.url?.includes("blobs") === true) return registryOf(has)(request, response);
    response.writeHead(200, { "content-type": MANIFEST_TYPE, "docker-content-digest": digestOf(MODULE) }).end(has.manifest);
  };
  assert.is(await outcome(source(`oci://${server.host}/policies/edge:stable`, client(null)).pull()), "digest", "a digest in the header");
});

test("a tag that turns between manifest and blob gives the module of the manifest or nothing", async () => {
  const [first, second] = [stored(), stored(Buffer.from("the next module"), 2)];
  const server = await serve(() => undefined, null);
  const both = new Map([...first.blobs, ...second.blobs]);
  let manifests = 0;
  server.answer = (request, response) =>
    registryOf({ ...(request.url?.includes("manifests") === true && manifests++ > 0 ? second : first), blobs: both })(request, response);
  const pulling = source(`oci://${server.host}/policies/edge:stable`, client(null));
  assert.is(await outcome(pulling.pull()), "new the bytes of a module");
  assert.is(await outcome(pulling.pull()), "new the next module");
  assert.is(await outcome(pulling.pull()), "unchanged");
});

test.run();
