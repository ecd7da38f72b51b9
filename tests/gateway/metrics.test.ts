// Metrics and health: the numbers are those of real traffic, and only the token's holder gets them.
import { connect } from "node:net";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { backend, freePort, moduleOf, probe, running, start, type Under } from "./gateway_under_test.ts";
import { tokenFile } from "./token_file.ts";

const test = suite("metrics");
const TOKEN = "0123456789abcdef";

async function withHttp(policy: string, more = ""): Promise<{ gateway: Under; http: number }> {
  const http = await freePort();
  const file = tokenFile(TOKEN);
  const gateway = await running({ policy, config: `${more}\n[metrics]\nlisten = "127.0.0.1:${http}"\ntoken_file = "${file}"\n` });
  return { gateway, http };
}

async function get(port: number, path: string, token: string | null = TOKEN, method = "GET"): Promise<{ status: number; text: string; type: string | null }> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, headers: token === null ? {} : { authorization: `Bearer ${token}` } });
  return { status: response.status, text: await response.text(), type: response.headers.get("content-type") };
}

/** The value of one row. */
function value(text: string, row: string): number {
  const line = text.split("\n").find((l) => l.startsWith(`${row} `));
  return line === undefined ? NaN : Number(line.slice(row.length + 1));
}

test("traffic is counted, by decision, reason, code and rule", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const { gateway, http } = await withHttp(
    `edition 1
deny named "lab" from 127.0.0.3
expose web on tcp ${port} {
  backend 127.0.0.1:${behind.port}
  allow named local from 127.0.0.0/29
}`.replace('named "lab"', "named lab"),
  );
  for (const from of ["127.0.0.1", "127.0.0.1", "127.0.0.3", "127.0.0.9"]) await probe(port, from);
  const { status, text, type } = await get(http, "/metrics");
  assert.is(status, 200);
  assert.is(type, "text/plain; version=0.0.4; charset=utf-8");
  assert.is(value(text, 'ingressd_rule_hits_total{listener="web",rule="local",at="test.ingress:5"}'), 2);
  assert.is(value(text, 'ingressd_rule_hits_total{listener="*",rule="lab",at="test.ingress:2"}'), 1);
  assert.is(value(text, 'ingressd_denied_total{reason="cidr"}'), 2);
  assert.is(value(text, 'ingressd_decisions_by_code_total{code="no_match"}'), 1);
  assert.is(value(text, 'ingressd_decisions_total{decision="deny"}'), 2);
  assert.is(value(text, "ingressd_policy_generation"), 1);
  assert.is(value(text, "ingressd_ready"), 1);
  assert.is(value(text, 'ingressd_listener_connections_cap{listener="web"}'), 10_000);
  // The format: each family has its two lines once, and every row belongs to one.
  const families = [...text.matchAll(/^# TYPE (\S+) (counter|gauge)$/gm)].map((m) => m[1]);
  assert.is(new Set(families).size, families.length);
  for (const line of text.trimEnd().split("\n")) {
    assert.match(line, /^(# (HELP|TYPE) ingressd_\w+ .+|ingressd_\w+(\{(\w+="(\\[\\"n]|[^"\\\n])*",?)+\})? \d+)$/);
  }
  const client = await gateway.control();
  const answer = await client.call("metrics");
  assert.match(JSON.stringify(answer), /ingressd_rule_hits_total/);
  const listed = JSON.stringify(await gateway.daemon.status());
  assert.match(listed, /"rules":\[\{"rule_id":\d+,"listener":"web","rule":"local","at":"test.ingress:5","hits":2\}/);
  client.close();
  await gateway.stop();
  behind.close();
});

test("hits are those of the policy in force, and a rule that a reload doesn't change keeps them", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const policy = `edition 1\nexpose web on tcp ${port} { backend 127.0.0.1:${behind.port} allow from any }`;
  const { gateway, http } = await withHttp(policy, "[policy]\nwatch = false");
  await probe(port);
  const row = 'ingressd_rule_hits_total{listener="web",rule="",at="test.ingress:2"}';
  assert.is(value((await get(http, "/metrics")).text, row), 1);
  gateway.place(moduleOf(`${policy} deny from 192.0.2.1`.replace(" }", "").replace("deny", "\n deny") + " }"));
  await gateway.daemon.reload();
  assert.is(value((await get(http, "/metrics")).text, row), 1, "beside another rule");
  await probe(port);
  gateway.place(moduleOf(`edition 1\n\nexpose web on tcp ${port} { backend 127.0.0.1:${behind.port} allow from any }`));
  await gateway.daemon.reload();
  assert.is(value((await get(http, "/metrics")).text, row.replace(":2", ":3")), 2, "on another line");
  for (const changed of [
    `expose web on tcp ${port} { backend 127.0.0.1:${behind.port} allow from 0.0.0.0/1 }`,
    `expose site on tcp ${port} { backend 127.0.0.1:${behind.port} allow from any }`,
  ]) {
    gateway.place(moduleOf(`edition 1\n${changed}`));
    await gateway.daemon.reload();
    assert.not.match((await get(http, "/metrics")).text, /^ingressd_rule_hits_total\{/m, changed);
  }
  await gateway.stop();
  behind.close();
});

test("a request without the token gets no metrics", async () => {
  const { gateway, http } = await withHttp("edition 1");
  for (const path of ["/metrics", "/healthz", "/readyz", "/"]) {
    for (const token of [null, "", "x", TOKEN.slice(1), `${TOKEN}0`, TOKEN.toUpperCase()]) {
      const { status, text } = await get(http, path, token);
      assert.is(status, 401, `${path} ${token}`);
      assert.not.match(text, /ingressd_/);
    }
  }
  assert.is((await get(http, "/other")).status, 404);
  assert.is((await get(http, "/metrics?x=1")).status, 404);
  assert.is((await get(http, "/metrics", TOKEN, "POST")).status, 405);
  assert.is((await get(http, "/metrics", TOKEN, "HEAD")).text, "");
  const client = await gateway.control();
  assert.match(JSON.stringify(await client.call("health")), /"ready":true,"because":null,"generation":1/);
  client.close();
  await gateway.stop();
});

test("ready is said only while connections are served", async () => {
  const { gateway, http } = await withHttp("edition 1");
  assert.equal(await get(http, "/readyz").then(({ status, text }) => [status, text]), [200, "ready\n"]);
  assert.is((await get(http, "/healthz")).status, 200);
  await gateway.stop();
  const gone = await new Promise<string>((resolve) => {
    const socket = connect(http, "127.0.0.1");
    socket.once("connect", () => resolve("open"));
    socket.once("error", (error) => resolve("code" in error ? String(error.code) : "error"));
  });
  assert.is(gone, "ECONNREFUSED", "it closes with the daemon");
});

test("what a registrant can't reach through it: its port is the gateway's own", async () => {
  const port = await freePort();
  const http = await freePort();
  const started = await running({
    policy: `edition 1\nexpose web on tcp ${port} { backend 127.0.0.1:${http} allow from any }`,
    config: `[metrics]\nlisten = "127.0.0.1:${http}"\ntoken_file = "${tokenFile(TOKEN)}"`,
  });
  assert.is(await probe(port), "deny");
  await started.stop();
});

test("refused at the start, with key, value and remedy", async () => {
  const free = await freePort();
  const good = tokenFile(TOKEN);
  const rows: readonly (readonly [string, string, RegExp])[] = [
    [`0.0.0.0:${free}`, good, /`metrics\.listen` = "0\.0\.0\.0:\d+" must be a loopback address/],
    [`192.0.2.1:${free}`, good, /must be a loopback address/],
    ["localhost:9600", good, /must be a loopback address/],
    ["unix:/run/x.sock", good, /must be a loopback address/],
    [`127.0.0.1:${free}`, `${good}.none`, /the token file .* can't be read/],
    [`127.0.0.1:${free}`, tokenFile(TOKEN, 0o644), /others can read it \(mode 0644\): run chmod 0600/],
    [`127.0.0.1:${free}`, tokenFile(TOKEN, 0o620), /others can write it/],
    [`127.0.0.1:${free}`, tokenFile("short"), /at least 16 printable characters/],
    [`127.0.0.1:${free}`, tokenFile(TOKEN.slice(1)), /at least 16/],
    [`127.0.0.1:${free}`, tokenFile(`${TOKEN}\n${TOKEN}`), /one line/],
  ];
  for (const [listen, file, expected] of rows) {
    const result = await start({ policy: "edition 1", config: `[metrics]\nlisten = "${listen}"\ntoken_file = "${file}"` });
    if (!("failure" in result)) await result.stop();
    assert.match("failure" in result ? result.failure.message : "started", expected);
  }
});

test.run();
