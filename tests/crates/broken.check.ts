// The crate with an engine that fails while it runs, by gcc and by clang, for this machine and for a bare one: after a trap, and after an
// answer that contradicts itself, everything is denied for good. crates.check.ts has the same cases with the sound engine, which fails them.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { answered, HOSTED, RISCV } from "../os/compiled.ts";
import { skip } from "../skip.ts";
import { ownFolder, suite } from "../suite.ts";
import { copyBroken, FAULTS } from "./broken.ts";
import { BARE, bareEnv, built, coreFor, missingTools, releases, type Rust } from "./rust.ts";
import { BROKEN, SHARED, sharedPort } from "./shared_port.ts";

const check = suite("broken crates");
const folder = ownFolder("ingressd-broken-crates-");
const [debian] = releases();

function checks(rust: Rust): void {
  const file = join(folder, "shared.bin");
  writeFileSync(file, sharedPort());
  const broken = copyBroken(join(folder, "broken"));
  const bare = coreFor(rust, join(folder, "core"));

  for (const cc of ["gcc", "clang"] as const)
    for (const tools of [HOSTED, RISCV]) {
      const where = tools.bare ? BARE : "this machine";
      const build = ["build", "--release", "--locked", ...(tools.bare ? ["--target", BARE] : [])];
      const env = tools.bare ? bareEnv(bare, cc) : { CC: cc, RUSTFLAGS: "-D warnings" };
      check(`${cc}, ${where}: a trap or a contradiction denies everything afterwards, and is_poisoned() says so`, () => {
        const target = join(folder, `broken-${cc}`);
        built(rust, target, build, broken, env);
        const program = join(target, tools.bare ? BARE : "", "release/vectors");
        // Before a fault is armed, the engine decides as the sound one does.
        assert.match(answered(tools, program, file, SHARED).output, /^charged as due$/m);
        for (const fault of FAULTS) {
          const { status, output } = answered(tools, program, file, BROKEN + fault);
          assert.equal([status, output.trim()], [0, `denied after fault ${fault}`]);
        }
        console.log(`${cc}, ${where}: ${FAULTS.length} faults`);
      });
    }
}

const lacks = missingTools(debian);
if (lacks !== null || debian === undefined) skip("broken crates", lacks ?? "Rust");
else checks(debian);
check.run();
