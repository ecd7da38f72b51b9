// The grammar as EBNF, from the rules of the parser itself. The rest is in
// docs/language.md beside it: the order of a rule's clauses, and the clauses that are allowed once.
import type { ISerializedGast } from "chevrotain";
import { serializedGrammar } from "./grammar.ts";

/** The tokens that the lexer makes of a run of word characters; the first that fits. */
const WORDS: readonly (readonly [name: string, is: string])[] = [
  ["Name", "a letter or `_`, then letters, digits, `_` and `-`; every keyword is one as well"],
  ["Qualified", "two names or more, a dot between"],
  ["Param", "`$` and a name; in a template it takes the place of a Name, Integer, Rate, Slash, Literal or Text"],
  ["Integer", "digits"],
  ["Range", "digits, `-`, digits"],
  ["Rate", "digits, `/`, letters"],
  ["Slash", "`/`, digits"],
  ["Literal", "any other run of letters, digits and `_ $ * . : % / [ ] -`"],
  ["Word", "any of these"],
  ["Text", '`"`, anything on one line but `"` and control characters, `"`'],
];

export function grammarText(): string {
  const rules = new Map(serializedGrammar().flatMap((rule: Part) => (isRule(rule) ? [[rule.name, rule]] : [])));
  const lines: string[] = [];
  const written = new Set<string>();
  const write = (name: string): void => {
    const rule = rules.get(name);
    if (rule === undefined || written.has(name)) return;
    written.add(name);
    lines.push(...wrapped(`${name} = ${inner(rule.definition)}`));
    namesIn(rule).forEach(write);
  };
  write("policy");
  const width = Math.max(...WORDS.map(([name]) => name.length));
  const words = WORDS.map(([name, is]) => `${name.padEnd(width)} : ${is}`);
  return ["```ebnf", ...lines, "", ...words, "```"].join("\n");
}

/** The rules that a part names, in their order. */
function namesIn(part: Part): string[] {
  const own = part.type === "NonTerminal" && part.name !== undefined ? [part.name] : [];
  return [...own, ...(part.definition ?? []).flatMap(namesIn)];
}

/** The fields that Chevrotain writes beside the type, by type. */
type Part = ISerializedGast & { readonly name?: string; readonly pattern?: string; readonly separator?: Part };

function isRule(rule: Part): rule is Part & { readonly name: string } {
  return rule.type === "Rule" && rule.name !== undefined;
}

function inner(parts: readonly Part[] | undefined): string {
  return (parts ?? []).map(text).join(" ");
}

function text(part: Part): string {
  const within = inner(part.definition);
  switch (part.type) {
    case "NonTerminal":
      return part.name ?? "";
    case "Terminal":
      return terminal(part);
    case "Option":
      return `[ ${within} ]`;
    case "Repetition":
      return `{ ${within} }`;
    case "RepetitionMandatory":
      return `${within} { ${within} }`;
    case "RepetitionWithSeparator":
      return `[ ${within} { ${terminal(part.separator)} ${within} } ]`;
    case "RepetitionMandatoryWithSeparator":
      return `${within} { ${terminal(part.separator)} ${within} }`;
    case "Alternation": {
      const choices = (part.definition ?? []).map((choice) => inner(choice.definition)).join(" | ");
      return `( ${choices} )`;
    }
    case "Alternative":
    case "Rule":
      return within;
  }
}

function terminal(part: Part | undefined): string {
  const name = part?.name ?? "";
  if (name.startsWith("kw_")) return `"${name.slice(3)}"`;
  return typeof part?.pattern === "string" && WORDS.every(([word]) => word !== name) ? `"${part.pattern}"` : name;
}

/** Columns of a line. */
const MAX_WIDTH = 100;

/** Brackets stay with their content. */
function wrapped(rule: string): string[] {
  const choices = /^(\w+) = \( ([^()]*) \)$/.exec(rule);
  const plain = choices === null ? rule : `${choices[1] ?? ""} = ${choices[2] ?? ""}`;
  const lines: string[] = [];
  let line = "";
  for (const word of plain.match(/(?:[[({|] )*[^ ]+(?: [\])}])*/g) ?? []) {
    if (line !== "" && line.length + 1 + word.length > MAX_WIDTH) {
      lines.push(line);
      line = "   ";
    }
    line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
