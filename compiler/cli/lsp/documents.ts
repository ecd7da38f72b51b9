// The texts that an editor has open, with what is shown of them, and the jobs of the worker after each change.
import { basename, dirname } from "node:path";
import type { Timers } from "../../../runtime/shell/clock.ts";
import type { Diagnostic } from "../../diagnostics/diagnostic.ts";
import { EditedText } from "../../lsp/edited_text.ts";
import type { SourceFile } from "../../source/source.ts";
import { realPlace } from "../disk.ts";
import { findingOf } from "./findings.ts";
import type { Entry, Finding, Subject, TestRun } from "./messages.ts";
import { Schedule } from "./schedule.ts";
import { allShown, moveShown, nothingShown, type Shown } from "./shown.ts";
import { pathOf, uriOf } from "./uris.ts";
import { WorkThread } from "./work_thread.ts";
import { Workspace } from "./workspace.ts";

export interface OpenDocument {
  readonly uri: string;
  /** The real path; null: the text is in no file of this machine, and is read by itself. */
  readonly path: string | null;
  /** Else it is a list, or another file that a policy names. */
  readonly isPolicy: boolean;
  file: SourceFile;
  version: number;
  readonly shown: Shown;
  /** The tree of a text without a path. */
  readonly alone: EditedText;
}

/** The messages to an editor that it did not request. */
export interface Editor {
  /** `version`: of the text that the findings are about; null: it is not open. */
  publish(uri: string, version: number | null, findings: readonly Finding[], file: SourceFile | null): void;
  testsRan(): void;
  failed(text: string): void;
}

export class Documents {
  readonly workspace = new Workspace();
  readonly thread: WorkThread;
  readonly #editor: Editor;
  readonly #schedule: Schedule;
  readonly #byUri = new Map<string, OpenDocument>();
  readonly #byPath = new Map<string, OpenDocument>();
  /** Of files that are not open. */
  readonly #others = new Map<string, Shown>();
  /** The last runs of tests, by the path of their file. */
  readonly #runs = new Map<string, readonly TestRun[]>();

  /** `program`: as WorkThread has it. */
  constructor(editor: Editor, timers: Timers, program?: URL) {
    this.#editor = editor;
    this.thread = new WorkThread((text) => editor.failed(text), program);
    const done = (work: Promise<void>): void =>
      void work.catch((error: unknown) => editor.failed(error instanceof Error ? (error.stack ?? error.message) : String(error)));
    this.#schedule = new Schedule(
      timers,
      () => done(this.#check()),
      () => done(this.#lint()),
    );
  }

  get(uri: string): OpenDocument | null {
    return this.#byUri.get(uri) ?? null;
  }

  at(path: string): OpenDocument | null {
    return this.#byPath.get(path) ?? null;
  }

  uri(path: string): string {
    return this.#byPath.get(path)?.uri ?? uriOf(path);
  }

  runsIn(path: string): readonly TestRun[] {
    return this.#runs.get(path) ?? [];
  }

  open(uri: string, language: string, version: number, text: string): void {
    // An editor that opens a text twice has lost the first one.
    if (this.#byUri.has(uri)) this.#forget(uri);
    const real = realPathOf(uri);
    // Of two names of one file the first counts.
    const path = real !== null && this.#byPath.has(real) ? null : real;
    const before = path === null ? undefined : this.#others.get(path);
    const file: SourceFile = { path: path === null ? uri : basename(path), text };
    const isPolicy = language === POLICY || (pathOf(uri) ?? uri).endsWith(".ingress");
    const document: OpenDocument = { uri, path, isPolicy, file, version, shown: before ?? nothingShown(), alone: new EditedText() };
    this.#byUri.set(uri, document);
    if (path !== null) {
      this.#byPath.set(path, document);
      this.#others.delete(path);
    }
    this.#changed(document, null);
  }

  change(uri: string, version: number, text: string): void {
    const document = this.#byUri.get(uri);
    if (document === undefined) return;
    const before = document.file;
    document.file = { path: before.path, text };
    document.version = version;
    this.#changed(document, before);
  }

  close(uri: string): void {
    const path = this.#forget(uri);
    this.#editor.publish(uri, null, [], null);
    this.#schedule.changed();
    // The file may be open under another name, which now counts.
    const other = path === null ? undefined : [...this.#byUri.values()].find((document) => document.path === null && realPathOf(document.uri) === path);
    if (other !== undefined) this.open(other.uri, other.isPolicy ? POLICY : "", other.version, other.file.text);
  }

  /** The path that a closed text was the text of. */
  #forget(uri: string): string | null {
    const path = this.#byUri.get(uri)?.path ?? null;
    this.#byUri.delete(uri);
    if (path === null) return null;
    this.#byPath.delete(path);
    this.workspace.texts.delete(path);
    this.workspace.forget(path);
    this.#runs.delete(path);
    this.thread.changed(path, null);
    return path;
  }

  /** Something on the disk may be other now. */
  diskChanged(): void {
    this.workspace.filesChanged();
    this.thread.changed(null, null);
    this.#schedule.changed();
  }

  /** The newest tree of an open policy. */
  tree({ path, file, alone }: OpenDocument): ReturnType<EditedText["read"]> {
    return path === null ? alone.read(file) : this.workspace.tree(dirname(path), file);
  }

  async hover(path: string, subject: Subject): Promise<readonly string[] | null> {
    const [entry] = this.workspace.entriesOf(path);
    if (entry === undefined) return null;
    const done = await this.thread.run({ kind: "hover", entry, subject });
    return done?.answer.lines ?? null;
  }

  async test(path: string, name: string): Promise<TestRun | null> {
    const [entry] = this.workspace.entriesOf(path);
    if (entry === undefined) return null;
    const done = await this.thread.run({ kind: "test", entry, name });
    const run = done?.answer ?? null;
    if (run !== null) this.#keepRuns([...this.runsIn(run.place.path).filter((other) => other.name !== name), run]);
    return run;
  }

  async stop(): Promise<void> {
    this.#schedule.stop();
    await this.thread.end();
  }

  #changed(document: OpenDocument, before: SourceFile | null): void {
    const { path, isPolicy, file, shown } = document;
    if (path !== null) this.workspace.texts.set(path, file.text);
    const { diagnostics } = isPolicy ? this.tree(document) : { diagnostics: [] };
    const syntax = diagnostics.map((d: Diagnostic) => findingOf(path === null ? "" : dirname(path), d));
    moveShown(shown, before ?? file, file, syntax);
    this.#publish(document);
    if (path === null) return;
    this.thread.changed(path, file.text);
    this.#schedule.changed();
  }

  #publish({ uri, version, shown, file }: OpenDocument): void {
    this.#editor.publish(uri, version, allShown(shown), file);
  }

