// The npm package, as a folder: `npm run package` writes dist/package, and `npm pack ./dist/package` makes the tarball.
//
//   compiler/cli/ gateway/ runtime/   the files that npm links as programs, and what starts the build
//   dist/build.json dist/HASH/        the build; its list of sources is empty, so nothing is ever built there
//   dist/lib/                         the libraries of `exports`, with types
//   dist/LICENSES.txt                 the licences of the packages whose code is in the bundles
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, posix } from "node:path";
import { EXPORTS, writeLibraries } from "./libraries.ts";
import { licencesText } from "./licences.ts";
import { builtFolder, manifest, ROOT, STAGE } from "./project.ts";

/** Documents at the top of the package. */
const DOCUMENTS = ["README.md", "LICENSE", "CHANGELOG.md"];
const BUILDER = "scripts/build.mjs";
/** The first two lines of a program. They need a POSIX shell, which `ingressc` must do without on Windows. */
const SHELL_START = /^#!\/bin\/sh\n":"[^\n]*\n/;

/** Makes the folder anew. */
export async function stage(): Promise<string> {
  const build = builtFolder();
  rmSync(STAGE, { recursive: true, force: true });
  const folder = join(STAGE, "dist", basename(build));
  mkdirSync(folder, { recursive: true });
  for (const entry of readdirSync(build, { withFileTypes: true })) {
    const { name } = entry;
    // The folder is the compile cache of programs that have run here.
    if (!entry.isFile() || name.endsWith(".map")) continue;
    // The maps are not in the package, because the sources that they lead to are not.
    writeFileSync(join(folder, name), readFileSync(join(build, name), "utf8").replace(/^\/\/# sourceMappingURL=.*\n?/m, ""));
  }
  writeFileSync(join(STAGE, "dist/build.json"), `${JSON.stringify({ folder: basename(build), sources: [] })}\n`);
  for (const path of startFiles(Object.values(manifest.bin))) {
    mkdirSync(dirname(join(STAGE, path)), { recursive: true });
    copyFileSync(join(ROOT, path), join(STAGE, path));
  }
  for (const [name, path] of Object.entries(manifest.bin)) {
    const file = join(STAGE, path);
    if (name === "ingressc") writeFileSync(file, readFileSync(file, "utf8").replace(SHELL_START, "#!/usr/bin/env node\n"));
    chmodSync(file, 0o755);
  }
  for (const name of DOCUMENTS) copyFileSync(join(ROOT, name), join(STAGE, name));
  writeFileSync(join(STAGE, "dist/LICENSES.txt"), licencesText());
  writeFileSync(join(STAGE, "package.json"), `${JSON.stringify(published(), null, 2)}\n`);
  await writeLibraries(join(STAGE, "dist/lib"));
  return STAGE;
}

/** The programs and the files that they import from their start on, without the builder. */
function startFiles(programs: readonly string[]): readonly string[] {
  const queue = programs.map((path) => posix.normalize(path));
  for (const path of queue) {
    for (const [, to = ""] of readFileSync(join(ROOT, path), "utf8").matchAll(/(?:from |import\()"(\.[^"]+)"/g)) {
      const next = posix.join(posix.dirname(path), to);
      if (next !== BUILDER && existsSync(join(ROOT, next)) && !queue.includes(next)) queue.push(next);
    }
  }
  return queue;
}

/** The manifest of the package: no scripts and no development dependencies, and nothing that is in a bundle. */
function published(): unknown {
  const { name, version, description, license, engines, bin, optionalDependencies } = manifest;
  return {
    name,
    version,
    description,
    license,
    type: "module",
    engines,
    bin,
    exports: EXPORTS,
    files: ["compiler/", "dist/", "gateway/", "runtime/", ...DOCUMENTS.filter((document) => document === "CHANGELOG.md")],
    sideEffects: false,
    optionalDependencies: { koffi: optionalDependencies["koffi"] },
    // Only `ingressc build --target c` needs it.
    peerDependencies: { wabt: optionalDependencies["wabt"] },
    peerDependenciesMeta: { wabt: { optional: true } },
  };
}

if (process.argv[1]?.endsWith("stage.ts") === true) console.log(`${(await stage()).slice(ROOT.length)}: npm pack ./dist/package makes the tarball`);
