// ingressc prove: a policy's invariants, without its tests and without a module that is written.
import { loadPolicy } from "../../../runtime/host/load.ts";
import type { Arguments } from "../../../runtime/shell/command_line.ts";
import { readNodes } from "../analysis/nodes.ts";
import type { Surroundings } from "../command.ts";
import { compileFile } from "../compiled.ts";
import { looksLikeModule, readModule } from "../modules.ts";
import { count, usage, type Outcome } from "../outcome.ts";
import { readProfile } from "../profile.ts";
import { failedProofs, proofsJson, prove, writtenText } from "../proven.ts";

export function run(args: Arguments, { progress }: Surroundings): Promise<Outcome> {
  return Promise.resolve(proved(args, progress));
}

function proved(args: Arguments, progress: Surroundings["progress"]): Outcome {
  const file = args.operands[0] ?? "";
  const profile = readProfile(args);
  if (!profile.ok) return profile.error;
  const nodes = readNodes(args);
  if (!nodes.ok) return nodes.error;
  const bytes = readModule(file);
  if (bytes.ok && looksLikeModule(bytes.value))
    return usage(
      "no_invariants",
      `\`${file}\` is a module, which has no invariants`,
      "name the policy that it was built from: `build` has proven its invariants",
    );
  const compiled = compileFile(file, profile.value, progress);
  if (!compiled.ok) return compiled.error.outcome;
  const loaded = loadPolicy(compiled.value.module);
  if (!loaded.ok) return { class: "internal", code: `policy.${loaded.error.code}`, message: `the compiled module does not load: ${loaded.error.message}` };
  progress.begin("proving the invariants");
  const provable = { ...compiled.value, loaded: loaded.value };
  const proven = prove(provable, nodes.value);
  if (!proven.ok) return proven.error;
  const failure = failedProofs(proven.value, provable, nodes.value, "");
  if (failure !== null) return { ...failure, data: { proven: false, nodes: proven.value.nodes, ...(typeof failure.data === "object" ? failure.data : {}) } };
  const { claims, nodes: used } = proven.value;
  const { invariants } = compiled.value.policy;
  const message =
    claims.length === 0 ?
      `\`${file}\` has no invariants`
    : `${count(claims.length, "claim")} of ${count(invariants.length, "invariant")} ${claims.length === 1 ? "is" : "are"} true`;
  return {
    class: "ok",
    code: claims.length === 0 ? "policy.no_invariants" : "policy.proven",
    message,
    data: { proven: true, nodes: used, invariants: proofsJson(claims) },
    report: (p) =>
      [
        ...invariants.map(({ title, claims: own }) => [`${p.good("ok")} ${JSON.stringify(title)}`, ...own.map((c) => `   ${writtenText(c)}`)].join("\n")),
        message,
      ].join("\n"),
  };
}
