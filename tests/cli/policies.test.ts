// Every shipped example compiles, its tests pass in its module, and they are worth the name.
import { readdirSync } from "node:fs";
import { basename, dirname, join, sep } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Profile } from "../../runtime/abi/profiles.ts";
import { MOST_NODES } from "../../compiler/analysis/budget.ts";
import { prove } from "../../compiler/cli/proven.ts";
import { compileAndTest } from "../../compiler/cli/tested.ts";
import { ingresscHere, PROJECT } from "./programs.ts";

const examples = suite("policies");
const folder = join(PROJECT, "policies");
/** The files that are built: a policy of one file, or a folder's entry `edge.ingress`, which imports the rest of it. */
const all = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ingress"))
  .sort();
const files = all.filter((name) => !name.includes(sep) || basename(name) === "edge.ingress");

examples("there are examples", () => {
  for (const name of ["demo", "site", "office_vpn", "public_api", "console", "guarded", "os_image", join("organisation", "edge")]) {
    assert.ok(files.includes(`${name}.ingress`), name);
  }
});

/** Each example for the host, and those of an OS image for that, too. */
const built = files.flatMap((file): readonly (readonly [string, Profile])[] =>
  file.startsWith("os_") ?
    [
      [file, "host"],
      [file, "os"],
    ]
  : [[file, "host"]],
);

for (const [file, profile] of built) {
  examples(`${file} for ${profile}`, () => {
    const made = compileAndTest(join(folder, file), profile);
    if (!made.ok) throw new Error(made.error.outcome.message);
    const tested = made.value;
    assert.equal(
      tested.results.filter((r) => !r.passed).map((r) => `${r.question} => ${r.actual}`),
      [],
    );
    const proven = prove(tested, MOST_NODES);
    assert.equal(proven.ok && proven.value.claims.filter(({ verdict }) => verdict !== "proven"), []);
    // A test that only expects "allow" would pass under a policy that allows everything.
    const denies = tested.results.filter((r) => r.expected !== "allow").length;
    assert.ok(denies >= 2 && denies * 3 >= tested.results.length, `${denies} of ${tested.results.length} lines expect a deny`);
    for (const { name } of tested.policy.exposes) {
      assert.ok(
        tested.results.some((r) => r.question.includes(` to ${name}`)),
        `no test line is about ${name}`,
      );
    }
  });
}

examples("no file of a folder is left out of its policy", () => {
  for (const entry of files.filter((name) => name.includes(sep))) {
    const tested = compileAndTest(join(folder, entry));
    assert.ok(tested.ok);
    const read = new Set([...tested.value.disk.inputs.files].map((path) => basename(path)));
    const parts = all.filter((name) => dirname(name) === dirname(entry)).map((name) => basename(name));
    assert.equal(
      parts.filter((part) => !read.has(part)),
      [],
    );
  }
});

for (const file of all) {
  examples(`${file} has the layout that fmt writes`, async () => {
    const { code, out, err } = await ingresscHere(["fmt", "--check", join("policies", file)], PROJECT);
    assert.is(code, 0, out + err);
  });
}

examples.run();
