// `ingressc build --target nft` and `ingressc drift` as a user runs them: files, exit codes, and every flag in a wrong place.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { folder, ingresscHere as inFolder, type Ended } from "../cli/programs.ts";
import { suite } from "../suite.ts";

const test = suite("fleet: commands");
const POLICY = `edition 1
net office = 198.51.100.0/24
expose web on tcp 8080 {
  backend 127.0.0.1:18080
  cap 10 connections
  allow from office
}
test "office" { from 198.51.100.7 to web => allow }
`;

function folderWith(files: Readonly<Record<string, string>>): string {
  const made = folder();
  for (const [name, text] of Object.entries(files)) made.write(name, text);
  return made.path;
}

const ingresscHere = (args: readonly string[]): Promise<Ended> => inFolder(args, process.cwd());

/** The kernel's table, as nft writes it. */
function running(elements: readonly unknown[], more: readonly unknown[] = []): string {
  const match = (left: unknown, op: string, right: unknown): unknown => ({ match: { op, left, right } });
  const rule = (chain: string, expr: readonly unknown[], comment?: string): unknown => ({ rule: { family: "inet", table: "ingressd", chain, comment, expr } });
  return JSON.stringify({
    nftables: [
      { metainfo: { version: "1.0.6" } },
      { table: { family: "inet", name: "ingressd" } },
      { set: { family: "inet", name: "sources0", table: "ingressd", type: "ipv4_addr", flags: ["interval"], elem: elements } },
      { chain: { family: "inet", table: "ingressd", name: "place0" } },
      { chain: { family: "inet", table: "ingressd", name: "input", type: "filter", hook: "input", prio: 0, policy: "accept" } },
      rule("place0", [match({ payload: { protocol: "ip", field: "saddr" } }, "==", "@sources0"), { accept: null }]),
      rule("place0", [{ drop: null }]),
      rule("input", [match({ ct: { key: "state" } }, "in", "established"), { accept: null }], `policy ${"0".repeat(32)}`),
      rule("input", [match({ payload: { protocol: "tcp", field: "dport" } }, "==", 8080), { goto: { target: "place0" } }]),
      ...more,
    ],
  });
}

test("a file that nft reads, or nothing: a cap is refused with its place, and left out with its flag", async () => {
  const at = folderWith({ "p.ingress": POLICY });
  const [file, out] = [join(at, "p.ingress"), join(at, "p.nft")];
  const refused = await ingresscHere(["build", file, "--target", "nft"]);
  assert.is(refused.code, 3);
  assert.match(refused.err, "ING903");
  assert.match(refused.err, "p.ingress:5:");
  assert.not.ok(existsSync(out));
  const built = await ingresscHere(["build", file, "--target", "nft", "--without", "caps", "--json"]);
  assert.is(built.code, 0, built.err);
  const { data } = JSON.parse(built.out) as { readonly data: { readonly leftOut: readonly { readonly what: string; readonly of: string }[] } };
  assert.equal(
    data.leftOut.map(({ what, of }) => `${what} of ${of}`),
    ["cap of web", "backend of web"],
  );
  assert.match(readFileSync(out, "utf8"), "198.51.100.0-198.51.100.255");
});

test("a folder for HAProxy", async () => {
  const at = folderWith({ "p.ingress": POLICY });
  const { code } = await ingresscHere(["build", join(at, "p.ingress"), "--target", "haproxy", "--without", "caps,limits", "-o", join(at, "out")]);
  assert.is(code, 0);
  assert.is(readFileSync(join(at, "out/maps/tcp_8080_v4.sources.map"), "utf8"), "198.51.100.0/24 s0.\n");
  assert.ok(existsSync(join(at, "out/haproxy.cfg")) && existsSync(join(at, "out/swap.txt")));
});

test("a folder for Envoy: the module, and the configuration with its hash", async () => {
  const at = folderWith({ "p.ingress": POLICY });
  const build = async (...flags: readonly string[]): Promise<number | null> =>
    (await ingresscHere(["build", join(at, "p.ingress"), "--target", "envoy-wasm", "-o", join(at, "out"), ...flags])).code;
  assert.is(await build(), 3);
  assert.not.ok(existsSync(join(at, "out")));
  assert.is(await build("--without", "caps"), 0);
  const module = readFileSync(join(at, "out/policy.envoy.wasm"));
  const config = (): string => readFileSync(join(at, "out/envoy.json"), "utf8");
  assert.match(config(), `"inline_bytes": "${module.toString("base64")}"`);
  assert.match(config(), "Left out: cap of web: `cap 10 connections`");
  assert.is(await build("--without", "caps", "--code-url", "http://policies.example.net:8900/p.wasm"), 0);
  assert.match(config(), `"sha256": "${createHash("sha256").update(module).digest("hex")}"`);
  assert.match(config(), '"port_value": 8900');
  assert.not.match(config(), "inline_bytes");
});

