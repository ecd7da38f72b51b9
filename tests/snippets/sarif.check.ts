// `ingressc diff --format sarif` against the schema of SARIF 2.1.0, from a package of its authors (MIT) that this check alone installs.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { folder, ingresscHere, type Folder } from "../cli/programs.ts";
import { must, PROJECT } from "../package/packed.ts";
import { suite } from "../suite.ts";
import { TOOLS } from "./scene.ts";

const test = suite<{ dir: Folder }>("sarif");
const HOME = join(TOOLS, "sarif");
const SCHEMA = join(HOME, "node_modules/@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json");

interface Validator {
  (document: unknown): boolean;
  readonly errors?: unknown;
}
/** The schema is of draft 4, which the project's own ajv does not read. */
type Ajv = new (options: { readonly schemaId: "id"; readonly allErrors: boolean; readonly logger: false }) => {
  addMetaSchema(schema: unknown): void;
  compile(schema: unknown): Validator;
};

let validator: Validator | null = null;
function problems(text: string): unknown {
  if (validator === null) {
    const require = createRequire(join(HOME, "package.json"));
    const ajv = new (require("ajv") as Ajv)({ schemaId: "id", allErrors: true, logger: false });
    ajv.addMetaSchema(require("ajv/lib/refs/json-schema-draft-04.json"));
    validator = ajv.compile(JSON.parse(readFileSync(SCHEMA, "utf8")));
  }
  return validator(JSON.parse(text)) ? null : validator.errors;
}

test.before(() => {
  if (!existsSync(SCHEMA)) must("npm", ["ci", "--ignore-scripts", "--prefer-offline"], { cwd: HOME });
});
test.before.each((context) => {
  context.dir = folder();
});
test.after.each(({ dir }) => dir.remove());

const kinds = (text: string): readonly string[] =>
  (JSON.parse(text) as { readonly runs: readonly { readonly results: readonly { readonly ruleId: string }[] }[] }).runs.flatMap(({ results }) =>
    results.map(({ ruleId }) => ruleId),
  );

test("what the shipped policies open and close, from each to the next and from nothing, is valid", async ({ dir }) => {
  const nothing = dir.write("empty.ingress", "edition 1\n");
  const policies = readdirSync(join(PROJECT, "policies"))
    .filter((name) => name.endsWith(".ingress"))
    .map((name) => join("policies", name));
  assert.ok(policies.length > 10);
  const seen = new Set<string>();
  for (const [i, policy] of policies.entries())
    for (const [before, after] of [
      [nothing, policy],
      [policy, nothing],
      [policies[i - 1] ?? nothing, policy],
    ] as const) {
      const { out, err } = await ingresscHere(["diff", before, after, "--format", "sarif"], PROJECT);
      assert.is(problems(out), null, `${before} ${after}: ${JSON.stringify(problems(out))} ${err}`);
      for (const kind of kinds(out)) seen.add(kind);
    }
  assert.ok(seen.has("listener_opened") && seen.has("listener_closed"), [...seen].join());
});

const OLD = 'edition 1\nexpose web on tcp 443 { backend 127.0.0.1:8443 allow from 10.0.0.0/16 deny from 10.1.0.0/16 }\n@why "time" dial near on udp\n';
const NEW = `edition 1
expose web on tcp 443 {
  backend 127.0.0.1:8444
  dryrun limit 5/s per source
  allow from 10.0.0.0/17, 10.2.0.0/16
  dryrun deny from 10.2.3.0/24
}
@why "more time" dial far on udp
`;

test("every kind of result is valid, accepted ones, odd names of files and those that are cut too", async ({ dir }) => {
  dir.write("a.ingress", OLD);
  for (const name of ["b.ingress", "b c.ingress", "sub dir/ü%:?#.ingress", "-b.ingress"]) {
    dir.write(name, NEW);
    dir.write("accepted.toml", '[[opening]]\nlistener = "web"\nowner = "a\\u0007"\nuntil = 2200-01-01\nwhy = "`b`\\n"\n');
    const { out, err } = await ingresscHere(["diff", "--format", "sarif", "--accept", "accepted.toml", "--", "a.ingress", name], dir.path);
    assert.ok(out !== "", err);
    assert.is(problems(out), null, `${name}: ${JSON.stringify(problems(out))}`);
    const found = new Set(kinds(out));
    for (const kind of ["opened", "closed", "changed", "dial", "dryrun_opened", "dryrun_changed"])
      assert.ok(found.has(kind), `${kind} of ${[...found].join()}`);
    assert.match(out, '"suppressions"');
  }
  dir.write(
    "many.ingress",
    `edition 1\n${Array.from({ length: 400 }, (_, i) => `expose e${i} on tcp ${10_000 + i} { backend 127.0.0.1:1 allow from any }\n`).join("")}`,
  );
  const { out } = await ingresscHere(["diff", "a.ingress", "many.ingress", "--format", "sarif"], dir.path);
  assert.match(out, '"omitted"');
  assert.is(problems(out), null);
  const same = await ingresscHere(["diff", "a.ingress", "a.ingress", "--format", "sarif"], dir.path);
  assert.is(problems(same.out), null);
});

test("the schema refuses what is no SARIF", async ({ dir }) => {
  dir.write("a.ingress", OLD);
  dir.write("b.ingress", NEW);
  const { out } = await ingresscHere(["diff", "a.ingress", "b.ingress", "--format", "sarif"], dir.path);
  assert.is(problems(out), null);
  for (const [from, to] of [
    ['"version":"2.1.0"', '"version":"2.0.0"'],
    ['"level":"error"', '"level":"bad"'],
    ['"startLine":2', '"startLine":0'],
    ['"uri":"b.ingress"', '"uri":"b c.ingress"'],
    ['"ruleIndex":', '"ruleNumber":'],
  ] as const) {
    assert.ok(out.includes(from), `${from} in ${out}`);
    assert.is.not(problems(out.replaceAll(from, to)), null, to);
  }
});

test.run();
