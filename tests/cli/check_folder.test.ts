// ingressc check FOLDER and ingressc test FOLDER: every policy below it, each once, and what is none.
import { chmodSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { suite } from "../suite.ts";
import { envelope, folder, ingresscHere, type Folder } from "./programs.ts";

const test = suite<{ dir: Folder }>("check_folder");
test.before.each((context) => {
  context.dir = folder();
});
test.after.each(({ dir }) => dir.remove());

const GOOD = "edition 1\nexpose web on tcp 80 { backend 127.0.0.1:8080 allow from any }\n";
const BAD = "edition 1\nexpose web on tcp 99999 { backend 127.0.0.1:8080 allow from any }\n";

interface Data {
  readonly policies: readonly { readonly file: string; readonly class: string }[];
}

async function files(dir: Folder, operand = "all"): Promise<{ readonly code: number | null; readonly files: readonly string[] }> {
  const ended = await ingresscHere(["check", operand, "--json"], dir.path);
  return { code: ended.code, files: (envelope(ended)["data"] as Data).policies.map(({ file, class: kind }) => `${file} ${kind}`) };
}

test("every policy below is checked, whatever its depth; other files are not", async ({ dir }) => {
  dir.write("all/a.ingress", GOOD);
  dir.write("all/teams/b.ingress", GOOD);
  dir.write("all/teams/deep/c.ingress", GOOD);
  dir.write("all/notes.txt", "not a policy");
  dir.write("all/.hidden/d.ingress", BAD);
  dir.write("all/node_modules/e.ingress", BAD);
  assert.equal(await files(dir), { code: 0, files: ["all/a.ingress ok", "all/teams/b.ingress ok", "all/teams/deep/c.ingress ok"] });
  const { out } = await ingresscHere(["check", "all"], dir.path);
  assert.match(out, "`all/teams/b.ingress` is valid: 1 expose, 0 test lines");
});

test("one that is wrong is named with its errors, and the others are checked all the same", async ({ dir }) => {
  dir.write("all/a.ingress", BAD);
  dir.write("all/b.ingress", GOOD);
  assert.equal(await files(dir), { code: 3, files: ["all/a.ingress reject", "all/b.ingress ok"] });
  const { code, err } = await ingresscHere(["check", "all/"], dir.path);
  assert.is(code, 3);
  assert.match(err, "error[ING308]");
  assert.match(err, "`all/b.ingress` is valid");
  assert.match(err, "1 policy below `all/` is valid, and 1 is not: `all/a.ingress`");
});

test("the worst outcome decides, wherever its file is", async ({ dir }) => {
  // Warned about, and warnings are denied; rejected; no file at all.
  dir.write("all/b.ingress", GOOD);
  const code = async (): Promise<number | null> => (await ingresscHere(["check", "all", "--deny-warnings"], dir.path)).code;
  assert.is(await code(), 1);
  symlinkSync("nowhere", join(dir.path, "all/a.ingress"));
  symlinkSync("nowhere", join(dir.path, "all/z.ingress"));
  assert.is(await code(), 2);
  dir.write("all/c.ingress", BAD);
  assert.is(await code(), 3);
  dir.write("all/c/a.ingress", GOOD);
  assert.is(await code(), 3);
});

test("an imported file is checked with its importer, so its paths are those of the policy", async ({ dir }) => {
  dir.write("all/main.ingress", 'edition 1\nimport "teams/web.ingress" as web\n');
  dir.write("all/teams/web.ingress", 'edition 1\nimport "../nets.ingress" as nets\nexpose web on tcp 80 { backend 127.0.0.1:8080 allow from nets.office }\n');
  dir.write("all/nets.ingress", "edition 1\nnet office = 198.51.100.0/24\n");
  assert.equal(await files(dir), { code: 0, files: ["all/main.ingress ok"] });
  // By itself it can't name a file above it.
  const alone = await ingresscHere(["check", "all/teams/web.ingress"], dir.path);
  assert.is(alone.code, 3);
});

test("files that import each other are checked once, and refused", async ({ dir }) => {
  dir.write("all/a.ingress", 'edition 1\nimport "b.ingress" as b\n');
  dir.write("all/b.ingress", 'edition 1\nimport "a.ingress" as a\n');
  assert.equal(await files(dir), { code: 3, files: ["all/a.ingress reject"] });
});

test("a link in a circle ends, and a link to a file is the file", async ({ dir }) => {
  dir.write("all/a.ingress", GOOD);
  symlinkSync(".", join(dir.path, "all/again"));
  symlinkSync("a.ingress", join(dir.path, "all/b.ingress"));
  assert.equal(await files(dir), { code: 0, files: ["all/a.ingress ok", "all/b.ingress ok"] });
});

test("a folder without any policy says so", async ({ dir }) => {
  dir.write("all/deep/notes.txt", "nothing");
  const { code, err } = await ingresscHere(["check", "all"], dir.path);
  assert.is(code, 2);
  assert.match(err, "`all` has no policy below it, no file whose name ends in `.ingress`");
  assert.match(err, "help: name the folder of your policies");
});

test("a policy that is a folder by its name, and a broken link, are no policies that pass", async ({ dir }) => {
  dir.write("all/odd.ingress/a.ingress", GOOD);
  symlinkSync("nowhere", join(dir.path, "all/gone.ingress"));
  assert.equal(await files(dir), { code: 2, files: ["all/gone.ingress usage", "all/odd.ingress/a.ingress ok"] });
});

test("a folder that can't be read is a failure", async ({ dir }) => {
  dir.write("all/a.ingress", GOOD);
  dir.write("all/shut/b.ingress", BAD);
  chmodSync(join(dir.path, "all/shut"), 0o000);
  // Root reads it all the same, and then finds the mistake.
  const found = await files(dir);
  chmodSync(join(dir.path, "all/shut"), 0o700);
  assert.equal(
    found,
    process.getuid?.() === 0 ?
      { code: 3, files: ["all/a.ingress ok", "all/shut/b.ingress reject"] }
    : { code: 2, files: ["all/shut usage", "all/a.ingress ok"] },
  );
});

test("--fix fixes every policy below", async ({ dir }) => {
  dir.write("all/a.ingress", "edition 1\nnet office = 10.0.0.0/08\nexpose web on tcp 80 { backend 127.0.0.1:8080 allow from office }\n");
  dir.write("all/b.ingress", GOOD);
  const { code, out } = await ingresscHere(["check", "--fix", "all"], dir.path);
  assert.is(code, 0, out);
  assert.match(readFileSync(dir.at("all/a.ingress"), "utf8"), "net office = 10.0.0.0/8\n");
});

const TESTED = `${GOOD}test "t" { from 192.0.2.1 to web => allow }\n`;
const FAILING = `${GOOD}test "t" { from 192.0.2.1 to web => deny cidr }\n`;

test("ingressc test runs the tests of every policy below, and the worst outcome decides", async ({ dir }) => {
  dir.write("all/a.ingress", TESTED);
  dir.write("all/teams/b.ingress", TESTED);
  dir.write("all/parts/nets.ingress", "edition 1\nnet office = 10.0.0.0/8\n");
  dir.write("all/c.ingress", `edition 1\nimport "parts/nets.ingress" as nets\n${TESTED.slice(10).replace("from any", "from nets.office")}`);
  const tested = async (...flags: readonly string[]) => ingresscHere(["test", "all", ...flags], dir.path);
  // The import is no policy, and the office is not where the test is from.
  const first = await tested();
  assert.is(first.code, 1);
  assert.match(first.out + first.err, "2 policies below `all` pass their tests, and 1 does not: `all/c.ingress`");
  dir.write("all/c.ingress", TESTED);
  const second = await tested();
  assert.equal([second.code, second.err], [0, ""]);
  assert.match(second.out, "4 policies below `all` pass their tests");
  assert.is(envelope(await tested("--json"))["code"], "policy.all_passed");
  dir.write("all/d.ingress", FAILING);
  dir.write("all/e.ingress", FAILING);
  const third = await tested();
  assert.is(third.code, 1);
  assert.match(third.out + third.err, "2 do not: `all/d.ingress`, `all/e.ingress`");
  assert.is(envelope(await tested("--json"))["code"], "policy.some_failed");
  dir.write("all/e.ingress", BAD);
  assert.is((await tested()).code, 3);
});

test("each policy below has to have tests, and enough of them, where that is wanted", async ({ dir }) => {
  dir.write("all/a.ingress", TESTED);
  dir.write("all/b.ingress", GOOD);
  const code = async (...flags: readonly string[]): Promise<number | null> => (await ingresscHere(["test", "all", ...flags], dir.path)).code;
  assert.is(await code(), 0);
  assert.is(await code("--require-tests"), 1);
  assert.is(await code("--min-coverage", "50"), 1);
  dir.write("all/b.ingress", TESTED);
  assert.is(await code("--require-tests", "--min-coverage", "50"), 0);
});

test("a document and a filter are about one policy", async ({ dir }) => {
  dir.write("all/a.ingress", TESTED);
  for (const flags of [
    ["--tap", "-"],
    ["--junit", "out.xml"],
    ["--lcov", "out.info"],
    ["--filter", "t"],
  ]) {
    const { code, err } = await ingresscHere(["test", "all", ...flags], dir.path);
    assert.is(code, 2);
    assert.match(err, `\`${flags[0] ?? ""}\` is about one policy, and \`all\` is a folder`);
  }
  const { code } = await ingresscHere(["test", "empty"], dir.path);
  assert.is(code, 2);
});

test.run();
