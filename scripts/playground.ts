// `npm run playground` writes docs/playground/index.html: the page's text, style and scripts in one file, which works from a server
// and from the disk. The same sources give the same bytes. `playgroundPage` is the file without writing it.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build, type BuildOptions, type Metafile, type Plugin } from "esbuild";
import { sourcesIn } from "./bundle.mjs";
import { lockedPackage, manifest, ROOT } from "./package/project.ts";

const FOLDER = "docs/playground";
export const OUTPUT = join(FOLDER, "index.html");

/** Files that need Node, each with the one that replaces it in a page. */
const REPLACED: readonly (readonly [RegExp, string])[] = [
  [/\/platform\.ts$/, "runtime/host/platform_portable.ts"],
  [/\/shown_path\.ts$/, "compiler/cli/shown_path_portable.ts"],
];

const portable: Plugin = {
  name: "portable",
  setup(on) {
    for (const [filter, path] of REPLACED) on.onResolve({ filter }, () => ({ path: join(ROOT, path) }));
  },
};

const options: BuildOptions = {
  absWorkingDir: ROOT,
  bundle: true,
  minify: true,
  write: false,
  format: "iife",
  platform: "browser",
  target: "es2022",
  charset: "utf8",
  tsconfigRaw: {},
  loader: { ".ingress": "text" },
  legalComments: "none",
  metafile: true,
  logLevel: "error",
  plugins: [portable, sourcesIn(ROOT, {})],
};

interface Bundled {
  readonly text: string;
  readonly inputs: Metafile["inputs"];
}

async function bundled(entry: string): Promise<Bundled> {
  const { outputFiles, metafile } = await build({ ...options, entryPoints: [join(FOLDER, "source", entry)] });
  const text = outputFiles?.[0]?.text.trim();
  if (text === undefined || metafile === undefined) throw new Error(`${entry} was not bundled`);
  // In HTML these would end the element that has the script.
  if (/<\/script|<!--/i.test(text)) throw new Error(`${entry} has text that ends a script`);
  return { text, inputs: metafile.inputs };
}

/** The whole page. */
export async function playgroundPage(): Promise<string> {
  const [main, worker] = [await bundled("main.ts"), await bundled("worker.ts")];
  const style = minified(readFileSync(join(ROOT, FOLDER, "page.css"), "utf8"));
  const parts: Readonly<Record<string, string>> = {
    policy: securityPolicy(main.text, style),
    style,
    version: manifest.version,
    licences: escaped(licences([main, worker])),
    worker: worker.text,
    main: main.text,
  };
  return readFileSync(join(ROOT, FOLDER, "page.html"), "utf8").replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const part = parts[name];
    if (part === undefined) throw new Error(`the page has no part ${name}`);
    return part;
  });
}

/**
 * The rights of the page, with their reasons: it runs its own script and has its own style, known by their hashes; it compiles WebAssembly, which is
 * the policy's module; and it starts a worker from a blob, because a file from the disk can load no other file. Everything else is
 * refused: requests, images, frames, forms, and scripts made of text (Trusted Types), except the address of the worker.
 */
function securityPolicy(script: string, style: string): string {
  return [
    "default-src 'none'",
    `script-src '${hashOf(script)}' 'wasm-unsafe-eval'`,
    `style-src '${hashOf(style)}'`,
    "worker-src blob:",
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types playground-worker",
  ].join("; ");
}

function hashOf(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}

function minified(css: string): string {
  return css.replaceAll(/\s+/g, " ").trim();
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** The licence of each library that is in the page, equal texts once. */
function licences(bundles: readonly Bundled[]): string {
  const names = new Set(bundles.flatMap(({ inputs }) => Object.keys(inputs)).flatMap((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []));
  const users = new Map<string, string[]>([[readFileSync(join(ROOT, "LICENSE"), "utf8").trim(), ["ingressd"]]]);
  for (const name of [...names].sort()) {
    const file = ["LICENSE", "LICENSE.txt", "LICENSE.md"].map((path) => join(ROOT, "node_modules", name, path)).find(existsSync);
    const text = file === undefined ? textOf(name) : readFileSync(file, "utf8").replaceAll("\r\n", "\n").trim();
    users.set(text, [...(users.get(text) ?? []), name]);
  }
  return [...users].map(([text, own]) => `${own.join(", ")}\n\n${text}`).join("\n\n----\n\n");
}

/** Of a package that names its licence and has no file with it: only one is such, under the licence that is ours too. */
function textOf(name: string): string {
  if (lockedPackage(name).license !== "Apache-2.0") throw new Error(`${name} has no licence file`);
  return readFileSync(join(ROOT, "LICENSE"), "utf8").trim();
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const page = await playgroundPage();
  writeFileSync(join(ROOT, OUTPUT), page);
  console.log(`${OUTPUT}: ${Math.ceil(Buffer.byteLength(page) / 1024)} KiB, open it in a browser`);
}
