// How a program starts: from a build that follows the sources. Each test has a copy of the project's sources.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { skip } from "../skip.ts";
import { start as startProcess } from "../cli/programs.ts";
import { ownFolder, suite } from "../suite.ts";

const PROJECT = fileURLToPath(new URL("../../", import.meta.url));
const SOURCES = [
  "compiler",
  "gateway",
  "runtime/abi",
  "runtime/distribution",
  "runtime/engine/build",
  "runtime/envoy/build",
  "runtime/guard",
  "runtime/host",
  "runtime/net",
  "runtime/package",
  "runtime/result",
  "runtime/shell",
  "runtime/text",
  "scripts",
  "package.json",
  "package-lock.json",
];
const INGRESSC = "compiler/cli/ingressc.mjs";
/** The version's row of the overview, which the tests change. */
const TEXT = "runtime/shell/help_text.ts";

const test = suite<{ folder: string }>("start", { folder: "" });

test.before.each((context) => {
  context.folder = ownFolder("ingressd-start-");
  for (const path of SOURCES) cpSync(join(PROJECT, path), join(context.folder, path), { recursive: true });
  symlinkSync(join(PROJECT, "node_modules"), join(context.folder, "node_modules"));
});

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function run(folder: string, words: readonly string[], program = INGRESSC): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, program), ...words], { encoding: "utf8", cwd: folder });
  return { code: status, out: stdout, err: stderr };
}

/** Packages that run the sources, without the one that builds them. */
function withoutEsbuild(folder: string): void {
  rmSync(join(folder, "node_modules"));
  mkdirSync(join(folder, "node_modules"));
}

function edit(folder: string, path: string, from: string | RegExp, to: string): void {
  const file = join(folder, path);
  const text = readFileSync(file, "utf8");
  assert.not(text.replace(from, to) === text, `${path} has no ${String(from)}`);
  writeFileSync(file, text.replace(from, to));
}

const builds = (folder: string): readonly string[] => readdirSync(join(folder, "dist")).filter((name) => name !== "build.json");

test("a source that is edited is seen by the next run, and the build before it is still there", ({ folder }) => {
  assert.equal(run(folder, ["--help"]).code, 0);
  const [first] = builds(folder);
  edit(folder, TEXT, /`\$\{name\} /, "`${name} edited ");
  assert.match(run(folder, ["--help"]).out, /ingressc edited /);
  assert.ok(first !== undefined && builds(folder).includes(first));
  assert.is(builds(folder).length, 2);
});

test("a run without changes builds nothing", ({ folder }) => {
  run(folder, ["--help"]);
  // A builder that can only fail, listed as it is now.
  writeFileSync(join(folder, "scripts/build.mjs"), "throw new Error('built again');\n");
  const list = JSON.parse(readFileSync(join(folder, "dist/build.json"), "utf8")) as {
    readonly folder: string;
    readonly sources: readonly (readonly unknown[])[];
  };
  const { size, mtimeMs } = statSync(join(folder, "scripts/build.mjs"));
  const sources = list.sources.map((row) => (row[0] === "scripts/build.mjs" ? [row[0], size, mtimeMs, ""] : row));
  writeFileSync(join(folder, "dist/build.json"), JSON.stringify({ ...list, sources }));
  const second = run(folder, ["--help"]);
  assert.equal([second.code, second.err], [0, ""]);
});

test("without esbuild the last build runs as it is; without any, a sentence says how to get one", ({ folder }) => {
  run(folder, ["--help"]);
  withoutEsbuild(folder);
  edit(folder, TEXT, /`\$\{name\} /, "`${name} edited ");
  const last = run(folder, ["--help"]);
  assert.equal([last.code, last.out.includes("ingressc edited")], [0, false]);
  rmSync(join(folder, "dist"), { recursive: true });
  for (const [program, name] of [
    [INGRESSC, "ingressc"],
    ["gateway/ingressd.mjs", "ingressd"],
    ["runtime/guard/ingress-guard.mjs", "ingress-guard"],
  ] as const) {
    const none = run(folder, ["--help"], program);
    assert.equal([none.code, none.out], [4, ""]);
    assert.match(none.err, new RegExp(`^${name}: there is no build of it, and the packages that make one are not installed: run \`npm ci\`[^\\n]*\\n$`));
  }
  const json = run(folder, ["check", "x", "--json"]);
  const { ok, class: kind, code } = JSON.parse(json.out) as { ok: boolean; class: string; code: string };
  assert.equal([json.code, ok, kind, code], [4, false, "missing", "policy.missing_dependency"]);
});

test("sources that do not build: the file and the line, exit 4, and the last build is not run", ({ folder }) => {
  run(folder, ["--help"]);
  writeFileSync(join(folder, TEXT), "export const = ;\n");
  const { code, out, err } = run(folder, ["--help"]);
  assert.equal([code, out], [4, ""]);
  assert.match(err, /its sources have changed and can't be built here: [^]*runtime\/shell\/help_text\.ts:1:13/);
});

const NOBODY = 65534;
const asNobody = process.getuid?.() === 0 && spawnSync(process.execPath, ["--version"], { uid: NOBODY, gid: NOBODY }).status === 0;

if (!asNobody) skip("start as another user", "not root, or another user can't start this Node");
else
  test("a copy has other times and the same text: it runs where nothing can be written", ({ folder }) => {
    run(folder, ["--help"]);
    const now = Date.now() / 1000 + 60;
    utimesSync(join(folder, TEXT), now, now);
    spawnSync("chmod", ["-R", "a+rX,go-w", folder]);
    const other = (words: readonly string[]): Ended => {
      const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, INGRESSC), ...words], {
        encoding: "utf8",
        cwd: folder,
        uid: NOBODY,
        gid: NOBODY,
      });
      return { code: status, out: stdout, err: stderr };
    };
    assert.equal([other(["--help"]).code, other(["--help"]).err], [0, ""]);
    edit(folder, TEXT, /`\$\{name\} /, "`${name} edited ");
    const { code, err } = other(["--help"]);
    assert.is(code, 4);
    assert.match(err, /its sources have changed and can't be built here: EACCES/);
  });

test("several first starts at once all run", async ({ folder }) => {
  const ended = await Promise.all(Array.from({ length: 4 }, () => startProcess([join(folder, INGRESSC)], ["--help"]).ended));
  assert.equal(
    ended.map(({ code, err }) => [code, err]),
    Array.from({ length: 4 }, () => [0, ""]),
  );
  assert.is(builds(folder).length, 1);
});

test("eight builds are kept: a program that runs loads the rest of its own", ({ folder }) => {
  for (let n = 0; n < 9; n++) {
    const old = join(folder, "dist", `${n}`.padStart(16, "0"));
    mkdirSync(old, { recursive: true });
    utimesSync(old, 1_000_000 + n, 1_000_000 + n);
  }
  assert.is(run(folder, ["--help"]).code, 0);
  assert.is(builds(folder).length, 8);
  assert.not(existsSync(join(folder, "dist", "1".padStart(16, "0"))));
  assert.ok(existsSync(join(folder, "dist", "2".padStart(16, "0"))));
});

test.run();
