// At a start a certificate that can't be used closes what needs it, and nothing else. It opens by itself.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { statusText } from "../../gateway/cli/status_text.ts";
import { createCredentials } from "../../gateway/tls/credentials.ts";
import { authority, dns, leaf } from "../tls/certificates.ts";
import { call, GREETING, put, putAuthority, SERVED } from "../tls/tls_under_test.ts";
import { backend, eventually, freePort, manualClock, moduleOf, probe, running, start, temporaryFolder, type BackendUnderTest } from "./gateway_under_test.ts";
import { denialOf } from "./registering.ts";

const test = suite("bad certificates");
const site = authority("site root");
const good = { names: [dns("www.example.com")] };

interface Ground {
  readonly folder: string;
  readonly ports: readonly [plain: number, tls: number, mtls: number, leased: number];
  readonly behind: BackendUnderTest;
  readonly policy: string;
  readonly config: string;
}

/** A plain expose, one `as tls`, one `as mtls`, and one `as tls` that a service registers. */
async function ground(): Promise<Ground> {
  const folder = temporaryFolder();
  const ports = [await freePort(), await freePort(), await freePort(), await freePort()] as const;
  const behind = await backend(GREETING);
  const to = `bind 127.0.0.1`;
  return {
    folder,
    ports,
    behind,
    policy: `edition 1
expose plain on tcp ${ports[0]} ${to} { backend 127.0.0.1:${behind.port} allow from any }
expose web on tcp ${ports[1]} ${to} as tls { backend 127.0.0.1:${behind.port} cert "web" allow from any }
expose ops on tcp ${ports[2]} ${to} as mtls { backend 127.0.0.1:${behind.port} cert "ops" ca "corp" allow from any }
expose app on tcp ${ports[3]} ${to} as tls { cert "web" allow from any }`,
    config: `allowed_backends = ["127.0.0.1:${behind.port}"]\n[policy]\nwatch = false\n[certs.web]\ncert = "${folder}/web.pem"\nkey = "${folder}/web.key"\n[certs.ops]\ncert = "${folder}/ops.pem"\nkey = "${folder}/ops.key"\n[cas.corp]\nfile = "${folder}/corp.pem"\n[services.app]\nsocket = "${folder}/app.sock"`,
  };
}

