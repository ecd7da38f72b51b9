// ingressc as a process: exit codes, where text goes, the envelope, and mistakes on purpose.
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { skip } from "../skip.ts";
import { shipped } from "../ready.ts";
import { envelope, folder, ingressc, ingresscHere, start, type Ended, type Folder } from "./programs.ts";

const commands = suite<{ dir: Folder }>("commands");
commands.before((context) => {
  context.dir = folder();
});
commands.after(({ dir }) => dir.remove());

const GOOD = `edition 1
expose web on tcp 443 {
  backend 127.0.0.1:8080
  allow named staff from 198.51.100.0/24
  deny named lab from 198.51.100.128/25
}
test "lab" {
  from 198.51.100.7   to web => allow
  from 198.51.100.200 to web => deny cidr
}
`;
const TWO_ERRORS = GOOD.replace("198.51.100.0/24", "198.51.100.1/24").replace("127.0.0.1:8080", "192.0.2.1:8080");
const FAILING = GOOD.replace("=> allow", "=> deny cidr");

interface Row {
  readonly args: readonly string[];
  readonly exit: number;
  readonly out?: RegExp;
  readonly err?: RegExp;
}

async function checkAll(dir: Folder, rows: readonly Row[]): Promise<void> {
  for (const row of rows) check(row, await ingresscHere(row.args, dir.path));
}

function check({ args, exit, out = /^$/, err = /^$/ }: Row, ended: Ended): void {
  const transcript = `ingressc ${args.join(" ")}\n${ended.out}${ended.err}`;
  assert.is(ended.code, exit, transcript);
  assert.match(ended.out, out, transcript);
  assert.match(ended.err, err, transcript);
  assert.not.match(ended.out + ended.err, /\n {4}at /, transcript);
  assert.not.ok(`${ended.out}${ended.err}`.includes("\u001b"), transcript);
}

commands("a process has the same answers: one of each exit code", async ({ dir }) => {
  dir.write("good.ingress", GOOD);
  dir.write("two.ingress", TWO_ERRORS);
  dir.write("fails.ingress", FAILING);
  dir.write("plain", "a file");
  const rows: readonly Row[] = [
    { args: ["test", "good.ingress"], exit: 0, out: /2 test lines of 1 test passed\n$/ },
    { args: ["test", "fails.ingress"], exit: 1, out: /1 of 2 test lines failed\n$/ },
    { args: ["biuld"], exit: 2, err: /did you mean `build`/ },
    { args: ["check", "two.ingress"], exit: 3, err: /2 errors/ },
    { args: ["check", "two.ingress", "--json"], exit: 3, out: /^\{"ok":false,.*\}\n$/ },
    { args: ["build", "good.ingress", "-o", "plain/p.wasm"], exit: 5, err: /not a folder\nhelp: nothing was changed/ },
  ];
  const ended = await Promise.all(rows.map((row) => ingressc(row.args, { cwd: dir.path })));
  rows.forEach((row, i) => check(row, ended[i] ?? { code: null, out: "", err: "" }));
});

