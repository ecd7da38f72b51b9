// ingressc sign: a module that ingressd loads where keys are trusted.
import type { Arguments } from "../../../runtime/shell/command_line.ts";
import { existsSync } from "node:fs";
import { MAX_REVISION } from "../../../runtime/abi/signature.ts";
import { loadPolicy } from "../../../runtime/host/load.ts";
import type { PolicyInfo } from "../../../runtime/host/module.ts";
import type { Surroundings } from "../command.ts";
import { readPrivateKey } from "../key_files.ts";
import { beginModule, readModule, refusedModule } from "../modules.ts";
import { usage, type Outcome } from "../outcome.ts";
import { signModule, unsigned } from "../signing.ts";
import { rows } from "../terminal.ts";
import { writeModule } from "../write.ts";

export async function run(args: Arguments, { progress }: Surroundings): Promise<Outcome> {
  const file = args.operands[0] ?? "";
  const out = args.flags.get("out") ?? file;
  const keyPath = args.flags.get("key");
  const written = args.flags.get("revision");
  if (keyPath === undefined) return usage("missing_flag", "`--key` is missing", "name the private key that `ingressc keygen` wrote: `--key KEY`");
  if (written === undefined)
    return usage("missing_flag", "`--revision` is missing", "give one that is higher than that of every policy given out before: `--revision N`");
  const revision = readRevision(written);
  if (revision === null) return usage("flag_value", `\`${written}\` is not a revision`, `write a whole number from 1 to ${MAX_REVISION}`);
  const read = readModule(file);
  if (!read.ok) return read.error;
  const bytes = read.value;
  beginModule(progress, bytes);
  const module = unsigned(bytes);
  const loaded = loadPolicy(module);
  if (!loaded.ok) return refusedModule(file, loaded.error);
  const { info } = loaded.value;
  const found = readPrivateKey(keyPath);
  if (!found.ok) return found.error;
  const key = found.value;
  const lower = notRising(revision, info, [file, out]);
  if (lower !== null) return lower;
  progress.begin("signing the module");
  const signed = signModule(module, key, revision);
  const trouble = await writeModule(out, signed, new Set());
  if (trouble !== null) return trouble;
  return {
    class: "ok",
    code: "policy.signed",
    message: `signed \`${out}\``,
    data: { out, keyId: key.public.id, revision, sha256: info.sha256, bytes: signed.length },
    report: (p) =>
      [
        `${p.good("signed")} ${p.bold(out)}`,
        rows([
          ["key", key.public.id],
          ["revision", String(revision)],
          ["sha256", info.sha256],
        ]),
      ].join("\n"),
  };
}

function readRevision(text: string): number | null {
  const value = /^[1-9][0-9]{0,15}$/.test(text) ? Number(text) : 0;
  return value >= 1 && value <= MAX_REVISION ? value : null;
}

/** A revision that a signature at one of `paths` has already, for another module: a slip that a gateway would refuse. */
function notRising(revision: number, info: PolicyInfo, paths: readonly string[]): Outcome | null {
  for (const path of new Set(paths)) {
    if (!existsSync(path)) continue;
    const there = readModule(path);
    const before = there.ok ? loadPolicy(there.value) : null;
    if (before?.ok !== true || before.value.info.signature === null) continue;
    const had = before.value.info.signature.revision;
    const same = before.value.info.sha256 === info.sha256;
    if (revision > had || (same && revision === had)) continue;
    return {
      class: "reject",
      code: "policy.revision_not_raised",
      message: `\`${path}\` has revision ${had} already, and gateways that served it refuse ${revision === had ? "another module of the same" : `the lower ${revision}`}`,
      help: `give \`--revision ${had + 1}\` or more`,
    };
  }
  return null;
}
