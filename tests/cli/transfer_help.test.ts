// Each kind of failure of `push` and `pull` has a remedy: by the table of kinds, and from servers that fail in these ways.
import { createHash } from "node:crypto";
import * as assert from "uvu/assert";
import { transferFailed } from "../../compiler/cli/transfer.ts";
import { MANIFEST_TYPE, POLICY_TYPE } from "../../runtime/distribution/manifest.ts";
import { trouble, type TroubleCode } from "../../runtime/distribution/trouble.ts";
import { suite } from "../suite.ts";
import { serve, type Served } from "../distribution/server.ts";
import { envelope, folder, ingresscHere, type Folder } from "./programs.ts";

const test = suite<{ dir: Folder }>("what to do where push or pull fails");
test.before((context) => void (context.dir = folder()));
test.after(({ dir }) => dir.remove());

/** The class, and what the remedies of a pull and of a push name. */
const DUE: Readonly<Record<TroubleCode, readonly [outcome: string, pull: RegExp, push: RegExp]>> = {
  unreachable: ["delegate", /HTTPS_PROXY/, /HTTPS_PROXY/],
  tls: ["delegate", /--ca/, /--ca/],
  slow: ["delegate", /network/, /network/],
  truncated: ["delegate", /breaks off/, /breaks off/],
  too_large: ["reject", /has a policy/, /check the location/],
  encoded: ["delegate", /compression/, /compression/],
  redirect: ["delegate", /in the location itself/, /in the location itself/],
  status: ["delegate", /skopeo list-tags/, /artifacts of OCI 1\.1/],
  login: ["delegate", /^name a file with a token by `--token-file`/, /^name a file with a token that may write/],
  malformed: ["reject", /push the policy there again/, /is of a registry/],
  media_type: ["reject", /not pushed by `ingressc push`/, /is of a registry/],
  digest: ["reject", /push the policy again/, /find out which$/],
  settings: ["usage", /--token-file/, /--token-file/],
  ending: ["delegate", /^run it again$/, /^run it again$/],
};

test("every kind, for a pull and for a push", () => {
  for (const [code, [outcome, pull, push]] of Object.entries(DUE) as [TroubleCode, (typeof DUE)[TroubleCode]][])
    for (const [direction, help] of [
      ["reading", pull],
      ["writing", push],
    ] as const) {
      const made = transferFailed(direction, "do it", trouble(code, "the server is odd"));
      assert.equal([made.class, made.code, made.message], [outcome, `policy.transfer_${code}`, `can't do it (${code}): the server is odd`]);
      assert.match(made.help ?? "", help, `${code}, ${direction}`);
      assert.not.match(made.help ?? "", /^[A-Z]|\.$/, "no sentence with a period");
    }
});

const digestOf = (text: string): string => `sha256:${createHash("sha256").update(text).digest("hex")}`;
const manifestOf = (type: string): string =>
  JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    artifactType: type,
    config: { mediaType: "application/vnd.oci.empty.v1+json", digest: digestOf("{}"), size: 2 },
    layers: [{ mediaType: POLICY_TYPE, digest: digestOf("module"), size: 6 }],
  });

test("what people read where a server fails", async ({ dir }) => {
  const served = await serve(() => undefined, null);
  const manifest =
    (text: string, blob = "module"): Served["answer"] =>
    (request, response) => {
      const isManifest = request.url?.includes("/manifests/") === true;
      response.writeHead(200, { "content-type": isManifest ? MANIFEST_TYPE : "application/octet-stream" }).end(isManifest ? text : blob);
    };
  const rows: readonly (readonly [code: TroubleCode, exit: number, answer: Served["answer"]])[] = [
    ["status", 5, (_, response) => response.writeHead(404).end()],
    ["status", 5, (_, response) => response.writeHead(503).end()],
    ["login", 5, (_, response) => response.writeHead(401, { "www-authenticate": 'Basic realm="r"' }).end()],
    ["login", 5, (_, response) => response.writeHead(403).end()],
    ["redirect", 5, (request, response) => response.writeHead(302, { location: request.url }).end()],
    ["encoded", 5, (_, response) => response.writeHead(200, { "content-type": MANIFEST_TYPE, "content-encoding": "gzip" }).end("x")],
    ["malformed", 3, manifest("[]")],
    ["media_type", 3, manifest(manifestOf("application/vnd.other"))],
    ["digest", 3, manifest(manifestOf(POLICY_TYPE), "modulo")],
    ["unreachable", 5, (_, response) => response.destroy()],
  ];
  for (const [code, exit, answer] of rows) {
    served.answer = answer;
    const words = ["pull", `oci://${served.host}/policies/edge:stable`, "-o", "out.wasm"];
    const ended = await ingresscHere([...words, "--json"], dir.path);
    assert.equal([ended.code, envelope(ended)["code"]], [exit, `policy.transfer_${code}`], ended.out);
    assert.match(String(envelope(ended)["help"]), DUE[code][1]);
    const shown = await ingresscHere(words, dir.path);
    assert.match(shown.err, /help: /);
    assert.match(shown.err.replace(/\s+/g, " "), new RegExp(DUE[code][1].source.replace(/^\^|\$$/g, "")), shown.err);
  }
});

test.run();