  #entries(): readonly Entry["entry"][] {
    const policies = [...this.#byPath].flatMap(([path, { isPolicy }]) => (isPolicy ? [path] : []));
    return [...new Set(policies.flatMap((path) => this.workspace.entriesOf(path)))];
  }

  async #check(): Promise<void> {
    const { change } = this.thread;
    const found = new Map<string, Finding[]>();
    const refused = new Set<string>();
    for (const entry of this.#entries()) {
      const done = await this.thread.run({ kind: "check", entry });
      if (done === null) return;
      const { findings, files } = done.answer;
      for (const path of files) if (!found.has(path)) found.set(path, []);
      if (findings.length > 0) for (const path of files) refused.add(path);
      for (const finding of findings) listOf(found, finding.place.path).push(finding);
    }
    if (change !== this.thread.change) return;
    this.#show(found, (shown, findings, path) => {
      shown.errors = findings;
      // `check` shows no warnings beside errors.
      if (refused.has(path)) [shown.warnings, shown.tests] = [[], []];
    });
  }

  async #lint(): Promise<void> {
    const { change } = this.thread;
    const found = new Map<string, Finding[]>();
    const runs: TestRun[] = [];
    for (const entry of this.#entries()) {
      const done = await this.thread.run({ kind: "lint", entry });
      if (done === null) return;
      for (const finding of done.answer?.findings ?? []) listOf(found, finding.place.path).push(finding);
      runs.push(...(done.answer?.tests ?? []));
    }
    if (change !== this.thread.change) return;
    this.#show(found, (shown, findings) => {
      [shown.warnings, shown.tests] = [findings, []];
    });
    this.#runs.clear();
    this.#keepRuns(runs);
    this.#editor.testsRan();
  }

  /** Of all files that are open or were shown before; those without findings have none. */
  #show(found: ReadonlyMap<string, readonly Finding[]>, put: (shown: Shown, findings: readonly Finding[], path: string) => void): void {
    for (const [path, document] of this.#byPath) {
      put(document.shown, found.get(path) ?? [], path);
      this.#publish(document);
    }
    for (const path of new Set([...this.#others.keys(), ...found.keys()])) {
      if (this.#byPath.has(path)) continue;
      const shown = this.#others.get(path) ?? nothingShown();
      put(shown, found.get(path) ?? [], path);
      const all = allShown(shown);
      const known = this.#others.has(path);
      if (all.length > 0) this.#others.set(path, shown);
      else this.#others.delete(path);
      if (known || all.length > 0) this.#editor.publish(uriOf(path), null, all, null);
    }
  }

  #keepRuns(runs: readonly TestRun[]): void {
    const byPath = new Map<string, TestRun[]>();
    for (const run of runs) {
      const list = byPath.get(run.place.path) ?? [];
      list.push(run);
      byPath.set(run.place.path, list);
    }
    for (const [path, list] of byPath) {
      this.#runs.set(path, list);
      const document = this.#byPath.get(path);
      if (document === undefined) continue;
      document.shown.tests = list.flatMap(({ failures }) => failures);
      this.#publish(document);
    }
  }
}

/** The id of the language, as editors have it. */
const POLICY = "ingress";

function realPathOf(uri: string): string | null {
  const named = pathOf(uri);
  return named === null ? null : realPlace(named);
}

function listOf(lists: Map<string, Finding[]>, path: string): Finding[] {
  const known = lists.get(path);
  if (known !== undefined) return known;
  const list: Finding[] = [];
  lists.set(path, list);
  return list;
}
