// ingressc pull: a module from an OCI registry or an HTTPS server.
import { PolicySource } from "../../../runtime/distribution/source.ts";
import type { TrustedKey } from "../../../runtime/host/keys.ts";
import { loadPolicy } from "../../../runtime/host/load.ts";
import { MAX_MODULE_BYTES } from "../../../runtime/host/verify.ts";
import type { Arguments } from "../../../runtime/shell/command_line.ts";
import type { Surroundings } from "../command.ts";
import { readPublicKey } from "../key_files.ts";
import { beginModule, refusedModule } from "../modules.ts";
import { count, usage, type Outcome } from "../outcome.ts";
import { rows } from "../terminal.ts";
import { readTransfer, transferFailed } from "../transfer.ts";
import { writeModule } from "../write.ts";

export async function run(args: Arguments, { progress }: Surroundings): Promise<Outcome> {
  const from = args.operands[0] ?? "";
  const out = args.flags.get("out");
  if (out === undefined) return usage("missing_flag", "`-o` is missing", "name the file that the module is written to: `-o FILE`");
  const transfer = readTransfer(from, args);
  if (!transfer.ok) return transfer.error;
  const keys: TrustedKey[] = [];
  for (const path of args.lists.get("key") ?? []) {
    const key = readPublicKey(path);
    if (!key.ok) return key.error;
    keys.push(key.value);
  }
  progress.begin("fetching the module");
  const pulled = await new PolicySource({ ...transfer.value, maxBytes: MAX_MODULE_BYTES }).pull();
  if (!pulled.ok) return transferFailed("reading", `pull \`${from}\``, pulled.error);
  if (pulled.value.kind === "unchanged") throw new Error("a first pull can't be unchanged");
  const { bytes, digest } = pulled.value;
  beginModule(progress, bytes);
  const loaded = loadPolicy(bytes, keys.length === 0 ? null : keys);
  if (!loaded.ok) return refusedModule(from, loaded.error);
  const trouble = await writeModule(out, bytes, new Set());
  if (trouble !== null) return trouble;
  const { sha256, treeSha256, signature } = loaded.value.info;
  const signed =
    signature === null ? "no" : `revision ${signature.revision} by ${signature.keyId}${signature.verified ? "" : ", not verified: no `--key` is given"}`;
  return {
    class: "ok",
    code: "policy.pulled",
    message: `pulled \`${from}\` to \`${out}\``,
    data: {
      location: from,
      out,
      manifest: digest,
      bytes: bytes.length,
      sha256,
      treeSha256,
      keyId: signature?.keyId ?? null,
      revision: signature?.revision ?? null,
      verified: signature?.verified ?? false,
    },
    report: (p) =>
      [
        `${p.good("pulled")} ${p.bold(out)}`,
        rows([...(digest === null ? [] : [["manifest", digest] as const]), ["module", count(bytes.length, "byte")], ["sha256", sha256], ["signed", signed]]),
      ].join("\n"),
  };
}
