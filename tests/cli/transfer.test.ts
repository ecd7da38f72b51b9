// push and pull, as people use them, with a registry on this machine that keeps what it is sent.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { MANIFEST_TYPE } from "../../runtime/distribution/manifest.ts";
import { fieldsOf } from "../../runtime/shell/rpc_client.ts";
import { suite } from "../suite.ts";
import { serve, type Served } from "../distribution/server.ts";
import { envelope, folder, ingresscHere, type Ended, type Folder } from "./programs.ts";

const test = suite<{ dir: Folder }>("push and pull");
const POLICY = `edition 1
expose web on tcp 443 { backend 127.0.0.1:8080 allow from 198.51.100.0/24 }
test "clients" {
  from 198.51.100.7 to web => allow
  from 203.0.113.7 to web => deny cidr
}
`;

test.before(async (context) => {
  const dir = folder();
  context.dir = dir;
  dir.write("edge.ingress", POLICY);
  dir.write("other.ingress", POLICY.replaceAll("198.51.100", "198.51.101"));
  dir.write("failing.ingress", POLICY.replace("203.0.113.7 to web => deny cidr", "203.0.113.7 to web => allow"));
  dir.write("untested.ingress", POLICY.replace(/test[^]*/, ""));
  for (const words of [
    ["build", "edge.ingress"],
    ["keygen", "ours"],
    ["keygen", "theirs"],
    ["sign", "edge.wasm", "--key", "ours.key", "--revision", "7", "-o", "signed.wasm"],
  ]) {
    const { code, err } = await ingresscHere(words, dir.path);
    assert.is(code, 0, err);
  }
});
test.after(({ dir }) => dir.remove());

/** Takes pushes as a registry does: no manifest before its blobs. */
async function registry(): Promise<Served & { readonly has: Map<string, Buffer> }> {
  const has = new Map<string, Buffer>();
  const served = await serve((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks);
      const url = new URL(request.url ?? "", "http://registry");
      const digest = `sha256:${createHash("sha256").update(body).digest("hex")}`;
      const found = has.get(url.pathname);
      const manifest = url.pathname.includes("/manifests/");
      if (request.method === "POST") return response.writeHead(202, { location: `${url.pathname}7?state=x` }).end();
      if (request.method === "PUT" && manifest) {
        const layers: unknown = fieldsOf(JSON.parse(body.toString()))?.["layers"];
        const missing = (Array.isArray(layers) ? layers : []).some((layer) => !has.has(`/v2/policies/edge/blobs/${String(fieldsOf(layer)?.["digest"])}`));
        if (missing) return response.writeHead(400).end();
        has.set(url.pathname, body);
        return response.writeHead(201).end();
      }
      if (request.method === "PUT") {
        if (url.searchParams.get("digest") !== digest || url.searchParams.get("state") !== "x") return response.writeHead(400).end();
        has.set(`/v2/policies/edge/blobs/${digest}`, body);
        return response.writeHead(201).end();
      }
      if (found === undefined) return response.writeHead(404).end();
      response.writeHead(200, { "content-type": manifest ? MANIFEST_TYPE : "application/octet-stream", "content-length": found.length });
      response.end(request.method === "HEAD" ? undefined : found);
    });
  }, null);
  return Object.assign(served, { has });
}

const here = (dir: Folder, ...words: readonly string[]): Promise<Ended> => ingresscHere(words, dir.path);

test("what is pushed is pulled, byte for byte, with the facts that people look for", async ({ dir }) => {
  const at = await registry();
  const place = `oci://${at.host}/policies/edge:canary`;
  const pushed = await here(dir, "push", "signed.wasm", place, "--policy", "edge.ingress", "--json");
  assert.is(pushed.code, 0, pushed.err);
  const data = fieldsOf(envelope(pushed)["data"]);
  const bytes = readFileSync(dir.at("signed.wasm"));
  assert.equal([data?.["revision"], data?.["testLines"], data?.["bytes"]], [7, 2, bytes.length]);
  const manifest = fieldsOf(JSON.parse(at.has.get("/v2/policies/edge/manifests/canary")?.toString() ?? ""));
  assert.equal(manifest?.["artifactType"], "application/vnd.ingressd.policy.v1+wasm");
  assert.equal(fieldsOf(manifest?.["config"]), {
    mediaType: "application/vnd.oci.empty.v1+json",
    digest: "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
    size: 2,
  });
  const notes = fieldsOf(manifest?.["annotations"]);
  assert.equal(
    [notes?.["org.opencontainers.image.created"], notes?.["io.ingressd.policy.revision"], notes?.["io.ingressd.policy.tree-sha256"]],
    ["2026-06-01T12:00:00Z", "7", data?.["treeSha256"]],
  );

  const pulled = await here(dir, "pull", place, "-o", "pulled.wasm", "--key", "theirs.pub", "--key", "ours.pub", "--json");
  assert.is(pulled.code, 0, pulled.err);
  assert.equal(fieldsOf(envelope(pulled)["data"])?.["verified"], true);
  assert.equal(readFileSync(dir.at("pulled.wasm")), bytes);
  // Once more: nothing but the manifest is sent.
  at.seen.length = 0;
  assert.is((await here(dir, "push", "signed.wasm", place, "--policy", "edge.ingress")).code, 0);
  assert.equal(
    at.seen.map(({ method }) => method),
    ["HEAD", "HEAD", "PUT"],
  );
  const untested = await here(dir, "push", "signed.wasm", place, "--policy", "untested.ingress");
  assert.match(untested.out, /tests +none written/);
});

