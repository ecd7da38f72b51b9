// Two floods of strangers against a limit per source. Whatever they do, an abuser's budget never
// refills because of them, and at least 95 of 100 honest newcomers are served. Prints both shares.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { run, type Running } from "../oracle/ask.ts";
import { ANY, type ModelPolicy } from "../oracle/model.ts";
import { words } from "../oracle/space.ts";

const engine = suite("flood");

const policy: ModelPolicy = {
  nets: [], denies: [],
  exposes: [{
    name: "web", ports: [{ first: 443, last: 443 }], bind: null, cap: { connections: 1_000_000, perSource: null },
    limits: [{ count: 1, per: "s", burst: 6, key: { kind: "source", v4: 32, v6: 64, written: false } }],
    rules: [{ action: "allow", name: null, from: ANY }],
  }],
};
/** The time in which a full debt runs off. */
const WINDOW_MS = 6_000;

/** Asks for many; closes what was admitted, for caps are not what is measured. */
function served(running: Running, sources: readonly bigint[]): number {
  const decisions = running.engine.admit(sources.map((source) => ({ listener: 0, source: words(source) })));
  sources.forEach((source, i) => { if (decisions[i]?.allowed === true) running.engine.release(0, words(source)); });
  return decisions.filter((d) => d.allowed).length;
}

/** Sources that share no key: each has its own /64. */
const family = (tag: bigint) => (i: number): bigint => (tag << 112n) | (BigInt(i) << 64n) | 1n;
const flooder = family(0x2001n);
const newcomer = family(0x2a00n);
const abuser = family(0x2600n)(1);

const floods = [
  { name: "one hit each from ten times the places a window", hits: 1, ratio: 10 },
  { name: "six hits each that hold every place at full debt", hits: 6, ratio: 1.5 },
] as const;

for (const { name, hits, ratio } of floods) {
  engine(name, () => {
    const running = run(policy);
    const { places } = running.engine.limiterFill();
    assert.ok(places >= 1_024, `only ${places} places`);
    const perSlice = Math.ceil((places * ratio) / 60);
    let next = 0;
    let admitted = 0;
    let honest = 0;
    let asked = 0;
    // Twenty slices of a window before anything is measured: the table is full then.
    for (let slice = 0; slice < 120; slice++) {
      const now = 1_000_000 + slice * (WINDOW_MS / 60);
      running.engine.setClock({ monoMs: now, wallSeconds: null });
      admitted += served(running, [abuser, abuser]);
      const strangers = Array.from({ length: perSlice }, () => flooder(next++));
      for (let hit = 0; hit < hits; hit++) served(running, strangers);
      if (slice < 60) continue;
      const fresh = Array.from({ length: 25 }, (_, i) => newcomer(slice * 100 + i));
      asked += fresh.length;
      honest += served(running, fresh);
    }
    // Two windows: the burst, and one a second after it.
    const due = 6 + Math.floor((120 * (WINDOW_MS / 60)) / 1_000);
    console.log(`flood: ${name}: ${honest} of ${asked} newcomers served, abuser ${admitted} of at most ${due}, ${places} places`);
    assert.ok(admitted <= due, `the abuser got ${admitted} of ${due}`);
    assert.ok(honest >= 0.95 * asked, `only ${honest} of ${asked} newcomers were served`);
  });
}

engine.run();
