// docs/language.md against the compiler: its example is accepted, it names every keyword and
// its place, and its bounds are those of the code.
import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as bound from "../../compiler/source/bounds.ts";
import { BUILTIN_NAMES } from "../../compiler/check/names/builtin_names.ts";
import { SPECIAL_PURPOSE_DATE } from "../../compiler/check/sets/special_purpose.ts";
import { KEYWORDS, wordsAt, WORDS } from "../../compiler/syntax/keywords.ts";
import { codes, filesOf, front } from "./front.ts";

const language = suite("language");
const text = readFileSync(new URL("../../docs/language.md", import.meta.url), "utf8");
/** Without the grammar, which names every word by itself. */
const prose = text.slice(0, text.indexOf("## Grammar")) + text.slice(text.indexOf("## Layout"));

language("the example is accepted", () => {
  const example = /```ingress\n([^]*?)```/.exec(text)?.[1] ?? "";
  const { policy, diagnostics } = front(example, filesOf({ "lists/scanners.txt": "192.0.2.1\n" }));
  assert.equal(
    diagnostics.map((d) => d.message),
    [],
  );
  assert.is(policy?.exposes.length, 2);
});

for (const word of Object.keys(KEYWORDS)) {
  language(`${word} is explained`, () => assert.match(prose, new RegExp(`\\b${word}\\b`)));
}

for (const [place, wrong] of [
  ["clause", "expose a on tcp 1 {\n  zzzz\n}"],
  ["line", 'test "x" {\n  zzzz\n}'],
  ["claim", 'invariant "x" {\n  zzzz\n}'],
  ["bound", "budget {\n  zzzz\n}"],
] as const) {
  language(`the help for a wrong word at the place of a ${place} names every word that may begin one`, () => {
    const help = front(`edition 1\n${wrong}\n`).diagnostics[0]?.help ?? "";
    for (const word of wordsAt(place)) assert.match(help, new RegExp(`\`${word}\\b`));
  });
}

language("modes, annotations and reasons are named", () => {
  for (const word of [...WORDS.mode, ...WORDS.annotation, ...WORDS.reason]) assert.match(prose, new RegExp(`\`@?${word}\\b`));
});

language("built-in nets and the date of the table", () => {
  for (const name of BUILTIN_NAMES) assert.match(prose, `| \`${name}\` |`);
  assert.match(prose, SPECIAL_PURPOSE_DATE);
});

language("every bound is in the table with its value", () => {
  const table = prose.slice(prose.indexOf("## Bounds"));
  const mib = (n: number): string => `${n / 1024 / 1024} MiB`;
  const { MAX_QUOTE: _, DEFAULT_CAP_CONNECTIONS, DEFAULT_KEY_V4, DEFAULT_KEY_V6, MAX_SOURCE_BYTES, MAX_LIST_BYTES, MAX_IMPORTED_BYTES, ...counts } = bound;
  for (const text of [mib(MAX_SOURCE_BYTES), mib(MAX_LIST_BYTES), mib(MAX_IMPORTED_BYTES), ...Object.values(counts).map((n) => n.toLocaleString("en-US"))]) {
    assert.match(table, `| ${text} |`);
  }
  assert.match(prose, `connections at the same time; ${DEFAULT_CAP_CONNECTIONS.toLocaleString("en-US")} by default`);
  assert.match(prose, `/${DEFAULT_KEY_V4} for IPv4 and /${DEFAULT_KEY_V6} for IPv6`);
});

language("every keyword may name a set and be used", () => {
  for (const word of Object.keys(KEYWORDS)) {
    if (word === "tcp" || word === "udp") continue;
    assert.equal(
      codes(
        `edition 1\nnet ${word} = 10.0.0.0/8, 192.0.2.1\nports ${word} = 1-2\nexpose ${word} service ${word} on tcp ${word} bind ${word} {\n  allow named ${word} from ${word}, ${word} except 192.0.2.1\n}\ntest "x" { from 10.0.0.1 to ${word} => allow }\n`,
      ),
      [],
      word,
    );
  }
});

language.run();
