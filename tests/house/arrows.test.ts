// Who may import whom. An arrow that is missing here is missing on purpose: the message says
// what it protects.
import { posix } from "node:path";
import ts from "typescript";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { sources } from "./sources.ts";

interface Room {
  /** The path that a file of the room starts with; the first room that fits is a file's room. */
  readonly at: string;
  readonly may: readonly string[];
  readonly packages: readonly string[];
  readonly node: boolean;
  readonly why: string;
}

const COMPILER = ["compiler/source.ts", "compiler/diagnostic.ts", "compiler/codes.ts", "compiler/bounds.ts", "compiler/nearest.ts", "compiler/quote.ts", "runtime/text/", "runtime/result/"];
const pure = "the compiler runs in a browser and says the same for the same text";

const rooms: readonly Room[] = [
  { at: "runtime/abi/", may: ["runtime/abi/"], packages: [], node: false, why: "two compilers read these leaf files" },
  { at: "runtime/net/", may: ["runtime/net/"], packages: ["ipaddr.js"], node: false, why: "addresses are the same everywhere, also in a browser" },
  { at: "runtime/result/", may: ["runtime/result/"], packages: [], node: false, why: "every program returns expected failures in one shape" },
  { at: "runtime/text/", may: ["runtime/text/"], packages: [], node: false, why: "the compiler and the gateway show text alike" },
  { at: "runtime/engine/", may: ["runtime/engine/", "runtime/abi/"], packages: [], node: false, why: "the engine has zero imports" },
  { at: "runtime/package/", may: ["runtime/package/"], packages: [], node: true, why: "a build replaces it, so it depends on nothing" },
  { at: "runtime/shell/", may: ["runtime/shell/", "runtime/package/", "runtime/host/", "runtime/abi/", "runtime/net/", "scripts/build.mjs", "runtime/result/"], packages: ["koffi"], node: true, why: "what all programs share knows none of them" },
  { at: "runtime/host/", may: ["runtime/host/", "runtime/package/", "runtime/abi/", "runtime/net/", "runtime/engine/build/", "runtime/result/"], packages: ["@assemblyscript/loader", "@noble/hashes"], node: true, why: "what decides must not depend on what compiles or serves" },
  { at: "runtime/guard/", may: ["runtime/guard/", "runtime/shell/", "runtime/package/", "runtime/host/", "runtime/abi/", "runtime/net/", "runtime/result/"], packages: ["koffi"], node: true, why: "the guardrail works without a gateway" },
  { at: "runtime/os/", may: ["runtime/os/", "runtime/abi/"], packages: [], node: false, why: "what runs on bare metal has no Node and no C library" },
  { at: "compiler/cli/", may: ["compiler/", "runtime/shell/", "runtime/package/", "runtime/host/", "runtime/abi/", "runtime/net/", "runtime/text/", "runtime/result/", "runtime/engine/build/"], packages: [], node: true, why: "the command line asks the shipped module and never the gateway" },
  { at: "compiler/syntax/", may: ["compiler/syntax/", ...COMPILER], packages: ["chevrotain"], node: false, why: pure },
  { at: "compiler/ast/", may: ["compiler/ast/", "compiler/syntax/", ...COMPILER], packages: [], node: false, why: `${pure}; only compiler/syntax knows Chevrotain` },
  { at: "compiler/check/", may: ["compiler/check/", "compiler/ast/nodes.ts", "compiler/syntax/keywords.ts", "runtime/abi/", "runtime/net/", ...COMPILER], packages: [], node: false, why: `${pure}; a phase reads the types-only file of the phase before` },
  { at: "compiler/lower/", may: ["compiler/lower/", "compiler/check/policy.ts", "runtime/abi/", "runtime/net/", ...COMPILER], packages: [], node: false, why: `${pure}; a phase reads the types-only file of the phase before` },
  { at: "compiler/emit/", may: ["compiler/emit/", "compiler/lower/tables.ts", "compiler/check/policy.ts", "runtime/abi/", "runtime/net/", "runtime/engine/build/", ...COMPILER], packages: ["@noble/hashes"], node: false, why: `${pure}; a phase reads the types-only file of the phase before` },
  { at: "compiler/", may: ["compiler/", "runtime/abi/", "runtime/net/", "runtime/text/", "runtime/result/", "runtime/engine/build/"], packages: ["@noble/hashes"], node: false, why: pure },
  { at: "gateway/", may: ["gateway/", "runtime/shell/", "runtime/package/", "runtime/host/", "runtime/guard/", "runtime/abi/", "runtime/net/", "runtime/text/", "runtime/result/"], packages: ["ajv", "smol-toml", "koffi"], node: true, why: "the gateway loads only .wasm: it never compiles, so it can't be made to" },
  { at: "policies/", may: ["policies/", "gateway/client/", "runtime/host/debugger.mjs"], packages: [], node: true, why: "an example uses the product as its users do" },
];

