// ingressc keygen: a new pair of keys for signing policies.
import type { Command } from "../command.ts";
import { isOutcome, writeKeyPair } from "../key_files.ts";
import { rows } from "../terminal.ts";

export const keygen = {
  summary: "make a pair of keys for signing policies",
  operands: ["NAME"],
  flags: {},
  manual: [
    "Writes the private key to NAME.key (mode 0600) and the public key to NAME.pub, both Ed25519 in",
    "PEM, and prints the key's id. No file is ever overwritten. Keep NAME.key where policies are",
    "signed and nowhere else; give NAME.pub to every gateway, in `policy.trusted_keys`.",
    "",
    "  ingressc keygen release-2026",
  ].join("\n"),
  async run(args) {
    const name = args.operands[0] ?? "";
    const paths = { private: `${name}.key`, public: `${name}.pub` };
    const key = await writeKeyPair(paths.private, paths.public);
    if (isOutcome(key)) return key;
    return {
      class: "ok",
      code: "policy.keys_made",
      message: `made the key ${key.id}`,
      data: { keyId: key.id, ...paths },
      report: (p) => [
        `${p.good("made")} the key ${p.bold(key.id)}`,
        rows([
          ["private", `${paths.private} (for \`ingressc sign\`; nobody else may read it)`],
          ["public", `${paths.public} (for \`ingressc verify\` and \`policy.trusted_keys\`)`],
        ]),
      ].join("\n"),
    };
  },
} as const satisfies Command;
