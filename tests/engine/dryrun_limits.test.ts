// Dryrun caps and limits: what they say, that they change no answer, also where the tables are full, and that their debts are
// those of the same limits without `dryrun`. limits.test.ts compares them with the oracle.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openEngine } from "../../runtime/host/ask.ts";
import type { Answer } from "../../runtime/host/decision.ts";
import { identityOf } from "../../runtime/host/identity.ts";
import type { PolicyEngine } from "../../runtime/host/module.ts";
import { fromV4, type Address } from "../../runtime/net/address.ts";
import { address, connect, engineOf, loaded, moduleOf, visit } from "../host/compiled.ts";

const test = suite("dryrun limits");
const A = address("203.0.113.9");
const B = address("203.0.113.10");
const C = address("198.51.100.1");
const flood = (i: number): Address => fromV4(0x40000000 + i * 13);

const policy = (body: string): string => `edition 1
expose web on tcp 8443 { backend 127.0.0.1:80 ${body} allow from any }`;

/** The code with which dryrun caps and limits would have refused an admitted connection, `-` for none, or the code of a refusal. */
function saidOf(answer: Answer | undefined): string {
  if (answer === undefined) return "no answer";
  return answer.allowed || answer.later ? (answer.would ?? "-") : answer.code;
}

function said(engine: PolicyEngine, source: Address, listener = 0): string {
  return saidOf(engine.admit([{ listener, source }])[0]);
}

interface Case {
  readonly title: string;
  readonly body: string;
  /** A source that connects and stays, one that closes, or a moment. */
  readonly rows: readonly (readonly [what: Address | { readonly close: Address } | { readonly ms: number }, said: string])[];
}

const cases: readonly Case[] = [
  {
    title: "a limit of N: N connections without a word, then one more that is admitted and said; time gives a token back",
    body: "dryrun limit 1/m burst 3 per source",
    rows: [
      [A, "-"],
      [A, "-"],
      [A, "-"],
      [A, "limit_source"],
      [A, "limit_source"],
      [B, "-"],
      [{ ms: 59_999 }, ""],
      [A, "limit_source"],
      [{ ms: 60_000 }, ""],
      [A, "-"],
      [A, "limit_source"],
    ],
  },
  {
    title: "a cap per source counts the connections that are open, also those that it would have refused",
    body: "dryrun cap 2 per source",
    rows: [
      [A, "-"],
      [A, "-"],
      [A, "cap_source"],
      [B, "-"],
      [{ close: A }, ""],
      [A, "cap_source"],
      [{ close: A }, ""],
      [{ close: A }, ""],
      [A, "-"],
    ],
  },
  {
    title: "a cap of all connections, apart from the enforced one",
    body: "cap 3 connections dryrun cap 2 connections",
    rows: [
      [A, "-"],
      [B, "-"],
      [C, "cap_listener"],
      [A, "cap_listener"],
      [{ close: C }, ""],
      [A, "cap_listener"],
      [{ close: A }, ""],
      [{ close: A }, ""],
      [A, "-"],
    ],
  },
  {
    title: "what the enforced ones refuse is charged to none, and they are charged whatever dryrun ones say",
    body: "limit 1/h burst 3 per source dryrun limit 1/h burst 2 per listener",
    rows: [
      [A, "-"],
      [A, "-"],
      [A, "limit_listener"],
      [A, "limit_source"],
      [B, "limit_listener"],
      [{ ms: 3_600_000 }, ""],
      [B, "-"],
    ],
  },
  {
    title: "what one would have refused is charged to no other: they are as they were if all were enforced",
    body: "dryrun limit 1/h burst 1 per source dryrun limit 1/h burst 3 per listener",
    rows: [
      [A, "-"],
      [A, "limit_source"],
      [A, "limit_source"],
      [B, "-"],
      [C, "-"],
      [A, "limit_listener"],
      [address("192.0.2.1"), "limit_listener"],
    ],
  },
  {
    title: "a cap is said before a limit, and the cap of all before that of a source",
    body: "dryrun limit 1/h per source dryrun cap 9 connections dryrun cap 1 per source",
    rows: [[A, "-"], [A, "cap_source"], ...Array.from({ length: 7 }, (_, i) => [flood(i), "-"] as const), [A, "cap_listener"]],
  },
  {
    title: "`from NET`: only those sources",
    body: "dryrun limit 1/h per source from 203.0.113.0/29, 203.0.113.9 dryrun cap 1 per source from 198.51.100.0/24",
    rows: [
      [A, "-"],
      [A, "limit_source"],
      [B, "-"],
      [B, "-"],
      [C, "-"],
      [C, "cap_source"],
    ],
  },
];

