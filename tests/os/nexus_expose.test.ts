// `--target nexus-expose`: its text as a file, every clause that it refuses, each bound at N and N + 1, an independent reader
// (nexus_reader.py) that admits exactly whom the module admits, and its rate beside that of the module.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { nexusExposures, type ExposeSettings, type NexusExposures } from "../../compiler/emitters/nexus_expose.ts";
import type { Diagnostic } from "../../compiler/diagnostics/diagnostic.ts";
import { NO_RULE } from "../../runtime/abi/layout.ts";
import { openEngine } from "../../runtime/host/ask.ts";
import { printed, shipped, verdicts, written as policyOf, type Compiled } from "../fleet/policies.ts";
import { plainPolicy } from "../fleet/random_policies.ts";
import { SEED } from "../oracle/ask.ts";
import { prefixesOf, type ModelDeny, type ModelLimit, type ModelPolicy } from "../oracle/model.ts";
import { chance, type Chance } from "../oracle/random.ts";
import { addressText, edges, isV4, readPrefix, words } from "../oracle/space.ts";
import { skip } from "../skip.ts";
import { hasReader, readAll } from "./nexus_reader.ts";

const test = suite("nexus_expose");

const PLAIN: ExposeSettings = {
  file: "one.ingress",
  wholeHost: false,
  selector: null,
  codeUrl: null,
  without: { caps: false, limits: false },
  asOf: null,
  nodes: 4_000_000,
};
const RATE = "limit 100/s burst 20 per listener";
const WEB = `expose web on tcp 8080 { backend 127.0.0.1:18080 ${RATE} allow from 10.0.2.0/24 }`;

function written(policy: Compiled, settings: Partial<ExposeSettings> = {}): NexusExposures {
  const made = nexusExposures(policy, { ...PLAIN, ...settings });
  if (!made.ok) throw new Error(made.error.map((d) => `${d.code} ${d.message}`).join("\n"));
  return made.value;
}

function refused(text: string, settings: Partial<ExposeSettings> = {}): readonly Diagnostic[] {
  const made = nexusExposures(policyOf("one", `edition 1\n${text}\n`), { ...PLAIN, ...settings });
  return made.ok ? [] : made.error;
}

const codes = (text: string, settings: Partial<ExposeSettings> = {}): string =>
  refused(text, settings)
    .map(({ code }) => code)
    .join(" ");