const ROOMS = ["compiler/", "runtime/", "gateway/", "policies/"];

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
  const room = rooms.find((r) => from.startsWith(r.at));
  if (room === undefined) return `${from} stands in no known room`;
  const says = `${from} must not import ${specifier}: ${room.why}`;
  if (to !== null) {
    if (!room.at.startsWith("compiler/cli/") && to.startsWith("compiler/cli/")) return `${from} must not import ${specifier}: only the command line has the world in it`;
    return room.may.some((m) => (m.endsWith("/") ? to.startsWith(m) : to === m)) ? null : says;
  }
  if (specifier.startsWith("node:")) return room.node ? null : says;
  const name = specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
  return room.packages.includes(name) || (name === "tsx" && from.endsWith(".mjs")) ? null : says;
}

const house = suite("arrows");

house("there are files and arrows to look at", () => {
  assert.ok(files.length > 20, `only ${files.length} files`);
  assert.ok(arrows.length > 20, `only ${arrows.length} imports`);
});

house("the freestanding host includes its own headers, what is made for it, and the compiler's alone", () => {
  const own = sources(".c", ".h").filter((f) => f.path.startsWith("runtime/os/"));
  const names = new Set([...own.map((f) => f.path.split("/").at(-1)), "abi.h", "engine.h", "net_wasm.h", "numbers.h", "stdarg.h", "stdbool.h", "stddef.h", "stdint.h"]);
  assert.ok(own.length >= 4, `only ${own.length} files`);
  const strange = own.flatMap((f) => [...f.text.matchAll(/^#include ["<]([^">]+)[">]/gm)].flatMap(([, name = ""]) => (names.has(name) ? [] : [`${f.path}: ${name}`])));
  assert.equal(strange, []);
});

house("every import is one that the house has", () => {
  assert.equal(arrows.flatMap((a) => refusal(a) ?? []), []);
});

house("the rules refuse what they must", () => {
  const refused: readonly (readonly [string, string])[] = [
    ["gateway/daemon.ts", "../compiler/compile.ts"],
    ["gateway/admit/admit.ts", "../../compiler/check/policy.ts"],
    ["compiler/check/check.ts", "node:fs"],
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

house("no file imports itself by way of others", () => {
  const next = new Map<string, string[]>();
  for (const { from, to } of arrows) if (to !== null) next.set(from, [...(next.get(from) ?? []), to]);
  const done = new Set<string>();
  const visit = (path: string, way: readonly string[]): string | null => {
    if (way.includes(path)) return [...way.slice(way.indexOf(path)), path].join(" -> ");
    if (done.has(path)) return null;
    for (const to of next.get(path) ?? []) {
      const circle = visit(to, [...way, path]);
      if (circle !== null) return circle;
    }
    done.add(path);
    return null;
  };
  assert.equal([...next.keys()].flatMap((path) => visit(path, []) ?? []), []);
});

house("only the host's asker makes permits", () => {
  const others = files.filter((f) => /\bmintPermit\b/.test(f.text)).map((f) => f.path)
    .filter((p) => p !== "runtime/host/ask.ts" && p !== "runtime/host/decision.ts");
  assert.equal(others, []);
});

/** Time comes in as an argument everywhere else. */
const CLOCKS = new Set(["runtime/shell/clock.ts", "compiler/cli/terminal.ts"]);

house("only the clocks read the time", () => {
  const readers = files.filter((f) => /\b(Date\.now|performance\.now|hrtime)\b|\bnew Date\(\s*\)/.test(f.text.replace(/\/\/.*$/gm, "")));
  assert.equal(readers.map((f) => f.path).filter((p) => !CLOCKS.has(p)), []);
});

house("the pure rooms ask for no chance and no environment", () => {
  const pureRooms = files.filter((f) => rooms.find((r) => f.path.startsWith(r.at))?.node === false);
  const unclean = pureRooms.filter((f) => /\bMath\.random\b|\bprocess\.|\bglobalThis\b|\bconsole\.|\bcrypto\./.test(f.text.replace(/\/\/.*$/gm, "")));
  assert.equal(unclean.map((f) => f.path), []);
});

house.run();
