// Lint, prove and diff beside the compilation of the same policies, each round a process of its own: ClassBench sets, where
// ../shared/data has them, and policies that are made here.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeClassBench } from "../../classbench.mjs";

const MEASURED = fileURLToPath(new URL("../measured.mjs", import.meta.url));
const SETS = fileURLToPath(new URL("../../../../../shared/data/classbench/", import.meta.url));
const ROUNDS = 3;
/** A ClassBench set may take so long, or five times its compilation. */
const SET_MS = 4_000;

const run = (...words) => execFileSync(process.execPath, [MEASURED, ...words], { encoding: "utf8", maxBuffer: 64 * 1024 ** 2 });

let own = null;
function folder(name) {
  if (own === null) {
    own = mkdtempSync(join(tmpdir(), "ingressd-analysis-"));
    process.on("exit", () => rmSync(own, { recursive: true, force: true }));
  }
  const path = join(own, name);
  mkdirSync(path);
  return path;
}

function measured(task, paths) {
  const rounds = Array.from({ length: ROUNDS }, () => JSON.parse(run(task, ...paths)));
  const [{ nodes, says }] = rounds;
  const times = rounds.map(({ judged, compiled }) => `${judged.toFixed(0)} of ${compiled.toFixed(0)} ms`).join(", ");
  return {
    ratios: rounds.map(({ judged, compiled }) => judged / compiled),
    ms: rounds.map(({ judged }) => judged),
    memory: Math.max(...rounds.map(({ memory }) => memory)),
    isWhole: !/NOT/.test(says),
    says: `${nodes} nodes, ${says}; ${times}`,
  };
}

/** The policy with one rule that admits somebody else. */
function changed(path) {
  const text = readFileSync(path, "utf8");
  const next = text.replace(/^( *allow from )\S+/m, "$1192.0.2.77");
  if (next === text) throw new Error(`${path} has no allow`);
  return written(path, "changed.ingress", next);
}

/** The policy with two claims about its first expose. */
function claiming(path) {
  const text = readFileSync(path, "utf8");
  const name = /^expose (\S+)/m.exec(text)?.[1];
  return written(path, "claims.ingress", `${text}invariant "measured" {\n  never from 192.0.2.1 to ${name}\n  only from internet to ${name}\n}\n`);
}

function written(beside, name, text) {
  const path = join(dirname(beside), `${name.replace(".ingress", "")}-${readdirSync(dirname(beside)).length}.ingress`);
  writeFileSync(path, text);
  return path;
}

function three(title, path, lintBound) {
  return [
    { name: `lint, ${title}`, bound: lintBound, ...(lintBound === 5 && { boundMs: SET_MS }), measure: () => measured("lint", [path()]) },
    { name: `prove, ${title}`, bound: 3, measure: () => measured("prove", [claiming(path())]) },
    { name: `diff, ${title}`, bound: 0.5, measure: () => measured("diff", [path(), changed(path())]) },
  ];
}

function once(make) {
  let made = null;
  return () => (made ??= make());
}

function made(rules, prefixes, lintBound) {
  const path = once(() => {
    const place = folder(`made-${rules}-${prefixes}`);
    run("make", place, String(rules), String(prefixes));
    return join(place, "p.ingress");
  });
  return three(`${rules.toLocaleString("en")} rules with ${prefixes.toLocaleString("en")} prefixes`, path, lintBound);
}

/** Each part that the language's bound divides a set into. */
function classBench(file) {
  const paths = writeClassBench(join(SETS, file), folder(file));
  return paths.flatMap((path, i) =>
    three(`ClassBench ${file.replace(".rules", "")}${paths.length === 1 ? "" : `, part ${i + 1} of ${paths.length}`}`, () => path, 5),
  );
}

export function rows(quick) {
  if (quick) return made(100, 1_000, 5);
  const sets = existsSync(SETS) ? readdirSync(SETS).filter((file) => file.endsWith(".rules")) : [];
  if (sets.length === 0) console.log("the ClassBench sets are left out: ../shared/data/classbench is missing");
  return [...sets.sort().flatMap(classBench), ...made(1_000, 100_000, 2), ...made(1_000, 1_000_000, 3)];
}
