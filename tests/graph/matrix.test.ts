// The exposure matrix beside the module that the policy compiles to: at each row and column every name, certificate and moment that the
// policy distinguishes is tried, and verdict, conditions and changes follow from these answers alone.
import * as assert from "uvu/assert";
import { modelOf, SharedSets } from "../../compiler/analysis/model.ts";
import { Space, type Facts } from "../../compiler/analysis/space.ts";
import { ANY } from "../../compiler/check/sets/builtin_nets.ts";
import { contains, equal, intersects, union } from "../../compiler/check/sets/intervals.ts";
import { CONDITIONS, type Admission, type Condition } from "../../compiler/graph/admissions.ts";
import { matrixOf, type Matrix, type MatrixBounds, type MatrixRow, type MatrixSide } from "../../compiler/graph/matrix.ts";
import { openEngine } from "../../runtime/host/ask.ts";
import type { PolicyEngine } from "../../runtime/host/module.ts";
import { explainRequest } from "../../compiler/cli/explanation.ts";
import { parseRequest } from "../../compiler/cli/request.ts";
import { anyPolicy, changed, moduleAdmits, requestsFor, type Request } from "../analysis/random_policies.ts";
import { load, run, SEED, type Running } from "../oracle/ask.ts";
import { chance, type Chance } from "../oracle/random.ts";
import { atLength } from "../at_length.ts";
import { suite } from "../suite.ts";

const test = suite("graph: matrix");
const POLICIES = atLength(300, 24);
/** Of which every kind of request is tried. */
const TRIED = atLength(200, 10);

const sideOf = ({ module }: Running, shared: SharedSets): MatrixSide => {
  const model = modelOf(module, shared);
  if (!model.ok) throw new Error(model.error);
  return { model: model.value, nets: [] };
};

function matrix(before: MatrixSide | null, after: MatrixSide, bounds: MatrixBounds = { columns: 1_000, rows: 1_000 }): Matrix {
  const made = matrixOf(before, after, bounds);
  if (!made.ok) throw new Error(made.error);
  return made.value;
}

/** A policy as it runs, at any moment: an engine's clock never goes back, so each moment has its own. */
class Evaluated {
  readonly #running: Running;
  readonly #sources: readonly Facts["source"][];
  readonly #moments: readonly (number | null)[];
  readonly #engines = new Map<number | null, PolicyEngine>();

  /** `sources` and `moments`: of every kind that the policy distinguishes. */
  constructor(running: Running, sources: readonly Facts["source"][], { moments }: Pick<Axes, "moments">) {
    this.#running = running;
    this.#sources = sources;
    this.#moments = moments;
  }

  #at(wallSeconds: number | null): PolicyEngine {
    const engine = this.#engines.get(wallSeconds) ?? openEngine(load(this.#running.module), SEED);
    this.#engines.set(wallSeconds, engine);
    engine.setClock({ monoMs: 0, wallSeconds });
    return engine;
  }

  admits(request: Request): boolean {
    return moduleAdmits(this.#at(request.facts.wallSeconds), request);
  }

  /**
   * The listener to which a name leads at a place; null: none. Undefined: the module says it of no source, because phase 1 refuses all of
   * them there, so that nothing is admitted.
   */
  listener({ proto, port, local }: Pick<Request, "proto" | "port" | "local">, name: string | null): string | null | undefined {
    for (const engine of this.#moments.map((moment) => this.#at(moment))) {
      const place = engine.listenerAt(proto, port, local);
      const group = engine.info.groups.find(({ id }) => id === place);
      if (group === undefined) return engine.info.listeners[place]?.name ?? null;
      for (const source of this.#sources) {
        const first = engine.accept(place, source);
        if (!first.allowed && !first.later) continue;
        const { listener } = engine.lead(place, source, name);
        return listener === null ? null : engine.info.listeners[listener]?.name;
      }
    }
    return undefined;
  }
}

