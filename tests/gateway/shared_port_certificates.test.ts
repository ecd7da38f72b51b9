// At a start a certificate or an authority that can't be used closes the exposes of a shared port that need it, and no other of that port.
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { authority, dns, leaf, type Authority } from "../tls/certificates.ts";
import { put, putAuthority } from "../tls/tls_under_test.ts";
import { suite } from "../suite.ts";
import { sharedPort, type Shared } from "./shared_port_under_test.ts";

const test = suite("certificates of a shared port");

type Prepare = (folder: string, site: Authority) => void;

const expired: Prepare = (folder, site) => put(folder, "staff", leaf(site, { names: [dns("staff.example.com")], from: -9, until: -1 }));

/** [what, what happens before the start, why it is closed] */
const FAULTS: readonly (readonly [what: string, before: Prepare, because: RegExp])[] = [
  ["a certificate that is missing", (folder) => rmSync(join(folder, "staff.pem")), /the certificate `staff` can't be used: .*staff\.pem/],
  ["a key that is missing", (folder) => rmSync(join(folder, "staff.key")), /the certificate `staff` can't be used: .*staff\.key/],
  ["a certificate that has expired", expired, /the certificate `staff` can't be used: .*staff\.pem` has expired/],
  [
    "an authority that is none",
    (folder) => writeFileSync(join(folder, "corp.pem"), "nothing"),
    /the authority `corp` can't be used: .*corp\.pem` has no certificate/,
  ],
];

async function gotOf(s: Shared): Promise<readonly string[]> {
  const got: string[] = [];
  for (const name of ["www.example.com", "a.shop.example.com", "staff.example.com"]) got.push((await s.call({ name, certificate: s.client })).got);
  return got;
}

for (const [what, before, because] of FAULTS)
  test(`${what} closes the expose that needs it, and it opens once that is repaired`, async () => {
    const s = await sharedPort(undefined, { before });
    assert.ok(s.gateway.markers.includes(`ingressd: port open (port=${s.port}, proto=tcp)`));
    assert.ok(s.gateway.markers.includes("ingressd: ready"));
    const closed = s.gateway.said.filter((line) => line.includes(" is closed: "));
    assert.is(closed.length, 1, closed.join("\n"));
    assert.match(closed[0] ?? "", /^expose `staff` is closed: /);
    assert.match(closed[0] ?? "", because);
    assert.equal(await gotOf(s), ["www hello", "shop hello", ""]);
    assert.equal([s.lastAccept().code, s.lastAccept().listener, s.behind.staff.accepted], ["tls_changed", "staff", 0]);
    put(s.gateway.folder, "staff", leaf(s.site, { names: [dns("staff.example.com")] }));
    const corp = authority("new root");
    putAuthority(s.gateway.folder, "corp", corp);
    s.gateway.clock.advance(5_000);
    await s.gateway.daemon.renew();
    assert.equal(await gotOf({ ...s, client: leaf(corp, { names: [dns("anna.example.com")] }) }), ["www hello", "shop hello", "staff hello"]);
    await s.gateway.stop();
  });

test("where every expose of the port is closed, so is the port, and it opens with the first one that is repaired", async () => {
  const s = await sharedPort(
    (words) => `edition 1
expose www on tcp ${words.port} for "www.example.com" as tls { backend 127.0.0.1:${words.www} cert "www" allow from any }
expose staff on tcp ${words.port} for "staff.example.com" as tls { backend 127.0.0.1:${words.staff} cert "staff" allow from any }`,
    {
      before: (folder, site) => {
        expired(folder, site);
        rmSync(join(folder, "www.pem"));
      },
    },
  );
  const marker = `ingressd: port open (port=${s.port}, proto=tcp)`;
  assert.not.ok(s.gateway.markers.includes(marker));
  assert.match((await s.call()).error ?? "", /ECONNREFUSED/);
  put(s.gateway.folder, "staff", leaf(s.site, { names: [dns("staff.example.com")] }));
  s.gateway.clock.advance(5_000);
  await s.gateway.daemon.renew();
  assert.ok(s.gateway.markers.includes(marker));
  assert.is((await s.call({ name: "staff.example.com" })).got, "staff hello");
  assert.is((await s.call({ name: "www.example.com" })).got, "");
  assert.is(s.lastAccept().listener, "www");
  await s.gateway.stop();
});

test.run();
