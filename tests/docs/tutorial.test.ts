// docs/tutorial.md, block by block in a folder of its own: what the page shows below a block is what it prints. Its picture, and the
// terminal of README, are made here (UPDATE=1 writes them).
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { folder, INGRESSC } from "../cli/programs.ts";
import { suite } from "../suite.ts";
import { terminalPicture } from "./terminal_picture.ts";

const test = suite("tutorial");
const DOCS = fileURLToPath(new URL("../../docs/", import.meta.url));
const page = readFileSync(join(DOCS, "tutorial.md"), "utf8");

/** The commands in the terminal of README: all tests pass, and the difference says what they don't. */
const TEST = "npx ingressc test edge.ingress";
const DIFF = "npx ingressc diff --git HEAD edge.ingress";

interface Step {
  readonly commands: string;
  /** The output below them on the page; null: none. */
  readonly shown: string | null;
}

const steps: Step[] = [];
for (const [, language = "", text = ""] of page.matchAll(/^```(\w*)\n([^]*?)^```$/gm)) {
  const last = steps.at(-1);
  if (language === "sh") steps.push({ commands: text, shown: null });
  else if (last !== undefined) steps[steps.length - 1] = { ...last, shown: (last.shown ?? "") + text };
}

test("every block runs, and prints what the page shows below it", () => {
  const dir = folder();
  const bin = dir.at("bin");
  mkdirSync(bin);
  const quoted = [process.execPath, ...INGRESSC].map((word) => `'${word}'`).join(" ");
  writeFileSync(join(bin, "npx"), `#!/bin/sh\nshift\nexec ${quoted} "$@"\n`);
  chmodSync(join(bin, "npx"), 0o755);
  mkdirSync(dir.at("work"));
  dir.write("gitconfig", "[user]\n  name = a\n  email = a@x.example\n[init]\n  defaultBranch = main\n");
  const MARK = "=== the next step ===\n";
  const { stdout, status } = spawnSync(
    "sh",
    ["-c", `exec 2>&1\n${steps.map(({ commands }) => `${commands}printf '${MARK.replace("\n", "\\n")}'`).join("\n")}`],
    {
      cwd: dir.at("work"),
      encoding: "utf8",
      env: {
        ...process.env,
        PATH: `${bin}:${process.env["PATH"] ?? ""}`,
        NO_COLOR: "1",
        GIT_CONFIG_GLOBAL: dir.at("gitconfig"),
        GIT_CONFIG_SYSTEM: "/dev/null",
      },
    },
  );
  assert.is(status, 0, stdout);
  const printed = stdout.split(MARK).slice(0, -1);
  assert.is(printed.length, steps.length, stdout);
  for (const [i, { commands, shown }] of steps.entries()) assert.is(printed[i], shown ?? "", commands);
  assert.ok(steps.length > 8 && steps.filter(({ shown }) => shown !== null).length > 8);
  const shownBelow = (command: string): readonly [string, string] => {
    const step = steps.find(({ commands, shown }) => commands.split("\n").includes(command) && shown?.startsWith("FAIL") !== true);
    return [command, (step?.shown ?? "").replace(/^exit code \d\n/m, "")];
  };
  for (const [name, picture] of [
    ["tutorial_change.svg", readFileSync(dir.at("work/change.svg"), "utf8")],
    ["terminal.svg", terminalPicture("What a change of a policy opens", [TEST, DIFF].map(shownBelow))],
  ] as const) {
    if (process.env["UPDATE"] === "1") writeFileSync(join(DOCS, "pictures", name), picture);
    assert.is(picture, readFileSync(join(DOCS, "pictures", name), "utf8"), name);
  }
});

test.run();
