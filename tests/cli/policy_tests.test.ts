// The module decides about test lines: each from fresh caps and limits, a name on all its ports.
import { failed } from "../../runtime/result/result.ts";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ownEngines, runTests, type LineResult } from "../../compiler/cli/policy_tests.ts";
import { compile } from "../../compiler/compile.ts";
import { render } from "../../compiler/diagnostics/render.ts";
import { loaded } from "../host/compiled.ts";

const lines = suite("policy tests");

function results(text: string): readonly LineResult[] {
  const { diagnostics, policy, module } = compile({ path: "t.ingress", text: `edition 1\n${text}` }, { read: () => failed("missing") });
  if (policy === null || module === null) throw new Error(diagnostics.map((d) => render(d, { color: false })).join("\n"));
  const policyLoaded = loaded(module);
  const found = runTests(policy.tests, policyLoaded);
  // Engines that have the memory of the one before decide as those that have their own.
  assert.equal(runTests(policy.tests, policyLoaded, undefined, ownEngines(policyLoaded)), found);
  return found;
}

/** `question: actual (code)` of each line, with a mark where the expectation fails. */
function summary(text: string): readonly string[] {
  return results(text).map((r) => `${r.passed ? "ok" : "FAIL"} ${r.question}: ${r.actual} (${r.decision.code})`);
}

lines("each line starts from fresh caps and limits", () => {
  const text = `
expose web on tcp 80 {
  backend 127.0.0.1:8080
  cap 1 connections, 1 per source
  limit 1/h burst 1 per source
  limit 1/h burst 1 per listener
  allow from any
}
test "same source" {
  from 192.0.2.1 to web => allow
  from 192.0.2.1 to web => allow
  from 192.0.2.1 to tcp 80 => allow
  from 192.0.2.1 to web => deny rate
}`;
  assert.equal(summary(text), [
    "ok from 192.0.2.1 to web: allow (allowed)",
    "ok from 192.0.2.1 to web: allow (allowed)",
    "ok from 192.0.2.1 to tcp 80: allow (allowed)",
    "FAIL from 192.0.2.1 to web: allow (allowed)",
  ]);
});

lines("a test line with a name covers all its ports and addresses, one with a port all its listeners", () => {
  const text = `
expose inner on tcp 80 bind 10.0.0.0/8 { backend 127.0.0.1:8080 allow from any }
expose outer on tcp 80, 8000-8010 bind 192.168.0.0/16, fd00::/8 { backend 127.0.0.1:8080 allow from 192.0.2.0/24 }
test "both" {
  from 192.0.2.1    to inner    => allow
  from 192.0.2.1    to outer    => allow
  from 192.0.2.1    to tcp 80   => allow
  from 198.51.100.1 to tcp 80   => allow
  from 198.51.100.1 to tcp 80   => deny cidr
  from 198.51.100.1 to inner    => allow
  from 198.51.100.1 to outer    => deny cidr
  from 192.0.2.1    to tcp 8010 => allow
  from 192.0.2.1    to tcp 8011 => deny policy
}`;
  assert.equal(summary(text), [
    "ok from 192.0.2.1 to inner: allow (allowed)",
    "ok from 192.0.2.1 to outer: allow (allowed)",
    "ok from 192.0.2.1 to tcp 80: allow (allowed)",
    // The two listeners of the port disagree, so neither expectation is met.
    "FAIL from 198.51.100.1 to tcp 80: deny cidr (no_match)",
    "FAIL from 198.51.100.1 to tcp 80: allow (allowed)",
    "ok from 198.51.100.1 to inner: allow (allowed)",
    "ok from 198.51.100.1 to outer: deny cidr (no_match)",
    "ok from 192.0.2.1 to tcp 8010: allow (allowed)",
    "ok from 192.0.2.1 to tcp 8011: deny policy (not_exposed)",
  ]);
});

lines("the expected reason counts, not only the verdict", () => {
  const text = `
expose web on tcp 80 { backend 127.0.0.1:8080 allow from 192.0.2.0/24 }
expose shut on tcp 81 { backend 127.0.0.1:8080 }
test "reasons" {
  from 198.51.100.1 to web     => deny policy
  from 198.51.100.1 to shut    => deny policy
  from 198.51.100.1 to shut    => deny cidr
  from 198.51.100.1 to tcp 443 => deny cidr
  bind web on 0.0.0.0:80       => deny cidr
  bind web on 0.0.0.0:80       => allow
  bind ingressd on 0.0.0.0:80  => allow
  bind ingressd on 0.0.0.0:443 => allow
}`;
  assert.equal(
    results(text).map((r) => `${r.passed} ${r.expected} / ${r.actual}`),
    [
      "false deny policy / deny cidr",
      "true deny policy / deny policy",
      "false deny cidr / deny policy",
      "false deny cidr / deny policy",
      "false deny cidr / deny policy",
      "false allow / deny policy",
      "true allow / allow",
      "false allow / deny policy",
    ],
  );
});

lines("a question is quoted on one line, whatever its layout is", () => {
  const text = '\nexpose web on tcp 80 { backend 127.0.0.1:8080 allow from any }\ntest "x" { from 192.0.2.1\n  # a comment\n  to web => deny cidr }';
  const [first] = results(text);
  assert.match(first?.question ?? "", /^from 192\.0\.2\.1 (# a comment )?to web$/);
});

lines.run();
