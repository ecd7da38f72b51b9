// Invariants: `ingressc prove` and `build`. Claims that are true, that are not (with the request and the rule), and that are not proven; and that
// the module answers to each request as the claim's failure says.
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { suite } from "../suite.ts";
import { envelope, folder, ingressc, ingresscHere, type Folder } from "./programs.ts";

const test = suite<{ dir: Folder }>("prove");
test.before((context) => {
  context.dir = folder();
});
test.after(({ dir }) => dir.remove());

const POLICY = `edition 1
net office = 198.51.100.0/24, 2001:db8:1::/48
net bad = 203.0.113.0/24
ids ops = uri "spiffe://corp/ops/*"
deny named blocked from bad
expose web on tcp 80, 443 { backend 127.0.0.1:8080 allow from any }
expose console on tcp 444 as mtls {
  backend 127.0.0.1:8081
  cert "c" ca "corp"
  allow from office client ops
  allow named break-glass from 10.0.0.1 until 2027-01-01T00:00Z
}
expose dns on tcp, udp 53 bind private { backend 127.0.0.1:5300 amplify 30 allow from private dryrun deny from any }
expose shop on tcp 8443 for "shop.example" as passthrough { backend 127.0.0.1:9001 allow from any }
expose api on tcp 8443 for "**.api.example" as passthrough { backend 127.0.0.1:9002 allow from office deny sni "old.api.example" }
@why "x" expose own on tcp 7000 as direct {}
@why "x" expose beacon on udp 7001 as direct {}
`;

interface Row {
  readonly claim: string;
  /** Of what is shown; null: it is true. */
  readonly out: RegExp | null;
}

const ROWS: readonly Row[] = [
  { claim: "never from bad to any", out: /to tcp 7000 is admitted at own/ },
  { claim: "never from bad to any as tls", out: null },
  { claim: "never from bad to web", out: null },
  { claim: "never from bad to own", out: /from 203\.0\.113\.1 to tcp 7000 is admitted at own/ },
  {
    claim: "never from 1.2.3.4 to web",
    out: /from 1\.2\.3\.4 to tcp 80 is admitted at web \(tcp 80\)\n.*an allow rule admits it: `allow` in web, .*p\.ingress:6:\d+/,
  },
  { claim: "never from internet to any as tcp", out: /to tcp 80 is admitted at web/ },
  { claim: "never from internet to dns", out: null },
  { claim: "never from 10.0.0.0/8 to udp 1-65535 as tcp", out: null },
  { claim: "never from any to udp 1-65535 as direct", out: /to udp 7001 is admitted at beacon/ },
  { claim: "never from private to udp 1-65535", out: /to udp 53 local 10\.0\.0\.0 is admitted at dns \(udp 53 at private\)/ },
  { claim: "never to tcp 22", out: null },
  { claim: "never to tcp 22, 80-90", out: /to tcp 80 is admitted/ },
  { claim: 'never sni "old.api.example" to api', out: null },
  { claim: 'never sni "new.api.example" to api', out: /from .* to tcp 8443 sni "new\.api\.example" is admitted/ },
  { claim: 'never sni "shop.example" to api', out: null },
  {
    claim: 'never client uri "spiffe://corp/ops/*" to console at 2026-01-01T00:00Z',
    out: /client uri "spiffe:\/\/corp\/ops\/a" at 2026-01-01T00:00Z is admitted/,
  },
  {
    claim: "only client ops to console",
    out: /from 10\.0\.0\.1 to tcp 444 client dns "client\.example" at .* is admitted at console .*\n.*`allow named break-glass` in console/,
  },
  { claim: "only client ops to console at 2027-01-01T00:00Z", out: null },
  { claim: "only from office, 10.0.0.1 to console", out: null },
  { claim: "only from office to console at 2026-12-31T23:59Z", out: /from 10\.0\.0\.1 .* at 2026-12-31T23:59Z is admitted/ },
  { claim: "only from private to dns", out: null },
  { claim: "only from office, private to tcp 53, 444", out: null },
  { claim: 'only sni "**.api.example" to api', out: null },
  { claim: 'only sni "**.api.example" to tcp 8443', out: /sni "shop\.example" is admitted at/ },
  { claim: "only from any4 to any", out: /from fc00::1 to tcp 53 local 10\.0\.0\.0 is admitted at dns/ },
  { claim: "always to web", out: /from 203\.0\.113\.1 to tcp 80 is refused at web .*\n.*`deny named blocked` at top level/ },
  { claim: "always from office to web", out: null },
  { claim: "always from office to tcp 80, 443", out: null },
  { claim: "always from office to tcp 80-81", out: /to tcp 81 is refused at \(tcp 81\)\n.*the policy exposes nothing there/ },
  { claim: "always from office to tcp 80 as tls", out: /to tcp 80 is admitted by an expose that the claim is not about at web/ },
  { claim: "always from office client ops to console", out: null },
  {
    claim: "always from office to console",
    out: /from .* to tcp 444 client dns "client\.example" is refused|from .* client dns "client\.example" at .* is refused/,
  },
  { claim: "always from 10.0.0.1 to console", out: /at 2027-01-01T00:00Z is refused|at unknown is refused/ },
  { claim: "always from 10.0.0.1 to console at 2026-06-01T00:00Z", out: null },
  { claim: "always from private to dns", out: null },
  { claim: "always from any to shop", out: /from 203\.0\.113\.1/ },
  { claim: "always from 192.0.2.1 to shop", out: null },
  { claim: 'always from 192.0.2.1 sni "shop.example" to shop', out: null },
  { claim: 'always from 192.0.2.1 sni "a.example" to shop', out: /sni "a\.example" is refused at/ },
  { claim: 'always from office sni "a.api.example", "b.c.api.example" to api', out: null },
  { claim: "always from office to api", out: /sni "old\.api\.example" is refused/ },
  { claim: "always from office to tcp 8443", out: /to tcp 8443 (sni ".*" )?is refused at/ },
];

