// Where keys are trusted, nothing decides that none of them signed, and nothing that is older than
// what was in force, however often the gateway starts.
import { chmodSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { generateKeyPairSync } from "node:crypto";
import { join } from "node:path";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { parseConfig } from "../../gateway/config/read.ts";
import { EXIT_REJECTED } from "../../gateway/exit.ts";
import { belowMark, markText, parseMark } from "../../runtime/shell/mark.ts";
import { newSigner, signed } from "../host/signed.ts";
import { backend, freePort, moduleOf, probe, running, start } from "./gateway_under_test.ts";
import { newState, policyStatus } from "./state_under_test.ts";

const test = suite("signed_policies");

test("what is refused changes nothing, and what is newer raises the mark once it is in force", async () => {
  const state = newState();
  const behind = await backend("hello");
  const [port, other] = [await freePort(), await freePort()];
  const policy = (at: number): Uint8Array => moduleOf(`edition 1\nexpose web on tcp ${at} { backend 127.0.0.1:${behind.port} allow from any }`);
  const [good, changed] = [policy(port), policy(other)];
  const { sign } = state;
  const gateway = await running({ module: sign(good, 5), config: state.trusting });
  const shown = (revision: number): object => ({ key_id: state.ours.trusted.id, revision, verified: true });
  assert.equal((await policyStatus(gateway)).signature, shown(5));
  assert.is(state.revision(), 5);

  const altered = (bytes: Uint8Array, back: number): Uint8Array => Uint8Array.from(bytes, (byte, i) => (i === bytes.length - back ? byte ^ 1 : byte));
  const refusals: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ["unsigned", changed, /is refused \(signature_missing\): the module is not signed, .*; sign it with ingressc sign$/],
    ["a higher revision written in", altered(sign(changed, 6), 72), /\(signature_bad\)/],
    [
      "an older revision",
      sign(changed, 4),
      /is refused \(revision_old\): it has revision 4, and revision 5 was in force here: to go back to it, sign it again with revision 6 or more$/,
    ],
    [
      "the same revision of another module",
      sign(changed, 5),
      /\(revision_reused\): revision 5 was in force with another module \([0-9a-f]{12}\): sign this one with revision 6 or more$/,
    ],
  ];
  const before = readFileSync(state.mark, "utf8");
  for (const [name, module, due] of refusals) {
    gateway.place(module);
    const result = await gateway.daemon.reload();
    assert.match(result.ok ? "in force" : result.error.message, due, name);
    assert.is(readFileSync(state.mark, "utf8"), before, name);
  }
  assert.equal(await Promise.all([probe(port), probe(other)]), ["allow", "deny"]);

  gateway.place(sign(good, 5));
  assert.ok((await gateway.daemon.reload()).ok, "the same revision of the same module");
  assert.is(state.revision(), 5);
  gateway.place(sign(changed, 6));
  assert.ok((await gateway.daemon.reload()).ok, "a higher revision");
  assert.is(state.revision(), 6);
  assert.equal(await Promise.all([probe(port), probe(other)]), ["deny", "allow"]);
  await gateway.stop();

  // Another run: the file is older than what was in force, so the copy of that serves.
  const after = await running({ module: sign(good, 5), config: state.trusting });
  const status = await policyStatus(after);
  assert.is(status.source, "last_good");
  assert.match(status.instead_of ?? "", /\(revision_old\)/);
  assert.equal(status.signature, shown(6));
  assert.equal(await Promise.all([probe(port), probe(other)]), ["deny", "allow"]);
  // The older module, signed again above the present one: that is how to roll back.
  after.place(sign(good, 7));
  assert.ok((await after.daemon.reload()).ok);
  assert.equal([(await policyStatus(after)).source, state.revision()], ["file", 7]);
  assert.equal(await Promise.all([probe(port), probe(other)]), ["allow", "deny"]);
  await after.stop();
  behind.close();
});

