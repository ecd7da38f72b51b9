// ingressc replay: lines as the gateway's own writer makes them, decided again by a policy. A fact that a record does
// not have is counted, and a refusal that no rule decides stays as recorded.
import { gzipSync } from "node:zlib";
import * as assert from "uvu/assert";
import { FIELD_BYTES as WRITTEN_BYTES } from "../../gateway/audit/line.ts";
import type { CodeNumber } from "../../runtime/abi/names.ts";
import * as v from "../../runtime/abi/verdicts.ts";
import { FIELD_BYTES, MAX_NAME } from "../../compiler/cli/traffic/audit_bounds.ts";
import { MAX_AUDIT_LINE } from "../../compiler/cli/traffic/audit_lines.ts";
import { MOST_GROUPS } from "../../compiler/cli/traffic/tally.ts";
import { MAX_NAME_BYTES } from "../../runtime/abi/layout.ts";
import { suite } from "../suite.ts";
import { AT, fieldsOf, record, type Wish } from "./audit_records.ts";
import { envelope, folder, ingressc, ingresscHere, type Folder } from "./programs.ts";

const test = suite("replay");

const OPS = "uri:spiffe://corp.example/ops/web";
const HASH = `sha256:${"ab".repeat(32)}`;

const POLICY = `edition 1
expose web on tcp 443 { allow from 203.0.113.0/24 deny from 203.0.113.66 }
expose office on tcp 444 bind 10.0.0.0/8 { allow from any }
expose dns on udp 53 { backend 127.0.0.1:5353 amplify 1 allow from 203.0.113.0/24 }
expose named on tcp 445 as passthrough { allow from any sni "www.example.com" deny from 203.0.113.66 }
expose a on tcp 446 for "a.example.com" as passthrough { allow from any }
expose b on tcp 446 for "b.example.com" as passthrough { allow from 203.0.113.0/24 }
expose staff on tcp 447 as mtls { cert "c" ca "d" allow from any client uri "spiffe://corp.example/ops/*" deny from any client dns "old.example.com" }
expose behind on tcp 448 via 10.0.0.5 { allow from 203.0.113.0/24 }
expose timed on tcp 449 { allow from any after 2026-06-01T10:00Z until 2026-06-01T12:00Z }
expose tlsbehind on tcp 450 via 10.0.0.5 as passthrough { allow from any }
`;

/** The counts of one record that are not 0. */
async function verdict(f: Folder, text: string, policy = "edge.ingress"): Promise<string> {
  f.write("audit.jsonl", text);
  const ended = await ingresscHere(["replay", policy, "audit.jsonl", "--json"], f.path);
  const answer = envelope(ended);
  if (ended.code === 3) return String(answer["code"]);
  const counts: string[] = [];
  for (const [key, value] of Object.entries(fieldsOf(answer["data"]))) {
    if (["opens", "closes", "moves", "same", "otherReason", "ends", "messages"].includes(key) && value !== 0) counts.push(key);
    if (key === "undecidable" || key === "asRecorded") counts.push(...Object.keys(fieldsOf(value)).map((name) => `${key} ${name}`));
  }
  return counts.join(", ");
}

const at = (port: number): string => `0.0.0.0:${port}`;
const wide = (n: number): string => "x".repeat(n);

