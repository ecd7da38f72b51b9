// nginx's configuration language: directives of words, each ended by `;` or by a block. The output of `nginx -T` has several files, each
// below a comment with its path; `include` is replaced by what they contain.
import type { Context, Stretch } from "../draft/context.ts";

export interface Directive extends Stretch {
  readonly name: string;
  readonly args: readonly string[];
  /** Null where it ends with `;`. */
  readonly block: readonly Directive[] | null;
}

interface Token extends Stretch {
  readonly text: string;
  readonly isWord: boolean;
}

const MAX_DEPTH = 32;
const MAX_DIRECTIVES = 200_000;
/** Of a path to include. */
const MOST_STARS = 4;
const HELP = "check the file with `nginx -t`, or give the output of `nginx -T`";

/** Null after a fault. */
export function readNginx(context: Context): readonly Directive[] | null {
  const { text } = context.file;
  const marks = [...text.matchAll(/^# configuration file (\/.*):\r?$/gm)];
  if (marks.length === 0) return new Parser(context, 0, text.length).whole();
  const files = new Map<string, readonly Directive[]>();
  for (const [i, mark] of marks.entries()) {
    const directives = new Parser(context, mark.index, marks[i + 1]?.index ?? text.length).whole();
    if (directives === null) return null;
    files.set((mark[1] ?? "").trimEnd(), directives);
  }
  const [main = ""] = files.keys();
  const counter = { left: MAX_DIRECTIVES };
  const whole = withIncludes(files.get(main) ?? [], files, main.replace(/[^/]*$/, ""), 0, counter);
  return counter.left <= 0 ? context.fault("ING877", { at: 0, end: 0 }, "its includes make too many directives", "import a part of it") : whole;
}

function withIncludes(
  directives: readonly Directive[],
  files: ReadonlyMap<string, readonly Directive[]>,
  folder: string,
  depth: number,
  counter: { left: number },
): readonly Directive[] {
  return directives.flatMap((directive): readonly Directive[] => {
    if (counter.left-- <= 0 || depth > MAX_DEPTH) return [directive];
    if (directive.block !== null) return [{ ...directive, block: withIncludes(directive.block, files, folder, depth + 1, counter) }];
    const [path = ""] = directive.args;
    if (directive.name !== "include") return [directive];
    const full = path.startsWith("/") ? path : folder + path;
    const isPattern = /[*?[]/.test(full);
    const pattern = isPattern ? globPattern(full) : null;
    if (isPattern && pattern === null) return [directive];
    // The order of nginx, by bytes.
    const names =
      pattern === null ? [full] : [...files.keys()].filter((name) => pattern.test(name)).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    const found = names.flatMap((name) => files.get(name) ?? []);
    // A path that is no pattern must be there; what is not is left for the reader of the directive.
    if (!isPattern && !files.has(full)) return [directive];
    return withIncludes(found, files, folder, depth + 1, counter);
  });
}

/** `sites/[0-9]*.conf` as glob(3) reads it: nothing matches `/`, nor a point at the beginning of a name. Null where it can't be read. */
function globPattern(glob: string): RegExp | null {
  if (glob.split(/\*+/).length > MOST_STARS || glob.includes("\\")) return null;
  let text = "";
  for (const [part] of glob.matchAll(/\*+|\?|\[[!^]?\]?[^\]]*\]|[^]/g)) {
    const isWild = part.length > 1 || /[*?[]/.test(part);
    if (isWild && (text === "" || text.endsWith("/"))) text += "(?!\\.)";
    if (part.startsWith("*")) text += "[^/]*";
    else if (part === "?") text += "[^/]";
    else if (part === "[" || part.includes("[:")) return null;
    else if (part.startsWith("[")) {
      const not = /^\[[!^]/.test(part);
      const members = part.slice(not ? 2 : 1, -1).replace(/[[\]\\^]/g, "\\$&");
      text += `(?!/)[${not ? "^" : ""}${members}]`;
    } else text += part.replace(/[.+^${}()|\]\\]/g, "\\$&");
  }
  try {
    return new RegExp(`^${text}$`);
  } catch {
    return null;
  }
}

class Parser {
  readonly #context: Context;
  readonly #end: number;
  #at: number;

  constructor(context: Context, from: number, end: number) {
    this.#context = context;
    this.#at = from;
    this.#end = end;
  }

  whole(): readonly Directive[] | null {
    return this.#block(null, 0);
  }

  #block(open: Token | null, depth: number): readonly Directive[] | null {
    const directives: Directive[] = [];
    if (depth > MAX_DEPTH && open !== null) return this.#context.fault("ING877", open, `more than ${MAX_DEPTH} blocks are open here`, HELP);
    for (;;) {
      const words: Token[] = [];
      let token = this.#token();
      for (; token?.isWord === true; token = this.#token()) words.push(token);
      if (this.#context.faults.length > 0) return null;
      const [first, ...args] = words;
      if (first === undefined) {
        if (token === null && open === null) return directives;
        if (token === null) return this.#context.fault("ING873", open ?? { at: 0, end: 0 }, "this block has no end", HELP);
        if (token.text === "}" && open !== null) return directives;
        return this.#context.fault("ING873", token, `a directive was expected, and \`${token.text}\` is here`, HELP);
      }
      const texts = args.map(({ text }) => text);
      if (token?.text === ";") directives.push({ name: first.text, args: texts, block: null, at: first.at, end: token.end });
      else if (token?.text === "{") {
        const block = this.#isRaw(first.text) ? this.#skip(token) : this.#block(token, depth + 1);
        if (block === null) return null;
        directives.push({ name: first.text, args: texts, block, at: first.at, end: token.end });
      } else return this.#context.fault("ING873", first, "this directive has no `;`", HELP);
    }
  }

  /** Blocks of another language. */
  #isRaw(name: string): boolean {
    return name.endsWith("_by_lua_block");
  }

  #skip(open: Token): readonly Directive[] | null {
    for (let depth = 1; depth > 0;) {
      const token = this.#token();
      if (token === null) return this.#context.fault("ING873", open, "this block has no end", HELP);
      if (!token.isWord && token.text !== ";") depth += token.text === "{" ? 1 : -1;
    }
    return [];
  }

  /** Null at the end. */
  #token(): Token | null {
    const { text } = this.#context.file;
    const blank = /(?:\s|#[^\n]*)*/y;
    blank.lastIndex = this.#at;
    blank.test(text);
    const at = blank.lastIndex;
    if (at >= this.#end) return null;
    const c = text.charAt(at);
    if (c === ";" || c === "{" || c === "}") return this.#made(at, at + 1, c, false);
    const word = /"((?:[^"\\]|\\[^])*)"|'((?:[^'\\]|\\[^])*)'|(?:\$\{[^}\s]*\}|\\[^]|[^\s;{}\\])+/y;
    word.lastIndex = at;
    const found = word.exec(text);
    if ((c === '"' || c === "'") && found?.[1] === undefined && found?.[2] === undefined) {
      this.#context.fault("ING873", { at, end: at + 1 }, "this text has no closing quote", HELP);
      this.#at = this.#end;
      return null;
    }
    const end = found === null ? at + 1 : Math.min(word.lastIndex, this.#end);
    return this.#made(at, end, (found?.[1] ?? found?.[2] ?? text.slice(at, end)).replace(/\\(["'\\; ])/g, "$1"), true);
  }

  #made(at: number, end: number, text: string, isWord: boolean): Token {
    this.#at = end;
    return { at, end, text, isWord };
  }
}

/** The directives of a block by name. */
export function named(block: readonly Directive[] | null, name: string): readonly Directive[] {
  return (block ?? []).filter((directive) => directive.name === name);
}

export function shown({ name, args, block }: Directive): string {
  return `\`${[name, ...args].join(" ")}${block === null ? "" : " { … }"}\``;
}
