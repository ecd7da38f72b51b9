// Where a fix is made: each place in the compiler's sources has an example here, whose edit is written out, so
// that a new fix is looked at before it is given to anybody.
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fixAll } from "../../compiler/cli/fixes.ts";
import { filesOf } from "../compiler/front.ts";

const makers = suite("where fixes are made");

const root = fileURLToPath(new URL("../../compiler/", import.meta.url));
/** `replace: …`, `fix: …` and `instead: …` but null and types; calls that make one; a literal's problem whose last argument is one. */
const MAKES =
  /\b(?:replace|instead|fix): (?!null\b|string\b|RewrittenForm|Beside|Diagnostic|NonNullable|\{ readonly)|\b(?:insertedBefore|without|meant|didYouMean)\((?![a-z]+: )|\binstead\((?![a-z]+: )|\b(?:problem|refused)\("ING(?=[^\n]*(?<!\}|, null|, replace)\);$)|\bno\(\{[^\n]*(?<!\}|, null)\);$|\bsameAs\(rule, actual|\bsameWord\(means|\bnearestAlone\((?:actual|word, WORDS)|\bstray\([^\n]*""\)|\bconst instead = isClosed|\basSeen\(text\.slice/gm;

/** A call that the formatter has spread over lines, in one. */
const joined = (text: string): string =>
  text.replace(/\bno\(\n\s+[^;]*?\n\s+\);$/gm, (call) =>
    call
      .replace(/\(\n\s+/, "(")
      .replace(/,?\n\s+\);$/, ");")
      .replace(/\n\s+/g, " "),
  );

function found(): ReadonlyMap<string, number> {
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((d) => d.isFile() && d.name.endsWith(".ts"))
    .map((d) => `${d.parentPath}/${d.name}`.replaceAll("//", "/").slice(root.length));
  const counts = files
    .filter((file) => !file.startsWith("cli/") && file !== "library.ts" && !/^diagnostics\/(?:\w+_words|sentence)\.ts$/.test(file))
    .map((file) => [file, [...joined(readFileSync(`${root}${file}`, "utf8")).matchAll(MAKES)].length] as const);
  return new Map(counts.filter(([, count]) => count > 0));
}

/** `list`: lines of a list of addresses. */
type Example = readonly [before: string, after: string, of?: "list"];
const e = (clauses: string): string => `expose e on tcp 1 { ${clauses} }`;
const one = (before: string, after: string): Example => [e(before), e(after)];
const t = (before: string, after: string): Example => [
  `expose e on tcp 1 { allow from any }\ntest "t" { ${before} }`,
  `expose e on tcp 1 { allow from any }\ntest "t" { ${after} }`,
];

const SHA = "ab".repeat(32);
const IP: Example = ['net a = "10.0.0.0/8"', "net a = 10.0.0.0/8"];

/** By file as many examples as it has such places; of a place that hands on what another one made, any of those. */
const EXAMPLES: Readonly<Record<string, readonly Example[]>> = {
  "ast/edition.ts": [
    ["edition 1\nnet a = any", "\nnet a = any"],
    ["edition 1", ""],
  ],
  "ast/tests.ts": [
    t("from 10.0.0.1 to e => allow 3", "from 10.0.0.1 to e => allow "),
    t("bind e on 10.0.0.1:1 => deny policy 3", "bind e on 10.0.0.1:1 => deny policy "),
  ],
  "check/names/endpoint.ts": [
    one("backend http://127.0.0.1:80", "backend 127.0.0.1:80"),
    one("backend https://[::1]:80/", "backend [::1]:80"),
    one("backend tcp://127.0.0.1:80", "backend 127.0.0.1:80"),
  ],
  "check/names/host_names.ts": [
    ['hosts a = "https://a.example/"', 'hosts a = "a.example"'],
    ['hosts a = "*.bücher.example"', 'hosts a = "*.xn--bcher-kva.example"'],
    ['hosts a = "bücher.example"', 'hosts a = "xn--bcher-kva.example"'],
    ['hosts a = "www\u200b.example"', 'hosts a = "www.example"'],
  ],
  "check/sets/hosts.ts": [
    ['hosts a- = "a.example"\nhosts b = "a-"', 'hosts a- = "a.example"\nhosts b = a-'],
    ["hosts a = www.example.com", 'hosts a = "www.example.com"'],
    ['hosts a = dns "a.example"', 'hosts a = "a.example"'],
  ],
  "check/sets/id_patterns.ts": [
    [`ids a = sha256 "${SHA.toUpperCase().replace(/(..)(?!$)/g, "$1:")}"`, `ids a = sha256 "${SHA}"`],
    ['ids a = dns "bücher.example"', 'ids a = dns "xn--bcher-kva.example"'],
  ],
  "check/sets/ids.ts": [
    ['ids a = "a.example"', 'ids a = dns "a.example"'],
    ['ids a = "10.0.0.1"', 'ids a = ip "10.0.0.1"'],
    ['ids a = "spiffe://a/*"', 'ids a = uri "spiffe://a/*"'],
    [`ids a = "${SHA}"`, `ids a = sha256 "${SHA}"`],
  ],
  "check/rules/backend.ts": [one("backend 127.0.0.1:80 proxy 2 allow from any", "backend 127.0.0.1:80 proxy v2 allow from any")],
  "check/rules/caps_and_limits.ts": [one("limit 10/d burst 200000 per source", "limit 10/d burst 101806 per source")],
  "check/rules/exposes.ts": [one("amplify 30 allow from any", "allow from any")],
  "check/rules/invariants.ts": [['invariant "i" { never from any to any as tsl }', 'invariant "i" { never from any to any as tls }']],
  "check/names/literals.ts": [
    ["net a = 10/8", "net a = 10.0.0.0/8"],
    ["net a = [::1]", "net a = ::1"],
    t("from [::1] to e => allow", "from ::1 to e => allow"),
    ["net a = 10.0.0.0/255.0.0.0", "net a = 10.0.0.0/8"],
    ["net a = 10.0.0.0/08", "net a = 10.0.0.0/8"],
    ["net a = *", "net a = any"],
    ["net a = 10.*", "net a = 10.0.0.0/8"],
    ["net a = 10.0.0.0-10.0.0.3", "net a = 10.0.0.0/30"],
    ["\uff110.0.0.1", "10.0.0.1", "list"],
  ],
  "check/rules/modes.ts": [
    ["expose e on tcp 1 as passthru { }", "expose e on tcp 1 as passthrough { }"],
    ["expose e on tcp 1 as passthrouh { }", "expose e on tcp 1 as passthrough { }"],
  ],
  "check/names/declarations.ts": [
    ["expose e on tcp 1 as Passthrough { }", "expose e on tcp 1 as passthrough { }"],
    t("from 10.0.0.1 to e => deny polcy", "from 10.0.0.1 to e => deny policy"),
  ],
  "check/sets/nets.ts": [IP, ['net a = ip "10.0.0.1"', "net a = 10.0.0.1"]],
  "check/names/numbers.ts": [one("cap 09 connections", "cap 9 connections"), one("limit 5/min per source", "limit 5/m per source")],
  "check/names/paths.ts": [['net a = file "l\\x.txt" max 3', 'net a = file "l/x.txt" max 3']],
  "check/names/port_numbers.ts": [
    ["ports a = :443", "ports a = 443"],
    ["ports a = 080", "ports a = 80"],
    ["ports a = 1:2", "ports a = 1-2"],
  ],
  "check/sets/ports.ts": [['ports a = "443"', "ports a = 443"]],
  "diagnostics/report.ts": [IP, ['hosts a = "bücher.example"', 'hosts a = "xn--bcher-kva.example"']],
  "check/rules/tests.ts": [
    t('from 10.0.0.1 to e sni "bücher.example" => allow', 'from 10.0.0.1 to e sni "xn--bcher-kva.example" => allow'),
    t("from 10.0.0.1 to e => deny cird", "from 10.0.0.1 to e => deny cidr"),
  ],
  "check/names/times.ts": [
    one("allow from any until 2030-01-01T01:00+01:00", "allow from any until 2030-01-01T00:00Z"),
    one("allow from any until 2030-01-01t00:00z", "allow from any until 2030-01-01T00:00Z"),
    t("repeat 3 in 1sec from 10.0.0.1 to e => allow", "repeat 3 in 1s from 10.0.0.1 to e => allow"),
  ],
  "check/names/unknown_names.ts": [["template t($a) { deny from a }\nuse t(any)", "template t($a) { deny from $a }\nuse t(any)"]],
  "syntax/errors.ts": [
    ["deny on tpc 22", "deny on tcp 22"],
    one("limit 5/s per ip", "limit 5/s per source"),
    one("cap 5 connection", "cap 5 connections"),
    t("from 10.0.0.1 to e => permit", "from 10.0.0.1 to e => allow"),
    one("limit 5/s per listner", "limit 5/s per listener"),
  ],
  "syntax/foreign_set_forms.ts": [
    ["net a = 10.0.0.0/8,", "net a = 10.0.0.0/8"],
    ["net a: any", "net a = any"],
    ["net a: = any", "net a= any"],
    ["net a == any", "net a = any"],
    ["net a := any", "net a = any"],
    ['net a = file "x.txt" min 1 max 3', 'net a = file "x.txt" max 3 min 1'],
  ],
  "syntax/foreign_forms.ts": [
    ["deny tcp 22", "deny on tcp 22"],
    ["deny if 10.0.0.0/8", "deny from 10.0.0.0/8"],
    one("allow all", "allow from any"),
    ["deny 10.0.0.0/8", "deny from 10.0.0.0/8"],
    t("from 10.0.0.1 to e -> allow", "from 10.0.0.1 to e => allow"),
    ["template t(a) { deny from $a }", "template t($a) { deny from $a }"],
    ["deny on tcp/22", "deny on tcp 22"],
    ["deny on tcp/udp 22", "deny on tcp, udp 22"],
    ["deny on tcp port 22", "deny on tcp 22"],
    one('backend "/a"', 'backend unix "/a"'),
    one('backend "127.0.0.1:1"', "backend 127.0.0.1:1"),
    ['deny from any and sni "a.example"', 'deny from any sni "a.example"'],
    ["net a = any but 10.0.0.0/8", "net a = any except 10.0.0.0/8"],
    one("limit 10r/s per source", "limit 10/s per source"),
    one("limit 10 per minute per source", "limit 10/m per source"),
  ],
  "syntax/parse.ts": [
    one("alow from any", "allow from any"),
    ["// x", "# x"],
    ["@why 'a'\nnet a = any", '@why "a"\nnet a = any'],
    one("cap 5", "cap 5 connections"),
    one("allow from any4\n cap 5\n", "allow from any4\n cap 5 connections\n"),
  ],
  "syntax/non_ascii.ts": [
    ["net a =\u00a0any", "net a = any"],
    ["@why \u201ca\u201d\nnet a = any", '@why "a"\nnet a = any'],
    ["n\u0435t a = any", "net a = any"],
    ["net a \uff1d any", "net a = any"],
    ["net\u200b a = any", "net a = any"],
  ],
  "syntax/unexpected_token.ts": [
    ["net a = any,\n, 10.0.0.1", "net a = any,\n 10.0.0.1"],
    ["dney from any", "deny from any"],
    one("accept from any", "allow from any"),
  ],
  "check/names/list_files.ts": [
    ["10.0.0.0/08 # office", "10.0.0.0/8 # office", "list"],
    ["10.0.0.1\u00a0", "10.0.0.1", "list"],
  ],
};

makers("every place that makes a fix has an example", () => {
  assert.equal(
    Object.fromEntries([...found()].sort()),
    Object.fromEntries(
      Object.entries(EXAMPLES)
        .map(([file, rows]) => [file, rows.length] as const)
        .sort(),
    ),
  );
});

for (const [file, rows] of Object.entries(EXAMPLES)) {
  for (const [before, after, of] of rows) {
    makers(`${file}: ${before.replaceAll("\n", " ")}`, () => {
      const policy = `edition 1\n${of === undefined ? before : 'net a = file "l.txt" max 3'}\n`;
      const { texts } = fixAll({ path: "p.ingress", text: policy }, filesOf({ "l.txt": before }));
      assert.is(texts.get(of === undefined ? "p.ingress" : "l.txt")?.after, of === undefined ? `edition 1\n${after}\n` : after);
    });
  }
}

makers.run();
