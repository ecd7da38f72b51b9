// A reload reads the configuration with the policy, and puts both in force as one change, or neither.
import { readFileSync } from "node:fs";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { configurationOf } from "../../gateway/methods/reload.ts";
import { LiveConfig } from "../../gateway/config/live.ts";
import type { Config } from "../../gateway/config/keys.ts";
import { parseConfig } from "../../gateway/config/read.ts";
import { needsRestart, RESTART_ONLY, withoutRestart } from "../../gateway/config/restart_only.ts";
import { loadPolicy } from "../../runtime/host/load.ts";
import type { PolicyInfo } from "../../runtime/host/module.ts";
import { failed, ok } from "../../runtime/result/result.ts";
import { authority, dns, leaf } from "../tls/certificates.ts";
import { call, put } from "../tls/tls_under_test.ts";
import {
  backend,
  eventually,
  freePort,
  GIVEN_ENGINE,
  GIVEN_FORWARDER,
  moduleOf,
  probe,
  running,
  temporaryFolder,
  visit,
  type Under,
  type UnderSetup,
} from "./gateway_under_test.ts";
import { denialOf, intent, leaseOf, policy as registered } from "./registering.ts";

const test = suite("config reload");
const NO_WATCH = "policy.watch = false\n";

async function served(config = "", more: Omit<UnderSetup, "policy" | "config"> = {}) {
  const behind = await backend("hello");
  const port = await freePort();
  const policy = (clauses = ""): string => `edition 1\nexpose web on tcp ${port} { backend 127.0.0.1:${behind.port} ${clauses} allow from any }`;
  const gateway = await running({ policy: policy(), config: `${NO_WATCH}${config}`, ...more });
  return { gateway, port, behind, policy, configure: (toml: string) => gateway.configure(`${NO_WATCH}${toml}`) };
}

interface State {
  readonly generation: number;
  readonly sha256: string;
  readonly changed: readonly string[];
  readonly restart_needed: readonly string[];
  readonly refused: string | null;
}

async function stateOf({ daemon }: Under): Promise<State> {
  const status = await daemon.status();
  if (!isStatus(status)) throw new Error("no status");
  return status.configuration;
}

function isStatus(value: unknown): value is { readonly configuration: State } {
  return typeof value === "object" && value !== null && "configuration" in value;
}

async function policyInfo(): Promise<PolicyInfo> {
  const loaded = loadPolicy(moduleOf(`edition 1\nexpose web on tcp ${await freePort()} { backend 127.0.0.1:9 allow from any }`));
  if (!loaded.ok) throw new Error(loaded.error.message);
  return loaded.value.info;
}

async function reloaded({ daemon }: Under): Promise<string> {
  const report = await daemon.reload();
  return report.ok ? "done" : `${report.error.cause}: ${report.error.message}`;
}

test("timers count from the next sweep on, for connections that are open, too", async () => {
  const { gateway, port, configure } = await served("timers.idle_ms = 300000");
  const one = visit(port);
  assert.is(await one.first, "hello");
  gateway.clock.advance(2_000);
  configure("timers.idle_ms = 1000");
  gateway.clock.advance(250);
  assert.is(gateway.daemon.forwarder.live, 1, "nothing is read before a reload");
  assert.is(await reloaded(gateway), "done");
  gateway.clock.advance(250);
  await one.closed;
  assert.equal((await stateOf(gateway)).changed, ["timers.idle_ms"]);
});

test("a smaller cap refuses what is new, and what is open stays", async () => {
  const { gateway, port, configure } = await served();
  const open = [visit(port), visit(port)];
  for (const { first } of open) assert.is(await first, "hello");
  configure("caps.connections = 2");
  assert.is(await reloaded(gateway), "done");
  assert.is(gateway.daemon.forwarder.live, 2);
  assert.is(await probe(port), "deny");
  assert.is(gateway.records().at(-1)?.code, "cap_overall");
  configure("caps.connections = 3");
  assert.is(await reloaded(gateway), "done");
  assert.is(await probe(port), "allow");
});

