// The imports that are allowed between folders. Every other import is forbidden on purpose, for the reason in the
// message.
import { posix } from "node:path";
import ts from "typescript";
import * as assert from "uvu/assert";
import { sources } from "./sources.ts";
import { suite } from "../suite.ts";

interface Folder {
  /** The path that a file of the folder starts with; the first folder that fits is a file's folder. */
  readonly at: string;
  readonly may: readonly string[];
  readonly packages: readonly string[];
  readonly node: boolean;
  readonly why: string;
}

const COMPILER = ["compiler/source/", "compiler/diagnostics/", "runtime/text/", "runtime/result/"];
const CHECK = ["compiler/policy/", "compiler/ast/nodes.ts", "compiler/syntax/keywords.ts", "runtime/abi/", "runtime/net/", ...COMPILER];
const pure = "the compiler runs in a browser and says the same for the same text";

const folders: readonly Folder[] = [
  { at: "runtime/abi/", may: ["runtime/abi/"], packages: [], node: false, why: "two compilers read these leaf files" },
  { at: "runtime/net/", may: ["runtime/net/"], packages: ["ipaddr.js"], node: false, why: "addresses are the same everywhere, also in a browser" },
  { at: "runtime/result/", may: ["runtime/result/"], packages: [], node: false, why: "every program returns expected failures in one shape" },
  { at: "runtime/text/", may: ["runtime/text/"], packages: [], node: false, why: "the compiler and the gateway show text alike" },
  { at: "runtime/engine/", may: ["runtime/engine/", "runtime/abi/"], packages: [], node: false, why: "the engine has zero imports" },
  { at: "runtime/envoy/", may: ["runtime/envoy/", "runtime/engine/", "runtime/abi/"], packages: [], node: false, why: "it imports from Envoy alone" },
  { at: "runtime/package/", may: ["runtime/package/"], packages: [], node: true, why: "a build replaces it, so it depends on nothing" },
  {
    at: "runtime/shell/",
    may: ["runtime/shell/", "runtime/package/", "runtime/host/", "runtime/abi/", "runtime/net/", "runtime/text/", "scripts/build.mjs", "runtime/result/"],
    packages: ["koffi"],
    node: true,
    why: "what all programs share knows none of them",
  },
  {
    at: "runtime/host/",
    may: ["runtime/host/", "runtime/package/", "runtime/abi/", "runtime/net/", "runtime/engine/build/", "runtime/result/"],
    packages: ["@assemblyscript/loader", "@noble/hashes"],
    node: true,
    why: "what decides must not depend on what compiles or serves",
  },
  {
    at: "runtime/distribution/",
    may: ["runtime/distribution/", "runtime/host/", "runtime/shell/clock.ts", "runtime/result/"],
    packages: [],
    node: true,
    why: "what is pulled is only a file until the host has checked it",
  },
  {
    at: "runtime/guard/",
    may: ["runtime/guard/", "runtime/shell/", "runtime/package/", "runtime/host/", "runtime/abi/", "runtime/net/", "runtime/text/", "runtime/result/"],
    packages: ["koffi"],
    node: true,
    why: "the guardrail works without a gateway",
  },
  { at: "runtime/os/", may: ["runtime/os/", "runtime/abi/"], packages: [], node: false, why: "what runs on bare metal has no Node and no C library" },
  {
    at: "compiler/cli/",
    may: [
      "compiler/",
      "runtime/distribution/",
      "runtime/shell/",
      "runtime/package/",
      "runtime/host/",
      "runtime/abi/",
      "runtime/net/",
      "runtime/text/",
      "runtime/result/",
      "runtime/engine/build/",
      "runtime/envoy/build/",
    ],
    packages: ["smol-toml", "vscode-languageserver", "vscode-languageserver-textdocument"],
    node: true,
    why: "the command line evaluates the shipped module and never uses the gateway",
  },
  {
    at: "compiler/source/",
    may: ["compiler/source/", "runtime/abi/", "runtime/text/", "runtime/result/"],
    packages: [],
    node: false,
    why: `${pure}; every phase reads texts and places`,
  },
  {
    at: "compiler/diagnostics/",
    may: ["compiler/diagnostics/", "compiler/source/", "runtime/abi/", "runtime/text/", "runtime/result/"],
    packages: [],
    node: false,
    why: `${pure}; every phase makes diagnostics`,
  },
  {
    at: "compiler/policy/",
    may: ["compiler/policy/", "runtime/abi/", "runtime/net/", ...COMPILER],
    packages: [],
    node: false,
    why: `${pure}; the checked policy is types alone`,
  },
  { at: "compiler/syntax/", may: ["compiler/syntax/", ...COMPILER], packages: ["chevrotain"], node: false, why: pure },
  {
    at: "compiler/ast/",
    may: ["compiler/ast/", "compiler/syntax/", ...COMPILER],
    packages: [],
    node: false,
    why: `${pure}; only compiler/syntax imports Chevrotain`,
  },
  {
    at: "compiler/json/",
    may: ["compiler/json/", "compiler/ast/nodes.ts", "compiler/syntax/keywords.ts", ...COMPILER],
    packages: [],
    node: false,
    why: `${pure}; source JSON is another spelling of the tree`,
  },
  {
    at: "compiler/format/",
    may: ["compiler/format/", "compiler/ast/", "compiler/json/encode.ts", "compiler/syntax/", ...COMPILER],
    packages: [],
    node: false,
    why: `${pure}; the formatter knows the tree and no checks`,
  },
  {
    at: "compiler/check/names/",
    may: ["compiler/check/names/", ...CHECK],
    packages: [],
    node: false,
    why: `${pure}; names and literals come before sets and rules`,
  },
  {
    at: "compiler/check/sets/",
    may: ["compiler/check/sets/", "compiler/check/names/", ...CHECK],
    packages: [],
    node: false,
    why: `${pure}; sets are computed from names and literals, before rules`,
  },
  {
    at: "compiler/check/rules/",
    may: ["compiler/check/rules/", "compiler/check/sets/", "compiler/check/names/", ...CHECK],
    packages: [],
    node: false,
    why: `${pure}; rules are checked with names and sets`,
  },
  {
    at: "compiler/check/",
    may: ["compiler/check/", ...CHECK],
    packages: [],
    node: false,
    why: `${pure}; a phase reads the types-only file of the phase before`,
  },
  {
    at: "compiler/lower/",
    may: ["compiler/lower/", "compiler/policy/", "runtime/abi/", "runtime/net/", ...COMPILER],
    packages: [],
    node: false,
    why: `${pure}; a phase reads the types-only file of the phase before`,
  },
  {
    at: "compiler/emit/",
    may: ["compiler/emit/", "compiler/lower/tables.ts", "compiler/policy/", "runtime/abi/", "runtime/net/", "runtime/engine/build/", ...COMPILER],
    packages: ["@noble/hashes"],
    node: false,
    why: `${pure}; a phase reads the types-only file of the phase before`,
  },
  {
    at: "compiler/analysis/",
    may: ["compiler/analysis/", "compiler/check/sets/", "compiler/policy/", "runtime/abi/", "runtime/net/", ...COMPILER],
    packages: [],
    node: false,
    why: `${pure}; it reads modules, and nothing of how they are made`,
  },
  {
    at: "compiler/import/",
    may: ["compiler/", "runtime/abi/", "runtime/net/", "runtime/text/", "runtime/result/"],
    packages: ["yaml"],
    node: false,
    why: pure,
  },
  {
    at: "compiler/",
    may: ["compiler/", "runtime/abi/", "runtime/net/", "runtime/text/", "runtime/result/", "runtime/engine/build/", "runtime/envoy/build/"],
    packages: ["@noble/hashes"],
    node: false,
    why: pure,
  },
  {
    at: "gateway/",
    may: [
      "gateway/",
      "runtime/distribution/",
      "runtime/shell/",
      "runtime/package/",
      "runtime/host/",
      "runtime/guard/",
      "runtime/abi/",
      "runtime/net/",
      "runtime/text/",
      "runtime/result/",
    ],
    packages: ["ajv", "smol-toml", "koffi"],
    node: true,
    why: "the gateway loads only .wasm: it never compiles, so it can't be made to",
  },
  {
    at: "docs/playground/",
    may: [
      "docs/playground/",
      // The bundle has no module of Node, so none of these files has a side effect.
      "compiler/cli/",
      "compiler/",
      "policies/",
      "runtime/host/",
      "runtime/net/",
      "runtime/result/",
    ],
    packages: ["@codemirror/commands", "@codemirror/language", "@codemirror/lint", "@codemirror/state", "@codemirror/view", "@lezer/highlight"],
    node: false,
    why: "the page runs in a browser, from one file",
  },
  {
    at: "policies/",
    may: ["policies/", "gateway/client/", "runtime/host/debugger.mjs", "runtime/shell/start.mjs"],
    packages: [],
    node: true,
    why: "an example uses the product as its users do",
  },
];

