// Every bound on what the compiler reads: accepted at N, one diagnostic at N + 1.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { MAX_GROUP_MEMBERS, MAX_GROUPS } from "../../runtime/abi/groups.ts";
import * as bound from "../../compiler/source/bounds.ts";
import { codes } from "./front.ts";

const bounds = suite("bounds");
const E = "edition 1\n";
const times = (n: number, one: (i: number) => string): string => Array.from({ length: n }, (_, i) => one(i)).join("");
const padded = (bytes: number): string => `${E}#${"x".repeat(bytes - E.length - 1)}`;
/** All exposes but one with 16 caps and limits, and one with `last`. */
const counting = (last: number): string => {
  const clauses = (n: number): string => times(n, (i) => (i < 8 ? `limit ${i + 1}/s per source\n` : `cap 1 per source from 10.0.0.${i}\n`));
  return E + times(4_095, (i) => `expose e${i} on tcp ${i + 1} { ${clauses(16)} }\n`) + `expose last on tcp 9999 { ${clauses(last)} }\n`;
};

const nested = (n: number): string => `${E}template t() ${"{".repeat(n)}${"}".repeat(n)}\n`;
const web = (clauses: string, head = "expose web on tcp 443"): string => `${E}${head} {\n${clauses}\n}\n`;
const TLS = "expose web on tcp 443 as tls";
const named = (n: number): string => Array.from({ length: n }, (_, i) => `"n${i}"`).join();
/** Every other port, so that nothing joins: 32,768 ranges. */
const scattered = times(32_768, (i) => `${i === 0 ? "" : ","}${2 * i + 1}`);

/** Exposes of which each has the ports whose number has its bit, so that each port has others. */
const sharers = (ports: number): string =>
  E +
  times(13, (bit) => {
    const own = Array.from({ length: ports }, (_, i) => i + 1).filter((port) => ((port >> bit) & 1) === 1);
    return own.length === 0 ? "" : `expose e${bit} on tcp ${own.join()} for "${bit}.example" as passthrough {}\n`;
  });
/** 63 exposes of all ports, and one of the even and one of the odd ones: 64 at each port, and a range for each. */
const places = (ports: number): string => {
  const every = (from: number): string => Array.from({ length: Math.ceil((ports - from + 1) / 2) }, (_, i) => from + 2 * i).join();
  const shares = (name: string, on: string): string => `expose ${name} on tcp ${on} for "${name}.example" as passthrough {}\n`;
  return E + times(63, (i) => shares(`e${i}`, `1-${ports}`)) + shares("odd", every(1)) + shares("even", every(2));
};

interface Row {
  readonly what: string;
  readonly at: string;
  readonly over: string;
  readonly code: string;
  /** The code at N, where N itself is refused for another reason. */
  readonly then?: string;
  readonly files?: Readonly<Record<string, string>>;
}

