// The age of a policy and where it came from, where a configuration changes from a file to a source, from one source to another, and back.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { systemDisk, type Disk } from "../../runtime/shell/disk.ts";
import { fieldsOf } from "../../runtime/shell/rpc_client.ts";
import { suite } from "../suite.ts";
import { registryOf, serve, stored } from "../distribution/server.ts";
import { running, type Under } from "./gateway_under_test.ts";
import { nextPull, open, scene, sourceOf, type Source as SourceNow } from "./source_under_test.ts";
import { policyStatus } from "./state_under_test.ts";

const test = suite("age of what a source offers");
const HOUR = 3_600_000;
const BEGIN = Date.UTC(2030, 0, 1);

/** The sample of the metric; null where there is none. */
async function ageMetric(gateway: Under): Promise<number | null> {
  const control = await gateway.control();
  const text = String(fieldsOf(fieldsOf(await control.call("metrics"))?.["result"])?.["text"]);
  control.close();
  const sample = /^ingressd_source_age_seconds (\S+)$/m.exec(text)?.[1];
  return sample === undefined ? null : Number(sample);
}

async function factsOf(gateway: Under): Promise<readonly [from: string, insteadOf: boolean, ageMs: number | null, metric: number | null]> {
  const { source, instead_of: instead } = await policyStatus(gateway);
  const { age_ms: age } = await sourceOf(gateway);
  return [source, instead !== null, age, await ageMetric(gateway)];
}

test("from a file to a source: the file's policy has no age until the source offers it, and is the source's from then on", async () => {
  const { state, ports, toml, module, offer } = await scene();
  const good = state.sign(module(0), 1);
  const fromFile = await running({ module: good, config: state.trusting, wall: () => BEGIN });
  assert.is(fieldsOf(await fromFile.daemon.status())?.["source"], null);
  assert.is(await ageMetric(fromFile), null);
  await fromFile.stop();

  let now = BEGIN + HOUR;
  const gateway = await running({ config: toml, wall: () => now });
  assert.equal(await open(ports), ["open", "-"]);
  assert.equal(await factsOf(gateway), ["last_good", true, null, null]);
  assert.match((await sourceOf(gateway)).sentence, /^nothing of it is known to be in force; the last pull failed: /);
  offer(good);
  assert.is((await nextPull(gateway)).last, "unchanged");
  assert.equal(await factsOf(gateway), ["source", false, 0, 0]);
  now += 90_000;
  assert.equal(await factsOf(gateway), ["source", false, 90_000, 90]);
  await gateway.stop();
});

test("to a file and back: the age is that of the source's offer, not of the file; of another policy there is none", async () => {
  const { state, ports, toml, module, offer, away } = await scene();
  const [first, second] = [state.sign(module(0), 1), state.sign(module(1), 2)];
  offer(first);
  const before = await running({ config: toml, wall: () => BEGIN });
  assert.equal(await factsOf(before), ["source", false, 0, 0]);
  await before.stop();
  away();
  const again = await running({ module: first, config: state.trusting, wall: () => BEGIN + HOUR });
  await again.stop();
  const back = await running({ config: toml, wall: () => BEGIN + 3 * HOUR });
  assert.equal(await factsOf(back), ["source", false, 3 * HOUR, 3 * 3600]);
  await back.stop();

  const other = await running({ module: second, config: state.trusting, wall: () => BEGIN + 4 * HOUR });
  assert.equal(await open(ports), ["-", "open"]);
  await other.stop();
  const gateway = await running({ config: toml, wall: () => BEGIN + 5 * HOUR });
  assert.equal(await open(ports), ["-", "open"]);
  assert.equal(await factsOf(gateway), ["last_good", true, null, null]);
  // The older one that it offers still is refused, which gives the other one no age.
  offer(first);
  assert.is((await nextPull(gateway)).last, "refused");
  assert.equal(await factsOf(gateway), ["last_good", true, null, null]);
  offer(second);
  assert.is((await nextPull(gateway)).last, "unchanged");
  assert.equal(await factsOf(gateway), ["source", false, 0, 0]);
  await gateway.stop();
});

test("another source has not offered what the previous one did, until it does, in a run and over a start", async () => {
  const { state, server, ports, toml, module, offer, away } = await scene();
  const good = state.sign(module(0), 1);
  offer(good);
  let now = BEGIN;
  const gateway = await running({ config: toml, wall: () => now });
  const next = await serve((_, response) => response.writeHead(503).end(), null);
  gateway.configure(toml.replace(server.host, next.host));
  assert.not.ok((await gateway.daemon.reload()).ok, "nothing can be pulled");
  assert.equal(
    [await open(ports), await factsOf(gateway)],
    [
      ["open", "-"],
      ["source", false, null, null],
    ],
  );
  next.answer = registryOf(stored(good));
  assert.is((await nextPull(gateway)).last, "unchanged");
  assert.equal(await factsOf(gateway), ["source", false, 0, 0]);
  await gateway.stop();

  away();
  now += HOUR;
  const first = await running({ config: toml, wall: () => now });
  assert.equal(await factsOf(first), ["source", false, null, null]);
  await first.stop();
  next.close();
  const second = await running({ config: toml.replace(server.host, next.host), wall: () => now });
  assert.equal(await factsOf(second), ["source", false, HOUR, 3600]);
  await second.stop();
});