test("policy and configuration change in one turn: on_reload counts for the policy that comes with it", async () => {
  const { gateway, port, policy, configure } = await served();
  const one = visit(port);
  assert.is(await one.first, "hello");
  configure('on_reload = "keep"');
  gateway.place(moduleOf(policy("deny from any")));
  assert.is(await reloaded(gateway), "done");
  assert.is(gateway.daemon.forwarder.live, 1, "recheck of the configuration before would have closed it");
  assert.is(await probe(port), "deny");
});

test("a bad configuration changes nothing, the policy included, and says place and remedy; a good one does then", async () => {
  const { gateway, port, policy, configure } = await served("timers.idle_ms = 300000");
  const rows: readonly (readonly [toml: string, because: RegExp])[] = [
    ["timers.idle_ms = -1", /^config: the configuration is refused: test\.toml:\d+: `timers\.idle_ms` = -1 must be .*0; .*a connection without a byte/],
    ["timers.idel_ms = 5", /^config: the configuration is refused: test\.toml:\d+: unknown key `idel_ms` in `timers`: the keys here are /],
    ["[caps", /^config: the configuration is refused: test\.toml:/],
    ["timers.drain_ms = 5\ncaps.ports = 0", /`caps\.ports` = 0 must be/],
    ['policy.trusted_keys = ["/etc/ingressd/a.pub"]', /`policy\.trusted_keys` needs a directory .*: name one with state_dir$/],
  ];
  gateway.place(moduleOf(policy("deny from any")));
  for (const [toml, because] of rows) {
    configure(toml);
    assert.match(await reloaded(gateway), because, toml);
    const state = await stateOf(gateway);
    assert.equal([state.generation, gateway.daemon.counters.reloads], [1, 1], toml);
    assert.match(`config: ${state.refused}`, because);
    assert.is(await probe(port), "allow", "the policy before");
  }
  await gateway.daemon.hangup();
  assert.match(gateway.said.at(-1) ?? "", /^reload refused, generation 1 stays in force: the configuration is refused: /);
  configure("timers.drain_ms = 5");
  assert.is(await reloaded(gateway), "done");
  assert.equal([(await stateOf(gateway)).generation, (await stateOf(gateway)).refused], [2, null]);
  assert.is(await probe(port), "deny");
});

test("a policy that is refused takes the configuration with it", async () => {
  const { gateway, port, policy, configure } = await served();
  configure("caps.connections = 1");
  gateway.place(Buffer.from("no module"));
  assert.match(await reloaded(gateway), /^policy: /);
  const before = await stateOf(gateway);
  assert.equal([before.generation, before.changed], [1, []]);
  const one = visit(port);
  assert.is(await one.first, "hello");
  assert.is(await probe(port), "allow", "caps.connections is the one before");
  gateway.place(moduleOf(policy()));
  assert.is(await reloaded(gateway), "done");
  assert.is(await probe(port), "deny");
});

test("where another party of the change fails, the configuration is the one before", async () => {
  let fails = true;
  const part = { commit: () => (fails ? Promise.reject(new Error("no")) : Promise.resolve()), abort: () => undefined };
  const first = { isFirst: true };
  const participant = {
    name: "a test",
    prepare: async () => {
      if (!first.isFirst) return ok(part);
      first.isFirst = false;
      return ok({ commit: () => undefined, abort: () => undefined });
    },
  };
  const { gateway, port, configure } = await served("", { participants: [participant] });
  configure("caps.connections = 1");
  assert.match(await reloaded(gateway), /^participant: /);
  assert.is((await stateOf(gateway)).changed.length, 0);
  const one = visit(port);
  assert.is(await one.first, "hello");
  assert.is(await probe(port), "allow");
  fails = false;
  assert.is(await reloaded(gateway), "done");
  assert.is(await probe(port), "deny");
});

