// `dryrun cap` clauses that never differ: each with more that only look as if they didn't; and random ones beside the module, which
// says of each connection whether a dryrun cap would have refused it.
import * as assert from "uvu/assert";
import { chance, type Chance } from "../oracle/random.ts";
import { address, engineOf } from "../host/compiled.ts";
import { suite } from "../suite.ts";
import { warningsOf } from "./linted.ts";

const test = suite("analysis: dryrun caps");

const TESTED = 'test "t" { from 192.0.2.1 to web => allow }';
const web = (clauses: string, head = "tcp 80"): string => `@why "w" expose web on ${head} { backend 127.0.0.1:8080 ${clauses} allow from any } ${TESTED}`;
const inOthers = (caps: string): string => `net o = 198.51.100.0/24 net n = 198.51.100.0/25 ${web(caps)}`;
const ids = (caps: string): string => web(`cert "w" ca "c" ${caps}`, "tcp 443 as mtls");
const inTemplate = (first: number, second: number): string =>
  `template t($name, $port, $n) { @why "w" expose $name on tcp $port { backend 127.0.0.1:1 cap $n connections dryrun cap 10 connections allow from any } }
use t(web, 80, ${first}) use t(other, 81, ${second}) ${TESTED} test "o" { from 192.0.2.1 to other => allow }`;

const ROWS: readonly (readonly [name: string, text: string, reported: string | null])[] = [
  ["as many as in force", web("cap 10 connections dryrun cap 10 connections"), "dryrun cap 10 connections"],
  ["one fewer", web("cap 10 connections dryrun cap 9 connections"), null],
  ["no cap is written: the default", web("dryrun cap 10000 connections"), "dryrun cap 10000 connections"],
  ["one fewer than the default", web("dryrun cap 9999 connections"), null],
  ["more per source", web("cap 10 per source dryrun cap 20 per source"), "dryrun cap 20 per source"],
  ["fewer per source", web("cap 20 per source dryrun cap 19 per source"), null],
  ["per source what all sources together may not have", web("cap 10 connections dryrun cap 10 per source"), "dryrun cap 10 per source"],
  ["all sources together, of whom each may have so many", web("cap 10 per source dryrun cap 20 connections"), null],
  ["in force for wider prefixes", web("cap 10 per source /24 /48 dryrun cap 10 per source /32 /64"), "dryrun cap 10 per source /32 /64"],
  ["tried for wider prefixes of IPv4", web("cap 10 per source /32 /48 dryrun cap 10 per source /24 /64"), null],
  ["tried for wider prefixes of IPv6", web("cap 10 per source /24 /64 dryrun cap 10 per source /32 /48"), null],
  ["in force for more sources", inOthers("cap 10 per source from o dryrun cap 10 per source from n"), "dryrun cap 10 per source from n"],
  ["in force for fewer sources", inOthers("cap 10 per source from n dryrun cap 10 per source from o"), null],
  ["in force for some sources", inOthers("cap 10 per source from o dryrun cap 10 per source").replace("net n = 198.51.100.0/25 ", ""), null],
  [
    "one of two in force suffices",
    inOthers("cap 5 per source from o, 50 per source dryrun cap 50 per source").replace("net n = 198.51.100.0/25 ", ""),
    "dryrun cap 50 per source",
  ],
  ["a part of a clause", web("cap 10 per source dryrun cap 100 connections, 20 per source"), "dryrun cap 100 connections, 20 per source"],
  ["per identity", ids("cap 3 per identity dryrun cap 3 per identity"), "dryrun cap 3 per identity"],
  ["fewer per identity", ids("cap 3 per identity dryrun cap 2 per identity"), null],
  ["per identity is not per source", ids("cap 3 per source dryrun cap 3 per identity"), null],
  ["per identity what all together may not have", ids("cap 3 connections dryrun cap 3 per identity"), "dryrun cap 3 per identity"],
  ["of an expose on tcp and udp, once", web("amplify 30 cap 10 connections dryrun cap 10 connections", "tcp, udp 53"), "dryrun cap 10 connections"],
  ["in a template, useful in one use of it alone", inTemplate(10, 11), null],
  ["in a template, useful nowhere", inTemplate(10, 9), "dryrun cap 10 connections"],
  ["a limit, whose debts have a history", web("limit 10/s per source dryrun limit 20/s per source"), null],
  ["turned off", `@lint off ING826 "next week" ${web("cap 9 connections dryrun cap 9 connections")}`, null],
];

for (const [name, text, reported] of ROWS) {
  test(name, async () => {
    assert.equal(await warningsOf(`edition 1 ${text}\n`), reported === null ? [] : [`ING826 1 ${reported}`]);
  });
}

const SOURCES = ["198.51.100.1", "198.51.100.2", "198.51.100.130", "198.51.101.1", "2001:db8::1", "2001:db8:0:0:1::1", "2001:db8:0:1::1"].map(address);

function anyCap(c: Chance): string {
  const number = 1 + c.below(4);
  const key = c.pick(["", " /24 /48", " /32 /48", " /24 /64"]);
  return c.oneIn(4) ? `${number} connections` : `${number} per source${key}${c.pick(["", "", " from o", " from n"])}`;
}

test("beside the module: one that is reported refuses nothing that is admitted, and many others do", async () => {
  const seen = { reported: 0, others: 0, differ: 0 };
  for (let seed = 0; seed < 150; seed++) {
    const c = chance(2_700_000 + seed);
    const [first, second, dryrun] = [anyCap(c), anyCap(c), anyCap(c)];
    const kind = (cap: string): string => cap.replace(/^\d+/, "");
    const enforced = kind(first) === kind(second) ? first : `${first} cap ${second}`;
    const text = `edition 1 ${inOthers(`cap ${enforced} dryrun cap ${dryrun}`)}\n`;
    const isReported = (await warningsOf(text)).some((warning) => warning.startsWith("ING826"));
    const engine = engineOf(text);
    const open: (typeof SOURCES)[number][] = [];
    let differs = false;
    for (let step = 0; step < 400; step++) {
      // Fewer close than open, so that all is full most of the time.
      const closing = open.length > 0 && c.oneIn(3) ? open.splice(c.below(open.length), 1)[0] : undefined;
      if (closing !== undefined) {
        engine.release(0, closing);
        continue;
      }
      const source = c.pick(SOURCES);
      const answer = engine.admit([{ listener: 0, source }])[0];
      if (answer?.allowed !== true) continue;
      open.push(source);
      if (answer.would !== undefined) differs = true;
    }
    assert.ok(!(isReported && differs), `seed ${seed}: ${text}`);
    seen[isReported ? "reported" : "others"]++;
    if (differs) seen.differ++;
  }
  assert.ok(seen.reported > 20 && seen.differ > 40, JSON.stringify(seen));
});

test.run();