const ROWS: readonly (readonly [what: string, wish: Wish, due: string])[] = [
  ["allowed as before", {}, "same"],
  ["allowed before, refused by no allow", { source: "198.51.100.1:1" }, "closes"],
  ["allowed before, refused by a deny", { source: "203.0.113.66:1" }, "closes"],
  ["refused before, allowed now", { code: v.CODE_NO_MATCH }, "opens"],
  ["refused before for another reason", { code: v.CODE_NO_MATCH, source: "203.0.113.66:1" }, "same, otherReason"],
  ["a port that nobody exposes", { local: at(9000) }, "closes"],
  ["the same port of udp", { local: at(443), proto: "udp" }, "closes"],
  ["udp", { local: at(53), proto: "udp", listener: "dns", service: "dns" }, "same"],
  ["udp refused", { local: at(53), proto: "udp", source: "198.51.100.1:1", listener: "dns", service: "dns" }, "closes"],
  ["another service at the port", { service: "shop" }, "moves"],
  ["the other wildcard", { local: "[::]:443", source: "[2001:db8::1]:1" }, "closes"],
  ["a link-local source with its zone", { local: "[::]:443", source: "[fe80::1%eth0]:1" }, "closes"],
  ["a socket of one address at a wildcard listener", { local: "192.0.2.1:443" }, "same"],
  ["a wildcard socket where the policy binds", { local: at(444), service: "office" }, "undecidable local"],
  ["an address that the policy binds", { local: "10.1.1.1:444", service: "office" }, "same"],
  ["an address that it does not bind", { local: "192.0.2.1:444", service: "office" }, "closes"],
  ["no local address", { local: undefined }, "undecidable local"],
  ["a local address that is none", { local: "?" }, "undecidable local"],
  ["port 0", { local: at(0) }, "undecidable local"],
  ["no source", { source: undefined }, "undecidable source"],
  ["a source that is none", { source: "example.com:1" }, "undecidable source"],
  // Names.
  ["a name", { local: at(445), service: "named", sni: "www.example.com" }, "same"],
  ["another name", { local: at(445), service: "named", sni: "x.example.com" }, "closes"],
  ["a name that was never read", { local: at(445), service: "named" }, "undecidable name"],
  ["a name that was never read, of a denied source", { local: at(445), service: "named", source: "203.0.113.66:1" }, "closes"],
  ["no name sent", { local: at(445), service: "named", code: v.CODE_NO_NAME }, "same"],
  ["a name that could not be read", { local: at(445), service: "named", code: v.CODE_NO_NAME, detail: "name: twice" }, "undecidable name"],
  ["a name of 255 bytes", { local: at(445), service: "named", sni: wide(255) }, "closes"],
  ["a name of 256 bytes may be cut", { local: at(445), service: "named", sni: wide(256) }, "undecidable name"],
  ["a name is no fact of plain tcp", { sni: wide(256) }, "same"],
  ["refused before its hello where names count", { local: at(445), service: "named", code: v.CODE_DENY_RULE }, "undecidable name"],
  // Exposes that share a port.
  ["a shared port", { local: at(446), service: "a", sni: "a.example.com" }, "same"],
  ["a shared port, led to another", { local: at(446), service: "a", sni: "b.example.com" }, "moves"],
  ["a shared port, a source that it refuses", { local: at(446), service: "b", sni: "b.example.com", source: "198.51.100.1:1" }, "closes"],
  ["a shared port, a name of nobody", { local: at(446), service: "a", sni: "c.example.com" }, "closes"],
  ["a shared port, no name known", { local: at(446), service: "a" }, "undecidable name"],
  ["a shared port, no name sent", { local: at(446), code: v.CODE_NO_EXPOSE, service: undefined }, "same"],
  // Identities.
  ["an identity", { local: at(447), service: "staff", client: `${HASH} ${OPS}` }, "same"],
  ["a denied identity", { local: at(447), service: "staff", client: `${HASH} ${OPS} dns:old.example.com` }, "closes"],
  ["another identity", { local: at(447), service: "staff", client: `${HASH} dns:x.example.com` }, "closes"],
  ["no certificate", { local: at(447), service: "staff", code: v.CODE_NO_CERTIFICATE }, "same"],
  ["no identity known", { local: at(447), service: "staff" }, "undecidable identity"],
  ["a part of an identity that is allowed", { local: at(447), service: "staff", client: `${HASH} ${OPS}`, client_more: 1 }, "undecidable identity"],
  ["a part of an identity that is not", { local: at(447), service: "staff", client: HASH, client_more: 1 }, "undecidable identity"],
  ["a part of an identity that is denied", { local: at(447), service: "staff", client: `${HASH} dns:old.example.com`, client_more: 1 }, "closes"],
  // Load balancers.
  ["via a balancer of the policy", { local: at(448), service: "behind", peer: "10.0.0.5:1" }, "same"],
  ["via a stranger, whose header is data", { local: at(448), service: "behind", peer: "10.0.0.6:1" }, "closes"],
  ["via a stranger whom the policy lets in", { local: at(443), service: "web", source: "198.51.100.1:1", peer: "203.0.113.5:1" }, "same"],
  ["via a stranger where TLS is read", { local: at(445), service: "named", sni: "www.example.com", peer: "203.0.113.5:1" }, "closes"],
  ["a balancer without a header", { local: at(448), service: "behind", source: "10.0.0.5:1" }, "undecidable header"],
  ["a source beside the balancer", { local: at(448), service: "behind" }, "same"],
  // Times.
  ["in its time", { local: at(449), service: "timed", ms: AT - 1 }, "same"],
  ["at its end", { local: at(449), service: "timed", ms: AT }, "closes"],
  ["at its beginning", { local: at(449), service: "timed", ms: AT - 7_200_000 }, "same"],
  ["before its beginning", { local: at(449), service: "timed", ms: AT - 7_200_001 }, "closes"],
  // Binds.
  ["a bind", { op: "bind", subject: "ingressd", source: undefined }, "same"],
  ["a bind of a port that is not exposed", { op: "bind", subject: "ingressd", source: undefined, local: at(9000) }, "closes"],
  ["a bind of a loopback address", { op: "bind", subject: "web", source: undefined, local: "127.0.0.1:9000" }, "same"],
  ["a bind of nobody", { op: "bind", source: undefined }, "undecidable subject"],
  // Rechecks.
  ["a recheck by a rule that is none now", { op: "recheck", code: v.CODE_RECHECKED, detail: "deny_rule" }, "opens"],
  ["a recheck by a rule that is the same", { op: "recheck", code: v.CODE_RECHECKED, detail: "deny_rule", source: "203.0.113.66:1" }, "same"],
  ["a recheck does not know the name", { op: "recheck", code: v.CODE_RECHECKED, detail: "no_name", local: at(445), service: "named" }, "undecidable name"],
  ["a recheck of a revoked certificate", { op: "recheck", code: v.CODE_RECHECKED, detail: "certificate_revoked" }, "asRecorded rechecked"],
];

