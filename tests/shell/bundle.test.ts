// How the build's files take Node's modules, and what is loaded on demand.
import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { build } from "../../scripts/build.mjs";
import { withoutFacades } from "../../scripts/bundle.mjs";
import { ownFolder } from "../suite.ts";

const PROJECT = fileURLToPath(new URL("../../", import.meta.url));
const test = suite("bundle");

for (const [written, taken] of [
  ['import { readFileSync } from "node:fs";', 'const { readFileSync } = process.getBuiltinModule("node:fs");'],
  ['import { request as request2, get } from "node:http";', 'const { request: request2, get } = process.getBuiltinModule("node:http");'],
  ['import * as net from "node:net";', 'const net = process.getBuiltinModule("node:net");'],
  ['import {\n  a,\n  b as c\n} from "node:util/types";\nc();', 'const {\n  a,\n  b: c\n} = process.getBuiltinModule("node:util/types");\nc();'],
  ['import { x } from "./chunk-A.mjs";\nimport "./chunk-B.mjs";', null],
  ['const text = `  import { x } from "node:fs";`;', null],
  ['const { x } = await import("node:fs");', null],
] as const) {
  test(`${JSON.stringify(written)} ${taken === null ? "stays" : "is taken without an import"}`, () => {
    assert.is(withoutFacades(written), taken ?? written);
  });
}

for (const written of ['import net from "node:net";', 'import net, { connect } from "node:net";', 'import "node:net";'])
  test(`${JSON.stringify(written)} is refused`, () => assert.throws(() => withoutFacades(written), /this import has another form/));

test("no file of a build imports a module of Node", async () => {
  const { folder } = await build();
  const place = join(PROJECT, "dist", folder);
  const files = readdirSync(place).filter((name) => name.endsWith(".mjs"));
  assert.ok(files.length > 20);
  for (const name of files) assert.not.match(readFileSync(join(place, name), "utf8"), /^(?:import|\}) .*"node:/m, name);
});

/** The modules of Node that a program has loaded when it ends. */
function loadedBy(words: readonly string[], code: number): readonly string[] {
  const noted = "process.on('exit', () => process.stderr.write('\\nLOADED ' + JSON.stringify(process.moduleLoadList)))";
  const { status, stderr } = spawnSync(process.execPath, ["--import", `data:text/javascript,${encodeURIComponent(noted)}`, ...words], { encoding: "utf8" });
  assert.is(status, code, stderr.slice(0, 500));
  return JSON.parse(/\nLOADED (.*)$/.exec(stderr)?.[1] ?? "") as readonly string[];
}

test("a start loads neither Node's HTTP nor its file streams", () => {
  const rows: readonly (readonly [code: number, words: readonly string[]])[] = [
    [0, ["compiler/cli/ingressc.mjs", "check", "policies/site.ingress"]],
    // A gateway whose policy is missing ends after all of it is loaded.
    [3, ["gateway/ingressd.mjs", "--policy", "policies/none.wasm"]],
  ];
  for (const [code, words] of rows) {
    const loaded = loadedBy(
      words.map((word) => (word.includes("/") ? join(PROJECT, word) : word)),
      code,
    );
    assert.ok(loaded.length > 50);
    assert.equal(
      loaded.filter((name) => /undici|http|internal\/fs\/streams/.test(name)),
      [],
      words[0],
    );
  }
});

interface Loaded {
  readonly sources: readonly string[];
  /** Of all files of the build. */
  readonly text: string;
}

/** The code of the build that a program has loaded when it ends. */
function codeLoadedBy(words: readonly string[], code: number): Loaded {
  const folder = ownFolder("ingressd-loaded-");
  const env = { ...process.env, NODE_V8_COVERAGE: folder };
  const { status, stderr } = spawnSync(process.execPath, [join(PROJECT, "compiler/cli/ingressc.mjs"), ...words], { encoding: "utf8", env, input: "" });
  assert.is(status, code, stderr.slice(0, 500));
  const [report = ""] = readdirSync(folder);
  const { result } = JSON.parse(readFileSync(join(folder, report), "utf8")) as { readonly result: readonly { readonly url: string }[] };
  const files = result.flatMap(({ url }) => (url.startsWith(pathToFileURL(join(PROJECT, "dist/")).href) ? [fileURLToPath(url)] : []));
  assert.ok(files.length > 5);
  const text = files.map((file) => readFileSync(file, "utf8")).join("\n");
  return { sources: [...text.matchAll(/^\/\/ (\S+\.(?:ts|mjs|js))$/gm)].map(([, source = ""]) => source), text };
}

test("check loads nothing of the language server, and its libraries are loaded by its command alone", () => {
  const policy = join(PROJECT, "policies/site.ingress");
  const server = /\/vscode-|^compiler\/(?:cli\/)?lsp\//;
  const library = /\/vscode-/;
  const rows: readonly (readonly [words: readonly string[], none: RegExp])[] = [
    [["check", policy], server],
    [["check", policy, "--deny-warnings", "--json"], server],
    [["fmt", "--check", policy], server],
    // It is in one file with the server's code, which is small.
    [["test", policy], library],
  ];
  for (const [words, none] of rows)
    assert.equal(
      codeLoadedBy(words, 0).sources.filter((source) => none.test(source)),
      [],
      words[0],
    );
  // Its input ends at once.
  const { sources, text } = codeLoadedBy(["lsp"], 1);
  for (const known of [/^compiler\/cli\/lsp\/server\.ts$/, /^compiler\/lsp\/positions\.ts$/, /^node_modules\/vscode-languageserver\//])
    assert.ok(sources.some((source) => known.test(source)));
  // Windows has neither.
  for (const word of ["koffi", "/proc/"]) assert.not(text.includes(word), word);
});

test.run();