const ROOMS = ["compiler/", "runtime/", "gateway/", "policies/", "docs/playground/"];

interface Arrow {
  readonly from: string;
  readonly specifier: string;
  /** Path from the project's top, or null for a package or a node: module. */
  readonly to: string | null;
}

const files = sources(".ts", ".mjs").filter((f) => ROOMS.some((top) => f.path.startsWith(top)));

function arrowsOf(path: string, text: string): Arrow[] {
  return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName: specifier }) => {
    if (!specifier.startsWith(".")) return { from: path, specifier, to: null };
    const to = posix.join(posix.dirname(path), specifier);
    // AssemblyScript writes no endings.
    return { from: path, specifier, to: /^runtime\/(engine|os\/net)\//.test(path) && !to.endsWith(".ts") ? `${to}.ts` : to };
  });
}

const arrows = files.flatMap((f) => arrowsOf(f.path, f.text));

function refusal({ from, specifier, to }: Arrow): string | null {
  const folder = folders.find((r) => from.startsWith(r.at));
  if (folder === undefined) return `${from} is in no known folder`;
  const says = `${from} must not import ${specifier}: ${folder.why}`;
  if (to !== null) {
    if (!folder.may.includes("compiler/cli/") && !folder.at.startsWith("compiler/cli/") && to.startsWith("compiler/cli/"))
      return `${from} must not import ${specifier}: only the command line has side effects`;
    return folder.may.some((m) => (m.endsWith("/") ? to.startsWith(m) : to === m)) ? null : says;
  }
  if (specifier.startsWith("node:")) return folder.node ? null : says;
  const name = specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
  return folder.packages.includes(name) || (name === "tsx" && from.endsWith(".mjs")) ? null : says;
}

