// The policy in force, as both programs have it: what a load gives, what commits and discards change, and which loads
// are skipped. Real files, real modules, a real worker for each check.
import { createHash } from "node:crypto";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { openEngine } from "../../runtime/host/ask.ts";
import type { PolicyEngine } from "../../runtime/host/module.ts";
import { policyInForce, type Candidate, type LoadWhen, type PolicyInForce, type PolicySource } from "../../runtime/shell/policy_in_force.ts";
import { newSigner, signed } from "../host/signed.ts";
import { moduleOf, temporaryFolder } from "../gateway/gateway_under_test.ts";
import { suite } from "../suite.ts";

const test = suite("policy_in_force");
const SEED = new Uint8Array(16);
const exposing = (port: number): Uint8Array => moduleOf(`edition 1\nexpose web on tcp ${port} { backend 127.0.0.1:9 allow from any }`);
const [FIRST, SECOND] = [exposing(8443), exposing(8444)];

interface Setting {
  readonly path: string;
  readonly inForce: PolicyInForce;
  put(bytes: Uint8Array, path?: string): void;
  /** `null`: nothing to load; a string: the failure. */
  load(when?: LoadWhen): Promise<Candidate | string | null>;
  candidate(when?: LoadWhen): Promise<Candidate>;
  failure(when?: LoadWhen): Promise<string>;
}

function setting(demands: Partial<PolicySource> = {}): Setting {
  const path = join(temporaryFolder(), "policy.wasm");
  const inForce = policyInForce({
    path,
    maxBytes: 1 << 20,
    checkMs: 30_000,
    trustedKeys: undefined,
    keysOption: "--keys",
    revisions: null,
    follows: "file_and_keys",
    ...demands,
  });
  const load = async (when: LoadWhen = "always"): Promise<Candidate | string | null> => {
    const result = await inForce.load(when);
    return result.ok ? result.value : `${result.error.cause}: ${result.error.message}`;
  };
  const unexpected = (): never => {
    throw new Error("it is loaded");
  };
  return {
    path,
    inForce,
    load,
    async failure(when = "always") {
      const loaded = await load(when);
      return typeof loaded === "string" ? loaded : unexpected();
    },
    put(bytes, at = path) {
      writeFileSync(`${at}.new`, bytes, { mode: 0o600 });
      renameSync(`${at}.new`, at);
    },
    async candidate(when = "always") {
      const loaded = await load(when);
      if (loaded === null || typeof loaded === "string") throw new Error(loaded ?? "nothing to load");
      return loaded;
    },
  };
}

const engineOf = async (candidate: Candidate): Promise<PolicyEngine> => {
  const opened = await candidate.open(SEED);
  if (!opened.ok) throw new Error(opened.error.message);
  return opened.value;
};
const commit = async (candidate: Candidate): Promise<number> => candidate.commit(await engineOf(candidate));

test("a load changes nothing, a commit puts the candidate in force, and a discard keeps what is", async () => {
  const { inForce, put, candidate } = setting();
  assert.equal([inForce.engine, inForce.generation], [null, 0]);
  put(FIRST);
  const first = await candidate();
  assert.equal([inForce.engine, inForce.generation], [null, 0]);
  assert.is(await commit(first), 1);
  assert.is(inForce.engine?.info.sha256, first.policy.info.sha256);
  put(SECOND);
  (await candidate()).discard("not_now");
  assert.equal([inForce.engine?.info.sha256, inForce.generation], [first.policy.info.sha256, 1]);
  assert.is(await commit(await candidate()), 2);
});

test("the hash of the bytes in force is that of the file or of the copy that was committed, and the previous one's after it is taken back", async () => {
  const { inForce, put, candidate } = setting();
  const hash = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
  const seen: (string | null)[] = [inForce.sha256];
  put(FIRST);
  const first = await candidate();
  seen.push(inForce.sha256);
  await commit(first);
  seen.push(inForce.sha256);
  const before = inForce.engine;
  put(SECOND);
  const second = await candidate();
  await commit(second);
  seen.push(inForce.sha256);
  second.takeBack(before, "not_now");
  seen.push(inForce.sha256);
  const copy = await inForce.loadCopy(Uint8Array.from(SECOND), "the last good policy");
  if (!copy.ok) throw new Error(copy.error.message);
  await commit(copy.value);
  seen.push(inForce.sha256);
  assert.equal(seen, [null, null, hash(FIRST), hash(SECOND), hash(FIRST), hash(SECOND)]);
});

test("the bytes come back with the candidate, whole", async () => {
  const { put, candidate } = setting();
  put(FIRST);
  assert.equal(Buffer.from((await candidate()).bytes), Buffer.from(FIRST));
});

