// A gateway that pulls its policy: what it takes from a source, what it keeps while the source is away, and what it never takes.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { parseConfig } from "../../gateway/config/read.ts";
import { systemDisk } from "../../runtime/shell/disk.ts";
import { fieldsOf } from "../../runtime/shell/rpc_client.ts";
import { suite } from "../suite.ts";
import { registryOf, serve, stored } from "../distribution/server.ts";
import { newSigner, signed } from "../host/signed.ts";
import { running, start } from "./gateway_under_test.ts";
import { nextPull, open, POLL, scene, served, sourceOf } from "./source_under_test.ts";
import { policyStatus } from "./state_under_test.ts";

const test = suite("a policy from a source");
test("what is offered at the start and at a poll is in force, and what is not new costs one small answer", async () => {
  const { state, server, ports, module, offer, gateway } = await served();
  assert.equal(await open(ports), ["open", "-"]);
  assert.is((await policyStatus(gateway)).source, "source");
  assert.ok(gateway.markers.some((line) => line.includes("ready")));
  const first = await sourceOf(gateway);
  assert.equal([first.last, first.age_ms, first.failures], ["new", 0, 0]);

  server.seen.length = 0;
  const second = await nextPull(gateway);
  assert.equal([second.last, second.age_ms], ["unchanged", 0]);
  assert.is(server.seen.length, 1);
  assert.match(String(server.seen[0]?.headers["if-none-match"]), /sha256:/);

  offer(state.sign(module(1), 2));
  const third = await nextPull(gateway);
  assert.equal([third.last, state.revision()], ["new", 2]);
  assert.equal(await open(ports), ["-", "open"]);
});

test("while the source is away the policy stays in force, its age grows, and pulls come further apart", async () => {
  const { state, server, ports, module, offer, away, gateway } = await served();
  away();
  const distances: number[] = [];
  let last = await sourceOf(gateway);
  for (let i = 1; i <= 6; i++) {
    last = await nextPull(gateway);
    assert.equal([last.last, last.failures], ["failed", i]);
    distances.push(last.next_in_ms ?? 0);
  }
  const bases = [1, 2, 4, 8, 15, 15].map((times) => times * POLL);
  for (const [i, base] of bases.entries()) assert.ok(Math.abs((distances[i] ?? 0) - base) <= 0.2 * base, `${distances[i]} is not near ${base}`);
  assert.ok((last.age_ms ?? 0) > 15 * POLL);
  assert.match(
    last.sentence,
    /^the policy in force was last offered \d+ s ago; the last pull failed \(6 in a row\): .*status 503\); it is pulled again in \d+ s$/,
  );
  assert.equal(await open(ports), ["open", "-"]);
  // Said once, not at each pull.
  assert.is(gateway.said.filter((line) => line.includes("can't be pulled")).length, 1);

  server.answer = (_, response) => response.writeHead(503, { "retry-after": "3000" }).end();
  assert.is((await nextPull(gateway)).next_in_ms, 3_000_000);
  offer(state.sign(module(1), 2));
  const back = await nextPull(gateway);
  assert.equal([back.last, back.failures, back.age_ms], ["new", 0, 0]);
  assert.equal(await open(ports), ["-", "open"]);
});

