// The compiler, top to bottom: text -> tree -> checked policy -> tables -> module. Pure: files
// come through the reader, and what comes out is bytes and diagnostics. The tests of a policy are
// run in the finished module by the commands (compiler/cli).
import { overBudget } from "./check/rules/budget.ts";
import { check } from "./check/check.ts";
import type { Program } from "./check/names/program.ts";
import { osRefusals } from "./check/rules/host_only.ts";
import type { CheckedPolicy } from "./policy/policy.ts";
import type { Diagnostic } from "./diagnostics/diagnostic.ts";
import { codeBytes, engineBytes } from "./emit/engine.ts";
import type { Sha256 } from "./emit/hash.ts";
import { writeImage, type Image } from "./emit/image.ts";
import { semanticJson } from "./emit/json.ts";
import { sourceMap } from "./emit/map.ts";
import { profileOverflow } from "./emit/profile_overflow.ts";
import { spliceModule } from "./emit/module.ts";
import { exactSourcesPerDay, type StateSizes } from "./emit/state.ts";
import { selfTests } from "./emit/vectors.ts";
import { lower } from "./lower/lower.ts";
import type { PolicyTables } from "./lower/tables.ts";
import { load, type ReadTree } from "./load.ts";
import { tooLarge } from "./too_large.ts";
import type { SourceFile, SourceReader } from "./source/source.ts";
import { PAGE_BYTES } from "../runtime/abi/layout.ts";
import { OS_CODE_BYTES, type Profile } from "../runtime/abi/profiles.ts";
import { readSections, SECTION_POLICY } from "../runtime/abi/sections.ts";

export interface CompileStats {
  readonly listeners: number;
  readonly rules: number;
  /** As the author wrote them, and as a budget counts them. */
  readonly prefixes: number;
  /** Stretches of the address space that the tables distinguish, of both families. */
  readonly stretches: number;
  readonly classes: number;
  /** Bytes of the module without its custom sections. */
  readonly coreBytes: number;
  readonly memoryBytes: number;
  /** Of them, up to the end of what the engine writes. */
  readonly usedBytes: number;
  readonly codeBytes: number;
  readonly profile: Profile;
  /** How much the module can count and pass on. */
  readonly sizes: StateSizes;
  /** How many sources a day limits count exactly, if each uses up all of them; null where no limit counts sources. */
  readonly exactSourcesPerDay: number | null;
  /** The most loop iterations of one decision. */
  readonly maxSteps: number;
}

export interface CompileResult {
  /** Empty exactly when there is a module. */
  readonly diagnostics: readonly Diagnostic[];
  readonly policy: CheckedPolicy | null;
  /** Made when it is first read, because `check` of most policies needs none. */
  readonly module: Uint8Array | null;
  /** The semantic JSON that the module has, in UTF-8: enough to analyse the policy. Made when it is first read, without the module. */
  readonly semantic: Uint8Array | null;
  readonly stats: CompileStats | null;
}

/** Services for a compilation, and a listener for its progress; none of them changes the result. */
export interface Platform {
  /** The platform's own SHA-256, where it is faster. */
  readonly sha256?: Sha256;
  /** Called as each phase begins. */
  begin?(phase: Phase): void;
  /** The platform's own way to a tree, where it has read most of a text before. */
  readonly tree?: ReadTree;
  /** Called with the trees of all files, before anything is checked; nothing keeps them for long. */
  loaded?(program: Program): void;
}

export const PHASES = ["read", "check", "lower", "tables", "texts", "module"] as const;
export type Phase = (typeof PHASES)[number];

export interface CheckedSource {
  /** Empty exactly when there is a policy. */
  readonly diagnostics: readonly Diagnostic[];
  readonly policy: CheckedPolicy | null;
  /** The policy's own files, the entry file first; list files are not among them. */
  readonly files: readonly SourceFile[];
  /** As a budget counts them; 0 where there is no policy. */
  readonly prefixes: number;
}

/** All that can be said of a policy without a module. */
export function checkSource(entry: SourceFile, reader: SourceReader, platform: Platform = {}): CheckedSource {
  platform.begin?.("read");
  const { program, diagnostics: loading, files } = load(entry, reader, platform.tree);
  if (program !== null) platform.loaded?.(program);
  platform.begin?.("check");
  const { policy, diagnostics: found, prefixes } = check(program, reader);
  const diagnostics = inOrder(files, [...loading, ...found]);
  return { diagnostics, policy: diagnostics.length > 0 ? null : policy, files, prefixes };
}

