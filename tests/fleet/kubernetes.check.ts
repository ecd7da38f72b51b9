// `ingressc build --target kubernetes`: every manifest by the schemas of the wheel kubernetes-validate, and clients at every edge and at
// random by a reader of its own (network_policy.py), written from the text of NetworkPolicy. No cluster runs here.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { kubernetes } from "../../compiler/emitters/kubernetes.ts";
import { analysed, placesOf } from "../../compiler/emitters/plan.ts";
import { hasPart, type Settings } from "../../compiler/emitters/written.ts";
import { formatAddress } from "../../runtime/net/address.ts";
import type { ModelExpose, ModelPolicy } from "../oracle/model.ts";
import { chance, type Chance } from "../oracle/random.ts";
import { skip } from "../skip.ts";
import { ownFolder, stallsAfter, suite } from "../suite.ts";
import { drifted, filesFor, RANDOM, RANDOM_POLICIES, SETTINGS, SHIPPED, visitText, type Engine } from "./acceptance.ts";
import { visitsOf, type Extent } from "./clients.ts";
import { printed, shipped, verdicts, type Compiled } from "./policies.ts";
import { plainPolicy } from "./random_policies.ts";

const test = suite("fleet: kubernetes");
const WHEELS = fileURLToPath(new URL("kubernetes_wheels.txt", import.meta.url));
const READER = fileURLToPath(new URL("network_policy.py", import.meta.url));
const MODULES = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "ingressd-ci", "kubernetes-validate-1.37.0");
const NOW = Math.floor(Date.now() / 1000);
const POLICIES = ["cluster", "queue", "shut", "mail", "monitored"];

/** By version and hash, where it isn't there yet; null, or why it can't be had. */
function install(): string | null {
  if (existsSync(join(MODULES, "kubernetes_validate"))) return null;
  const flags = ["--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes", "--upgrade", "--target", MODULES];
  const { status, error, stderr } = spawnSync("python3", ["-m", "pip", "install", ...flags, "-r", WHEELS], { encoding: "utf8", timeout: 120_000 });
  return status === 0 ? null : `pip did not install the wheels: ${(error?.message ?? stderr).trim().split("\n").at(-1) ?? ""}`;
}

interface Sum {
  readonly visits: number;
  readonly admitted: number;
}

function accept(compiled: Compiled, settings: Settings, extent: Extent, c: Chance): Sum {
  const engine: Engine = { target: kubernetes, setup: [], program: null, silent: false, settings };
  const manifest = filesFor(compiled, engine).get("") ?? "";
  const places = placesOf(analysed(compiled.model, SETTINGS.nodes), hasPart(kubernetes), settings.asOf);
  const visits = visitsOf(places, extent, c);
  const folder = ownFolder("fleet-");
  writeFileSync(join(folder, "manifest.yaml"), manifest);
  writeFileSync(join(folder, "clients.json"), JSON.stringify(visits.map(({ proto, source, port }) => [proto.toUpperCase(), formatAddress(source), port])));
  const ran = spawnSync("python3", [READER, "manifest.yaml", "clients.json", "answers.json"], {
    cwd: folder,
    encoding: "utf8",
    env: { ...process.env, PYTHONPATH: MODULES },
  });
  assert.is(ran.status, 0, `${compiled.name}: ${ran.error?.message ?? ""}${ran.stderr}\n${manifest.slice(0, 4000)}`);
  const answers = JSON.parse(readFileSync(join(folder, "answers.json"), "utf8")) as readonly boolean[];
  const admits = verdicts(compiled, settings.asOf ?? NOW);
  let admitted = 0;
  for (const [i, visit] of visits.entries()) {
    if (answers[i] !== (admits(visit) !== null))
      assert.unreachable(`${compiled.name}: ${visitText(visit)}: ${String(answers[i])}\n${compiled.entry.text}\n${manifest.slice(0, 6000)}`);
    if (answers[i]) admitted++;
  }
  return { visits: visits.length, admitted };
}

