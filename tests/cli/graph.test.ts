// ingressc graph: what it writes and where, between which policies; mistakes on purpose.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { suite } from "../suite.ts";
import { envelope, folder, ingressc, ingresscHere, type Folder } from "./programs.ts";

const test = suite<{ dir: Folder }>("graph");
test.before((context) => {
  context.dir = folder();
  context.dir.write("a.ingress", POLICY);
  context.dir.write("b.ingress", WIDER);
});
test.after(({ dir }) => dir.remove());

const POLICY = `edition 1
net office = 198.51.100.0/24
net vpn = 10.8.0.0/16
expose web on tcp 443 { backend 127.0.0.1:8080 allow from any }
expose ssh on tcp 2222 {
  backend 127.0.0.1:22
  limit 6/m per source
  allow from office
  allow from vpn until 2027-03-01T00:00Z
}
`;
const WIDER = POLICY.replace("10.8.0.0/16", "10.0.0.0/8").replace("allow from any", "allow from any deny from office");

test("as text: rows, columns, conditions and the legend", async ({ dir }) => {
  const { out, err, code } = await ingresscHere(["graph", "a.ingress", "--format", "text"], dir.path);
  assert.equal([err, code], ["", 0]);
  assert.is(
    out,
    [
      "a.ingress: 2 rows by 3 ranges of sources",
      "",
      "               A    B      C",
      "web  tcp 443   yes  yes    yes",
      "ssh  tcp 2222  -    if 1*  yes*",
      "",
      "A  the whole internet but vpn and office (99.9 % of IPv4 and all of IPv6)",
      "B  vpn (65.5 k addresses)",
      "C  office (256 addresses)",
      "",
      "1  before 2027-03-01T00:00Z",
      "",
      "yes   admitted",
      "if N  admitted under condition N",
      "-     refused",
      "*     limited: a limit, or a cap per source or identity, counts these connections",
      "",
    ].join("\n"),
  );
});

test("of two policies: what opens and what closes", async ({ dir }) => {
  const { out, code } = await ingresscHere(["graph", "a.ingress", "b.ingress", "--format", "text"], dir.path);
  assert.is(code, 0);
  assert.match(out, /^a\.ingress → b\.ingress: 2 rows by 4 ranges of sources; 1 cell opens, 1 closes$/m);
  assert.match(out, /^web {2}tcp 443 .* \[-\] -$/m);
  assert.match(out, /^ssh {2}tcp 2222 {2}- +\[\+\] if 1\* +if 1\* +yes\*$/m);
});

test("as JSON: each column with its sources, each cell before and after, and one request", async ({ dir }) => {
  const args = ["graph", "a.ingress", "b.ingress"];
  const { out } = await ingresscHere([...args, "--format", "json"], dir.path);
  const data = JSON.parse(out) as Record<string, unknown>;
  assert.equal(data, envelope(await ingresscHere([...args, "--json"], dir.path))["data"]);
  const columns = data["columns"] as readonly { label: string; from: readonly string[]; moreFrom: number }[];
  assert.equal(columns.find(({ label }) => label === "office")?.from, ["198.51.100.0/24"]);
  assert.ok(columns.every(({ from, moreFrom }) => from.length > 0 && moreFrom === 0));
  const rows = data["rows"] as readonly { listener: string; places: unknown; cells: readonly Record<string, unknown>[] }[];
  assert.equal(rows[0]?.places, [{ proto: "tcp", ports: [{ first: 443, last: 443 }], local: null }]);
  const opened = rows.flatMap(({ cells }) => cells).find(({ opens }) => opens === true);
  assert.equal(opened?.["before"], { verdict: "refused", conditions: [], says: null, limited: false });
  assert.equal(opened?.["after"], { verdict: "conditional", conditions: ["time"], says: "before 2027-03-01T00:00Z", limited: true });
  const { out: explained } = await ingresscHere(["explain", "b.ingress", String(opened?.["example"])], dir.path);
  assert.match(explained, /^ {2}allow$/m);
  assert.equal([data["proven"], data["difference"], data["opens"], data["closes"], data["unverified"]], [true, true, 1, 1, false]);
});