for (const { title, body, rows } of cases) {
  test(title, () => {
    const engine = engineOf(policy(body));
    rows.forEach(([what, due], i) => {
      if ("ms" in what) engine.setClock({ monoMs: what.ms, wallSeconds: null });
      else if ("close" in what) engine.release(0, what.close);
      else assert.is(said(engine, what), due, `row ${i + 1}`);
    });
    assert.not.ok(engine.poisoned);
  });
}

test("a refusal by a rule says nothing, and each of a batch says its own", () => {
  const engine = engineOf(`edition 1
expose web on tcp 8443 { backend 127.0.0.1:80 dryrun limit 1/h per source allow from 203.0.113.0/24 }`);
  const answers = engine.admit([A, C, A, B].map((source) => ({ listener: 0, source })));
  assert.equal(answers.map(saidOf), ["-", "no_match", "limit_source", "-"]);
});

test("a connection that waits for its name says it at its accept, and one of a group when its name has led to an expose", () => {
  const alone = engineOf(`edition 1
expose web on tcp 443 as passthrough { backend 127.0.0.1:80 dryrun limit 1/h per source allow from any sni "a.example" }`);
  const [first, second] = [said(alone, A), said(alone, A)];
  assert.equal([first, second], ["-", "limit_source"]);
  const shared = engineOf(`edition 1
expose one on tcp 443 for "a.example" as passthrough { backend 127.0.0.1:81 dryrun limit 1/h per source allow from any }
expose two on tcp 443 as passthrough { backend 127.0.0.1:82 allow from any }`);
  assert.is(said(shared, A, shared.listenerAt("tcp", 443, address("0.0.0.0"))), "-");
  assert.equal(
    [0, 0, 1].map((listener) => saidOf(shared.charge({ listener, source: A }, -1))),
    ["-", "limit_source", "-"],
  );
});

test("a name that leads to no expose costs a token of a dryrun limit too", () => {
  const shared = engineOf(`edition 1
expose one on tcp 443 for "a.example" as passthrough { backend 127.0.0.1:81 dryrun limit 1/h per source allow from any }
expose two on tcp 443 for "b.example" as passthrough { backend 127.0.0.1:82 allow from any }`);
  shared.spend(shared.listenerAt("tcp", 443, address("0.0.0.0")), A);
  assert.is(saidOf(shared.charge({ listener: 0, source: A }, -1)), "limit_source");
});

test("per identity, in phase 4", () => {
  const engine = engineOf(`edition 1
expose web on tcp 443 as mtls { cert "web" ca "corp" backend 127.0.0.1:80 dryrun cap 1 per identity dryrun limit 1/h burst 2 per identity allow from any client dns "a.example", dns "b.example" }`);
  const [a, b] = ["dns:a.example", "dns:b.example"].map((word) => identityOf([word]));
  if (a === undefined || b === undefined) throw new Error("two identities");
  const admit = (who: typeof a): string => saidOf(engine.admitIdentity(0, A, null, who));
  assert.equal([admit(a), admit(a), admit(b)], ["-", "cap_identity", "-"]);
  engine.releaseIdentity(0, a);
  engine.releaseIdentity(0, a);
  assert.equal([admit(a)], ["-"]);
  engine.releaseIdentity(0, a);
  assert.equal([admit(a)], ["limit_identity"]);
});