test("the shipped policy, as a file; UPDATE=1 writes it again", () => {
  const { text } = written(shipped("nexus"), { file: "policies/nexus.ingress" });
  const path = fileURLToPath(new URL("golden/nexus_expose.toml", import.meta.url));
  if (process.env["UPDATE"] === "1") {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  assert.fixture(text, readFileSync(path, "utf8"));
});

/** A policy of one expose, and the codes of its clauses; "" where it is written. */
const CLAUSES: readonly (readonly [clause: string, policy: string, codes: string])[] = [
  ["plain", WEB, ""],
  ["any4", WEB.replace("10.0.2.0/24", "any4"), ""],
  ["a deny", WEB.replace("allow from 10.0.2.0/24", "allow from 10.0.2.0/24 deny from 10.0.2.128/25"), ""],
  ["a dryrun deny", WEB.replace("allow from", "dryrun deny from 10.0.2.1 allow from"), ""],
  ["60 a minute", WEB.replace("100/s", "60/m"), ""],
  ["passthrough", WEB.replace("8080 {", "8080 as passthrough {"), "ING900"],
  ["tls", WEB.replace("8080 {", '8080 as tls { cert "web"'), "ING900"],
  ["mtls", WEB.replace("8080 {", '8080 as mtls { cert "web" ca "corp"'), "ING900"],
  ["direct", '@why "own"\nexpose own service shop on tcp 8080 as direct { }', "ING900"],
  ["udp", `expose dns on udp 53 { backend 127.0.0.1:5300 amplify any ${RATE} allow from any4 }`, "ING901"],
  ["via", WEB.replace("8080 {", "8080 via 10.0.0.5 {"), "ING902"],
  ["a cap", WEB.replace("allow", "cap 16 connections allow"), "ING903"],
  ["a limit of sources", WEB.replace("allow", "limit 1/s per source allow"), "ING903"],
  ["a second limit", WEB.replace("allow", "limit 50/m per listener allow"), "ING903"],
  ["until", WEB.replace("/24 }", "/24 until 2030-01-01T00:00Z }"), "ING904"],
  ["after", WEB.replace("/24 }", "/24 after 2030-01-01T00:00Z }"), "ING904"],
  ["bind", WEB.replace("8080 {", "8080 bind private {"), "ING905"],
  ["no backend", WEB.replace("backend 127.0.0.1:18080", ""), "ING906"],
  ["two backends", WEB.replace(":18080", ":18080, 127.0.0.1:18081"), "ING906"],
  ["a unix socket", WEB.replace("127.0.0.1:18080", 'unix "/run/web.sock"'), "ING906"],
  ["another host", WEB.replace("127.0.0.1:18080", "remote 10.0.3.7:80"), "ING906"],
  ["another loopback address", WEB.replace("127.0.0.1:18080", "127.0.0.2:18080"), "ING906"],
  ["loopback of IPv6", WEB.replace("127.0.0.1:18080", "[::1]:18080"), "ING906"],
  ["a PROXY header", WEB.replace(":18080", ":18080 proxy v2"), "ING906"],
  ["no limit", WEB.replace(RATE, ""), "ING929"],
  ["a limit of sources alone", WEB.replace("per listener", "per source"), "ING903 ING929"],
  ["50 a minute", WEB.replace("100/s", "50/m"), "ING929"],
  ["IPv6", WEB.replace("10.0.2.0/24", "2001:db8::/32"), "ING930"],
  ["any", WEB.replace("10.0.2.0/24", "any"), "ING930"],
  ["nobody", WEB.replace("allow from 10.0.2.0/24", ""), "ING930"],
  ["everybody is denied", WEB.replace("allow", "deny from any allow"), "ING930"],
  ["capital letters", WEB.replace("web on", "web service Web on"), "ING931"],
  ["two ports", WEB.replace("8080 {", "8080, 8082 {"), "ING932"],
  ["a range", WEB.replace("8080 {", "8080-8081 {"), "ING932"],
];

for (const [clause, text, due] of CLAUSES)
  test(`${clause}: ${due === "" ? "written" : "refused, with its place and a remedy"}`, () => {
    assert.is(codes(text), due);
    for (const { span, message, help } of refused(text)) assert.ok(span.start >= 10 && message.includes("`nexus-expose`") && help !== null, message);
  });

const BOUNDS: readonly (readonly [bound: string, n: number, policy: (n: number) => string, code: string])[] = [
  ["prefixes", 8, (n) => WEB.replace("10.0.2.0/24", Array.from({ length: n }, (_, i) => `10.0.${2 * i}.1`).join(", ")), "ING930"],
  ["connections a second", 10_000, (n) => WEB.replace("100/s", `${n}/s`), "ING929"],
  ["a burst", 1_000, (n) => WEB.replace("burst 20", `burst ${n}`), "ING929"],
  [
    "exposures of a subject",
    8,
    (n) => Array.from({ length: n }, (_, i) => WEB.replace("web on tcp 8080", `web${i} service web on tcp ${8080 + i}`)).join("\n"),
    "ING931",
  ],
  ["exposures", 64, (n) => Array.from({ length: n }, (_, i) => WEB.replace("web on tcp 8080", `web${i} on tcp ${8080 + i}`)).join("\n"), "ING931"],
];

for (const [bound, n, policy, code] of BOUNDS)
  test(`${n} ${bound}, and one more`, () => {
    assert.is(codes(policy(n)), "");
    assert.is(codes(policy(n + 1)), code);
  });

test("what is left out is named in the text, with its flag", () => {
  const text = WEB.replace("allow", "cap 16 connections limit 1/s per source limit 50/m per listener allow");
  assert.is(codes(text, { without: { caps: true, limits: false } }), "ING903 ING903");
  const { plan, text: made } = written(policyOf("one", `edition 1\n${text}\n`), { without: { caps: true, limits: true } });
  assert.equal(
    plan.leftOut.map(({ what }) => what),
    ["cap", "limit", "limit"],
  );
  for (const { what, says } of plan.leftOut) assert.ok(made.includes(`# Left out: ${what} of web: ${says}\n`), says);
  assert.match(made, "rate_per_s = 100\nburst = 20\n");
});

test("a moment: who is admitted then, and when it has to be written again", () => {
  const text = WEB.replace("/24 }", "/24 until 2030-01-01T00:00Z allow from 10.0.4.0/24 }");
  const at = (moment: string): string => written(policyOf("one", `edition 1\n${text}\n`), { asOf: Date.parse(moment) / 1000 }).text;
  assert.match(at("2029-12-31T23:59:59Z"), 'cidr_allow = ["10.0.2.0/24", "10.0.4.0/24"]');
  assert.match(at("2029-12-31T23:59:59Z"), "write it again by 2030-01-01T00:00Z");
  assert.match(at("2030-01-01T00:00:00Z"), 'cidr_allow = ["10.0.4.0/24"]');
});

/** One port and one limit for each expose, and sources that are IPv4, but for a few. */
function withRate(c: Chance, model: ModelPolicy): ModelPolicy {
  const limit = (): ModelLimit => ({ count: 1 + c.below(100), per: "s", burst: c.oneIn(3) ? null : 1 + c.below(100), key: { kind: "listener" } });
  const six: ModelDeny = { action: "deny", name: null, from: { members: [{ kind: "builtin", name: "any6" }], except: [] }, on: null };
  const denies = model.denies.map(({ proto: _, ...deny }): ModelDeny => (deny.on === null ? deny : { ...deny, on: [{ first: 8000, last: 8000 }] }));
  return {
    ...model,
    denies: c.oneIn(6) ? denies : [...(c.oneIn(2) ? denies : []), six],
    exposes: model.exposes
      .filter(({ mode, proto }) => mode !== "direct" && proto !== "udp")
      .map(({ backend: _, ...e }, i) => ({
        ...e,
        rules: e.rules.slice(0, 1 + c.below(3)),
        ports: [{ first: 8000 + i, last: 8000 + i }],
        bind: null,
        limits: [limit()],
      })),
  };
}

if (hasReader) {
  test("the independent reader accepts the golden file, and refuses what the RFC refuses", () => {
    const good = written(shipped("nexus")).text;
    const [found] = readAll([{ toml: good }]);
    assert.equal(
      found?.exposures?.map(({ subject, port, backend, rate_per_s, burst }) => [subject, port, backend, rate_per_s, burst]),
      [
        ["web", 8080, 18080, 100, 20],
        ["shelld", 2222, 10022, 1, 5],
      ],
    );
    const bad: readonly (readonly [string, string])[] = [
      ["port = 8080", "port = 0"],
      ["port = 8080", "port = 2222"],
      ["port = 8080", "port = 65536"],
      ['"tcp"', '"sctp"'],
      ['tls = "none"', 'tls = "tls"'],
      ['tls = "none"', 'tls = "none"\nmode = "tcp"'],
      ["rate_per_s = 100", "rate_per_s = 10001"],
      ["rate_per_s = 100", "rate_per_s = 0"],
      ["burst = 20", "burst = 1001"],
      ["burst = 20", ""],
      ['["198.51.100.0/24"]', "[]"],
      ['["198.51.100.0/24"]', '["198.51.100.1/24"]'],
      ['["198.51.100.0/24"]', '["2001:db8::/32"]'],
      ['["198.51.100.0/24"]', `[${Array.from({ length: 9 }, (_, i) => `"10.0.0.${i}/32"`).join(", ")}]`],
      ["[[expose.", "[[exposed."],
    ];
    const answers = readAll(bad.map(([from, with_]) => ({ toml: good.replace(from, with_) })));
    assert.equal(
      answers.flatMap(({ fault }, i) => (fault === undefined ? [bad[i]?.join(" -> ")] : [])),
      [],
    );
  });

  test("exactly whom the module admits, over random policies", () => {
    const requests: { readonly toml: string; readonly visits: readonly (readonly [number, string])[] }[] = [];
    const due: (readonly boolean[])[] = [];
    const codesSeen = new Map<string, number>();
    for (let seed = 0; seed < 150; seed++) {
      const c = chance(9_330_000 + seed);
      const model = withRate(c, plainPolicy(c));
      if (model.exposes.length === 0) continue;
      const policy = printed(model, "random");
      const moment = 1_500_000_000;
      const made = nexusExposures(policy, { ...PLAIN, asOf: moment });
      if (!made.ok) {
        for (const { code } of made.error) codesSeen.set(code, (codesSeen.get(code) ?? 0) + 1);
        continue;
      }
      const sets = [...model.exposes.flatMap((e) => e.rules), ...model.denies].flatMap(({ from }) => (from === null ? [] : prefixesOf(from)));
      const sources = [...new Set(sets.flatMap(edges))].filter(isV4);
      const admits = verdicts(policy, moment);
      const visits = model.exposes.flatMap((e) => (e.ports[0] === undefined ? [] : sources.map((source) => [e.ports[0]?.first ?? 0, source] as const)));
      requests.push({ toml: made.value.text, visits: visits.map(([port, source]) => [port, addressText(source)]) });
      const local = words(readPrefix("10.0.2.15").base);
      due.push(visits.map(([port, source]) => admits({ proto: "tcp", port, source: words(source), local }) !== null));
    }
    const answers = readAll(requests).map((a) => a.answers);
    for (const [i, answer] of answers.entries()) assert.equal(answer, due[i], requests[i]?.toml);
    const flat = due.flat();
    const [allowed, denied] = [flat.filter(Boolean).length, flat.filter((x) => !x).length];
    console.log(`written ${requests.length}, refused ${JSON.stringify(Object.fromEntries(codesSeen))}, allowed ${allowed}, denied ${denied}`);
    assert.ok(requests.length > 20 && codesSeen.has("ING930") && allowed > 200 && denied > 200, `${requests.length} ${allowed} ${denied}`);
  });

  test("at whole milliseconds its bucket answers as the module's limit", () => {
    const rows: { readonly bucket: readonly [number, number]; readonly at: readonly number[] }[] = [];
    const due: (readonly boolean[])[] = [];
    const source = words(readPrefix("10.0.2.7").base);
    for (let seed = 0; seed < 60; seed++) {
      const c = chance(9_340_000 + seed);
      const [rate, burst] = c.oneIn(8) ? [10_000, 1_000] : [1 + c.below(200), 1 + c.below(12)];
      const policy = policyOf("one", `edition 1\n${WEB.replace("100/s burst 20", `${rate}/s burst ${burst}`)}\n`);
      const engine = openEngine(policy.loaded, SEED);
      let now = 0;
      const at: number[] = [];
      const said: boolean[] = [];
      for (let i = 0; i < 200; i++) {
        now += c.oneIn(2) ? 0 : c.below(c.oneIn(10) ? 5_000 : Math.ceil(2_000 / rate) + 1);
        engine.setClock({ monoMs: now, wallSeconds: null });
        const listener = engine.listenerAt("tcp", 8080, words(readPrefix("10.0.2.15").base));
        at.push(now * 1_000_000);
        said.push(engine.charge({ listener, source }, NO_RULE).allowed);
      }
      rows.push({ bucket: [rate, burst], at });
      due.push(said);
    }
    const answers = readAll(rows).map((a) => a.answers);
    for (const [i, answer] of answers.entries()) assert.equal(answer, due[i], JSON.stringify(rows[i]?.bucket));
    const flat = due.flat();
    assert.ok(flat.filter(Boolean).length > 3_000 && flat.filter((x) => !x).length > 2_000, `${flat.filter(Boolean).length} of ${flat.length}`);
  });
} else skip("nexus_expose the independent reader", "no python3 with tomllib");

test.run();