/** Codes that are no matter of rules: refusals by numbers, by an operator, and of what could not be read. */
const STAYING: readonly CodeNumber[] = [
  v.CODE_CAP_LISTENER,
  v.CODE_CAP_SOURCE,
  v.CODE_CAP_TABLE,
  v.CODE_LIMIT_LISTENER,
  v.CODE_LIMIT_SOURCE,
  v.CODE_CAP_IDENTITY,
  v.CODE_LIMIT_IDENTITY,
  v.CODE_CAP_OVERALL,
  v.CODE_CAP_BACKEND,
  v.CODE_CAP_WAITING,
  v.CODE_CAP_WAITING_SOURCE,
  v.CODE_BLOCKED,
  v.CODE_NO_BACKEND,
  v.CODE_DRAINING,
  v.CODE_HELLO_MALFORMED,
  v.CODE_HELLO_LATE,
  v.CODE_TLS_FAILED,
  v.CODE_CERTIFICATE_REFUSED,
  v.CODE_CERTIFICATE_REVOKED,
  v.CODE_PROXY_MALFORMED,
  v.CODE_AUDIT_CLOSED,
  v.CODE_INTERNAL,
];

test("each record is decided with the facts that it has, and with no other", async () => {
  const f = folder();
  f.write("edge.ingress", POLICY);
  for (const [what, wish, due] of ROWS) assert.is(await verdict(f, record(wish)), due, what);
});

test("what rules don't decide stays as recorded", async () => {
  const f = folder();
  f.write("edge.ingress", POLICY);
  for (const code of STAYING) {
    const line = record({ code });
    const name = /"code":"(\w+)"/.exec(line)?.[1] ?? "";
    assert.is(await verdict(f, line), `asRecorded ${name}`);
  }
  for (const op of ["token", "register", "load", "fault", "backend", "second_hello"] as const)
    assert.is(await verdict(f, record({ op, code: v.CODE_INTERNAL })), `asRecorded ${op}`);
});

const TORN = record().slice(0, 90);

test("lines that are no records are counted by what they are, with the place of the first ones", async () => {
  const f = folder();
  f.write("edge.ingress", POLICY);
  const lines = [
    "ingressd: ready\n",
    "\n",
    `${TORN}\n`,
    `${TORN}${record()}`,
    record().replace(/\n$/, "\r\n"),
    '{"time":"2026-06-01T12:00:00.000Z","op":"close","reason":"done"}\n',
    '{"time":"2026-06-01T12:00:00.000Z","op":"teleport","decision":"allow"}\n',
    record({ code: v.CODE_NO_MATCH }).replace('"no_match"', '"no_luck"'),
    record().replace('"allow"', '"maybe"'),
    record().replace("2026-06-01T12:00:00.000Z", "yesterday"),
    '{"level":"info"}\n',
    "[1]\n",
    "{}\n",
    `{"x":"${"y".repeat(MAX_AUDIT_LINE)}"}\n`,
    record().replace('"local":"0.0.0.0:443"', `"local":"0.0.0.0:443","later":{"release":[true]}`),
    record().trimEnd(),
  ];
  f.write("audit.jsonl", lines.join(""));
  const { code, out } = await ingresscHere(["replay", "edge.ingress", "audit.jsonl"], f.path);
  assert.is(code, 0, out);
  assert.match(out, /^3 decisions: 3 as before$/m);
  assert.match(
    out,
    /^9 lines could not be read:\n {2}audit\.jsonl:3: it is a part of a record\n {2}audit\.jsonl:4: it is a part of a record\n {2}audit\.jsonl:7: its `op` is not known$/m,
  );
  assert.match(out, /audit\.jsonl:14: it is longer than any record/);
  const strict = await ingresscHere(["replay", "edge.ingress", "audit.jsonl", "--strict"], f.path);
  assert.is(strict.code, 1);
});

