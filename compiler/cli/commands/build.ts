// ingressc build: FILE -> one .wasm, or what another target asks for, tested before it is written.
import { parse, format, resolve } from "node:path";
import type { Profile } from "../../../runtime/abi/profiles.ts";
import type { Command } from "../command.ts";
import { shownPath } from "../compiled.ts";
import type { Inputs } from "../disk.ts";
import { count, usage, type Outcome } from "../outcome.ts";
import { memoryJson, memoryRows } from "../memory.ts";
import { PROFILE_FLAG, readProfile } from "../profile.ts";
import { FILTER_VERSIONS, filterRows, readSubject, SUBJECT_FLAG, writeFilter } from "../filter_file.ts";
import { writeNative } from "../native_folder.ts";
import type { Progress } from "../progress.ts";
import { readTarget, TARGET_FLAG, type Target } from "../target.ts";
import { compileAndTest, failedTests, isTested, type Tested } from "../tested.ts";
import { rows } from "../terminal.ts";
import { watchInputs } from "../watch.ts";
import { writeModule } from "../write.ts";

export const build = {
  summary: "compile and test a policy, then write its module",
  operands: ["FILE"],
  flags: {
    out: { short: "o", value: "OUT", says: "where it is written (default: FILE with the target's ending)" },
    profile: PROFILE_FLAG,
    target: TARGET_FLAG,
    subject: SUBJECT_FLAG,
    watch: { short: null, value: null, says: "build again after every change, until Ctrl-C" },
  },
  manual: [
    "Nothing is written unless the policy has no error and each of its tests passes in the module",
    "itself. OUT is replaced in one step: a reader sees the old module or the new one.",
    "With `--profile os` the module has one page of memory, and what does not fit there is an error.",
    "With `--target c` OUT is a folder: the engine as C, the same for every policy, and the policy's",
    "data as a file beside it. It needs the npm package wabt; docs/os.md has the host for it.",
    "With `--target abi-filter` or `abi-filter-v2` OUT is what SERVICE may bind, for an OS that asks",
    "a filter and no engine; what the version has no words for is refused. docs/abi-filter-v2.md.",
    "With --watch, an error leaves the last good module in its place.",
    "",
    "  ingressc build policies/demo.ingress",
    "  ingressc build policies/demo.ingress -o /etc/ingress/demo.wasm --watch",
    "  ingressc build policies/demo.ingress --profile os --target c -o native",
    "  ingressc build policies/demo.ingress --target abi-filter -o ingressd.af1",
  ].join("\n"),
  async run(args, { stop, show, progress }) {
    const file = args.operands[0] ?? "";
    const profile = readProfile(args);
    if (typeof profile !== "string") return profile;
    const target = readTarget(args, profile);
    if (typeof target !== "string") return target;
    const subject = readSubject(args, target);
    if (typeof subject !== "string") return subject;
    const out = args.flags.get("out") ?? besides(file, target);
    if (resolve(out) === resolve(file)) {
      return usage("output_is_input", `\`${out}\` is the policy itself`, "give `-o` another path");
    }
    const request = { file, out, profile, target, subject };
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
  },
} as const satisfies Command;

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
}

async function buildOnce({ file, out, profile, target, subject }: Request, progress: Progress): Promise<{ outcome: Outcome; inputs: Inputs }> {
  const tested = compileAndTest(file, profile, undefined, progress);
  if (!isTested(tested)) return tested;
  const { inputs } = tested.disk;
  const failed = failedTests(tested, `, so \`${out}\` is not written`);
  if (failed !== null) return { outcome: failed, inputs };
  const version = FILTER_VERSIONS[target];
  if (version !== undefined) {
    const written = await writeFilter(out, tested, subject, version);
    return { outcome: "outcome" in written ? written.outcome : built(tested, out, filterRows(written)), inputs };
  }
  const trouble = target === "c" ? await writeNative(out, tested.module, inputs.files) : await writeModule(out, tested.module, inputs.files);
  return { outcome: trouble ?? built(tested, out), inputs };
}

const ENDINGS = { wasm: ".wasm", c: ".native", "abi-filter": ".af1", "abi-filter-v2": ".af2" } as const satisfies Record<Target, string>;

function besides(file: string, target: Target): string {
  const { dir, name } = parse(file);
  return format({ dir, name, ext: ENDINGS[target] });
}

function built(tested: Tested, out: string, more: readonly (readonly [string, string])[] = []): Outcome {
  const { stats, loaded: { info }, results, policy } = tested;
  const ranges = info.listeners.flatMap((l) => l.ports).sort((a, b) => a.first - b.first);
  const ports = ranges.map((r) => (r.first === r.last ? `${r.first}` : `${r.first}-${r.last}`));
  const allows = info.rules.filter((r) => r.action === "allow").length;
  const listeners = `${info.listeners.length}${ports.length === 0 ? "" : ` (tcp ${ports.slice(0, 12).join(", ")}${ports.length > 12 ? ", …" : ""})`}`;
  const n = (x: number): string => x.toLocaleString("en-US");
  return {
    class: "ok",
    code: "policy.built",
    message: `built \`${out}\``,
    data: {
      out, sha256: info.sha256, treeSha256: info.treeSha256, bytes: tested.module.length, maxSteps: info.maxSteps,
      listeners: info.listeners.length, rules: info.rules.length, prefixes: stats.prefixes, testLines: results.length,
      profile: stats.profile, memory: memoryJson(stats),
    },
    report: (p) => [
      `${p.good("built")} ${p.bold(out)}`,
      rows([
        ["listeners", listeners],
        ["rules", `${n(info.rules.length)} (${n(allows)} allow, ${n(info.rules.length - allows)} deny)`],
        ["prefixes", n(stats.prefixes)],
        ["tests", results.length === 0 ? "none written" : `${count(results.length, "line")} of ${count(policy.tests.length, "test")} passed`],
        ["module", `${n(tested.module.length)} bytes`],
        ...memoryRows(stats),
        ["decision", `at most ${count(info.maxSteps, "step")}`],
        ["sha256", info.sha256],
        ...more,
      ]),
    ].join("\n"),
  };
}
