// The policy or module that a command queries, ready to run.
import { loadPolicy } from "../../../runtime/host/load.ts";
import type { LoadedPolicy } from "../../../runtime/host/module.ts";
import { failed, ok, type Result } from "../../../runtime/result/result.ts";
import { compileFile } from "../compiled.ts";
import { beginModule, looksLikeModule, readModule, refusedModule } from "../modules.ts";
import type { Outcome } from "../outcome.ts";
import type { Progress } from "../progress.ts";

export function readPolicyToRun(path: string, progress: Progress): Result<LoadedPolicy, Outcome> {
  const bytes = readModule(path);
  if (path.endsWith(".wasm") || (bytes.ok && looksLikeModule(bytes.value))) {
    if (!bytes.ok) return bytes;
    beginModule(progress, bytes.value);
    const loaded = loadPolicy(bytes.value);
    return loaded.ok ? ok(loaded.value) : failed(refusedModule(path, loaded.error));
  }
  const compiled = compileFile(path, "host", progress);
  if (!compiled.ok) return failed(compiled.error.outcome);
  // The module is made as it is read.
  const { module } = compiled.value;
  progress.begin("checking the module");
  const loaded = loadPolicy(module);
  if (loaded.ok) return ok(loaded.value);
  return failed({ class: "internal", code: `policy.${loaded.error.code}`, message: `the compiled module does not load: ${loaded.error.message}` });
}
