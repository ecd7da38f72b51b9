// Metrics and health: the numbers are those of real traffic, and only the token's holder gets them.
import { connect } from "node:net";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { CONNECT_BUCKETS, MOST_PAIRS, Traffic } from "../../gateway/audit/traffic.ts";
import { MOST_RELOADS, ReloadHistory } from "../../gateway/reload/history.ts";
import { packageVersion } from "../../runtime/package/files.ts";
import { backend, eventually, freePort, moduleOf, probe, running, start, visit, type Under } from "./gateway_under_test.ts";
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
  assert.is(value(text, 'ingressd_denied_total{listener="web",reason="cidr"}'), 2);
  assert.is(value(text, 'ingressd_decisions_by_code_total{code="no_match"}'), 1);
  assert.is(value(text, 'ingressd_decisions_total{decision="deny"}'), 2);
  assert.is(value(text, "ingressd_policy_generation"), 1);
  assert.is(value(text, "ingressd_ready"), 1);
  assert.is(value(text, 'ingressd_listener_connections_cap{listener="web"}'), 10_000);
  // The format: each family has its two lines once, and every row belongs to one.
  const families = [...text.matchAll(/^# TYPE (\S+) (counter|gauge|histogram)$/gm)].map((m) => m[1]);
  assert.is(new Set(families).size, families.length);
  for (const line of text.trimEnd().split("\n")) {
    assert.match(
      line,
      /^(# (HELP|TYPE) (ingressd|process|nodejs)_\w+ .+|(ingressd|process|nodejs)_\w+(\{(\w+="(\\[\\"n]|[^"\\\n])*",?)+\})? \d+(\.\d+)?(e[-+]?\d+)?)$/,
    );
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

test("refusals, ends, bytes and connect times have expose and backend, and bytes of open streams are live", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const { http } = await withHttp(`edition 1\nexpose web on tcp ${port} { backend 127.0.0.1:${behind.port} allow from 127.0.0.1 }`);
  const labels = `listener="web",backend="127.0.0.1:${behind.port}"`;
  const empty = (await get(http, "/metrics")).text;
  assert.not.match(empty, /^ingressd_(bytes_total|connection_ends_total|backend_connect_seconds)/m);
  const it = visit(port);
  assert.is(await it.first, "hello");
  it.socket.write("abc");
  await eventually(() => it.socket.bytesRead === 8, "the echo");
  // A thread reports the bytes that it has moved a moment later.
  let open = "";
  for (let i = 0; i < 500 && !(value(open, `ingressd_bytes_total{${labels},from="backends"}`) === 8); i++) open = (await get(http, "/metrics")).text;
  assert.is(value(open, `ingressd_bytes_total{${labels},from="clients"}`), 3);
  assert.is(value(open, `ingressd_bytes_total{${labels},from="backends"}`), 8);
  assert.is(value(open, `ingressd_backend_connect_seconds_count{${labels}}`), 1);
  assert.is(value(open, `ingressd_backend_connect_seconds_bucket{${labels},le="+Inf"}`), 1);
  assert.not.match(open, /ingressd_connection_ends_total\{/);
  it.socket.end();
  await it.closed;
  assert.is(await probe(port, "127.0.0.2"), "deny");
  const ended = (await get(http, "/metrics")).text;
  assert.is(value(ended, `ingressd_bytes_total{${labels},from="clients"}`), 3, "counted once");
  assert.is(value(ended, `ingressd_connection_ends_total{${labels},end="done"}`), 1);
  assert.is(value(ended, 'ingressd_denied_total{listener="web",reason="cidr"}'), 1);
});

test("connect times fall into the bucket whose bound they don't exceed", () => {
  const traffic = new Traffic();
  for (const ms of [0, 1, 1.01, 5_000, 5_001, -3]) traffic.connected("web", "b", ms);
  const { connects, connectSeconds } = traffic.of("web", "b");
  assert.equal([connects[0], connects[1], connects[CONNECT_BUCKETS.length - 1], connects[CONNECT_BUCKETS.length]], [3, 1, 1, 1]);
  assert.ok(Math.abs(connectSeconds - 10.00301 + 0.000_99) < 0.01);
});

test("the pairs of expose and backend are bounded; those beyond are one", () => {
  const traffic = new Traffic();
  for (let i = 0; i < MOST_PAIRS; i++) traffic.of("web", `127.0.0.1:${i}`).bytesFromClients++;
  assert.is(traffic.all().length, MOST_PAIRS);
  assert.is(traffic.of("web", "127.0.0.1:0").bytesFromClients, 1, "N");
  assert.is(traffic.of("web", "N + 1"), traffic.of("other", "other"));
  assert.is(traffic.of("mail", "N + 2"), traffic.of("other", "other"));
  assert.is(traffic.all().length, MOST_PAIRS + 1);
});

test("build, process and the last reload are in it", async () => {
  const { gateway, http } = await withHttp("edition 1", "[policy]\nwatch = false");
  const at = gateway.clock.wallMs() / 1000;
  const before = (await get(http, "/metrics")).text;
  assert.match(before, new RegExp(`^ingressd_build_info\\{version="${packageVersion()}",node="${process.version}",abi_version="\\d+"\\} 1$`, "m"));
  for (const name of ["process_cpu_seconds_total", "process_resident_memory_bytes", "process_virtual_memory_bytes", "process_open_fds", "process_max_fds"])
    assert.ok(value(before, name) > 0, name);
  assert.ok(Math.abs(value(before, "process_resident_memory_bytes") / process.memoryUsage.rss() - 1) < 0.5);
  assert.is(value(before, "process_start_time_seconds"), at);
  assert.equal([value(before, "ingressd_last_reload_successful"), value(before, "ingressd_last_reload_timestamp_seconds")], [1, at]);
  gateway.clock.advance(60_000);
  gateway.place(new Uint8Array(10));
  assert.is((await gateway.daemon.reload()).ok, false);
  const after = (await get(http, "/metrics")).text;
  assert.equal([value(after, "ingressd_last_reload_successful"), value(after, "ingressd_last_reload_timestamp_seconds")], [0, at + 60]);
  assert.is(value(after, "ingressd_last_reload_success_timestamp_seconds"), at);
  assert.match(
    JSON.stringify(await gateway.daemon.status()),
    /"last":\[\{"time":"[^"]+","done":false,"generation":1,"because":"[^"]+"\},\{"time":"[^"]+","done":true,"generation":1,"because":""\}\]/,
  );
});

test("of reloads the last sixteen are kept", () => {
  const history = new ReloadHistory({ wallMs: () => 5 });
  for (let i = 1; i <= MOST_RELOADS + 1; i++) history.refused(i, "");
  assert.equal(
    [history.past.length, history.past[0]?.generation, history.past.at(-1)?.generation, history.lastDoneMs],
    [MOST_RELOADS, MOST_RELOADS + 1, 2, null],
  );
});

test("the token is also the password of a browser, and health needs none where that is configured", async () => {
  const basic = (pair: string): Promise<Response> =>
    fetch(`http://127.0.0.1:${http}/healthz`, { headers: { authorization: `Basic ${Buffer.from(pair).toString("base64")}` } });
  const { http } = await withHttp("edition 1");
  assert.is((await basic(`anybody:${TOKEN}`)).status, 200);
  assert.is((await basic(`:${TOKEN}`)).status, 200);
  for (const pair of [`${TOKEN}:`, `x:${TOKEN}0`, `x:${TOKEN.slice(1)}`, "", `${TOKEN}:x`]) {
    const refused = await basic(pair);
    assert.equal([refused.status, refused.headers.get("www-authenticate")], [401, 'Basic realm="ingressd", charset="UTF-8"'], pair);
  }
  assert.is((await get(http, "/healthz", null)).status, 401);
  const free = await freePort();
  await running({ policy: "edition 1", config: `[metrics]\nlisten = "127.0.0.1:${free}"\ntoken_file = "${tokenFile(TOKEN)}"\nopen_health = true\n` });
  assert.equal(await get(free, "/healthz", null).then(({ status, text }) => [status, text]), [200, "alive\n"]);
  assert.is((await get(free, "/readyz", "wrong")).status, 200);
  for (const path of ["/metrics", "/", "/healthz/", "/healthz?x", "/status.json"]) assert.is((await get(free, path, null)).status, 401, path);
  assert.is((await get(free, "/healthz", null, "POST")).status, 405);
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
