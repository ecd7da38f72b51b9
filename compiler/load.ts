// Entry file -> Program: every file that imports lead to, read, parsed and built once, the nearest
// first. The reader resolves real paths and the policy root; that one file is
// one `path` is all that is needed here.
import { failed, type Result } from "../runtime/result/result.ts";
import type { ImportNode, PolicyNode } from "./ast/nodes.ts";
import { build } from "./ast/build.ts";
import { MAX_IMPORTED_BYTES, MAX_IMPORTS, MAX_IMPORT_DEPTH, MAX_WORDS } from "./source/bounds.ts";
import { declare } from "./check/names/declarations.ts";
import { sayFailure } from "./check/names/paths.ts";
import type { Program, Unit } from "./check/names/program.ts";
import { newReport, type Report } from "./diagnostics/report.ts";
import type { Diagnostic } from "./diagnostics/diagnostic.ts";
import { PLACE_LABELS } from "./diagnostics/sentence.ts";
import type { ReadFailure, SourceFile, SourceReader } from "./source/source.ts";
import { parse } from "./syntax/parse.ts";
import { countWords } from "./syntax/word_count.ts";

export interface Loaded {
  /** Null where the entry file can't be read as a policy at all. */
  readonly program: Program | null;
  readonly diagnostics: readonly Diagnostic[];
  /** All files that were read, the entry file first. */
  readonly files: readonly SourceFile[];
}

/** A file while its imports are being followed. */
interface Open {
  readonly ast: PolicyNode;
  readonly depth: number;
  readonly imports: Map<string, Unit | null>;
  readonly edges: { readonly node: ImportNode; readonly to: Open }[];
}

/** The tree of one text, with all that is wrong with the text by itself. */
export interface Tree {
  /** Null where the text can't be read as a policy of this edition at all. */
  readonly ast: PolicyNode | null;
  readonly diagnostics: readonly Diagnostic[];
}

export type ReadTree = (file: SourceFile) => Tree;

export function treeOf(file: SourceFile): Tree {
  const parsed = parse(file);
  const { ast, diagnostics } = build(parsed);
  return { ast, diagnostics: [...parsed.diagnostics, ...diagnostics] };
}

/** `read`: another way to the same trees, for who has read most of a text before. */
export function load(entry: SourceFile, reader: SourceReader, read: ReadTree = treeOf): Loaded {
  return new Loader(entry, reader, read).all();
}

class Loader {
  readonly #entry: SourceFile;
  readonly #reader: SourceReader;
  readonly #readTree: ReadTree;
  readonly #report: Report = newReport();
  /** By the file's path; null: it can't be read as a policy. */
  readonly #byPath = new Map<string, Open | null>();
  /** By the folder and the path as written, so that no file is read again and again. */
  readonly #asked = new Map<string, Result<SourceFile, ReadFailure>>();
  readonly #files: SourceFile[] = [];
  #incomplete = false;
  #bytes = 0;
  #words = 0;
  #imports = 0;

  constructor(entry: SourceFile, reader: SourceReader, read: ReadTree) {
    this.#entry = entry;
    this.#reader = reader;
    this.#readTree = read;
  }

