// keygen, sign and verify as people use them: keys that others can read are no keys, nothing is
// overwritten, and the answers say which of yes, no and "no policy" it is.
import { createPrivateKey, createPublicKey } from "node:crypto";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { skip } from "../skip.ts";
import { envelope, folder, ingressc, ingresscHere, type Folder } from "./programs.ts";

const signing = suite<{ dir: Folder }>("signing");
const POLICY = "edition 1\nexpose web on tcp 443 { backend 127.0.0.1:8080 allow from 198.51.100.0/24 }\n";

signing.before(async (context) => {
  const dir = folder();
  context.dir = dir;
  dir.write("edge.ingress", POLICY);
  dir.write("wide.ingress", POLICY.replace("198.51.100.0/24", "any"));
  for (const args of [
    ["build", "edge.ingress"],
    ["build", "wide.ingress"],
    ["keygen", "a"],
    ["keygen", "b"],
    ["sign", "edge.wasm", "--key", "a.key", "--revision", "7", "-o", "signed.wasm"],
  ]) {
    const { code, err } = await ingresscHere(args, dir.path);
    assert.is(code, 0, err);
  }
});
signing.after(({ dir }) => dir.remove());

const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);
const idOf = (dir: Folder, name: string): string => {
  const der = Buffer.from(readFileSync(dir.at(name), "utf8").replace(/-----.*-----|\n/g, ""), "base64");
  return spawnSync("sha256sum", { input: der.subarray(-32) })
    .stdout.toString()
    .slice(0, 32);
};

signing("keygen writes a pair once, says its id, and never over a file", async ({ dir }) => {
  const made = await ingresscHere(["keygen", "keys", "--json"], dir.path);
  assert.equal(envelope(made), {
    ok: true,
    class: "ok",
    code: "policy.keys_made",
    message: `made the key ${idOf(dir, "keys.pub")}`,
    data: { keyId: idOf(dir, "keys.pub"), private: "keys.key", public: "keys.pub" },
  });
  assert.equal([mode(dir.at("keys.key")), mode(dir.at("keys.pub"))], ["600", "644"]);
  const before = [readFileSync(dir.at("keys.key"), "utf8"), readFileSync(dir.at("keys.pub"), "utf8")];
  const again = await ingresscHere(["keygen", "keys"], dir.path);
  assert.is(again.code, 2);
  assert.match(again.err, /^ingressc: `keys\.key` exists, and no key is ever overwritten\nhelp: give the new pair another name\n$/);
  assert.equal([readFileSync(dir.at("keys.key"), "utf8"), readFileSync(dir.at("keys.pub"), "utf8")], before);

  // A public file alone prevents it too, and no half of a pair is written.
  dir.write("half.pub", "mine");
  const half = await ingresscHere(["keygen", "half"], dir.path);
  assert.match(half.err, /`half\.pub` exists/);
  assert.equal([existsSync(dir.at("half.key")), readFileSync(dir.at("half.pub"), "utf8")], [false, "mine"]);
  const nowhere = await ingresscHere(["keygen", "none/keys"], dir.path);
  assert.is(nowhere.code, 2);
  assert.match(nowhere.err, /there is no folder `none`/);
  const umask = process.umask(0o777);
  try {
    await ingresscHere(["keygen", "masked"], dir.path);
  } finally {
    process.umask(umask);
  }
  assert.equal([mode(dir.at("masked.key")), mode(dir.at("masked.pub"))], ["600", "644"]);
});

interface Row {
  readonly args: readonly string[];
  readonly exit: number;
  readonly out?: RegExp;
  readonly err?: RegExp;
}

async function checkAll(dir: Folder, rows: readonly Row[]): Promise<void> {
  for (const { args, exit, out = /^$/, err = /^$/ } of rows) {
    const ended = await ingresscHere(args, dir.path);
    const transcript = `ingressc ${args.join(" ")}\n${ended.out}${ended.err}`;
    assert.is(ended.code, exit, transcript);
    assert.match(ended.out, out, transcript);
    assert.match(ended.err, err, transcript);
  }
}