for (const { claim, out } of ROWS) {
  test(claim, async ({ dir }) => {
    dir.write("p.ingress", `${POLICY}invariant "the claim" { ${claim} }\n`);
    const proved = await ingresscHere(["prove", "p.ingress"], dir.path);
    const built = await ingresscHere(["build", "p.ingress", "-o", "p.wasm"], dir.path);
    assert.equal([proved.code, built.code], out === null ? [0, 0] : [1, 1], `${proved.out}${proved.err}${built.out}${built.err}`);
    assert.is(existsSync(join(dir.path, "p.wasm")), out === null);
    if (out === null) {
      assert.match(proved.out, /^ok "the claim"\n {3}(never|only|always) .*\n1 claim of 1 invariant is true$/m);
      assert.match(built.out, /invariants +1 claim of 1 invariant proven/);
      rmSync(dir.at("p.wasm"));
      return;
    }
    assert.match(`${proved.out}${proved.err}`, out);
    assert.match(`${built.out}${built.err}`, out);
    assert.match(`${built.out}${built.err}`, /1 of 1 claim is not true, so `p\.wasm` is not written/);
    const { data, code } = envelope(await ingresscHere(["prove", "p.ingress", "--json"], dir.path)) as {
      data: { invariants: readonly { verdict: string; witness: string | null; admitted: boolean | null; rule: number | null }[] };
      code: string;
    };
    assert.is(code, "policy.invariant_failed");
    for (const { verdict, witness, admitted } of data.invariants) {
      assert.is(verdict, "false");
      if (witness === null) throw new Error("no request is shown");
      // The module answers as it is said. A policy with an invariant that is not true can be queried all the same.
      const { message } = envelope(await ingresscHere(["explain", "p.ingress", witness, "--json"], dir.path));
      assert.is(String(message).startsWith("allow"), admitted, `${witness}: ${String(message)}`);
    }
  });
}

const CHECKS: readonly (readonly [claim: string, code: string, message: RegExp])[] = [
  ["only to web", "ING851", /`only` is followed by no condition/],
  ["only from any to web", "ING851", /true of every policy/],
  ["never from office to web as tls", "ING850", /`web` is not `as tls`[^]*it is `as tcp`/],
  ["never from office to dns as direct", "ING850", /it is `as tcp` and on udp/],
  ["never from office to own as tcp", "ING850", /it is `as direct`/],
  ["never from office to wbe", "ING201", /no expose named `wbe`/],
  ["never from 10.0.0.1 except 10.0.0.1 to web", "ING", /except/],
  ["always to web at 2026-13-01T00:00Z", "ING", /2026-13/],
];

for (const [claim, code, message] of CHECKS) {
  test(`says nothing: ${claim}`, async ({ dir }) => {
    dir.write("w.ingress", `${POLICY}invariant "w" { ${claim} }\n`);
    for (const command of ["check", "prove", "build"]) {
      const ended = await ingresscHere([command, "w.ingress"], dir.path);
      assert.is(ended.code, 3, ended.out);
      assert.match(ended.err, new RegExp(`error\\[${code}`));
      assert.match(ended.err, message);
    }
  });
}

