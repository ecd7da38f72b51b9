// ingressc list: published lists of every format become plain list files that a policy reads; what is no list writes nothing.
import { createHash } from "node:crypto";
import { readFileSync, symlinkSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { suite } from "../suite.ts";
import { envelope, folder, ingressc, ingresscHere } from "./programs.ts";

const test = suite("list");

const at = (name: string): string => fileURLToPath(new URL(`lists/${name}`, import.meta.url));

const ROWS: readonly (readonly [file: string, format: string, args: readonly string[], lines: string])[] = [
  ["aws.json", "aws", [], "3.5.140.0/22 18.206.107.24/29 52.0.0.0/15 2600:1f18:7fff:f800::/56"],
  ["aws.json", "aws", ["--only", "EC2"], "52.0.0.0/15"],
  ["aws.json", "aws", ["--only", "EC2", "--only", "ap-northeast-2"], "3.5.140.0/22 52.0.0.0/15"],
  ["gcp.json", "gcp", [], "34.80.0.0/15 2600:1900:4180::/44"],
  ["gcp.json", "gcp", ["--only", "asia-east1"], "34.80.0.0/15"],
  ["azure.json", "azure", ["--only", "ActionGroup"], "13.66.60.119/32 13.66.143.220/30 2603:1000:4:402::178/125"],
  ["azure.json", "azure", ["--only", "eastus"], "20.42.0.0/17"],
  ["github.json", "github", ["--only", "hooks"], "140.82.112.0/20 143.55.64.0/20 185.199.108.0/22 192.30.252.0/22 2606:50c0::/32 2a0a:a440::/29"],
  ["github.json", "github", ["--only", "importer"], "52.23.85.212/32"],
  ["fastly.json", "fastly", [], "23.235.32.0/20 43.249.72.0/22 103.244.50.0/24 2a04:4e40::/32 2a04:4e42::/32"],
  ["geofeed.csv", "geofeed", [], "192.0.2.0/24 198.51.100.7/32 2001:db8:1::/48"],
  ["geofeed.csv", "geofeed", ["--only", "CH"], "192.0.2.128/25 2001:db8:1::/48"],
  ["spamhaus.txt", "text", [], "1.10.16.0/20 1.19.0.0/16"],
  ["spamhaus.json", "spamhaus", [], "1.10.16.0/20 1.19.0.0/16"],
  ["firehol.netset", "text", [], "0.0.0.0/8 1.10.16.0/20 192.168.0.0/16"],
  ["ipsum.txt", "text", [], "77.90.185.20/32 77.239.124.102/31"],
];

test("each format is recognised, merged, sorted and headed, and check reads the result", async () => {
  const f = folder();
  for (const [file, format, args, due] of ROWS) {
    const { code, out, err } = await ingresscHere(["list", at(file), ...args], f.path);
    assert.is(code, 0, err);
    const lines = out.trimEnd().split("\n");
    assert.is(lines.filter((line) => !line.startsWith("#")).join(" "), due, `${file} ${args.join(" ")}`);
    const hash = createHash("sha256")
      .update(readFileSync(at(file)))
      .digest("hex");
    const only = args.filter((word) => word !== "--only");
    assert.equal(lines.slice(0, 3), [`# source: ${file}`, `# sha256: ${hash}`, `# format: ${format}${only.length === 0 ? "" : `, only ${only.join(", ")}`}`]);
    assert.match(lines[3] ?? "", new RegExp(`^# count: ${due.split(" ").length} \\(of \\d+ as published\\)$`));
    f.write("l.txt", out);
    f.write("p.ingress", 'edition 1\nnet feed = file "l.txt" max 100 min 1\nexpose web on tcp 443 { allow from feed }\n');
    assert.is((await ingresscHere(["check", "p.ingress"], f.path)).code, 0);
    const named = await ingresscHere(["list", at(file), ...args, "--format", format], f.path);
    assert.is(named.out, out);
  }
});

const aws = readFileSync(at("aws.json"), "utf8");

test("what is no list has a code, a place and a remedy, and writes nothing", async () => {
  const f = folder();
  const rows: readonly (readonly [text: string | Uint8Array, args: readonly string[], code: number, says: string, message: RegExp])[] = [
    ["", [], 3, "policy.list_empty", /no entry/],
    ["# nothing\n", [], 3, "policy.list_empty", /no entry/],
    ['{"prefixes":[],"ipv6_prefixes":[]}', [], 3, "policy.list_empty", /no entry/],
    [aws.slice(0, 300), [], 3, "policy.list_malformed", /not JSON/],
    [aws.replace("3.5.140.0/22", "3.5.140.1/22"), [], 3, "policy.list_malformed", /prefixes\[0\]\.ip_prefix: .*3\.5\.140\.1\/22/],
    [aws.replace('"ip_prefix": "3.5', '"prefix": "3.5'), [], 3, "policy.list_malformed", /prefixes\[0\]: it has no `ip_prefix`/],
    [aws.replace('"ipv6_prefixes": [', '"ipv6_prefixes": [7, '), [], 3, "policy.list_malformed", /ipv6_prefixes\[0\]: it is no object/],
    ['{"x":1}', [], 3, "policy.list_malformed", /no format that is known/],
    ["[1]", [], 3, "policy.list_malformed", /no format that is known/],
    ['{"addresses":"x","ipv6_addresses":[]}', ["--format", "fastly"], 3, "policy.list_malformed", /addresses: it is no list/],
    ["1.2.3.0/24\n1.2.3\n", [], 3, "policy.list_malformed", /line 2/],
    ["1.2.3.4 of mine\n", [], 3, "policy.list_malformed", /line 1: the prefix is followed by/],
    ["<html>\n", [], 3, "policy.list_malformed", /line 1/],
    ["1.2.3.4\n", ["--format", "aws"], 3, "policy.list_malformed", /not of the format `aws`/],
    [readFileSync(at("spamhaus.json"), "utf8").replace('"records":2', '"records":3'), [], 3, "policy.list_malformed", /states 3 records and has 2/],
    [
      readFileSync(at("spamhaus.json"), "utf8").replace(/\{"type":"metadata".*\n/, ""),
      [],
      3,
      "policy.list_malformed",
      /number of records, the last one, is not there/,
    ],
    [
      readFileSync(at("spamhaus.json"), "utf8").replace('"records":2', '"records":"2"'),
      [],
      3,
      "policy.list_malformed",
      /is not there, so that it may be cut off/,
    ],
    [readFileSync(at("spamhaus.json"), "utf8").split("\n", 1)[0] ?? "", ["--format", "spamhaus"], 3, "policy.list_malformed", /cut off/],
    [readFileSync(at("spamhaus.json"), "utf8").replace('"cidr":"1.19', '"net":"1.19'), [], 3, "policy.list_malformed", /line 2: it has no `cidr`/],
    [Uint8Array.of(0x31, 0xff), [], 3, "policy.not_text", /0xff/],
    [aws, ["--only", "EC3"], 2, "usage.unknown_group", /nothing in the list is of `EC3`/],
    ["1.2.3.4\n", ["--only", "CH"], 2, "usage.unknown_group", /nothing in the list/],
    [aws, ["--format", "xml"], 2, "usage.unknown_format", /no format `xml`/],
  ];
  for (const [text, args, code, says, message] of rows) {
    f.write("in", text);
    const ended = await ingresscHere(["list", "in", "-o", "out.txt", ...args, "--json"], f.path);
    const answer = envelope(ended);
    assert.equal([ended.code, answer["code"]], [code, says], `${String(text).slice(0, 60)} ${args.join(" ")}`);
    assert.match(String(answer["message"]), message);
    assert.throws(() => readFileSync(f.at("out.txt")), /ENOENT/);
  }
  assert.is(envelope(await ingresscHere(["list", "none", "--json"], f.path))["code"], "usage.missing_file");
});

test("standard input, a source of one's own, and a file", async () => {
  const f = folder();
  const piped = await ingressc(["list", "-", "--source", "https://api.example/\u001b[31mx\n0.0.0.0/0", "-o", "out.txt"], {
    cwd: f.path,
    input: "192.0.2.1\n192.0.2.0\n",
  });
  assert.is(piped.code, 0, piped.err);
  assert.match(piped.out, /wrote out\.txt: 1 line from 2 entries/);
  const lines = readFileSync(f.at("out.txt"), "utf8").split("\n");
  assert.equal(
    [lines[0]?.startsWith("# source: https://api.example/"), ...lines.slice(2)],
    [true, "# format: text", "# count: 1 (of 2 as published)", "192.0.2.0/31", ""],
  );
  assert.not.ok(lines.join("").includes("\u001b"));
});

test("-o never overwrites the list that is read, by whatever name", async () => {
  const f = folder();
  f.write("in.txt", "192.0.2.1\n192.0.2.0\n");
  symlinkSync("in.txt", f.at("link.txt"));
  for (const [input, out] of [
    ["in.txt", "in.txt"],
    ["in.txt", "./in.txt"],
    ["link.txt", "in.txt"],
    ["in.txt", "link.txt"],
  ] as const) {
    const ended = await ingresscHere(["list", input, "-o", out], f.path);
    assert.is(ended.code, 2, `${input} ${out}: ${ended.out}`);
    assert.match(ended.err, /is a file that the list is made of/);
    assert.is(readFileSync(f.at("in.txt"), "utf8"), "192.0.2.1\n192.0.2.0\n");
  }
  assert.is((await ingresscHere(["list", "in.txt", "-o", "other.txt"], f.path)).code, 0);
});

test.run();
