// One process that compiles a policy with cold code, as a person meets it, and then judges it. Prints the CPU time of both in
// milliseconds, the largest memory in bytes, and what was found, as JSON.
//
//   node measured.mjs lint FILE | prove FILE | diff OLD NEW
//   node measured.mjs make FOLDER RULES PREFIXES      writes a policy, p.ingress
import { makePolicy, writePolicy } from "../policies.mjs";

const [task, ...words] = process.argv.slice(2);
if (task === "make") writePolicy(words[0], makePolicy({ rules: Number(words[1]), prefixes: Number(words[2]), form: "files" }));
else {
  await import("../../../runtime/host/register.mjs");
  const { compileFile } = await import("../../../compiler/cli/compiled.ts");
  const { SILENT } = await import("../../../compiler/cli/progress.ts");
  const cpu = () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  };
  const compile = (path, loaded) => {
    const made = compileFile(path, "host", SILENT, loaded);
    if (!made.ok) throw new Error(made.error.outcome.message);
    return made.value;
  };
  const judge = await { lint, prove, diff }[task]({ compile, cpu });
  const { compiled, judged, nodes, says } = judge;
  console.log(JSON.stringify({ compiled, judged, nodes, says, memory: process.resourceUsage().maxRSS * 1024 }));
}

async function lint({ compile, cpu }) {
  const { lint: judge } = await import("../../../compiler/lint/lint.ts");
  const { NO_FACTS, textFacts } = await import("../../../compiler/lint/text_facts.ts");
  const start = cpu();
  let [facts, ofFacts] = [NO_FACTS, 0];
  const { policy, module } = compile(words[0], (program) => {
    const before = cpu();
    facts = textFacts(program);
    ofFacts = cpu() - before;
  });
  const compiled = cpu() - start - ofFacts;
  const before = cpu();
  const { warnings, unjudged, nodes } = await judge(policy, () => module, facts, { ignore: new Set(), wallSeconds: 1_780_315_200 });
  return { compiled, judged: cpu() - before + ofFacts, nodes, says: unjudged === 0 ? `${warnings.length} warnings` : `${unjudged} RULES NOT JUDGED` };
}

async function prove({ compile, cpu }) {
  const { loadPolicy } = await import("../../../runtime/host/load.ts");
  const { prove: judge } = await import("../../../compiler/cli/proven.ts");
  const { MOST_NODES } = await import("../../../compiler/analysis/budget.ts");
  const start = cpu();
  const made = compile(words[0]);
  const compiled = cpu() - start;
  const loaded = loadPolicy(made.module);
  if (!loaded.ok) throw new Error(loaded.error.message);
  const before = cpu();
  const proven = judge({ ...made, loaded: loaded.value }, MOST_NODES);
  if (!proven.ok) throw new Error(proven.error.message);
  const verdicts = proven.value.claims.map(({ verdict }) => verdict);
  return {
    compiled,
    judged: cpu() - before,
    nodes: proven.value.nodes,
    says: verdicts.includes("not_proven") ? "NOT PROVEN" : `claims are ${verdicts.join(" and ")}`,
  };
}

async function diff({ compile, cpu }) {
  const { differenceOf } = await import("../../../compiler/analysis/difference.ts");
  const { SharedSets } = await import("../../../compiler/analysis/model.ts");
  const { withinBudget } = await import("../../../compiler/analysis/permitted.ts");
  const { differenceLines } = await import("../../../compiler/cli/analysis/difference_lines.ts");
  const { sideOfPolicy } = await import("../../../compiler/cli/analysis/side.ts");
  const start = cpu();
  const made = words.map((path) => ({ path, value: compile(path) }));
  const compiled = cpu() - start;
  const before = cpu();
  const shared = new SharedSets();
  const [old, next] = made.map(({ path, value }) => {
    const side = sideOfPolicy(path, value, shared);
    if (!side.ok) throw new Error(side.error.message);
    return side.value;
  });
  const found = withinBudget(() => {
    const difference = differenceOf(old.model, next.model);
    return { lines: differenceLines(difference, old, next).length, nodes: difference.space.diagrams.nodes };
  });
  const judged = cpu() - before;
  return found.ok ? { compiled, judged, nodes: found.value.nodes, says: `${found.value.lines} lines` } : { compiled, judged, nodes: 0, says: "NOT PROVEN" };
}