/** Policies that the target takes: no local addresses, and services of their own. */
function podPolicy(c: Chance): ModelPolicy {
  const made = plainPolicy(c);
  const exposes = made.exposes.map((expose, i): ModelExpose => {
    const ports = [{ first: 2000 + 10 * i, last: 2000 + 10 * i + c.below(3) }];
    return expose.mode === "direct" ? expose : { ...expose, ports, bind: null, backend: "registers" };
  });
  return { ...made, exposes, denies: made.denies.map((deny) => (deny.on === null ? deny : { ...deny, on: exposes[0]?.ports ?? [] })) };
}

const missing = install();
if (missing !== null) skip("kubernetes-validate", missing);
else {
  for (const name of POLICIES)
    test(`${name}: valid manifests that admit whom the module admits`, () => {
      stallsAfter(120_000);
      const { visits, admitted } = accept(shipped(name), SETTINGS, SHIPPED, chance(24));
      console.log(`  ${name}: ${visits} clients, ${admitted} admitted`);
      assert.ok(name === "shut" ? visits === 0 : visits > 1_500 && admitted > 50);
    });

  test("fleet is refused for its bind and its moments", () => {
    assert.throws(() => filesFor(shipped("fleet"), { target: kubernetes, setup: [], program: null, silent: false }), /ING905[^]*ING904|ING904[^]*ING905/);
  });

  test(`${RANDOM_POLICIES} random policies, as of now`, () => {
    stallsAfter(120_000);
    const sum = { visits: 0, admitted: 0, shared: 0 };
    for (let seed = 0; seed < RANDOM_POLICIES; seed++) {
      const c = chance(9_000 + seed);
      const compiled = printed(podPolicy(c), `random${seed}`);
      const one = accept(compiled, { ...SETTINGS, asOf: NOW }, RANDOM, c);
      sum.visits += one.visits;
      sum.admitted += one.admitted;
    }
    console.log(`  random policies: ${sum.visits} clients, ${sum.admitted} admitted`);
    assert.ok(sum.visits > 100 * RANDOM_POLICIES && sum.admitted > 500 && sum.visits - sum.admitted > 500);
  });

  test("what a cluster has is read back, and what differs is found", () => {
    const compiled = shipped("cluster");
    const manifest = filesFor(compiled, { target: kubernetes, setup: [], program: null, silent: false }).get("") ?? "";
    const items = manifest
      .split("---\n")
      .slice(1)
      .map((text) => JSON.parse(text) as Record<string, unknown>);
    const listed = (change: (text: string) => string = (text) => text): string => change(JSON.stringify({ kind: "List", items }));
    const changes: readonly (readonly [string, (text: string) => string, object])[] = [
      ["nothing", (text) => text, { opened: 0, closed: 0, strange: 0 }],
      ["a wider network", (text) => text.replaceAll("203.0.113.64/26", "203.0.113.0/25"), { opened: 3, closed: 0, strange: 0 }],
      [
        "an exception",
        (text) => text.replaceAll('"cidr":"203.0.113.64/26"', '"cidr":"203.0.113.64/26","except":["203.0.113.65/32"]'),
        { opened: 0, closed: 3, strange: 0 },
      ],
      [
        "a policy that selects no pod",
        (text) => text.replace('"matchLabels":{"app.kubernetes.io/name":"orders"', '"matchLabels":{"app.kubernetes.io/name":"other"'),
        { opened: 2, closed: 0, strange: 1 },
      ],
      ["a Service that hides clients", (text) => text.replace('"Local"', '"Cluster"'), { opened: 0, closed: 0, strange: 1 }],
      ["a peer that is a pod", (text) => text.replace('{"ipBlock":{"cidr":"203.0.113.64/26"}}', '{"podSelector":{}}'), { opened: 0, closed: 1, strange: 1 }],
      ["everybody", (text) => text.replace(/"from":\[\{"ipBlock":\{"cidr":"198[^\]]*\],/, ""), { opened: 2, closed: 0, strange: 0 }],
    ];
    for (const [what, change, due] of changes) {
      assert.ok(what === "nothing" || listed(change) !== listed(), what);
      assert.equal(drifted(compiled, kubernetes, listed(change)), due, what);
    }
  });
}
test.run();