test("a line within the bound is read, and one beyond it is not", async () => {
  const f = folder();
  f.write("edge.ingress", POLICY);
  const padded = (length: number): string => {
    const line = record().trimEnd().slice(0, -1);
    return `${line},"pad":"${"é".repeat(length - line.length - 10)}"}\n`;
  };
  assert.is(padded(MAX_AUDIT_LINE).length, MAX_AUDIT_LINE + 1);
  assert.is(await verdict(f, padded(MAX_AUDIT_LINE)), "same");
  assert.is(await verdict(f, padded(MAX_AUDIT_LINE + 1)), "policy.no_audit_records");
  // Longer than a piece that is read, and the line behind it is read again.
  assert.is(await verdict(f, padded(1_000_000) + record()), "same");
});

test("several files, compressed ones and standard input are read as one", async () => {
  const f = folder();
  f.write("edge.ingress", POLICY);
  f.write("audit.jsonl.2.gz", Buffer.concat([gzipSync(record().repeat(3)), gzipSync(record())]));
  f.write("audit.jsonl.1", record({ source: "198.51.100.1:1" }));
  const ended = await ingressc(["replay", "edge.ingress", "audit.jsonl.2.gz", "audit.jsonl.1", "-"], { cwd: f.path, input: gzipSync(record().repeat(2)) });
  assert.is(ended.code, 1, ended.err);
  assert.match(ended.out, /^7 decisions: 6 as before$/m);
  assert.match(ended.out, /\(audit\.jsonl\.1:1\)/);
  const piped = await ingressc(["replay", "-", "audit.jsonl.1"], { cwd: f.path, input: POLICY });
  assert.is(piped.code, 1, piped.err);
  assert.is((await ingresscHere(["build", "edge.ingress", "-o", "edge.wasm"], f.path)).code, 0);
  const module = await ingresscHere(["replay", "edge.wasm", "audit.jsonl.1"], f.path);
  assert.is(module.out, piped.out);
});

const gz = gzipSync(record().repeat(50));

test("bad input has a code, a place and a remedy", async () => {
  const f = folder();
  f.write("edge.ingress", POLICY);
  f.write("bad.ingress", "edition 1\nexpose {");
  f.write("audit.jsonl", record());
  f.write("empty.jsonl", "");
  f.write("text.jsonl", "hello\n");
  f.write("cut.gz", gz.subarray(0, gz.length - 10));
  f.write("broken.gz", Buffer.concat([gz.subarray(0, 12), Buffer.alloc(40, 7)]));
  f.write("x.wasm", "no module");
  const rows: readonly (readonly [args: readonly string[], code: number, says: string, err: RegExp])[] = [
    [["edge.ingress"], 2, "usage.missing_operand", /AUDIT/],
    [["edge.ingress", "none.jsonl"], 2, "usage.missing_file", /there is no file `none\.jsonl`/],
    [["edge.ingress", "."], 2, "usage.not_a_file", /`\.` is a folder/],
    [["none.ingress", "audit.jsonl"], 2, "usage.missing_file", /none\.ingress/],
    [["bad.ingress", "audit.jsonl"], 3, "policy.rejected", /bad\.ingress:2/],
    [["x.wasm", "audit.jsonl"], 3, "policy.module_malformed", /x\.wasm/],
    [["edge.ingress", "empty.jsonl"], 3, "policy.no_audit_records", /no decision in `empty\.jsonl`/],
    [["edge.ingress", "text.jsonl"], 3, "policy.no_audit_records", /audit\.file/],
    [["edge.ingress", "audit.jsonl", "cut.gz"], 3, "policy.audit_damaged", /`cut\.gz` is cut off/],
    [["edge.ingress", "broken.gz"], 3, "policy.audit_damaged", /`broken\.gz` is damaged/],
    [["-", "-"], 2, "usage.input_twice", /twice/],
  ];
  for (const [args, code, says, err] of rows) {
    const ended = await ingresscHere(["replay", ...args], f.path);
    assert.equal([ended.code, ended.out], [code, ""], args.join(" "));
    assert.match(ended.err, err);
    assert.is(envelope(await ingresscHere(["replay", ...args, "--json"], f.path))["code"], says, args.join(" "));
  }
});