const written = "limit 10/m burst 10 per source";
const reloads: readonly (readonly [name: string, before: string, after: string])[] = [
  ["removing `dryrun` keeps the debt", `dryrun ${written}`, written],
  ["adding `dryrun` keeps it", written, `dryrun ${written}`],
  ["a dryrun limit keeps its own", `dryrun ${written}`, `dryrun ${written}`],
  ["that of a listener too", "dryrun limit 10/m burst 10 per listener", "limit 10/m burst 10 per listener"],
];

for (const way of ["records", "memory"] as const) {
  for (const [name, before, after] of reloads) {
    test(`${name}, by ${way}`, () => {
      const old = engineOf(policy(before));
      for (let i = 0; i < 7; i++) assert.is(visit(old, A), "allowed");
      const next = openEngine(loaded(moduleOf(policy(after))), new Uint8Array(16));
      next.setClock({ monoMs: 0, wallSeconds: null });
      if (way === "records") next.importState(old.exportState());
      else next.takeState(old);
      assert.equal(
        Array.from({ length: 4 }, () => said(next, A)),
        ["-", "-", "-", before.includes("listener") ? "limit_listener" : "limit_source"],
      );
    });
  }
}

/** The engine of `after`, when A has visited that of `before` so many times. */
function afterReload(before: string, after: string, spent: number, way: "records" | "memory"): PolicyEngine {
  const old = engineOf(policy(before));
  for (let i = 0; i < spent; i++) visit(old, A);
  const next = openEngine(loaded(moduleOf(policy(after))), new Uint8Array(16));
  next.setClock({ monoMs: 0, wallSeconds: null });
  if (way === "records") next.importState(old.exportState());
  else next.takeState(old);
  return next;
}

/** Codes of `times` visits after `spent` ones and a reload to another policy. */
function reloaded(before: string, after: string, spent: number, times: number, way: "records" | "memory"): readonly string[] {
  const next = afterReload(before, after, spent, way);
  return Array.from({ length: times }, () => visit(next, A));
}

const RATE = "limit 100/h burst 40 per source";
const TRIED = "dryrun limit 10/h per source";

for (const way of ["records", "memory"] as const) {
  test(`an enforced limit never takes over the debt of a dryrun one of another rate, whether that stays, goes or is enforced, by ${way}`, () => {
    const left = [...Array.from({ length: 10 }, () => "allowed"), "limit_source"];
    for (const after of [RATE, `${RATE} ${TRIED}`, `${RATE} dryrun limit 20/h per source`]) {
      assert.equal(reloaded(`${RATE} ${TRIED}`, after, 30, 11, way), left, after);
    }
    // Without the word it has what it was tried with; the other one has its own.
    assert.equal(reloaded(`${RATE} ${TRIED}`, `${RATE} limit 10/h per source`, 9, 2, way), ["allowed", "limit_source"]);
  });

  test(`an enforced limit never takes over the debt of a dryrun one of other sources that share a key, by ${way}`, () => {
    const limitOf = (net: string): string => `limit 10/h per source /24 /64 from ${net}`;
    const [low, high] = [limitOf("203.0.113.0/25"), limitOf("203.0.113.128/25")];
    const other = address("203.0.113.200");
    const left = (before: string, after: string, source: Address): number => {
      const next = afterReload(before, after, 10, way);
      return Array.from({ length: 11 }, () => visit(next, source)).filter((code) => code === "allowed").length;
    };
    assert.is(left(`${high} dryrun ${low}`, `${high} dryrun ${low}`, other), 10, "both stay");
    assert.is(left(`${high} dryrun ${low}`, high, other), 10, "the dryrun one goes");
    assert.is(left(`${high} dryrun ${low}`, `${high} ${low}`, other), 10, "the other one is enforced");
    assert.is(left(`${high} dryrun ${low}`, `${high} ${low}`, A), 0, "with its own debt");
  });

  test(`other sources refill no dryrun limit, by ${way}`, () => {
    for (const beside of ["", "limit 50/h per source"]) {
      const next = afterReload(
        `${beside} dryrun limit 10/h per source from 203.0.113.0/24`,
        `${beside} dryrun limit 10/h per source from 203.0.0.0/16`,
        10,
        way,
      );
      assert.is(said(next, A), "limit_source", beside);
    }
  });

  test(`a dryrun limit of another rate begins anew, by ${way}`, () => {
    assert.equal(reloaded(TRIED, "limit 20/h per source", 10, 21, way), [...Array.from({ length: 20 }, () => "allowed"), "limit_source"]);
  });
}