test("a coordinator's change has the configuration, and its abort takes it back", async () => {
  const { gateway, configure } = await served("caps.connections = 99");
  configure("caps.connections = 77");
  const one = await gateway.daemon.prepare();
  if (!one.ok) throw new Error(one.error.message);
  assert.equal((await stateOf(gateway)).changed, [], "prepared");
  assert.ok((await one.value.abort()).ok);
  const two = await gateway.daemon.prepare();
  if (!two.ok) throw new Error(two.error.message);
  assert.ok((await two.value.commit()).ok);
  assert.equal((await stateOf(gateway)).changed, ["caps.connections"]);
  assert.match(JSON.stringify(await gateway.daemon.status()), /"cap":77,/);
  assert.ok((await two.value.abort()).ok);
  assert.match(JSON.stringify(await gateway.daemon.status()), /"cap":99,/);
});

test("a change that is taken back after its commit makes the previous policy ready under the previous configuration", async () => {
  const seen: string[] = [];
  const participant = {
    name: "a test",
    prepare: async () => ok({ commit: () => void seen.push("commit"), restoring: () => void seen.push("restoring"), abort: () => void seen.push("abort") }),
  };
  const { gateway, configure } = await served("", { participants: [participant] });
  configure("caps.connections = 77");
  seen.length = 0;
  const change = await gateway.daemon.prepare();
  if (!change.ok) throw new Error(change.error.message);
  assert.ok((await change.value.commit()).ok);
  assert.ok((await change.value.abort()).ok);
  assert.equal(seen, ["commit", "restoring", "abort"]);
});

test("certificates and the expose that needs them come in one reload, and go in one", async () => {
  const { gateway, behind, policy, configure } = await served();
  const port = await freePort();
  const site = authority("site root");
  const folder = temporaryFolder();
  put(folder, "www", leaf(site, { names: [dns("www.example.com")] }));
  const tls = `\nexpose www on tcp ${port} as tls { backend 127.0.0.1:${behind.port} cert "www" allow from any }`;
  gateway.place(moduleOf(policy() + tls));
  assert.match(
    await reloaded(gateway),
    /^participant: the store of certificates lacks the cert `www` of expose `www`: add `\[certs\.www\]` to the configuration$/,
  );
  configure(`[certs.www]\ncert = "${folder}/www.pem"\nkey = "${folder}/www.key"`);
  assert.is(await reloaded(gateway), "done");
  assert.match((await call({ port, site }, { name: "www.example.com" })).got, /^hello/);
  configure("");
  assert.match(await reloaded(gateway), /lacks the cert `www`/, "the policy needs it still");
  assert.match((await call({ port, site }, { name: "www.example.com" })).got, /^hello/);
  gateway.place(moduleOf(policy()));
  assert.is(await reloaded(gateway), "done");
});

const uid = process.getuid?.() ?? 0;

