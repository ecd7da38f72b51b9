// An expose on tcp and udp in explanations and test lines: a named target must be true of both, a port means one of them.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { explainRequest } from "../../compiler/cli/explanation.ts";
import { runTests } from "../../compiler/cli/policy_tests.ts";
import { parseRequest } from "../../compiler/cli/request.ts";
import { ruleText } from "../../compiler/cli/test_report.ts";
import { checkSource } from "../../compiler/compile.ts";
import { loaded, moduleOf } from "../host/compiled.ts";
import { failed } from "../../runtime/result/result.ts";

const datagrams = suite("datagrams in explain and test");

const POLICY = `edition 1
expose dns on tcp, udp 53 {
  backend 127.0.0.1:5300
  amplify 30
  cap 10 connections, 2 per source
  allow named all from any
}
expose quic on udp 443 { backend 127.0.0.1:4433 amplify any allow named net from 10.0.0.0/8 }
deny named no_udp on udp 53 from 10.0.0.0/16
`;

const policy = loaded(moduleOf(POLICY));

/** The explanations of a request, one line each. */
function answers(request: string): readonly string[] {
  const parsed = parseRequest(request, ["dns", "quic"]);
  if (!parsed.ok) throw new Error(parsed.error.message);
  return explainRequest(moduleOf(POLICY), policy, parsed.value).map(({ steps, listener, nearMisses }) => {
    const last = steps.find(({ phase }) => phase === "accept") ?? steps[0];
    const lost = (last?.overrides ?? []).map((r) => ` > ${ruleText(r, null).split(",")[0] ?? ""}`).join("");
    const near = nearMisses
      .filter(({ change }) => change === "target")
      .map(({ value }) => ` near ${value}`)
      .join("");
    return `${listener?.name ?? "-"} ${listener?.proto ?? "-"}: ${last?.verdict ?? ""} ${last?.code ?? ""}${lost}${near}`;
  });
}

const rows: readonly (readonly [request: string, due: readonly string[]])[] = [
  ["from 10.1.0.1 to dns", ["dns tcp: allow allowed", "dns udp: allow allowed"]],
  ["from 10.0.0.1 to dns", ["dns tcp: allow allowed", "dns udp: deny deny_rule > `allow named all` in dns on udp"]],
  ["from 10.0.0.1 to tcp 53", ["dns tcp: allow allowed"]],
  ["from 10.0.0.1 to udp 53", ["dns udp: deny deny_rule > `allow named all` in dns on udp"]],
  ["from 10.0.0.1 to quic", ["quic udp: allow allowed"]],
  ["from 11.0.0.1 to quic", ["quic udp: deny no_match"]],
  ["from 10.1.0.1 to tcp 443", ["- -: deny not_exposed near udp 443"]],
  ["from 10.1.0.1 to tcp 54", ["- -: deny not_exposed near tcp 53"]],
  ["from 10.1.0.1 to udp 54", ["- -: deny not_exposed near udp 53"]],
  ["bind ingressd on udp 0.0.0.0:443", ["quic udp: allow gateway_bind"]],
  ["bind ingressd on 0.0.0.0:443", ["- -: deny not_exposed"]],
];

for (const [request, due] of rows) datagrams(request, () => assert.equal(answers(request), due));

/** Whether each line of a test passes. */
function passes(lines: readonly string[]): readonly boolean[] {
  const text = `${POLICY}test "t" {\n${lines.map((line) => `  ${line}\n`).join("")}}\n`;
  const { policy: checked } = checkSource({ path: "p", text }, { read: () => failed("missing") });
  if (checked === null) throw new Error("does not compile");
  return runTests(checked.tests, policy).map(({ passed }) => passed);
}

datagrams("a line about an expose on tcp and udp passes only where it is true of both", () => {
  assert.equal(
    passes([
      "from 10.1.0.1 to dns => allow",
      "from 10.0.0.1 to dns => allow",
      "from 10.0.0.1 to dns => deny cidr",
      "from 10.0.0.1 to tcp 53 => allow",
      "from 10.0.0.1 to udp 53 => deny cidr by no_udp",
      "from 10.0.0.1 to udp 53 => allow",
      "from 10.0.0.1 to udp 443 => allow by net",
      "from 10.0.0.1 to tcp 443 => deny policy",
      "bind ingressd on udp 0.0.0.0:53 => allow",
      "bind dns on udp 0.0.0.0:53 => deny policy",
      "bind ingressd on udp 0.0.0.0:54 => allow",
    ]),
    [true, false, false, true, true, false, true, true, true, true, false],
  );
});

datagrams("a `repeat` counts the flows of each protocol by itself", () => {
  assert.equal(
    passes([
      "repeat 3 in 0s from 10.1.0.1 to dns => allow 2, deny rate 1",
      "repeat 3 in 0s from 10.1.0.1 to udp 53 => allow 2, deny rate 1",
      "repeat 2 in 0s from 10.1.0.1 to dns => allow",
      "repeat 3 in 0s from 10.1.0.1 to dns => allow",
      "repeat 2 in 0s from 10.0.0.1 to dns => allow",
      "repeat 3 in 0s closing from 10.1.0.1 to udp 53 => allow",
    ]),
    [true, true, true, false, false, true],
  );
});

datagrams.run();
