// The warnings that a repository wants: `.ingressc.toml` in the folder of a policy or above it, up to the folder of the repository.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { isDiagnosticCode, isWarning } from "../diagnostics/codes.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { readRegular } from "./disk.ts";
import type { Outcome } from "./outcome.ts";
import { decodeText } from "./utf8.ts";

export interface LintConfig {
  readonly ignore: readonly string[];
  readonly denyWarnings: boolean;
  readonly denyExpired: boolean;
}

const LINT_CONFIG = ".ingressc.toml";
const MOST_BYTES = 65_536;
const DEFAULTS: LintConfig = { ignore: [], denyWarnings: false, denyExpired: false };
const KEYS = "`ignore`, `deny_warnings` and `deny_expired`";

/** Of a policy whose root is `folder`, by its absolute path. */
export async function readLintConfig(folder: string): Promise<Result<LintConfig, Outcome>> {
  for (const at of foldersUp(folder)) {
    const path = join(at, LINT_CONFIG);
    const bytes = readRegular(path, MOST_BYTES);
    if (!bytes.ok && bytes.error === "missing") continue;
    const text = bytes.ok ? decodeText(bytes.value) : failed("unreadable" as const);
    if (!text.ok) return failed(refused(path, "can't be read as text", `it is a file of TOML of at most ${MOST_BYTES} bytes that you may read`));
    return decode(path, text.value);
  }
  return ok(DEFAULTS);
}

/** Up to the folder of the repository; where there is none, the folder of the policy alone, because nobody knows who writes those above. */
function foldersUp(folder: string): readonly string[] {
  const folders = [folder];
  for (let at = folder; !existsSync(join(at, ".git"));) {
    const up = dirname(at);
    if (up === at) return [folder];
    folders.push(up);
    at = up;
  }
  return folders;
}

async function decode(path: string, text: string): Promise<Result<LintConfig, Outcome>> {
  const { parse, TomlError } = await import("smol-toml");
  let document: Readonly<Record<string, unknown>>;
  try {
    document = parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    return failed(refused(`${path}:${error.line}:${error.column}`, `is not TOML: ${error.message.split("\n")[0] ?? ""}`, "correct it"));
  }
  const other = Object.keys(document).find((key) => key !== "lint");
  if (other !== undefined) return failed(refused(path, `has the key \`${other}\`, which is unknown`, "it has one table, `[lint]`"));
  const table = document["lint"] ?? {};
  if (!isTable(table)) return failed(refused(path, "has a `lint` that is no table", "write `[lint]`"));
  let config = DEFAULTS;
  for (const [key, value] of Object.entries(table)) {
    const next = withKey(path, config, key, value);
    if (!next.ok) return next;
    config = next.value;
  }
  return ok(config);
}

function withKey(path: string, config: LintConfig, key: string, value: unknown): Result<LintConfig, Outcome> {
  switch (key) {
    case "ignore": {
      if (!isTexts(value)) return failed(refused(path, "has a `lint.ignore` that is no list of codes", 'write `ignore = ["ING827"]`'));
      const wrong = value.find((code) => !isWarningCode(code));
      return wrong === undefined ? ok({ ...config, ignore: value }) : failed(refused(path, `ignores \`${wrong}\`, which is no warning`, WARNINGS));
    }
    case "deny_warnings":
    case "deny_expired":
      if (typeof value !== "boolean") return failed(refused(path, `has a \`lint.${key}\` that is neither true nor false`, `write \`${key} = true\``));
      return ok(key === "deny_warnings" ? { ...config, denyWarnings: value } : { ...config, denyExpired: value });
    default:
      return failed(refused(path, `has the key \`lint.${key}\`, which is unknown`, `the keys of \`[lint]\` are ${KEYS}`));
  }
}

export const WARNINGS = "warnings have the codes ING818 to ING899, as `ingressc check` shows them";

export function isWarningCode(code: string): boolean {
  return isDiagnosticCode(code) && isWarning(code);
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function refused(path: string, what: string, help: string): Outcome {
  return { class: "reject", code: "policy.lint_config", message: `\`${path}\` ${what}`, help };
}
