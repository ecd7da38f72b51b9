// Signed policies reach twenty gateways from real servers, and nothing else does: nginx gives them by HTTPS, Debian's docker-registry by OCI.
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { program } from "../ready.ts";
import { skip } from "../skip.ts";
import { ownFolder, stallsAfter, suite } from "../suite.ts";
import { AUTHORITY, registryOf, serve, stored } from "../distribution/server.ts";
import { newSigner, signed } from "../host/signed.ts";
import { freePort, moduleOf } from "../gateway/gateway_under_test.ts";
import { backendAt, gateway, lacking, launched, NGINX, POLL_MS, PORT, REGISTRY, servers, until, type Gateway, type Status } from "./gateways.ts";

const test = suite("distribution to a fleet");
const INGRESSC = program("compiler/cli/ingressc.mjs");
/** Pull from the tag `stable`, from the tag `canary`, and from nginx. */
const [STABLE, CANARY, HTTPS] = [12, 3, 5];
const KILLS = 50;

const stable = `oci://${REGISTRY}/policies/edge:stable`;
const canary = `oci://${REGISTRY}/policies/edge:canary`;

interface Fleet {
  readonly folder: string;
  readonly all: readonly Gateway[];
  readonly stable: readonly Gateway[];
  readonly canary: readonly Gateway[];
  readonly https: readonly Gateway[];
}

async function statusOf(one: Gateway): Promise<Status> {
  const status = await one.status();
  if (status === null) throw new Error(`no answer; it said: ${one.said()}`);
  return status;
}

/** How long it takes until each has the revision, in milliseconds. */
async function converged(gateways: readonly Gateway[], revision: number, mostMs: number): Promise<number> {
  let last: readonly (Status | null)[] = [];
  const isSo = async (): Promise<boolean> => {
    last = await Promise.all(gateways.map((one) => one.status()));
    return last.every((status) => status?.revision === revision);
  };
  try {
    return await until(`revision ${revision} everywhere`, isSo, mostMs);
  } catch (error) {
    const others = gateways.flatMap((one, i) => (last[i]?.revision === revision ? [] : [`${JSON.stringify(last[i])} ${one.said().slice(-400)}`]));
    throw new Error(`${String(error)}: ${others.length} have not, such as ${others[0] ?? ""}`);
  }
}

