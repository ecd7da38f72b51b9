// ingressc build: FILE -> one .wasm, or the files of another target, tested before it is written.
import { grouped } from "../../../runtime/text/number.ts";
import type { Arguments } from "../../../runtime/shell/command_line.ts";
import { parse, format, resolve } from "node:path";
import type { Profile } from "../../../runtime/abi/profiles.ts";
import type { Surroundings } from "../command.ts";
import { shownPath } from "../compiled.ts";
import type { Inputs } from "../disk.ts";
import { count, usage, type Outcome } from "../outcome.ts";
import { memoryJson, memoryRows } from "../memory.ts";
import { readProfile } from "../profile.ts";
import { readNodes } from "../analysis/nodes.ts";
import { emissionJson, emissionRows, emitted, emitterOf, readEmission, writeFiles, type Emission } from "../emitted.ts";
import { filterRows, readSubject, writeFilter } from "../filter_file.ts";
import { failedProofs, prove, type Proven } from "../proven.ts";
import { writeNative } from "../native_folder.ts";
import { readNexus, writeNexus, type Nexus } from "../nexus_files.ts";
import type { Progress } from "../progress.ts";
import type { Target } from "../flags.ts";
import { readTarget } from "../target.ts";
import { compileAndTest, failedTests, type Tested } from "../tested.ts";
import type { ListFile } from "../../policy/policy.ts";
import { rows } from "../terminal.ts";
import { watchInputs } from "../watch.ts";
import { writeModule } from "../write.ts";

export async function run(args: Arguments, { stop, show, progress }: Surroundings): Promise<Outcome> {
  const file = args.operands[0] ?? "";
  const named = readProfile(args);
  if (!named.ok) return named.error;
  const profile = named.value;
  const readAs = readTarget(args, profile);
  if (!readAs.ok) return readAs.error;
  const target = readAs.value;
  const readFor = readSubject(args, target);
  if (!readFor.ok) return readFor.error;
  const subject = readFor.value;
  const nodes = readNodes(args);
  if (!nodes.ok) return nodes.error;
  const emission = readEmission(args, target, nodes.value);
  if (!emission.ok) return emission.error;
  const nexus = readNexus(args, target, subject, nodes.value);
  if (!nexus.ok) return nexus.error;
  const out = args.flags.get("out") ?? besides(file, target);
  if (resolve(out) === resolve(file)) {
    return usage("output_is_input", `\`${out}\` is the policy itself`, "give `-o` another path");
  }
  const request = { file, out, profile, target, subject, nodes: nodes.value, emission: emission.value, nexus: nexus.value };
  if (!args.flags.has("watch")) return (await buildOnce(request, progress)).outcome;
  await watchInputs({
    stop,
    run: async () => {
      const { outcome, inputs } = await buildOnce(request, progress);
      show(outcome);
      return inputs;
    },
    watching: (folders) => show(watching(folders)),
  });
  return { class: "ok", code: "policy.watch_ended", message: `stopped watching \`${file}\`` };
}

function watching(folders: readonly string[]): Outcome {
  const places = folders.map((f) => `\`${shownPath(f, ".") || "."}\``).join(", ");
  return { class: "ok", code: "policy.watching", message: `watching ${places}; Ctrl-C ends`, data: { folders } };
}

interface Request {
  readonly file: string;
  readonly out: string;
  readonly profile: Profile;
  readonly target: Target;
  /** Of a filter's profile. */
  readonly subject: string;
  /** The most of the analysis. */
  readonly nodes: number;
  /** Null: the target is no other program. */
  readonly emission: Emission | null;
  /** Null: the target is not of Open Nexus OS. */
  readonly nexus: Nexus | null;
}