test("a start without the source takes the last good policy and says its age; without one nothing is open", async () => {
  const { state, ports, toml, module, offer, away } = await scene();
  const empty = await running({ config: toml });
  assert.equal([empty.markers.some((line) => line.includes("ready")), await open(ports)], [false, ["-", "-"]]);
  assert.is(
    empty.said.filter((line) => line.startsWith("no policy is in force, so nothing is open, until the source gives one: the source can't be pulled (status):"))
      .length,
    1,
  );
  const control = await empty.control();
  const health = fieldsOf(fieldsOf(await control.call("health"))?.["result"]);
  assert.is(health?.["ready"], false);
  assert.match(
    String(health?.["because"]),
    /^no policy is in force: nothing of it is known to be in force; the last pull failed: .*; it is pulled again in \d+ s$/,
  );
  control.close();
  // As soon as the source is there, it serves.
  offer(state.sign(module(0), 1));
  assert.is((await nextPull(empty)).last, "new");
  assert.equal([empty.markers.some((line) => line.includes("ready")), await open(ports)], [true, ["open", "-"]]);
  await empty.stop();

  away();
  const after = await running({ config: toml });
  assert.equal(await open(ports), ["open", "-"]);
  assert.match(after.said.join("\n"), /the source can't be pulled \(status\): .*: the policy that was pulled last is loaded/);
  const { last, age_ms: age } = await sourceOf(after);
  assert.is(last, "failed");
  assert.ok(age !== null && age >= 0);
  await after.stop();
});

test("nothing is open either where all that ever came is refused", async () => {
  const { state, ports, toml, module, offer } = await scene();
  offer(signed(module(0), newSigner()));
  const gateway = await running({ config: toml });
  assert.equal(await open(ports), ["-", "-"]);
  const { last, because } = await sourceOf(gateway);
  assert.is(last, "refused");
  assert.match(because ?? "", /\(signature_key\)/);
  assert.not.ok(existsSync(join(state.directory, "pulled.wasm")), "what is refused is not kept");
});

test("what may not be in force is refused, and the last good policy stays, also over a start", async () => {
  const { state, ports, toml, module, offer } = await scene();
  const good = state.sign(module(0), 5);
  offer(good);
  const gateway = await running({ config: toml });
  const rows: readonly (readonly [name: string, module: Uint8Array, due: RegExp])[] = [
    ["unsigned", module(1), /\(signature_missing\)/],
    ["another key", signed(module(1), newSigner(), { revision: 9n }), /\(signature_key\)/],
    ["an older revision", state.sign(module(1), 4), /\(revision_old\)/],
    ["the same revision of another module", state.sign(module(1), 5), /\(revision_reused\)/],
    ["no module", Buffer.from("<html>"), /\(module_malformed\)/],
    ["one byte changed", Uint8Array.from(state.sign(module(1), 6), (byte, i) => (i === 4000 ? byte ^ 1 : byte)), /refused/],
  ];
  for (const [name, bytes, due] of rows) {
    offer(bytes);
    const refused = await nextPull(gateway);
    assert.is(refused.last, "refused", name);
    assert.match(refused.because ?? "", due, name);
    const again = await nextPull(gateway);
    assert.is(again.last, "refused", `${name}, offered once more`);
    assert.ok((again.age_ms ?? 0) > 0, name);
    assert.equal(await open(ports), ["open", "-"], name);
    assert.equal(new Uint8Array(readFileSync(join(state.directory, "pulled.wasm"))), good, name);
    assert.is(state.revision(), 5, name);
  }
  // Nothing is loaded for the good one, and its age begins again.
  offer(good);
  const back = await nextPull(gateway);
  assert.equal([back.last, back.age_ms], ["unchanged", 0]);
  // A rollback is a higher revision of the older module.
  offer(state.sign(module(1), 6));
  await nextPull(gateway);
  offer(state.sign(module(0), 7));
  await nextPull(gateway);
  assert.equal([await open(ports), state.revision()], [["open", "-"], 7]);
  await gateway.stop();

  offer(state.sign(module(1), 6));
  const after = await running({ config: toml });
  assert.equal(await open(ports), ["open", "-"]);
  assert.is((await policyStatus(after)).source, "last_good");
  assert.match(after.said.join("\n"), /WARNING: the last good policy is in force in place of the source's: .*\(revision_old\)/);
  await after.stop();
});

test("a reload pulls at once, and says why nothing came", async () => {
  const { state, server, ports, module, offer, away, gateway } = await served();
  offer(state.sign(module(1), 2));
  const control = await gateway.control();
  const done = fieldsOf(fieldsOf(await control.call("reload"))?.["result"]);
  assert.is(done?.["generation"], 2);
  assert.equal(await open(ports), ["-", "open"]);
  // Unchanged: a new generation, as with a file.
  assert.ok((await gateway.daemon.reload()).ok);
  away();
  const error = fieldsOf(fieldsOf(await control.call("reload"))?.["error"]);
  assert.match(String(error?.["message"]), /^the source can't be pulled \(status\): /);
  assert.equal(error?.["data"], { cause: "source", generation: 3 });
  control.close();
  await gateway.daemon.hangup();
  assert.match(gateway.said.join("\n"), /reload refused, generation 3 stays in force: the source can't be pulled/);
  offer(state.sign(module(0), 3));
  await gateway.daemon.hangup();
  assert.equal(await open(ports), ["open", "-"]);
  assert.ok(server.seen.length > 4);
});

test("keys are rotated: add the new one, sign with it, remove the old one", async () => {
  const { state, ports, toml, module, offer } = await scene();
  const next = newSigner();
  const nextPath = join(state.directory, "..", "next.pub");
  writeFileSync(nextPath, next.pem, { mode: 0o644 });
  const trusting = (...paths: readonly string[]): string => toml.replace(/trusted_keys = .*/, `trusted_keys = ${JSON.stringify(paths)}`);
  offer(state.sign(module(0), 1));
  const gateway = await running({ config: toml });
  offer(signed(module(1), next, { revision: 2n }));
  assert.is((await nextPull(gateway)).last, "refused");
  gateway.configure(trusting(state.keyPath, nextPath));
  assert.ok((await gateway.daemon.reload()).ok);
  assert.equal(await open(ports), ["-", "open"]);
  gateway.configure(trusting(nextPath));
  assert.ok((await gateway.daemon.reload()).ok);
  offer(state.sign(module(0), 3));
  assert.is((await nextPull(gateway)).last, "refused");
  assert.equal(await open(ports), ["-", "open"]);
});

test("a reload follows another source, and a source that needs a start is named", async () => {
  const { state, server, ports, toml, module, gateway } = await served();
  const canary = await serve(registryOf(stored(state.sign(module(1), 2))), null);
  gateway.configure(toml.replace(server.host, canary.host));
  assert.ok((await gateway.daemon.reload()).ok);
  assert.equal(await open(ports), ["-", "open"]);
  server.seen.length = 0;
  assert.is((await nextPull(gateway)).last, "unchanged");
  assert.is(server.seen.length, 0);
  const control = await gateway.control();
  gateway.configure(toml.replace(/source = .*/, 'file = "/p.wasm"').replace(/\[source\][^]*/, ""));
  const answer = fieldsOf(fieldsOf(fieldsOf(await control.call("reload"))?.["result"])?.["configuration"]);
  assert.equal(answer?.["restart_needed"], ["policy.file", "policy.source"]);
  control.close();
  assert.equal(await open(ports), ["-", "open"]);
});

test("a configuration that was wrong is put right before there is a policy", async () => {
  const { state, ports, toml, module, offer } = await scene();
  offer(state.sign(module(0), 1));
  const gateway = await running({ config: `${toml}\nca = "/nowhere.pem"` });
  assert.equal(await open(ports), ["-", "-"]);
  assert.match((await sourceOf(gateway)).because ?? "", /nowhere\.pem/);
  gateway.configure(toml);
  assert.ok((await gateway.daemon.reload()).ok);
  assert.equal([await open(ports), gateway.markers.some((line) => line.includes("ready"))], [["open", "-"], true]);
});

test("a disk that takes nothing keeps the policy in force, and the next pull tries again", async () => {
  const { state, ports, toml, module, offer } = await scene();
  let full = false;
  const disk = { ...systemDisk, write: (path: string, bytes: Uint8Array) => (full ? Promise.reject(new Error("ENOSPC")) : systemDisk.write(path, bytes)) };
  offer(state.sign(module(0), 1));
  const gateway = await running({ config: toml, disk });
  full = true;
  offer(state.sign(module(1), 2));
  const lost = await nextPull(gateway);
  assert.equal([lost.last, await open(ports)], ["failed", ["open", "-"]]);
  assert.match(lost.because ?? "", /ENOSPC/);
  full = false;
  assert.is((await nextPull(gateway)).last, "new");
  assert.equal(await open(ports), ["-", "open"]);
});

test("metrics and readiness have the source", async () => {
  const { away, gateway } = await served({}, 7);
  let control = await gateway.control();
  const metrics = async (): Promise<string> => String(fieldsOf(fieldsOf(await control.call("metrics"))?.["result"])?.["text"]);
  const before = await metrics();
  for (const line of [
    "ingressd_policy_revision 7",
    "ingressd_source_age_seconds 0",
    'ingressd_source_last_result{result="new"} 1',
    "ingressd_source_failures 0",
  ])
    assert.ok(before.includes(`${line}\n`), line);
  away();
  await nextPull(gateway);
  gateway.clock.advance(1_000);
  // So much later the gateway may have closed a control connection that was idle.
  control.close();
  control = await gateway.control();
  const after = await metrics();
  assert.ok(after.includes('ingressd_source_last_result{result="failed"} 1\n'));
  assert.ok(after.includes('ingressd_source_pulls_total{result="failed"} 1\n'));
  assert.ok(Number(/ingressd_source_age_seconds ([\d.]+)/.exec(after)?.[1]) > 40);
  const health = fieldsOf(fieldsOf(await control.call("health"))?.["result"]);
  assert.is(health?.["ready"], true, "an unreachable source is no outage");
  assert.match(String(health?.["source"]), /^the policy in force was last offered \d+ s ago; the last pull failed: /);
  control.close();
});

test("a source needs keys, state, and no file beside it", async () => {
  const { state, toml } = await scene();
  const said = (text: string): string => {
    const read = parseConfig(text, "c.toml");
    return read.ok ? "good" : read.error.message;
  };
  assert.is(said(toml), "good");
  assert.match(said(toml.replace(/trusted_keys.*/, "")), /policy\.source.* needs `policy\.trusted_keys`/);
  assert.match(said(toml.replace("[policy]", '[policy]\nfile = "/p.wasm"')), /policy\.source.* is given, and `policy\.file`/);
  assert.match(said('[source]\nca = "/ca.pem"'), /source\.ca.* has no effect without `policy\.source`/);
  assert.match(said('[source]\ntoken_file = "/t"'), /source\.token_file.* has no effect without `policy\.source`/);
  assert.match(said(toml.replace(/oci:[^"]*/, "oci://r.example/edge")), /policy\.source.* must be oci:\/\/REGISTRY\/REPOSITORY:TAG/);
  assert.match(said(toml.replace(/oci:[^"]*/, "http://r.example/edge")), /begins with https:\/\/ or oci:\/\//);
  const started = await start({ config: toml.replace(`state_dir = "${state.directory}"`, "") });
  assert.match("failure" in started ? started.failure.message : "started", /`policy\.trusted_keys` needs a directory/);
});

test.run();
