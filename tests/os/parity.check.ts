// One vector file, three hosts. V8 wrote the answers; native x86-64 and rv64imac under QEMU must give the same
// verdict, reason, code and rule, with the state of caps and limits kept between requests.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { skip } from "../skip.ts";
import { answered, build, HOSTED, missing, RISCV, writeEngine } from "./compiled.ts";
import { makeVectors, VECTOR_SEED } from "./vectors.ts";
import { ownFolder, suite } from "../suite.ts";

const check = suite("parity");
const folder = ownFolder("ingressd-native-");

const vectors = makeVectors(VECTOR_SEED);
const file = join(folder, "vectors.bin");
writeFileSync(file, vectors.bytes);
writeEngine(folder);

for (const tools of [HOSTED, RISCV]) {
  const lacks = missing(tools);
  if (lacks !== null) {
    skip(tools.name, lacks);
    continue;
  }
  check(`${tools.name} answers as V8 does`, () => {
    const program = build(tools, folder, ["vectors.c"]);
    let [answers, disagreements, stack] = [0, 0, 0];
    for (let part = 0; part < vectors.parts; part++) {
      const { status, output } = answered(tools, program, file, part);
      const [, given = "", wrong = ""] = /answers (\d+) disagreements (\d+) sum \d+/.exec(output) ?? [];
      assert.is(status, 0, `part ${part}: ${output}`);
      answers += Number(given);
      disagreements += Number(wrong);
      stack = Math.max(stack, Number(/^stack (\d+)$/m.exec(output)?.[1] ?? 0));
    }
    console.log(`${tools.name}: ${answers} answers, ${disagreements} disagreements${stack === 0 ? "" : `, ${stack} bytes of stack used`}`);
    assert.equal([answers, disagreements], [vectors.answers, 0]);
  });
}

check.run();
