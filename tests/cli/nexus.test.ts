// `ingressc build --target nexus-profile` and `nexus-expose` as a user runs them: files, exit codes, what `--json` has, and flags in a wrong place.
import { existsSync, readFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { suite } from "../suite.ts";
import { folder, ingresscHere, type Ended } from "./programs.ts";

const test = suite("nexus: commands");
const POLICY = `edition 1
expose web service shop on tcp 8080 {
  backend 127.0.0.1:18080
  limit 100/s burst 20 per listener
  cap 16 connections
  allow from 10.0.2.0/24
}
test "lan" { from 10.0.2.7 to web => allow }
`;

function here(text = POLICY): { readonly at: (name: string) => string; readonly build: (...args: readonly string[]) => Promise<Ended> } {
  const dir = folder();
  dir.write("p.ingress", text);
  return { at: (name) => dir.at(name), build: (...args) => ingresscHere(["build", "p.ingress", ...args], dir.path) };
}

test("a profile: refused with the place, and written with the flag, its epoch and its subject", async () => {
  const { at, build } = here();
  const refused = await build("--target", "nexus-profile", "--epoch", "1");
  assert.is(refused.code, 3);
  assert.match(refused.err, /ING925[^]*p\.ingress:2:[^]*--without protocols[^]*so `p\.af2` is not written/);
  assert.not.ok(existsSync(at("p.af2")));
  const built = await build("--target", "nexus-profile", "--without", "protocols", "--epoch", "7");
  assert.is(built.code, 0, built.err);
  assert.match(
    built.out,
    /^ +subject +0xbf71cd04b2ec8134\n +profile +epoch 7, 3 rules, 80 bytes; what none matches is denied\n +may bind +loopback: 0-65535\n +any address: 8080\n +may connect +127\.0\.0\.1\/32: 18080\n +left out +protocol of web: tcp 8080 alone/m,
  );
  assert.is(readFileSync(at("p.af2")).toString("hex", 12, 20), "0700000000000000");
  const other = await build("--target", "nexus-profile", "--epoch", "0", "--subject", "shop", "-o", "shop.af2", "--json");
  assert.is(other.code, 0, other.err);
  const { data } = JSON.parse(other.out) as { readonly data: Readonly<Record<string, unknown>> };
  assert.equal([data["subject"], data["epoch"], data["profileRules"], data["profileBytes"], data["leftOut"]], ["0x46dc5e18e28e2409", 0, 1, 40, []]);
});

test("exposures: refused with the place, and written with the flag", async () => {
  const { at, build } = here();
  const refused = await build("--target", "nexus-expose", "--json");
  assert.is(refused.code, 3);
  const { code, data } = JSON.parse(refused.out) as { readonly code: string; readonly data: { readonly diagnostics: readonly { readonly code: string }[] } };
  assert.is(code, "policy.target_misfit");
  assert.equal(
    data.diagnostics.map((d) => d.code),
    ["ING903"],
  );
  assert.not.ok(existsSync(at("p.toml")));
  const built = await build("--target", "nexus-expose", "--without", "caps");
  assert.is(built.code, 0, built.err);
  assert.match(readFileSync(at("p.toml"), "utf8"), /# Left out: cap of web: `cap 16 connections`\n\n\[\[expose\."shop"\]\]\nport = 8080\n/);
  const few = await build("--target", "nexus-expose", "--without", "caps", "--nodes", "1");
  assert.is(few.code, 1);
});

test("a test that fails: the old file stays", async () => {
  const { at, build } = here(POLICY.replace("=> allow", "=> deny cidr"));
  for (const [target, file] of [
    ["nexus-profile", "p.af2"],
    ["nexus-expose", "p.toml"],
  ] as const) {
    const flags = target === "nexus-profile" ? ["--without", "protocols", "--epoch", "1"] : ["--without", "caps"];
    assert.is((await build("--target", target, ...flags)).code, 1);
    assert.not.ok(existsSync(at(file)));
  }
});

const WRONG: readonly (readonly [readonly string[], string])[] = [
  [["--epoch", "1"], "epoch_target"],
  [["--target", "nexus-expose", "--epoch", "1"], "epoch_target"],
  [["--target", "nexus-profile"], "epoch_missing"],
  [["--target", "nexus-profile", "--without", "protocols", "--subject", "shop"], "epoch_missing"],
  [["--target", "nexus-profile", "--epoch", "x"], "epoch"],
  [["--target", "nexus-profile", "--epoch", "4294967296"], "epoch"],
  [["--target", "nexus-profile", "--epoch", "1e3"], "epoch"],
  [["--target", "nexus-profile", "--without", "caps"], "without"],
  [["--target", "nexus-expose", "--without", "protocols"], "without"],
  [["--target", "nft", "--without", "protocols"], "without"],
  [["--target", "nexus-profile", "--as-of", "2027-01-01T00:00Z"], "flag_target"],
  [["--target", "nexus-expose", "--as-of", "2027-01-01"], "as_of"],
  [["--target", "nexus-expose", "--whole-host"], "flag_target"],
  [["--target", "nexus-expose", "--subject", "shop"], "subject_target"],
  [["--target", "nexus-profile", "--subject", "Shop"], "subject_letters"],
  [["--target", "nexus-profile", "--subject", "s".repeat(49)], "subject_long"],
];

for (const [flags, code] of WRONG)
  test(`build ${flags.join(" ").slice(0, 60)}: ${code}`, async () => {
    const { build } = here();
    const { code: exit, out, err } = await build("--json", ...flags);
    assert.is(exit, 2);
    assert.match(out + err, `"usage.${code}"`);
  });

test("without an epoch nothing is written, and the remedy is named", async () => {
  const { at, build } = here();
  const { code, err } = await build("--target", "nexus-profile", "--without", "protocols");
  assert.is(code, 2);
  assert.match(err, /`--target nexus-profile` needs `--epoch N`[^]*give the number above the one in force/);
  assert.not.ok(existsSync(at("p.af2")));
});

test("the largest epoch is written", async () => {
  const { at, build } = here();
  assert.is((await build("--target", "nexus-profile", "--without", "protocols", "--epoch", "4294967295")).code, 0);
  assert.is(readFileSync(at("p.af2")).toString("hex", 12, 16), "ffffffff");
});

test.run();
