// Turns the sources of this package into plain JavaScript, for the build (build.mjs) and the tests (tests/transpile.mjs).
import { readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** Files that let Node run TypeScript without a build; a bundle has plain JavaScript, so it replaces them by empty files. */
export const LOADERS = /[/\\](?:runtime[/\\]host[/\\]register|compiler[/\\]cli[/\\]chevrotain)\.mjs$/;

const NODE_MODULES = /^(?:node:)?(?:child_process|crypto|fs|net|os|path|url|util)$/;

/**
 * The path of Chevrotain's own bundle, one file in place of a hundred of Chevrotain's and six hundred of lodash-es. The
 * package does not export it by name.
 */
export function chevrotainFile() {
  return fileURLToPath(new URL("../chevrotain.mjs", import.meta.resolve("chevrotain")));
}

/** As esbuild writes an import of a module of Node. */
const OF_NODE = /^import (?:\* as (?<whole>[\w$]+)|\{(?<names>[^}]*)\}) from "(?<module>node:[\w/]+)";$/gm;

/**
 * A file of a bundle that takes Node's modules without `import`. For an import of one, Node reads each of the module's properties,
 * and loads what they are made of: undici for `node:http`, and streams and promises for `node:fs`. That took a twentieth of the
 * processor time of a gateway's start. The file keeps its lines.
 */
export function withoutFacades(text) {
  const taken = text.replaceAll(OF_NODE, (...match) => {
    const { whole, names, module } = match.at(-1);
    return `const ${whole ?? `{${names.replaceAll(" as ", ": ")}}`} = process.getBuiltinModule("${module}");`;
  });
  const left = /^import .*"node:.*$/m.exec(taken);
  if (left !== null) throw new Error(`this import has another form than esbuild's: ${left[0]}`);
  return taken;
}

/** A plugin of esbuild. `replaced` has other contents for some files, by their path in the project. */
export const sourcesIn = (project, replaced) => ({
  name: "sources",
  setup(on) {
    on.onLoad({ filter: LOADERS }, () => ({ contents: "" }));
    for (const [path, contents] of Object.entries(replaced)) {
      const file = join(project, path);
      on.onLoad({ filter: new RegExp(`${path.replaceAll(/[.\\/]/g, "[.\\\\/]")}$`) }, (found) =>
        found.path === file ? { contents, loader: "js" } : undefined,
      );
    }
    on.onLoad({ filter: /\.mjs$/ }, ({ path }) => ({ contents: readFileSync(path, "utf8").replace(/^#![^\n]*/, "") }));
    on.onResolve({ filter: /^chevrotain$/ }, () => ({ path: chevrotainFile() }));
    // CommonJS packages can't require Node's own modules in a bundle of ES modules, so they get these through a module that imports them.
    on.onResolve({ filter: NODE_MODULES }, ({ path, kind }) =>
      kind === "require-call" ? { path: path.replace(/^(?:node:)?/, "node:"), namespace: "required" } : undefined,
    );
    on.onLoad({ filter: /^/, namespace: "required" }, ({ path }) => ({ contents: `export * from ${JSON.stringify(path)};` }));
    // The package's files for Node are CommonJS, which can't require Node's own modules in a bundle of ES modules.
    on.onResolve({ filter: /^yaml$/ }, () => ({ path: join(project, "node_modules/yaml/browser/index.js") }));
  },
});

const ON_DEMAND = "on-demand";

/**
 * A plugin of esbuild for code that is split. Code that is loaded on demand may import what its program has loaded before: then all of
 * that is one chunk, in place of one for each set of commands that use a part of it. `firsts` gives the paths of those files for the
 * path of the file that is loaded on demand; all paths are in `project`, because esbuild names chunks by them, too.
 */
export const onDemandAfter = (project, firsts) => ({
  name: "on demand",
  setup(on) {
    on.onResolve({ filter: /^\.\.?\// }, ({ kind, path, resolveDir }) =>
      kind === "dynamic-import" ? { path: relative(project, join(resolveDir, path)).split(sep).join("/"), namespace: ON_DEMAND } : undefined,
    );
    on.onLoad({ filter: /./, namespace: ON_DEMAND }, ({ path }) => ({
      contents: [...firsts(path).map((first) => `import "./${first}";`), `export * from "./${path}";`].join("\n"),
      resolveDir: project,
      loader: "js",
    }));
  },
});
