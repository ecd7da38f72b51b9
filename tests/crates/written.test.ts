// The generated files of crates/ are up to date, and the crates depend on nothing but each other. crates.check.ts builds them.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { suite } from "uvu";
import { findWasm2c } from "../../compiler/cli/wasm2c.ts";
import { filesOfCrates, stale } from "../../scripts/crates.ts";
import { read, root, sources } from "../house/sources.ts";
import { skip } from "../skip.ts";

const test = suite("crates");
const FOLDER = "crates/ingress-engine-sys/c";

if (findWasm2c() === null) skip("generated files of crates", "npm's wabt is not installed");
else {
  const files = filesOfCrates();

  test("every generated file is up to date: npm run crates", () => {
    assert.equal(stale(files, read), []);
  });

  test("a file that changed or is missing is seen", () => {
    const [first = "", second = ""] = files.keys();
    assert.equal(
      stale(files, (path) => (path === first ? `${read(path)} ` : read(path))),
      [first],
    );
    assert.equal(
      stale(files, (path) => (path === second ? null : read(path))),
      [second],
    );
  });

  test("the folder of C has no other file", () => {
    const found = readdirSync(join(root, FOLDER), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    assert.is(found.length, [...files.keys()].filter((path) => path.startsWith(FOLDER)).length);
  });

  test("every verdict, reason and code of the engine is an enum's, with its number and name", () => {
    const enums = files.get("crates/ingress-engine/src/words.rs") ?? "";
    for (const line of ["0 => Some(Verdict::Deny)", "1 => Some(Verdict::Allow)", "2 => Some(Reason::Cidr)", "13 => Some(Code::LimitSource)"])
      assert.ok(enums.includes(`            ${line},\n`), line);
    assert.ok(enums.includes('            Code::ModuleTrap => "module_trap",\n'));
    assert.not.ok(enums.includes("AuditClosed"), "a code of the gateway");
    assert.match(enums, /matches!\(self, Code::Allowed \| Code::LoopbackBind \| Code::GatewayBind \| Code::DirectBind \| Code::DialBind\)/);
    const numbers = files.get("crates/ingress-engine-sys/src/numbers.rs") ?? "";
    for (const line of ["VERDICT_DENY: i32 = 0", "LOADED: i32 = 0", "POISONED: i32 = 8", "CODE_LIMIT_SOURCE: i32 = 13", "NO_RULE: i32 = -1"])
      assert.ok(numbers.includes(`pub const ${line};\n`), line);
  });
}

test("the crates have the project's version, and no dependency but each other", () => {
  const { version } = JSON.parse(read("package.json")) as { readonly version: string };
  const manifests = sources("Cargo.toml").filter(({ path }) => path.startsWith("crates/ingress") || path.startsWith("crates/example"));
  assert.is(manifests.length, 3);
  for (const { path, text } of manifests) {
    assert.ok(text.includes(`\nversion = "${version}"\n`), path);
    const [, section = ""] = /^\[dependencies\]\n([^[]*)/m.exec(text) ?? [];
    for (const line of section.split("\n").filter((l) => /^[a-z]/.test(l))) assert.match(line, /^ingress-engine(?:-sys)? = \{ path = "\.\.\//, path);
    assert.not.match(text, /-dependencies\]/);
  }
  for (const path of ["crates/Cargo.lock", "tests/crates/vectors/Cargo.lock"]) assert.not.match(read(path), /^source = /m);
});

test("the safe crate has no unsafe code and no standard library", () => {
  const text = read("crates/ingress-engine/src/lib.rs");
  assert.match(text, /^#!\[no_std\]$/m);
  assert.match(text, /^#!\[forbid\(unsafe_code\)\]$/m);
  assert.match(read("crates/ingress-engine-sys/src/lib.rs"), /^#!\[no_std\]$/m);
});

test.run();
