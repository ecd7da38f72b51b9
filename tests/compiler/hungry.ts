// Understands one hostile text and says its codes: started by memory.test.ts and by
// tests/real/memory.check.ts in a process with little memory.
//
//   node --max-old-space-size=N --import tsx tests/compiler/hungry.ts SHAPE WORDS
import { codes } from "./front.ts";

const E = "edition 1\n";
const fill = (unit: string, n: number): string => unit.repeat(n);

/** Texts of about as many words and signs. */
export const SHAPES = {
  rules_without_from: (n: number) => `${E}expose a on tcp 1 {\n${fill("allow a\n", n / 2 - 10)}`,
  rules: (n: number) => `${E}${fill("deny from a\n", n / 3 - 10)}`,
  members: (n: number) => `${E}net a = ${fill("a,", n / 2 - 10)}`,
  bad_members: (n: number) => `${E}net a = ${fill("1/,", n / 2 - 10)}`,
  tests: (n: number) => `${E}${fill('test "" {}\n', n / 4 - 10)}`,
  uses: (n: number) => `${E}template t() { }\n${fill("use t()\n", n / 4 - 10)}`,
  stray: (n: number) => `${E}${fill("a\n", n - 10)}`,
  quotes: (n: number) => fill('"\n', n),
  comments: (n: number) => fill("//\n", n),
  braces: (n: number) => `${E}${fill("{", n - 10)}`,
} as const satisfies Readonly<Record<string, (words: number) => string>>;

const [shape = "", words = ""] = process.argv.slice(2);
for (const [name, text] of Object.entries(SHAPES))
  if (name === shape)
    process.stdout.write(
      `${codes(text(Number(words)))
        .slice(0, 3)
        .join(" ")}\n`,
    );