const house = suite("arrows");

house("the check finds files and imports", () => {
  assert.ok(files.length > 20, `only ${files.length} files`);
  assert.ok(arrows.length > 20, `only ${arrows.length} imports`);
});

house("the freestanding host includes its own headers, what is made for it, and the compiler's alone", () => {
  const own = sources(".c", ".h").filter((f) => f.path.startsWith("runtime/os/"));
  const names = new Set([
    ...own.map((f) => f.path.split("/").at(-1)),
    "abi.h",
    "engine.h",
    "net_wasm.h",
    "numbers.h",
    "stdarg.h",
    "stdbool.h",
    "stddef.h",
    "stdint.h",
  ]);
  assert.ok(own.length >= 4, `only ${own.length} files`);
  const strange = own.flatMap((f) =>
    [...f.text.matchAll(/^#include ["<]([^">]+)[">]/gm)].flatMap(([, name = ""]) => (names.has(name) ? [] : [`${f.path}: ${name}`])),
  );
  assert.equal(strange, []);
});

house("every import is allowed", () => {
  assert.equal(
    arrows.flatMap((a) => refusal(a) ?? []),
    [],
  );
});

house("the rules refuse forbidden imports", () => {
  const refused: readonly (readonly [string, string])[] = [
    ["gateway/daemon.ts", "../compiler/compile.ts"],
    ["gateway/admit/admit.ts", "../../compiler/policy/policy.ts"],
    ["compiler/check/check.ts", "node:fs"],
    ["compiler/check/names/expand.ts", "../sets/nets.ts"],
    ["compiler/check/sets/nets.ts", "../rules/rules.ts"],
    ["compiler/check/sets/nets.ts", "../check.ts"],
    ["compiler/check/rules/rules.ts", "../../lower/tables.ts"],
    ["compiler/diagnostics/render.ts", "../ast/nodes.ts"],
    ["compiler/source/source.ts", "../diagnostics/codes.ts"],
    ["compiler/format/print.ts", "../check/names/scopes.ts"],
    ["compiler/json/encode.ts", "../format/format.ts"],
    ["compiler/compile.ts", "./cli/main.ts"],
    ["compiler/compile.ts", "../runtime/host/load.ts"],
    ["compiler/lower/order.ts", "../ast/nodes.ts"],
    ["compiler/ast/build.ts", "chevrotain"],
    ["compiler/cli/main.ts", "../../gateway/config.ts"],
    ["runtime/host/ask.ts", "../../gateway/clock.ts"],
    ["runtime/host/load.ts", "../../compiler/compile.ts"],
    ["runtime/shell/watch.ts", "../guard/main.ts"],
    ["runtime/shell/watch.ts", "../../gateway/clock.ts"],
    ["runtime/abi/names.ts", "../net/address.ts"],
    ["runtime/net/address.ts", "node:net"],
    ["runtime/engine/main.ts", "../net/address"],
    ["runtime/os/net/tcp.ts", "../../engine/decide"],
    ["runtime/os/net/tcp.ts", "node:net"],
    ["elsewhere/new.ts", "node:fs"],
  ];
  for (const [from, specifier] of refused) {
    const [arrow] = arrowsOf(from, `import "${specifier}";`);
    assert.ok(arrow !== undefined && refusal(arrow) !== null, `${from} -> ${specifier} passes`);
  }
  const passed: readonly (readonly [string, string])[] = [
    ["compiler/cli/main.ts", "node:fs"],
    ["compiler/cli/main.ts", "../../runtime/host/ask.ts"],
    ["gateway/daemon.ts", "../runtime/host/load.ts"],
    ["compiler/syntax/parse.ts", "chevrotain"],
  ];
  for (const [from, specifier] of passed) {
    const [arrow] = arrowsOf(from, `import x from "${specifier}";`);
    assert.ok(arrow !== undefined && refusal(arrow) === null, `${from} -> ${specifier} is refused`);
  }
});

/** The cycles of a graph, each as a path that ends where it begins. */
function cyclesIn(edges: readonly (readonly [from: string, to: string])[]): string[] {
  const next = new Map<string, string[]>();
  for (const [from, to] of edges) next.set(from, [...(next.get(from) ?? []), to]);
  const done = new Set<string>();
  const visit = (at: string, path: readonly string[]): string | null => {
    if (path.includes(at)) return [...path.slice(path.indexOf(at)), at].join(" -> ");
    if (done.has(at)) return null;
    let cycle: string | null = null;
    for (const to of next.get(at) ?? []) cycle ??= visit(to, [...path, at]);
    done.add(at);
    return cycle;
  };
  return [...next.keys()].flatMap((at) => visit(at, []) ?? []);
}

house("no import cycles between files", () => {
  assert.equal(cyclesIn(arrows.flatMap(({ from, to }) => (to === null ? [] : [[from, to] as const]))), []);
});

/** Below these no folder imports another folder that imports it. */
const LAYERED = ["compiler/", "runtime/"];
/** These count as one folder with those inside them. */
const ONE_FOLDER = ["compiler/cli/"];

function folderOf(path: string): string {
  return ONE_FOLDER.find((folder) => path.startsWith(folder)) ?? `${posix.dirname(path)}/`;
}

/** The imports that lead from one layered folder to another. */
function betweenFolders(imports: readonly Arrow[]): (readonly [from: string, to: string])[] {
  return imports.flatMap(({ from, to }) => {
    if (to === null || !LAYERED.some((top) => from.startsWith(top)) || !LAYERED.some((top) => to.startsWith(top))) return [];
    const [a, b] = [folderOf(from), folderOf(to)];
    return a === b ? [] : [[a, b] as const];
  });
}

house("no import cycles between folders", () => {
  const edges = betweenFolders(arrows);
  assert.ok(edges.length > 50, `only ${edges.length} imports between folders`);
  assert.equal(cyclesIn(edges), []);
  const back = arrowsOf("compiler/check/names/scopes.ts", 'import "../rules/rules.ts";');
  assert.equal(cyclesIn(betweenFolders([...arrows, ...back])).length > 0, true, "an import from names to rules is not found");
  const two = [...arrowsOf("runtime/a/one.ts", 'import "../b/two.ts";'), ...arrowsOf("runtime/b/three.ts", 'import "../a/four.ts";')];
  assert.equal(cyclesIn(betweenFolders(two)), ["runtime/a/ -> runtime/b/ -> runtime/a/"]);
});

house("permits are made in one file only", () => {
  const others = files
    .filter((f) => /\bmintPermit\b/.test(f.text))
    .map((f) => f.path)
    .filter((p) => p !== "runtime/host/answers.ts" && p !== "runtime/host/decision.ts");
  assert.equal(others, []);
});

/** Everywhere else, time is an argument. */
const CLOCKS = new Set(["runtime/shell/clock.ts", "compiler/cli/terminal.ts", "docs/playground/source/main.ts"]);

house("only the clocks read the time", () => {
  const readers = files.filter((f) => /\b(Date\.now|performance\.now|hrtime)\b|\bnew Date\(\s*\)/.test(f.text.replace(/\/\/.*$/gm, "")));
  assert.equal(
    readers.map((f) => f.path).filter((p) => !CLOCKS.has(p)),
    [],
  );
});

house("pure folders use no randomness and no environment", () => {
  const pureFolders = files.filter((f) => folders.find((r) => f.path.startsWith(r.at))?.node === false);
  const unclean = pureFolders.filter((f) =>
    /\bMath\.random\b|\bprocess\.|\bglobalThis\b|\bconsole\.(?!ingress")|\bcrypto\./.test(f.text.replace(/\/\/.*$/gm, "")),
  );
  assert.equal(
    unclean.map((f) => f.path),
    [],
  );
});

house.run();
