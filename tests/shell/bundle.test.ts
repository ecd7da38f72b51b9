// How the build's files take Node's modules, and what is loaded on demand.
import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { build } from "../../scripts/build.mjs";
import { withoutFacades } from "../../scripts/bundle.mjs";

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

test.run();
