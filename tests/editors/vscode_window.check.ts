// The extension in VS Code itself, with this checkout's `ingressc`, as a user sees it and by the keys of a user.
import { chmodSync, existsSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Locator, Page } from "playwright-core";
import * as assert from "uvu/assert";
import { PROJECT } from "../package/packed.ts";
import { ownFolder, suite } from "../suite.ts";
import { installedVsCode, openWindow, type Scene, type Window } from "./vscode_server.ts";
import { packExtension } from "./vsix.ts";

const test = suite("VS Code");
const vsix = join(ownFolder("ingressd-vsix-"), "ingressd.vsix");

let vscode: string | null = null;

/** Both are made at the first test, so that it has their errors. */
function opened(scene: Scene): Promise<Window> {
  if (vscode === null) packExtension(vsix);
  return openWindow((vscode ??= installedVsCode()), vsix, scene);
}

/** A folder with this checkout's program, or one that a script is. */
function programs(script?: string): string {
  const folder = ownFolder("ingressd-bin-");
  const file = join(folder, "ingressc");
  if (script === undefined) symlinkSync(join(PROJECT, "compiler/cli/ingressc.mjs"), file);
  else {
    writeFileSync(file, script);
    chmodSync(file, 0o755);
  }
  return folder;
}

const GOOD = `edition 1

net office = 198.51.100.0/24

# The web server.
expose web on tcp 443 {
  backend 127.0.0.1:8080
  allow from office
}

test "office" {
  from 198.51.100.7 to tcp 443 => allow
}
`;
const READY = "run test (1 passed)";

const lens = (page: Page): Locator => page.locator(".codelens-decoration a");
const toasts = (page: Page): Locator => page.locator(".notification-toast .notification-list-item-message");

async function shows(place: Locator, text: string): Promise<void> {
  await place.filter({ hasText: text }).first().waitFor();
}

/** Puts the cursor before a character, both from 1. */
async function go(page: Page, line: number, column: number): Promise<void> {
  await page.locator(".monaco-editor .view-lines").first().click();
  await page.keyboard.press("Control+g");
  const input = page.locator(".quick-input-widget input");
  await input.waitFor();
  await input.fill(`:${line}:${column}`);
  await page.keyboard.press("Enter");
  await shows(page.locator(".statusbar-item"), `Ln ${line}, Col ${column}`);
}

async function command(page: Page, name: string): Promise<void> {
  await page.keyboard.press("F1");
  const input = page.locator(".quick-input-widget input");
  await input.waitFor();
  await input.fill(`>${name}`);
  await page.locator(".quick-input-list .monaco-list-row").filter({ hasText: name }).first().waitFor();
  await page.keyboard.press("Enter");
}

/** Looks at the disk until it is as the test wants it; the test then compares it. */
async function until(page: Page, isReady: () => boolean): Promise<void> {
  for (let tries = 0; tries < 600 && !isReady(); tries++) await page.waitForTimeout(100);
}

const textOf = (file: string): string => (existsSync(file) ? readFileSync(file, "utf8") : "");

/** The text on the disk, after it is saved and has changed. */
async function saved(page: Page, file: string, isReady: (text: string) => boolean): Promise<string> {
  for (let tries = 0; tries < 600 && !isReady(textOf(file)); tries++) {
    await page.keyboard.press("Control+s");
    await page.waitForTimeout(100);
  }
  return textOf(file);
}

/** The colours of pieces of the text, when it is cut into them. */
async function colours(page: Page, pieces: readonly string[]): Promise<readonly unknown[]> {
  const look = `(() => {
    const all = [...document.querySelectorAll(".monaco-editor .view-line span > span")];
    const of = new Map(all.map((piece) => [piece.textContent.replaceAll("\\u00a0", " ").trim(), getComputedStyle(piece).color]));
    const pieces = ${JSON.stringify(pieces)};
    return pieces.every((piece) => of.has(piece)) && pieces.map((piece) => of.get(piece));
  })()`;
  return (await page.waitForFunction(look)).jsonValue() as Promise<readonly unknown[]>;
}

