// Test files as plain JavaScript: one run of esbuild over all of them takes a second, and each file
// then starts in a tenth of the time that transpiling and loading it file by file takes. They are
// in a folder of their own below node_modules, from where packages are found, as long as a run lasts.
// So do programs of the tests that tests start (ready.ts), and the worker threads.
import { build } from "esbuild";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join, resolve, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { chevrotainFile, LOADERS } from "../scripts/bundle.mjs";

/** Programs that tests start by path. The package's own programs are not among them; they start from the package's build. */
const PROGRAMS = [
  "runtime/host/load_worker.mjs",
  "gateway/threads/worker_main.mjs",
  "tests/compiler/hungry.ts",
  "tests/gateway/killed_daemon.ts",
  "tests/gateway/read_trusted.ts",
];
/** The file that has the worker's place. */
const PACKAGE_FILES = "runtime/package/files.ts";

/** Each file keeps its own place, which many read their neighbours by; the worker is the one that is built here. */
const places = (project, folder, apart) => ({
  name: "places",
  setup(on) {
    on.onResolve({ filter: /^\./ }, ({ path, resolveDir }) => {
      const file = apart.get(join(resolveDir, path));
      return file === undefined ? undefined : { path: pathToFileURL(file).href, external: true };
    });
    on.onLoad({ filter: LOADERS }, () => ({ contents: "" }));
    on.onLoad({ filter: /\.(?:ts|mjs)$/ }, ({ path }) => {
      const text = readFileSync(path, "utf8").replace(/^#![^\n]*/, "");
      const contents =
        path === join(project, PACKAGE_FILES) ?
          text
            .replace('"../host/load_worker.mjs", import.meta.url', JSON.stringify(pathToFileURL(join(folder, PROGRAMS[0])).href))
            .replace('"../../gateway/threads/worker_main.mjs", import.meta.url', JSON.stringify(pathToFileURL(join(folder, PROGRAMS[1])).href))
        : text;
      return { loader: path.endsWith(".ts") ? "ts" : "js", contents: `const fileUrl = ${JSON.stringify(pathToFileURL(path).href)};${contents}` };
    });
    on.onResolve({ filter: /^chevrotain$/ }, () => ({ path: pathToFileURL(chevrotainFile()).href, external: true }));
    on.onResolve({ filter: /^file:/ }, ({ path }) => ({ path, external: true }));
  },
});

/**
 * The folder, the built file of each path, and what removes them; null where a file does not build: then each has to
 * be run as it is. The caller writes the files of `apart` (paths in the project): no built file contains them, so that
 * a caller can replace them. `uses` says whether a file imports another one, itself or through others.
 */
export async function transpile(files, project, apart = []) {
  const folder = mkdtempSync(join(project, "node_modules", ".tests-"));
  const written = new Map(apart.map((path) => [join(project, path), join(folder, "apart", path.replace(/\.ts$/, ".mjs"))]));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  // Some programs are started as another user.
  chmodSync(folder, 0o755);
  // Files outside the project, such as those of the runner's own tests, start none of them.
  const programs = files.some((path) => path.startsWith(join(project, sep))) ? PROGRAMS : [];
  try {
    const { metafile } = await build({
      entryPoints: [...new Set([...files, ...programs.map((path) => join(project, path))])],
      absWorkingDir: project,
      outdir: folder,
      outbase: project,
      outExtension: { ".js": ".mjs" },
      metafile: true,
      bundle: true,
      splitting: true,
      format: "esm",
      platform: "node",
      target: `node${process.versions.node}`,
      packages: "external",
      plugins: [places(project, folder, written)],
      define: { "import.meta.url": "fileUrl" },
      sourcemap: "linked",
      sourcesContent: false,
      tsconfigRaw: {},
      logLevel: "silent",
    });
    const built = Object.entries(metafile.outputs).flatMap(([out, { entryPoint }]) =>
      entryPoint === undefined ? [] : [[resolve(project, entryPoint), resolve(project, out)]],
    );
    return { folder, built: new Map(built), apart: written, uses: usesOf(metafile.inputs, project), remove };
  } catch (error) {
    remove();
    if (error.errors === undefined) throw error;
    return null;
  }
}

/** Whether the first file imports the second one, by esbuild's list of what imports what. */
function usesOf(inputs, project) {
  const fileOf = (name) => resolve(project, name);
  const imports = new Map(
    Object.entries(inputs).map(([name, input]) => [fileOf(name), input.imports.filter(({ external }) => external !== true).map(({ path }) => fileOf(path))]),
  );
  return (file, imported) => {
    const seen = new Set([file]);
    for (const path of seen) for (const next of imports.get(path) ?? []) seen.add(next);
    return seen.has(imported);
  };
}
