// The server of VS Code, from npm's package code-server, which has the workbench, the extension host and the built-in extensions in
// it; Debian's Chromium shows the window. It needs Node 22.15 or later. Of the package the part that is VS Code runs alone.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium, type Page } from "playwright-core";
import { must } from "../package/packed.ts";
import { atEnd, ownFolder, stallsAfter } from "../suite.ts";

const CACHE = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "ingressd-ci");
const VERSION = "4.139.1";
const HASH = "sha512-fUYvJVdz4ZoVJfakGiGWXFMpF8K1ObsrpGvX17ZxNpKOzdNHs7lANT670JTr4ZhA8DnWqyvvmFG/d3HV9Yy6ew==";
const NEEDS = fileURLToPath(new URL("tools/vscode/", import.meta.url));
const NEEDED = ["package.json", "package-lock.json", ".npmrc"] as const;

/** The folder of VS Code in the cache, where it is downloaded to if it isn't there. Throws if it can't be had. */
export function installedVsCode(): string {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < 22 || (major === 22 && minor < 15)) throw new Error(`the server of VS Code needs Node 22.15 or later, and this is ${process.version}`);
  const lock = createHash("sha256")
    .update(readFileSync(join(NEEDS, "package-lock.json")))
    .digest("hex");
  const home = join(CACHE, `code-server-${VERSION}-${lock.slice(0, 12)}`);
  if (!existsSync(home)) download(home);
  return join(home, "package/lib/vscode");
}

function download(home: string): void {
  mkdirSync(CACHE, { recursive: true });
  const next = mkdtempSync(join(CACHE, ".next-"));
  try {
    const tarball = join(next, must("npm", ["pack", "--silent", `code-server@${VERSION}`], { cwd: next }).trim());
    const hash = `sha512-${createHash("sha512").update(readFileSync(tarball)).digest("base64")}`;
    if (hash !== HASH) throw new Error(`code-server@${VERSION} is not the file that is pinned`);
    must("tar", ["-xzf", tarball, "-C", next, "package/lib/vscode", "package/LICENSE"]);
    rmSync(tarball);
    const needs = join(next, "needs");
    mkdirSync(needs);
    for (const name of NEEDED) copyFileSync(join(NEEDS, name), join(needs, name));
    must("npm", ["ci", "--ignore-scripts"], { cwd: needs });
    renameSync(join(needs, "node_modules"), join(next, "package/lib/vscode/node_modules"));
    renameSync(next, home);
  } finally {
    rmSync(next, { recursive: true, force: true });
  }
}

export interface Scene {
  /** The folder that is open: its files by their names. */
  readonly files: Readonly<Record<string, string>>;
  /** Shown first. */
  readonly file: string;
  /** Of PATH in the user's shell; VS Code has its PATH from there. `$HOME` is a folder of the scene. */
  readonly path: readonly string[];
  /** Whether the user trusts folders one by one; else each one is trusted. */
  readonly trust?: boolean;
}

export interface Window {
  readonly page: Page;
  /** The path of a file of the open folder, or of another place below the scene's own folder. */
  readonly at: (path: string) => string;
}

const QUIET = {
  "workbench.startupEditor": "none",
  "chat.disableAIFeatures": true,
  "security.workspace.trust.startupPrompt": "never",
  "telemetry.telemetryLevel": "off",
  "workbench.colorTheme": "Default Light Modern",
};

/** VS Code with an extension and a folder in it. Both programs end with the test. */
export async function openWindow(vscode: string, vsix: string, scene: Scene): Promise<Window> {
  stallsAfter(120_000);
  const root = ownFolder("vscode-");
  const at = (path: string): string => join(root, path);
  for (const folder of ["home", "server/data/User", "open", "tmp"]) mkdirSync(at(folder), { recursive: true });
  for (const [name, text] of Object.entries(scene.files)) {
    mkdirSync(dirname(at(`open/${name}`)), { recursive: true });
    writeFileSync(at(`open/${name}`), text);
  }
  const path = [...scene.path.map((folder) => folder.replace("$HOME", at("home"))), dirname(process.execPath), "/usr/bin", "/bin"];
  writeFileSync(at("home/.bash_profile"), `export PATH='${path.join(":")}'\n`);
  const trust = { "security.workspace.trust.enabled": scene.trust === true };
  writeFileSync(at("server/data/User/settings.json"), JSON.stringify({ ...QUIET, ...trust }));
  const env = { HOME: at("home"), SHELL: "/bin/bash", PATH: "/usr/bin:/bin", TMPDIR: at("tmp"), XDG_RUNTIME_DIR: at("tmp"), LANG: "C.UTF-8" };
  const program = join(vscode, "out/server-main.js");
  const flags = ["--server-data-dir", at("server"), "--accept-server-license-terms", "--telemetry-level", "off"];
  must(process.execPath, [program, ...flags, "--install-extension", vsix], { env });

  const server = spawn(process.execPath, [program, ...flags, "--host", "127.0.0.1", "--port", "0", "--without-connection-token"], {
    env,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  // With its extension host, which is in the same group.
  atEnd(() => server.pid !== undefined && process.kill(-server.pid, "SIGKILL"));
  let log = "";
  const port = await new Promise<number>((resolve, reject) => {
    for (const stream of [server.stdout, server.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => {
        log += text;
        const [, listening] = /^Extension host agent listening on (\d+)$/m.exec(log) ?? [];
        if (listening !== undefined) resolve(Number(listening));
      });
    server.once("exit", () => reject(new Error(`the server of VS Code ended\n${log}`)));
  });

  const browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
    // Nothing but the server is reached.
    proxy: { server: "http://127.0.0.1:9", bypass: "127.0.0.1" },
  });
  atEnd(() => browser.close());
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme: "light" });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const payload = JSON.stringify([["openFile", `vscode-remote://127.0.0.1:${port}${at(`open/${scene.file}`)}`]]);
  await page.goto(`http://127.0.0.1:${port}/?folder=${at("open")}&payload=${encodeURIComponent(payload)}`);
  await page.locator(".monaco-editor .view-line").first().waitFor();
  return { page, at };
}