async function buildOnce(
  { file, out, profile, target, subject, nodes, emission, nexus }: Request,
  progress: Progress,
): Promise<{ outcome: Outcome; inputs: Inputs }> {
  const compiled = compileAndTest(file, profile, undefined, progress);
  if (!compiled.ok) return compiled.error;
  const tested = compiled.value;
  const { inputs } = tested.disk;
  const failure = failedTests(tested, `, so \`${out}\` is not written`);
  if (failure !== null) return { outcome: failure, inputs };
  if (tested.policy.invariants.length > 0) progress.begin("proving the invariants");
  const proven = prove(tested, nodes);
  if (!proven.ok) return { outcome: proven.error, inputs };
  const unproven = failedProofs(proven.value, tested, nodes, `, so \`${out}\` is not written`);
  if (unproven !== null) return { outcome: unproven, inputs };
  if (emission !== null) {
    const made = emitted(tested, tested.loaded.info.treeSha256, emission, `, so \`${out}\` is not written`);
    if (!made.ok) return { outcome: made.error, inputs };
    const { plan } = made.value;
    const trouble = await writeFiles(out, emission.target, made.value, inputs.files);
    return { outcome: trouble ?? built(tested, proven.value, out, emissionRows(plan), emissionJson(plan)), inputs };
  }
  if (nexus !== null) {
    const written = await writeNexus(out, tested, nexus, `, so \`${out}\` is not written`);
    return { outcome: written.ok ? built(tested, proven.value, out, written.value.rows, written.value.data) : written.error, inputs };
  }
  if (target === "abi-filter") {
    const written = await writeFilter(out, tested, subject);
    return { outcome: written.ok ? built(tested, proven.value, out, filterRows(written.value)) : written.error, inputs };
  }
  const trouble = target === "c" ? await writeNative(out, tested.module, inputs.files) : await writeModule(out, tested.module, inputs.files);
  return { outcome: trouble ?? built(tested, proven.value, out), inputs };
}

const ENDINGS: Readonly<Partial<Record<Target, string>>> = {
  wasm: ".wasm",
  c: ".native",
  "abi-filter": ".af1",
  "nexus-profile": ".af2",
  "nexus-expose": ".toml",
};

function besides(file: string, target: Target): string {
  const { dir, name } = parse(file);
  return format({ dir, name, ext: ENDINGS[target] ?? emitterOf(target)?.ending ?? "" });
}

function built(tested: Tested, { claims }: Proven, out: string, more: readonly (readonly [string, string])[] = [], data: object = {}): Outcome {
  const {
    stats,
    loaded: { info },
    results,
    policy,
  } = tested;
  const ports = (["tcp", "udp"] as const).flatMap((proto) => {
    const ranges = info.listeners
      .filter((l) => l.proto === proto)
      .flatMap((l) => l.ports)
      .sort((a, b) => a.first - b.first);
    const texts = ranges.map((r) => (r.first === r.last ? `${r.first}` : `${r.first}-${r.last}`));
    return texts.length === 0 ? [] : [`${proto} ${texts.slice(0, 12).join(", ")}${texts.length > 12 ? ", …" : ""}`];
  });
  const allows = info.rules.filter((r) => r.action === "allow").length;
  const listeners = `${info.listeners.length}${ports.length === 0 ? "" : ` (${ports.join("; ")})`}`;
  const n = (x: number): string => grouped(x);
  return {
    class: "ok",
    code: "policy.built",
    message: `built \`${out}\``,
    data: {
      out,
      sha256: info.sha256,
      treeSha256: info.treeSha256,
      bytes: tested.module.length,
      maxSteps: info.maxSteps,
      listeners: info.listeners.length,
      rules: info.rules.length,
      prefixes: stats.prefixes,
      lists: policy.listFiles,
      testLines: results.length,
      claims: claims.length,
      profile: stats.profile,
      memory: memoryJson(stats),
      ...data,
    },
    report: (p) =>
      [
        `${p.good("built")} ${p.bold(out)}`,
        rows([
          ["listeners", listeners],
          ["rules", `${n(info.rules.length)} (${n(allows)} allow, ${n(info.rules.length - allows)} deny)`],
          ["prefixes", n(stats.prefixes)],
          ...listRows(policy.listFiles),
          ["tests", results.length === 0 ? "none written" : `${count(results.length, "line")} of ${count(policy.tests.length, "test")} passed`],
          ...(claims.length === 0 ?
            []
          : [["invariants", `${count(claims.length, "claim")} of ${count(policy.invariants.length, "invariant")} proven`] as const]),
          ["module", `${n(tested.module.length)} bytes`],
          ...memoryRows(stats),
          ["decision", `at most ${count(info.maxSteps, "step")}`],
          ["sha256", info.sha256],
          ...more,
        ]),
      ].join("\n"),
  };
}

/** A list that shrinks to nothing, or grows to its `max`, is seen before it is an error. */
function listRows(lists: readonly ListFile[]): readonly (readonly [string, string])[] {
  const shown = lists.slice(0, MOST_LISTS).map(({ path, entries, min, max }): string => {
    const bounds = min === 0 ? `at most ${grouped(max)}` : `${grouped(min)} to ${grouped(max)}`;
    return `${path}: ${grouped(entries)} of ${bounds}`;
  });
  if (lists.length > MOST_LISTS) shown.push(`… and ${grouped(lists.length - MOST_LISTS)} more, all in \`--json\``);
  return shown.map((text, i) => [i === 0 ? "lists" : "", text] as const);
}

const MOST_LISTS = 20;
