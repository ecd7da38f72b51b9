// ingressc push: a signed and tested module to an OCI registry.
import { dockerConfigPath, dockerCredentials, readBearerToken } from "../../../runtime/distribution/credentials.ts";
import { digestOf, EMPTY_CONFIG, policyManifest } from "../../../runtime/distribution/manifest.ts";
import { Registry } from "../../../runtime/distribution/registry.ts";
import type { Trouble } from "../../../runtime/distribution/trouble.ts";
import { loadPolicy } from "../../../runtime/host/load.ts";
import type { LoadedPolicy } from "../../../runtime/host/module.ts";
import { failed, ok, type Result } from "../../../runtime/result/result.ts";
import type { Arguments } from "../../../runtime/shell/command_line.ts";
import type { Surroundings } from "../command.ts";
import { compileFile } from "../compiled.ts";
import { beginModule, readModule, refusedModule } from "../modules.ts";
import { count, usage, type Outcome } from "../outcome.ts";
import { runTests } from "../policy_tests.ts";
import type { Progress } from "../progress.ts";
import { failedTests } from "../tested.ts";
import { rows } from "../terminal.ts";
import { readTransfer, transferFailed } from "../transfer.ts";

export async function run(args: Arguments, { wallSeconds, progress }: Surroundings): Promise<Outcome> {
  const [file = "", target = ""] = args.operands;
  const source = args.flags.get("policy");
  if (source === undefined)
    return usage("missing_flag", "`--policy` is missing", "name the policy that the module was built from, so that its tests run in it: `--policy FILE`");
  const transfer = readTransfer(target, args);
  if (!transfer.ok) return transfer.error;
  const { location, http, tokenFile } = transfer.value;
  if (location.kind !== "oci")
    return usage("location", `\`${target}\` is no registry`, "write oci://REGISTRY/REPOSITORY:TAG; to an HTTPS server copy the file as the server wants it");
  const read = readModule(file);
  if (!read.ok) return read.error;
  const module = read.value;
  beginModule(progress, module);
  const loaded = loadPolicy(module);
  if (!loaded.ok) return refusedModule(file, loaded.error);
  const { info } = loaded.value;
  if (info.signature === null)
    return {
      class: "reject",
      code: "policy.not_signed",
      message: `\`${file}\` is not signed, and no gateway would take it from a source`,
      help: "sign it with `ingressc sign`",
    };
  const tested = testsOf(source, file, loaded.value, progress);
  if (!tested.ok) return tested.error;
  progress.begin("sending the module");
  const registry = new Registry({
    http,
    location,
    credentials: dockerCredentials(dockerConfigPath(http.env)),
    access: "pull,push",
    bearer: () => (tokenFile === null ? ok(null) : readBearerToken(tokenFile)),
  });
  const { revision } = info.signature;
  const sent = await send(registry, module, policyManifest(module, { revision, treeSha256: info.treeSha256, createdMs: wallSeconds * 1000 }));
  if (!sent.ok) return transferFailed("writing", `push to \`${target}\``, sent.error);
  const digest = digestOf(module);
  return {
    class: "ok",
    code: "policy.pushed",
    message: `pushed \`${file}\` to \`${target}\``,
    data: {
      location: target,
      manifest: sent.value,
      digest,
      bytes: module.length,
      revision,
      sha256: info.sha256,
      treeSha256: info.treeSha256,
      testLines: tested.value,
    },
    report: (p) =>
      [
        `${p.good("pushed")} ${p.bold(target)}`,
        rows([
          ["manifest", sent.value],
          ["module", `${digest}, ${count(module.length, "byte")}`],
          ["revision", String(revision)],
          ["tests", tested.value === 0 ? "none written" : `${count(tested.value, "line")} passed`],
        ]),
      ].join("\n"),
  };
}

/** The blobs first: a manifest is only ever there with what it names. */
async function send(registry: Registry, module: Uint8Array, manifest: Uint8Array): Promise<Result<string, Trouble>> {
  for (const blob of [EMPTY_CONFIG, module]) {
    const sent = await registry.putBlob(blob);
    if (!sent.ok) return sent;
  }
  return registry.putManifest(manifest);
}

/** How many lines of the policy's tests passed in the very module. */
function testsOf(source: string, file: string, loaded: LoadedPolicy, progress: Progress): Result<number, Outcome> {
  const made = compileFile(source, "host", progress);
  if (!made.ok) return failed(made.error.outcome);
  const compiled = loadPolicy(made.value.module);
  if (!compiled.ok) return failed(refusedModule(source, compiled.error));
  if (compiled.value.info.treeSha256 !== loaded.info.treeSha256)
    return failed({
      class: "reject",
      code: "policy.other_policy",
      message: `\`${file}\` is not what \`${source}\` says now, so the tests there say nothing about it`,
      help: "build and sign the module again, or name the policy that it was built from with `--policy`",
      data: { module: loaded.info.treeSha256, policy: compiled.value.info.treeSha256 },
    });
  progress.begin("running the tests");
  const results = runTests(made.value.policy.tests, loaded, () => progress.step());
  const failure = failedTests({ ...made.value, loaded, results }, `, so \`${file}\` is not pushed`);
  return failure === null ? ok(results.length) : failed(failure);
}