test("a picture goes to standard output, or to the file of -o, with the same bytes", async ({ dir }) => {
  const printed = await ingresscHere(["graph", "a.ingress"], dir.path);
  assert.match(printed.out, /^<svg xmlns=/);
  const written = await ingresscHere(["graph", "a.ingress", "-o", "a.svg"], dir.path);
  assert.equal([written.code, written.out, written.err], [0, "drew `a.ingress` (2 rows by 3 ranges of sources) in `a.svg`\n", ""]);
  assert.is(readFileSync(dir.at("a.svg"), "utf8"), printed.out);
  await ingresscHere(["graph", "a.ingress", "--format", "text", "-o", "a.txt"], dir.path);
  assert.match(readFileSync(dir.at("a.txt"), "utf8"), /^a\.ingress: /);
});

test("a module has the same cells, without names of nets, and it is said that nothing verified it", async ({ dir }) => {
  await ingresscHere(["build", "a.ingress", "-o", "a.wasm"], dir.path);
  const data = envelope(await ingresscHere(["graph", "a.wasm", "--json"], dir.path))["data"] as Record<string, unknown>;
  const columns = data["columns"] as readonly { label: string }[];
  assert.equal([data["unverified"], columns.at(-1)?.label], [true, "198.51.100.0/24"]);
  const same = envelope(await ingresscHere(["graph", "a.ingress", "a.wasm", "--json"], dir.path))["data"] as Record<string, unknown>;
  assert.equal([same["opens"], same["closes"]], [0, 0]);
});

test("against a revision, as diff has it, and from standard input", async () => {
  const f = folder();
  const git = (...words: readonly string[]): void => {
    execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@x.example", ...words], { cwd: f.path, stdio: "ignore" });
  };
  f.write("p.ingress", POLICY);
  git("init", "-q");
  git("add", ".");
  git("commit", "-qm", "one");
  f.write("p.ingress", WIDER);
  const { out } = await ingresscHere(["graph", "--git", "HEAD", "p.ingress", "--format", "text"], f.path);
  assert.match(out, /^HEAD:p\.ingress → p\.ingress: .*1 cell opens/);
  const piped = await ingressc(["graph", "p.ingress", "-", "--format", "text", "--stdin-name", "q.ingress"], { cwd: f.path, input: POLICY });
  assert.match(piped.out, /^p\.ingress → q\.ingress: .*1 cell opens, 1 closes\n/, piped.err);
});

interface Mistake {
  readonly args: readonly string[];
  readonly code: number;
  readonly err: RegExp;
}

const MISTAKES: readonly Mistake[] = [
  { args: [], code: 2, err: /FILES/ },
  { args: ["a.ingress", "b.ingress", "a.ingress"], code: 2, err: /expected one file or two, found 3/ },
  { args: ["--git", "HEAD", "a.ingress", "b.ingress"], code: 2, err: /expected one file with `--git`, found 2/ },
  { args: ["--git", "HEAD", "a.ingress"], code: 2, err: /`HEAD` is no revision/ },
  { args: ["a.ingress", "--format", "png"], code: 2, err: /`png`/ },
  { args: ["a.ingress", "--nodes", "0"], code: 2, err: /`0` is no number of nodes/ },
  { args: ["none.ingress"], code: 2, err: /there is no file `none\.ingress`/ },
  { args: ["a.ingress", "none.ingress"], code: 2, err: /there is no file `none\.ingress`/ },
  { args: ["a.ingress", "-o", "a.ingress"], code: 2, err: /`a\.ingress` is a file that the picture is made of/ },
  { args: ["a.ingress", "b.ingress", "-o", "b.ingress"], code: 2, err: /`b\.ingress` is a file that the picture is made of/ },
  { args: ["a.ingress", "-o", "none/x.svg"], code: 2, err: /there is no folder `none`/ },
  { args: ["-", "-"], code: 2, err: /`-` is written twice/ },
];

for (const { args, code, err } of MISTAKES) {
  test(`mistake: graph ${args.join(" ")}`, async ({ dir }) => {
    const ended = await ingresscHere(["graph", ...args], dir.path);
    assert.is(ended.code, code, ended.out);
    assert.match(ended.err, err);
    assert.is(ended.out, "");
  });
}

test("past the budget of nodes nothing is written, and the exit code is 1", async ({ dir }) => {
  const ended = await ingresscHere(["graph", "a.ingress", "--nodes", "1", "-o", "none.svg"], dir.path);
  assert.equal([ended.code, existsSync(dir.at("none.svg"))], [1, false]);
  assert.match(ended.out, /not proven: the matrix needs more than 1 node/);
});

test.run();
