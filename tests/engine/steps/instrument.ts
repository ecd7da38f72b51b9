// Puts a counter into every loop of the engine's text: one tick at the start of each iteration.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { root } from "../other_engine.ts";

const COUNTER = `let steps: u32 = 0;

export function tick(): void {
  steps++;
}

/** Iterations since the last question, which starts anew. */
export function takeSteps(): u32 {
  const taken = steps;
  steps = 0;
  return taken;
}
`;

/** The text with its loops counted, and how many there are. AssemblyScript parses as TypeScript. */
export function counted(text: string): { readonly text: string; readonly loops: number } {
  const source = ts.createSourceFile("engine.ts", text, ts.ScriptTarget.Latest, true);
  const inserts: { readonly at: number; readonly text: string }[] = [];
  let loops = 0;
  const visit = (node: ts.Node): void => {
    if (ts.isForStatement(node) || ts.isWhileStatement(node) || ts.isDoStatement(node)) {
      loops++;
      const { statement } = node;
      if (ts.isBlock(statement)) inserts.push({ at: statement.getStart() + 1, text: " tick();" });
      else inserts.push({ at: statement.getStart(), text: "{ tick(); " }, { at: statement.getEnd(), text: " }" });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  const out = [...inserts].sort((a, b) => b.at - a.at).reduce((t, i) => t.slice(0, i.at) + i.text + t.slice(i.at), text);
  return { text: loops === 0 ? text : `import { tick } from "./steps";\n${out}`, loops };
}

/** The files of an engine that counts its loops (text by path in the project), and how many loops there are. */
export function instrumentedEngine(): { readonly files: ReadonlyMap<string, string>; readonly loops: number } {
  const engine = "runtime/engine";
  const files = new Map([[`${engine}/steps.ts`, COUNTER]]);
  let loops = 0;
  for (const name of readdirSync(join(root, engine)).filter((n) => n.endsWith(".ts"))) {
    const made = counted(readFileSync(join(root, engine, name), "utf8"));
    loops += made.loops;
    files.set(`${engine}/${name}`, name === "main.ts" ? `${made.text}\nexport { takeSteps } from "./steps";\n` : made.text);
  }
  return { files, loops };
}