test("the example of a change is a request that explain reads, and what a client chose can't be read as more", async () => {
  const f = folder();
  f.write("edge.ingress", POLICY);
  const lines = [
    record({ local: "10.1.1.1:445", service: "named", sni: "x.example.com" }),
    record({ local: at(447), service: "staff", client: `${HASH} dns:x.example.com` }),
    record({ local: at(448), service: "behind", source: "198.51.100.1:1", peer: "10.0.0.5:9" }),
    record({ op: "bind", subject: "ingressd", source: undefined, local: at(9000) }),
  ];
  f.write("audit.jsonl", lines.join(""));
  const { changes } = fieldsOf(envelope(await ingresscHere(["replay", "edge.ingress", "audit.jsonl", "--json"], f.path))["data"]);
  const examples = Object.values(fieldsOf(changes)).map((change) => String(fieldsOf(change)["example"]));
  assert.equal(examples.sort(), [
    "bind ingressd on 0.0.0.0:9000",
    "from 198.51.100.1 via 10.0.0.5 to tcp 448 at 2026-06-01T12:00Z",
    `from 203.0.113.9 to tcp 445 local 10.1.1.1 sni "x.example.com" at 2026-06-01T12:00Z`,
    `from 203.0.113.9 to tcp 447 client sha256 "${"ab".repeat(32)}", dns "x.example.com" at 2026-06-01T12:00Z`,
  ]);
  for (const example of examples) {
    const explained = await ingresscHere(["explain", "edge.ingress", example], f.path);
    assert.is(explained.code, 0, explained.err);
    assert.match(explained.out, /deny/);
  }
  for (const wish of [
    { local: at(445), sni: 'x" to tcp 22' },
    { local: at(447), client: `${HASH} dns:a",uri:x` },
    { local: at(447), client: "uri:spiffe://corp.example/**" },
    { op: "bind" as const, subject: 'x" y', source: undefined },
  ]) {
    f.write("audit.jsonl", record({ listener: "l\u001b[31m", ...wish }));
    const { out } = await ingresscHere(["replay", "edge.ingress", "audit.jsonl"], f.path);
    assert.match(out, /\n {4}see audit\.jsonl:1\n/);
    assert.not.ok(out.includes("\u001b"));
  }
});

test("kinds of changes are bounded, and none is lost", async () => {
  const f = folder();
  f.write("edge.ingress", "edition 1\n");
  for (const n of [MOST_GROUPS, MOST_GROUPS + 1]) {
    f.write("audit.jsonl", Array.from({ length: n }, (_, i) => record({ local: at(i + 1) })).join(""));
    const { closes, changes, moreChanges } = fieldsOf(envelope(await ingresscHere(["replay", "edge.ingress", "audit.jsonl", "--json"], f.path))["data"]);
    assert.equal([closes, Object.keys(fieldsOf(changes)).length, moreChanges], [n, MOST_GROUPS, n - MOST_GROUPS]);
  }
});

test("records of alternating times are decided at their own", async () => {
  const f = folder();
  f.write("edge.ingress", POLICY);
  const times = Array.from({ length: 60 }, (_, i) => (i % 2 === 0 ? AT - 1 : AT + 1));
  f.write("audit.jsonl", times.map((ms) => record({ local: at(449), service: "timed", ms })).join(""));
  const { out } = await ingresscHere(["replay", "edge.ingress", "audit.jsonl"], f.path);
  assert.match(out, /^60 decisions: 30 as before\n {2}30 allowed, and would be refused$/m);
});

test("the bounds of fields are those of the writer", () => {
  assert.equal([FIELD_BYTES, MAX_NAME], [WRITTEN_BYTES, MAX_NAME_BYTES]);
});

test.run();
