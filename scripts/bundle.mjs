// How the sources of this package become plain JavaScript; for the build (build.mjs) and for the tests (tests/transpile.mjs).
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** What lets Node run the TypeScript as it is; there is nothing left of that to do. */
export const LOADERS = /[/\\](?:runtime[/\\]host[/\\]register|compiler[/\\]cli[/\\]chevrotain)\.mjs$/;

/**
 * Chevrotain in one file of its own package instead of a hundred, with six hundred of lodash-es behind them.
 * It is not exported by name; where it is missing the package's own entry is used.
 */
export function chevrotainFile() {
  return fileURLToPath(new URL("../chevrotain.mjs", import.meta.resolve("chevrotain")));
}

/** A plugin of esbuild: `replaced` has the text of files, by their path in the project, that a build has in another version. */
export const sourcesIn = (project, replaced) => ({
  name: "sources",
  setup(on) {
    on.onLoad({ filter: LOADERS }, () => ({ contents: "" }));
    for (const [path, contents] of Object.entries(replaced)) {
      const file = join(project, path);
      on.onLoad({ filter: new RegExp(`${path.replaceAll(/[.\\/]/g, "[.\\\\/]")}$`) }, (found) => (found.path === file ? { contents, loader: "js" } : undefined));
    }
    on.onLoad({ filter: /\.mjs$/ }, ({ path }) => ({ contents: readFileSync(path, "utf8").replace(/^#![^\n]*/, "") }));
    on.onResolve({ filter: /^chevrotain$/ }, () => ({ path: chevrotainFile() }));
  },
});
