// Writes the generated files of crates/: the engine's C with its host, the numbers of runtime/abi as constants, and verdicts,
// reasons and codes as enums. `npm run crates -- --check` only reports whether they are up to date.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { engineC } from "../compiler/cli/wasm2c.ts";
import { abiHeader, engineSha256 } from "../compiler/emit/native.ts";
import * as abi from "../runtime/abi/layout.ts";
import { CODES, REASON_NAMES } from "../runtime/abi/names.ts";
import * as v from "../runtime/abi/verdicts.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const SYS = "crates/ingress-engine-sys";
/** The host's files, in runtime/os and in the folder `c` of the crate, which is whole without this project. */
const HOST_FILES = ["host.c", "host.h", "memory.c", "wasm-rt.h", "include/alloca.h", "include/assert.h", "include/math.h", "include/string.h"];
/** Codes from here on are the gateway's and the guard's, which the engine never answers with. */
const ENGINE_CODES = 150;
const HEAD = "// Written by `npm run crates`. Change runtime/abi instead.\n";

const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

/** `cap_listener` as `CapListener`. */
const camel = (word: string): string => word.replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
const capital = (sentence: string): string => `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}`;

interface Row {
  /** `DENY_RULE` */
  readonly name: string;
  readonly number: number;
  readonly word: string;
  /** A sentence with its full stop. */
  readonly says: string;
}

/** The comments of verdicts.ts above its verdicts. */
function verdicts(): readonly Row[] {
  const text = read("runtime/abi/verdicts.ts");
  return [...text.matchAll(/^\/\*\* (.*) \*\/\nexport const VERDICT_(\w+) = (\d+);$/gm)].map(([, says = "", name = "", number]) => ({
    name,
    number: Number(number),
    word: name.toLowerCase(),
    says,
  }));
}

function reasons(): readonly Row[] {
  return Object.entries(REASON_NAMES).map(([number, word]) => ({
    name: word.toUpperCase(),
    number: Number(number),
    word,
    says: word === "none" ? "No deny." : `The word \`${word}\` of markers and audit records.`,
  }));
}

function codes(): readonly (Row & { readonly reason: string; readonly admits: boolean })[] {
  return Object.entries(CODES)
    .map(([number, { name, reason, says }]) => ({
      name: name.toUpperCase(),
      number: Number(number),
      word: name,
      says: `${capital(says)}.`,
      reason: REASON_NAMES[reason],
      admits: reason === v.REASON_NONE && ![v.CODE_OPEN, v.CODE_OPEN_IDENTITY].some((open) => open === Number(number)),
    }))
    .filter(({ number }) => number < ENGINE_CODES);
}

/** The numbers of `ingress_load`, with their comments in host.h. */
function refusals(): readonly Row[] {
  const [, list = ""] = /enum \{\n([^}]*)\};/.exec(read("runtime/os/host.h")) ?? [];
  return [...list.matchAll(/INGRESS_(\w+) = (\d+),(?:\s+\/\* (.*) \*\/)?/g)].map(([, name = "", number, says = "the policy is loaded"]) => ({
    name,
    number: Number(number),
    word: name.toLowerCase(),
    says: `${capital(says)}.`,
  }));
}

function constants(): string {
  const lines = (prefix: string, rows: readonly Row[]): string =>
    rows.map(({ name, number, says }) => `/// ${says}\npub const ${prefix}${name}: i32 = ${number};\n`).join("");
  return [
    "//! The numbers of the engine's interface, as runtime/abi and c/host.h have them.\n",
    HEAD,
    "\n/// The version of the tables that the engine reads.\n",
    `pub const ABI_VERSION: u32 = ${abi.ABI_VERSION};\n`,
    "/// SHA-256 of the engine's code; `policy.bin` names the engine that its tables are for.\n",
    `pub const ENGINE_SHA256: [u8; 32] = [${[...engineSha256()].map((byte) => `0x${byte.toString(16).padStart(2, "0")}`).join(", ")}];\n`,
    "/// The longest name that a client may request, in bytes.\n",
    `pub const MAX_NAME_BYTES: usize = ${abi.MAX_NAME_BYTES};\n`,
    "/// No rule decided.\n",
    `pub const NO_RULE: i32 = ${abi.NO_RULE};\n`,
    "\n// Results of loading a policy.\n",
    lines("", refusals()),
    "\n// Verdicts.\n",
    lines("VERDICT_", verdicts()),
    "\n// Reasons.\n",
    lines("REASON_", reasons()),
    "\n// Codes.\n",
    lines("CODE_", codes()),
  ].join("");
}