test("a key file counts as it is at each load: a key is rotated, and a broken one stops every load", async () => {
  const state = newState();
  const next = newSigner();
  const module = moduleOf("edition 1");
  const gateway = await running({ module: state.sign(module, 1), config: state.trusting });
  const reload = async (bytes: Uint8Array): Promise<string> => {
    gateway.place(bytes);
    const result = await gateway.daemon.reload();
    return result.ok ? "in force" : `${result.error.cause}: ${result.error.message}`;
  };
  assert.match(await reload(signed(module, next, { revision: 2n })), /^policy: .*\(signature_key\)/);
  writeFileSync(state.keyPath, next.pem);
  assert.is(await reload(signed(module, next, { revision: 2n })), "in force");
  assert.match(await reload(state.sign(module, 3)), /^policy: .*\(signature_key\)/, "the old key is out");
  writeFileSync(state.keyPath, "");
  assert.match(await reload(signed(module, next, { revision: 3n })), /^keys: .* can't be verified: trusted key .* is not one public key in PEM/);
  writeFileSync(state.keyPath, next.pem);
  assert.is(await reload(signed(module, next, { revision: 3n })), "in force");
  await gateway.stop();
});

test("without trusted keys a signature is not looked at and raises nothing", async () => {
  const state = newState();
  const module = state.sign(moduleOf("edition 1"), 2 ** 53 - 1);
  module[module.length - 1] = (module.at(-1) ?? 0) ^ 1;
  const gateway = await running({ module, config: state.kept });
  assert.equal((await policyStatus(gateway)).signature, { key_id: state.ours.trusted.id, revision: 2 ** 53 - 1, verified: false });
  assert.is(state.revision(), null);
  await gateway.stop();
});

test("no slip in trusted_keys turns verification off", async () => {
  const state = newState();
  const module = moduleOf("edition 1");
  const loose = join(state.directory, "..", "loose.pub");
  writeFileSync(loose, state.ours.pem);
  chmodSync(loose, 0o666);
  const secret = join(state.directory, "..", "secret.key");
  writeFileSync(secret, generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" }));
  const twin = join(state.directory, "..", "twin.pub");
  writeFileSync(twin, state.ours.pem);
  const nowhere = join(state.directory, "..", "nowhere.pub");
  symlinkSync("gone.pub", nowhere);
  const rows: readonly (readonly [keys: readonly string[], due: RegExp])[] = [
    [[join(state.directory, "none.pub")], /trusted key `.*none\.pub` can't be read \(ENOENT/],
    [[nowhere], /nowhere\.pub` can't be read/],
    [[state.directory], /can't be read|not a regular file/],
    [[loose], /loose\.pub` is refused: others can write it \(mode 0666\): run chmod go-w/],
    [[secret], /secret\.key` contains a private key: name the public one/],
    [[state.keyPath, twin], /`.*ours\.pub` and `.*twin\.pub` are one key: name each key once/],
    [[state.keyPath, join(state.directory, "none.pub")], /none\.pub` can't be read/],
    [["/dev/null"], /trusted key `\/dev\/null` (is not a regular file|is refused)/],
  ];
  for (const [keys, due] of rows) {
    const list = keys.map((path) => JSON.stringify(path)).join(", ");
    const started = await start({ module, config: `${state.kept}\n[policy]\ntrusted_keys = [${list}]` });
    assert.ok("failure" in started, list);
    if (!("failure" in started)) continue;
    assert.match(started.failure.message, due, list);
    assert.equal([started.failure.exitCode, started.markers], [EXIT_REJECTED, []], list);
  }
  const homeless = await start({ module, config: `[policy]\ntrusted_keys = ["${state.keyPath}"]` });
  assert.ok("failure" in homeless && /`policy\.trusted_keys` needs a directory .* state_dir$/.test(homeless.failure.message));

  const texts: readonly (readonly [toml: string, due: RegExp])[] = [
    ["trusted_keys = []", /`policy\.trusted_keys` = \[\] must be a list of 1 to 64 different values, .*; it is: absolute paths/],
    ['trusted_keys = "/a.pub"', /must be a list/],
    ['trusted_keys = ["a.pub"]', /each an absolute path/],
    ['trusted_keys = [""]', /each an absolute path/],
    ['trusted_keys = ["/a", "/a"]', /1 to 64 different values/],
    ['trusted_key = ["/a"]', /unknown key `trusted_key` in `policy`/],
    [`trusted_keys = [${Array.from({ length: 65 }, (_, i) => `"/${i}"`).join(",")}]`, /1 to 64 different values/],
  ];
  for (const [toml, due] of texts) {
    const config = parseConfig(`[policy]\n${toml}`, "c.toml");
    assert.match(config.ok ? "taken" : config.error.message, due, toml);
  }
  assert.ok(parseConfig(`[policy]\ntrusted_keys = [${Array.from({ length: 64 }, (_, i) => `"/${i}"`).join(",")}]`, "c.toml").ok);
});

const hash = "ab".repeat(32);
const whole = markText({ revision: 7, sha256: hash });

test("the mark is whole or it is none", () => {
  // The check as sha256sum(1) has it.
  assert.is(whole, `ingressd mark v1 revision=7 sha256=${hash} check=f58dee0d1e848961\n`);
  assert.equal(parseMark(whole), { revision: 7, sha256: hash });
  assert.equal(parseMark(markText({ revision: 2 ** 53 - 1, sha256: hash })), { revision: 2 ** 53 - 1, sha256: hash });
  for (let length = 0; length < whole.length; length++) assert.is(parseMark(whole.slice(0, length)), null, `cut to ${length}`);
  const bytes = Buffer.from(whole);
  for (let i = 0; i < bytes.length * 8; i++) {
    bytes[i >> 3] = (bytes[i >> 3] ?? 0) ^ (1 << (i & 7));
    assert.is(parseMark(bytes.toString("latin1")), null, `bit ${i}`);
    bytes[i >> 3] = (bytes[i >> 3] ?? 0) ^ (1 << (i & 7));
  }
  for (const revision of [0, -1, 1.5, 2 ** 53, Number.NaN]) assert.is(parseMark(markText({ revision, sha256: hash })), null, String(revision));
  for (const text of [`${whole}\n`, `${whole}${whole}`, ` ${whole}`, whole.toUpperCase(), whole.replace("v1", "v2"), "\0".repeat(whole.length)])
    assert.is(parseMark(text), null);
});

test("what may follow the mark", () => {
  const mark = { revision: 7, sha256: hash };
  const rows: readonly (readonly [revision: number, sha256: string, due: RegExp | null])[] = [
    [8, "cd".repeat(32), null],
    [8, hash, null],
    [2 ** 53 - 1, hash, null],
    [7, hash, null],
    [7, "cd".repeat(32), /^\(revision_reused\)/],
    [6, hash, /^\(revision_old\)/],
    [1, "cd".repeat(32), /^\(revision_old\)/],
  ];
  for (const [revision, sha256, due] of rows) {
    const why = belowMark({ keyId: "", revision, verified: true }, sha256, mark);
    if (due === null) assert.is(why, null, `${revision}`);
    else assert.match(why ?? "", due, `${revision}`);
  }
});

test("a damaged mark is no mark at all: nothing is loaded until somebody has looked", async () => {
  const state = newState();
  const module = state.sign(moduleOf("edition 1"), 9);
  for (const text of [whole.slice(0, 40), whole.replace("=7 ", "=1 ")]) {
    writeFileSync(state.mark, text, { mode: 0o600 });
    const started = await start({ module, config: state.trusting });
    assert.ok("failure" in started && started.failure.exitCode === EXIT_REJECTED, JSON.stringify(text));
    if ("failure" in started)
      assert.match(started.failure.message, /\(mark_unreadable\): revision mark `.*` is damaged, .* restore it from a backup, or remove it once/);
    assert.is(readFileSync(state.mark, "utf8"), text, "it is left for people to look at");
  }
  writeFileSync(state.mark, whole);
  chmodSync(state.mark, 0o666);
  const loose = await start({ module, config: state.trusting });
  assert.ok("failure" in loose && /\(mark_unreadable\).*others can write it/.test(loose.failure.message));
});

test.run();
