// How objects of Kubernetes are written: YAML with its documents, aliases, keys, numbers and words, and JSON.
import { readFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { MAX_YAML_VALUES } from "../../compiler/import/draft/yaml_document.ts";
import { MAX_SOURCE_BYTES } from "../../compiler/source/bounds.ts";
import { suite } from "../suite.ts";
import { imported, refusals } from "./imported.ts";
import { yamlPolicy, yamlService } from "./kubernetes_texts.ts";
import { runRows, type Fault, type Row } from "./rows.ts";

const ROWS: readonly Row[] = [
  {
    title: "kubernetes: two documents of YAML, comments and an empty one",
    format: "kubernetes",
    text: `---
# the shop
apiVersion: v1
kind: Service
metadata: {name: a}
spec:
  type: LoadBalancer
  selector: {app: a}
  loadBalancerSourceRanges:
    - 10.0.0.0/8
  ports:
    - port: 80
      targetPort: 8080
---
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: p
spec:
  podSelector:
    matchLabels: {app: a}
  ingress:
    - from:
        - ipBlock:
            cidr: "10.1.0.0/16"
            except: ["10.1.2.0/24"]
      ports:
        - protocol: TCP
          port: 8080
`,
    admits: ["from 10.1.0.1 to tcp 80"],
    refuses: ["from 10.1.2.1 to tcp 80", "from 10.2.0.1 to tcp 80", "from 192.0.2.1 to tcp 80"],
  },
  {
    title: "kubernetes: a List of YAML, with CR LF, an alias and texts in quotes",
    format: "kubernetes",
    text: `kind: List
items:
- kind: Service
  metadata: {name: 'a'}
  spec:
    type: "LoadBalancer"
    loadBalancerSourceRanges: &office
    - >-
      10.0.0.0/8
    ports: [{port: 80}]
- kind: Service
  metadata: {name: b}
  spec: {type: LoadBalancer, loadBalancerSourceRanges: *office, ports: [{port: 81, protocol: UDP}]}
`.replaceAll("\n", "\r\n"),
    admits: ["from 10.0.0.1 to tcp 80", "from 10.0.0.1 to udp 81"],
    refuses: ["from 192.0.2.1 to tcp 80", "from 192.0.2.1 to udp 81"],
  },
  {
    title: "kubernetes: an alias means the last anchor before it, and what it repeats changes nothing",
    format: "kubernetes",
    text: `kind: Service
metadata: {name: a, annotations: {x: &r 10.0.0.0/8, y: &both [*r], z: &r 192.0.2.0/24, again: *both}}
spec: {type: LoadBalancer, loadBalancerSourceRanges: [*r], ports: [{port: 80}]}
`,
    admits: ["from 192.0.2.1 to tcp 80"],
    refuses: ["from 10.0.0.1 to tcp 80"],
  },
  {
    title: "kubernetes: null of YAML is no list, as there",
    format: "kubernetes",
    text: yamlService("LoadBalancer", "loadBalancerSourceRanges: ~"),
    admits: ["from 192.0.2.1 to tcp 80"],
  },
  {
    title: "kubernetes: a label that YAML takes for false may be that of the pods",
    format: "kubernetes",
    text: `${yamlService("LoadBalancer", "selector: {app: 'no'}")}---\n${yamlPolicy("podSelector: {matchLabels: {app: no}}")}`,
    refuses: ["from 192.0.2.1 to tcp 80"],
    left: [/whether it is about the pods/],
  },
  {
    title: "kubernetes: a rule of YAML without fields admits everybody, as there",
    format: "kubernetes",
    text: yamlPolicy("podSelector: {}\n  ingress: [{}]"),
    admits: ["from 192.0.2.1 to tcp 80", "from 192.0.2.1 to udp 9"],
  },
];

const FAULTS: readonly Fault[] = [
  ["kubernetes", '{"kind":"Service"', /^ING873 this is not JSON/],
  ["kubernetes", "apiVersion: v1\nkind: Service\n", /^ING874 this object has no `kind` or no name/],
  ["kubernetes", "", /^ING875 it has no Service/],
  ["kubernetes", "---\n---\n# nothing\n", /^ING875 it has no Service/],
  ["kubernetes", "- a\n- b\n", /^ING874 this object has no `kind` or no name/],
  ["kubernetes", "kind: Service\n metadata: {}\n", /^ING873 this is not YAML/],
  ["kubernetes", "kind: [Service\n", /^ING873 this is not YAML/],
  ["kubernetes", "kind: 'Service\n", /^ING873 this is not YAML/],
  ["kubernetes", "a: b\n\tc: d\n", /^ING873 this is not YAML/],
  ["kubernetes", `${yamlService("LoadBalancer", "loadBalancerSourceRanges: [10.0.0.0/8]")}  loadBalancerSourceRanges: []\n`, /^ING873 this key appears twice/],
  [
    "kubernetes",
    `${yamlService("LoadBalancer", "loadBalancerSourceRanges: [10.0.0.0/8]")}  "loadBalancerSourceRanges": []\n`,
    /^ING873 this key appears twice/,
  ],
  ["kubernetes", yamlService("LoadBalancer", "<<: {loadBalancerSourceRanges: [10.0.0.0/8]}"), /^ING873 merge keys are not read/],
  ["kubernetes", yamlService("LoadBalancer", '"<<": {}'), /^ING873 merge keys are not read/],
  ["kubernetes", yamlService("LoadBalancer", "? [a]\n  : b"), /^ING873 this key is no text/],
  ["kubernetes", yamlService("LoadBalancer", "loadBalancerSourceRanges: !!set {10.0.0.0/8}"), /^ING873/],
  ["kubernetes", yamlService("LoadBalancer", "x: !!binary aGk="), /^ING873/],
  ["kubernetes", yamlService("LoadBalancer", "x: !own y"), /^ING873/],
  ["kubernetes", yamlService("LoadBalancer", "loadBalancerSourceRanges: *gone"), /^ING873 there is no anchor `gone`/],
  [
    "kubernetes",
    `${yamlService("LoadBalancer", "x: &a [10.0.0.0/8]")}---\n${yamlService("LoadBalancer", "loadBalancerSourceRanges: *a")}`,
    /^ING873 there is no anchor `a`/,
  ],
  ["kubernetes", yamlService("LoadBalancer", "x: &a [*a]"), /^ING873 this value contains itself/],
  ...["010", "0o10", "0x50", "0b1", "8_0", "1_000.5", ".5", "80.", ".inf", "-.INF", ".nan"].map(
    (number) =>
      [
        "kubernetes",
        `kind: Service\nmetadata: {name: a}\nspec: {type: LoadBalancer, ports: [{port: ${number}}]}\n`,
        /^ING873 programs read the number/,
      ] as const,
  ),
  ["kubernetes", yamlService("no"), /^ING874 `type` of the Service a is not a text/],
  ["kubernetes", yamlService("LoadBalancer", "loadBalancerSourceRanges: no"), /^ING874 `loadBalancerSourceRanges` of the Service a is not a list/],
  ["kubernetes", yamlService("LoadBalancer", "loadBalancerSourceRanges: [no]"), /^ING874 this is no prefix/],
  ["kubernetes", yamlPolicy("podSelector: {}", "namespace: on"), /^ING874 `namespace` of the NetworkPolicy p is not a text/],
  ["kubernetes", `${yamlService("LoadBalancer")}---\n${yamlPolicy("podSelector: all")}`, /^ING874 `podSelector` of the NetworkPolicy p is not an object/],
  ["kubernetes", yamlPolicy("podSelector: {}\n  policyTypes: Egress"), /^ING874 `policyTypes` of the NetworkPolicy p is not a list/],
  ["kubernetes", yamlPolicy("podSelector: {}\n  ingress: {}"), /^ING874 `ingress` of the NetworkPolicy p is not a list/],
  ["kubernetes", yamlPolicy("podSelector: {}\n  ingress:\n    -"), /^ING874 a rule of the NetworkPolicy p is not an object/],
  ["kubernetes", yamlPolicy("podSelector: {}\n  ingress: [yes]"), /^ING874 a rule of the NetworkPolicy p is not an object/],
  ...["[80]", "[{port: no}]", "[{port: [80]}]", "[{port: 80, endPort: '90'}]", "[~]"].map(
    (ports) => ["kubernetes", yamlPolicy(`podSelector: {}\n  ingress: [{ports: ${ports}}]`), /^ING874 a port of the NetworkPolicy p is not read/] as const,
  ),
  [
    "kubernetes",
    yamlPolicy("podSelector: {}\n  ingress: [{ports: [{port: 80, protocol: no}]}]"),
    /^ING874 `protocol` of a port of the NetworkPolicy p is not a text/,
  ],
  ["kubernetes", `a: ${"[".repeat(5_000)}`, /^ING87[37]/],
  ["kubernetes", `a: ${"[".repeat(201)}${"]".repeat(201)}\n`, /^ING877 more than 200 collections/],
];

runRows("import_kubernetes_yaml", ROWS, FAULTS);

const test = suite("import_yaml_bounds");

test("kubernetes: aliases of YAML may repeat as many values as the bound, and one more is refused", async () => {
  // The value and its key count, and each alias counts as what it repeats.
  const laughs = (times: number): string =>
    `kind: Service\nmetadata: {name: a}\nspec: {type: ClusterIP, x: &x [${Array(99).fill("1").join()}], y: [${Array(times).fill("*x").join()}]}\n`;
  const most = Math.floor(MAX_YAML_VALUES / 101);
  assert.equal(
    (await refusals("kubernetes", laughs(most - 2))).filter((one) => one.startsWith("ING877")),
    [],
  );
  const [first = ""] = await refusals("kubernetes", laughs(most + 1));
  assert.match(first, /^ING877 the file has more than 200000 values/);
  const nested = Array.from(
    { length: 12 },
    (_, i) =>
      `a${i}: &a${i} [${Array(10)
        .fill(i === 0 ? "1" : `*a${i - 1}`)
        .join()}]`,
  ).join("\n");
  assert.match((await refusals("kubernetes", nested))[0] ?? "", /^ING877 the file has more than/);
});

test("kubernetes: a file of YAML has 4 MiB, and one byte more is refused", async () => {
  const policy = `${yamlPolicy("podSelector: {}")}# `;
  const file = (length: number): string => policy + "x".repeat(length - policy.length);
  assert.equal(await refusals("kubernetes", file(MAX_SOURCE_BYTES)), []);
  assert.match((await refusals("kubernetes", file(MAX_SOURCE_BYTES + 1)))[0] ?? "", /^ING877 a file of YAML may have 4 MiB/);
});

test("kubernetes: JSON as YAML means the same", async () => {
  for (const file of ["shop", "database"]) {
    const json = readFileSync(new URL(`sources/${file}.kubernetes.json`, import.meta.url), "utf8");
    const rules = (text: string): string => text.replace(/^#.*\n/gm, "");
    // Behind a comment it is YAML.
    assert.is(rules((await imported("kubernetes", `# yaml\n${json}`)).text), rules((await imported("kubernetes", json)).text));
  }
});

test.run();
