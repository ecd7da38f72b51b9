// The permitted sets of random policies against the module that the policy compiles to: every witness, and random requests at
// the edges of all sets; the difference of two policies against the requests on which their modules differ; a shuffled policy;
// and small universes against the oracle, request by request.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { cellsOf, type Cell } from "../../compiler/analysis/cells.ts";
import { NEVER, type Diagram } from "../../compiler/analysis/diagrams.ts";
import { modelOf, type PolicyModel } from "../../compiler/analysis/model.ts";
import { Permitted, withinBudget } from "../../compiler/analysis/permitted.ts";
import { clientsOf, rowsOf, witnessOf, type Row } from "../../compiler/analysis/rows.ts";
import { Space, type Facts } from "../../compiler/analysis/space.ts";
import { contains } from "../../compiler/check/sets/intervals.ts";
import { ANY } from "../../compiler/check/sets/builtin_nets.ts";
import { openEngine } from "../../runtime/host/ask.ts";
import type { PolicyEngine } from "../../runtime/host/module.ts";
import { ANY4 as WILDCARD, formatAddress } from "../../runtime/net/address.ts";
import { atLength } from "../at_length.ts";
import { compileText, load, run, SEED, type Running } from "../oracle/ask.ts";
import type { ModelPolicy } from "../oracle/model.ts";
import { chance } from "../oracle/random.ts";
import { anyPolicy, changed, everyRequest, moduleAdmits, requestsFor, type Request } from "./random_policies.ts";

const test = suite("analysis: permitted");
const POLICIES = 40;
/** Of policies with many requests each. */
const SOME = atLength(24, POLICIES);
/** Of which every request of a universe is tried. */
const SMALL = atLength(40, 8);
const REQUESTS = atLength(100_000, 1_000);

function model(module: Uint8Array): PolicyModel {
  const read = modelOf(module);
  if (!read.ok) throw new Error(read.error);
  return read.value;
}

const engineOf = ({ module }: Running): PolicyEngine => openEngine(load(module), SEED);

function cellAt(cells: readonly Cell[], { proto, port, local }: Request): Cell | undefined {
  return cells.find(
    (cell) => cell.proto === proto && cell.ports.some((r) => r.first <= port && port <= r.last) && (cell.local === null || contains(cell.local, local)),
  );
}

const membersIn = (cell: Cell | undefined, policy: number): readonly number[] => cell?.members[policy] ?? [];

function requestText({ proto, port, local, facts }: Request): string {
  return `${proto} ${port} local ${formatAddress(local)} from ${formatAddress(facts.source)} sni ${facts.name} client ${facts.words.join(" ")} at ${facts.wallSeconds}`;
}

/** A request at the first port and address of a cell. */
function at(cell: Cell, facts: Facts): Request {
  const local: Facts["source"] =
    cell.local === null ? [0, 0, 0xffff, 0xc0000201] : ([0, 1, 2, 3].map((w) => cell.local?.bounds[w] ?? 0) as [number, number, number, number]);
  return { proto: cell.proto, port: cell.ports[0]?.first ?? 0, local, facts };
}

test("random requests and every witness: what the analysis permits the module admits, and nothing else", () => {
  const seen = { admitted: 0, denied: 0, witnesses: 0 };
  for (let seed = 0; seed < SOME; seed++) {
    const c = chance(2_000_000 + seed);
    const policy = anyPolicy(c);
    const running = run(policy);
    const own = model(running.module);
    const space = new Space([own]);
    const permitted = new Permitted(space, own);
    const cells = cellsOf([own]);
    const engine = engineOf(running);
    for (const request of requestsFor(c, [policy], REQUESTS)) {
      const members = membersIn(cellAt(cells, request), 0);
      const said = space.has(permitted.cell(members), request.facts);
      const due = moduleAdmits(engine, request);
      if (said !== due) throw new Error(`seed ${seed}: the module says ${due}: ${requestText(request)}\n${running.printed.text}`);
      seen[due ? "admitted" : "denied"]++;
    }
    assert.not.ok(engine.poisoned);
    const everything = space.diagrams.and(space.sources(ANY), space.possible);
    for (const cell of cells) {
      const inside = permitted.cell(membersIn(cell, 0));
      for (const [set, due] of [
        [inside, true],
        [space.diagrams.minus(everything, inside), false],
      ] as const) {
        const facts = witnessOf(space, set);
        if (facts === null) continue;
        seen.witnesses++;
        const request = at(cell, facts);
        assert.is(space.has(set, facts), true, `seed ${seed}: the witness is not in its set: ${requestText(request)}`);
        if (moduleAdmits(engineOf(running), request) !== due)
          throw new Error(`seed ${seed}: a witness is wrong (${due}): ${requestText(request)}\n${running.printed.text}`);
      }
    }
  }
  assert.ok(seen.admitted > 1_000 && seen.denied > 1_000 && seen.witnesses > 60, JSON.stringify(seen));
});

