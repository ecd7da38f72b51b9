// A source that hangs, a directory of state that two gateways share, and faults of this host: what a gateway with a source does then.
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { createKeeper } from "../../gateway/reload/keeper.ts";
import type { Participant } from "../../gateway/participant.ts";
import { IDLE_MS } from "../../runtime/distribution/http.ts";
import { BACK_OFF_MOST_MS } from "../../runtime/distribution/schedule.ts";
import { systemDisk, type Disk } from "../../runtime/shell/disk.ts";
import { markText } from "../../runtime/shell/mark.ts";
import { AUTHORITY, registryOf, serve, stored, type Served } from "../distribution/server.ts";
import { newSigner, signed } from "../host/signed.ts";
import { suite } from "../suite.ts";
import { authority, dns, leaf } from "../tls/certificates.ts";
import { eventually, running, temporaryFolder, type Under } from "./gateway_under_test.ts";
import { nextPull, open, POLL, scene, served, sourceOf } from "./source_under_test.ts";

const test = suite("faults of a source");

const silent: Served["answer"] = () => undefined;

test("a reload does not wait for a poll that hangs", async () => {
  const { state, server, ports, module, offer, gateway } = await served();
  server.answer = silent;
  server.seen.length = 0;
  gateway.clock.advance((await sourceOf(gateway)).next_in_ms ?? 0);
  await eventually(() => server.seen.length === 1, "the poll");
  offer(state.sign(module(1), 2));
  assert.ok((await gateway.daemon.reload()).ok);
  assert.equal(await open(ports), ["-", "open"]);
  assert.not.ok(
    gateway.said.some((line) => line.includes("can't be pulled")),
    "it ended as ordered, and did not fail",
  );
  const { failures, next_in_ms: next } = await sourceOf(gateway);
  assert.is(failures, 0);
  assert.ok(next !== null && next <= 1.2 * POLL);
});

test("a reload with another source ends the pull of a reload that hangs, and both have what the new one offers", async () => {
  const { state, server, ports, toml, module, gateway } = await served();
  server.answer = silent;
  server.seen.length = 0;
  const first = gateway.daemon.reload();
  await eventually(() => server.seen.length === 1, "the first reload");
  const other = await serve(registryOf(stored(state.sign(module(1), 2))), null);
  gateway.configure(toml.replace(server.host, other.host));
  const second = gateway.daemon.reload();
  assert.equal([(await first).ok, (await second).ok], [true, true]);
  assert.equal([await open(ports), server.seen.length], [["-", "open"], 1]);
});

test("a pull that is due while reloads are under way is theirs", async () => {
  const { state, server, module, offer, gateway } = await served();
  server.answer = silent;
  server.seen.length = 0;
  const first = gateway.daemon.reload();
  await eventually(() => server.seen.length === 1, "the first reload");
  await gateway.daemon.renew();
  gateway.clock.advance(1);
  const second = gateway.daemon.reload();
  offer(state.sign(module(1), 2));
  gateway.clock.advance(IDLE_MS);
  assert.is((await first).ok, false);
  assert.is((await second).ok, true);
  assert.is(gateway.daemon.counters.reloads, 2, "the start, and the second reload");
});

test("a change of settings that a poll puts in force is followed at once, and one of poll_ms counts from then on", async () => {
  const { state, server, ports, toml, module, offer } = await scene();
  offer(state.sign(module(0), 1));
  const every = (ms: number): string => toml.replace(`poll_ms = ${POLL}`, `poll_ms = ${ms}`);
  // Longer than the clock moves until the file's change is seen.
  const gateway = await running({ config: every(3_600_000), watchesConfig: true });
  gateway.configure(every(10_000));
  await eventually(() => (gateway.clock.advance(60), gateway.said.some((line) => line.includes("source.poll_ms"))), "the reload");
  const { next_in_ms: next, pulls } = await sourceOf(gateway);
  assert.ok(next !== null && next > 0 && next <= 12_000, `${next} ms`);
  assert.equal(pulls, { new: 1 }, "it is no other source");
  await gateway.stop();

  const unwatched = await running({ config: toml });
  const other = await serve(registryOf(stored(state.sign(module(0), 3))), null);
  offer(state.sign(module(1), 2));
  unwatched.configure(toml.replace(server.host, other.host));
  const polled = await nextPull(unwatched);
  assert.equal([polled.last, polled.next_in_ms, await open(ports)], ["new", 0, ["-", "open"]]);
  assert.equal([(await nextPull(unwatched)).last, await open(ports)], ["new", ["open", "-"]]);
  await unwatched.stop();
});