test("what is unusable at a start closes its exposes alone, is named everywhere, and opens once it is good", async () => {
  const g = await ground();
  put(g.folder, "web", leaf(site, { ...good, from: -9, until: -1 }));
  put(g.folder, "ops", leaf(site, good));
  writeFileSync(join(g.folder, "corp.pem"), "nothing");
  const token = join(g.folder, "token");
  writeFileSync(token, "0123456789abcdef\n", { mode: 0o600 });
  const http = await freePort();
  const gateway = await running({ policy: g.policy, config: `${g.config}\n[metrics]\nlisten = "127.0.0.1:${http}"\ntoken_file = "${token}"` });
  const [plain, tls, mtls] = g.ports;
  assert.ok(gateway.markers.includes("ingressd: ready"));
  assert.equal(
    gateway.markers.filter((line) => line.includes("port open")),
    [`ingressd: port open (port=${plain}, proto=tcp)`],
  );
  const sentence = (name: string): string[] => gateway.said.filter((line) => line.includes(`expose \`${name}\` is closed: `));
  assert.match(
    sentence("web").join("\n"),
    /^expose `web` is closed: the certificate `web` can't be used: a certificate of `.*web\.pem` has expired \(.*\); it opens by itself once that is repaired$/,
  );
  assert.match(sentence("ops").join("\n"), /^expose `ops` is closed: the authority `corp` can't be used: `.*corp\.pem` has no certificate in PEM; /);
  assert.equal(
    ["plain", "web", "ops", "app"].map((name) => sentence(name).length),
    [0, 1, 1, 1],
  );
  // Nothing of it is said again, however often it is tried.
  const lines = gateway.said.length;
  for (let i = 0; i < 3; i++) {
    gateway.clock.advance(5_000);
    await gateway.daemon.renew();
  }
  assert.is(gateway.said.length, lines, gateway.said.slice(lines).join("\n"));

  const status: unknown = JSON.parse(JSON.stringify(await gateway.daemon.status()));
  assert.is(statusText(status).match(/^WARNING +expose `(?:web|ops|app)` is closed: /gm)?.length, 3, statusText(status));
  const get = async (path: string): Promise<readonly [number, string]> => {
    const answer = await fetch(`http://127.0.0.1:${http}${path}`, { headers: { authorization: "Bearer 0123456789abcdef" } });
    return [answer.status, await answer.text()];
  };
  const [code, body] = await get("/readyz");
  assert.is(code, 200);
  assert.equal([body.split("\n")[0], body.split("\n").at(-1)], ["ready", ""]);
  assert.equal(
    body
      .split("\n")
      .slice(1, -1)
      .map((line) => line.slice(0, 24))
      .sort(),
    ["app", "ops", "web"].map((name) => `expose \`${name}\` is closed: `),
  );
  for (const name of ["web", "ops", "app"]) assert.ok((await get("/metrics"))[1].includes(`ingressd_listener_closed{listener="${name}"} 1\n`));
  const service = await gateway.control(join(g.folder, "app.sock"));
  const intent = { service: "app", proto: "tcp", port: g.ports[3], mode: "tls", backend: `127.0.0.1:${g.behind.port}` };
  assert.match(denialOf(await service.call("register", intent)), /^certificate_unusable: expose `app` is closed/);

  // A reload keeps what is closed closed, and takes the rest of the policy.
  gateway.place(moduleOf(g.policy.replace("backend 127.0.0.1", "cap 9 connections backend 127.0.0.1")));
  assert.ok((await gateway.daemon.reload()).ok);
  assert.is(sentence("web").length, 1);
  // An expose that was not closed for it is another matter: by its name, and by what it needs.
  const more = await freePort();
  const rows: readonly (readonly [policy: string, due: RegExp])[] = [
    [
      `${g.policy}\nexpose more on tcp ${more} bind 127.0.0.1 as tls { backend 127.0.0.1:${g.behind.port} cert "web" allow from any }`,
      /lacks the cert `web` of expose `more`/,
    ],
    [g.policy.replace('cert "ops" ca "corp"', 'cert "web" ca "corp"'), /lacks the cert `web` of expose `ops`/],
  ];
  for (const [policy, due] of rows) {
    gateway.place(moduleOf(policy));
    const answer = await gateway.daemon.reload();
    assert.match(answer.ok ? "in force" : answer.error.message, due);
  }

  put(g.folder, "web", leaf(site, good));
  gateway.clock.advance(5_000);
  await eventually(() => gateway.markers.includes(`ingressd: port open (port=${tls}, proto=tcp)`), "it opens by itself");
  assert.is((await call({ port: tls, site })).got, SERVED);
  assert.is(denialOf(await service.call("register", intent)), "granted");
  assert.is((await call({ port: g.ports[3], site })).got, SERVED);
  assert.not.ok(gateway.markers.includes(`ingressd: port open (port=${mtls}, proto=tcp)`));
  assert.equal((await get("/readyz"))[1].split("\n").length, 3);
  putAuthority(g.folder, "corp", authority("client root"));
  gateway.clock.advance(5_000);
  await eventually(() => gateway.markers.includes(`ingressd: port open (port=${mtls}, proto=tcp)`), "the other opens too");
  assert.equal(await get("/readyz"), [200, "ready\n"]);
  assert.not.ok((await get("/metrics"))[1].includes("ingressd_listener_closed{"));
  service.close();
  await gateway.stop();
  g.behind.close();
});

test("a certificate of the future opens its expose when its time has come", async () => {
  const g = await ground();
  put(g.folder, "web", leaf(site, { ...good, from: 1, until: 9 }));
  put(g.folder, "ops", leaf(site, good));
  putAuthority(g.folder, "corp", authority("client root"));
  let wall = Date.now();
  const gateway = await running({ policy: g.policy, config: g.config, wall: () => wall });
  assert.not.ok(gateway.markers.includes(`ingressd: port open (port=${g.ports[1]}, proto=tcp)`));
  wall += 2 * 86_400_000;
  gateway.clock.advance(5_000);
  await eventually(() => gateway.markers.includes(`ingressd: port open (port=${g.ports[1]}, proto=tcp)`), "it opens");
  await gateway.stop();
  g.behind.close();
});

test('on_bad_certificate = "refuse" ends the start; a busy port does in either case', async () => {
  const g = await ground();
  put(g.folder, "web", leaf(site, { ...good, from: -9, until: -1 }));
  put(g.folder, "ops", leaf(site, good));
  putAuthority(g.folder, "corp", authority("client root"));
  const refused = await start({ policy: g.policy, config: `on_bad_certificate = "refuse"\n${g.config}` });
  assert.ok(
    "failure" in refused &&
      refused.failure.exitCode === 5 &&
      /lacks the cert `web` of expose `(?:web|app)`: .*has expired.*; repair that and reload/.test(refused.failure.message),
    JSON.stringify(refused),
  );
  assert.equal(refused.markers, []);
  const other = await backend("");
  const busy = await start({ policy: g.policy.replace(`on tcp ${g.ports[0]} `, `on tcp ${other.port} `), config: g.config });
  other.close();
  assert.ok("failure" in busy && busy.failure.exitCode === 5 && /is in use by another program/.test(busy.failure.message), JSON.stringify(busy));
  assert.equal(busy.markers, []);
  g.behind.close();
});

test("at a reload nothing changes: a policy that needs what can't be used is refused, and what has expired in use is served on", async () => {
  const g = await ground();
  for (const name of ["web", "ops"]) put(g.folder, name, leaf(site, { ...good, until: 9 }));
  putAuthority(g.folder, "corp", authority("client root"));
  writeFileSync(join(g.folder, "new.pem"), "nothing", { mode: 0o600 });
  let wall = Date.now();
  const gateway = await running({
    policy: g.policy,
    config: `${g.config}\n[certs.new]\ncert = "${g.folder}/new.pem"\nkey = "${g.folder}/web.key"`,
    wall: () => wall,
  });
  gateway.place(moduleOf(g.policy.replace('cert "web"', 'cert "new"')));
  const answer = await gateway.daemon.reload();
  assert.match(
    answer.ok ? "" : answer.error.message,
    /lacks the cert `new` of expose `(?:web|app)`: `.*new\.pem` has no certificate in PEM; repair that and reload/,
  );
  assert.is((await call({ port: g.ports[1], site })).got, SERVED, "the previous policy stays");

  wall += 20 * 86_400_000;
  gateway.clock.advance(1_000);
  assert.is(
    gateway.said.filter((line) => /^WARNING: the certificate `web` has expired \(.*Z\) and stays in use: put a new one in its place$/.test(line)).length,
    1,
    gateway.said.join("\n"),
  );
  gateway.clock.advance(10_000);
  assert.is(gateway.said.filter((line) => line.startsWith("WARNING: the certificate `web` has expired")).length, 1, "once");
  gateway.place(moduleOf(g.policy));
  assert.ok((await gateway.daemon.reload()).ok);
  assert.is((await call({ port: g.ports[1], site })).got, SERVED, "expired, and in use");
  assert.ok(await probe(g.ports[0]));
  await gateway.stop();
  g.behind.close();
});

test("a look for what is missing reads nothing else, and forgets no fault of it", () => {
  const folder = temporaryFolder();
  const said: string[] = [];
  const entry = (name: string): { cert: string; key: string } => ({ cert: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) });
  const credentials = createCredentials(
    { certs: { kept: entry("kept"), late: entry("late") }, cas: {}, on_bad_certificate: "close" },
    manualClock(() => Date.now()),
    (sentence) => said.push(sentence),
  );
  const faults = (): number => said.filter((line) => /^the certificate `kept` can't be used: /.test(line)).length;
  put(folder, "kept", leaf(site, good));
  assert.equal(credentials.renew(), ["kept"]);
  put(folder, "kept", leaf(site, good));
  assert.equal(credentials.renew("missing"), [], "a new certificate of what is there is not read");
  put(folder, "late", leaf(site, good));
  assert.equal(credentials.renew("missing"), ["late"]);
  assert.equal(credentials.renew("missing"), []);
  assert.equal(credentials.renew(), ["kept"]);

  writeFileSync(entry("kept").cert, "nothing");
  assert.equal([credentials.renew(), faults()], [[], 1]);
  assert.equal([credentials.renew("missing"), credentials.renew(), faults()], [[], [], 1], "the fault was not forgotten in between, and so is not said again");
});

test.run();
