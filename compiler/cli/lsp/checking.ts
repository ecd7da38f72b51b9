// The policies of the worker: their texts as the editor has them, their trees, and the last ones that compiled. Each job answers exactly as
// a fresh `ingressc check` or `ingressc test` of the same texts.
import { join } from "node:path";
import { compile, type CompileResult } from "../../compile.ts";
import { NO_FACTS, textFacts, type TextFacts } from "../../lint/text_facts.ts";
import { lint } from "../../lint/lint.ts";
import { EditedText } from "../../lsp/edited_text.ts";
import { loadPolicy } from "../../../runtime/host/load.ts";
import type { SourceFile } from "../../source/source.ts";
import { openEdited, type DiskPolicy } from "../disk.ts";
import { readLintConfig } from "../lint_config.ts";
import { ownEngines, runTests } from "../policy_tests.ts";
import { sha256 } from "../sha256.ts";
import { findingOf, testRun } from "./findings.ts";
import type { Answers, Job, Request, TestRun } from "./messages.ts";
import { belowRoot } from "./uris.ts";

/** Thrown where a later change has made the answer useless. */
export class Cancelled extends Error {}

interface Kept {
  readonly entry: string;
  readonly disk: DiskPolicy;
  readonly result: CompileResult;
  readonly facts: TextFacts;
  readonly files: readonly string[];
}

export class Checking {
  readonly #texts = new Map<string, string>();
  /** By policy root and path. */
  readonly #trees = new Map<string, EditedText>();
  readonly #isLate: () => boolean;
  readonly #wallSeconds: () => number;
  /** The policies that were compiled since the last change, by entry. */
  readonly #kept = new Map<string, Kept>();
  #change = -1;

  /** `isLate`: whether there was a change after that of the job. */
  constructor(isLate: () => boolean, wallSeconds: () => number) {
    this.#isLate = isLate;
    this.#wallSeconds = wallSeconds;
  }

  async answer({ change, texts, job }: Request): Promise<Answers[Job["kind"]]> {
    for (const [path, text] of texts) {
      if (text === null) this.#texts.delete(path);
      else this.#texts.set(path, text);
    }
    if (change !== this.#change) this.#kept.clear();
    this.#change = change;
    this.#giveUpIfLate();
    switch (job.kind) {
      case "check":
        return this.#check(job.entry);
      case "lint":
        return this.#lint(job.entry);
      case "hover":
        return { lines: await this.#hover(job) };
      case "test":
        return this.#test(job.entry, job.name);
    }
  }

  #giveUpIfLate(): void {
    if (this.#isLate()) throw new Cancelled();
  }

  #check(entry: string): Answers["check"] {
    const kept = this.#compiled(entry);
    if (kept === null) return { findings: [], files: [] };
    return { findings: kept.result.diagnostics.map((d) => findingOf(kept.disk.root, d)), files: kept.files };
  }

  async #lint(entry: string): Promise<Answers["lint"]> {
    const kept = this.#compiled(entry);
    if (kept === null || kept.result.policy === null || kept.result.module === null) return null;
    const { disk, result, facts } = kept;
    const { policy, module } = kept.result;
    const config = await readLintConfig(disk.root);
    const ignore = new Set(config.ok ? config.value.ignore : []);
    const { warnings } = await lint(policy, () => module, facts, { ignore, wallSeconds: this.#wallSeconds() });
    this.#giveUpIfLate();
    const tests = this.#run(kept, () => true);
    return { findings: [...result.diagnostics, ...warnings].map((d) => findingOf(disk.root, d)), tests };
  }

  #test(entry: string, name: string): TestRun | null {
    const kept = this.#compiled(entry);
    return kept === null ? null : (this.#run(kept, (title) => title === name)[0] ?? null);
  }

  #run({ disk, result: { policy, module } }: Kept, wanted: (name: string) => boolean): readonly TestRun[] {
    const tests = policy?.tests.filter(({ name }) => wanted(name)) ?? [];
    if (module === null || tests.length === 0) return [];
    const loaded = loadPolicy(module);
    if (!loaded.ok) throw new Error(`the compiled module does not load: ${loaded.error.message}`);
    const engines = ownEngines(loaded.value);
    return tests.map((test) => {
      const results = runTests([test], loaded.value, () => this.#giveUpIfLate(), engines);
      return testRun(disk.root, test, results, loaded.value);
    });
  }

  async #hover({ entry, subject }: Extract<Job, { kind: "hover" }>): Promise<readonly string[] | null> {
    const kept = this.#compiled(entry);
    if (kept === null || kept.result.policy === null || kept.result.module === null) return null;
    const { policy, module } = kept.result;
    const { describe } = await import("../commands/analysis.ts");
    return describe(subject, policy, module, kept.disk.root);
  }

  /** Null where the entry file can't be read. */
  #compiled(entry: string): Kept | null {
    const known = this.#kept.get(entry);
    if (known !== undefined) return known;
    const opened = openEdited(entry, this.#texts);
    if (!opened.ok) return null;
    const disk = opened.value;
    const read = new Map<string, EditedText>();
    const files: string[] = [];
    let facts: TextFacts = NO_FACTS;
    const result = compile(disk.entry, disk.reader, "host", {
      sha256,
      begin: () => this.#giveUpIfLate(),
      tree: (file) => {
        const key = keyOf(disk.root, file);
        const text = this.#trees.get(key) ?? new EditedText();
        read.set(key, text);
        this.#trees.set(key, text);
        files.push(join(disk.root, file.path));
        return text.read(file);
      },
      loaded: (program) => {
        if (!program.incomplete) facts = textFacts(program);
      },
    });
    // Trees of files that the policies with this root have no more.
    const [root] = keyOf(disk.root, disk.entry).split("\0");
    for (const key of this.#trees.keys()) if (key.startsWith(`${root ?? ""}\0`) && !read.has(key) && !this.#isEntry(key)) this.#trees.delete(key);
    const kept = { entry, disk, result, facts, files };
    this.#kept.set(entry, kept);
    return kept;
  }

  /** Whether a policy that was compiled since the last change has the file. */
  #isEntry(key: string): boolean {
    return [...this.#kept.values()].some(({ disk, files }) => files.some((path) => `${disk.root}\0${belowRoot(disk.root, path) ?? ""}` === key));
  }
}

function keyOf(root: string, { path }: SourceFile): string {
  return `${root}\0${path}`;
}