test("colours, findings, hover, completion, quick fix, rename, format and the lens of a test", async () => {
  const text = GOOD.replace("  allow from office", "  alow from office");
  const { page, at } = await opened({ files: { "web.ingress": text }, file: "web.ingress", path: [programs()] });
  const file = at("open/web.ingress");

  await shows(page.locator(".statusbar-item"), "Ingress policy");
  const kinds = await colours(page, ["# The web server.", '"office"', "expose", "443", "web", "198.51.100.0/24", "="]);
  assert.is(new Set(kinds.slice(0, 5)).size, 5, String(kinds));
  // An address is no plain text.
  assert.is.not(kinds[5], kinds[6]);

  await page.locator(".squiggly-error").first().waitFor();
  await go(page, 8, 4);
  await command(page, "Show or Focus Hover");
  // The help is a line of its own.
  await shows(page.locator(".monaco-hover"), "`alow` is not a clause of an expose");
  assert.match(await page.locator(".monaco-hover .marker").first().innerText(), /an expose\nhelp: /);
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+.");
  await shows(page.locator(".action-widget"), "write `allow`");
  await page.keyboard.press("Enter");
  assert.is(await saved(page, file, (now) => now.includes("  allow from")), GOOD);
  await shows(lens(page), READY);
  assert.is(await page.locator(".squiggly-error").count(), 0);

  await lens(page).click();
  await shows(toasts(page), '"office": 1 line passed');

  await go(page, 3, 6);
  await command(page, "Show or Focus Hover");
  await shows(page.locator(".monaco-hover"), "256 addresses");
  await page.keyboard.press("Escape");
  await page.keyboard.press("F2");
  const box = page.locator(".rename-box input");
  await box.fill("hq");
  await box.press("Enter");
  const renamed = GOOD.replace("net office", "net hq").replace("from office", "from hq");
  assert.is(await saved(page, file, (now) => now.includes("from hq")), renamed);

  await go(page, 14, 1);
  await page.keyboard.type("por");
  await shows(page.locator(".suggest-widget .monaco-list-row"), "ports");
  await page.keyboard.press("Escape");
  await page.keyboard.type("ts  https   =   443");
  await page.keyboard.press("Escape");
  await command(page, "Format Document");
  assert.is(await saved(page, file, (now) => now.includes("ports https = 443\n")), `${renamed}\nports https = 443\n`);

  // A text that is in no file yet.
  assert.is(await page.locator(".squiggly-error").count(), 0);
  await command(page, "New Untitled Text File");
  await command(page, "Change Language Mode");
  const language = page.locator(".quick-input-widget input");
  await language.fill("Ingress policy");
  await shows(page.locator(".quick-input-list .monaco-list-row"), "Ingress policy");
  await language.press("Enter");
  await shows(page.locator(".statusbar-item"), "Ingress policy");
  await page.keyboard.type("edition 1 nett");
  await page.locator(".squiggly-error").first().waitFor();
});

test("without `ingressc` it says what to do, and starts it when it is there", async () => {
  const folder = ownFolder("ingressd-bin-");
  const { page } = await opened({ files: { "web.ingress": GOOD }, file: "web.ingress", path: [folder] });
  await shows(toasts(page), "`ingressc` is not in PATH. Install ingressd, or set ingressd.server.path to the absolute path of ingressc.");
  const [keyword, address] = await colours(page, ["expose", "198.51.100.0/24"]);
  assert.is.not(keyword, address);
  assert.is(await lens(page).count(), 0);
  symlinkSync(join(PROJECT, "compiler/cli/ingressc.mjs"), join(folder, "ingressc"));
  await page.getByRole("button", { name: "Try again" }).click();
  await shows(lens(page), READY);
});

test("an `ingressc` without lsp has one message, and the setting names another one", async () => {
  const old = programs("#!/bin/sh\necho 'ingressc: unknown command `lsp`' >&2\nexit 2\n");
  const { page, at } = await opened({ files: { "web.ingress": GOOD }, file: "web.ingress", path: [old] });
  await shows(toasts(page), `\`${old}/ingressc lsp\` ended with exit code 2 and said "ingressc: unknown command \`lsp\`". Update ingressd`);
  assert.is(await toasts(page).count(), 1);
  await page.getByRole("button", { name: "Open settings" }).click();
  await page.locator('.settings-editor input[aria-label="ingressd.server.path"]').fill(join(programs(), "ingressc"));
  // It is written after a rest of the keys.
  await until(page, () => textOf(at("server/data/Machine/settings.json")).endsWith("}"));
  await page.keyboard.press("Escape");
  await shows(lens(page), READY);
  assert.is(await toasts(page).count(), 0);
});

test("a folder that is not trusted names no program, and neither is one of its own started", async () => {
  const ran = join(ownFolder("ingressd-ran-"), "ran");
  const script = `#!/bin/sh\necho "$0 $*" >>'${ran}'\nexec ${join(PROJECT, "compiler/cli/ingressc.mjs")} "$@"\n`;
  const own = join(programs(script), "ingressc");
  const files = { "web.ingress": GOOD, ".vscode/settings.json": JSON.stringify({ "ingressd.server.path": own }), ingressc: script, node: script };
  const scene = { files, file: "web.ingress", path: [".", "", programs()], trust: true };
  const { page, at } = await opened(scene);
  for (const name of ["ingressc", "node"]) chmodSync(at(`open/${name}`), 0o755);
  await shows(page.locator(".statusbar-item"), "Restricted Mode");
  await shows(lens(page), READY);
  assert.not(existsSync(ran));

  await command(page, "Workspaces: Manage Workspace Trust");
  await page.locator(".workspace-trust-editor").getByRole("button", { name: "Trust", exact: true }).first().click();
  const started = `${own} lsp\n`;
  await until(page, () => textOf(ran).includes(started));
  assert.match(textOf(ran), started);
});

test.run();