test("two policies differ exactly on the requests that one of their modules admits and the other refuses", () => {
  const seen = { opened: 0, closed: 0, same: 0 };
  for (let seed = 0; seed < SOME; seed++) {
    const c = chance(2_100_000 + seed);
    const before = anyPolicy(c);
    const after = changed(c, before);
    const [old, now] = [run(before), run(after)];
    const models = [model(old.module), model(now.module)] as const;
    const space = new Space(models);
    const sides = models.map((m) => new Permitted(space, m));
    const cells = cellsOf(models);
    const [first, second] = [engineOf(old), engineOf(now)];
    for (const request of requestsFor(c, [before, after], REQUESTS)) {
      const cell = cellAt(cells, request);
      const [x, y] = sides.map((side, i): Diagram => side.cell(membersIn(cell, i)));
      const said = [space.diagrams.minus(y ?? NEVER, x ?? NEVER), space.diagrams.minus(x ?? NEVER, y ?? NEVER)].map((d) => space.has(d, request.facts));
      const [was, is] = [moduleAdmits(first, request), moduleAdmits(second, request)];
      if (said[0] !== (is && !was) || said[1] !== (was && !is))
        throw new Error(`seed ${seed}: ${was} became ${is}: ${requestText(request)}\n${old.printed.text}\n${now.printed.text}`);
      seen[
        was === is ? "same"
        : is ? "opened"
        : "closed"
      ]++;
    }
  }
  assert.ok(seen.opened > 100 && seen.closed > 100 && seen.same > 1_000, JSON.stringify(seen));
});

test("small universes: every request, one after the other", () => {
  const seen = { admitted: 0, denied: 0 };
  for (let seed = 0; seed < SMALL; seed++) {
    const policy = anyPolicy(chance(2_150_000 + seed));
    const running = run(policy);
    const own = model(running.module);
    const space = new Space([own]);
    const permitted = new Permitted(space, own);
    const cells = cellsOf([own]);
    const engine = engineOf(running);
    for (const request of everyRequest(policy)) {
      const due = moduleAdmits(engine, request);
      if (space.has(permitted.cell(membersIn(cellAt(cells, request), 0)), request.facts) !== due)
        throw new Error(`seed ${seed}: the module says ${due}: ${requestText(request)}\n${running.printed.text}`);
      seen[due ? "admitted" : "denied"]++;
    }
  }
  assert.ok(seen.admitted > 1_000 && seen.denied > 1_000, JSON.stringify(seen));
});