const why = lacking();
if (why !== null) skip("distribution to a fleet", why);
else {
  test("twenty gateways: a push, a staged rollout, a wrong signature, an older revision, a rollback, new keys, and no server at all", async () => {
    stallsAfter(120_000);
    const folder = ownFolder();
    const place = servers(folder);
    await place.start();
    const unix = join(folder, "b.sock");
    await backendAt(unix);
    const run = (...words: readonly string[]): { readonly code: number | null; readonly text: string } => {
      const { status, stdout, stderr } = spawnSync(process.execPath, [...INGRESSC, ...words], {
        cwd: folder,
        encoding: "utf8",
        env: { ...process.env, DOCKER_CONFIG: place.docker, NO_COLOR: "1" },
      });
      return { code: status, text: stdout + stderr };
    };
    const good = (...words: readonly string[]): string => {
      const { code, text } = run(...words);
      assert.is(code, 0, text);
      return text;
    };
    const policy = (name: string, from: string, answer: string): void =>
      writeFileSync(
        join(folder, `${name}.ingress`),
        `edition 1\nexpose web on tcp ${PORT} { backend unix "${unix}" allow from ${from} }\ntest "clients" { from 10.77.1.1 to web => ${answer} }\n`,
      );
    policy("open", "10.0.0.0/8", "allow");
    policy("closed", "192.0.2.0/24", "deny cidr");
    for (const key of ["first", "second", "stranger"]) good("keygen", key);
    for (const name of ["open", "closed"]) good("build", `${name}.ingress`);
    /** Signs, pushes to a tag, and puts the same bytes where nginx serves them. */
    const publish = (name: string, revision: number, to: string, key = "first"): void => {
      const out = `${name}-${revision}-${key}.wasm`;
      good("sign", `${name}.wasm`, "--key", `${key}.key`, "--revision", String(revision), "-o", out);
      good("push", out, to, "--policy", `${name}.ingress`, "--ca", place.ca);
      if (to !== stable) return;
      copyFileSync(join(folder, out), join(place.files, "next"));
      renameSync(join(place.files, "next"), join(place.files, "edge.wasm"));
    };
    publish("open", 1, stable);
    publish("open", 1, canary);
    const keys = [join(folder, "first.pub"), join(folder, "second.pub")];
    const toml = (source: string, one: string, trusted = keys.slice(0, 1)): string =>
      `state_dir = "${join(one, "state")}"\n[policy]\nsource = "${source}"\ntrusted_keys = ${JSON.stringify(trusted)}\n[source]\npoll_ms = ${POLL_MS}\nca = "${place.ca}"`;
    const made: Gateway[] = [];
    const sources = [...Array<string>(STABLE).fill(stable), ...Array<string>(CANARY).fill(canary), ...Array<string>(HTTPS).fill(`https://${NGINX}/edge.wasm`)];
    for (const [i, source] of sources.entries()) {
      const own = join(folder, `g${i}`);
      made.push(await gateway(i + 1, own, toml(source, own)));
    }
    const fleet: Fleet = {
      folder,
      all: made,
      stable: made.slice(0, STABLE),
      canary: made.slice(STABLE, STABLE + CANARY),
      https: made.slice(STABLE + CANARY),
    };
    const admitting = async (gateways: readonly Gateway[]): Promise<number> => (await Promise.all(gateways.map((one) => one.admits()))).filter(Boolean).length;
    await converged(fleet.all, 1, 120_000);
    assert.is(await admitting(fleet.all), 20);

    // A staged rollout: the canaries first, and then, by another tool, the others.
    publish("closed", 2, canary);
    await converged(fleet.canary, 2, 10_000);
    assert.equal([await admitting(fleet.canary), await admitting(fleet.stable)], [0, STABLE]);
    const names = [canary, stable].map((text) => text.replace("oci:", "docker:"));
    const copied = spawnSync("skopeo", ["copy", "--src-cert-dir", place.certificates, "--dest-cert-dir", place.certificates, ...names], { encoding: "utf8" });
    assert.is(copied.status, 0, copied.stderr);
    await converged(fleet.stable, 2, 10_000);
    assert.equal([await admitting(fleet.stable), await admitting(fleet.https)], [0, HTTPS]);

    // One push for all.
    publish("open", 3, canary);
    publish("open", 3, stable);
    const took = await converged(fleet.all, 3, 10_000);
    console.log(`twenty gateways had a push after ${Math.round(took)} ms, polling every ${POLL_MS} ms`);
    assert.is(await admitting(fleet.all), 20);

    // Nobody takes what a stranger has signed, nor what is older.
    for (const [name, revision, key, code] of [
      ["closed", 9, "stranger", "signature_key"],
      ["closed", 2, "first", "revision_old"],
      ["closed", 3, "first", "revision_reused"],
    ] as const) {
      publish(name, revision, canary, key);
      publish(name, revision, stable, key);
      await until(`${code} everywhere`, async () =>
        (await Promise.all(fleet.all.map(statusOf))).every(({ last, because }) => last === "refused" && because?.includes(`(${code})`) === true),
      );
      for (const { revision: now } of await Promise.all(fleet.all.map(statusOf))) assert.is(now, 3, code);
      assert.is(await admitting(fleet.all), 20, code);
    }

    // A rollback is the older policy with a higher revision.
    publish("closed", 10, canary);
    publish("closed", 10, stable);
    await converged(fleet.all, 10, 10_000);
    assert.is(await admitting(fleet.all), 0);

    // New keys: add, sign with the new one, remove the old one.
    const trust = async (trusted: readonly string[]): Promise<void> => {
      for (const [i, one] of fleet.all.entries()) {
        const config = join(one.folder, "c.toml");
        const text = readFileSync(config, "utf8").replace(/trusted_keys = .*/, `trusted_keys = ${JSON.stringify(trusted)}`);
        writeFileSync(`${config}.new`, text);
        renameSync(`${config}.new`, config);
        await until(`gateway ${i} has the configuration`, () =>
          one.said().includes(`configuration generation ${trusted.length === 2 ? 2 : 3}: policy.trusted_keys`),
        );
      }
    };
    await trust(keys);
    publish("open", 11, canary, "second");
    publish("open", 11, stable, "second");
    await converged(fleet.all, 11, 10_000);
    await trust(keys.slice(1));
    assert.is(await admitting(fleet.all), 20);

    // While all servers are away each one decides, and says how old its policy is.
    await place.stop();
    await until("every gateway has noticed", async () => (await Promise.all(fleet.all.map(statusOf))).every(({ failures }) => failures >= 2));
    for (const { last, ageMs, revision } of await Promise.all(fleet.all.map(statusOf))) {
      assert.equal([last, revision], ["failed", 11]);
      assert.ok(ageMs !== null && ageMs > POLL_MS, String(ageMs));
    }
    assert.is(await admitting(fleet.all), 20);

    // A start finds the last good policy, too.
    const [one] = fleet.all;
    if (one === undefined) throw new Error("no gateway");
    const ended = once(one.child, "close");
    one.child.kill("SIGTERM");
    await ended;
    assert.not.ok(await one.admits());
    one.restart();
    await until("it serves again", () => one.admits());
    assert.is((await statusOf(one)).revision, 11);

    await place.start();
    publish("closed", 12, canary, "second");
    publish("closed", 12, stable, "second");
    await converged(fleet.all, 12, 60_000);
    assert.is(await admitting(fleet.all), 0);
  });

  test("fifty kills at any moment of a download: each start finds a whole policy, and never an older one", async () => {
    stallsAfter(120_000);
    const folder = ownFolder();
    const unix = join(folder, "b.sock");
    await backendAt(unix);
    const ours = newSigner();
    const [key, ca] = [join(folder, "ours.pub"), join(folder, "ca.pem")];
    writeFileSync(key, ours.pem);
    writeFileSync(ca, AUTHORITY.pem);
    const port = await freePort();
    const module = moduleOf(`edition 1\nexpose web on tcp ${port} { backend unix "${unix}" allow from any }`);
    const offered = (revision: number): Uint8Array => signed(module, ours, { revision: BigInt(revision) });
    const server = await serve(registryOf(stored(offered(1))));
    const own = join(folder, "g");
    const toml = `state_dir = "${join(own, "state")}"\n[policy]\nsource = "oci://${server.host}/policies/edge:stable"\ntrusted_keys = ["${key}"]\n[source]\npoll_ms = ${POLL_MS}\nca = "${ca}"`;
    const one = launched(own, toml, [], "127.0.0.1");
    await until("the first policy is in force", async () => (await one.status())?.revision === 1);
    const kill = async (): Promise<void> => {
      const ended = once(one.child, "close");
      one.child.kill("SIGKILL");
      await ended;
    };
    await kill();
    let [lowest, inForce] = [1, 0];
    for (let i = 1; i <= KILLS; i++) {
      const bytes = offered(i + 1);
      const whole = registryOf(stored(bytes));
      let isDue: () => void = () => undefined;
      const due = new Promise<void>((resolve) => (isDue = resolve));
      server.answer = (request, response) => {
        if (request.url?.includes("/blobs/") !== true) return whole(request, response);
        // Half of them are killed within the body, the others at some moment after it: while it is written, renamed, checked, put in force.
        const sent = i % 2 === 0 ? bytes.length : Math.floor((bytes.length * i) / KILLS);
        response.writeHead(200, { "content-length": String(bytes.length) });
        response.write(bytes.subarray(0, sent), () => setTimeout(() => isDue(), i % 2 === 0 ? 4 * i : 0));
      };
      one.restart();
      await due;
      await kill();
      if (i % 10 !== 0) continue;
      server.answer = (_, response) => response.writeHead(503).end();
      one.restart();
      await until("a policy is in force", async () => ((await one.status())?.revision ?? 0) > 0);
      const { revision } = await statusOf(one);
      assert.ok(revision !== null && revision >= lowest && revision <= i + 1, `revision ${revision} after ${lowest}`);
      if (revision > lowest) inForce++;
      lowest = revision;
      await kill();
    }
    console.log(`${KILLS} kills: revision ${lowest} was in force at the end, and ${inForce} of 5 looks found a newer one`);
    server.answer = registryOf(stored(offered(KILLS + 2)));
    one.restart();
    await until("the newest is in force", async () => (await one.status())?.revision === KILLS + 2);
    await kill();

    // A first answer that never ends: the last good policy serves, and a later pull begins anew.
    const next = registryOf(stored(offered(KILLS + 3)));
    let blobs = 0;
    server.answer = (request, response) => {
      if (request.url?.includes("/blobs/") === true && blobs++ === 0) return void response.writeHead(200, { "content-length": "100" }).write("x");
      next(request, response);
    };
    one.restart();
    await until("the last good policy serves", async () => (await one.status())?.revision === KILLS + 2);
    assert.is((await statusOf(one)).failures, 1);
    await until("the next one is in force", async () => (await one.status())?.revision === KILLS + 3);

    // The next gateway takes over with what the source offers, and follows it.
    const previous = once(one.child, "close");
    server.answer = registryOf(stored(offered(KILLS + 4)));
    one.restart("--takeover");
    await previous;
    await until("the next gateway has it", async () => (await one.status())?.revision === KILLS + 4);
    server.answer = registryOf(stored(offered(KILLS + 5)));
    await until("it follows the source", async () => (await one.status())?.revision === KILLS + 5);
    await kill();
  });
}

test.run();
