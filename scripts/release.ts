// Everything that a release consists of, in dist/release, with SHA256SUMS; then the steps that publish it, which are
// printed and never done here.
//
//   npm run release -- --dry-run            what CI does: made twice, and byte-equal
//   npm run release -- --dry-run --node F   the image has the Node binary F (default: this one)
//   npm run release                         the same, and the version, the changelog and the clean tree must be a release's
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { sha256Of } from "./package/archive.ts";
import { writeDeb } from "./package/deb.ts";
import { writeImage } from "./package/image.ts";
import { DIST, manifest, ROOT, run } from "./package/project.ts";
import { sbomText } from "./package/sbom.ts";
import { PROGRAMS, writeSingleFiles } from "./package/single_file.ts";
import { stage } from "./package/stage.ts";

const RELEASE = join(DIST, "release");

/** Sentences, each about one thing that a release must have and this tree lacks. */
function lacks(): readonly string[] {
  const found: string[] = [];
  if (!/^\d+\.\d+\.\d+$/.test(manifest.version)) found.push(`the version in package.json is \`${manifest.version}\`, not three numbers`);
  const { version } = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")) as { readonly version: string };
  if (version !== manifest.version) found.push(`package-lock.json has the version ${version}, and package.json ${manifest.version}`);
  const headings = readFileSync(join(ROOT, "CHANGELOG.md"), "utf8")
    .split("\n")
    .filter((line) => line.startsWith("## "));
  if (!headings.some((line) => line.startsWith(`## ${manifest.version}`))) found.push(`CHANGELOG.md has no heading \`## ${manifest.version}\``);
  if (headings.some((line) => line.startsWith("## Unreleased")))
    found.push(`CHANGELOG.md still has a part \`Unreleased\`: give it the heading \`## ${manifest.version}\``);
  const module = `tests/host/releases/${manifest.version}.wasm`;
  if (!existsSync(join(ROOT, module))) found.push(`there is no ${module}, which the next releases must load: CONTRIBUTING.md, "A release", step 2`);
  for (const page of ["README.md", ...readdirSync(join(ROOT, "docs/how_to")).map((name) => `docs/how_to/${name}`)]) {
    const others = new Set(readFileSync(join(ROOT, page), "utf8").match(/(?<=ingressd[-_])\d+\.\d+\.\d+/g));
    others.delete(manifest.version);
    if (others.size > 0) found.push(`${page} names files of version ${[...others].join(", ")}`);
  }
  if (run("git", ["status", "--porcelain"]) !== "") found.push("the tree has changes that are not committed");
  return found;
}

/** Every file of the release, in a new folder. */
async function make(node: string): Promise<void> {
  rmSync(RELEASE, { recursive: true, force: true });
  mkdirSync(RELEASE, { recursive: true });
  run("npm", ["pack", "--silent", await stage(), "--pack-destination", RELEASE]);
  const single = await writeSingleFiles();
  for (const name of PROGRAMS) copyFileSync(join(single, `${name}.mjs`), join(RELEASE, `${name}-${manifest.version}.mjs`));
  for (const file of [await writeDeb(), await writeImage(node)]) copyFileSync(file, join(RELEASE, basename(file)));
  writeFileSync(join(RELEASE, `ingressd-${manifest.version}.cdx.json`), sbomText());
  writeFileSync(join(RELEASE, "SHA256SUMS"), sums());
}

function sums(): string {
  return readdirSync(RELEASE)
    .filter((name) => name !== "SHA256SUMS")
    .sort()
    .map((name) => `${sha256Of(join(RELEASE, name))}  ${name}\n`)
    .join("");
}

const { values } = parseArgs({ options: { "dry-run": { type: "boolean", default: false }, node: { type: "string", default: process.execPath } } });
const missing = lacks();
if (missing.length > 0) console.error(missing.map((sentence) => `release: ${sentence}`).join("\n"));
if (missing.length > 0 && !values["dry-run"]) process.exitCode = 1;
else {
  await make(values.node);
  const first = sums();
  await make(values.node);
  if (sums() !== first) {
    console.error(`release: two builds of one tree differ:\n${first}\n${sums()}`);
    process.exitCode = 1;
  } else {
    console.log(`dist/release, made twice with the same bytes:\n${first}`);
    console.log(`To publish it, after \`git tag -s v${manifest.version}\`:
  npm publish dist/release/ingressd-${manifest.version}.tgz
  skopeo copy oci-archive:dist/release/IMAGE docker://REGISTRY/ingressd:${manifest.version}
  attach the files of dist/release and a signature of SHA256SUMS to the release`);
  }
}
