// docs/language.md against the compiler: its example is accepted, it names every keyword, says
// which are not in this release, and its bounds are those of the code.
import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as bound from "../../compiler/bounds.ts";
import { BUILTIN } from "../../compiler/check/builtin.ts";
import { SPECIAL_PURPOSE_DATE } from "../../compiler/check/specialPurpose.ts";
import { KEYWORDS, WORDS } from "../../compiler/syntax/keywords.ts";
import { codes, filesOf, front } from "./front.ts";

const language = suite("language");
const text = readFileSync(new URL("../../docs/language.md", import.meta.url), "utf8");
const later = text.slice(text.indexOf("## Not in this release"));
const now = text.slice(0, text.indexOf("## Not in this release"));

language("the example is accepted", () => {
  const example = /```ingress\n([^]*?)```/.exec(text)?.[1] ?? "";
  const { policy, diagnostics } = front(example, filesOf({ "lists/scanners.txt": "192.0.2.1\n" }));
  assert.equal(diagnostics.map((d) => d.message), []);
  assert.is(policy?.exposes.length, 2);
});

for (const [word, row] of Object.entries(KEYWORDS)) {
  language(`${word} stands where the register says`, () => {
    assert.match(row.release === "later" ? later : now, new RegExp(`\\b${word}\\b`));
  });
}

language("modes, annotations and reasons are named", () => {
  for (const word of [...WORDS.mode, ...WORDS.annotation]) assert.match(later, new RegExp(`\`@?${word}\``));
  for (const word of WORDS.reason) assert.match(text, new RegExp(`\`${word}\``));
});

language("built-in nets and the date of the table", () => {
  for (const name of BUILTIN.keys()) assert.match(now, `| \`${name}\` |`);
  assert.match(now, SPECIAL_PURPOSE_DATE);
});

language("every bound stands in the table with its value", () => {
  const table = now.slice(now.indexOf("## Bounds"));
  const mib = (n: number): string => `${n / 1024 / 1024} MiB`;
  const { MAX_QUOTE: _, DEFAULT_CAP_CONNECTIONS, DEFAULT_KEY_V4, DEFAULT_KEY_V6, MAX_SOURCE_BYTES, MAX_LIST_BYTES, ...counts } = bound;
  for (const text of [mib(MAX_SOURCE_BYTES), mib(MAX_LIST_BYTES), ...Object.values(counts).map((n) => n.toLocaleString("en-US"))]) {
    assert.match(table, `| ${text} |`);
  }
  assert.match(now, `without it ${DEFAULT_CAP_CONNECTIONS.toLocaleString("en-US")}`);
  assert.match(now, `/${DEFAULT_KEY_V4} for IPv4 and /${DEFAULT_KEY_V6} for IPv6`);
});

/** A statement or clause with each word that is not in this release: one diagnostic, at the word. */
const REFUSED: readonly (readonly [string, string])[] = [
  ["import", "import \"x\" as y"], ["hosts", "hosts h = \"www.example.com\""], ["ids", "ids i = dns \"x.example\""],
  ["template", "template t($a) { allow from $a }"], ["use", "use t(1)"], ["budget", "budget { ports 1 }"],
  ["invariant", "invariant \"x\" { never from any to web }"], ["dryrun", "dryrun deny from any"],
  ["@owner", "@owner \"x\""], ["@ticket", "@ticket \"x\""], ["@why", "@why \"x\""],
  ["udp", "expose a on udp 53 { }"], ["udp", "deny on udp 53"],
  ...WORDS.mode.map((mode) => [`as ${mode}`, `expose a on tcp 1 as ${mode} { }`] as const),
  ["cert", "expose a on tcp 1 { cert \"x\" }"], ["ca", "expose a on tcp 1 { ca \"x\" }"],
  ["per identity", "expose a on tcp 1 { cap 1 connections, 1 per identity }"], ["per identity", "expose a on tcp 1 { limit 1/s per identity }"],
  ["sni", "expose a on tcp 1 { allow from any sni \"x\" }"], ["client", "expose a on tcp 1 { deny client uri \"x\" }"],
  ["until", "expose a on tcp 1 { allow from any until 2027-03-01T00:00Z }"], ["sni", "deny sni \"x\""], ["a.b", "deny from a.b"],
  ["at", "test \"t\" at 2027-01-10T09:00Z { }"], ["repeat", "test \"t\" { repeat 5 in 0s closing from 10.0.0.1 to tcp 1 => allow 4, deny rate 1 }"],
  ["local", "test \"t\" { from 10.0.0.1 to tcp 1 local 127.0.0.1 => allow }"], ["by", "test \"t\" { from 10.0.0.1 to tcp 1 => deny policy by x }"],
  ["sni", "test \"t\" { from 10.0.0.1 to tcp 1 => deny sni }"], ["mtls", "test \"t\" { from 10.0.0.1 to tcp 1 => deny mtls }"],
  ["client", "test \"t\" { from 10.0.0.1 to tcp 1 client dns \"x\" => allow }"], ["udp", "test \"t\" { from 10.0.0.1 to udp 1 => allow }"],
];

for (const [word, statement] of REFUSED) {
  language(`${statement} is refused once`, () => {
    const { policy, diagnostics } = front(`edition 1\n${statement}\n`);
    assert.equal(diagnostics.map((d) => [d.code, d.message, d.span.file.text.slice(d.span.start, d.span.end)]), [["ING110", `\`${word}\` is not in this release`, word]]);
    assert.is(policy, null);
  });
}

language("every keyword may name a set and be used", () => {
  for (const word of Object.keys(KEYWORDS)) {
    if (word === "tcp" || word === "udp") continue;
    assert.equal(codes(`edition 1\nnet ${word} = 10.0.0.0/8, 192.0.2.1\nports ${word} = 1-2\nexpose ${word} service ${word} on tcp ${word} bind ${word} {\n  allow named ${word} from ${word}, ${word} except 192.0.2.1\n}\ntest "x" { from 10.0.0.1 to ${word} => allow }\n`), [], word);
  }
});

language.run();
