// ingressc with dryrun caps and limits, and with those `from NET`: tests answer as if a dryrun one were not there, explain says which count
// the source, coverage which count the source of no line, and a changed mark is a change of the policy.
import * as assert from "uvu/assert";
import { suite } from "../suite.ts";
import { explainRequest } from "../../compiler/cli/explanation.ts";
import { parseRequest } from "../../compiler/cli/request.ts";
import { loaded, moduleOf } from "../host/compiled.ts";
import { envelope, folder, ingresscHere, type Folder } from "./programs.ts";

const test = suite<{ dir: Folder }>("dryrun limits");
test.before((context) => {
  context.dir = folder();
});
test.after(({ dir }) => dir.remove());

const POLICY = `edition 1
net monitoring = 198.51.100.32/29
net partner = 203.0.113.64/32, 203.0.113.66/32, 203.0.113.68/32, 203.0.113.70/32
expose web on tcp 443 {
  backend 127.0.0.1:8443
  cap 100 connections, 20 per source from any except monitoring
  limit 10/s burst 20 per source /24 /48
  limit 500/30s per source from partner
  dryrun cap 5 connections
  dryrun limit 3/m per source from any4
  allow from any
}
`;

const REPEAT = `test "as if it were not there" {
  repeat 20 in 0s from 192.0.2.9 to web => allow
  repeat 25 in 0s from 192.0.2.9 to web => allow 20, deny rate 5
}
`;

test("a test's outcomes are those without the dryrun cap and limit", async ({ dir }) => {
  dir.write("web.ingress", POLICY + REPEAT);
  const { code, out, err } = await ingresscHere(["test", "web.ingress"], dir.path);
  assert.is(code, 0, out + err);
  dir.write("enforced.ingress", POLICY.replaceAll("dryrun ", "").replace("  cap 5 connections\n", "") + REPEAT);
  const enforced = await ingresscHere(["test", "enforced.ingress"], dir.path);
  assert.is(enforced.code, 1);
  assert.match(enforced.out, /allow 20 +allow 3, deny rate 17/);
});

function counts(source: string): readonly (readonly [text: string, counts: boolean])[] {
  const module = moduleOf(POLICY);
  const parsed = parseRequest(`from ${source} to web`, ["web"]);
  if (!parsed.ok) throw new Error(parsed.error.message);
  const [explanation] = explainRequest(module, loaded(module), parsed.value);
  return (explanation?.counts ?? []).map(({ text, counts: has }) => [text, has]);
}

const ALL = "cap 100 connections";
const SOURCES: readonly (readonly [source: string, counting: readonly string[]])[] = [
  ["192.0.2.9", [ALL, "cap 20", "limit 10/s", "dryrun cap 5", "dryrun limit 3/m"]],
  ["198.51.100.33", [ALL, "limit 10/s", "dryrun cap 5", "dryrun limit 3/m"]],
  ["203.0.113.66", [ALL, "cap 20", "limit 10/s", "limit 500/30s", "dryrun cap 5", "dryrun limit 3/m"]],
  ["203.0.113.67", [ALL, "cap 20", "limit 10/s", "dryrun cap 5", "dryrun limit 3/m"]],
  ["2001:db8::1", [ALL, "cap 20", "limit 10/s", "dryrun cap 5"]],
];

for (const [source, counting] of SOURCES) {
  test(`explain: what counts ${source}`, () => {
    const all = counts(source);
    assert.is(all.length, 6);
    const has = all.filter(([, is]) => is).map(([text]) => text);
    assert.is(has.length, counting.length, has.join("; "));
    counting.forEach((text) =>
      assert.ok(
        has.some((one) => one.startsWith(text)),
        `${text}: ${has.join("; ")}`,
      ),
    );
  });
}

test("explain: each as a policy writes it", () => {
  const texts = counts("192.0.2.9").map(([text]) => text);
  for (const due of [
    "limit 10/s burst 20 per source /24 /48",
    "limit 500/30s per source from 203.0.113.64/32, 203.0.113.66/32, 203.0.113.68/32 and 1 more",
    "dryrun cap 5 connections",
  ])
    assert.ok(texts.includes(due), `${due}: ${texts.join("; ")}`);
});

test("explain: in the text those from NET and the dryrun ones, in --json all", async ({ dir }) => {
  dir.write("web.ingress", POLICY);
  const { out } = await ingresscHere(["explain", "web.ingress", "from 198.51.100.33 to web"], dir.path);
  assert.match(out, /\n {2}counts {2}the source does not count in `cap 20 per source from [^`]+`\n/);
  assert.match(
    out,
    /\n +the source does not count in `limit 500\/30s per source from [^`]+`\n +the source counts in `dryrun cap 5 connections`, which refuses nothing\n/,
  );
  assert.not.match(out, /limit 10\/s/);
  const json = JSON.stringify(envelope(await ingresscHere(["explain", "web.ingress", "from 198.51.100.33 to web", "--json"], dir.path)));
  assert.match(json, /"capsAndLimits":\[\{"text":"cap 100 connections","dryrun":false,"per":"listener","counts":true\}/);
  const refused = JSON.stringify(envelope(await ingresscHere(["explain", "web.ingress", "from 198.51.100.33 to tcp 444", "--json"], dir.path)));
  assert.match(refused, /"capsAndLimits":\[\]/);
});

test("coverage: caps and limits from NET that count the source of no line, with their places", async ({ dir }) => {
  dir.write("web.ingress", `${POLICY}test "one" { from 192.0.2.9 to web => allow from 198.51.100.33 to web => allow }\n`);
  const { out } = await ingresscHere(["test", "web.ingress", "--coverage"], dir.path);
  assert.match(out, /\n {2}caps and limits from nets {2}2 of 3 count the source of a line \(66%\)\n/);
  assert.match(out, /\n {2}never met {3}a source that `limit 500 … from` of `web` counts, web\.ingress:8:3\n/);
  assert.not.match(out, /`cap 20 … from`|`dryrun limit 3 … from`/);
  const json = JSON.stringify(envelope(await ingresscHere(["test", "web.ingress", "--coverage", "--json"], dir.path)));
  assert.match(json, /\{"kind":"limit","dryrun":true,"expose":"web","most":3,"file":"web\.ingress","line":10,"column":3,"met":2\}/);
});

test("`dryrun` is a part of what a policy means; what it counts is no bound of a budget", async ({ dir }) => {
  const hash = async (text: string): Promise<unknown> => {
    dir.write("one.ingress", text);
    const { data } = envelope(await ingresscHere(["build", "one.ingress", "--json"], dir.path)) as {
      readonly data: { readonly treeSha256?: string; readonly tree?: string };
    };
    return data.treeSha256 ?? data.tree ?? JSON.stringify(data);
  };
  const web = (clauses: string): string =>
    `edition 1\nbudget { connections 10 }\nexpose web on tcp 443 { backend 127.0.0.1:80 cap 10 connections ${clauses} allow from any }\n`;
  const all = [web(""), web("limit 1/s per source"), web("dryrun limit 1/s per source"), web("dryrun cap 1000 connections")];
  const hashes: unknown[] = [];
  for (const text of all) hashes.push(await hash(text));
  assert.is(new Set(hashes).size, all.length);
});

test.run();