test("an offer has its age from the moment at which it is in force, also while its load has not ended", async () => {
  const { state, toml, module, offer } = await scene();
  offer(state.sign(module(0), 1));
  let now = BEGIN;
  let seen: Promise<SourceNow> | null = null;
  let gateway: Under | null = null;
  const disk: Disk = {
    ...systemDisk,
    async replace(from, to) {
      // The copy takes its place behind the commit.
      if (to.endsWith("/last_good.wasm") && gateway !== null) seen = sourceOf(gateway);
      await systemDisk.replace(from, to);
    },
  };
  gateway = await running({ config: toml, disk, wall: () => now });
  now += HOUR;
  offer(state.sign(module(1), 2));
  await nextPull(gateway);
  assert.is(seen === null ? "no look" : (await (seen as Promise<SourceNow>)).age_ms, 0);
  await gateway.stop();
});

test("after a refused offer at a start the last good policy is in the place of the source's until the good one is offered again", async () => {
  const { state, toml, module, offer } = await scene();
  const good = state.sign(module(0), 5);
  offer(good);
  await (await running({ config: toml, wall: () => BEGIN })).stop();
  offer(state.sign(module(1), 4));
  const gateway = await running({ config: toml, wall: () => BEGIN + HOUR });
  assert.equal(await factsOf(gateway), ["last_good", true, HOUR, 3600]);
  offer(good);
  assert.is((await nextPull(gateway)).last, "unchanged");
  assert.equal(await factsOf(gateway), ["source", false, 0, 0]);
  await gateway.stop();
});

test("a change that is taken back takes back where the policy in force came from, and one that is aborted changes nothing of it", async () => {
  const { state, toml, module, offer, away } = await scene();
  const good = state.sign(module(0), 1);
  await (await running({ module: good, config: state.trusting })).stop();
  const gateway = await running({ config: toml });
  const because = (await policyStatus(gateway)).instead_of;
  assert.match(because ?? "", /the source can't be pulled/);
  const place = (bytes: Uint8Array): void => writeFileSync(join(state.directory, "pulled.wasm"), bytes, { mode: 0o600 });
  place(state.sign(module(1), 2));
  const aborted = await gateway.daemon.prepare();
  assert.ok(aborted.ok && (await aborted.value.abort()).ok);
  assert.is((await policyStatus(gateway)).instead_of, because);
  const committed = await gateway.daemon.prepare();
  assert.ok(committed.ok && (await committed.value.commit()).ok);
  assert.is((await policyStatus(gateway)).instead_of, null);
  assert.ok((await committed.value.abort()).ok);
  assert.is((await policyStatus(gateway)).instead_of, because);
  // The source offers what is in force while a change is prepared.
  const prepared = await gateway.daemon.prepare();
  assert.ok(prepared.ok);
  offer(good);
  assert.is((await nextPull(gateway)).last, "unchanged");
  assert.ok((await prepared.value.abort()).ok);
  assert.equal((await factsOf(gateway)).slice(0, 3), ["source", false, 0]);
  away();
  await gateway.stop();
});

test("a record of the last offer that is damaged, missing or can't be written gives no age after a start, and no outage", async () => {
  const { state, ports, toml, module, offer, away } = await scene();
  offer(state.sign(module(0), 1));
  await (await running({ config: toml, wall: () => BEGIN })).stop();
  const path = join(state.directory, "last_offer");
  const written = readFileSync(path, "utf8");
  assert.match(written, /^[0-9a-f]{64} oci:\/\/\S+:stable\n$/);
  away();
  const ageOf = async (): Promise<number | null> => {
    const gateway = await running({ config: toml, wall: () => BEGIN + HOUR });
    assert.equal(await open(ports), ["open", "-"]);
    const { age_ms: age } = await sourceOf(gateway);
    await gateway.stop();
    return age;
  };
  for (const text of ["", "x", written.slice(1), written.trimEnd(), `${written}${written}`, written.replace(":stable", ":canary"), "a".repeat(5000)]) {
    writeFileSync(path, text);
    assert.is(await ageOf(), null, JSON.stringify(text.slice(0, 80)));
  }
  rmSync(path);
  assert.is(await ageOf(), null, "missing");

  const disk = {
    ...systemDisk,
    write: (to: string, bytes: Uint8Array) => (to.includes("/last_offer") ? Promise.reject(new Error("ENOSPC")) : systemDisk.write(to, bytes)),
  };
  offer(state.sign(module(0), 1));
  const full = await running({ config: toml, disk, wall: () => BEGIN });
  assert.equal(await factsOf(full), ["source", false, 0, 0]);
  await full.stop();
  away();
  assert.is(await ageOf(), null, "not written");
});

test.run();