  all(): Loaded {
    this.#words = countWords(this.#entry.text);
    const first = this.#open(this.#entry, 0, null);
    const queue: Open[] = first === null ? [] : [first];
    for (const unit of queue) queue.push(...this.#follow(unit));
    if (first !== null) this.#refuseCircles(first);
    const { diagnostics } = this.#report;
    const incomplete = this.#incomplete || diagnostics.length > 0;
    return { program: first === null ? null : { units: queue, incomplete }, diagnostics, files: this.#files };
  }

  #open(file: SourceFile, depth: number, by: ImportNode | null): Open | null {
    this.#files.push(file);
    const { ast, diagnostics } = this.#readTree(file);
    for (const d of diagnostics) {
      const whole = by !== null && ABOUT_FILE.has(d.code);
      this.#report.diagnostics.push(whole ? { ...d, related: [...d.related, { span: by.span, label: PLACE_LABELS.import }] } : d);
    }
    const open = ast === null ? null : { ast, depth, imports: new Map<string, Unit | null>(), edges: [] };
    if (open === null || open.ast.incomplete) this.#incomplete = true;
    this.#byPath.set(file.path, open);
    return open;
  }

  /** The files that a file imports and that none before it did. */
  #follow(unit: Open): Open[] {
    const found: Open[] = [];
    const aliases = new Map<string, { readonly name: ImportNode["alias"] }>();
    for (const node of unit.ast.statements) {
      if (node.kind !== "import") continue;
      const { alias } = node;
      if (!declare(this.#report, aliases, { name: alias }, "import")) continue;
      const file = this.#read(node, unit);
      const known = file === null ? null : this.#byPath.get(file.path);
      const to = file !== null && known === undefined ? this.#open(file, unit.depth + 1, node) : (known ?? null);
      if (to !== null && known === undefined) found.push(to);
      if (to === null) this.#incomplete = true;
      else unit.edges.push({ node, to });
      unit.imports.set(alias.text, to);
    }
    return found;
  }

  #read(node: ImportNode, { ast, depth }: Open): SourceFile | null {
    const { text: path, span } = node.path;
    const report = this.#report;
    if (++this.#imports > MAX_IMPORTS) {
      if (this.#imports === MAX_IMPORTS + 1) report.say("ING608", { bound: "imports" }, node.span);
      return null;
    }
    const read = this.#ask(path, ast.file);
    if (!read.ok) {
      sayFailure(report, "ING505", node.path, read.error);
      return null;
    }
    const file = read.value;
    const over =
      this.#bytes > MAX_IMPORTED_BYTES ? "bytes"
      : this.#words > MAX_WORDS ? "words"
      : null;
    if (over !== null) {
      report.say("ING608", { bound: over }, span);
      this.#imports = MAX_IMPORTS + 1;
      return null;
    }
    if (depth < MAX_IMPORT_DEPTH || this.#byPath.has(file.path)) return file;
    report.say("ING608", { bound: "depth" }, node.span);
    return null;
  }

  #ask(path: string, from: SourceFile): Result<SourceFile, ReadFailure> {
    if (path.startsWith("/") || path.includes("\\")) return failed("outside");
    const folder = from.path.slice(0, from.path.lastIndexOf("/") + 1);
    // `.` and doubled slashes name the same; `..` may not, behind a link.
    const plain = path
      .split("/")
      .filter((part) => part !== "" && part !== ".")
      .join("/");
    const key = JSON.stringify([folder, plain]);
    let file = this.#asked.get(key);
    if (file === undefined) {
      file = this.#reader.read(path, from);
      this.#asked.set(key, file);
      if (file.ok && file.value.path !== this.#entry.path) {
        this.#bytes += new TextEncoder().encode(file.value.text).length;
        this.#words += countWords(file.value.text);
      }
    }
    return file;
  }

  /** An import that leads back to a file on its own way; each circle once, without recursion. */
  #refuseCircles(first: Open): void {
    const done = new Set<Open>();
    const path: { readonly unit: Open; next: number; readonly by: ImportNode | null }[] = [{ unit: first, next: 0, by: null }];
    const onPath = new Set<Open>([first]);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const edge = top.unit.edges[top.next++];
      if (edge === undefined) {
        done.add(top.unit);
        onPath.delete(top.unit);
        path.pop();
      } else if (onPath.has(edge.to)) {
        const through = path.slice(path.findIndex((p) => p.unit === edge.to) + 1).flatMap((p) => (p.by === null ? [] : [p.by]));
        this.#report.say("ING506", { path: edge.to.ast.file.path, files: through.length }, edge.node.span, {
          related: through.slice(0, 4).map((by) => by.span),
        });
      } else if (!done.has(edge.to)) {
        onPath.add(edge.to);
        path.push({ unit: edge.to, next: 0, by: edge.node });
      }
    }
  }
}

/** Codes that are about a file as a whole: then it helps to see who wants it. */
const ABOUT_FILE: ReadonlySet<string> = new Set(["ING111", "ING112", "ING601"]);
