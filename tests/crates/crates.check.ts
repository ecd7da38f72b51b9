// The crates of crates/: they build with Debian's Rust and a newer one, with gcc and with clang, for this machine and for a bare one,
// and answer the vectors of tests/os as V8 does. The steps of docs/os.md, "In your tree", are done as they are written.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { answered, HOSTED, RISCV } from "../os/compiled.ts";
import { makeVectors, VECTOR_SEED } from "../os/vectors.ts";
import { skip } from "../skip.ts";
import { ownFolder, suite } from "../suite.ts";
import { BARE, bareEnv, built, cargo, coreFor, missingTools, must, PROJECT, releases, type Rust } from "./rust.ts";
import { BROKEN, SHARED, sharedPort } from "./shared_port.ts";

const check = suite("crates");
const folder = ownFolder("ingressd-crates-");
const page = readFileSync(join(PROJECT, "docs/os.md"), "utf8");
const CRATES = join(PROJECT, "crates");
const [debian, ...newer] = releases();
/** A part that is a policy of its own, and one whose exposes share ports. */
const FAULTS = [1000, 1000 + 2];

/** A block of the page by its first line. */
function block(language: string, first: string): string {
  const text = [...page.matchAll(/^```(\w*)\n([^]*?)^```$/gm)].find(([, word, body = ""]) => word === language && body.startsWith(first))?.[2];
  if (text === undefined) throw new Error(`docs/os.md has no block of ${language} that begins with ${first}`);
  return text;
}

const ingressc = (words: readonly string[], cwd: string): string => must(process.execPath, [join(PROJECT, "compiler/cli/ingressc.mjs"), ...words], cwd);

function vectorsFile(): string {
  const file = join(folder, "vectors.bin");
  writeFileSync(file, makeVectors(VECTOR_SEED).bytes);
  return file;
}

/** Runs every part; returns the checksums of the answers. */
function parity(name: string, tools: typeof HOSTED, program: string, file: string): readonly string[] {
  let [answers, disagreements] = [0, 0];
  const sums: string[] = [];
  for (let part = 0; part < 20; part++) {
    const { status, output } = answered(tools, program, file, part);
    const [, given = "", wrong = "", sum = ""] = /^answers (\d+) disagreements (\d+) sum (\d+)$/m.exec(output) ?? [];
    assert.is(status, 0, `${name}, part ${part}: ${output}`);
    answers += Number(given);
    disagreements += Number(wrong);
    sums.push(sum);
  }
  console.log(`${name}: ${answers} answers, ${disagreements} disagreements`);
  assert.equal([answers, disagreements], [10_000, 0]);
  return sums;
}