commands("a usage mistake is one sentence with a remedy, exit 2", async ({ dir }) => {
  dir.write("good.ingress", GOOD);
  mkdirSync(dir.at("folder"), { recursive: true });
  await checkAll(dir, [
    { args: [], exit: 2, err: /^ingressc: no command is given\nhelp: .*--help/ },
    { args: ["biuld", "good.ingress"], exit: 2, err: /^ingressc: unknown command `biuld`\nhelp: did you mean `build`\?/ },
    { args: ["--vresion"], exit: 2, err: /unknown flag `--vresion`/ },
    { args: ["toString"], exit: 2, err: /unknown command `toString`/ },
    { args: ["check"], exit: 2, err: /needs FILE\nhelp: write `ingressc check FILE`/ },
    { args: ["check", "none.ingress"], exit: 2, err: /^ingressc: there is no file `none.ingress`\nhelp: check the path of the policy\n/ },
    { args: ["build", "folder"], exit: 2, err: /`folder` is a folder\nhelp: / },
    { args: ["inspect", "none.wasm"], exit: 2, err: /there is no file `none.wasm`/ },
    { args: ["inspect", "folder"], exit: 2, err: /`folder` is a folder/ },
    { args: ["explain", "good.ingress", "from", "1.2.3.4"], exit: 2, err: /one operand too many\nhelp: .*in quotes/ },
    { args: ["explain", "good.ingress", "from 1.2.3.4 to wbe"], exit: 2, err: /no expose `wbe`\nhelp: did you mean `web`\?/ },
    { args: ["build", "good.ingress", "-o", "none/p.wasm"], exit: 2, err: /no folder `none`.*\nhelp: create it with `mkdir -p none`/ },
    { args: ["build", "good.ingress", "-o", "good.ingress"], exit: 2, err: /is the policy itself/ },
    { args: ["build", "good.ingress", "-o", "folder"], exit: 2, err: /`folder` is a folder/ },
    {
      args: ["explain", "good.ingress", "from 1.2.3.4 tp web"],
      exit: 2,
      err: /^ {2}from 1\.2\.3\.4 tp web\n {15}\^\^\ningressc: expected `to`, found `tp`\nhelp: /,
    },
    {
      args: ["explain", "good.ingress", "from 1.2.3.4 to web sni x"],
      exit: 2,
      err: /\n {26}\^\ningressc: `sni` is followed by a name in quotes, not by `x`\nhelp: write `sni "/,
    },
    { args: ["explain", "good.ingress", "from 1.2.3.4 to web client dns x"], exit: 2, err: /`dns` is followed by a name in quotes, not by `x`/ },
  ]);
  assert.is(readFileSync(dir.at("good.ingress"), "utf8"), GOOD);
});

commands("a refused input shows all its errors and a count, exit 3", async ({ dir }) => {
  dir.write("two.ingress", TWO_ERRORS);
  dir.write("binary.ingress", Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 0, 1, 2, 3));
  dir.write("binary.wasm", Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 0, 1, 2, 3));
  dir.write("empty.ingress", "");
  dir.write("escape.ingress", 'edition 1\nnet x = file "../secret.txt" max 5\n');
  const both =
    /error\[ING403\][^]*two\.ingress:3:\d+[^]*error\[ING303\][^]*two\.ingress:4:\d+[^]*ingressc: 2 errors in `two\.ingress`\nhelp: `ingressc explain ING403` says more\n$/;
  await checkAll(dir, [
    { args: ["check", "two.ingress"], exit: 3, err: both },
    { args: ["build", "two.ingress"], exit: 3, err: both },
    { args: ["test", "two.ingress"], exit: 3, err: /2 errors/ },
    { args: ["explain", "two.ingress", "from 1.2.3.4 to web"], exit: 3, err: /2 errors/ },
    { args: ["check", "binary.ingress"], exit: 3, err: /is not UTF-8 text: line 1, column 5 has a NUL character\nhelp: .*ingressc inspect/ },
    { args: ["check", "empty.ingress"], exit: 3, err: /ING111[^]*1 error in/ },
    { args: ["check", "escape.ingress"], exit: 3, err: /ING501[^]*1 error in/ },
    { args: ["inspect", "binary.wasm"], exit: 3, err: /is refused \(module_malformed\)/ },
    { args: ["inspect", "two.ingress"], exit: 3, err: /is refused \(module_malformed\)/ },
    { args: ["explain", "binary.wasm", "from 1.2.3.4 to web"], exit: 3, err: /is refused/ },
  ]);
  assert.is(existsSync(dir.at("two.wasm")), false);
});

commands("a failing test is shown side by side, exit 1, and nothing is written", async ({ dir }) => {
  dir.write("fails.ingress", FAILING);
  dir.write("fails.wasm", "the last good module");
  const beside =
    /FAIL "lab"\n +--> fails\.ingress:8:3\n +8 \| from 198\.51\.100\.7 to web => deny cidr\n +\| expected +actual\n +\| deny cidr +allow at tcp 443 of web\n +=.*`allow named staff` in web, fails\.ingress:4:3\n/;
  await checkAll(dir, [
    { args: ["test", "fails.ingress"], exit: 1, out: new RegExp(`${beside.source}[^]*1 of 2 test lines failed\n$`) },
    { args: ["build", "fails.ingress"], exit: 1, out: /1 of 2 test lines failed, so `fails\.wasm` is not written\n$/ },
    { args: ["check", "fails.ingress"], exit: 0, out: /is valid/ },
  ]);
  assert.is(readFileSync(dir.at("fails.wasm"), "utf8"), "the last good module");
});

commands("build says how many entries each list has, once a list and its bounds", async ({ dir }) => {
  dir.write("a.txt", "192.0.2.1\n# none\n192.0.2.0/24\n192.0.2.1\n");
  dir.write("b.txt", "www.example.com\n");
  dir.write("unused.txt", "198.51.100.1\n");
  dir.write("more/nets.ingress", 'edition 1\nnet same = file "../a.txt" max 1000\nnet other = file "../a.txt" max 1000 min 2\n');
  const from = "allow from a, same.same sni b";
  dir.write(
    "lists.ingress",
    `edition 1
import "more/nets.ingress" as same
net a = file "a.txt" max 1000
net unused = file "unused.txt" max 5
hosts b = file "b.txt" max 10 min 1
expose web on tcp 443 as passthrough { ${from} deny from same.other }
`,
  );
  await checkAll(dir, [
    {
      args: ["build", "lists.ingress"],
      exit: 0,
      out: /\n {2}lists {6}a\.txt: 3 of at most 1,000\n {13}a\.txt: 3 of 2 to 1,000\n {13}b\.txt: 1 of 1 to 10\n {13}unused\.txt: 1 of at most 5\n {2}tests/,
    },
    {
      args: ["build", "lists.ingress", "--json"],
      exit: 0,
      out: /"lists":\[\{"path":"a\.txt","entries":3,"min":0,"max":1000\},\{"path":"a\.txt","entries":3,"min":2,"max":1000\},\{"path":"b\.txt","entries":1,"min":1,"max":10\},\{"path":"unused\.txt","entries":1,"min":0,"max":5\}\]/,
    },
  ]);
});

commands("build writes a module that inspect and explain answer from alone", async ({ dir }) => {
  dir.write("good.ingress", GOOD);
  await checkAll(dir, [
    {
      args: ["build", "good.ingress"],
      exit: 0,
      out: /^built good\.wasm\n  listeners  1 \(tcp 443\)\n  rules      2 \(1 allow, 1 deny\)\n  prefixes   2\n  tests      2 lines of 1 test passed\n  module     [\d,]+ bytes\n  decision   at most \d+ steps\n  sha256     [0-9a-f]{64}\n$/,
    },
  ]);
  assert.is(statSync(dir.at("good.wasm")).mode & 0o777, 0o644);
  const module = readFileSync(dir.at("good.wasm"));
  dir.write("moved/alone.wasm", module);
  module[module.length >> 1] = (module[module.length >> 1] ?? 0) ^ 1;
  dir.write("flipped.wasm", module);
  await checkAll(dir, [
    {
      args: ["inspect", "moved/alone.wasm"],
      exit: 0,
      out: /this release loads it[^]*abi version  \d+[^]*ingress\.sha256[^]*web  tcp 443, backend 127\.0\.0\.1:8080[^]*`deny named lab` in web, good\.ingress:5:3/,
    },
    { args: ["inspect", "flipped.wasm"], exit: 3, err: /code [^]*is refused \(module_hash\)/ },
    {
      args: ["explain", "moved/alone.wasm", "from 198.51.100.200 to web"],
      exit: 0,
      out: /deny cidr: a deny rule matches the source\n +by `deny named lab` in web, good\.ingress:5:3\n +overrides `allow named staff` in web, good\.ingress:4:3\n\n  deny \(reason=cidr\)\n  would be allowed from `198\.51\.100\.127`, by `allow named staff`[^\n]*\n$/,
    },
    { args: ["explain", "moved/alone.wasm", "from 198.51.100.1 to tcp 443"], exit: 0, out: /by `allow named staff`[^]*limits[^]*\n {2}allow\n$/ },
    {
      args: ["explain", "moved/alone.wasm", "from 198.51.100.1 to tcp 22"],
      exit: 0,
      out: /the policy exposes nothing there\n\n {2}deny \(reason=policy\)\n {2}would be allowed to `tcp 443`, which is `web`, by [^\n]*\n$/,
    },
    { args: ["explain", "good.ingress", "bind web on 0.0.0.0:443"], exit: 0, out: /web on 0\.0\.0\.0:443\n +deny policy: only ingressd binds/ },
    { args: ["explain", "good.ingress", "bind anything on [::1]:9999"], exit: 0, out: /a loopback bind is always allowed\n\n {2}allow\n$/ },
    { args: ["test", "good.ingress"], exit: 0, out: /^ok "lab" 2 lines\n2 test lines of 1 test passed\n$/ },
  ]);
});

commands("--json is one envelope on standard output, whatever happens", async ({ dir }) => {
  dir.write("good.ingress", GOOD);
  dir.write("two.ingress", TWO_ERRORS);
  dir.write("fails.ingress", FAILING);
  const rows: readonly (readonly [args: string, ok: boolean, kind: string, code: string, exit: number])[] = [
    ["check good.ingress --json", true, "ok", "policy.valid", 0],
    ["--json check good.ingress", true, "ok", "policy.valid", 0],
    ["check two.ingress --json", false, "reject", "policy.rejected", 3],
    ["test fails.ingress --json", false, "no", "policy.test_failed", 1],
    ["test good.ingress --json", true, "ok", "policy.tests_passed", 0],
    ["build good.ingress -o j.wasm --json", true, "ok", "policy.built", 0],
    ["inspect two.ingress --json", false, "reject", "policy.module_malformed", 3],
    ["inspect j.wasm --json", true, "ok", "policy.inspected", 0],
    ["chekc --json", false, "usage", "usage.unknown_command", 2],
    ["build --json --nope", false, "usage", "usage.unknown_flag", 2],
    ["build --help --json", true, "ok", "policy.help", 0],
  ];
  const seen = new Map<string, Ended>();
  for (const [args, ok, kind, code, exit] of rows) {
    const ended = await ingresscHere(args.split(" "), dir.path);
    seen.set(args, ended);
    const { ok: isOk, class: isKind, code: isCode } = envelope(ended);
    assert.equal([isOk, isKind, isCode, ended.code, ended.err], [ok, kind, code, exit, ""], args);
  }
  const rejected = JSON.stringify(envelope(seen.get("check two.ingress --json") ?? { code: 0, out: "{}", err: "" }));
  assert.match(rejected, /"code":"ING303".*"file":"two\.ingress","start":\{"line":4,"column":26\}/);
});

commands("help is for every command, and the version is the package's", async ({ dir }) => {
  const rows = ["check", "build", "test", "explain", "inspect"];
  await checkAll(dir, [
    { args: ["--help"], exit: 0, out: new RegExp(rows.map((r) => `\n  ${r} `).join("[^]*")) },
    ...rows.map((r): Row => ({ args: [r, "--help"], exit: 0, out: new RegExp(`^ingressc ${r}: [^]*usage: ingressc ${r} [^]*--json[^]*\n  ingressc ${r} `) })),
    { args: ["help", "build"], exit: 0, out: /^ingressc build: / },
    { args: ["--version"], exit: 0, out: /^ingressc \d+\.\d+\.\d+\n$/ },
  ]);
});

commands("a foreign tsconfig.json in the folder neither stops it nor puts code into it", async ({ dir }) => {
  dir.write("foreign/good.ingress", GOOD);
  dir.write("foreign/evil.ts", "process.exit(99);\n");
  const evil = ["ipaddr.js", "chevrotain", "@assemblyscript/loader", "@noble/hashes/sha2.js"];
  const paths = Object.fromEntries(evil.map((name) => [name, ["./evil.ts"]]));
  for (const config of ["{ not json", JSON.stringify({ compilerOptions: { baseUrl: ".", paths } })]) {
    dir.write("foreign/tsconfig.json", config);
    const ended = await start(shipped("compiler/cli/ingressc.mjs"), ["test", "good.ingress"], { cwd: dir.at("foreign") }).ended;
    assert.is(ended.code, 0, ended.err);
  }
});

/** An unprivileged user that can start the program, or null. */
async function nobody(dir: Folder): Promise<number | null> {
  const uid = 65534;
  if (process.getuid?.() !== 0) return null;
  chmodSync(dir.path, 0o755);
  const ended = await ingressc(["--version"], { uid, cwd: dir.path }).catch(() => null);
  return ended?.code === 0 ? uid : null;
}

commands("a file that may not be read or written is named, and nothing is left behind", async ({ dir }) => {
  const uid = process.getuid?.() === 0 ? await nobody(dir) : undefined;
  if (uid === null) return skip("read-only folders", "no unprivileged user can run the program here");
  const as = uid === undefined ? {} : { uid };
  dir.write("shut/good.ingress", GOOD);
  dir.write("hidden.ingress", GOOD);
  chmodSync(dir.at("hidden.ingress"), 0o000);
  chmodSync(dir.at("shut"), 0o555);
  try {
    const written = await ingressc(["build", "shut/good.ingress"], { ...as, cwd: dir.path });
    assert.is(written.code, 5, written.err);
    assert.match(written.err, /`shut\/good\.wasm` can't be written: permission is denied\nhelp: nothing was changed/);
    assert.equal(readdirSync(dir.at("shut")), ["good.ingress"]);
    const hidden = await ingressc(["check", "hidden.ingress"], { ...as, cwd: dir.path });
    assert.is(hidden.code, 2, hidden.err);
    assert.match(hidden.err, /`hidden\.ingress` can't be read\nhelp: check the permissions/);
  } finally {
    chmodSync(dir.at("shut"), 0o755);
  }
});

commands("inspect names modes, ends and `dryrun` rules; build counts prefixes as a budget does", async ({ dir }) => {
  const policy = (budget: number): string => `edition 1
budget { prefixes ${budget} }
net office = 10.0.0.0/8, file "l.txt" max 9
expose web on tcp 443 as passthrough {
  backend 127.0.0.1:8080
  allow named staff from office until 2099-03-01T00:00Z
  allow from any sni "a.example.com"
  dryrun deny named later from any
}
`;
  dir.write("l.txt", "192.0.2.1\n192.0.2.2\n");
  // One literal, two entries, and `any`, however often it is named and however many prefixes it is.
  dir.write("m.ingress", policy(4));
  const built = await ingresscHere(["build", "m.ingress"], dir.path);
  assert.is(built.code, 0, built.err);
  assert.match(built.out, /\n {2}prefixes {3}4\n/);
  dir.write("over.ingress", policy(3));
  assert.match((await ingresscHere(["check", "over.ingress"], dir.path)).err, /the policy has 4 prefixes, and its budget is 3/);
  const { out } = await ingresscHere(["inspect", "m.wasm"], dir.path);
  assert.match(out, / web {2}tcp 443 as passthrough, backend 127\.0\.0\.1:8080/);
  assert.match(out, /`allow named staff` in web, m\.ingress:6:3, until 2099-03-01T00:00Z\n/);
  assert.match(out, /dryrun, `deny named later` in web, m\.ingress:8:3\n/);
});

commands("strange characters of a request are shown by their code points, with the ones that were meant", async ({ dir }) => {
  dir.write("r.ingress", "edition 1\nexpose web on tcp 443 { backend 127.0.0.1:8080 allow from any }\n");
  for (const [request, says] of [
    ["from 203.0.113.9\u200b to web", /`203\.0\.113\.9\\u\{200b\}` is not an IPv4 or IPv6 address\nhelp: write `203\.0\.113\.9`/],
    ["from 203.0.113.9 to w\u0435b", /no expose `w\u0435b` \(with U\+0435 for `e`\)\nhelp: did you mean `web`\?/],
    ["from 203.0.113.9 to web at 2099-01-01T00:00+01:00", /is not UTC\nhelp: times are UTC: write `2098-12-31T23:00Z`/],
    ["from 10.0.0.0-10.0.0.3 to web", /help: a range of addresses is written as prefixes: `10\.0\.0\.0\/30`/],
  ] as const) {
    const { code, err } = await ingresscHere(["explain", "r.ingress", request], dir.path);
    assert.is(code, 2, request);
    assert.match(err, says);
  }
});

commands.run();
