// Lint, prove and diff beside the compilation of the same policies, each round a process of its own: ClassBench sets and lists of
// countries, where ../shared/data has them, and policies that are made here.
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeClassBench } from "../../classbench.mjs";

const MEASURED = fileURLToPath(new URL("../measured.mjs", import.meta.url));
const SETS = fileURLToPath(new URL("../../../../../shared/data/classbench/", import.meta.url));
const LISTS = fileURLToPath(new URL("../../../../../shared/data/lists/", import.meta.url));
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
  return {
    rounds: rounds.map(({ judged, compiled }) => ({ own: judged, base: compiled })),
    memory: Math.max(...rounds.map(({ memory }) => memory)),
    nodes,
    says,
    isWhole: !/NOT/.test(says),
  };
}

/** The policy with one rule that admits somebody else. */
function changed(path) {
  const text = readFileSync(path, "utf8");
  const next = text.replace(/(\ballow from )\S+/, "$1192.0.2.77");
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

function three(of, path, lint) {
  return [
    { task: "lint", of, most: lint, measure: () => measured("lint", [path()]) },
    { task: "prove", of, most: { ratio: 3, ms: null }, measure: () => measured("prove", [claiming(path())]) },
    { task: "diff", of, most: { ratio: 0.5, ms: null }, measure: () => measured("diff", [path(), changed(path())]) },
  ];
}

function once(make) {
  let made = null;
  return () => (made ??= make());
}

function made(rules, prefixes, lintRatio) {
  const path = once(() => {
    const place = folder(`made-${rules}-${prefixes}`);
    run("make", place, String(rules), String(prefixes));
    return join(place, "p.ingress");
  });
  return three(`${rules.toLocaleString("en")} rules with ${prefixes.toLocaleString("en")} prefixes`, path, { ratio: lintRatio, ms: null });
}

/** Five countries and a block list, about 100,000 prefixes: a listener for each country, and some for several. */
function countries() {
  const path = once(() => {
    const place = folder("countries");
    const names = ["us", "de", "jp", "ch", "br"];
    const files = [...names.flatMap((name) => [`${name}.v4.txt`, `${name}.v6.txt`]), "ipsum-level2.txt"];
    for (const file of files) copyFileSync(join(LISTS, file), join(place, file));
    const list = (file) => `file "${file}" max 50000`;
    const expose = (name, i, rules) => `expose ${name} on tcp ${2000 + i} { backend 127.0.0.1:${22_000 + i} ${rules} }`;
    const policy = join(place, "p.ingress");
    writeFileSync(
      policy,
      [
        "edition 1",
        ...names.map((name) => `net ${name} = ${list(`${name}.v4.txt`)}, ${list(`${name}.v6.txt`)}`),
        `net blocked = ${list("ipsum-level2.txt")}`,
        "deny from blocked",
        ...names.map((name, i) => expose(`only_${name}`, i, `allow from ${name}`)),
        expose("europe", 10, "allow from de allow from ch deny from us, br"),
        expose("abroad", 11, "allow from any except us deny from jp"),
        "",
      ].join("\n"),
    );
    return policy;
  });
  return three("lists of five countries and a block list", path, { ratio: 2, ms: null });
}

/** Each part that the language's bound divides a set into. */
function classBench(file) {
  const paths = writeClassBench(join(SETS, file), folder(file));
  return paths.flatMap((path, i) =>
    three(`ClassBench ${file.replace(".rules", "")}${paths.length === 1 ? "" : `, part ${i + 1} of ${paths.length}`}`, () => path, { ratio: 5, ms: SET_MS }),
  );
}

export function rows(quick) {
  if (quick) return made(100, 1_000, 5);
  const sets = existsSync(SETS) ? readdirSync(SETS).filter((file) => file.endsWith(".rules")) : [];
  if (sets.length === 0) console.log("the ClassBench sets are left out: ../shared/data/classbench is missing");
  const hasLists = existsSync(LISTS);
  if (!hasLists) console.log("the lists of countries are left out: ../shared/data/lists is missing");
  return [...sets.sort().flatMap(classBench), ...(hasLists ? countries() : []), ...made(1_000, 100_000, 2), ...made(1_000, 1_000_000, 3)];
}
