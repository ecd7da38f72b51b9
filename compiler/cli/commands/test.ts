// ingressc test: runs a policy's tests in the module that `build` would write.
import type { Profile } from "../../../runtime/abi/profiles.ts";
import type { Arguments } from "../../../runtime/shell/command_line.ts";
import { resolve } from "node:path";
import type { Surroundings } from "../command.ts";
import { coverageOf } from "../coverage.ts";
import { coverageJson, coverageText, lcovText } from "../coverage_report.ts";
import { isFolder } from "../disk.ts";
import { count, usage, type Outcome } from "../outcome.ts";
import { failed, ok, type Result } from "../../../runtime/result/result.ts";
import { nearest } from "../../../runtime/text/nearest.ts";
import { readProfile } from "../profile.ts";
import type { Progress } from "../progress.ts";
import { isStandardInput } from "../standard_input.ts";
import { quote } from "../../diagnostics/quote.ts";
import { junitText, tapText } from "../test_documents.ts";
import { compileAndTest, failedTests, type Tested } from "../tested.ts";
import { resultsJson } from "../test_report.ts";
import { writeModule } from "../write.ts";

/** Flags that name a file, with what is written into it. */
const DOCUMENTS = {
  tap: ({ results, loaded, disk }: Tested) => tapText(results, loaded.info, disk.root),
  junit: ({ results, loaded, disk }: Tested) => junitText(results, loaded.info, disk.root),
  lcov: (tested: Tested) => lcovText(coverage(tested), tested.disk.root),
} as const satisfies Record<string, (tested: Tested) => string>;

interface Wanted {
  readonly flag: string;
  readonly file: string;
  readonly text: (tested: Tested) => string;
}

export async function run(args: Arguments, { show, progress }: Surroundings): Promise<Outcome> {
  const file = args.operands[0] ?? "";
  const wanted = Object.entries(DOCUMENTS).flatMap(([flag, text]): Wanted[] => {
    const out = args.flags.get(flag);
    return out === undefined ? [] : [{ flag: `--${flag}`, file: out, text }];
  });
  const named = readProfile(args);
  if (!named.ok) return named.error;
  const profile = named.value;
  const least = readLeast(args);
  if (!least.ok) return least.error;
  const clash = clashOf(wanted, args.flags.has("json"));
  if (clash !== null) return clash;
  const testing = { args, profile, least: least.value, wanted, progress };
  if (isStandardInput(file) || !isFolder(file)) return one(file, testing, show);
  const [flag] = [...wanted.map((document) => document.flag), ...(args.flags.has("filter") ? ["--filter"] : [])];
  if (flag !== undefined) return usage("one_policy", `\`${flag}\` is about one policy, and \`${file}\` is a folder`, "name a policy");
  const { checkFolder, TESTED } = await import("../check_folder.ts");
  return checkFolder(file, TESTED, async (path) => one(path, testing, show));
}

interface Testing {
  readonly args: Arguments;
  readonly profile: Profile;
  /** Percent that has to be covered. */
  readonly least: number | null;
  readonly wanted: readonly Wanted[];
  readonly progress: Progress;
}

async function one(file: string, { args, profile, least, wanted, progress }: Testing, show: Surroundings["show"]): Promise<Outcome> {
  const filter = args.flags.get("filter")?.toLowerCase() ?? null;
  const picked = (name: string): boolean => filter === null || name.toLowerCase().includes(filter);
  const compiled = compileAndTest(file, profile, picked, progress);
  if (!compiled.ok) return compiled.error.outcome;
  const tested = compiled.value;
  const names = tested.policy.tests.map(({ name }) => name);
  if (filter !== null && !names.some(picked)) return noSuchTest(args.flags.get("filter") ?? "", names);
  const outcome = withCoverage(
    failedTests(tested, "") ?? noTests(file, tested, args.flags.has("require-tests"), least) ?? lowCoverage(tested, least) ?? passed(tested, picked),
    tested,
    args.flags.has("coverage") || least !== null,
  );
  for (const document of wanted) {
    if (document.file === "-") continue;
    const trouble = await writeModule(document.file, Buffer.from(document.text(tested)), tested.disk.inputs.files, document.flag);
    if (trouble === null) continue;
    show(outcome);
    return trouble;
  }
  const printed = wanted.find((document) => document.file === "-");
  return printed === undefined ? outcome : { ...outcome, report: () => printed.text(tested), document: true };
}

