// The private words of docs/glossary.md go away folder by folder and don't come back.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { allPlaces, allowance, countsOf, folderOf, over, placesOf } from "../../scripts/words.ts";
import { ALLOWED, PRIVATE } from "../../scripts/words_list.ts";
import { read } from "./sources.ts";

const house = suite("words");

house("no folder has more private words than it may", () => {
  assert.equal(over(countsOf(allPlaces()), allowance()), []);
});

/** What is counted in a file: `word@line`. */
const rows: readonly (readonly [path: string, text: string, counted: readonly string[]])[] = [
  ["a.ts", "// It stands here.\n", ["stands@1"]],
  ["a.ts", "// A group stands for two.\n", ["stands@1"]],
  ["a.ts", "// A standard, a threshold and a leaflet.\n", []],
  ["a.ts", "const x = 1; // `holds` is a key\n", []],
  ["a.ts", "// One line,\n// and it is told on the second.\n", ["told@2"]],
  ["a.ts", "/** Doc.\n * Whoever reads it. */\nexport const y = 2;\n", ["whoever@2"]],
  ["a.ts", "const waitingRoom = 1;\nwaitingRoom + waitingRoom;\n", ["waiting@1"]],
  ["a.ts", "const carryOn = 1;\n", ["carry@1"]],
  ["a.ts", "// The call goes on.\n", ["goes on@1"]],
  ["a.ts", "// It goes once.\n", []],
  ["a.ts", 'say("the port is held");\n', ["held@1"]],
  ["a.ts", "say(`the port ${n} is held`);\n", ["held@1"]],
  ["a.ts", 'say("held");\n', []],
  ["a.ts", "const pattern = /a stand/;\n", []],
  ["a.ts", "// What nobody allows is denied.\n", ["subjectless sentence@1"]],
  ["a.ts", "// What is it?\n", []],
  ["a.ts", "// It is left out: nobody needs it.\n", ["colon instead of because@1"]],
  ["a.ts", "// null: it is not known\n", []],
  ["a.mjs", "// the carry bit\n", []],
  ["a.md", "A port stands.\n", ["stands@1"]],
  ["a.md", "# What it costs\n\nIt costs.\n", []],
  ["a.md", "It costs.\nWho pays is asked.\n\nWho pays?\n", ["asked@2", "subjectless sentence@2"]],
  ["a.md", "`ask` and\n```\nask\n```\nand [a page](ask.md) leave\n", ["leave@5"]],
  ["a.md", 'Tested by `x`: "it stands", "it\nholds".\n', []],
  ["a.py", "def tell_owner():\n", ["tell@1"]],
];

for (const [path, text, counted] of rows) {
  house(`${path}: ${JSON.stringify(text)}`, () => {
    assert.equal(
      placesOf(path, text).map((p) => `${p.word}@${p.line}`),
      counted,
    );
  });
}

house("one word more than a folder may have is too many, and a folder that is not listed has none", () => {
  const may = new Map([["docs", 2]]);
  assert.equal(over(new Map([["docs", 2]]), may), []);
  assert.equal(over(new Map([["docs", 3]]), may), ["docs: 3 private words, at most 2: `npm run words -- docs` shows them"]);
  assert.equal(over(new Map([["new", 1]]), may), ["new: 1 private words, at most 0: `npm run words -- new` shows them"]);
});

house("a file belongs to the narrowest folder", () => {
  assert.is(folderOf("compiler/cli/main.ts"), "compiler/cli");
  assert.is(folderOf("compiler/compile.ts"), "compiler");
  assert.is(folderOf("README.md"), "README.md");
});

house("the glossary names every word that is counted", () => {
  const glossary = read("docs/glossary.md").split("\n## Words that we don't use\n")[1] ?? "";
  const named = new Set([...glossary.matchAll(/^\| \*([^|]+)\* \|/gm)].flatMap(([, words = ""]) => words.split(/[*,]+ */)));
  const roots = [
    "stand",
    "hold",
    "mend",
    "tell",
    "ask",
    "leave",
    "door",
    "homes",
    "carry",
    "sure",
    "elsewhere",
    "borrow",
    "understood",
    "waiting",
    "deal",
    "former",
    "whoever",
    "go on",
  ];
  assert.equal(
    roots.filter((word) => !named.has(word)),
    [],
  );
  assert.equal(
    roots.filter((word) => !word.match(PRIVATE)),
    [],
  );
  assert.ok(ALLOWED.every(({ why }) => why.length > 5));
});

house.run();