const ROWS: readonly Row[] = [
  { what: "bytes of a source", at: padded(bound.MAX_SOURCE_BYTES), over: padded(bound.MAX_SOURCE_BYTES + 1), code: "ING601" },
  { what: "bytes, not characters", at: `${E}#${"é".repeat(2_000_000)}`, over: `${E}#${"é".repeat(2_097_150)}`, code: "ING601" },
  { what: "words", at: `${E}${";".repeat(bound.MAX_WORDS - 2)}`, over: `${E}${";".repeat(bound.MAX_WORDS - 1)}`, code: "ING601", then: "ING101" },
  {
    what: "words, comments and texts aside",
    at: `${E}# ${"; ".repeat(100)}\ntest "${";".repeat(100)}" { } ${";".repeat(bound.MAX_WORDS - 6)}`,
    over: `${E}# ${"; ".repeat(100)}\ntest "${";".repeat(100)}" { } ${";".repeat(bound.MAX_WORDS - 5)}`,
    code: "ING601",
    then: "ING101",
  },
  {
    what: "words of all files",
    at: `${E}import "a" as a\n`,
    over: `${E}import "a" as a\nids b = ip "::"\n`,
    files: { a: `${E}${";".repeat(bound.MAX_WORDS - 8)}` },
    code: "ING608",
    then: "ING101",
  },
  { what: "nesting", at: nested(bound.MAX_NESTING), over: nested(bound.MAX_NESTING + 1), code: "ING602", then: "ING105" },
  { what: "rules", at: E, over: web(times(bound.MAX_RULES, () => "deny from a\n")) + "net a = 10.0.0.1\ndeny from a", code: "ING603" },
  {
    what: "exposes",
    at: E + times(bound.MAX_EXPOSES, (i) => `expose e${i} on tcp ${i + 1} {}\n`),
    over: E + times(bound.MAX_EXPOSES + 1, (i) => `expose e${i} on tcp ${i + 1} {}\n`),
    code: "ING605",
  },
  {
    what: "exposes on tcp and udp, which are two each",
    at: E + times(bound.MAX_EXPOSES / 2, (i) => `expose e${i} on tcp, udp ${i + 1} { amplify any }\n`),
    over: `${E + times(bound.MAX_EXPOSES / 2, (i) => `expose e${i} on tcp, udp ${i + 1} { amplify any }\n`)}expose one on tcp 9999 {}\n`,
    code: "ING605",
  },
  { what: "caps per source and limits of all exposes", at: counting(15), over: counting(16), code: "ING614" },
  { what: "different sets of exposes that share ports", at: sharers(MAX_GROUPS), over: sharers(MAX_GROUPS + 1), code: "ING612" },
  { what: "members at all shared ports", at: places(MAX_GROUP_MEMBERS / 64), over: places(MAX_GROUP_MEMBERS / 64 + 1), code: "ING612" },
  { what: "certificates of an expose", at: web(`cert ${named(bound.MAX_CERTS)}`, TLS), over: web(`cert ${named(bound.MAX_CERTS + 1)}`, TLS), code: "ING414" },
  {
    what: "protocols",
    at: web(`cert "a" alpn ${named(bound.MAX_PROTOCOLS)}`, TLS),
    over: web(`cert "a" alpn ${named(bound.MAX_PROTOCOLS + 1)}`, TLS),
    code: "ING431",
  },
  {
    what: "bytes of a protocol",
    at: web(`cert "a" alpn "${"x".repeat(bound.MAX_PROTOCOL_BYTES)}"`, TLS),
    over: web(`cert "a" alpn "${"x".repeat(bound.MAX_PROTOCOL_BYTES + 1)}"`, TLS),
    code: "ING431",
  },
  {
    what: "rules of an expose on tcp and udp, which are two each",
    at: E,
    over: `${E}net a = 10.0.0.1\nexpose e on tcp, udp 1 { amplify any ${times(bound.MAX_RULES / 2, () => "deny from a\n")} }\ndeny from a`,
    code: "ING603",
  },
  {
    what: "`amplify`",
    at: `${E}expose e on udp 1 { amplify ${bound.MAX_AMPLIFY} }`,
    over: `${E}expose e on udp 1 { amplify ${bound.MAX_AMPLIFY + 1} }`,
    code: "ING310",
  },
  {
    what: "ranges of ports",
    at: `${E}ports p = ${scattered}\nexpose a on tcp p bind 10.0.0.1 {}\nexpose b on tcp p bind 10.0.0.2 {}\n`,
    over: `${E}ports p = ${scattered}\nexpose a on tcp p bind 10.0.0.1 {}\nexpose b on tcp p bind 10.0.0.2 {}\nexpose c on tcp 1 bind 10.0.0.3 {}\n`,
    code: "ING604",
  },
  {
    what: "ranges of a bind",
    at: web("", `expose a on tcp 1 bind ${times(bound.MAX_BIND_INTERVALS, (i) => `${i === 0 ? "" : ","}10.0.${(2 * i) >> 8}.${(2 * i) & 255}`)}`),
    over: web("", `expose a on tcp 1 bind ${times(bound.MAX_BIND_INTERVALS + 1, (i) => `${i === 0 ? "" : ","}10.0.${(2 * i) >> 8}.${(2 * i) & 255}`)}`),
    code: "ING604",
  },
  {
    what: "ranges of a via",
    at: web("", `expose a on tcp 1 via ${times(bound.MAX_VIA_INTERVALS, (i) => `${i === 0 ? "" : ","}10.0.${(2 * i) >> 8}.${(2 * i) & 255}`)}`),
    over: web("", `expose a on tcp 1 via ${times(bound.MAX_VIA_INTERVALS + 1, (i) => `${i === 0 ? "" : ","}10.0.${(2 * i) >> 8}.${(2 * i) & 255}`)}`),
    code: "ING616",
  },
  { what: "characters of a service", at: `${E}expose ${"a".repeat(48)} on tcp 1 {}`, over: `${E}expose ${"a".repeat(49)} on tcp 1 {}`, code: "ING205" },
  {
    what: "characters of a named service",
    at: `${E}expose ${"a".repeat(128)} service ${"b".repeat(48)} on tcp 1 {}`,
    over: `${E}expose x service ${"a".repeat(49)} on tcp 1 {}`,
    code: "ING205",
  },
  { what: "characters of a name", at: `${E}net ${"a".repeat(128)} = any`, over: `${E}net ${"a".repeat(129)} = any`, code: "ING205" },
  {
    what: "characters of a rule's name",
    at: web(`allow named ${"a".repeat(128)} from any`),
    over: web(`allow named ${"a".repeat(129)} from any`),
    code: "ING205",
  },
  { what: "connections of a cap", at: web("cap 1000000 connections"), over: web("cap 1000001 connections"), code: "ING310" },
  { what: "connections per source", at: web("cap 1 connections, 1000000 per source"), over: web("cap 1 connections, 1000001 per source"), code: "ING310" },
  { what: "the least cap", at: web("cap 1 connections"), over: web("cap 0 connections"), code: "ING310" },
  { what: "count of a limit", at: web("limit 1000000/s per listener"), over: web("limit 1000001/s per listener"), code: "ING310" },
  { what: "burst of a limit", at: web("limit 1/s burst 1000000 per listener"), over: web("limit 1/s burst 1000001 per listener"), code: "ING310" },
  { what: "the least burst", at: web("limit 1/s burst 1 per listener"), over: web("limit 1/s burst 0 per listener"), code: "ING310" },
  { what: "limits of an expose", at: web(times(8, () => "limit 1/s per listener\n")), over: web(times(9, () => "limit 1/s per listener\n")), code: "ING408" },
  {
    what: "limits of an expose, dryrun ones among them",
    at: web(times(8, (i) => `${i % 2 === 0 ? "dryrun " : ""}limit 1/s per listener\n`)),
    over: web(times(9, (i) => `${i % 2 === 0 ? "dryrun " : ""}limit 1/s per listener\n`)),
    code: "ING408",
  },
  {
    what: "caps per source of an expose, dryrun ones among them",
    at: web(times(8, (i) => `${i % 2 === 0 ? "dryrun " : ""}cap ${i + 1} per source from 10.0.0.${i}\n`)),
    over: web(times(9, (i) => `${i % 2 === 0 ? "dryrun " : ""}cap ${i + 1} per source from 10.0.0.${i}\n`)),
    code: "ING435",
  },
  { what: "connections of a dryrun cap", at: web("dryrun cap 1000000 connections"), over: web("dryrun cap 1000001 connections"), code: "ING310" },
  { what: "IPv4 length of a source key", at: web("limit 1/s per source /32 /1"), over: web("limit 1/s per source /33 /1"), code: "ING304" },
  { what: "IPv6 length of a source key", at: web("limit 1/s per source /1 /128"), over: web("limit 1/s per source /1 /129"), code: "ING304" },
  { what: "bytes of a socket's path", at: web(`backend unix "/${"é".repeat(53)}"`), over: web(`backend unix "/${"é".repeat(53)}x"`), code: "ING404" },
  { what: "entries of a list", at: `${E}net a = file "l" max 2`, over: `${E}net a = file "l" max 1`, code: "ING503", files: { l: "10.0.0.1\n10.0.0.2" } },
  { what: "max of a list", at: `${E}net a = file "l" max 2000000`, over: `${E}net a = file "l" max 2000001`, code: "ING310", files: { l: "" } },
];

