// The flags of `ingressc check` that are about warnings.
import { readTime } from "../check/names/times.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type { Arguments } from "../../runtime/shell/command_line.ts";
import { readNodes } from "./analysis/nodes.ts";
import { isWarningCode, WARNINGS } from "./lint_config.ts";
import { usage, type Outcome } from "./outcome.ts";

export interface LintFlags {
  readonly ignore: readonly string[];
  readonly denyWarnings: boolean;
  readonly denyExpired: boolean;
  readonly nodes: number;
  /** UTC seconds: the date for what depends on it. */
  readonly wallSeconds: number;
}

/** `now`: UTC seconds. */
export function readLintFlags(args: Arguments, now: number): Result<LintFlags, Outcome> {
  const nodes = readNodes(args);
  if (!nodes.ok) return nodes;
  const ignore = args.lists.get("ignore") ?? [];
  const wrong = ignore.find((code) => !isWarningCode(code));
  if (wrong !== undefined) return failed(usage("ignore", `\`${wrong}\` is not the code of a warning`, WARNINGS));
  const at = args.flags.get("at");
  const time = at === undefined ? ok(now) : readTime(at);
  if (!time.ok) return failed(usage("time", `\`--at\`: ${time.error.message}`, "write a time in UTC, such as `--at 2027-03-01T00:00Z`"));
  const [denyWarnings, denyExpired] = [args.flags.has("deny-warnings"), args.flags.has("deny-expired")];
  return ok({ ignore, denyWarnings, denyExpired, nodes: nodes.value, wallSeconds: time.value });
}