test("a module is not pushed that is not signed, is another policy's, or fails a test", async ({ dir }) => {
  const at = await registry();
  const place = `oci://${at.host}/policies/edge:canary`;
  const rows: readonly (readonly [words: readonly string[], code: number, says: RegExp])[] = [
    [["edge.wasm", place, "--policy", "edge.ingress"], 3, /is not signed, and no gateway would take it/],
    [["signed.wasm", place], 2, /`--policy` is missing/],
    [["signed.wasm", place, "--policy", "other.ingress"], 3, /is not what `other\.ingress` says now/],
    [["signed.wasm", place, "--policy", "failing.ingress"], 1, /1 of 2 test lines failed, so `signed\.wasm` is not pushed/],
    [["edge.ingress", place, "--policy", "edge.ingress"], 3, /is refused/],
    [["none.wasm", place, "--policy", "edge.ingress"], 2, /there is no file/],
    [["signed.wasm", "https://h.example/p.wasm", "--policy", "edge.ingress"], 2, /is no registry/],
    [["signed.wasm", "oci://h.example/edge", "--policy", "edge.ingress"], 2, /must be oci:/],
    [["signed.wasm", place, "--policy", "edge.ingress", "--ca", "ours.pub"], 2, /has no certificate in PEM/],
    [["signed.wasm", place, "--policy", "edge.ingress", "--token-file", "none"], 2, /token file/],
  ];
  for (const [words, code, says] of rows) {
    const ended = await here(dir, "push", ...words);
    assert.is(ended.code, code, `${words.join(" ")}: ${ended.err}`);
    assert.match(ended.err + ended.out, says);
  }
  assert.is(at.seen.length, 0, "nothing was sent");
});

test("a registry that refuses, one that sends the upload to another place, and one that is away", async ({ dir }) => {
  const at = await registry();
  const place = `oci://${at.host}/policies/edge:canary`;
  const push = (): Promise<Ended> => here(dir, "push", "signed.wasm", place, "--policy", "edge.ingress", "--json");
  const take = at.answer;
  const answers: readonly (readonly [answer: Served["answer"], code: string])[] = [
    [(q, r) => (q.method === "POST" ? r.writeHead(403).end() : take(q, r)), "policy.transfer_login"],
    [(q, r) => (q.method === "POST" ? r.writeHead(202, { location: "https://other.example/up" }).end() : take(q, r)), "policy.transfer_redirect"],
    [(q, r) => (q.method === "POST" ? r.writeHead(202).end() : take(q, r)), "policy.transfer_status"],
    [(q, r) => (q.method === "PUT" ? r.writeHead(307, { location: "https://other.example/up" }).end() : take(q, r)), "policy.transfer_redirect"],
    [(q, r) => (q.url?.includes("manifests") === true ? r.writeHead(413).end() : take(q, r)), "policy.transfer_status"],
    [(q, r) => (q.method === "HEAD" ? r.writeHead(500).end() : take(q, r)), "policy.transfer_status"],
  ];
  for (const [answer, code] of answers) {
    at.answer = answer;
    const ended = await push();
    assert.equal([ended.code, envelope(ended)["code"]], [5, code]);
  }
  at.close();
  assert.is(envelope(await push())["code"], "policy.transfer_unreachable");
});

test("what is pulled is a policy, signed by a key that is given, or nothing is written", async ({ dir }) => {
  const at = await registry();
  const place = `oci://${at.host}/policies/edge:canary`;
  assert.is((await here(dir, "push", "signed.wasm", place, "--policy", "edge.ingress")).code, 0);
  writeFileSync(dir.at("kept.wasm"), "kept");
  const rows: readonly (readonly [words: readonly string[], code: number, says: RegExp])[] = [
    [[place], 2, /`-o` is missing/],
    [[place, "-o", "kept.wasm", "--key", "theirs.pub"], 3, /signature_key/],
    [[place.replace("canary", "none"), "-o", "kept.wasm"], 5, /does not have it/],
    [["http://h.example/p", "-o", "kept.wasm"], 2, /must begin with https/],
    [[place, "-o", "none/p.wasm"], 2, /there is no folder/],
  ];
  for (const [words, code, says] of rows) {
    const ended = await here(dir, "pull", ...words);
    assert.is(ended.code, code, `${words.join(" ")}: ${ended.err}`);
    assert.match(ended.err, says);
  }
  assert.is(readFileSync(dir.at("kept.wasm"), "utf8"), "kept");
  const plain = await here(dir, "pull", place, "-o", "kept.wasm");
  assert.match(plain.out, /revision 7 by [0-9a-f]{32}, not verified: no `--key` is given/);
});

test.run();
