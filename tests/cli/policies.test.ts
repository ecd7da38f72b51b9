// Every shipped example compiles, its tests pass in its module, and they are worth the name.
import { readdirSync, readFileSync } from "node:fs";
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

/** Clauses and words that one of the examples at least has, so that each can be copied. */
const SHOWN: readonly (readonly [what: string, pattern: RegExp])[] = [
  ["names of a port", /^expose .* for "/mu],
  ["protocols", /^ {2}alpn "/mu],
  ["several certificates", /^ {2}cert "[^"]+", "/mu],
  ["a PROXY header to the backend", /^ {2}backend .* proxy v2$/mu],
  ["load balancers", /^expose .* via [a-z]+/mu],
  ["several backends", /^ {2}backend [^,]+, /mu],
  ["a backend on another host", /^ {2}backend remote /mu],
  ["a limit of some sources", /^ {2}limit .* per source from /mu],
  ["a cap of some sources", /^ {2}cap .* per source from /mu],
  ["a window of several units", /^ {2}limit \d+\/30s /mu],
  ["a day", /^ {2}limit \d+\/d /mu],
  ["a limit that is tried", /^ {2}dryrun limit /mu],
  ["a cap that is tried", /^ {2}dryrun cap /mu],
  ["a list with both bounds", / = file "[^"]+" max \d+ min \d+$/mu],
  ["a beginning and an end", /^ +(allow .* )?after \S+( until|$)/mu],
  ["bytes per byte", /^ {2}amplify \d+$/mu],
];
/** The files that are built: a policy of one file, or a folder's entry `edge.ingress`, which imports the rest of it. */
const all = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ingress"))
  .sort();
const files = all.filter((name) => !name.includes(sep) || basename(name) === "edge.ingress");

examples("there are examples", () => {
  const features = ["names", "several_backends", "two_hosts", "behind_nginx", "behind_balancer", "monitored", "mail", "lists"];
  for (const name of ["demo", "site", "office_vpn", "public_api", "console", "guarded", "os_image", join("organisation", "edge"), ...features]) {
    assert.ok(files.includes(`${name}.ingress`), name);
  }
});

for (const [what, pattern] of SHOWN)
  examples(`an example shows ${what}`, () => {
    assert.ok(
      files.some((file) => pattern.test(readFileSync(join(folder, file), "utf8"))),
      String(pattern),
    );
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

for (const file of files)
  examples(`${file} has no warning`, async () => {
    const { code, out, err } = await ingresscHere(["check", "--deny-warnings", join("policies", file)], PROJECT);
    assert.is(code, 0, out + err);
  });

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