interface Axes {
  readonly names: readonly (string | null)[];
  readonly words: readonly (readonly string[])[];
  readonly moments: readonly (number | null)[];
}

/** One of each class that the policies distinguish; certificates with no name, with one, and with two. */
function axesOf(sides: readonly MatrixSide[]): Axes {
  const space = new Space(sides.map(({ model }) => model));
  const atoms = space.ids.atoms.map(({ word }) => word);
  const pairs = atoms.flatMap((x, i) => atoms.slice(i + 1).flatMap((y) => (x.startsWith("sha256:") && y.startsWith("sha256:") ? [] : [[x, y]])));
  return {
    names: Array.from({ length: space.names.count }, (_, i) => space.names.witness(i)),
    words: [[], ...atoms.map((atom) => [atom]), ...pairs],
    moments: Array.from({ length: space.times.count }, (_, i) => space.times.witness(i)),
  };
}

interface Tried {
  readonly at: { readonly name: number; readonly certificate: number; readonly time: number };
  readonly request: Request;
}

/** Every request of one source to a row. */
function requestsTo(
  { names, words, moments }: Axes,
  place: Pick<Request, "proto" | "port" | "local">,
  source: Facts["source"],
  leads: (name: string | null) => boolean,
): readonly Tried[] {
  return names.flatMap((name, n) =>
    leads(name) ?
      words.flatMap((own, w) =>
        moments.map((wallSeconds, t) => ({
          at: { name: n, certificate: w, time: t },
          request: { ...place, facts: { source, name, words: own, wallSeconds } },
        })),
      )
    : [],
  );
}

/** Whether two requests that differ in one fact alone have different answers. */
function decides(condition: Condition, tried: readonly Tried[], admitted: readonly boolean[]): boolean {
  const seen = new Map<string, boolean>();
  return tried.some(({ at }, i) => {
    const key = JSON.stringify({ ...at, [condition]: null });
    const known = seen.get(key);
    seen.set(key, admitted[i] === true);
    return known !== undefined && known !== admitted[i];
  });
}

const localOf = ({ places }: MatrixRow): Facts["source"] => {
  const [place] = places;
  if (place?.local === null || place === undefined) return [0, 0, 0xffff, 0xcb007101];
  return [0, 1, 2, 3].map((w) => place.local?.bounds[w] ?? 0) as [number, number, number, number];
};

const placeOf = (row: MatrixRow): Pick<Request, "proto" | "port" | "local"> => ({
  proto: row.places[0]?.proto ?? "tcp",
  port: row.places[0]?.ports[0]?.first ?? 0,
  local: localOf(row),
});

/** Addresses of a set: the first of its first range and the last of its last one. */
function sourcesIn(bounds: Uint32Array): readonly Facts["source"][] {
  const at = (i: number): Facts["source"] => [bounds[i] ?? 0, bounds[i + 1] ?? 0, bounds[i + 2] ?? 0, bounds[i + 3] ?? 0];
  return [at(0), at(bounds.length - 4)];
}

function sourcesOf({ columns }: Matrix): readonly Facts["source"][] {
  return columns.flatMap(({ set }) => sourcesIn(set.bounds));
}

/** The answers of the module in the words of a cell. */
function expected(tried: readonly Tried[], admitted: readonly boolean[], mode: string): Pick<Admission, "verdict" | "conditions"> {
  if (!admitted.includes(true)) return { verdict: "refused", conditions: [] };
  const conditions = CONDITIONS.filter((condition) => (condition === "certificate" && mode === "mtls") || decides(condition, tried, admitted));
  return { verdict: conditions.length > 0 ? "conditional" : "admitted", conditions };
}

function modeOf(side: MatrixSide, name: string, proto: string): string {
  return side.model.listeners.find((listener) => listener.name === name && listener.proto === proto)?.mode ?? "tcp";
}