/** Null where a line was evaluated. */
function noTests(file: string, { results }: Tested, required: boolean, least: number | null): Outcome | null {
  // Without a test too little is covered, which is said instead.
  if (results.length > 0 || (!required && least !== null)) return null;
  const data = { failed: 0, leftOut: 0, results: [] };
  if (!required)
    return {
      class: "ok",
      code: "policy.no_tests",
      message: `\`${file}\` is valid and has no tests`,
      data,
      report: () => `\`${file}\` is valid and has no tests`,
    };
  return {
    class: "no",
    code: "policy.no_tests",
    message: `\`${file}\` has no tests, and \`--require-tests\` wants some`,
    help: 'a test is `test "who may come" { from 198.51.100.7 to web => allow }`',
    data,
  };
}

function passed({ policy, results }: Tested, picked: (name: string) => boolean): Outcome {
  const ran = policy.tests.filter(({ name }) => picked(name));
  const left = policy.tests.length - ran.length;
  const message = `${count(results.length, "test line")} of ${count(ran.length, "test")} passed${left === 0 ? "" : `, ${count(left, "test")} left out`}`;
  return {
    class: "ok",
    code: "policy.tests_passed",
    message,
    data: { failed: 0, leftOut: left, results: resultsJson(results) },
    report: (p) => [...ran.map((t) => `${p.good("ok")} ${JSON.stringify(t.name)} ${p.dim(count(t.lines.length, "line"))}`), message].join("\n"),
  };
}

function withCoverage(outcome: Outcome, tested: Tested, wanted: boolean): Outcome {
  if (!wanted) return outcome;
  const found = coverage(tested);
  const { data, report } = outcome;
  return {
    ...outcome,
    data: { ...(typeof data === "object" ? data : {}), coverage: coverageJson(found) },
    report: (p) => `${(report?.(p) ?? outcome.message).trimEnd()}\n\n${coverageText(found, tested.disk.root, p)}${outcome.class === "ok" ? "" : "\n"}`,
  };
}

/** Null: no share is required. */
function readLeast({ flags }: Arguments): Result<number | null, Outcome> {
  const word = flags.get("min-coverage");
  if (word === undefined) return ok(null);
  const least = /^[1-9][0-9]{0,2}$/.test(word) ? Number(word) : 0;
  if (least < 1 || least > 100) return failed(usage("min_coverage", `\`${word}\` is no percentage`, "write a whole number from 1 to 100"));
  if (flags.has("filter")) return failed(usage("min_coverage", "tests that `--filter` excludes cover nothing", "omit `--filter` or `--min-coverage`"));
  return ok(least);
}

/** Null where enough is covered. A policy without rules and sets has nothing to cover. */
function lowCoverage(tested: Tested, least: number | null): Outcome | null {
  if (least === null) return null;
  const { rules, members } = coverage(tested);
  const [covered, whole] = [rules.filter(({ decides }) => decides > 0).length + members.filter(({ met }) => met > 0).length, rules.length + members.length];
  if (100 * covered >= least * whole) return null;
  const share = Math.floor((100 * covered) / whole);
  return {
    class: "no",
    code: "policy.low_coverage",
    message: `the tests cover ${share}% of the rules and members of sets (${covered} of ${whole}), and \`--min-coverage\` wants ${least}%`,
    help: "add test lines that the rules below decide, and that meet the members",
    data: { failed: 0, leftOut: 0, results: resultsJson(tested.results), covered, coverable: whole },
  };
}

function coverage({ policy, module, loaded, results }: Tested): ReturnType<typeof coverageOf> {
  return coverageOf(policy, module, loaded, results);
}

/** Two documents can't be written to one place. */
function clashOf(wanted: readonly Wanted[], json: boolean): Outcome | null {
  if (json && wanted.some(({ file }) => file === "-")) {
    return usage("output_twice", "`--json` takes standard output, and so does `-`", "name a file instead of `-`");
  }
  const places = wanted.map(({ file }) => (file === "-" ? "-" : resolve(file)));
  const second = wanted.find((_, i) => places.indexOf(places[i] ?? "") !== i);
  if (second === undefined) return null;
  return usage(
    "output_twice",
    `two documents would be written to ${second.file === "-" ? "standard output" : `\`${second.file}\``}`,
    `give \`${second.flag}\` another place`,
  );
}

function noSuchTest(text: string, names: readonly string[]): Outcome {
  const near = nearest(text, names);
  const some = names
    .slice(0, 8)
    .map((name) => JSON.stringify(name))
    .join(", ");
  const known = names.length === 0 ? "the policy has no tests" : `its tests are ${some}${names.length > 8 ? ", …" : ""}`;
  return usage("no_such_test", `no test has ${quote(text)} in its name`, near === null ? known : `did you mean ${JSON.stringify(near)}? ${known}`);
}