test("load balancers have no part in who is permitted: the source is the one that they name", () => {
  let tried = 0;
  for (let seed = 0; seed < 20; seed++) {
    const { printed, module } = run(anyPolicy(chance(2_160_000 + seed)));
    // Not over udp, and not where the service listens by itself.
    const isBalanced = (line: string): boolean => /^expose \S+ on tcp [^,u]/.test(line) && !line.endsWith(" as direct {");
    const via = printed.text
      .split("\n")
      .map((line) => (isBalanced(line) ? line.replace(/ for | as | \{/, " via 198.18.0.0/24$&") : line))
      .join("\n");
    if (via === printed.text) continue;
    const models = [model(module), model(compileText(via, printed.files))];
    tried++;
    const space = new Space(models);
    const sides = models.map((m) => new Permitted(space, m));
    for (const cell of cellsOf(models)) assert.is(sides[0]?.cell(membersIn(cell, 0)), sides[1]?.cell(membersIn(cell, 1)), `seed ${seed}`);
  }
  assert.ok(tried >= 5, String(tried));
});

test("a policy in another order permits the same", () => {
  for (let seed = 0; seed < 20; seed++) {
    const c = chance(2_200_000 + seed);
    const policy = anyPolicy(c);
    const models = [model(run(policy).module), model(run(policy, (items) => c.shuffle(items)).module)];
    const space = new Space(models);
    const sides = models.map((m) => new Permitted(space, m));
    for (const cell of cellsOf(models)) assert.is(sides[0]?.cell(membersIn(cell, 0)), sides[1]?.cell(membersIn(cell, 1)), `seed ${seed}`);
  }
});

/** Whether a row has a request, by each of its four parts. */
function rowHas(space: Space, row: Row, facts: Facts): boolean {
  const [time, name] = [space.times.classOf(facts.wallSeconds), space.names.classOf(facts.name)];
  const among = (ranges: Row["names"], number: number): boolean => ranges === null || ranges.some(({ first, last }) => first <= number && number <= last);
  return (
    among(row.moments, time) && among(row.names, name) && space.has(clientsOf(space, row), facts) && contains(space.addressesOf(row.sources), facts.source)
  );
}

test("rows are disjoint, and together they are the set", () => {
  let checked = 0;
  for (let seed = 0; seed < POLICIES; seed++) {
    const c = chance(2_300_000 + seed);
    const policy = anyPolicy(c);
    const own = model(run(policy).module);
    const space = new Space([own]);
    const permitted = new Permitted(space, own);
    const cells = cellsOf([own]);
    const rows = new Map(cells.map((cell) => [cell, rowsOf(space, permitted.cell(membersIn(cell, 0)))]));
    for (const request of requestsFor(c, [policy], 60)) {
      const cell = cellAt(cells, request);
      if (cell === undefined) continue;
      const has = space.has(permitted.cell(membersIn(cell, 0)), request.facts);
      const own = (rows.get(cell) ?? []).filter((row) => rowHas(space, row, request.facts));
      assert.is(own.length, has ? 1 : 0, `seed ${seed}: ${requestText(request)}`);
      checked++;
    }
  }
  assert.ok(checked > 1_000);
});

test("the cells are where the module has its listeners", () => {
  for (let seed = 0; seed < POLICIES; seed++) {
    const c = chance(2_400_000 + seed);
    const policy: ModelPolicy = anyPolicy(c);
    const running = run(policy);
    const cells = cellsOf([model(running.module)]);
    const { info } = running.engine;
    for (const request of requestsFor(c, [policy], 100)) {
      const place = running.engine.listenerAt(request.proto, request.port, request.local);
      const due = info.groups.find(({ id }) => id === place)?.members ?? (place < 0 ? [] : [place]);
      assert.equal(membersIn(cellAt(cells, request), 0), due, requestText(request));
    }
    assert.is(running.engine.listenerAt("tcp", 1, WILDCARD), -1);
  }
});

test("past its budget the analysis says so, and within it the number of nodes never varies", () => {
  const c = chance(2_500_003);
  const own = model(run(anyPolicy(c)).module);
  const nodesOf = (most?: number): number => {
    const space = new Space([own], most);
    const permitted = new Permitted(space, own);
    for (const cell of cellsOf([own])) permitted.cell(membersIn(cell, 0));
    return space.diagrams.nodes;
  };
  const nodes = nodesOf();
  assert.ok(nodes > 10);
  assert.is(nodesOf(), nodes);
  assert.equal(
    withinBudget(() => nodesOf(nodes)),
    { ok: true, value: nodes },
  );
  assert.equal(
    withinBudget(() => nodesOf(nodes - 1)),
    { ok: false, error: "not_proven" },
  );
});

test.run();
