// The table of docs/fleet.md: every shipped policy for every target, and each clause that a target refuses.
import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { compile } from "../compiler/compile.ts";
import type { Emitter } from "../compiler/emitters/emitter.ts";
import { judged } from "../compiler/emitters/refusals.ts";
import { EMITTERS } from "../compiler/emitters/register.ts";
import type { CheckedPolicy } from "../compiler/policy/policy.ts";
import { positionOf, type SourceReader } from "../compiler/source/source.ts";

const FOLDER = new URL("../policies/", import.meta.url);
/** Beside those of the folder itself. */
const MORE = ["organisation/edge.ingress"];

export function fleetTable(): string {
  const targets = Object.values<Emitter>(EMITTERS);
  const names = [...readdirSync(FOLDER).filter((name) => name.endsWith(".ingress")), ...MORE].sort();
  const heads = ["policy", ...targets.map(({ name }) => `\`${name}\``)];
  const rows = names.map((name) => [`\`${name}\``, ...targets.map((target) => cell(checked(name), target))]);
  return [heads, heads.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

function cell(policy: CheckedPolicy, target: Emitter): string {
  const { refused } = judged(policy, target, { caps: true, limits: true }, false);
  if (refused.length === 0)
    return judged(policy, target, { caps: false, limits: false }, false).refused.length === 0 ? "written" : "written `--without caps,limits`";
  const clauses = refused.map(({ code, data, span }) => {
    const clause = typeof data === "object" && data !== null && "clause" in data ? data.clause : "";
    return `${code} \`${clause}\` (line ${positionOf(span.file, span.start).line})`;
  });
  return `refused: ${[...new Set(clauses)].join(", ")}`.replaceAll("|", "\\|");
}

function checked(name: string): CheckedPolicy {
  const entry = new URL(name, FOLDER);
  const text = (path: string): string => readFileSync(new URL(path, entry), "utf8");
  const reader: SourceReader = {
    read(path) {
      try {
        return { ok: true, value: { path, text: text(path) } };
      } catch {
        return { ok: false, error: "missing" };
      }
    },
  };
  const { policy } = compile({ path: posix.basename(name), text: text(posix.basename(name)) }, reader);
  if (policy === null) throw new Error(`policies/${name} does not compile`);
  return policy;
}
