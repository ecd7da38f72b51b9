// npm run site: stages the pages of docs/ in dist/site, and has VitePress build them into dist/site/public. It needs `npm ci` in docs/site.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { playgroundPage } from "../playground.ts";
import { PLAYGROUND, sidebarOf, sitePages } from "./pages.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const docs = join(root, "docs");
const site = join(docs, "site");
const staged = join(root, "dist/site");
/** Folders of docs/ that have no pages. */
const WITHOUT_PAGES = /^(?:deploy|editors|playground|site)\//;

const paths = readdirSync(docs, { recursive: true, encoding: "utf8" }).filter((path) => !WITHOUT_PAGES.test(path));
const markdown = new Map(
  paths
    .filter((path) => path.endsWith(".md"))
    .sort()
    .map((path) => [path, readFileSync(join(docs, path), "utf8")]),
);

rmSync(staged, { recursive: true, force: true });
for (const { path, text } of sitePages(markdown)) {
  const to = join(staged, "pages", path);
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(to, text);
}
for (const path of paths.filter((one) => /\.(?:svg|png)$/.test(one))) {
  mkdirSync(dirname(join(staged, "pages", path)), { recursive: true });
  cpSync(join(docs, path), join(staged, "pages", path));
}
// The playground is a page by itself.
const playground = join(staged, "pages/public", PLAYGROUND);
mkdirSync(dirname(playground), { recursive: true });
writeFileSync(playground, await playgroundPage());
writeFileSync(join(staged, "sidebar.json"), JSON.stringify(sidebarOf(markdown)));

const vitepress = join(site, "node_modules/vitepress/bin/vitepress.js");
if (!existsSync(vitepress)) {
  console.error("site: VitePress is missing; run `npm ci` in docs/site");
  process.exit(1);
}
// The pages are code for VitePress, whose parts they find from where they are.
symlinkSync(join(site, "node_modules"), join(staged, "node_modules"));
const built = spawnSync(process.execPath, [vitepress, "build", site], { stdio: "inherit", cwd: site });
process.exit(built.status ?? 1);
