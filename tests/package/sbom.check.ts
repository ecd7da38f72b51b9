// The software bill of materials: valid by the schema of CycloneDX 1.6, and complete for what the lock file says is in the packages.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import Ajv from "ajv";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { sbomText } from "../../scripts/package/sbom.ts";
import { installTools, PROJECT, TOOLS } from "./packed.ts";

interface Locked {
  readonly version: string;
  readonly license: string;
  readonly integrity: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

interface Component {
  readonly name: string;
  readonly version: string;
  readonly scope: string;
  readonly purl: string;
  readonly "bom-ref": string;
  readonly licenses: readonly { readonly license: { readonly id: string } }[];
  readonly hashes: readonly { readonly alg: string; readonly content: string }[];
}

interface Bom {
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

const test = suite("SBOM");
const json = <T>(path: string): T => JSON.parse(readFileSync(join(PROJECT, path), "utf8")) as T;
const { packages } = json<{ readonly packages: Readonly<Record<string, Locked | undefined>> }>("package-lock.json");
const manifest = json<{ readonly dependencies: Readonly<Record<string, string>> }>("package.json");

/** The released document, or else one of this tree. */
function document(): string {
  const made = process.env["INGRESSD_PACKAGES"];
  const name = made === undefined ? undefined : readdirSync(made).find((entry) => entry.endsWith(".cdx.json"));
  return made === undefined ? sbomText() : readFileSync(join(made, name ?? "no SBOM"), "utf8");
}

const bom = JSON.parse(document()) as Bom;

/** Production packages by name, found by following `dependencies` from the manifest. */
function production(): ReadonlyMap<string, Locked> {
  const queue = Object.keys(manifest.dependencies);
  for (const name of queue)
    for (const other of Object.keys(packages[`node_modules/${name}`]?.dependencies ?? {})) if (!queue.includes(other)) queue.push(other);
  return new Map(
    [...queue, "koffi", "@koromix/koffi-linux-arm64", "@koromix/koffi-linux-x64"].map((name) => {
      const locked = packages[`node_modules/${name}`];
      if (locked === undefined) throw new Error(`package-lock.json has no ${name}`);
      return [name, locked];
    }),
  );
}

test.before(() => {
  installTools();
});

test("it is valid by the published schema, and a wrong one is not", () => {
  const schema = (name: string): object =>
    JSON.parse(readFileSync(join(TOOLS, "node_modules/@cyclonedx/cyclonedx-library/res/schema", `${name}.SNAPSHOT.schema.json`), "utf8")) as object;
  // Formats (dates, addresses) are not checked here: the rows below compare their values.
  const ajv = new Ajv.default({
    strict: false,
    validateFormats: false,
    schemas: Object.fromEntries(
      ["spdx", "jsf-0.82", "cryptography-defs"].map((name) => [`http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`, schema(name)]),
    ),
  });
  const isValid = ajv.compile(schema("bom-1.6"));
  assert.ok(isValid(bom), JSON.stringify(isValid.errors?.slice(0, 3)));
  const [first, ...others] = bom.components;
  for (const wrong of [
    { ...bom, specVersion: 1.6 },
    { ...bom, components: [{ ...first, licenses: [{ license: { id: "no licence" } }] }, ...others] },
    { ...bom, components: [{ ...first, hashes: [{ alg: "SHA-512", content: "00" }] }] },
  ]) {
    assert.not(isValid(wrong));
  }
});

test("it has every production dependency, with version, licence and hash", () => {
  const wanted = [...production()].map(([name, { version, license, integrity }]) => {
    assert.match(integrity, /^sha512-/);
    return `${name} ${version} ${license} SHA-512 ${Buffer.from(integrity.slice("sha512-".length), "base64").toString("hex")}`;
  });
  const found = bom.components.map(
    ({ name, version, licenses, hashes }) =>
      `${name} ${version} ${licenses.map(({ license }) => license.id).join()} ${hashes.map(({ alg, content }) => `${alg} ${content}`).join()}`,
  );
  assert.ok(wanted.length > 10);
  assert.equal(found.sort(), wanted.sort());
  assert.equal(
    bom.components
      .filter(({ scope }) => scope === "optional")
      .map(({ name }) => name)
      .sort(),
    ["@koromix/koffi-linux-arm64", "@koromix/koffi-linux-x64", "koffi"],
  );
});

test("its references are unique, and lead from the application to every component", () => {
  const refs = bom.components.map((component) => component["bom-ref"]);
  assert.is(new Set(refs).size, refs.length);
  const edges = new Map(bom.dependencies.map(({ ref, dependsOn }) => [ref, dependsOn]));
  const application = bom.dependencies[0]?.ref ?? "";
  assert.match(application, /^pkg:npm\/ingressd@/);
  const reached = [application];
  for (const ref of reached) for (const next of edges.get(ref) ?? []) if (!reached.includes(next)) reached.push(next);
  assert.equal(reached.slice(1).sort(), [...refs].sort());
});

test.run();
