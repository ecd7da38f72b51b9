// The analysis of the lists of five countries and a block list: what it permits at every edge of every prefix beside the module; and the
// difference of two policies beside the pieces of the address space on which their modules differ, to the last address.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { cellsOf } from "../../compiler/analysis/cells.ts";
import { differenceOf } from "../../compiler/analysis/difference.ts";
import { NEVER } from "../../compiler/analysis/diagrams.ts";
import { modelOf, SharedSets, type PolicyModel } from "../../compiler/analysis/model.ts";
import { Permitted } from "../../compiler/analysis/permitted.ts";
import { Space, type Facts } from "../../compiler/analysis/space.ts";
import { countAddresses } from "../../compiler/lower/order.ts";
import { run, type Running } from "../oracle/ask.ts";
import type { ModelPolicy, ModelRule } from "../oracle/model.ts";
import { addressText, cuts, edges, FAMILY_CUTS, LAST, words } from "../oracle/space.ts";
import { skip } from "../skip.ts";
import { missingData, realLists } from "./lists.ts";

const real = suite("analysis of real lists");
const missing = missingData();

function modelIn({ module }: Running, shared: SharedSets): PolicyModel {
  const read = modelOf(module, shared);
  if (!read.ok) throw new Error(read.error);
  return read.value;
}

const factsOf = (address: bigint): Facts => ({ source: words(address), name: null, words: [], wallSeconds: null });

function admits({ engine, ids }: Running, name: string, address: bigint): boolean {
  return engine.accept(ids.get(name) ?? -1, words(address)).allowed;
}

if (missing !== null) skip("analysis of real lists", missing);
else {
  const { lists, policy } = realLists();
  const prefixes = [...lists.values()].flat();
  const running = run(policy);

  real("what is permitted at each edge of each prefix, at each listener", () => {
    const model = modelIn(running, new SharedSets());
    const space = new Space([model]);
    const permitted = new Permitted(space, model);
    const addresses = [...new Set(prefixes.flatMap(edges))];
    const seen = { permitted: 0, refused: 0 };
    for (const [n, { members }] of cellsOf([model]).entries()) {
      const own = members[0] ?? [];
      const name = model.listeners[own[0] ?? -1]?.name ?? "";
      const d = permitted.cell(own);
      // Each address at every third listener.
      for (const [k, address] of addresses.entries()) {
        if ((k + n) % 3 !== 0) continue;
        const due = admits(running, name, address);
        if (space.has(d, factsOf(address)) !== due) throw new Error(`${name}: the module says ${due} of ${addressText(address)}`);
        seen[due ? "permitted" : "refused"]++;
      }
    }
    console.log(`analysis: ${space.diagrams.nodes} nodes; ${seen.permitted} edges are permitted, ${seen.refused} refused`);
    assert.ok(seen.permitted > 100_000 && seen.refused > 100_000);
  });

  /** The policy with other rules at one listener. */
  const changed = (listener: string, edit: (rules: readonly ModelRule[]) => readonly ModelRule[]): ModelPolicy => ({
    ...policy,
    exposes: policy.exposes.map((e) => (e.name === listener ? { ...e, rules: edit(e.rules) } : e)),
  });
  const jp = policy.exposes.find(({ name }) => name === "jp")?.rules ?? [];
  const CHANGES: readonly (readonly [what: string, listener: string, next: ModelPolicy, opens: boolean])[] = [
    ["a country more", "ch", changed("ch", (rules) => [...rules, ...jp]), true],
    ["a country less", "europe", changed("europe", ([, ...rules]) => rules), false],
    ["no deny of another one", "abroad", changed("abroad", (rules) => rules.filter(({ action }) => action === "allow")), true],
  ];

  for (const [what, listener, next, opens] of CHANGES) {
    real(`${what} at one listener: the difference is what the modules decide otherwise`, () => {
      const after = run(next);
      const shared = new SharedSets();
      const before = modelIn(running, shared);
      const { space, listeners } = differenceOf(before, modelIn(after, shared));
      assert.equal(
        listeners.map((change) => [before.listeners[change.before ?? -1]?.name, change.facts]),
        [[listener, []]],
      );
      const [{ opened, closed } = { opened: NEVER, closed: NEVER }] = listeners;
      const said = opens ? opened : closed;
      assert.is(opens ? closed : opened, NEVER);
      // Between two cuts every address is in the same lists.
      const starts = [...new Set([...FAMILY_CUTS, ...prefixes.flatMap(cuts)])].filter((a) => a <= LAST).sort((x, y) => (x < y ? -1 : 1));
      let count = 0n;
      for (const [i, start] of starts.entries()) {
        const [was, is] = [admits(running, listener, start), admits(after, listener, start)];
        if (space.has(said, factsOf(start)) !== (was !== is)) throw new Error(`${String(was)} became ${String(is)} for ${addressText(start)}`);
        if (was !== is) count += (starts[i + 1] ?? LAST + 1n) - start;
      }
      console.log(`analysis: ${what}: ${space.diagrams.nodes} nodes, ${count} addresses`);
      assert.ok(count > 1_000_000n);
      assert.is(countAddresses(space.addressesOf(said)), count);
    });
  }

  real.run();
}
