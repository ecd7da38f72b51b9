// Revocation lists that come, go and get older while a gateway serves: at a start, with a configuration, with a change of policy.
import { copyFileSync, renameSync } from "node:fs";
import * as assert from "uvu/assert";
import { skip } from "../skip.ts";
import { suite } from "../suite.ts";
import { HAS_OPENSSL, opensslAuthority } from "../tls/openssl_authority.ts";
import { eventually, moduleOf, running, start } from "./gateway_under_test.ts";
import { ground, renew, served, stream } from "./revocation_under_test.ts";

const test = suite("revocation changes");

function withOpenssl(): void {
  test("a start without a good list closes the expose, and opens it once there is one; on_bad_certificate = refuse ends the start", async () => {
    const g = await ground();
    const anna = g.corp.issue("anna.example.com");
    const gateway = await running({ policy: g.policy, config: g.config() });
    assert.match(gateway.said.join("\n"), /expose `web` is closed: the authority `corp` can't be used: revocation list `[^`]+corp\.crl` can't be read/);
    assert.not.ok(await served(g, anna));
    g.corp.list(g.crl);
    gateway.clock.advance(5_000);
    await eventually(() => gateway.said.includes("certificates and authorities renewed: corp"), "it opens");
    await eventually(() => gateway.markers.some((line) => line.includes(`port open (port=${g.port}`)), "its port");
    assert.ok(await served(g, anna));
    // Then it is gone: what was read stays in use.
    renameSync(g.crl, `${g.crl}.gone`);
    assert.equal(await gateway.daemon.renew(), []);
    assert.ok(await served(g, anna));
    const refused = await start({ policy: g.policy, config: `on_bad_certificate = "refuse"\n${g.config()}` });
    assert.ok("failure" in refused && /revocation list/.test(refused.failure.message), JSON.stringify(refused));
  });

  test("a configuration that names lists for the first time refuses what they revoke, in the same reload", async () => {
    const g = await ground();
    const anna = g.corp.issue("anna.example.com");
    const without = g.config().replace(/crl = .*\n/, "");
    const gateway = await running({ policy: g.policy, config: without });
    const one = await stream(g, anna);
    g.corp.revoke("anna.example.com");
    g.corp.list(g.crl);
    gateway.configure(g.config());
    assert.ok((await gateway.daemon.reload()).ok);
    await one.closed;
    assert.not.ok(await served(g, anna));
    assert.match(JSON.stringify(await gateway.daemon.status()), /"kind":"crl","name":"corp","not_after":"2049-12-31T23:59:59.000Z"/);
  });

  test("a policy that comes with the lists in one change, and a change that is taken back", async () => {
    const g = await ground();
    const anna = g.corp.issue("anna.example.com");
    const gateway = await running({ policy: g.policy, config: g.config().replace(/crl = .*\n/, "") });
    g.corp.revoke("anna.example.com");
    g.corp.list(g.crl);
    gateway.configure(g.config());
    gateway.place(moduleOf(g.policy.replace("expose web", "expose site")));
    const change = await gateway.daemon.prepare();
    if (!change.ok) throw new Error(change.error.message);
    assert.ok(await served(g, anna), "prepared");
    assert.ok((await change.value.commit()).ok);
    assert.not.ok(await served(g, anna));
    assert.ok((await change.value.abort()).ok);
    assert.ok(await served(g, anna), "as before");
  });

  test("a change that is taken back keeps the newer list that came with it", async () => {
    const g = await ground();
    const anna = g.corp.issue("anna.example.com");
    g.corp.list(g.crl);
    copyFileSync(g.crl, `${g.crl}.old`);
    const gateway = await running({ policy: g.policy, config: g.config() });
    assert.ok(await served(g, anna));
    g.corp.revoke("anna.example.com");
    renew(g.corp, g.crl);
    const change = await gateway.daemon.prepare();
    if (!change.ok) throw new Error(change.error.message);
    assert.ok((await change.value.commit()).ok);
    assert.ok((await change.value.abort()).ok);
    assert.not.ok(await served(g, anna), "it is revoked");
    copyFileSync(`${g.crl}.old`, g.crl);
    assert.equal(await gateway.daemon.renew(), []);
    assert.match(gateway.said.join("\n"), /is older \(number 1\) than the one in use \(number 2\)/);
    assert.not.ok(await served(g, anna));
  });

  for (const between of ["names no list", "names the list of another authority"])
    test(`an older list is refused also after a configuration that ${between} meanwhile`, async () => {
      const g = await ground();
      const anna = g.corp.issue("anna.example.com");
      g.corp.list(g.crl);
      copyFileSync(g.crl, `${g.crl}.old`);
      g.corp.revoke("anna.example.com");
      renew(g.corp, g.crl);
      opensslAuthority(g.folder, "other").list(`${g.crl}.other`);
      const gateway = await running({ policy: g.policy, config: g.config() });
      assert.not.ok(await served(g, anna));
      const meanwhile = between === "names no list" ? g.config().replace(/crl = .*\n/, "") : g.config(`${g.crl}.other`);
      gateway.configure(meanwhile);
      assert.ok((await gateway.daemon.reload()).ok);
      copyFileSync(`${g.crl}.old`, g.crl);
      gateway.configure(g.config());
      const report = await gateway.daemon.reload();
      // Without lists the authority would admit everyone, so that the change is refused.
      assert.is(report.ok, between !== "names no list");
      assert.match(report.ok ? gateway.said.join("\n") : report.error.message, /is older \(number 1\) than the one in use \(number 2\)/);
      assert.is(await served(g, anna), between === "names no list");
      renew(g.corp, g.crl);
      assert.ok((await gateway.daemon.reload()).ok);
      assert.not.ok(await served(g, anna));
    });

  test("a configuration whose first lists can't be used is refused, and the one in force stays", async () => {
    const g = await ground();
    const anna = g.corp.issue("anna.example.com");
    const gateway = await running({ policy: g.policy, config: g.config().replace(/crl = .*\n/, "") });
    gateway.configure(g.config());
    const report = await gateway.daemon.reload();
    assert.match(report.ok ? "" : report.error.message, /lacks the ca `corp` of expose `web`: .*corp\.crl` can't be read.*; repair that and reload/);
    assert.ok(await served(g, anna));
    g.corp.revoke("anna.example.com");
    g.corp.list(g.crl);
    assert.ok((await gateway.daemon.reload()).ok);
    assert.not.ok(await served(g, anna));
  });
}

if (HAS_OPENSSL) withOpenssl();
else skip("revocation changes", "openssl is not installed");

test.run();
