// The warnings of `ingressc check` on the command line: text, JSON, exit codes, flags and `.ingressc.toml`; mistakes on purpose.
import { readdirSync } from "node:fs";
import { basename, join, sep } from "node:path";
import * as assert from "uvu/assert";
import { suite } from "../suite.ts";
import { envelope, folder, ingresscHere, PROJECT, type Ended, type Folder } from "./programs.ts";

const test = suite<{ dir: Folder }>("check: warnings");
test.before.each((context) => {
  context.dir = folder();
});
test.after.each(({ dir }) => dir.remove());

const CLEAN = `edition 1
@why "public site"
expose web on tcp 80 { backend 127.0.0.1:8080 allow from any }
test "t" { from 192.0.2.1 to web => allow }
`;
const WARNS = `edition 1
@why "public site"
expose web on tcp 80 {
  backend 127.0.0.1:8080
  allow from any
  allow from 10.0.0.0/8
}
test "t" { from 192.0.2.1 to web => allow }
`;
const ENDS = CLEAN.replace("allow from any", "allow from any except 192.0.2.2 allow from 192.0.2.2 until 2026-06-10T00:00Z");

test("a warning has its code, its place and its remedy, and the policy is valid", async ({ dir }) => {
  dir.write("p.ingress", WARNS);
  const ended = await ingresscHere(["check", "p.ingress"], dir.path);
  assert.equal([ended.code, ended.err], [0, ""]);
  assert.is(
    ended.out,
    `warning[ING821]: this \`allow\` has no effect: whatever it admits, another one admits too
 --> p.ingress:6:3
  |
6 |   allow from 10.0.0.0/8
  |   ^^^^^^^^^^^^^^^^^^^^^
  |
 --> p.ingress:5:3
5 |   allow from any
  |   -------------- admitted here
help: remove it, or write what it was meant to say

\`p.ingress\` is valid: 1 expose, 1 test line, 1 warning
`,
  );
});

test("JSON has the severity of each, and says that all rules were judged", async ({ dir }) => {
  dir.write("p.ingress", WARNS);
  const found = envelope(await ingresscHere(["check", "--json", "p.ingress"], dir.path));
  const data = found["data"] as { readonly warnings: readonly Readonly<Record<string, unknown>>[]; readonly unjudged: number; readonly nodes: number };
  assert.is(found["ok"], true);
  assert.equal(
    data.warnings.map(({ code, severity, data: own, start }) => ({ code, severity, own, start })),
    [{ code: "ING821", severity: "warning", own: { by: "one" }, start: { line: 6, column: 3 } }],
  );
  assert.is(data.unjudged, 0);
  assert.ok(data.nodes > 0);
  dir.write("bad.ingress", "edition 1\nnet a = 10.0.0.0/99\n");
  const bad = envelope(await ingresscHere(["check", "--json", "bad.ingress"], dir.path))["data"] as { readonly diagnostics: readonly { severity: string }[] };
  assert.equal(
    bad.diagnostics.map(({ severity }) => severity),
    ["error"],
  );
});

interface Row {
  readonly name: string;
  readonly text: string;
  readonly flags: readonly string[];
  readonly config?: string;
  readonly exit: number;
  /** Of the standard output, or of the standard error where it says no. */
  readonly says: RegExp;
}

