// The generated part of docs/performance.md, from recorded results alone: the same results give the
// same text.
import { isMet, REQUIREMENTS } from "./required.ts";
import { isDecided, type OnNode, type Outcome, type Results, type World } from "./results.ts";
import { SUBJECTS, type Subject } from "./subjects.ts";
import { bytes, digits, duration, spread, table, thousands } from "./text.ts";

const nodesOf = ({ nodes }: Results): readonly (readonly [version: string, figures: OnNode])[] => Object.entries(nodes);

export function requiredTable(results: Results): string {
  const nodes = nodesOf(results);
  const causes: string[] = [];
  const rows = REQUIREMENTS.map((requirement) => {
    const reached = nodes.map(([, node]) => requirement.reached(node, results));
    const short = reached.some((r) => r !== null && !isMet(requirement, r));
    const verdict =
      reached.every((r) => r === null) ? "not measured"
      : short ? "**falls short**"
      : "reached";
    if (short) causes.push(`- *${requirement.work}*: ${requirement.cause ?? "the cause is not known yet."}`);
    return [requirement.work, requirement.required, ...reached.map((r) => r?.text ?? "not measured"), verdict];
  });
  const made = table(["work", "required", ...nodes.map(([version]) => `Node ${version}`), ""], rows);
  return causes.length === 0 ? made : `${made}\n\nWhat falls short, and why:\n\n${causes.join("\n")}`;
}

function cell(outcome: Outcome | undefined, shape: "hot" | "random"): string {
  if (outcome === undefined) return "";
  if ("stopped" in outcome) return `> ${outcome.stopped} s, stopped`;
  if ("notTried" in outcome) return "not tried";
  if ("failed" in outcome) return "failed";
  const { [shape]: figure, reference } = outcome;
  const ratio = reference === undefined ? "" : ` ×${digits(figure.median / reference.median)}`;
  return `${spread(figure)}${ratio}`;
}

function wrongCell(outcomes: readonly (Outcome | undefined)[]): string {
  const answers = outcomes.filter(isDecided).map((o) => o.answers);
  if (answers.length === 0) return "";
  const sum = (of: "asked" | "wrong"): number => answers.reduce((n, a) => n + a[of], 0);
  return `${thousands(sum("wrong"))} of ${thousands(sum("asked"))}`;
}

type Lookup = (world: World, subject: string) => Outcome | undefined;

const lookup =
  (node: OnNode, results: Results): Lookup =>
  (world, subject) =>
    node.decide[world.name]?.[subject] ?? results.proxies[world.name]?.[subject];

function decisionTable(worlds: readonly World[], find: Lookup): string {
  const rows = SUBJECTS.flatMap(({ id, label }: Subject) => {
    const outcomes = worlds.map((world) => find(world, id));
    if (outcomes.every((o) => o === undefined)) return [];
    return (["hot", "random"] as const).map((shape) => [
      shape === "hot" ? label : "",
      shape,
      ...outcomes.map((o) => cell(o, shape)),
      shape === "hot" ? wrongCell(outcomes) : "",
    ]);
  });
  return table(["", "", ...worlds.map(({ size }) => thousands(size)), "wrong answers"], rows);
}

function loadTable(worlds: readonly World[], find: Lookup): string {
  const rows = SUBJECTS.filter(({ loads }) => loads).flatMap(({ id, label }) => {
    const outcomes = worlds.map((world) => find(world, id));
    if (!outcomes.some(isDecided)) return [];
    return [[label, ...outcomes.map((o) => (isDecided(o) ? `${duration(o.loadMs * 1e6)}, ${digits(Math.max(0, o.rssMiB))} MiB` : cell(o, "hot")))]];
  });
  return table(["", ...worlds.map(({ size }) => thousands(size))], rows);
}

const TITLES = { "list 4": "IPv4", "list 6": "IPv6", "names 4": "Names of a ClientHello (SNI)" } as const;

function decisions(results: Results): string {
  const parts: string[] = [];
  for (const [kind, title] of Object.entries(TITLES)) {
    const worlds = results.worlds.filter((w) => `${w.kind} ${w.family}` === kind);
    if (worlds.length === 0) continue;
    for (const [version, node] of nodesOf(results)) {
      parts.push(`### ${title}, Node ${version}`, decisionTable(worlds, lookup(node, results)));
    }
  }
  return parts.join("\n\n");
}

function worldText({ kind, family, size, rules }: World): string {
  switch (kind) {
    case "list":
      return `${thousands(size)} prefixes, IPv${family}`;
    case "names":
      return `${thousands(size)} host names`;
    case "rules":
      return `${thousands(rules)} rules x ${thousands(size)} prefixes`;
  }
}