test("a bootstrap file for Envoy, and what another one admits", async () => {
  const at = folderWith({ "p.ingress": POLICY });
  const [file, out, running] = [join(at, "p.ingress"), join(at, "p.envoy.json"), join(at, "running.json")];
  const refused = await ingresscHere(["build", file, "--target", "envoy"]);
  assert.is(refused.code, 3);
  assert.match(refused.err, "ING903");
  assert.not.ok(existsSync(out));
  assert.is((await ingresscHere(["build", file, "--target", "envoy", "--without", "caps"])).code, 0);
  const output = readFileSync(out, "utf8");
  assert.match(output, "Left out: cap of web: `cap 10 connections`");
  const drift = async (from: string, to: string): Promise<string> => {
    const { static_resources: own } = JSON.parse(output.replace(from, to)) as {
      readonly static_resources: Record<"listeners" | "clusters", readonly object[]>;
    };
    const configs = [
      { "@type": "type.googleapis.com/envoy.admin.v3.ClustersConfigDump", static_clusters: own.clusters.map((cluster) => ({ cluster })) },
      { "@type": "type.googleapis.com/envoy.admin.v3.ListenersConfigDump", static_listeners: own.listeners.map((listener) => ({ listener })) },
    ];
    writeFileSync(running, JSON.stringify({ configs }));
    const ran = await ingresscHere(["drift", file, running, "--target", "envoy", "--without", "caps"]);
    return `${ran.code} ${ran.out}${ran.err}`;
  };
  assert.match(await drift("", ""), /^0 /);
  assert.match(
    await drift('"prefix_len": 24', '"prefix_len": 23'),
    /^1 [^]*\+ web \(tcp 8080\): envoy admits whom the policy refuses: from 198\.51\.101\.0\/24[^]*for example: from 198\.51\.101\.1 to tcp 8080/,
  );
  assert.match(await drift("18080", "18081"), /^1 [^]*! envoy has what ingressc doesn't write: another cluster web\.0 than in the output/);
});

test("a test that fails: the old file stays", async () => {
  const at = folderWith({ "p.ingress": POLICY.replace("=> allow", "=> deny cidr"), "p.nft": "old" });
  const { code } = await ingresscHere(["build", join(at, "p.ingress"), "--target", "nft", "--without", "caps"]);
  assert.is(code, 1);
  assert.is(readFileSync(join(at, "p.nft"), "utf8"), "old");
});

const WRONG: readonly (readonly [readonly string[], string])[] = [
  [["--whole-host"], "flag_target"],
  [["--target", "haproxy", "--whole-host"], "flag_target"],
  [["--without", "caps"], "flag_target"],
  [["--target", "c", "--profile", "os", "--as-of", "2027-01-01T00:00Z"], "flag_target"],
  [["--target", "nft", "--no-ssh"], "no_ssh"],
  [["--target", "nft", "--without", "names"], "without"],
  [["--target", "nft", "--without", "caps,"], "without"],
  [["--target", "nft", "--as-of", "2027-01-01"], "as_of"],
  [["--target", "ntf"], "unknown_target"],
  [["--target", "haproxy", "--code-url", "http://a/b"], "flag_target"],
  ...["http://a", "https://a/b", "http://a:0/b", "http://a:65536/b", "http://[::1/b", "http:///b", "http://a b/c", "ftp://a/b", "http://u@a/b"].map(
    (url): readonly [readonly string[], string] => [["--target", "envoy-wasm", `--code-url=${url}`], "code_url"],
  ),
];

for (const [flags, code] of WRONG)
  test(`build ${flags.join(" ")}: ${code}`, async () => {
    const at = folderWith({ "p.ingress": POLICY });
    const { out, err } = await ingresscHere(["build", join(at, "p.ingress"), "--json", ...flags]);
    assert.match(out + err, `"usage.${code}"`);
  });

const net = (addr: string, len: number): unknown => ({ prefix: { addr, len } });

test("drift: nothing, one network more, one less, a part of another kind", async () => {
  const at = folderWith({ "p.ingress": POLICY });
  const drift = async (text: string): Promise<{ readonly code: number; readonly out: string }> => {
    writeFileSync(join(at, "running.json"), text);
    const { code, out, err } = await ingresscHere(["drift", join(at, "p.ingress"), join(at, "running.json"), "--target", "nft", "--without", "caps"]);
    return { code: code ?? -1, out: out + err };
  };
  const same = await drift(running([net("198.51.100.0", 24)]));
  assert.is(same.code, 0, same.out);
  assert.match(same.out, "it says that it has another policy (00000000000000000000000000000000");
  const more = await drift(running([net("198.51.100.0", 24), "203.0.113.9"]));
  assert.is(more.code, 1);
  assert.match(more.out, "+ web (tcp 8080): nft admits whom the policy refuses: from 203.0.113.9");
  assert.match(more.out, "for example: from 203.0.113.9 to tcp 8080");
  const fewer = await drift(running([net("198.51.100.0", 25)]));
  assert.is(fewer.code, 1);
  assert.match(fewer.out, "- web (tcp 8080): nft refuses whom the policy admits: from 198.51.100.128/25");
  const strange = await drift(
    running([net("198.51.100.0", 24)], [{ rule: { family: "inet", table: "ingressd", chain: "input", expr: [{ limit: { rate: 1 } }, { accept: null }] } }]),
  );
  assert.is(strange.code, 1);
  assert.match(strange.out, "! nft has what ingressc doesn't write: a rule of input");
});

test("drift: the mode of the whole host, a rule for every port, and a table that is dormant", async () => {
  const at = folderWith({ "p.ingress": POLICY });
  const drift = async (text: string, ...flags: readonly string[]): Promise<string> => {
    writeFileSync(join(at, "running.json"), text);
    const ran = await ingresscHere(["drift", join(at, "p.ingress"), join(at, "running.json"), "--target", "nft", "--without", "caps", ...flags]);
    return `${ran.code} ${ran.out}${ran.err}`;
  };
  const right = [net("198.51.100.0", 24)];
  const whole = ["--whole-host", "--no-ssh"];
  const dropping = running(right).replace('"policy":"accept"', '"policy":"drop"');
  assert.match(await drift(dropping, ...whole), /^0 /);
  assert.match(await drift(running(right), ...whole), /^1 [^]*the chain input accepts what no rule decides, and --whole-host drops it/);
  assert.match(await drift(dropping), /^1 [^]*the chain input drops what no rule decides/);
  assert.match(await drift(dropping, "--whole-host"), /ING908/);
  const rule = (...expr: readonly unknown[]): unknown => ({ rule: { family: "inet", table: "ingressd", chain: "input", expr } });
  const from = { match: { op: "==", left: { payload: { protocol: "ip", field: "saddr" } }, right: "9.9.9.9" } };
  for (const verdict of ["accept", "drop"])
    for (const conditions of [[], [from]])
      assert.match(
        await drift(running(right, [rule(...conditions, { [verdict]: null })])),
        /^1 [^]*! nft has what ingressc doesn't write: a rule of input for every port/,
      );
  const dormant = running(right).replace('"name":"ingressd"}', '"name":"ingressd","flags":["dormant"]}');
  assert.match(await drift(dormant), /^1 [^]*flags of the table: .*dormant/);
});

test("drift of what is no table, of a missing file, and without a target", async () => {
  const at = folderWith({ "p.ingress": POLICY, "other.json": '{"nftables": []}' });
  const say = async (...args: readonly string[]): Promise<string> => {
    const { out, err } = await ingresscHere(["drift", join(at, "p.ingress"), ...args, "--json"]);
    return out + err;
  };
  assert.match(await say(join(at, "other.json"), "--target", "nft", "--without", "caps"), "policy.running_unreadable");
  assert.match(await say(join(at, "none.json"), "--target", "nft", "--without", "caps"), "usage.unreadable_file");
  assert.match(await say(join(at, "other.json")), "usage.drift_target");
  assert.match(await say(join(at, "other.json"), "--target", "nft"), "policy.target_misfit");
});

test.run();
