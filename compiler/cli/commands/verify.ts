// ingressc verify: whether a module is signed by one of some keys.
import type { Arguments } from "../../../runtime/shell/command_line.ts";
import { loadPolicy } from "../../../runtime/host/load.ts";
import type { TrustedKey } from "../../../runtime/host/keys.ts";
import type { Refusal } from "../../../runtime/host/module.ts";
import type { Surroundings } from "../command.ts";
import { readPublicKey } from "../key_files.ts";
import { beginModule, readModule, refusedModule } from "../modules.ts";
import { usage, type Outcome } from "../outcome.ts";
import { rows } from "../terminal.ts";

/** Refusals that answer the question with no; every other one says that the file is not a valid policy. */
const NO: Readonly<Partial<Record<Refusal["code"], string>>> = {
  signature_missing: "sign it with `ingressc sign`",
  signature_key: "add its public key with another `--key`, if you trust it; else have the module signed again",
  signature_bad: "do not use this file; get the module again from where it was signed",
};

export async function run(args: Arguments, { progress }: Surroundings): Promise<Outcome> {
  const file = args.operands[0] ?? "";
  const paths = args.lists.get("key") ?? [];
  if (paths.length === 0) return usage("missing_flag", "`--key` is missing", "name the public key that is trusted: `--key PUB`");
  const keys: TrustedKey[] = [];
  for (const path of paths) {
    const key = readPublicKey(path);
    if (!key.ok) return key.error;
    keys.push(key.value);
  }
  const read = readModule(file);
  if (!read.ok) return read.error;
  const bytes = read.value;
  beginModule(progress, bytes);
  const loaded = loadPolicy(bytes, keys);
  if (!loaded.ok) {
    const { code, message } = loaded.error;
    const help = NO[code];
    if (help === undefined) return refusedModule(file, loaded.error);
    return { class: "no", code: `policy.${code}`, message: `\`${file}\` is not verified (${code}): ${message}`, help, data: { verified: false } };
  }
  const { sha256, signature } = loaded.value.info;
  const text = (word: string): string => `${word} \`${file}\`: signed by a trusted key`;
  return {
    class: "ok",
    code: "policy.verified",
    message: text("verified"),
    data: { verified: true, keyId: signature?.keyId, revision: signature?.revision, sha256 },
    report: (p) =>
      [
        text(p.good("verified")),
        rows([
          ["key", signature?.keyId ?? ""],
          ["revision", String(signature?.revision ?? "")],
          ["sha256", sha256],
        ]),
      ].join("\n"),
  };
}
