// Which versions of Node the programs run on. package.json, the start of each program, the single files and the Debian
// package say it in a form of their own; all must agree.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { nodeRefusal } from "../../runtime/shell/start.mjs";
import { NODES } from "../../scripts/package/single_file.ts";
import { suite } from "../suite.ts";

const PROJECT = fileURLToPath(new URL("../../", import.meta.url));
const read = (path: string): string => readFileSync(join(PROJECT, path), "utf8");
const test = suite("node_versions");

const REFUSED = ["12.22.12", "18.20.8", "19.9.0", "20.2.0", "20.18.3", "21.7.3", "22.0.0", "22.2.0", "23.11.1", "25.1.0"];
const TAKEN = ["20.19.0", "20.20.2", "22.3.0", "22.9.0", "22.10.0", "22.23.3", "24.0.0", "24.21.0", "26.0.0", "26.10.0", "27.0.0", "30.1.0"];

/** The same by `engines` of package.json: `^A.B.0` or `>=A.0.0`. */
function isInManifest(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const ranges = [...(/"node": "([^"]+)"/.exec(read("package.json"))?.[1] ?? "").matchAll(/(\^|>=)(\d+)\.(\d+)\.0/g)];
  assert.is(ranges.length, 4);
  return ranges.some(([, sign, a, b]) => (sign === "^" ? major === Number(a) && minor >= Number(b) : major >= Number(a)));
}

function isInSingleFile(version: string): boolean {
  return spawnSync("sh", ["-c", `case v${version} in ${NODES}) ;; *) exit 1;; esac`]).status === 0;
}

/** The line of the Debian package's script, which is run with another version. */
function isInPostinst(version: string): boolean {
  const code = /node -e '([^']+)'/.exec(read("docs/deploy/deb/postinst.sh"))?.[1];
  if (code === undefined || !code.includes("process.versions.node")) throw new Error("the script has no such line");
  return spawnSync(process.execPath, ["-e", code.replace("process.versions.node", JSON.stringify(version))]).status === 0;
}

for (const [versions, isTaken] of [
  [REFUSED, false],
  [TAKEN, true],
] as const)
  for (const version of versions)
    test(`Node ${version} is ${isTaken ? "supported" : "refused"}`, () => {
      const all = [nodeRefusal(version) === null, isInManifest(version), isInSingleFile(version), isInPostinst(version)];
      assert.equal(all, [isTaken, isTaken, isTaken, isTaken]);
    });

/** Runs a file as an old Node does, which has no `getBuiltinModule`. */
function asNode(version: string, path: string, words: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  const old = `delete process.getBuiltinModule; Object.defineProperty(process, "versions", { value: { ...process.versions, node: "${version}" } });`;
  return spawnSync(process.execPath, ["--import", `data:text/javascript,${encodeURIComponent(old)}`, join(PROJECT, path), ...words], { encoding: "utf8" });
}

const SENTENCE = "it needs Node 20 (from 20.19), 22 (from 22.3), 24, 26 or later, found v";
const programs: readonly [path: string, name: string][] = [
  ["compiler/cli/ingressc.mjs", "ingressc"],
  ["gateway/ingressd.mjs", "ingressd"],
  ["runtime/guard/ingress-guard.mjs", "ingress-guard"],
  ["policies/demo/start.mjs", "npm start"],
];
for (const [path, name] of programs)
  for (const version of ["18.20.8", "22.2.0"])
    test(`${path} names the versions that it needs on Node ${version}`, () => {
      const { status, stdout, stderr } = asNode(version, path, ["--version"]);
      assert.equal([status, stdout, stderr], [4, "", `${name}: ${SENTENCE}${version}\n`]);
    });

test("ingressc says so in its envelope", () => {
  const { status, stdout, stderr } = asNode("18.20.8", "compiler/cli/ingressc.mjs", ["check", "--json", "x.ingress"]);
  assert.equal([status, stderr], [4, ""]);
  assert.equal(JSON.parse(stdout), { ok: false, class: "missing", code: "policy.missing_dependency", message: `${SENTENCE}18.20.8` });
});

test.run();
