// The tarball's contents, and its libraries as other projects use them: types, bundles for browsers, `require`.
import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { createContext, runInContext } from "node:vm";
import { build } from "esbuild";
import ts from "typescript";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { must, newFolder, PROJECT, run, tarball } from "./packed.ts";

const MOST_FILES = 150;
const MOST_BYTES = 2_000_000;
const MOST_INSTALLED_BYTES = 12_000_000;

const folder = newFolder();
const packed = tarball(folder);
const consumer = join(folder, "consumer");
const installed = join(consumer, "node_modules/ingressd");

function filesBelow(top: string): readonly string[] {
  return readdirSync(top, { recursive: true, encoding: "utf8" }).filter((path) => lstatSync(join(top, path)).isFile());
}

const test = suite("libraries");

test.before(() => {
  mkdirSync(consumer);
  writeFileSync(join(consumer, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }));
  must("npm", ["install", "--prefer-offline", "--ignore-scripts", packed], { cwd: consumer });
});
test.after(() => {
  rmSync(folder, { recursive: true, force: true });
});

test("the tarball has few files, and nothing of the sources, tests or scripts", () => {
  const files = filesBelow(installed);
  console.log(`${files.length} files, ${statSync(packed).size} bytes packed`);
  assert.ok(files.length > 20 && files.length <= MOST_FILES, `${files.length} files`);
  assert.ok(statSync(packed).size <= MOST_BYTES, `${statSync(packed).size} bytes`);
  assert.equal(
    files.filter((path) => /(?<!\.d)\.ts$|\.map$|^(?:tests|scripts|policies|node_modules)\//.test(path)),
    [],
  );
  const outside = files.filter((path) => !path.startsWith("dist/")).sort();
  assert.equal(
    outside,
    [
      "CHANGELOG.md",
      "LICENSE",
      "README.md",
      "compiler/cli/ingressc.mjs",
      "gateway/ingressd.mjs",
      "package.json",
      ...outside.filter((path) => path.startsWith("runtime/")),
    ].sort(),
  );
  assert.ok(outside.every((path) => statSync(join(installed, path)).size < 64 * 1024));
});

test("it is small when it is installed, with koffi", () => {
  const modules = join(consumer, "node_modules");
  assert.ok(
    filesBelow(modules).some((path) => path.endsWith("koffi.node")),
    "koffi's binary is there",
  );
  const bytes = filesBelow(modules).reduce((sum, path) => sum + statSync(join(modules, path)).size, 0);
  console.log(`${bytes} bytes installed`);
  assert.ok(bytes <= MOST_INSTALLED_BYTES, `${bytes} bytes`);
});

test("it has no script that npm would run, and needs nothing but koffi", () => {
  const manifest = JSON.parse(readFileSync(join(installed, "package.json"), "utf8")) as Record<string, unknown>;
  for (const key of ["scripts", "dependencies", "devDependencies", "private"]) assert.is(manifest[key], undefined, key);
  assert.equal(Object.keys(manifest["optionalDependencies"] ?? {}), ["koffi"]);
});

test("the licence of every package in the bundles is with it", () => {
  const text = readFileSync(join(installed, "dist/LICENSES.txt"), "utf8");
  for (const name of ["chevrotain", "lodash-es", "ipaddr.js", "smol-toml", "@noble/hashes", "@assemblyscript/loader"])
    assert.match(text, new RegExp(`^${name} \\d`, "m"));
});

const TYPED = `
import { checkPolicy, compilePolicy, formatPolicy, type Problem } from "ingressd/compiler";
import { addressOf, clientIdentity, loadModule, openPolicy } from "ingressd/host";
import { expose, type Exposure } from "ingressd/client";
const problems: readonly Problem[] = checkPolicy({ path: "a.ingress", text: "edition 1" });
const formatted = formatPolicy({ path: "a.ingress", text: "edition 1" });
export const text: string = formatted.ok ? formatted.value : formatted.error.map(({ rendered }) => rendered).join();
const compiled = compilePolicy({ path: "a.ingress", text: "edition 1", files: { "b.ingress": "" } }, { profile: "os" });
if (compiled.ok) {
  const loaded = loadModule(compiled.value.module, { trustedKeys: [new Uint8Array(32)] });
  const source = addressOf("198.51.100.7");
  if (loaded.ok && source !== null) {
    const decision = openPolicy(loaded.value, new Uint8Array(16)).identity(0, source, null, clientIdentity(["dns:a"]));
    export_(decision.allowed ? decision.rule : decision.reason);
  } else if (!loaded.ok) export_(loaded.error.code);
} else export_(compiled.error[0]?.place.start.line ?? problems.length);
function export_(_: string | number): void {}
export const exposed: Promise<Exposure> = expose({ service: "web", port: 8443, backend: "127.0.0.1:9000" });
// @ts-expect-error A profile that there is not.
compilePolicy({ path: "", text: "" }, { profile: "other" });
`;

for (const [module, resolution] of [
  ["NodeNext", "NodeNext"],
  ["ESNext", "Bundler"],
] as const) {
  test(`a project with module resolution ${resolution} has the types`, () => {
    symlinkSync(join(PROJECT, "node_modules/@types"), join(consumer, "node_modules/@types"));
    const file = join(consumer, "uses.ts");
    writeFileSync(file, TYPED);
    const { options } = ts.convertCompilerOptionsFromJson(
      {
        module,
        moduleResolution: resolution,
        target: "ES2022",
        lib: ["ES2023", "DOM"],
        types: ["node"],
        strict: true,
        exactOptionalPropertyTypes: true,
        noEmit: true,
        skipLibCheck: false,
      },
      consumer,
    );
    const said = ts
      .getPreEmitDiagnostics(ts.createProgram([file], options))
      .filter(({ file: place }) => place === undefined || !place.fileName.includes("/@types/"));
    assert.equal(
      said.map(({ messageText, file: place }) => `${relative(consumer, place?.fileName ?? "")}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`),
      [],
    );
    rmSync(join(consumer, "node_modules/@types"));
  });
}

const IN_A_BROWSER = `
import { compilePolicy } from "ingressd/compiler";
import { addressOf, loadModule, openPolicy } from "ingressd/host";
const policy = "edition 1\\nimport \\"nets.ingress\\" as nets\\nexpose web on tcp 8443 { backend 127.0.0.1:8080 allow from nets.office }\\n";
const compiled = compilePolicy({ path: "a.ingress", text: policy, files: { "nets.ingress": "edition 1\\nnet office = 198.51.100.0/24\\n" } });
if (!compiled.ok) throw new Error(compiled.error.map((problem) => problem.rendered).join("\\n"));
const loaded = loadModule(compiled.value.module);
if (!loaded.ok) throw new Error(loaded.error.message);
const engine = openPolicy(loaded.value, Uint8Array.from({ length: 16 }, (_, i) => i));
engine.setClock({ monoMs: 0, wallSeconds: null });
const codes = ["198.51.100.7", "198.51.101.7"].map((text) => engine.named(0, addressOf(text), null).code);
const wrong = compilePolicy({ path: "a.ingress", text: "edition 1\\nexpose" });
const trusted = loadModule(compiled.value.module, { trustedKeys: [Uint8Array.from({ length: 32 }, () => 7)] });
globalThis.seen = JSON.stringify({ codes, wrong: wrong.ok ? null : wrong.error[0].code, trusted: trusted.ok ? null : trusted.error.code });
`;

test("the compiler and the host bundle for a browser, and run where nothing of Node is", async () => {
  const file = join(consumer, "page.js");
  writeFileSync(file, IN_A_BROWSER);
  const { outputFiles, metafile } = await build({
    entryPoints: [file],
    bundle: true,
    write: false,
    platform: "browser",
    format: "iife",
    metafile: true,
    logLevel: "silent",
  });
  const used = Object.values(metafile.inputs)
    .flatMap(({ imports }) => imports)
    .filter(({ external }) => external === true);
  assert.equal(used, []);
  assert.equal(
    Object.keys(metafile.inputs)
      .map((path) => path.split("ingressd/dist/lib/")[1] ?? "page")
      .sort(),
    ["compiler.mjs", "host_portable.mjs", "page"],
  );
  // A bare realm has the language alone; these are what the web and Node have alike.
  const realm = createContext({ WebAssembly, TextEncoder, TextDecoder, atob, btoa, setTimeout });
  runInContext(outputFiles[0]?.text ?? "", realm);
  assert.equal(JSON.parse(String(realm["seen"])), { codes: ["allowed", "no_match"], wrong: "ING106", trusted: "signature_missing" });
});

test("a library that names a module of Node can't be bundled for a browser", async () => {
  const file = join(consumer, "client_page.js");
  writeFileSync(file, 'import { expose } from "ingressd/client"; expose({});');
  const said = await build({ entryPoints: [file], bundle: true, write: false, platform: "browser", logLevel: "silent" }).then(() => "bundled", String);
  assert.match(said, /node:/);
});

test("every library can be required, and imported, on this Node", () => {
  const wants = "[typeof c.compilePolicy, typeof h.loadModule, typeof e.expose].join()";
  const required = run(
    process.execPath,
    [
      "--input-type=commonjs",
      "-e",
      `const c = require("ingressd/compiler"), h = require("ingressd/host"), e = require("ingressd/client"); console.log(${wants})`,
    ],
    { cwd: consumer },
  );
  assert.equal(required, { code: 0, out: "function,function,function\n", err: "" });
  const imported = run(
    process.execPath,
    [
      "--input-type=module",
      "-e",
      `import * as c from "ingressd/compiler"; import * as h from "ingressd/host"; import * as e from "ingressd/client"; console.log(${wants})`,
    ],
    { cwd: consumer },
  );
  assert.equal(imported, { code: 0, out: "function,function,function\n", err: "" });
});

test("no file of the libraries waits at its top level, and none is reached past `exports`", () => {
  for (const name of ["compiler.mjs", "host.mjs", "host_portable.mjs", "client/expose.mjs", "client/connection.mjs"]) {
    assert.not.match(readFileSync(join(installed, "dist/lib", name), "utf8"), /^(?:const [^=]+= )?await /m, name);
  }
  const deep = run(process.execPath, ["-e", 'import("ingressd/dist/lib/host.mjs").catch((error) => console.log(error.code))'], { cwd: consumer });
  assert.is(deep.out, "ERR_PACKAGE_PATH_NOT_EXPORTED\n");
});

test("the compile cache of programs that have run in the clone is not packed", () => {
  must("npm", ["run", "--silent", "build"], { cwd: PROJECT });
  const { folder: built } = JSON.parse(readFileSync(join(PROJECT, "dist/build.json"), "utf8")) as { readonly folder: string };
  mkdirSync(join(PROJECT, "dist", built, "cache"), { recursive: true });
  writeFileSync(join(PROJECT, "dist", built, "cache", "entry"), "");
  must("npm", ["run", "--silent", "package"], { cwd: PROJECT });
  assert.equal(
    filesBelow(join(PROJECT, "dist/package")).filter((path) => path.includes("cache/")),
    [],
  );
});

test.run();