function checks(rust: Rust): void {
  const file = vectorsFile();
  const bare = coreFor(rust, join(folder, "core"));
  const vectors = join(PROJECT, "tests/crates/vectors");
  const sums = new Map<string, readonly string[]>();

  for (const each of [rust, ...newer]) {
    check(`rustc ${each.version}: the crates build without a warning, and their tests pass`, () => {
      const said = built(each, join(folder, `tests-${each.version}`), ["test", "--locked"], CRATES, { RUSTFLAGS: "-D warnings" });
      const counts = [...said.matchAll(/^test result: ok\. (\d+) passed; 0 failed; 0 ignored/gm)].map(([, n]) => Number(n));
      console.log(`rustc ${each.version}: ${counts.reduce((sum, n) => sum + n, 0)} tests`);
      assert.ok(counts.reduce((sum, n) => sum + n, 0) >= 10, said);
    });
  }

  for (const cc of ["gcc", "clang"] as const) {
    const target = join(folder, `vectors-${cc}`);
    check(`rustc ${rust.version} and ${cc}: the crate answers as V8 does`, () => {
      built(rust, target, ["build", "--release", "--locked"], vectors, { CC: cc, RUSTFLAGS: "-D warnings" });
      const program = join(target, "release/vectors");
      sums.set(cc, parity(`crate, ${cc}, x86-64`, HOSTED, program, file));
      for (const number of FAULTS) refuses(HOSTED, program, number);
      charges(HOSTED, program);
    });
    check(`rustc ${rust.version} and ${cc}: the crate answers as V8 does on ${BARE}`, () => {
      built(rust, target, ["build", "--release", "--locked", "--target", BARE], vectors, bareEnv(bare, cc));
      const program = join(target, BARE, "release/vectors");
      sums.set(`${cc} bare`, parity(`crate, ${cc}, rv64imac`, RISCV, program, file));
      for (const number of FAULTS) refuses(RISCV, program, number);
      charges(RISCV, program);
    });
    check(`${cc}: the engine for ${BARE} needs nothing but memcpy and its like`, () => {
      const library = must("find", [join(target, BARE), "-name", "libingress_engine.a"], folder).trim();
      const lines = must("riscv64-unknown-elf-nm", [library], folder).split("\n");
      const [own, needed] = [lines.filter((line) => / [TDBtdb] /.test(line)), lines.filter((line) => / U /.test(line))].map(
        (some) => new Set(some.map((line) => line.trim().split(/\s+/).at(-1) ?? "")),
      );
      const outside = [...(needed ?? [])].filter((name) => own?.has(name) !== true).sort();
      assert.ok((own?.size ?? 0) > 20, lines.join());
      assert.equal(
        outside.filter((name) => !["memcmp", "memcpy", "memmove", "memset"].includes(name)),
        [],
      );
    });
  }

  function refuses(tools: typeof HOSTED, program: string, number: number): void {
    const { status, output } = answered(tools, program, file, number);
    assert.is(status, 0, output);
    assert.ok(Number(/^refused (\d+) of as many$/m.exec(output)?.[1]) > 1_000, output);
  }

  /** Caps and limits where exposes share a port. The cases of a broken engine fail with the sound one. */
  function charges(tools: typeof HOSTED, program: string): void {
    const own = join(folder, "shared.bin");
    writeFileSync(own, sharedPort());
    const { status, output } = answered(tools, program, own, SHARED);
    assert.equal([status, output.trim()], [0, "charged as due"]);
    const sound = answered(tools, program, own, BROKEN + 1);
    assert.is(sound.status, 1);
    assert.match(sound.output, /the fault: allow, not deny/);
  }

  check("the answers of gcc's and clang's code have the same checksums", () => {
    const all = [...sums.values()];
    assert.is(all.length, 4);
    for (const each of all) assert.equal(each, all[0]);
    assert.is(new Set(all[0]).size, 20);
  });

  check("a vector with another answer is seen", () => {
    const bytes = Uint8Array.from(readFileSync(file));
    const view = new DataView(bytes.buffer);
    // The first record of the first part after the clock: its verdict.
    const at = view.getUint32(8, true) + 32 + 64 + 44;
    view.setUint32(at, view.getUint32(at, true) ^ 1, true);
    const changed = join(folder, "changed.bin");
    writeFileSync(changed, bytes);
    const { status, output } = answered(HOSTED, join(folder, "vectors-gcc/release/vectors"), changed, 0);
    assert.is(status, 1);
    assert.match(output, /^record 1: .*\nanswers 500 disagreements 1 /);
  });

  check("without a compiler of C the build says which variable names one", () => {
    const { status, err } = cargo(rust, join(folder, "without"), ["build", "--locked"], CRATES, { CC: "no-such-compiler" });
    assert.is(status, 101);
    assert.match(
      err,
      /ingress-engine-sys: could not compile the engine's C: "no-such-compiler" .*: No such file or directory \(os error 2\); set CC_<target> and AR_<target>/,
    );
  });

  check('a program before the compiler, as in CC="ccache clang", changes nothing but who is started', () => {
    const [tools, log] = [join(folder, "tools"), join(folder, "ccache.log")];
    mkdirSync(tools);
    writeFileSync(join(tools, "ccache"), `#!/bin/sh\nprintf '%s\\n' "$*" >>'${log}'\nexec "$@"\n`, { mode: 0o755 });
    const name = `CC_${BARE.replaceAll("-", "_")}`;
    const here = spawnSync("sh", ["-c", "command -v riscv64-unknown-elf-gcc"], { encoding: "utf8" }).stdout.trim();
    // The compiler with its options, whether cargo builds for the bare machine, and how each of its lines begins. Clang needs the name of the machine.
    const rows: readonly (readonly [cc: string, isBare: boolean, begins: RegExp])[] = [
      ["ccache gcc", false, /^gcc -std=c11 (?!.*--target)/],
      ["ccache clang -m64 -O1", false, /^clang -m64 -O1 -std=c11 (?!.*--target)/],
      ["ccache clang", true, /^clang -std=c11 .* --target=riscv64-unknown-elf /],
      [`ccache ${here}`, true, /^\/\S+\/riscv64-unknown-elf-gcc -std=c11 (?!.*--target)/],
    ];
    for (const [i, [cc, isBare, begins]] of rows.entries()) {
      writeFileSync(log, "");
      const env = { ...(isBare && bareEnv(bare, "gcc")), [isBare ? name : "CC"]: cc, PATH: `${tools}:${process.env["PATH"] ?? ""}` };
      const words = ["build", "--locked", "-p", "ingress-engine-sys", ...(isBare ? ["--target", BARE] : [])];
      built(rust, join(folder, `ccache-${i}`), words, CRATES, env);
      const lines = readFileSync(log, "utf8").trim().split("\n");
      assert.is(lines.length, 2, lines.join("\n"));
      for (const line of lines) assert.match(line, begins);
    }
  });

  check("the steps of docs/os.md, from an empty project", () => {
    const place = join(folder, "place");
    // The two folders alone, which is enough.
    for (const name of ["ingress-engine", "ingress-engine-sys"])
      cpSync(join(CRATES, name), join(place, "ingressd/crates", name), { recursive: true, filter: (path) => !path.endsWith("/target") });
    symlinkSync(join(PROJECT, "policies"), join(place, "ingressd/policies"));
    const [init = "", , build = ""] = block("sh", "cargo init").trim().split("\n");
    const target = join(folder, "place-target");
    built(rust, target, init.split(" ").slice(1), place);
    const own = join(place, "admission");
    ingressc(build.split(" ").slice(1), own);
    for (const path of ["Cargo.toml", "src/lib.rs", "src/main.rs"])
      writeFileSync(join(own, path), block(path.endsWith("toml") ? "toml" : "rust", path.endsWith("toml") ? `# ${path}\n` : `// ${path}\n`));
    for (const each of [rust, ...newer]) {
      const said = cargo(each, join(folder, `place-${each.version}`), ["run", "--quiet"], own);
      assert.equal([said.status, `$ cargo run --quiet\n${said.out}`, said.err], [0, block("", "$ cargo run"), ""]);
    }
    const [line = ""] = block("sh", "cargo build --lib").trim().split("\n");
    assert.is(line, `cargo build --lib --target ${BARE}`);
    for (const cc of ["gcc", "clang"] as const) built(rust, join(folder, `place-${cc}`), line.split(" ").slice(1), own, bareEnv(bare, cc));
  });

  check("the examples: one for this machine, and a kernel of one file", () => {
    ingressc(["build", join(PROJECT, "policies/demo.ingress"), "--profile", "os", "--target", "c", "-o", "native"], folder);
    const native = join(folder, "native");
    const example = ["run", "--quiet", "--locked", "--example", "decide", "--", native, "18443", "127.0.0.1", "127.0.0.2", "::1", "203.0.113.9"];
    assert.is(
      cargo(rust, join(folder, `tests-${rust.version}`), example, CRATES).out,
      "127.0.0.1: allow\n127.0.0.2: deny (reason=cidr, code=deny_rule, rule=2)\n::1: allow\n203.0.113.9: deny (reason=cidr, code=no_match)\n",
    );
    const target = join(folder, "virt");
    const said = cargo(rust, target, ["run", "--quiet", "--locked", "--release", "-p", "example-virt", "--target", BARE], CRATES, {
      ...bareEnv(bare, "gcc"),
      INGRESS_POLICY: native,
    });
    assert.equal(`${said.out}${said.err}`, block("", "bind of ingressd"));
    assert.is(said.status, 0);
  });
}

const lacks = missingTools(debian);
if (lacks !== null || debian === undefined) skip("crates", lacks ?? "Rust");
else checks(debian);
check.run();