/** Throws RangeError where the engine of this release is too large for the profile, which a test checks. */
export function compile(entry: SourceFile, reader: SourceReader, profile: Profile = "host", platform: Platform = {}): CompileResult {
  const { diagnostics, policy, files, prefixes } = checkSource(entry, reader, platform);
  if (policy === null) return { diagnostics, policy: null, module: null, semantic: null, stats: null };
  const refused = (said: readonly Diagnostic[]): CompileResult => ({ diagnostics: inOrder(files, said), policy, module: null, semantic: null, stats: null });
  const refusedAs = profile === "os" ? osRefusals(policy) : [];
  if (refusedAs.length > 0) return refused(refusedAs);

  const engine = engineBytes();
  const code = codeBytes(engine);
  if (profile === "os" && code > OS_CODE_BYTES) throw new RangeError(`the engine has ${code} bytes of code, and the profile \`os\` at most ${OS_CODE_BYTES}`);
  platform.begin?.("lower");
  const lowered = lower(policy);
  if (!lowered.ok) return refused([tooLarge(entry, policy, lowered.error)]);
  const tables = lowered.value;
  platform.begin?.("tables");
  const written = writeImage(tables, profile);
  if (!written.ok) {
    const { misfit, parts } = written.error;
    return refused([
      misfit.what === "memory" ? tooLarge(entry, policy, null) : profileOverflow(misfit, parts, policy, tables, { file: entry, start: 0, end: 0 }),
    ]);
  }
  const image = written.value;
  const stats: CompileStats = {
    listeners: tables.listeners.length,
    rules: tables.rules.length,
    prefixes,
    stretches: tables.v4.classes.length + tables.v6.classes.length,
    classes: tables.classCount,
    coreBytes: engine.length + image.data.length,
    memoryBytes: image.pages * PAGE_BYTES,
    usedBytes: image.usedBytes,
    codeBytes: code,
    profile,
    sizes: image.sizes,
    exactSourcesPerDay: exactSourcesPerDay(image.sizes, tables.limits),
    maxSteps: image.maxSteps,
  };
  const over = overBudgets(policy, stats);
  if (over.length > 0) return refused(over);
  const made = new Made({ policy, tables, image, engine, profile }, platform);
  return {
    diagnostics: [],
    policy,
    get module() {
      return made.module();
    },
    get semantic() {
      return made.semantic();
    },
    stats,
  };
}

/** All that a module is made of. */
interface Parts {
  readonly policy: CheckedPolicy;
  readonly tables: PolicyTables;
  readonly image: Image;
  readonly engine: Uint8Array;
  readonly profile: Profile;
}

/** The semantic JSON and the module, each made at the first call; the module replaces its parts, which take more memory. */
class Made {
  #made: Parts | Uint8Array;
  #semantic: Uint8Array | null = null;
  readonly #platform: Platform;

  constructor(parts: Parts, platform: Platform) {
    this.#made = parts;
    this.#platform = platform;
  }

  module(): Uint8Array {
    if (!(this.#made instanceof Uint8Array)) {
      this.#platform.begin?.("texts");
      this.#made = moduleOf(this.#made, this.#semanticOf(this.#made), this.#platform);
      this.#semantic = null;
    }
    return this.#made;
  }

  semantic(): Uint8Array {
    if (this.#made instanceof Uint8Array) return sectionOf(this.#made, SECTION_POLICY);
    if (this.#semantic === null) this.#platform.begin?.("texts");
    return this.#semanticOf(this.#made);
  }

  #semanticOf({ policy, tables }: Parts): Uint8Array {
    return (this.#semantic ??= semanticJson(policy, tables.rules, this.#platform.sha256).text);
  }
}

function sectionOf(module: Uint8Array, name: string): Uint8Array {
  const section = readSections(module)?.find((s) => s.name === name);
  if (section === undefined) throw new Error(`a module without its section ${name}`);
  return section.body;
}

function moduleOf({ policy, tables, image, engine, profile }: Parts, semantic: Uint8Array, platform: Platform): Uint8Array {
  const texts = {
    semantic,
    map: sourceMap(tables, profile),
    vectors: JSON.stringify(selfTests(policy, tables.rules)),
  };
  platform.begin?.("module");
  return spliceModule(engine, image, texts, platform.sha256);
}

/** The finished module against the policy's budget. */
function overBudgets({ budget: { moduleKiB, steps } }: CheckedPolicy, { coreBytes, maxSteps, listeners, rules, prefixes }: CompileStats): Diagnostic[] {
  const kib = Math.ceil(coreBytes / 1024);
  const of = { by: "module", exposes: listeners, rules, prefixes } as const;
  return [
    ...(moduleKiB !== null && kib > moduleKiB.most ? [overBudget("module", moduleKiB, kib, of)] : []),
    ...(steps !== null && maxSteps > steps.most ? [overBudget("steps", steps, maxSteps, of)] : []),
  ];
}

/** As a reader meets them: the entry file from top to bottom, then its imports, then list files. */
function inOrder(files: readonly SourceFile[], diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const ranks = new Map(files.map((file, i) => [file, i]));
  for (const { span } of diagnostics) if (!ranks.has(span.file)) ranks.set(span.file, ranks.size);
  const rank = (d: Diagnostic): number => ranks.get(d.span.file) ?? 0;
  return [...diagnostics].sort((x, y) => rank(x) - rank(y) || x.span.start - y.span.start);
}