test("past the budget nothing is built, and the answer says so", async ({ dir }) => {
  dir.write("n.ingress", `${POLICY}invariant "n" { only client ops to console at 2027-01-01T00:00Z never from bad to web }\n`);
  const whole = envelope(await ingresscHere(["prove", "n.ingress", "--json"], dir.path))["data"] as { nodes: number };
  assert.ok(whole.nodes > 10);
  const enough = await ingresscHere(["build", "n.ingress", "-o", "n.wasm", "--nodes", String(whole.nodes)], dir.path);
  assert.is(enough.code, 0, enough.err);
  rmSync(dir.at("n.wasm"));
  const less = await ingresscHere(["build", "n.ingress", "-o", "n.wasm", "--nodes", String(whole.nodes - 1)], dir.path);
  assert.is(less.code, 1);
  assert.match(
    `${less.out}${less.err}`,
    /not proven: 1 of 2 claims needs more than [0-9,]+ nodes, so `n\.wasm` is not written\nhelp: give them more with `--nodes N`/,
  );
  assert.not(existsSync(join(dir.path, "n.wasm")));
  const json = envelope(await ingresscHere(["prove", "n.ingress", "--nodes", "3", "--json"], dir.path));
  assert.equal([json["code"], (json["data"] as { proven: boolean }).proven], ["policy.not_proven", false]);
});

test("a claim that is not true comes before one that is not proven", async ({ dir }) => {
  dir.write("o.ingress", `${POLICY}invariant "o" { never from 1.2.3.4 to web only client ops to console at 2027-01-01T00:00Z }\n`);
  const { code, data } = envelope(await ingresscHere(["prove", "o.ingress", "--json"], dir.path)) as { code: string; data: { nodes: number } };
  assert.is(code, "policy.invariant_failed");
  const ended = await ingresscHere(["prove", "o.ingress", "--nodes", String(data.nodes - 1)], dir.path);
  assert.match(`${ended.out}${ended.err}`, /is admitted at web[^]*= not proven: more than[^]*1 of 2 claims is not true/);
});

test("without an invariant there is nothing to prove, and a module has none", async ({ dir }) => {
  dir.write("p.ingress", POLICY);
  const none = envelope(await ingresscHere(["prove", "p.ingress", "--json"], dir.path));
  assert.equal([none["code"], none["message"]], ["policy.no_invariants", "`p.ingress` has no invariants"]);
  assert.is((await ingresscHere(["build", "p.ingress", "-o", "p.wasm"], dir.path)).code, 0);
  const module = await ingresscHere(["prove", "p.wasm"], dir.path);
  assert.is(module.code, 2);
  assert.match(module.err, /is a module, which has no invariants\nhelp: name the policy/);
  assert.is((await ingresscHere(["prove", "none.ingress"], dir.path)).code, 2);
  assert.is((await ingresscHere(["prove", "p.ingress", "--nodes", "0"], dir.path)).code, 2);
});

test("the profile os has invariants too", async ({ dir }) => {
  const text = (net: string): string =>
    `edition 1\nexpose web on tcp 443 as passthrough { backend 127.0.0.1:8080 allow from ${net} }\ninvariant "i" { never from internet to web }\n`;
  dir.write("os.ingress", text("private"));
  const ended = await ingresscHere(["build", "os.ingress", "--profile", "os", "-o", "os.wasm"], dir.path);
  assert.is(ended.code, 0, ended.err);
  dir.write("os.ingress", text("any"));
  assert.is((await ingresscHere(["build", "os.ingress", "--profile", "os", "-o", "os.wasm"], dir.path)).code, 1);
  assert.is((await ingresscHere(["prove", "os.ingress", "--profile", "os"], dir.path)).code, 1);
});

test("an imported file's and a template's invariants are proven too", async ({ dir }) => {
  dir.write(
    "lib.ingress",
    'edition 1\ninvariant "imported" { never from 192.0.2.1 to any }\ntemplate guarded($name) { invariant "of a template" { only from private to $name } }\n',
  );
  dir.write("t.ingress", 'edition 1\nimport "lib.ingress" as lib\nexpose web on tcp 443 { backend 127.0.0.1:8080 allow from any }\nuse lib.guarded(web)\n');
  const ended = await ingressc(["prove", "t.ingress"], { cwd: dir.path });
  assert.is(ended.code, 1);
  assert.match(`${ended.out}${ended.err}`, /FAIL "imported"[^]*lib\.ingress:2:\d+[^]*from 192\.0\.2\.1 to tcp 443 is admitted/);
  assert.match(`${ended.out}${ended.err}`, /FAIL "of a template"[^]*2 of 2 claims are not true/);
});

test.run();
