// The libraries of the package: `ingressd/compiler`, `ingressd/host` and `ingressd/client`, each one file, with types.
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { build, type BuildOptions, type Plugin } from "esbuild";
import ts from "typescript";
import { sourcesIn } from "../bundle.mjs";
import { ROOT } from "./project.ts";

const COMPILER = "compiler/library.ts";
const HOST = "runtime/host/library.ts";
const TARGET = "es2022";

/** The `exports` of the published manifest; paths are relative to the package. */
export const EXPORTS = {
  "./compiler": { types: `./dist/lib/types/${declared(COMPILER)}`, default: "./dist/lib/compiler.mjs" },
  "./host": { types: `./dist/lib/types/${declared(HOST)}`, node: "./dist/lib/host.mjs", default: "./dist/lib/host_portable.mjs" },
  "./client": { types: "./dist/lib/client/expose.d.mts", default: "./dist/lib/client/expose.mjs" },
  "./package.json": "./package.json",
} as const;

/** Node's part of `ingressd/host`, replaced by one that needs no Node. */
const portable: Plugin = {
  name: "portable",
  setup(on) {
    on.onResolve({ filter: /\/platform\.ts$/ }, () => ({ path: join(ROOT, "runtime/host/platform_portable.ts") }));
  },
};

const sources = sourcesIn(ROOT, {});
const common: BuildOptions = {
  absWorkingDir: ROOT,
  bundle: true,
  format: "esm",
  target: TARGET,
  tsconfigRaw: {},
  legalComments: "inline",
  logLevel: "error",
};
/** How `ingressd/host` is bundled where Node is not. */
export const hostForBrowsers: BuildOptions = { ...common, platform: "browser", plugins: [portable, sources] };

/** Writes them into `folder`, which is `dist/lib` of the package. */
export async function writeLibraries(folder: string): Promise<void> {
  await build({ ...common, entryPoints: [COMPILER], outfile: join(folder, "compiler.mjs"), platform: "browser", plugins: [sources] });
  await build({ ...common, entryPoints: [HOST], outfile: join(folder, "host.mjs"), platform: "node", plugins: [sources] });
  await build({ ...hostForBrowsers, entryPoints: [HOST], outfile: join(folder, "host_portable.mjs") });
  mkdirSync(join(folder, "client"), { recursive: true });
  for (const name of ["expose.mjs", "expose.d.mts", "connection.mjs", "connection.d.mts"])
    copyFileSync(join(ROOT, "gateway/client", name), join(folder, "client", name));
  for (const [path, text] of declarations([COMPILER, HOST])) {
    const file = join(folder, "types", path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}

function declared(source: string): string {
  return source.replace(/\.ts$/, ".d.ts");
}

/** The declarations that entry files lead to, by their path; a declaration that no entry mentions is left out. */
function declarations(entries: readonly string[]): ReadonlyMap<string, string> {
  const { config } = ts.readConfigFile(join(ROOT, "tsconfig.json"), (path) => ts.sys.readFile(path)) as {
    readonly config: { readonly compilerOptions: unknown };
  };
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, ROOT);
  const program = ts.createProgram(
    entries.map((path) => join(ROOT, path)),
    { ...options, noEmit: false, declaration: true, emitDeclarationOnly: true, rootDir: ROOT, outDir: "/", stripInternal: true },
  );
  const all = new Map<string, string>();
  const { diagnostics } = program.emit(undefined, (path, text) => all.set(path.replace(/^\//, ""), text));
  if (diagnostics.length > 0)
    throw new Error(ts.formatDiagnostics(diagnostics, { getCanonicalFileName: (name) => name, getCurrentDirectory: () => ROOT, getNewLine: () => "\n" }));
  const kept = new Map<string, string>();
  const queue = entries.map(declared);
  for (const path of queue) {
    const text = all.get(path);
    if (text === undefined) throw new Error(`${path} was not declared`);
    kept.set(
      path,
      text.replaceAll(/(from |import\()"(\.[^"]*)\.ts"/g, (_, before: string, to: string) => {
        const next = posix.join(posix.dirname(path), `${to}.d.ts`);
        if (!queue.includes(next)) queue.push(next);
        return `${before}"${to}.js"`;
      }),
    );
  }
  return kept;
}
