// docs/tutorial.md as steps, in its order: what a reader pastes, changes and presses in the playground, and what a shell runs, each with
// what the page shows below it.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import type { Folder } from "../cli/programs.ts";

export const DOCS = fileURLToPath(new URL("../../docs/", import.meta.url));

export type StepKind =
  /** A policy that replaces the editor's. */
  | "paste"
  /** Lines of a diff, to be made in the editor. */
  | "edit"
  /** A button. */
  | "press"
  /** Commands in the clone. */
  | "clone"
  /** Commands in the reader's folder. */
  | "shell";

export interface Step {
  readonly kind: StepKind;
  readonly text: string;
  /** The output below it; null: none. */
  readonly shown: string | null;
}

/** The first line of commands in the clone. */
const IN_CLONE = "# in the clone\n";

function kindOf(language: string, text: string): StepKind | null {
  if (language === "sh") return text.startsWith(IN_CLONE) ? "clone" : "shell";
  return (
    language === "ingress" ? "paste"
    : language === "diff" ? "edit"
    : null
  );
}

export function tutorialSteps(): readonly Step[] {
  const page = readFileSync(`${DOCS}tutorial.md`, "utf8");
  const steps: Step[] = [];
  for (const [, language = "", text = "", button] of page.matchAll(/^```(\w*)\n([^]*?)^```$|\*\*([^*]+)\*\*/gm)) {
    const kind = button === undefined ? kindOf(language, text) : "press";
    const last = steps.at(-1);
    if (kind !== null) steps.push({ kind, text: button ?? text, shown: null });
    else if (last !== undefined) steps[steps.length - 1] = { ...last, shown: (last.shown ?? "") + text };
  }
  return steps;
}

/** A policy with the lines of a diff changed: each `-` line occurs once, and the `+` lines take its place. */
export function edited(policy: string, diff: string): string {
  const lines = (sign: string): string =>
    diff
      .split("\n")
      .filter((line) => line.startsWith(sign))
      .map((line) => `${line.slice(1)}\n`)
      .join("");
  const [removed, added] = [lines("-"), lines("+")];
  if (removed === "" || policy.split(removed).length !== 2) throw new Error(`the lines occur once in no policy:\n${diff}`);
  return policy.replace(removed, () => added);
}

const MARK = "=== the next step ===";

/** Runs the commands of the reader's folder, in `work` below `dir`; `bin` is first in PATH. Each prints what the page shows. */
export function runShellSteps(dir: Folder, bin: string): readonly Step[] {
  const steps = tutorialSteps().filter(({ kind }) => kind === "shell");
  dir.write("work/.gitkeep", "");
  dir.write("gitconfig", "[user]\n  name = a\n  email = a@x.example\n[init]\n  defaultBranch = main\n");
  const { stdout, status } = spawnSync("sh", ["-c", `rm .gitkeep; exec 2>&1\n${steps.map(({ text }) => `${text}echo '${MARK}'`).join("\n")}`], {
    cwd: dir.at("work"),
    encoding: "utf8",
    env: { ...process.env, PATH: `${bin}:${process.env["PATH"] ?? ""}`, NO_COLOR: "1", GIT_CONFIG_GLOBAL: dir.at("gitconfig"), GIT_CONFIG_SYSTEM: "/dev/null" },
  });
  assert.is(status, 0, stdout);
  const printed = stdout.split(`${MARK}\n`).slice(0, -1);
  assert.is(printed.length, steps.length, stdout);
  for (const [i, { text, shown }] of steps.entries()) assert.is(printed[i], shown ?? "", text);
  return steps;
}
