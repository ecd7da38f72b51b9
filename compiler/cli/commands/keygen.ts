// ingressc keygen: a new pair of keys for signing policies.
import type { Arguments } from "../../../runtime/shell/command_line.ts";
import { isOutcome, writeKeyPair } from "../key_files.ts";
import { rows } from "../terminal.ts";
import type { Outcome } from "../outcome.ts";

export async function run(args: Arguments): Promise<Outcome> {
  const name = args.operands[0] ?? "";
  const paths = { private: `${name}.key`, public: `${name}.pub` };
  const key = await writeKeyPair(paths.private, paths.public);
  if (isOutcome(key)) return key;
  return {
    class: "ok",
    code: "policy.keys_made",
    message: `made the key ${key.id}`,
    data: { keyId: key.id, ...paths },
    report: (p) =>
      [
        `${p.good("made")} the key ${p.bold(key.id)}`,
        rows([
          ["private", `${paths.private} (for \`ingressc sign\`; nobody else may read it)`],
          ["public", `${paths.public} (for \`ingressc verify\` and \`policy.trusted_keys\`)`],
        ]),
      ].join("\n"),
  };
}