function enumOf(name: string, says: string, rows: readonly Row[]): string {
  const each = (line: (row: Row) => string): string => rows.map(line).join("");
  return `
/// ${says}
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ${name} {
${each((row) => `    /// ${row.says}\n    ${camel(row.word)},\n`)}}

impl ${name} {
    /// The one with this number; \`None\` where there is none.
    pub const fn from_number(number: i32) -> Option<${name}> {
        match number {
${each((row) => `            ${row.number} => Some(${name}::${camel(row.word)}),\n`)}            _ => None,
        }
    }

    /// Its number in the engine's interface.
    pub const fn number(self) -> i32 {
        match self {
${each((row) => `            ${name}::${camel(row.word)} => ${row.number},\n`)}        }
    }

    /// Its word in markers, audit records and documents.
    pub const fn name(self) -> &'static str {
        match self {
${each((row) => `            ${name}::${camel(row.word)} => "${row.word}",\n`)}        }
    }
}
`;
}

function enums(): string {
  const all = codes();
  const reasonArms = reasons().map(({ word }) => {
    const of = all.filter(({ reason }) => reason === word).map((row) => `Code::${camel(row.word)}`);
    return `            ${of.join(" | ")} => Reason::${camel(word)},\n`;
  });
  const admitting = all.filter(({ admits }) => admits).map((row) => `Code::${camel(row.word)}`);
  return [
    "//! Verdicts, reasons and codes, as runtime/abi has them.\n",
    HEAD,
    enumOf("Verdict", "What an answer says. Only [`Allow`](Verdict::Allow) permits.", verdicts()),
    enumOf("Reason", "Why a deny: the only words that markers have.", reasons()),
    enumOf("Code", "What decided, finer than the reason.", all),
    `
impl Code {
    /// The reason of every answer with this code.
    pub const fn reason(self) -> Reason {
        match self {
${reasonArms.join("")}        }
    }

    /// Whether an allow has this code.
    pub(crate) const fn admits(self) -> bool {
        matches!(self, ${admitting.join(" | ")})
    }
}
`,
  ].join("");
}

/** The generated files by their path in the project. Throws Error where wasm2c is missing, or wrote other C. */
export function filesOfCrates(): ReadonlyMap<string, string> {
  const made = engineC();
  if (!made.ok) throw new Error(`${made.error.message}; ${made.error.help}`);
  return new Map([
    [`${SYS}/c/engine.c`, made.value.source],
    [`${SYS}/c/engine.h`, made.value.header],
    [`${SYS}/c/abi.h`, abiHeader()],
    ...HOST_FILES.map((name) => [`${SYS}/c/${name}`, read(`runtime/os/${name}`)] as const),
    [`${SYS}/src/numbers.rs`, constants()],
    ["crates/ingress-engine/src/words.rs", enums()],
  ]);
}

/** The paths whose text is not `files`'. */
export function stale(files: ReadonlyMap<string, string>, textOf: (path: string) => string | null): readonly string[] {
  return [...files].filter(([path, text]) => textOf(path) !== text).map(([path]) => path);
}

function onDisk(path: string): string | null {
  try {
    return read(path);
  } catch {
    return null;
  }
}

function main(): void {
  const files = filesOfCrates();
  const old = stale(files, onDisk);
  if (process.argv.includes("--check")) {
    for (const path of old) console.error(`${path} is not up to date: npm run crates`);
    process.exitCode = old.length === 0 ? 0 : 1;
    return;
  }
  for (const path of old) {
    mkdirSync(dirname(join(ROOT, path)), { recursive: true });
    writeFileSync(join(ROOT, path), files.get(path) ?? "");
    console.log(path);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) main();
