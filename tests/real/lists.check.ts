// All country lists and the block list as one policy: every edge of every prefix, at every
// listener, against the oracle; and for IPv4 against the kernel's own interval sets.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { difference, run } from "../oracle/ask.ts";
import { accept } from "../oracle/evaluate.ts";
import { sortedMembership } from "../oracle/sorted.ts";
import { addressText, edges, isV4, words } from "../oracle/space.ts";
import { skip } from "../skip.ts";
import { queryKernel, kernelMissing } from "./kernel.ts";
import { BLOCKED, COUNTRIES, missingData, realLists } from "./lists.ts";

const real = suite("lists");
const missing = missingData();
if (missing !== null) skip("real lists", missing);
else {
  const { lists, policy } = realLists();
  const entries = [...lists.values()].reduce((sum, list) => sum + list.length, 0);
  const running = run(policy);
  const { stats } = { stats: running.engine.info };

  real("the policy of all lists compiles and loads", () => {
    console.log(`lists: ${entries} entries, module ${running.module.length} bytes, memory ${stats.memoryBytes} bytes, at most ${stats.maxSteps} steps`);
    assert.ok(entries > 100_000);
    assert.is(running.engine.info.listeners.length, policy.exposes.length);
  });

  real("every edge of every prefix agrees with the oracle, at every listener", () => {
    const has = sortedMembership();
    const addresses = new Set([...lists.values()].flatMap((list) => list.flatMap(edges)));
    const wrong: string[] = [];
    let allowed = 0;
    for (const source of addresses) {
      for (const expose of policy.exposes) {
        const expected = accept(policy, expose, source, has);
        if (expected.allowed) allowed++;
        const differs = difference(running, expected, running.engine.accept(running.ids.get(expose.name) ?? -1, words(source)));
        if (differs !== null) wrong.push(`${expose.name} from ${addressText(source)}: ${differs}`);
      }
    }
    const questions = addresses.size * policy.exposes.length;
    console.log(
      `lists: ${addresses.size} addresses (${[...addresses].filter(isV4).length} v4), ${questions} questions, ${allowed} allowed, ${wrong.length} differ from the oracle`,
    );
    assert.equal(wrong.slice(0, 5), []);
    assert.ok(allowed > 100_000 && questions - allowed > 100_000);
  });

  const noKernel = kernelMissing();
  if (noKernel !== null) skip("nft", noKernel);
  else {
    real("every IPv4 edge agrees with nft get element", () => {
      const v4Lists = new Map([...lists].filter(([name]) => name.endsWith(".v4") || name === BLOCKED));
      const { members, queried } = queryKernel(v4Lists);
      const wrong: string[] = [];
      let compared = 0;
      for (const name of [...COUNTRIES, "everyone"]) {
        const id = running.ids.get(name) ?? -1;
        for (const [address, sets] of members.get(name === "everyone" ? BLOCKED : `${name}.v4`) ?? []) {
          const expected = name === "everyone" ? !sets.has(BLOCKED) : sets.has(`${name}.v4`) && !sets.has(BLOCKED);
          const decision = running.engine.accept(id, words(address));
          compared++;
          if (decision.allowed !== expected) wrong.push(`${name} from ${addressText(address)}: the kernel says ${String(expected)}`);
        }
      }
      console.log(`nft: ${queried} elements queried, ${compared} verdicts compared, ${wrong.length} differ`);
      assert.equal(wrong.slice(0, 5), []);
      assert.ok(compared > 200_000, `only ${compared} compared`);
    });
  }
  real.run();
}