test("a full table of limits: answers are those of the policy without its dryrun limit", () => {
  const TABLE = 65_536;
  const [without, beside] = ["", "dryrun limit 1/d per source"].map((more) => engineOf(policy(`limit 2/h burst 2 per source ${more}`)));
  if (without === undefined || beside === undefined) throw new Error("two engines");
  let refused = 0;
  for (let i = 0; i < 2 * TABLE; i++) {
    // One in four comes again, so that debts are read as well as written.
    const source = flood(i % 4 === 0 ? Math.floor(i / 8) : i);
    const due = visit(without, source);
    if (due !== "allowed") refused++;
    if (visit(beside, source) !== due) assert.unreachable(`source ${i} of the flood: ${due} without the dryrun limit`);
  }
  assert.ok(refused > 1_000, `${refused}`);
});

test("a dryrun limit whose source has no place is forgotten, and never raises the sketch of others", () => {
  const engine = engineOf(`edition 1
expose tried on tcp 8443 { backend 127.0.0.1:80 dryrun limit 1/d per source allow from any }
expose web on tcp 8444 { backend 127.0.0.1:80 limit 1/d per source allow from any }`);
  for (let i = 0; i < 200_000; i++) visit(engine, flood(i), 0);
  // Where the places were taken in earnest, or the sketch raised, some of these would be refused.
  for (let i = 0; i < 10_000; i++) assert.is(visit(engine, fromV4(0x0b000000 + i * 7), 1), "allowed", `${i}`);
});

test("a full table of caps: an enforced cap takes the entries of dryrun ones, and no release of theirs changes its counts", () => {
  const engine = engineOf(`edition 1
expose many on tcp 8443 { backend 127.0.0.1:80 cap 1000 connections dryrun cap 1 per source allow from any }
expose small on tcp 8444 { backend 127.0.0.1:80 cap 10 connections, 2 per source allow from any }`);
  const [many, small] = [0, 1];
  for (let i = 0; i < 10_000; i++) engine.recount(many, flood(i));
  assert.equal(
    [A, A, A, B].map((source) => connect(engine, source, small)),
    ["allowed", "allowed", "cap_source", "allowed"],
  );
  for (let i = 0; i < 10_000; i++) engine.release(many, flood(i));
  assert.is(engine.connections(many), 0);
  assert.is(connect(engine, A, small), "cap_source");
  engine.release(small, A);
  assert.is(connect(engine, A, small), "allowed");
});

test("8 limits, 8 caps per source, a dryrun cap of all and two per identity are all charged", () => {
  const nets = Array.from({ length: 8 }, (_, i) => `203.0.113.${i}, 203.0.113.9`);
  const limits = nets.map((net, i) => `${i % 2 === 0 ? "dryrun " : ""}limit ${i + 20}/h per source from ${net}`);
  const caps = nets.map((net, i) => `${i % 2 === 0 ? "dryrun " : ""}cap ${i + 20} per source from ${net}`);
  const engine = engineOf(`edition 1
expose web on tcp 443 as mtls { cert "web" ca "corp" backend 127.0.0.1:80 ${[...limits, ...caps].join(" ")}
  cap 5 per identity dryrun cap 4 per identity dryrun cap 30 connections allow from any client dns "a.example" }`);
  const answers = Array.from({ length: 22 }, () => engine.admit([{ listener: 0, source: A }])[0]);
  assert.equal(answers.map(saidOf), [...Array.from({ length: 20 }, () => "-"), "cap_source", "cap_source"]);
  assert.equal(
    answers.slice(20).map((answer) => answer?.allowed === false && !answer.later),
    [false, true],
    "a dryrun cap of 20, and an enforced one of 21",
  );
});

test.run();
