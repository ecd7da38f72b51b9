// An explanation says what the module decides; the rules that it overrides come from the equations.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { explainRequest } from "../../compiler/cli/explanation.ts";
import { parseRequest } from "../../compiler/cli/request.ts";
import { loaded, moduleOf } from "../host/compiled.ts";

const explained = suite("explain");

const POLICY = `edition 1
net wide = 10.0.0.0/8, 2001:db8::/32
deny named blocked from 10.66.0.0/16
deny named night on tcp 444 from 10.5.0.0/16
expose web on tcp 443-445 {
  backend 127.0.0.1:8080
  allow named all from wide
  allow named five from 10.5.0.0/16
  deny named odd from 10.66.0.1, 2001:db8:1::/48
}
expose admin on tcp 9443 {
  backend 127.0.0.1:9000
  cap 1 connections
  allow named one from 10.66.0.1
}
expose shut on tcp 9444 { backend 127.0.0.1:9000 }
`;

const module = moduleOf(POLICY);
const policy = loaded(module);

/** The phases of each answer: `phase verdict code rule > overridden, …`. */
function phases(request: string): readonly string[] {
  const parsed = parseRequest(
    request,
    policy.info.listeners.map((l) => l.name),
  );
  if (!parsed.ok) throw new Error(parsed.error.message);
  return explainRequest(module, policy, parsed.value).flatMap(({ steps }) =>
    steps.map((s) => {
      const lost = s.overrides.map((r) => r.names.join()).join(", ");
      return [s.phase, s.verdict, s.code, s.rule?.names.join() ?? "-", ...(lost === "" ? [] : [`> ${lost}`])].join(" ");
    }),
  );
}

const bound = "bind allow gateway_bind -";

const rows: readonly (readonly [request: string, phases: readonly string[]])[] = [
  ["from 10.1.1.1 to web", [bound, "accept allow allowed all", "limits allow allowed -"]],
  ["from 10.5.1.1 to web", [bound, "accept deny deny_rule night > five, all"]],
  ["from 10.66.0.1 to web", [bound, "accept deny deny_rule blocked > all"]],
  ["from 10.66.0.2 to web", [bound, "accept deny deny_rule blocked > all"]],
  ["from 2001:db8:1::1 to web", [bound, "accept deny deny_rule odd > all"]],
  ["from 2001:db8:2::1 to web", [bound, "accept allow allowed all", "limits allow allowed -"]],
  ["from 2001:db9::1 to web", [bound, "accept deny no_match -"]],
  ["from 11.0.0.0 to web", [bound, "accept deny no_match -"]],
  ["from 9.255.255.255 to web", [bound, "accept deny no_match -"]],
  ["from ::a05:101 to web", [bound, "accept deny no_match -"]],
  ["from ::ffff:10.1.1.1 to web", [bound, "accept allow allowed all", "limits allow allowed -"]],
  ["from 10.66.0.1 to admin", [bound, "accept deny deny_rule blocked > one"]],
  ["from 10.5.1.1 to admin", [bound, "accept deny no_match -"]],
  ["from 10.1.1.1 to shut", [bound, "accept deny no_allow -"]],
  ["from 10.1.1.1 to tcp 446", ["accept deny not_exposed -"]],
  ["from 10.1.1.1 to udp 443", ["accept deny not_exposed -"]],
  ["from 10.1.1.1 to tcp 445", [bound, "accept allow allowed all", "limits allow allowed -"]],
  ["bind ingressd on 0.0.0.0:443", ["bind allow gateway_bind -"]],
  ["bind ingressd on 0.0.0.0:446", ["bind deny not_exposed -"]],
  ["bind web on 0.0.0.0:443", ["bind deny not_gateway -"]],
  ["bind web on 127.0.0.1:443", ["bind allow loopback_bind -"]],
];

for (const [request, expected] of rows) {
  explained(request, () => assert.equal(phases(request), expected));
}

explained("an allowed answer agrees with the decision of the policy", () => {
  for (const [request] of rows) {
    const parsed = parseRequest(request, ["web", "admin", "shut"]);
    if (!parsed.ok) throw new Error(parsed.error.message);
    for (const e of explainRequest(module, policy, parsed.value)) {
      assert.is(e.steps.at(-1)?.verdict, e.decision.allowed ? "allow" : "deny", request);
      assert.is(e.steps.at(-1)?.code, e.decision.code, request);
    }
  }
});

explained.run();