function compileTable(results: Results): string {
  const nodes = nodesOf(results);
  const rows = results.worlds.flatMap((world) => {
    const figures = nodes.map(([, node]) => node.compile[world.name]);
    const one = figures.find((f) => f !== undefined);
    if (one === undefined) return [];
    const times = figures.map((f) =>
      f === undefined ? "" : (
        `${duration(f.coldMs * 1e6)} (CPU ${duration(f.coldCpuMs * 1e6)})${f.warmMs === null ? "" : `, again ${duration(f.warmMs * 1e6)}`}; ${digits(f.peakMiB)} MiB (+${digits(Math.max(0, f.peakMiB - f.beforeMiB))})`
      ),
    );
    const same = new Set(figures.map((f) => f?.sha256)).size === 1;
    return [[worldText(world), ...times, `${bytes(one.coreBytes)}${same ? "" : ", **differs between Nodes**"}`, thousands(one.maxSteps)]];
  });
  return table(["", ...nodes.map(([version]) => `Node ${version}`), "module", "most steps"], rows);
}

function swapTable(results: Results): string {
  const rows = nodesOf(results).flatMap(([version, { swap }]) =>
    swap.map((s) => [
      `${bytes(s.bytes)}, Node ${version}`,
      `${digits(s.stopMs.median)} ms, at most ${digits(s.stopMs.most)} ms`,
      `${digits(s.stopCpuMs.median)} ms`,
      `${digits(s.quietMs.median)} ms, at most ${digits(s.quietMs.most)} ms`,
      `${digits(s.wholeMs.median)} ms`,
      `${thousands(s.visits.served)}, ${s.visits.failed} failed`,
    ]),
  );
  return table(["module", "longest stop", "CPU time of it", "longest stop without a swap", "whole reload", "visits meanwhile"], rows);
}

function notes(results: Results): string {
  const lines: string[] = [];
  const seen = new Set<string>();
  const note = (where: string, subject: string, outcome: Outcome): void => {
    const label = SUBJECTS.find(({ id }) => id === subject)?.label ?? subject;
    const text =
      "notTried" in outcome ? `not tried: ${outcome.notTried}`
      : "failed" in outcome ? `failed: ${outcome.failed}`
      : null;
    if (text !== null && !seen.has(`${label} ${where} ${text}`)) {
      seen.add(`${label} ${where} ${text}`);
      lines.push(`- ${label}, ${where}: ${text}`);
    }
  };
  for (const world of results.worlds) {
    for (const [version, { decide }] of nodesOf(results)) {
      for (const [subject, outcome] of Object.entries(decide[world.name] ?? {})) note(`${worldText(world)}, Node ${version}`, subject, outcome);
    }
    for (const [subject, outcome] of Object.entries(results.proxies[world.name] ?? {})) note(worldText(world), subject, outcome);
  }
  return [...lines, ...results.skipped.map((line) => `- Left out: ${line}`)].join("\n");
}

function made({ made: day, machine: { cpu, cores, memoryGiB, kernel }, versions, nodes, seconds, proxies }: Results): string {
  const servers = new Set(
    Object.values(proxies).flatMap((at) => Object.values(at).map((o) => o.version?.replace(/^nginx version: /, "").replace(/ 20\d\d.*$/, ""))),
  );
  const all = [...Object.entries(versions).map(([name, version]) => `${name} ${version}`), ...[...servers].filter((s) => s !== undefined)];
  return `Measured on ${day} in ${Math.round(seconds / 60)} minutes: ${cpu}, ${cores} cores, ${memoryGiB} GiB, Linux ${kernel}; Node ${Object.keys(nodes).join(" and ")}; ${all.join(", ")}.`;
}

export function page(results: Results): string {
  const v4 = results.worlds.filter(({ kind, family }) => kind === "list" && family === 4);
  const loads = nodesOf(results)
    .slice(-1)
    .map(([version, node]) => `Node ${version}; time, and growth of the process.\n\n${loadTable(v4, lookup(node, results))}`);
  const rest = notes(results);
  return [
    "## Required against reached",
    made(results),
    requiredTable(results),
    "## Decisions",
    "![Nanoseconds a decision by the number of prefixes](performance.svg)",
    decisions(results),
    ...(rest === "" ? [] : [rest]),
    "## Compiling",
    "First time in a fresh process with the CPU time of all its threads, then again; the largest that the process became, and how much of it came by compiling.",
    compileTable(results),
    "## Loading an IPv4 list",
    ...loads,
    "## Swapping",
    swapTable(results),
    "## Floods",
    results.floods
      .map(
        (f) =>
          `- ${f.name}: ${thousands(f.served)} of ${thousands(f.asked)} newcomers served; the abuser got ${f.abuser} of at most ${f.due}; ${thousands(f.places)} places`,
      )
      .join("\n"),
  ].join("\n\n");
}
