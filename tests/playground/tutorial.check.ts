// docs/tutorial.md as a new user has it: in a fresh clone its commands write the playground, install the programs and pack the extension; the
// page in Chromium, opened from the disk, shows what the tutorial says, step by step; and in an empty folder the installed ingressc prints
// it. Needs npm's registry, as `npm ci` does, and Chromium. SHOTS=FOLDER keeps a picture of each step.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Page } from "playwright-core";
import * as assert from "uvu/assert";
import { openAddress } from "../chromium.ts";
import { folder, PROJECT } from "../cli/programs.ts";
import { edited, runShellSteps, tutorialSteps, type Step } from "../docs/tutorial_steps.ts";
import { stallsAfter, suite } from "../suite.ts";
import { rested, write } from "./browser.ts";

const check = suite("tutorial");
const dir = folder();
const clone = dir.at("clone");
/** Where `npm i -g` installs. */
const installed = dir.at("installed");

function sh(commands: string, cwd: string, env: Readonly<Record<string, string>> = {}): void {
  const { status, stdout, stderr } = spawnSync("sh", ["-ec", commands], { cwd, encoding: "utf8", env: { ...process.env, ...env } });
  assert.is(status, 0, `${commands}${stdout}${stderr}`);
}

check("in a fresh clone its commands run", () => {
  stallsAfter(600_000);
  mkdirSync(clone);
  // The files of this tree, whether or not they are committed.
  sh('tar --exclude=./.git --exclude=node_modules --exclude=./dist --exclude=./docs/playground/index.html -cf - . | tar -xf - -C "$CLONE"', PROJECT, {
    CLONE: clone,
  });
  const commands = tutorialSteps().filter(({ kind }) => kind === "clone");
  assert.is(commands.length, 3);
  for (const { text } of commands) sh(text, clone, { npm_config_prefix: installed, npm_config_ignore_scripts: "true" });
  for (const made of ["docs/playground/index.html", "docs/editors/vscode/ingressd-0.2.0.vsix"]) assert.ok(existsSync(join(clone, made)), made);
});

/** The page's text, each space as one. */
async function shownText(page: Page): Promise<string> {
  return (await page.locator("body").innerText()).replace(/\s+/g, " ");
}

async function shows(page: Page, { text, shown }: Step): Promise<void> {
  const lines = (shown ?? "").split("\n").filter((line) => line !== "");
  for (const line of lines) {
    const has = (await shownText(page)).includes(line);
    assert.ok(has, `after ${text}\n  the page lacks ${line}\n${has ? "" : await shownText(page)}`);
  }
}

check("the page shows what the tutorial says, step by step, and a link of it shows a reviewer the same", async () => {
  stallsAfter(120_000);
  const opened = await openAddress(pathToFileURL(join(clone, "docs/playground/index.html")).href);
  const { page } = opened;
  await rested(page);
  const steps = tutorialSteps().filter(({ kind }) => kind === "paste" || kind === "edit" || kind === "press");
  assert.equal(
    steps.map(({ kind }) => kind),
    ["paste", "edit", "press", "edit", "edit", "press", "edit", "press"],
  );
  let policy = "";
  for (const [i, step] of steps.entries()) {
    const { kind, text } = step;
    if (kind === "press") await page.getByRole("button", { name: text, exact: true }).click();
    else await write(page, (policy = kind === "paste" ? text : edited(policy, text)));
    if (text.startsWith("Apply the fix")) {
      await page.waitForFunction(() => document.getElementById("state")?.textContent?.startsWith("The policy is valid") === true);
      policy = steps[0]?.text ?? "";
    }
    await rested(page);
    await shows(page, step);
    if (process.env["SHOTS"] !== undefined) await page.screenshot({ path: join(process.env["SHOTS"], `tutorial_${i}.png`), fullPage: true });
  }
  assert.match((await page.locator("#matrix svg").textContent()) ?? "", /\+ yes/);
  await page.waitForFunction(() => document.activeElement?.id === "link");
  const link = await page.inputValue("#link");
  assert.ok(link.length < 2_000, `${link.length}`);
  await page.goto("about:blank");
  await page.goto(link);
  await rested(page);
  await shows(page, steps.at(-2) ?? { kind: "edit", text: "", shown: null });
  assert.equal({ ...opened, page: null, address: null }, { page: null, address: null, troubles: [], requested: [], proxied: [] });
});

check("in an empty folder the installed program prints what the page shows", () => {
  stallsAfter(120_000);
  runShellSteps(dir, join(installed, "bin"));
});

check.run();
