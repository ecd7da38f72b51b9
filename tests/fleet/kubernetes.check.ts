// `ingressc build --target kubernetes`: every manifest by the schemas of the wheel kubernetes-validate, and clients at every edge and at
// random by two readers: Cyclonus, and network_policy.py, which is written from the text of NetworkPolicy. No cluster runs here.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
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
import { buildCyclonus } from "./cyclonus.ts";
import { drifted, filesFor, RANDOM, RANDOM_POLICIES, SETTINGS, SHIPPED, visitText, type Engine } from "./acceptance.ts";
import { visitsOf, type Extent } from "./clients.ts";
import { installValidator, MODULES } from "./kubernetes_validator.ts";
import { printed, shipped, verdicts, type Compiled } from "./policies.ts";
import { plainPolicy } from "./random_policies.ts";

const test = suite("fleet: kubernetes");
const READER = fileURLToPath(new URL("network_policy.py", import.meta.url));
const CYCLONUS = buildCyclonus();
const NOW = Math.floor(Date.now() / 1000);
const POLICIES = ["cluster", "queue", "shut", "mail", "monitored"];

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
  const second = spawnSync(CYCLONUS.path, ["manifest.yaml", "clients.json", "second.json"], { cwd: folder, encoding: "utf8" });
  assert.is(second.status, 0, `${compiled.name}: ${second.error?.message ?? ""}${second.stderr}`);
  const others = JSON.parse(readFileSync(join(folder, "second.json"), "utf8")) as readonly boolean[];
  assert.is(others.length, visits.length);
  const admits = verdicts(compiled, settings.asOf ?? NOW);
  let admitted = 0;
  for (const [i, visit] of visits.entries()) {
    if (answers[i] !== (admits(visit) !== null))
      assert.unreachable(`${compiled.name}: ${visitText(visit)}: ${String(answers[i])}\n${compiled.entry.text}\n${manifest.slice(0, 6000)}`);
    assert.is(others[i], answers[i], `Cyclonus and network_policy.py differ: ${compiled.name}: ${visitText(visit)}`);
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

const missing = installValidator() ?? CYCLONUS.missing;
if (missing !== null) skip("readers of manifests", missing);
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

  test("the reader takes nothing that it does not know", () => {
    const manifest = filesFor(shipped("queue"), { target: kubernetes, setup: [], program: null, silent: false }).get("") ?? "";
    const folder = ownFolder("fleet-");
    const read = (text: string): number | null => {
      writeFileSync(join(folder, "manifest.yaml"), text);
      writeFileSync(join(folder, "clients.json"), "[]");
      return spawnSync("python3", [READER, "manifest.yaml", "clients.json", "answers.json"], { cwd: folder, env: { ...process.env, PYTHONPATH: MODULES } })
        .status;
    };
    assert.is(read(manifest), 0);
    const changes: readonly (readonly [from: string | RegExp, to: string])[] = [
      [/"ipBlock": \{[^}]*\}/, '"podSelector": {}'],
      [/"ipBlock": \{/, '"namespaceSelector": {}, "ipBlock": {'],
      ['"matchLabels"', '"matchExpressions": [{"key": "a", "operator": "Exists"}], "matchLabels"'],
      [/"policyTypes": \[[^\]]*\]/, '"policyTypes": ["Ingress", "Egress"]'],
      ['"externalTrafficPolicy": "Local"', '"externalTrafficPolicy": "Cluster"'],
      [/"targetPort": \d+/, '"targetPort": "web"'],
      ['"kind": "Service"', '"kind": "Services"'],
      ['"podSelector"', '"podSelectors"'],
    ];
    for (const [from, to] of changes) {
      const changed = manifest.replace(from, to);
      assert.not.equal(changed, manifest, String(from));
      assert.is(read(changed), 1, String(from));
    }
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