for (const { what, at, over, code, then, files } of ROWS) {
  bounds(what, () => {
    assert.equal(codes(at, files), then === undefined ? [] : [then]);
    assert.equal(codes(over, files), [code]);
  });
}

bounds("prefixes: 2,000,000 and one more", () => {
  const l = "10.0.0.1\n".repeat(bound.MAX_PREFIXES);
  assert.equal(codes(`${E}net a = file "l" max 2000000\n`, { l }), []);
  assert.equal(codes(`${E}net a = file "l" max 2000000, 10.0.0.2\n`, { l }), ["ING604"]);
});

bounds("sets whose sum is too large end in one diagnostic, soon", () => {
  const chain = `${E}net a0 = 10.0.0.1\n${times(6_000, (i) => `net a${i + 1} = a${i}, 10.${i >> 7}.${(i & 127) * 2}.1\n`)}`;
  assert.equal(codes(chain), ["ING604"]);
});

// The other side of the bound on rules, and its cost.
bounds("100,000 rules are accepted, in seconds", () => {
  const before = process.cpuUsage();
  assert.equal(codes(web(times(bound.MAX_RULES, (i) => `allow from 10.${i >> 16}.${(i >> 8) & 255}.${i & 255}\n`))), []);
  const { user } = process.cpuUsage(before);
  assert.ok(user < 15_000_000, `${user} µs`);
});

bounds("errors of one policy", () => {
  const bad = (n: number): string => E + times(n, (i) => `net a${i} = 10.0.0.1/8\n`);
  assert.is(codes(bad(bound.MAX_ERRORS)).length, bound.MAX_ERRORS);
  const over = codes(bad(bound.MAX_ERRORS + 1));
  assert.is(over.length, bound.MAX_ERRORS + 1);
  assert.is(over.at(-1), "ING606");
});

bounds("errors of one list", () => {
  const l = (n: number): string => "x\n".repeat(n);
  assert.is(codes(`${E}net a = file "l" max 100`, { l: l(bound.MAX_LIST_ERRORS) }).length, bound.MAX_LIST_ERRORS);
  const over = codes(`${E}net a = file "l" max 100`, { l: l(bound.MAX_LIST_ERRORS + 1) });
  assert.is(over.length, bound.MAX_LIST_ERRORS + 1);
  assert.ok(over.includes("ING504"));
});

bounds.run();
