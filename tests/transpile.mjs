// Test files as plain JavaScript: one run of esbuild over all of them takes a second, and each file
// then starts in a tenth of the time that transpiling and loading it file by file takes. They stand
// in a folder of their own below node_modules, from where packages are found, as long as a run lasts.
// So do the programs that tests start (ready.ts), and the worker that checks modules.
import { build } from "esbuild";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join, resolve, sep } from "node:path";
import { pathToFileURL } from "node:url";

const PROGRAMS = [
  "compiler/cli/ingressc.mjs", "gateway/ingressd.mjs", "runtime/host/loadWorker.mjs",
  "tests/compiler/hungry.ts", "tests/ingress_host/killed_daemon.ts",
];
/** What lets Node load the sources as they stand; there is nothing left of that to do. */
const LOADERS = /[/\\](?:runtime[/\\]host[/\\]register|compiler[/\\]cli[/\\]chevrotain)\.mjs$/;
/** The one file that looks for a program, the worker, beside itself. */
const STARTS_WORKER = "runtime/host/loadInWorker.ts";

/** Each file keeps its own place, which many read their neighbours by, and Chevrotain is one file, as in compiler/cli/chevrotain.mjs. */
const places = (project, folder) => ({
  name: "places",
  setup(on) {
    on.onLoad({ filter: LOADERS }, () => ({ contents: "" }));
    on.onLoad({ filter: /\.(?:ts|mjs)$/ }, ({ path }) => {
      const place = path === join(project, STARTS_WORKER) ? join(folder, STARTS_WORKER) : path;
      const text = readFileSync(path, "utf8").replace(/^#![^\n]*/, "");
      return { loader: path.endsWith(".ts") ? "ts" : "js", contents: `const fileUrl = ${JSON.stringify(pathToFileURL(place).href)};${text}` };
    });
    on.onResolve({ filter: /^chevrotain$/ }, () => ({ path: new URL("../chevrotain.mjs", import.meta.resolve("chevrotain")).href, external: true }));
    on.onResolve({ filter: /^file:/ }, ({ path }) => ({ path, external: true }));
  },
});

/** The folder, the built file of each path, and what removes them; null where a file does not build: then each has to be run as it stands. */
export async function transpile(files, project) {
  const folder = mkdtempSync(join(project, "node_modules", ".tests-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  // Some programs are started as another user.
  chmodSync(folder, 0o755);
  // Files from elsewhere, as those of the runner's own tests, start none of them.
  const programs = files.some((path) => path.startsWith(join(project, sep))) ? PROGRAMS : [];
  try {
    const { metafile } = await build({
      entryPoints: [...new Set([...files, ...programs.map((path) => join(project, path))])],
      absWorkingDir: project, outdir: folder, outbase: project, outExtension: { ".js": ".mjs" }, metafile: true,
      bundle: true, splitting: true, format: "esm", platform: "node", target: `node${process.versions.node}`, packages: "external",
      plugins: [places(project, folder)], define: { "import.meta.url": "fileUrl" },
      sourcemap: "linked", sourcesContent: false, tsconfigRaw: {}, logLevel: "silent",
    });
    const built = Object.entries(metafile.outputs).flatMap(([out, { entryPoint }]) => (entryPoint === undefined ? [] : [[resolve(project, entryPoint), resolve(project, out)]]));
    return { folder, built: new Map(built), remove };
  } catch (error) {
    remove();
    if (error.errors === undefined) throw error;
    return null;
  }
}
