// Turns the sources of this package into plain JavaScript, for the build (build.mjs) and the tests (tests/transpile.mjs).
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Files that let Node run TypeScript without a build; a bundle has plain JavaScript, so it replaces them by empty files. */
export const LOADERS = /[/\\](?:runtime[/\\]host[/\\]register|compiler[/\\]cli[/\\]chevrotain)\.mjs$/;

/**
 * The path of Chevrotain's own bundle, one file in place of a hundred of Chevrotain's and six hundred of lodash-es. The
 * package does not export it by name.
 */
export function chevrotainFile() {
  return fileURLToPath(new URL("../chevrotain.mjs", import.meta.resolve("chevrotain")));
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
    // The package's files for Node are CommonJS, which can't require Node's own modules in a bundle of ES modules.
    on.onResolve({ filter: /^yaml$/ }, () => ({ path: join(project, "node_modules/yaml/browser/index.js") }));
  },
});