test("each cell of one policy says what its module answers to every kind of request, from the first and the last of its sources", () => {
  const seen: Record<string, number> = {};
  for (let seed = 0; seed < TRIED; seed++) {
    const c = chance(4_100_000 + seed);
    const running = run(anyPolicy(c));
    const side = sideOf(running, new SharedSets());
    const found = matrix(null, side);
    const axes = axesOf([side]);
    const evaluated = new Evaluated(running, sourcesOf(found), axes);
    for (const row of found.rows) {
      const place = placeOf(row);
      const mode = modeOf(side, row.listener, place.proto);
      for (const [i, { set, ranges }] of found.columns.entries()) {
        const cell = row.cells[i];
        assert.is(ranges, 1);
        for (const source of sourcesIn(set.bounds)) {
          const tried = requestsTo(axes, place, source, (name) => evaluated.listener(place, name) === row.listener);
          const due = expected(
            tried,
            tried.map(({ request }) => evaluated.admits(request)),
            mode,
          );
          const said = { verdict: cell?.after.verdict, conditions: cell?.after.conditions };
          assert.equal(said, due, `seed ${seed}, ${row.listener} ${row.place}, column ${i}\n${running.printed.text}`);
          seen[due.verdict] = (seen[due.verdict] ?? 0) + 1;
          for (const condition of due.conditions) seen[condition] = (seen[condition] ?? 0) + 1;
        }
        assert.equal([cell?.before, cell?.opens, cell?.closes], [null, false, false]);
      }
    }
  }
  const least = { admitted: 20, refused: 20, conditional: 20, name: 10, certificate: 10, time: 5 };
  for (const [what, n] of Object.entries(least)) assert.ok((seen[what] ?? 0) >= n, JSON.stringify(seen));
});

test("each cell of a change says whether its modules differ, and in which direction", () => {
  const seen = { opens: 0, closes: 0, both: 0, neither: 0 };
  for (let seed = 0; seed < TRIED; seed++) {
    const c = chance(4_200_000 + seed);
    const old = anyPolicy(c);
    const [before, after] = [run(old), run(seed % 5 === 4 ? anyPolicy(c) : changed(c, old))];
    const shared = new SharedSets();
    const [x, y] = [sideOf(before, shared), sideOf(after, shared)];
    const found = matrix(x, y);
    const axes = axesOf([x, y]);
    const [was, is] = [new Evaluated(before, sourcesOf(found), axes), new Evaluated(after, sourcesOf(found), axes)];
    for (const row of found.rows) {
      const place = placeOf(row);
      // Rows of a group that refuses every source all have the same answers.
      if ([was, is].some((side) => side.listener(place, null) === undefined)) continue;
      const [oldName, newName] = [row.change === "new" ? null : (row.was ?? row.listener), row.change === "gone" ? null : row.listener];
      for (const [i, { set }] of found.columns.entries()) {
        const cell = row.cells[i];
        for (const source of sourcesIn(set.bounds)) {
          const leads = (name: string | null): boolean => was.listener(place, name) === oldName && is.listener(place, name) === newName;
          const tried = requestsTo(axes, place, source, leads);
          const answers = tried.map(({ request }) => [was.admits(request), is.admits(request)] as const);
          const opens = answers.some(([a, b]) => !a && b);
          const closes = answers.some(([a, b]) => a && !b);
          assert.equal(
            [cell?.opens, cell?.closes],
            [opens, closes],
            `seed ${seed}, ${row.listener} ${row.place} ${row.names}, column ${i}\n${before.printed.text}\n${after.printed.text}`,
          );
          seen[
            opens && closes ? "both"
            : opens ? "opens"
            : closes ? "closes"
            : "neither"
          ]++;
        }
      }
    }
  }
  assert.ok(seen.opens > 10 && seen.closes > 10 && seen.neither > 50, JSON.stringify(seen));
});