const ROWS: readonly Row[] = [
  { name: "nothing to deny", text: CLEAN, flags: ["--deny-warnings", "--deny-expired"], exit: 0, says: /^`p\.ingress` is valid: 1 expose, 1 test line\n$/ },
  {
    name: "denied",
    text: WARNS,
    flags: ["--deny-warnings"],
    exit: 1,
    says: /warning\[ING821\][^]*\ningressc: 1 warning in `p\.ingress`, and warnings are denied\nhelp: `ingressc explain ING821` says more\n$/,
  },
  { name: "denied, in JSON", text: WARNS, flags: ["--deny-warnings", "--json"], exit: 1, says: /"code":"policy\.warnings"[^\n]*"code":"ING821"/ },
  { name: "ignored", text: WARNS, flags: ["--deny-warnings", "--ignore", "ING821"], exit: 0, says: /is valid: 1 expose, 1 test line\n$/ },
  {
    name: "two ignored",
    text: WARNS.replace('@why "public site"\n', ""),
    flags: ["--deny-warnings", "--ignore", "ING821", "--ignore", "ING827"],
    exit: 0,
    says: /is valid/,
  },
  { name: "another one ignored", text: WARNS, flags: ["--deny-warnings", "--ignore", "ING822"], exit: 1, says: /ING821/ },
  {
    name: "dates alone",
    text: ENDS,
    flags: ["--deny-warnings"],
    exit: 0,
    says: /warning\[ING881\]: this `allow` ends at 2026-06-10T00:00Z, in 8 days[^]*is valid/,
  },
  { name: "dates denied", text: ENDS, flags: ["--deny-expired"], exit: 1, says: /ING881/ },
  { name: "before it is soon", text: ENDS, flags: ["--deny-expired", "--at", "2026-05-10T23:59:59Z"], exit: 0, says: /is valid: 1 expose, 1 test line\n$/ },
  { name: "soon", text: ENDS, flags: ["--deny-expired", "--at", "2026-05-11T00:00Z"], exit: 1, says: /ING881/ },
  { name: "at the end", text: ENDS, flags: ["--deny-expired", "--at", "2026-06-10T00:00Z"], exit: 1, says: /ING880/ },
  { name: "warnings are no dates", text: WARNS, flags: ["--deny-expired"], exit: 0, says: /ING821/ },
  { name: "not judged", text: WARNS, flags: ["--nodes", "1"], exit: 0, says: /warning\[ING836\]: 2 rules were not judged/ },
  { name: "not judged, denied", text: WARNS, flags: ["--nodes", "1", "--deny-warnings"], exit: 1, says: /ING836/ },
  { name: "an error is no warning", text: "edition 1\nnet a = 10.0.0.0/99\n", flags: ["--deny-warnings"], exit: 3, says: /error\[ING304\]/ },
  { name: "no code", text: CLEAN, flags: ["--ignore", "ING999"], exit: 2, says: /`ING999` is not the code of a warning\nhelp: warnings have the codes/ },
  { name: "the code of an error", text: CLEAN, flags: ["--ignore", "ING204"], exit: 2, says: /`ING204` is not the code of a warning/ },
  { name: "no time", text: CLEAN, flags: ["--at", "tomorrow"], exit: 2, says: /`--at`: [^]*write a time in UTC/ },
  { name: "no nodes", text: CLEAN, flags: ["--nodes", "0"], exit: 2, says: /is no number of nodes/ },
  {
    name: "a repository ignores it",
    text: WARNS,
    config: '[lint]\nignore = ["ING821"]\ndeny_warnings = true\n',
    flags: [],
    exit: 0,
    says: /is valid: 1 expose, 1 test line\n$/,
  },
  { name: "a repository denies it", text: WARNS, config: "[lint]\ndeny_warnings = true\n", flags: [], exit: 1, says: /warnings are denied/ },
  { name: "a repository denies what ended", text: ENDS, config: "[lint]\ndeny_expired = true\n", flags: [], exit: 1, says: /ING881/ },
  { name: "an empty file of a repository", text: WARNS, config: "", flags: [], exit: 0, says: /ING821/ },
  { name: "not TOML", text: CLEAN, config: "[lint\n", flags: [], exit: 3, says: /\.ingressc\.toml:\d+:\d+` is not TOML/ },
  {
    name: "another table",
    text: CLEAN,
    config: "[format]\nwidth = 80\n",
    flags: [],
    exit: 3,
    says: /has the key `format`, which is unknown\nhelp: it has one table, `\[lint\]`/,
  },
  {
    name: "another key",
    text: CLEAN,
    config: "[lint]\nignored = []\n",
    flags: [],
    exit: 3,
    says: /has the key `lint\.ignored`, which is unknown\nhelp: the keys/,
  },
  { name: "no list", text: CLEAN, config: '[lint]\nignore = "ING821"\n', flags: [], exit: 3, says: /no list of codes/ },
  { name: "an error ignored", text: CLEAN, config: '[lint]\nignore = ["ING204"]\n', flags: [], exit: 3, says: /ignores `ING204`, which is no warning/ },
  { name: "a word for a truth", text: CLEAN, config: '[lint]\ndeny_warnings = "yes"\n', flags: [], exit: 3, says: /neither true nor false/ },
  { name: "no table", text: CLEAN, config: "lint = 5\n", flags: [], exit: 3, says: /a `lint` that is no table/ },
];

const textOf = ({ out, err }: Ended): string => out + err;

for (const { name, text, flags, config, exit, says } of ROWS) {
  test(name, async ({ dir }) => {
    dir.write("p.ingress", text);
    if (config !== undefined) dir.write(".ingressc.toml", config);
    const ended = await ingresscHere(["check", ...flags, "p.ingress"], dir.path);
    assert.is(ended.code, exit, textOf(ended));
    assert.match(textOf(ended), says);
  });
}

test("the file of a repository has at most 65,536 bytes", async ({ dir }) => {
  dir.write("p.ingress", CLEAN);
  for (const [bytes, exit] of [
    [65_536, 0],
    [65_537, 3],
  ] as const) {
    dir.write(".ingressc.toml", "#".repeat(bytes));
    const ended = await ingresscHere(["check", "p.ingress"], dir.path);
    assert.is(ended.code, exit, textOf(ended));
    if (exit !== 0) assert.match(ended.err, /can't be read as text\nhelp: it is a file of TOML of at most 65536 bytes/);
  }
});

test("the file of a repository counts up to its folder, the nearest one alone, and none above", async ({ dir }) => {
  const ignore = '[lint]\nignore = ["ING821"]\n';
  const check = async (): Promise<boolean> => /ING821/.test((await ingresscHere(["check", "repo/sub/p.ingress"], dir.path)).out);
  dir.write("repo/sub/p.ingress", WARNS);
  dir.write(".ingressc.toml", ignore);
  assert.is(await check(), true, "without a repository nothing above the policy counts");
  dir.write("repo/.git/HEAD", "");
  assert.is(await check(), true, "what is above the repository does not count");
  dir.write("repo/.ingressc.toml", ignore);
  assert.is(await check(), false);
  dir.write("repo/sub/.ingressc.toml", "");
  assert.is(await check(), true, "the nearest one counts alone");
});

test("with --fix the errors are fixed first, and the warnings of what is left are shown", async ({ dir }) => {
  dir.write("p.ingress", WARNS.replace("10.0.0.0/8", "10.0.0.0/08"));
  const ended = await ingresscHere(["check", "--fix", "p.ingress"], dir.path);
  assert.is(ended.code, 0, ended.err);
  assert.match(ended.out, /^fixed p\.ingress:6:\d+: [^]*warning\[ING821\][^]*\n`p\.ingress` is valid: 1 expose, 1 test line, 1 warning\n$/);
});

test("more warnings than a person reads are counted, and JSON has all of them", async ({ dir }) => {
  const many = (n: number): string => `${CLEAN}${Array.from({ length: n }, (_, i) => `net a${i} = 192.0.2.${i}\n`).join("")}`;
  for (const [n, more] of [
    [100, false],
    [101, true],
  ] as const) {
    dir.write("p.ingress", many(n));
    const { out } = await ingresscHere(["check", "p.ingress"], dir.path);
    assert.is(/\nand 1 more warning \(`--json` has all of them\)\n/.test(out), more);
    assert.is(out.match(/warning\[ING828\]/g)?.length, 100);
    const { warnings } = envelope(await ingresscHere(["check", "--json", "p.ingress"], dir.path))["data"] as { readonly warnings: readonly unknown[] };
    assert.is(warnings.length, n);
  }
});

const POLICIES = join(PROJECT, "policies");
const shipped = readdirSync(POLICIES, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ingress"));
for (const name of shipped.filter((path) => !path.includes(sep) || basename(path) === "edge.ingress")) {
  test(`${name} has no warnings`, async () => {
    const ended = await ingresscHere(["check", "--deny-warnings", "--deny-expired", "--at", "2026-12-01T00:00Z", join(POLICIES, name)], PROJECT);
    assert.is(ended.code, 0, textOf(ended));
    assert.not.match(ended.out, /warning/);
  });
}

test.run();