signing("verify: yes, no, and no policy", async ({ dir }) => {
  const bytes = readFileSync(dir.at("signed.wasm"));
  const flipped = (back: number): Uint8Array => Uint8Array.from(bytes, (byte, i) => (i === bytes.length - back ? byte ^ 1 : byte));
  dir.write("flipped.wasm", flipped(1));
  dir.write("raised.wasm", flipped(72));
  dir.write("damaged.wasm", flipped(5000));
  dir.write("more.wasm", Buffer.concat([bytes, Buffer.of(0, 2, 1, 0x78)]));
  dir.write("text.wasm", "edition 1\n");
  dir.write("two.pub", readFileSync(dir.at("a.pub"), "utf8") + readFileSync(dir.at("b.pub"), "utf8"));
  const verified = new RegExp(
    `^verified \`signed\\.wasm\`: signed by a trusted key\n  key       ${idOf(dir, "a.pub")}\n  revision  7\n  sha256    [0-9a-f]{64}\n$`,
  );
  await checkAll(dir, [
    { args: ["verify", "signed.wasm", "--key", "a.pub"], exit: 0, out: verified },
    { args: ["verify", "signed.wasm", "-k", "b.pub", "-k", "a.pub"], exit: 0, out: verified },
    { args: ["verify", "signed.wasm", "--key=b.pub", "--key=a.pub"], exit: 0, out: verified },
    {
      args: ["verify", "signed.wasm", "--key", "b.pub"],
      exit: 1,
      out: /is not verified \(signature_key\): the module is signed with the key [0-9a-f]{32}, which is not a trusted one\nhelp: add its public key/,
    },
    { args: ["verify", "edge.wasm", "--key", "a.pub"], exit: 1, out: /is not verified \(signature_missing\): the module is not signed/ },
    { args: ["verify", "flipped.wasm", "--key", "a.pub"], exit: 1, out: /is not verified \(signature_bad\)/ },
    { args: ["verify", "raised.wasm", "--key", "a.pub"], exit: 1, out: /is not verified \(signature_bad\)/ },
    { args: ["verify", "damaged.wasm", "--key", "a.pub"], exit: 3, err: /is refused \(module_hash\)/ },
    { args: ["verify", "more.wasm", "--key", "a.pub"], exit: 3, err: /is refused \(module_trailing\)/ },
    { args: ["verify", "text.wasm", "--key", "a.pub"], exit: 3, err: /is refused \(module_malformed\)/ },
    { args: ["verify", "signed.wasm"], exit: 2, err: /`--key` is missing\nhelp: name the public key/ },
    { args: ["verify", "signed.wasm", "--key", "none.pub"], exit: 2, err: /there is no file `none\.pub`/ },
    { args: ["verify", "signed.wasm", "--key", "."], exit: 2, err: /`\.` is a folder/ },
    { args: ["verify", "none.wasm", "--key", "a.pub"], exit: 2, err: /there is no file `none\.wasm`/ },
    { args: ["verify", "signed.wasm", "--key", "a.key"], exit: 3, err: /`a\.key` contains a private key: name the public one/ },
    { args: ["verify", "signed.wasm", "--key", "two.pub"], exit: 3, err: /`two\.pub` is not one public key in PEM/ },
    { args: ["verify", "signed.wasm", "--key", "edge.wasm"], exit: 3, err: /is not one public key in PEM|larger than any key/ },
    { args: ["verify", "signed.wasm", "--key", "a.pub", "--key", "none.pub"], exit: 2, err: /none\.pub/ },
    { args: ["inspect", "signed.wasm"], exit: 0, out: new RegExp(`  signature    key ${idOf(dir, "a.pub")}, revision 7; not verified: `) },
    { args: ["inspect", "edge.wasm"], exit: 0, out: / {2}signature {4}none\n/ },
    { args: ["explain", "signed.wasm", "from 198.51.100.7 to web"], exit: 0, out: /allow/ },
  ]);
  const no = envelope(await ingresscHere(["verify", "edge.wasm", "--key", "a.pub", "--json"], dir.path));
  assert.equal([no["ok"], no["class"], no["code"], no["data"]], [false, "no", "policy.signature_missing", { verified: false }]);
});

