// FILE -> a compiled module that the host accepts, with the results of the policy's tests in it.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { grouped } from "../../runtime/text/number.ts";
import type { Profile } from "../../runtime/abi/profiles.ts";
import { loadPolicy } from "../../runtime/host/load.ts";
import type { LoadedPolicy } from "../../runtime/host/module.ts";
import { compileFile, type Compiled, type NotCompiled } from "./compiled.ts";
import { count, type Outcome } from "./outcome.ts";
import { SILENT, type Progress } from "./progress.ts";
import { ownEngines, runTests, type LineResult } from "./policy_tests.ts";
import { failuresText, resultsJson } from "./test_report.ts";

export interface Tested extends Compiled {
  readonly loaded: LoadedPolicy;
  readonly results: readonly LineResult[];
}

/** `wanted` picks the tests that run, by name; without it all do. */
export function compileAndTest(
  path: string,
  profile: Profile = "host",
  wanted: (name: string) => boolean = () => true,
  progress: Progress = SILENT,
): Result<Tested, NotCompiled> {
  const made = compileFile(path, profile, progress);
  if (!made.ok) return made;
  const compiled = made.value;
  const { module } = compiled;
  progress.begin("checking the module");
  const loaded = loadPolicy(module);
  if (!loaded.ok) {
    // A module that was just compiled must load: if it doesn't, the compiler is wrong, not the policy.
    const outcome: Outcome = {
      class: "internal",
      code: `policy.${loaded.error.code}`,
      message: `the compiled module does not load: ${loaded.error.message}`,
      help: "this is a defect of ingressc; please report it with the policy",
    };
    return failed({ outcome, inputs: compiled.disk.inputs });
  }
  progress.begin("running the tests");
  const results = runTests(
    compiled.policy.tests.filter(({ name }) => wanted(name)),
    loaded.value,
    () => progress.step(),
    ownEngines(loaded.value),
  );
  return ok({ ...compiled, loaded: loaded.value, results });
}

/** The answer is no; null when every line passed. `consequence` says what did not happen. */
export function failedTests(tested: Tested, consequence: string): Outcome | null {
  const lost = tested.results.filter((r) => !r.passed).length;
  if (lost === 0) return null;
  return {
    class: "no",
    code: "policy.test_failed",
    message: `${grouped(lost)} of ${count(tested.results.length, "test line")} failed${consequence}`,
    report: (p) => `${failuresText(tested.results, tested.loaded.info, tested.disk.root, p)}\n`,
    data: { failed: lost, results: resultsJson(tested.results) },
  };
}