test("a service whose uid is another one loses its leases and its connections; another service keeps them", async () => {
  const folder = temporaryFolder();
  const [port, other] = [await freePort(), await freePort()];
  const behind = await backend("hello");
  const config = (web: string): string =>
    `allowed_backends = ["127.0.0.1:${behind.port}"]\n${NO_WATCH}[services.web]\n${web}\nsocket = "${folder}/web.sock"\n[services.db]\nsocket = "${folder}/db.sock"\n`;
  const policy = registered(port, `expose db on tcp ${other} { allow from any }`);
  const gateway = await running({ policy, config: config(`uid = ${uid}`) });
  const ended: string[] = [];
  const web = await gateway.control(`${folder}/web.sock`, (method, params) => ended.push(`${method} ${JSON.stringify(params)}`));
  const db = await gateway.control(`${folder}/db.sock`);
  await leaseOf(web, intent(port, behind.port));
  await leaseOf(db, { ...intent(other, behind.port), service: "db" });
  assert.is(await reloaded(gateway), "done");
  assert.equal([await probe(port), await probe(other)], ["allow", "allow"], "nothing has changed");
  gateway.configure(config(`uid = ${uid + 1}`));
  assert.is(await reloaded(gateway), "done");
  assert.equal([await probe(port), await probe(other)], ["deny", "allow"]);
  await eventually(() => ended.length > 0, "its owner hears of it");
  assert.match(ended[0] ?? "", /services\.web of the configuration has changed: register again/);
  // It is no longer proven to be the service.
  const again = await gateway.control(`${folder}/web.sock`);
  assert.match(denialOf(await again.call("register", intent(port, behind.port))), /services\.web\.uid` is/);
  gateway.configure(config(`uid = ${uid}`));
  assert.is(await reloaded(gateway), "done");
  await leaseOf(await gateway.control(`${folder}/web.sock`), intent(port, behind.port));
  assert.is(await probe(port), "allow");
});

test("a service that is gone loses its leases, and its socket gives none before a restart", async () => {
  const folder = temporaryFolder();
  const port = await freePort();
  const behind = await backend("hello");
  const config = (more: string): string => `allowed_backends = ["127.0.0.1:${behind.port}"]\n${NO_WATCH}${more}`;
  const gateway = await running({ policy: registered(port), config: config(`[services.web]\nsocket = "${folder}/web.sock"\n`) });
  await leaseOf(await gateway.control(`${folder}/web.sock`), intent(port, behind.port));
  gateway.configure(config(""));
  assert.is(await reloaded(gateway), "done");
  assert.equal((await stateOf(gateway)).restart_needed, ["services.web.socket"]);
  assert.is(await probe(port), "deny");
  const again = await gateway.control(`${folder}/web.sock`);
  assert.match(denialOf(await again.call("register", intent(port, behind.port))), /the configuration has no \[services\.web\] any more/);
});

test("a backend that is no more allowed without its owner's check ends the lease that has it", async () => {
  const folder = temporaryFolder();
  const port = await freePort();
  const behind = await backend("hello");
  const config = (allowed: string): string => `allowed_backends = [${allowed}]\n${NO_WATCH}[services.web]\nsocket = "${folder}/web.sock"\n`;
  const gateway = await running({ policy: registered(port), config: config(`"127.0.0.1:${behind.port}"`) });
  await leaseOf(await gateway.control(`${folder}/web.sock`), intent(port, behind.port));
  assert.is(await probe(port), "allow");
  gateway.configure(config('"127.0.0.1:9"'));
  assert.is(await reloaded(gateway), "done");
  assert.is(await probe(port), "deny");
});

test("keys that are read at the start only stay as they are, and the answer names them", async () => {
  const { gateway, port, configure } = await served();
  const folder = temporaryFolder();
  const rows: readonly (readonly [toml: string, keys: readonly string[]])[] = [
    [`state_dir = "${folder}/s"`, ["state_dir"]],
    [`timers.keepalive_ms = 1000\ntls.engine = "${GIVEN_ENGINE === "node" ? "openssl" : "node"}"`, ["timers.keepalive_ms", "tls.engine"]],
    [`control.socket = "${folder}/c.sock"`, ["control.socket"]],
    [`intents.socket = "${folder}/i.sock"\nintents.mode = "0600"`, ["intents.mode", "intents.socket"]],
    [
      `services.web.socket = "${folder}/w.sock"\nservices.web.mode = "0600"\nservices.web.gid = 5`,
      ["services.web.gid", "services.web.mode", "services.web.socket"],
    ],
    [`metrics.listen = "127.0.0.1:9"\nmetrics.token_file = "${folder}/t"`, ["metrics.listen", "metrics.token_file"]],
    [`guard.key_file = "${folder}/k"`, ["guard.key_file"]],
    [`policy.file = "${folder}/p.wasm"`, ["policy.file"]],
    ["config.watch = false", ["config.watch"]],
    ["policy.watch = true", ["policy.watch"]],
    [`[audit]\nfile = "${folder}/a.jsonl"`, ["audit.file"]],
    // More threads need the kernel's forwarder and OpenSSL's engine.
    GIVEN_ENGINE === "node" || GIVEN_FORWARDER === "node" ? ["timers.keepalive_ms = 2000", ["timers.keepalive_ms"]] : ["threads = 2", ["threads"]],
    // Node's forwarder has one engine, so the line of the given one is left out there.
    GIVEN_FORWARDER === "node" ?
      ['forwarder = "kernel"', ["forwarder"]]
    : ['forwarder = "node"', GIVEN_ENGINE === undefined ? ["forwarder"] : ["forwarder", "tls.engine"]],
  ];
  const control = await gateway.control();
  for (const [toml, keys] of rows) {
    if (toml.startsWith("policy.watch")) gateway.configure(`caps.ports = 99\n${toml}`);
    else configure(`caps.ports = 99\n${toml}`);
    const answer = await control.call("reload", {});
    const text = JSON.stringify(answer);
    assert.ok(text.includes(`"restart_needed":${JSON.stringify(keys)}`), text);
    await gateway.daemon.hangup();
    assert.ok((gateway.said.at(-1) ?? "").endsWith(`; read at the start only, and not in force before a restart: ${keys.join(", ")}`), gateway.said.at(-1));
    assert.is(await probe(port), "allow");
  }
  configure("caps.ports = 99");
  assert.match(JSON.stringify(await control.call("reload", {})), /"restart_needed":\[\]/);
  assert.match(JSON.stringify(await control.call("status", {})), /"configuration":\{"generation":2,/, "caps.ports, once");
});

test("a source in place of a file, and the reverse, stays as it was at the start; another source does not", () => {
  const read = (toml: string): Config => {
    const parsed = parseConfig(toml, "test.toml");
    if (!parsed.ok) throw new Error(parsed.error.message);
    return parsed.value;
  };
  const keys = 'policy.trusted_keys = ["/k.pub"]\n';
  const file = read(`${keys}policy.file = "/p.wasm"`);
  const none = read(keys);
  const [one, other] = ["one", "other"].map((host) => read(`${keys}policy.source = "https://${host}.example/p.wasm"`));
  if (one === undefined || other === undefined) throw new Error("no source");
  const rows: readonly (readonly [from: Config, to: Config, restart: readonly string[], source: string | undefined, file: string | undefined])[] = [
    [file, one, ["policy.file", "policy.source"], undefined, "/p.wasm"],
    [one, file, ["policy.file", "policy.source"], "https://one.example/p.wasm", undefined],
    [one, none, ["policy.source"], "https://one.example/p.wasm", undefined],
    [none, one, ["policy.source"], undefined, undefined],
    [one, other, [], "https://other.example/p.wasm", undefined],
  ];
  for (const [from, to, restart, source, path] of rows) {
    const now = withoutRestart(from, to);
    assert.equal([now.restart, now.next.policy.source, now.next.policy.file], [restart, source, path]);
  }
});

test("of the keys that need a restart none is reloaded, and of the others each is", () => {
  for (const [key, due] of [
    ["threads", true],
    ["audit.file", true],
    ["audit.close", false],
    ["services.web.uid", false],
    ["services.web.socket", true],
    ["forwarder", true],
    ["timers.idle_ms", false],
    ["timers.keepalive_ms", true],
    ["metrics.open_health", false],
    ["cas.ops.crl", false],
  ] as const)
    assert.is(needsRestart(key), due, key);
  const [, list] =
    /^These keys are read at the start only\. [^`]*`ingressd_config_restart_keys`[^:]*:\n([^]*?)\n\n/mu.exec(readFileSync("docs/operations.md", "utf8")) ?? [];
  const documented = [...(list ?? "").matchAll(/`([^`]+)`/gu)].map(([, key]) => key);
  assert.equal(
    documented,
    RESTART_ONLY.map((key) => key.replaceAll("*", "NAME").replace(/^(control|intents)\.NAME$/, "$1.*")),
    "docs/operations.md lists them, in this order",
  );
});

test("the file is watched: a changed value reloads, a comment does not, and a bad one is said", async () => {
  const { gateway, port, configure } = await served("", { watchesConfig: true });
  const settled = async (isSo: () => boolean, what: string): Promise<void> =>
    eventually(() => {
      gateway.clock.advance(60);
      return isSo();
    }, what);
  configure("# only a comment\n");
  configure("caps.connections = 1");
  await settled(() => gateway.daemon.counters.reloads === 2, "the reload");
  assert.match(gateway.said.at(-1) ?? "", /in force; configuration generation 2: caps\.connections$/);
  const one = visit(port);
  assert.is(await one.first, "hello");
  assert.is(await probe(port), "deny");
  configure("caps.connections = 0");
  await settled(() => gateway.daemon.counters.reloadsRefused === 1, "the refusal");
  assert.match(gateway.said.at(-1) ?? "", /`caps\.connections` = 0 must be/);
  configure("caps.connections = 1 # as before\n");
  await settled(() => gateway.daemon.counters.reloads === 3, "good again");
  assert.equal([(await stateOf(gateway)).generation, (await stateOf(gateway)).refused], [2, null]);
});

test("what did not change is no reload of the configuration: hash and generation stay", async () => {
  const { gateway, configure } = await served("caps.ports = 9\ntimers.idle_ms = 5000");
  const before = await stateOf(gateway);
  configure("timers.idle_ms = 5000\n\ncaps.ports = 9 # another order");
  assert.is(await reloaded(gateway), "done");
  assert.equal(await stateOf(gateway), before);
  configure("timers.idle_ms = 5001\ncaps.ports = 9");
  assert.is(await reloaded(gateway), "done");
  const after = await stateOf(gateway);
  assert.is(after.generation, 2);
  assert.is.not(after.sha256, before.sha256);
});

test("a configuration in force is one object: tables stay the same, and what is gone is gone", async () => {
  const parse = (toml: string) => parseConfig(toml, "t");
  let text = '[services.web]\nuid = 7\n[services.db]\nuid = 8\n[certs.a]\ncert = "/a"\nkey = "/b"';
  const first = parse(text);
  if (!first.ok) throw new Error(first.error.message);
  const live = new LiveConfig({ first: first.value, read: () => parse(text), check: () => null });
  const { config } = live;
  const { timers, services, certs } = config;
  const seen: string[] = [];
  live.onChange((before, after) => seen.push(`${before.timers.idle_ms} ${after.timers.idle_ms}`));
  text = "[timers]\nidle_ms = 5\n[services.db]\nuid = 9";
  assert.equal(live.stage(), ok(true));
  assert.equal([timers.idle_ms, live.upcoming.timers.idle_ms], [300_000, 5]);
  const part = await live.participant.prepare(await policyInfo());
  if (!part.ok) throw new Error(part.error);
  await part.value.commit();
  assert.equal([timers.idle_ms, services, certs], [5, { db: { uid: 9 } }, {}]);
  assert.is(config.timers, timers);
  part.value.restoring?.();
  assert.equal([timers.idle_ms, live.upcoming.timers.idle_ms], [5, 300_000], "the previous policy is made ready under the previous one");
  await part.value.abort();
  assert.equal([timers.idle_ms, Object.keys(services).sort(), certs], [300_000, ["db", "web"], { a: { cert: "/a", key: "/b" } }]);
  assert.equal(seen, ["300000 5", "5 300000"]);
  assert.equal(
    first.value,
    parse('[services.web]\nuid = 7\n[services.db]\nuid = 8\n[certs.a]\ncert = "/a"\nkey = "/b"').ok && first.value,
    "the caller's own is not touched",
  );
});

test("a check that refuses a configuration is its refusal, and what was staged is given up", () => {
  const first = parseConfig("", "t");
  if (!first.ok) throw new Error(first.error.message);
  const live = new LiveConfig({ first: first.value, read: () => parseConfig("caps.ports = 9", "t"), check: ({ caps }) => (caps.ports === 9 ? "nine" : null) });
  assert.equal(live.stage(), failed("the configuration is refused: nine"));
  assert.is(live.upcoming, live.config);
  assert.equal(configurationOf({ live }), {
    generation: 1,
    sha256: live.state.sha256,
    changed: [],
    restart_needed: [],
    refused: "the configuration is refused: nine",
  });
});

test.run();