test("the columns have no source in common and together have every source, whatever their bound, and the bound is kept", () => {
  const seen = { merged: 0, whole: 0 };
  for (let seed = 0; seed < POLICIES; seed++) {
    const c = chance(4_300_000 + seed);
    const old = anyPolicy(c);
    const shared = new SharedSets();
    const [x, y] = [sideOf(run(old), shared), sideOf(run(changed(c, old)), shared)];
    const all = matrix(x, y).columns.length;
    for (const most of [2, 3, Math.max(2, all - 1), all, all + 1]) {
      const { columns } = matrix(x, y, { columns: most });
      assert.ok(columns.length <= Math.max(2, most), `${columns.length} of ${most}`);
      assert.ok(equal(union(columns.map(({ set }) => set)), ANY), `seed ${seed}`);
      columns.forEach(({ set }, i) => columns.slice(i + 1).forEach((other) => assert.not(intersects(set, other.set))));
      assert.is(
        columns.reduce((sum, { ranges }) => sum + ranges, 0),
        all,
      );
      seen[columns.length < all ? "merged" : "whole"]++;
    }
  }
  assert.ok(seen.merged > 10 && seen.whole > 10, JSON.stringify(seen));
});

/** The cell of a request, if a listener is where it goes. */
function cellAt(found: Matrix, evaluated: Evaluated, request: Request): { readonly row: MatrixRow; readonly after: Admission } | null {
  const listener = evaluated.listener(request, request.facts.name);
  const column = found.columns.findIndex(({ set }) => contains(set, request.facts.source));
  const isThere = (row: MatrixRow): boolean =>
    row.listener === listener &&
    row.places.some(
      ({ proto, ports, local }) =>
        proto === request.proto &&
        ports.some(({ first, last }) => first <= request.port && request.port <= last) &&
        (local === null || contains(local, request.local)),
    );
  const row = found.rows.find(isThere);
  const cell = row?.cells[column];
  return row === undefined || cell === undefined ? null : { row, after: cell.after };
}

test("random requests are admitted where a cell of few columns says so, and an example is a request that explain reads and the module answers as said", () => {
  const seen = { admitted: 0, refused: 0, depends: 0, partly: 0, examples: 0 };
  for (let seed = 0; seed < POLICIES; seed++) {
    const c: Chance = chance(4_400_000 + seed);
    const policy = anyPolicy(c);
    const running = run(policy);
    const side = sideOf(running, new SharedSets());
    const found = matrix(null, side, { columns: 4 });
    const evaluated = new Evaluated(running, sourcesOf(matrix(null, side)), axesOf([side]));
    for (const request of requestsFor(c, [policy], 120)) {
      const cell = cellAt(found, evaluated, request);
      const due = evaluated.admits(request);
      if (cell === null) {
        assert.not(due);
        continue;
      }
      const { verdict } = cell.after;
      if (verdict === "refused") assert.not(due, `seed ${seed}`);
      if (verdict === "admitted") assert.ok(due, `seed ${seed}\n${running.printed.text}`);
      seen[
        verdict === "conditional" ? "depends"
        : verdict === "partly" ? "partly"
        : verdict
      ]++;
    }
    for (const { example } of found.rows.flatMap((row) => row.cells)) {
      if (example === null) continue;
      assert.is(answered(running, example), true, `seed ${seed}: ${example}\n${running.printed.text}`);
      seen.examples++;
    }
  }
  assert.ok(
    Object.values(seen).every((n) => n > 10),
    JSON.stringify(seen),
  );
});

/** Whether the module admits a request that is written as `explain` reads it. */
function answered({ module, engine }: Running, text: string): boolean {
  const request = parseRequest(
    text,
    engine.info.listeners.map(({ name }) => name),
  );
  if (!request.ok) throw new Error(request.error.message);
  const answers = explainRequest(module, load(module), request.value);
  return answers.length === 1 && answers[0]?.decision.allowed === true;
}

test.run();