test("a load where something changed skips what is in force and what was refused, and an order skips nothing", async () => {
  const { put, load, candidate, failure } = setting();
  put(FIRST);
  await commit(await candidate("if_changed"));
  assert.is(await load("if_changed"), null);
  assert.is(await commit(await candidate("always")), 2);
  put(Uint8Array.of(1, 2, 3));
  const why = await failure("if_changed");
  assert.match(why, /^policy: policy `.*` is refused \(module_malformed\): .*; build it again with ingressc$/);
  assert.is(await load("if_changed"), null, "the same bytes");
  assert.is(await load("always"), why);
  put(FIRST);
  assert.is(await load("if_changed"), null, "back to what is in force");
  put(Uint8Array.of(1, 2, 3));
  assert.is(await load("if_changed"), why, "what is refused again is said again");
});

test("a candidate that is discarded as refused is skipped, and one that may succeed later is not", async () => {
  const { put, load, candidate } = setting();
  put(FIRST);
  (await candidate()).discard("not_now");
  (await candidate("if_changed")).discard("refused");
  assert.is(await load("if_changed"), null);
  (await candidate("always")).discard("refused");
  put(SECOND);
  (await candidate("if_changed")).discard("not_now");
  put(FIRST);
  await candidate("if_changed");
});

test("the file of a change that was aborted is loaded by an order alone, until another file or the same one is in force", async () => {
  const { put, load, candidate } = setting();
  put(FIRST);
  await commit(await candidate());
  put(SECOND);
  (await candidate("always")).discard("aborted");
  for (const when of ["if_changed", "unless_aborted"] as const) assert.is(await load(when), null, when);
  put(FIRST);
  (await candidate("unless_aborted")).discard("not_now");
  put(SECOND);
  assert.is(await load("unless_aborted"), null, "it is still that file");
  await commit(await candidate("always"));
  (await candidate("unless_aborted")).discard("refused");
  (await candidate("unless_aborted")).discard("not_now");
  // After its commit, too.
  put(FIRST);
  const third = await candidate("always");
  await commit(third);
  third.takeBack(null, "aborted");
  assert.is(await load("unless_aborted"), null);
});

