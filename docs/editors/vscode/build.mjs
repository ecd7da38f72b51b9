// Writes dist/extension.js, one file with the client of the protocol in it, dist/third_party.txt with the licences of what it
// contains, and LICENSE.
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));

const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: ["extension.js"],
  outfile: "dist/extension.js",
  bundle: true,
  platform: "node",
  format: "cjs",
  // The Node of VS Code 1.91.
  target: "node20",
  external: ["vscode"],
  metafile: true,
  logLevel: "warning",
});

/** The package that a file is in, below the last `node_modules/`. */
const packageOf = (path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0];
const packages = new Set(
  Object.keys(metafile.inputs)
    .map(packageOf)
    .filter((found) => found !== undefined),
);
const notices = [...packages].sort().map((folder) => {
  const { name, version, license } = JSON.parse(readFileSync(join(here, folder, "package.json"), "utf8"));
  const file = readdirSync(join(here, folder)).find((entry) => /^licen[cs]e/i.test(entry));
  if (file === undefined) throw new Error(`${folder} has no file with its licence`);
  return `${name} ${version} (${license})\n\n${readFileSync(join(here, folder, file), "utf8").trim()}\n`;
});
writeFileSync(join(here, "dist/third_party.txt"), notices.join(`\n${"-".repeat(80)}\n\n`));

copyFileSync(join(here, "../../../LICENSE"), join(here, "LICENSE"));
