// ingressc explain --audit: a record is the request, at its time; what was recorded is shown beside the answer.
import * as assert from "uvu/assert";
import * as v from "../../runtime/abi/verdicts.ts";
import { suite } from "../suite.ts";
import { fieldsOf, record, type Wish } from "./audit_records.ts";
import { envelope, folder, ingressc, ingresscHere } from "./programs.ts";

const test = suite("explain --audit");

const POLICY = `edition 1
expose web on tcp 443 { allow from 203.0.113.0/24 until 2026-06-01T12:00:01Z deny from 203.0.113.66 }
expose named on tcp 445 as passthrough { allow from any sni "www.example.com" }
expose staff on tcp 447 as mtls { cert "c" ca "d" allow from any client dns "anna.example.com" }
expose behind on tcp 448 via 10.0.0.5 { allow from 203.0.113.0/24 }
`;

const HASH = `sha256:${"ab".repeat(32)}`;
const at = (port: number): string => `0.0.0.0:${port}`;

const ROWS: readonly (readonly [what: string, wish: Wish, ...says: RegExp[]])[] = [
  ["the same", {}, /recorded +allow, allowed, by edge\.ingress:3: the same/, /time +2026-06-01T12:00Z/, /^ {2}allow$/m],
  ["another answer", { code: v.CODE_NO_MATCH }, /recorded +deny \(reason=cidr\), no_match, by edge\.ingress:3: another one now/, /^ {2}allow$/m],
  ["at its own time", { ms: Date.UTC(2026, 5, 1, 12, 0, 1) }, /another one now/, /deny \(reason=policy\)/],
  ["refused by a number", { code: v.CODE_CAP_SOURCE }, /recorded +deny \(reason=rate\), cap_source.*: no rule decided this/, /^ {2}allow$/m],
  ["a name", { local: at(445), sni: "www.example.com" }, /SNI `www\.example\.com`/, /the same/],
  ["no name known", { local: at(445) }, /does not say which server name the client sent/, /deny \(reason=sni\)/],
  ["an identity", { local: at(447), client: `${HASH} dns:anna.example.com` }, /client sha256 "ab/, /the same/],
  ["a part of an identity", { local: at(447), client: HASH, client_more: 2 }, /2 further names of the certificate/],
  ["via", { local: at(448), peer: "10.0.0.5:1" }, /the PROXY header of `10\.0\.0\.5` names the source/, /the same/],
  ["via a peer that the policy does not have", { local: at(448), peer: "10.0.0.6:1" }, /reads no PROXY header of `10\.0\.0\.6`/, /deny \(reason=cidr\)/],
  ["a bind", { op: "bind", subject: "ingressd", source: undefined }, /^bind ingressd on 0\.0\.0\.0:443$/m, /the same/],
  ["hostile words", { local: at(445), sni: 'x" \u001b[31m', listener: "\u001b[31m" }, /^a recorded connection$/m],
];

test("a record is explained as the request that it is", async () => {
  const f = folder();
  f.write("edge.ingress", POLICY);
  for (const [what, wish, ...says] of ROWS) {
    const { code, out, err } = await ingresscHere(["explain", "edge.ingress", "--audit", record(wish)], f.path);
    assert.is(code, 0, `${what}: ${err}`);
    for (const one of says) assert.match(out, one, what);
    assert.not.ok(out.includes("\u001b"), what);
  }
  const { recorded, at: time } = fieldsOf(envelope(await ingresscHere(["explain", "edge.ingress", "--audit", record(), "--json"], f.path))["data"]);
  assert.equal(recorded, {
    decision: "allow",
    reason: "none",
    code: "allowed",
    at: "edge.ingress:3",
    listener: "web",
    byRules: true,
    notes: recordedNotes(recorded),
  });
  assert.is(time, "2026-06-01T12:00Z");
});

function recordedNotes(recorded: unknown): unknown {
  const { notes } = fieldsOf(recorded);
  assert.is(Object.keys(fieldsOf(notes)).length, 2);
  return notes;
}

test("the line comes through standard input too", async () => {
  const f = folder();
  f.write("edge.ingress", POLICY);
  const one = await ingressc(["explain", "edge.ingress", "--audit", "-"], { cwd: f.path, input: record() });
  assert.match(one.out, /: the same$/m);
  const policy = await ingressc(["explain", "-", "--audit", record()], { cwd: f.path, input: POLICY });
  assert.match(policy.out, /: the same$/m);
  const two = await ingressc(["explain", "edge.ingress", "--audit", "-"], { cwd: f.path, input: record().repeat(2) });
  assert.equal([two.code, /has 2 lines/.test(two.err)], [2, true]);
});

test("what is no decision has a code and a remedy", async () => {
  const f = folder();
  f.write("edge.ingress", POLICY);
  const rows: readonly (readonly [args: readonly string[], code: number, says: string])[] = [
    [["--audit", "hello"], 2, "usage.audit_line"],
    [["--audit", record().slice(0, 80)], 2, "usage.audit_line"],
    [["--audit", '{"time":"2026-06-01T12:00:00.000Z","op":"close","reason":"done"}'], 2, "usage.audit_line"],
    [["--audit", record({ op: "register", code: v.CODE_BAD_INTENT })], 6, "policy.unsupported_record"],
    [["--audit", record().replace('"accept"', '"teleport"')], 6, "policy.unsupported_record"],
    [["--audit", record({ source: undefined })], 6, "policy.unsupported_record"],
    [["--audit", record({ local: undefined })], 6, "policy.unsupported_record"],
    [["--audit", record({ op: "bind", source: undefined })], 6, "policy.unsupported_record"],
    [["from 10.0.0.1 to web", "--audit", record()], 2, "usage.extra_operand"],
    [[], 2, "usage.missing_operand"],
    [["--audit"], 2, "usage.flag_value"],
  ];
  for (const [args, code, says] of rows) {
    const ended = await ingresscHere(["explain", "edge.ingress", ...args, "--json"], f.path);
    assert.equal([ended.code, envelope(ended)["code"]], [code, says], args.join(" "));
  }
  assert.equal(envelope(await ingresscHere(["explain", "-", "--audit", "-", "--json"], f.path))["code"], "usage.input_twice");
  const none = await ingresscHere(["explain", "--audit", record()], f.path);
  assert.match(none.err, /write `ingressc explain FILE --audit LINE`/);
});

test.run();
