// The crate with an engine that fails while it runs, by gcc and by clang, for this machine and for a bare one: after a trap, and after an
// answer that contradicts itself, everything is denied for good.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { answered, HOSTED, RISCV } from "../os/compiled.ts";
import { skip } from "../skip.ts";
import { ownFolder, suite } from "../suite.ts";
import { copyBroken, FAULTS } from "./broken.ts";
import { BARE, bareEnv, built, coreFor, missingTools, PROJECT, releases, type Rust } from "./rust.ts";
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
      const program = (target: string): string => join(target, tools.bare ? BARE : "", "release/vectors");

      check(`${cc}, ${where}: a trap or a contradiction denies everything afterwards, and is_poisoned() says so`, () => {
        const target = join(folder, `broken-${cc}`);
        built(rust, target, build, broken, env);
        // Before a fault is armed, the engine decides as the sound one does.
        assert.match(answered(tools, program(target), file, SHARED).output, /^charged as due$/m);
        for (const fault of FAULTS) {
          const { status, output } = answered(tools, program(target), file, BROKEN + fault);
          assert.equal([status, output.trim()], [0, `denied after fault ${fault}`]);
        }
        console.log(`${cc}, ${where}: ${FAULTS.length} faults`);
      });

      check(`${cc}, ${where}: caps and limits at a shared port, and the sound engine fails the cases of a fault`, () => {
        const target = join(folder, `sound-${cc}`);
        built(rust, target, build, join(PROJECT, "tests/crates/vectors"), env);
        const { status, output } = answered(tools, program(target), file, SHARED);
        assert.equal([status, output.trim()], [0, "charged as due"]);
        const sound = answered(tools, program(target), file, BROKEN + 1);
        assert.is(sound.status, 1);
        assert.match(sound.output, /the fault: allow, not deny/);
      });
    }
}

const lacks = missingTools(debian);
if (lacks !== null || debian === undefined) skip("broken crates", lacks ?? "Rust");
else checks(debian);
check.run();