test("a failure without bytes is said once by changes, and each time by orders", async () => {
  const { load, failure } = setting();
  const why = await failure("if_changed");
  assert.match(why, /^policy: policy `.*` can't be read \(ENOENT/);
  assert.is(await load("if_changed"), null);
  assert.is(await load("always"), why);
});

test("a candidate is committed once, and not after another one", async () => {
  const { inForce, put, candidate } = setting();
  put(FIRST);
  const [old, next] = [await candidate(), await candidate()];
  const engine = await engineOf(next);
  next.commit(engine);
  assert.throws(() => old.commit(engine), /older than the policy in force/);
  assert.throws(() => next.commit(engine), /committed can't be committed/);
  const gone = await candidate();
  gone.discard("not_now");
  assert.throws(() => gone.commit(engine), /over can't be committed/);
  assert.is(inForce.generation, 1);
});

test("a commit is taken back: the engine that is given decides, and the file is not tried again by itself", async () => {
  const { inForce, put, load, candidate } = setting();
  put(FIRST);
  await commit(await candidate());
  const previous = inForce.engine;
  put(SECOND);
  const second = await candidate();
  assert.throws(() => second.takeBack(previous, "refused"), /not in force/);
  await commit(second);
  assert.is(second.takeBack(previous, "refused"), 3);
  assert.is(inForce.engine, previous);
  assert.throws(() => second.takeBack(previous, "refused"), /not in force/);
  assert.is(await load("if_changed"), null);
  put(FIRST);
  assert.is(await load("if_changed"), null, "the previous file is in force again");
  const third = await candidate();
  await commit(third);
  await commit(await candidate());
  assert.throws(() => third.takeBack(null, "refused"), /not in force/, "another policy is in force since");
});

test("a commit that is taken back for now is tried again by a change, and with no engine nothing decides", async () => {
  const { inForce, put, load, candidate } = setting();
  put(FIRST);
  const first = await candidate();
  await commit(first);
  assert.is(first.takeBack(null, "not_now"), 1, "no generation has no policy");
  assert.is(inForce.engine, null);
  const again = await candidate("if_changed");
  await commit(again);
  again.takeBack(null, "refused");
  assert.is(await load("if_changed"), null);
});

test("a module that failed inside is tried again after a change, even where a reload of the same bytes was refused", async () => {
  const { put, load, candidate } = setting();
  put(FIRST);
  const first = await candidate();
  const engine = await engineOf(first);
  let poisoned = false;
  first.commit(new Proxy(engine, { get: (on, key) => (key === "poisoned" ? poisoned : (Reflect.get(on, key, on) as unknown)) }));
  (await candidate("always")).discard("refused");
  assert.is(await load("if_changed"), null);
  poisoned = true;
  await candidate("if_changed");
});

test("a module that failed inside is loaded again, though its file is the same", async () => {
  const { put, load, candidate } = setting();
  put(FIRST);
  const first = await candidate();
  const sound = openEngine(first.policy, SEED);
  let poisoned = false;
  first.commit(new Proxy(sound, { get: (on, key) => (key === "poisoned" ? poisoned : (Reflect.get(on, key, on) as unknown)) }));
  assert.is(await load("if_changed"), null);
  poisoned = true;
  await commit(await candidate("if_changed"));
});

test("trusted keys that change are looked at, with the same bytes", async () => {
  const [ours, other] = [newSigner(), newSigner()];
  const key = join(temporaryFolder(), "ours.pub");
  const { inForce, put, load, candidate, failure } = setting({ trustedKeys: [key] });
  const putKey = (pem: string): void => put(Buffer.from(pem), key);
  put(signed(FIRST, ours));
  assert.match(await failure(), /^keys: policy `.*` can't be verified: trusted key `.*` can't be read/);
  putKey(other.pem);
  assert.match(await failure("if_changed"), /\(signature_key\): .*; sign it with a key of --keys, or add this key's public file there$/);
  assert.is(await load("if_changed"), null);
  putKey(ours.pem);
  await commit(await candidate("if_changed"));
  putKey(other.pem);
  assert.match(await failure("if_changed"), /\(signature_key\)/);
  assert.is(inForce.generation, 1, "what is in force stays");
  putKey(ours.pem);
  assert.is(await load("if_changed"), null);
  assert.is(inForce.generation, 1);
});

test("a program that follows the file alone looks at trusted keys at its next order", async () => {
  const ours = newSigner();
  const key = join(temporaryFolder(), "ours.pub");
  const { put, load, candidate, failure } = setting({ trustedKeys: [key], follows: "file" });
  put(Buffer.from(ours.pem), key);
  put(signed(FIRST, ours));
  await commit(await candidate());
  put(Buffer.from(newSigner().pem), key);
  assert.is(await load("if_changed"), null);
  assert.match(await failure("always"), /\(signature_key\)/);
  put(signed(SECOND, ours));
  assert.match(await failure("if_changed"), /\(signature_key\)/);
  put(Buffer.from(ours.pem), key);
  assert.is(await load("if_changed"), null, "the file was refused");
  await candidate("always");
});

test("the revision is a demand like the others", async () => {
  const { put, failure } = setting({ revisions: { refusal: () => "(revision_old): it has revision 1" } });
  put(FIRST);
  assert.match(await failure(), /^policy: policy `.*` is refused \(revision_old\): it has revision 1$/);
});

test("the largest file is loaded, and one byte more is not", async () => {
  const most = setting({ maxBytes: FIRST.length });
  most.put(FIRST);
  await most.candidate();
  const less = setting({ maxBytes: FIRST.length - 1 });
  less.put(FIRST);
  assert.match(await less.failure(), new RegExp(`has more than ${FIRST.length - 1} bytes`));
});

test("a copy is checked as a file is, and does not count as the file in force", async () => {
  const { inForce, put, load, candidate, failure } = setting();
  const bad = await inForce.loadCopy(Uint8Array.of(1), "the last good policy");
  assert.match(bad.ok ? "" : bad.error.message, /^the last good policy is refused \(module_malformed\)/);
  const copy = await inForce.loadCopy(Uint8Array.from(FIRST), "the last good policy");
  if (!copy.ok) throw new Error(copy.error.message);
  assert.equal([copy.value.name, copy.value.sha256], ["the last good policy", createHash("sha256").update(FIRST).digest("hex")]);
  put(Uint8Array.of(1, 2, 3));
  await failure();
  assert.is(await commit(copy.value), 1);
  assert.is(await load("if_changed"), null, "the file is still the one that was refused");
  put(FIRST);
  assert.is(await commit(await candidate("if_changed")), 2);
});

test("an engine that can't be opened is a failure with a reason", async () => {
  const { put, candidate } = setting();
  put(FIRST);
  const { policy, open } = await candidate();
  // No tables: the module's own memory is not what was checked.
  Object.assign(policy, { module: new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)) });
  const opened = await open(SEED);
  assert.match(opened.ok ? "" : opened.error.message, /^policy `.*` can't be loaded \(.+\)$/);
});

test("a program that ends loads nothing, and abandons a check under way", async () => {
  const ending = new AbortController();
  const { put, load } = setting({ ending: ending.signal });
  put(FIRST);
  const under = load();
  setImmediate(() => ending.abort());
  assert.is(await under, "ending: the program is ending: nothing was loaded");
  assert.is(await load(), "ending: the program is ending: nothing was loaded");
});

test.run();