signing("sign: what it takes and what it refuses", async ({ dir }) => {
  const signed = readFileSync(dir.at("signed.wasm"));
  const damaged = Uint8Array.from(readFileSync(dir.at("edge.wasm")), (byte, i) => (i === 5000 ? byte ^ 1 : byte));
  dir.write("damaged.wasm", damaged);
  dir.write("loose.key", readFileSync(dir.at("a.key")));
  dir.write("plain.key", "no key\n");
  chmodSync(dir.at("plain.key"), 0o600);
  writeFileSync(dir.at("public.key"), readFileSync(dir.at("a.pub")), { mode: 0o600 });
  writeFileSync(dir.at("locked.key"), "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n", { mode: 0o600 });
  writeFileSync(dir.at("a.der"), createPublicKey(readFileSync(dir.at("a.pub"))).export({ format: "der", type: "spki" }));
  writeFileSync(dir.at("der.key"), createPrivateKey(readFileSync(dir.at("a.key"))).export({ format: "der", type: "pkcs8" }), { mode: 0o600 });
  dir.write("ssh.pub", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcX me@example\n");
  writeFileSync(dir.at("ssh.key"), "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", { mode: 0o600 });
  dir.write("cert.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  writeFileSync(dir.at("raw.key"), `${"17".repeat(32)}\n`, { mode: 0o600 });
  const by = (key: string, revision: string, file = "signed.wasm"): string[] => ["sign", file, "--key", key, "--revision", revision, "-o", "out.wasm"];
  await checkAll(dir, [
    { args: ["sign", "signed.wasm", "--revision", "8"], exit: 2, err: /`--key` is missing/ },
    { args: ["sign", "signed.wasm", "--key", "a.key"], exit: 2, err: /`--revision` is missing\nhelp: give one that is higher/ },
    ...["0", "-1", "1.5", "1e3", "07", "x", "9007199254740992", "99999999999999999"].map((revision): Row => ({
      args: ["sign", "signed.wasm", "--key", "a.key", `--revision=${revision}`, "-o", "out.wasm"],
      exit: 2,
      err: /is not a revision\nhelp: write a whole number from 1 to 9007199254740991/,
    })),
    { args: by("none.key", "8"), exit: 2, err: /there is no file `none\.key`/ },
    { args: by(".", "8"), exit: 2, err: /`\.` is a folder/ },
    { args: by("loose.key", "8"), exit: 3, err: /`loose\.key` has mode 0644: others can get at this private key\nhelp: take the key out of use/ },
    { args: by("plain.key", "8"), exit: 3, err: /is not a private key in PEM/ },
    { args: by("public.key", "8"), exit: 3, err: /contains a public key, which can't sign/ },
    // The public one may be read by anybody: that is not what is wrong with it.
    { args: by("a.pub", "8"), exit: 3, err: /^ingressc: `a\.pub` contains a public key, which can't sign\nhelp: name the `\.key` file/ },
    { args: by("a.der", "8"), exit: 3, err: /contains a public key in DER, which can't sign/ },
    { args: by("ssh.pub", "8"), exit: 3, err: /contains a public key of OpenSSH, which can't sign/ },
    { args: by("cert.pem", "8"), exit: 3, err: /contains a certificate, which can't sign/ },
    { args: by("der.key", "8"), exit: 3, err: /contains a private key in DER, and ingressc reads PEM/ },
    { args: by("ssh.key", "8"), exit: 3, err: /contains a key of OpenSSH, and ingressc reads PKCS#8 in PEM/ },
    { args: by("raw.key", "8"), exit: 3, err: /contains only the bytes of a key, and ingressc reads PEM/ },
    ...["a.key", "locked.key", "ssh.key", "der.key"].map((key): Row => ({
      args: ["verify", "signed.wasm", "--key", key],
      exit: 3,
      err: /contains a private key: name the public one/,
    })),
    { args: ["verify", "signed.wasm", "--key", "cert.pem"], exit: 3, err: /contains a certificate, not a public key/ },
    { args: ["verify", "signed.wasm", "--key", "ssh.pub"], exit: 3, err: /contains a key of OpenSSH, not one in PEM/ },
    { args: ["verify", "signed.wasm", "--key", "a.der"], exit: 3, err: /contains a public key in DER, not in PEM/ },
    { args: ["verify", "signed.wasm", "--key", "raw.key"], exit: 3, err: /contains only the bytes of a key, not PEM/ },
    { args: by("locked.key", "8"), exit: 6, err: /is protected by a passphrase/ },
    { args: by("a.key", "8", "damaged.wasm"), exit: 3, err: /is refused \(module_hash\)/ },
    { args: by("a.key", "8", "none.wasm"), exit: 2, err: /there is no file/ },
    {
      args: by("a.key", "6"),
      exit: 3,
      err: /`signed\.wasm` has revision 7 already, and gateways that served it refuse the lower 6\nhelp: give `--revision 8` or more/,
    },
    {
      args: ["sign", "wide.wasm", "--key", "a.key", "--revision", "7", "-o", "signed.wasm"],
      exit: 3,
      err: /`signed\.wasm` has revision 7 already, .* another module of the same/,
    },
  ]);
  assert.not(existsSync(dir.at("out.wasm")));
  assert.ok(readFileSync(dir.at("signed.wasm")).equals(signed), "nothing was changed");

  for (const bits of [0o640, 0o604, 0o610, 0o601]) {
    chmodSync(dir.at("loose.key"), bits);
    assert.is((await ingresscHere(by("loose.key", "8"), dir.path)).code, 3, bits.toString(8));
  }
  for (const bits of [0o400, 0o600, 0o700]) {
    chmodSync(dir.at("loose.key"), bits);
    assert.is((await ingresscHere(by("loose.key", "8"), dir.path)).code, 0, bits.toString(8));
  }
  await checkAll(dir, [
    { args: ["sign", "signed.wasm", "--key", "b.key", "--revision", "7"], exit: 0, out: /^signed signed\.wasm\n {2}key {7}[0-9a-f]{32}\n {2}revision {2}7\n/ },
    { args: ["verify", "signed.wasm", "--key", "a.pub"], exit: 1, out: /signature_key/ },
    { args: ["verify", "signed.wasm", "--key", "b.pub"], exit: 0, out: /verified/ },
    { args: ["sign", "signed.wasm", "--key", "a.key", "--revision", "9007199254740991"], exit: 0, out: /revision {2}9007199254740991/ },
    { args: ["verify", "signed.wasm", "--key", "a.pub"], exit: 0, out: /revision {2}9007199254740991/ },
  ]);
  assert.is(readFileSync(dir.at("signed.wasm")).length, readFileSync(dir.at("edge.wasm")).length + 110, "signatures are replaced, not heaped up");
});

signing("the executable: one run of each", async ({ dir }) => {
  const json = envelope(await ingressc(["sign", "edge.wasm", "--key", "b.key", "--revision", "3", "-o", "run.wasm", "--json"], { cwd: dir.path }));
  assert.equal([json["ok"], json["code"]], [true, "policy.signed"]);
  assert.is((await ingressc(["verify", "run.wasm", "--key", "b.pub"], { cwd: dir.path })).code, 0);
});

const openssl = spawnSync("openssl", ["version"], { encoding: "utf8" });
if (openssl.status === 0 && openssl.stdout.startsWith("OpenSSL 3")) {
  signing("openssl reads the keys and agrees about the signature", async ({ dir }) => {
    const run = (...args: string[]): string => {
      const { status, stdout, stderr } = spawnSync("openssl", args, { cwd: dir.path, encoding: "utf8" });
      return status === 0 ? stdout : stderr;
    };
    assert.is(run("pkey", "-in", "a.key", "-pubout"), readFileSync(dir.at("a.pub"), "utf8"));
    await ingresscHere(["sign", "edge.wasm", "--key", "a.key", "--revision", "1", "-o", "theirs.wasm"], dir.path);
    const bytes = readFileSync(dir.at("theirs.wasm"));
    dir.write("message", Buffer.concat([Buffer.from("ingressd policy signature v1\0"), bytes.subarray(0, -64)]));
    dir.write("signature", bytes.subarray(-64));
    assert.match(
      run("pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", "a.pub", "-in", "message", "-sigfile", "signature"),
      /Signature Verified Successfully/,
    );
    // And a pair that openssl made signs too.
    run("genpkey", "-algorithm", "ed25519", "-out", "theirs.key");
    chmodSync(dir.at("theirs.key"), 0o600);
    dir.write("theirs.pub", run("pkey", "-in", "theirs.key", "-pubout"));
    assert.is((await ingresscHere(["sign", "edge.wasm", "--key", "theirs.key", "--revision", "2", "-o", "theirs.wasm"], dir.path)).code, 0);
    assert.is((await ingresscHere(["verify", "theirs.wasm", "--key", "theirs.pub"], dir.path)).code, 0);
    run("genpkey", "-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "rsa.key");
    chmodSync(dir.at("rsa.key"), 0o600);
    const rsa = await ingresscHere(["sign", "edge.wasm", "--key", "rsa.key", "--revision", "3", "-o", "rsa.wasm"], dir.path);
    assert.is(rsa.code, 3);
    assert.match(rsa.err, /`rsa\.key` contains a key of type rsa\nhelp: policies are signed with Ed25519/);
  });
} else {
  skip("signing by openssl", "openssl 3 is not installed");
}

signing.run();
