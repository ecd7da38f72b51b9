// The warnings of `ingressc check` beside the compilation of the same policy: CPU time of both in one process, which
// compiles first, with cold code, as a person meets it; the median of three processes. Nodes and warnings never vary.
//
//   node tests/bench/lint.mjs              policies that are made here
//   node tests/bench/lint.mjs FILE...      these policies, or ClassBench sets (`.rules`)
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeClassBench } from "./classbench.mjs";
import { makePolicy, writePolicy } from "./policies.mjs";

const SIZES = [
  [1_000, 10_000],
  [1_000, 100_000],
  [1_000, 1_000_000],
  [10_000, 10_000],
];
const RUNS = 3;
const self = fileURLToPath(import.meta.url);
const [word, ...rest] = process.argv.slice(2);

if (word === "--make") writePolicy(rest[0], makePolicy({ rules: Number(rest[1]), prefixes: Number(rest[2]), form: "files" }));
else if (word === "--measure") console.log(JSON.stringify(await measure(rest[0])));
else if (word === undefined) SIZES.forEach(([rules, prefixes]) => made(rules, prefixes));
else [word, ...rest].forEach((file) => (file.endsWith(".rules") ? classBench(file) : show(file, file)));

function inFolder(work) {
  const folder = mkdtempSync(join(tmpdir(), "lint-"));
  try {
    work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function classBench(file) {
  inFolder((folder) => {
    const paths = writeClassBench(file, folder);
    paths.forEach((path, i) => show(`${basename(file)}${paths.length === 1 ? "" : `, part ${i + 1} of ${paths.length}`}`, path));
  });
}

function made(rules, prefixes) {
  inFolder((folder) => {
    execFileSync(process.execPath, [self, "--make", folder, String(rules), String(prefixes)], { stdio: "inherit" });
    show(`${rules} rules, ${prefixes} prefixes`, join(folder, "p.ingress"));
  });
}

function show(title, path) {
  const runs = Array.from({ length: RUNS }, () => JSON.parse(execFileSync(process.execPath, [self, "--measure", path], { encoding: "utf8" })));
  const median = (of) => runs.map(of).sort((x, y) => x - y)[Math.floor(RUNS / 2)];
  const [{ nodes, unjudged, warnings }] = runs;
  const ratio = median(({ compiled, linted }) => linted / compiled).toFixed(2);
  const judged = unjudged === 0 ? "all rules judged" : `${unjudged} rules not judged`;
  console.log(
    `${title}: warnings ${median((r) => r.linted).toFixed(0)} ms beside ${median((r) => r.compiled).toFixed(0)} ms, ${ratio} x; ${nodes} nodes, ${judged}, ${warnings} warnings, ${median((r) => r.mib).toFixed(0)} MiB at most`,
  );
}

async function measure(path) {
  await import("../../runtime/host/register.mjs");
  const { compileFile } = await import("../../compiler/cli/compiled.ts");
  const { SILENT } = await import("../../compiler/cli/progress.ts");
  const { lint } = await import("../../compiler/lint/lint.ts");
  const { NO_FACTS, textFacts } = await import("../../compiler/lint/text_facts.ts");
  const cpu = () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  };
  const start = cpu();
  let [facts, ofFacts] = [NO_FACTS, 0];
  const loaded = (program) => {
    const before = cpu();
    facts = textFacts(program);
    ofFacts = cpu() - before;
  };
  const made = compileFile(path, "host", SILENT, loaded);
  if (!made.ok) throw new Error(made.error.outcome.message);
  const compiled = cpu() - start - ofFacts;
  const before = cpu();
  const { policy, module } = made.value;
  const { warnings, unjudged, nodes } = await lint(policy, module, facts, { ignore: new Set(), wallSeconds: 1_780_315_200 });
  const linted = cpu() - before + ofFacts;
  return { compiled, linted, nodes, unjudged, warnings: warnings.length, mib: process.resourceUsage().maxRSS / 1024 };
}