test("a reload renews certificates also where nothing can be pulled", async () => {
  const folder = temporaryFolder();
  const site = authority("site");
  const put = (): void => {
    const { pem, key } = leaf(site, { use: "server", names: [dns("web.test")] });
    writeFileSync(join(folder, "web.pem"), pem, { mode: 0o600 });
    writeFileSync(join(folder, "web.key"), key, { mode: 0o600 });
  };
  put();
  const { state, toml, module, offer, away } = await scene();
  offer(state.sign(module(0), 1));
  const unwatched = toml.replace("[policy]", "[policy]\nwatch = false");
  const gateway = await running({ config: `${unwatched}\n[certs.web]\ncert = "${folder}/web.pem"\nkey = "${folder}/web.key"` });
  away();
  const renewed = (): number => gateway.said.filter((line) => line.startsWith("certificates and authorities renewed: ")).length;
  for (const reload of [() => gateway.daemon.reload(), () => gateway.daemon.hangup()]) {
    const before = renewed();
    put();
    const result = await reload();
    assert.not.ok(result?.ok === true);
    assert.is(renewed(), before + 1, gateway.said.join("\n"));
  }
  assert.match(gateway.said.at(-1) ?? "", /reload refused, generation 1 stays in force: the source can't be pulled \(status\)/);
});

/** Calls `then` once after something has taken the place of `pulled.wasm`, from when `arm` is called. */
function replacing(): { readonly disk: Disk; readonly arm: (then: (path: string) => void) => void } {
  let armed: ((path: string) => void) | null = null;
  const disk: Disk = {
    ...systemDisk,
    async replace(from, to) {
      await systemDisk.replace(from, to);
      if (!to.endsWith("/pulled.wasm")) return;
      const then = armed;
      armed = null;
      then?.(to);
    },
  };
  return { disk, arm: (then) => (armed = then) };
}

test("what another gateway has put in the place of the offer is not confirmed as the offer", async () => {
  const { state, ports, toml, module, offer } = await scene();
  offer(state.sign(module(0), 1));
  const { disk, arm } = replacing();
  const gateway = await running({ config: toml, disk });
  offer(state.sign(module(1), 3));
  arm((path) => writeFileSync(path, state.sign(module(0), 2)));
  const other = await nextPull(gateway);
  assert.equal([other.last, state.revision()], ["failed", 2]);
  assert.match(other.because ?? "", /another gateway/);
  assert.is(other.age_ms, null, "the source has not offered what is in force");
  const next = await nextPull(gateway);
  assert.equal([next.last, next.age_ms, state.revision(), await open(ports)], ["new", 0, 3, ["-", "open"]]);
});

test("an offer that is in force takes its place again in the directory of state", async () => {
  const { state, ports, toml, module, offer } = await scene();
  const good = state.sign(module(0), 2);
  offer(good);
  const gateway = await running({ config: toml });
  const path = join(state.directory, "pulled.wasm");
  for (const other of [state.sign(module(1), 1), state.sign(module(1), 9), null]) {
    if (other === null) await systemDisk.remove(path);
    else writeFileSync(path, other);
    assert.ok((await gateway.daemon.reload()).ok);
    assert.equal(new Uint8Array(readFileSync(path)), good);
    assert.equal([await open(ports), state.revision()], [["open", "-"], 2]);
  }
});

/** The age of the source, once the next pull has its time. */
async function scheduled(gateway: Under): Promise<number> {
  for (let i = 0; i < 100_000; i++) {
    const { next_in_ms: next, age_ms: age } = await sourceOf(gateway);
    if (next !== null) return age ?? 0;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error("no pull has its time");
}

test("an offer whose load broke off is not confirmed, and is loaded at the next pull", async () => {
  let breaks = false;
  const participant: Participant = {
    name: "the test",
    prepare: () => (breaks ? Promise.reject(new Error("broken")) : Promise.resolve({ ok: true, value: { commit: () => undefined, abort: () => undefined } })),
  };
  const { state, ports, toml, module, offer } = await scene();
  const ways: readonly (readonly [said: RegExp, begin: (gateway: Under) => void, end: (gateway: Under) => void])[] = [
    [/^reload refused, generation 1 stays in force: .*broken/, () => (breaks = true), () => (breaks = false)],
    // The reload itself throws.
    [/^the source could not be pulled: .*ENOENT/, ({ folder }) => rmSync(join(folder, "test.toml")), (gateway) => gateway.configure(toml)],
  ];
  let revision = 0;
  for (const [said, begin, end] of ways) {
    offer(state.sign(module(0), ++revision));
    const gateway = await running({ config: toml, participants: [participant] });
    begin(gateway);
    offer(state.sign(module(1), ++revision));
    gateway.clock.advance((await sourceOf(gateway)).next_in_ms ?? 0);
    await eventually(() => gateway.said.some((line) => said.test(line)), `${said}`);
    assert.ok((await scheduled(gateway)) > 0);
    end(gateway);
    assert.is((await nextPull(gateway)).last, "new");
    assert.equal(await open(ports), ["-", "open"]);
    await gateway.stop();
  }
});

test("a gateway that is ending does not overwrite the file of its successor", async () => {
  for (const when of ["before the load", "in the load"]) {
    const { state, toml, module, offer } = await scene();
    offer(state.sign(module(0), 1));
    const { disk: below, arm } = replacing();
    const begun: string[] = [];
    const begin = (path: string): void => {
      if (path.includes("/pulled.wasm")) begun.push(path);
    };
    const disk: Disk = {
      write: (to, bytes) => (begin(to), below.write(to, bytes)),
      replace: (from, to) => (begin(to), below.replace(from, to)),
      remove: (path) => (begin(path), below.remove(path)),
    };
    let atLoad = (): void => undefined;
    const participant: Participant = {
      name: "the test",
      prepare: () => {
        atLoad();
        return Promise.resolve({ ok: true, value: { commit: () => undefined, abort: () => undefined } });
      },
    };
    const gateway = await running({ config: toml, disk, participants: [participant] });
    const path = join(state.directory, "pulled.wasm");
    const theirs = state.sign(module(1), 7);
    offer(state.sign(module(1), 2));
    const stopped = new Promise<void>((resolve, reject) => {
      const stop = (): void => {
        gateway.daemon.stop().then(resolve, reject);
        begun.length = 0;
        writeFileSync(path, theirs);
      };
      if (when === "in the load") atLoad = stop;
      else arm(stop);
    });
    gateway.clock.advance((await sourceOf(gateway)).next_in_ms ?? 0);
    await stopped;
    // Whatever it would still write has begun then.
    for (let i = 0; i < 20_000; i++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal([begun, new Uint8Array(readFileSync(path))], [[], theirs], when);
    assert.is(state.revision(), 1, when);
  }
});

test("a refused offer is loaded again after 15 minutes, and said once", async () => {
  const { state, ports, module, offer, gateway } = await served({}, 5);
  const { counters } = gateway.daemon;
  offer(state.sign(module(1), 4));
  await nextPull(gateway);
  assert.is(counters.reloadsRefused, 1);
  const refusedMs = gateway.clock.monoMs();
  const until = async (ms: number): Promise<void> => {
    let last = "";
    while (gateway.clock.monoMs() + ((await sourceOf(gateway)).next_in_ms ?? 0) < ms) {
      last = (await nextPull(gateway)).last ?? "";
      assert.is(last, "refused");
    }
  };
  await until(refusedMs + BACK_OFF_MOST_MS);
  assert.is(counters.reloadsRefused, 1, "not within 15 minutes");
  await nextPull(gateway);
  assert.is(counters.reloadsRefused, 2);
  assert.is(gateway.said.filter((line) => line.includes("revision_old")).length, 1);
  // The mark permits it now.
  writeFileSync(state.mark, markText({ revision: 3, sha256: "0".repeat(64) }));
  await until(gateway.clock.monoMs() + BACK_OFF_MOST_MS);
  assert.equal(await open(ports), ["open", "-"]);
  await nextPull(gateway);
  assert.equal(await open(ports), ["-", "open"]);
});

test("without an ETag a refused module is not loaded at every poll", async () => {
  const { state, ports, toml, module } = await scene();
  const ca = join(temporaryFolder(), "ca.pem");
  writeFileSync(ca, AUTHORITY.pem, { mode: 0o644 });
  let offered = state.sign(module(0), 1);
  const server = await serve((_, response) => response.end(offered));
  const gateway = await running({ config: `${toml.replace(/oci:[^"]*/, `https://${server.host}/p.wasm`)}\nca = "${ca}"` });
  const { counters } = gateway.daemon;
  offered = signed(module(1), newSigner(), { revision: 2n });
  for (let i = 0; i < 3; i++) {
    assert.is((await nextPull(gateway)).last, "refused");
    assert.is(counters.reloadsRefused, 1);
  }
  assert.is(gateway.said.filter((line) => line.includes("signature_key")).length, 1);
  offered = signed(module(1), newSigner(), { revision: 2n });
  await nextPull(gateway);
  assert.is(counters.reloadsRefused, 2, "another one is");
  offered = state.sign(module(1), 2);
  assert.equal([(await nextPull(gateway)).last, await open(ports)], ["new", ["-", "open"]]);
});

test("a refused module is not kept where the last good one can't be read either", async () => {
  const { state, ports, module, offer, gateway } = await served();
  chmodSync(state.copy, 0o666);
  offer(module(1));
  assert.is((await nextPull(gateway)).last, "refused");
  assert.not.ok(existsSync(join(state.directory, "pulled.wasm")));
  assert.match(gateway.said.join("\n"), /the refused policy is removed from the state directory, and the last good one does not take its place: .*chmod/);
  assert.equal(await open(ports), ["open", "-"]);
});

test("the bound of the last good policy is the one in force", () => {
  const directory = temporaryFolder();
  writeFileSync(join(directory, "last_good.wasm"), "abc", { mode: 0o600 });
  let most = 2;
  const keeper = createKeeper(directory, () => most, systemDisk);
  assert.is(keeper.lastGood()?.ok, false);
  most = 3;
  assert.is(keeper.lastGood()?.ok, true);
});

test("a start removes what was half written by gateways that are no more", async () => {
  const { state, toml, module, offer } = await scene();
  offer(state.sign(module(0), 1));
  const at = (pid: number): string => join(state.directory, `pulled.wasm.${pid}.new`);
  // No process has the first.
  const [dead, own, alive] = [at(999_999_999), at(process.pid), at(process.ppid)];
  const others = [alive, join(state.directory, "pulled.wasm.new"), join(state.directory, "pulled.wasm.x.new")];
  for (const path of [dead, own, ...others]) writeFileSync(path, "half");
  await running({ config: toml });
  assert.equal([dead, own, ...others].map(existsSync), [false, false, true, true, true]);
});

test.run();
