// The meaning of the parts of what clouds publish: aws, terraform, kubernetes, tailscale.
import { readFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { MAX_YAML_VALUES } from "../../compiler/import/draft/yaml_document.ts";
import { MAX_SOURCE_BYTES } from "../../compiler/source/bounds.ts";
import { suite } from "../suite.ts";
import { imported, refusals } from "./imported.ts";
import { runRows, type Fault, type Row } from "./rows.ts";

/** A plan that makes a group, whose id nobody knows yet, and a rule for port 22 of the group that `references` say. */
const plan = (inside: string, group: string, index: string, references: readonly string[] | null): string => {
  const resources = [
    { type: "aws_security_group", address: `${inside}${group}`, values: { ingress: [] } },
    {
      type: "aws_security_group_rule",
      address: `${inside}aws_security_group_rule.ssh${index}`,
      values: { type: "ingress", protocol: "tcp", from_port: 22, to_port: 22, cidr_blocks: ["0.0.0.0/0"] },
    },
  ];
  const expressions = { security_group_id: references === null ? { constant_value: "sg-9" } : { references } };
  const module = { resources: [{ address: "aws_security_group_rule.ssh", expressions }] };
  return JSON.stringify({
    planned_values: { root_module: inside === "" ? { resources } : { child_modules: [{ resources }] } },
    configuration: { root_module: inside === "" ? module : { module_calls: { m: { module } } } },
  });
};
const service = (metadata: string, spec: string): string =>
  `{"apiVersion":"v1","kind":"Service","metadata":{"name":"a",${metadata}},"spec":{${spec},"ports":[{"port":80}]}}`;
const networkPolicy = (api: string, kind: string, spec: string): string =>
  `{"items":[${service('"labels":{}', '"type":"LoadBalancer"')},{"apiVersion":"${api}","kind":"${kind}","metadata":{"name":"p"},"spec":{${spec}}}]}`;
const permission = (text: string): string => `{"SecurityGroups":[{"GroupName":"g","IpPermissions":[${text}]}]}`;

const NAMESPACES = [
  ["which both lack, is the same", "", "", false, false],
  ["which both have, is the same", ',"namespace":"prod"', ',"namespace":"prod"', false, false],
  ["that differs", ',"namespace":"prod"', ',"namespace":"x"', true, false],
  ["of the Service alone", ',"namespace":"prod"', "", false, true],
  ["of the policy alone", "", ',"namespace":"prod"', false, true],
  ["`default` and none, which kubectl may take for another", ',"namespace":"default"', "", false, true],
  ["that is empty, and one that is null", ',"namespace":""', ',"namespace":null', false, false],
  ["that is empty, and another", ',"namespace":"prod"', ',"namespace":""', false, true],
] as const;
/** A Service with two policies of its pods. */
const withPolicies = (namespace: string | null, ...policies: readonly { readonly namespace: string | null; readonly from: string }[]): string => {
  const metadata = (name: string, inside: string | null): object => ({ name, ...(inside === null ? {} : { namespace: inside }) });
  const items = policies.map(({ namespace: inside, from }, i) => ({
    kind: "NetworkPolicy",
    metadata: metadata(`p${i}`, inside),
    spec: { podSelector: {}, ingress: [{ from: [{ ipBlock: { cidr: from } }] }] },
  }));
  return JSON.stringify({ items: [{ kind: "Service", metadata: metadata("a", namespace), spec: { type: "LoadBalancer", ports: [{ port: 80 }] } }, ...items] });
};
const BETA = "service.beta.kubernetes.io";
/** Each refuses clients that a Service without it admits, or nobody here knows whether it does. */
const UNKNOWN_ANNOTATIONS = [
  [`${BETA}/aws-load-balancer-internal`, "true"],
  [`${BETA}/aws-load-balancer-scheme`, "internal"],
  [`${BETA}/aws-load-balancer-type`, "external"],
  [`${BETA}/aws-load-balancer-security-groups`, "sg-1"],
  [`${BETA}/aws-load-balancer-ssl-cert`, "arn"],
  [`${BETA}/aws-load-balancer-names`, "a"],
  [`${BETA}/azure-load-balancer-internal`, "true"],
  [`${BETA}/azure-allowed-ip-ranges`, "10.0.0.0/8"],
  [`${BETA}/azure-deny-all-except-load-balancer-source-ranges`, "true"],
  [`${BETA}/do-loadbalancer-allow-rules`, "ip:10.0.0.1"],
  [`${BETA}/do-loadbalancer-deny-rules`, "cidr:10.0.0.0/8"],
  [`${BETA}/oci-load-balancer-security-list-management-mode`, "None"],
  [`${BETA}/alibaba-cloud-loadbalancer-acl-id`, "acl-1"],
  ["service.beta.kubernetes.io.example/load-balancer-source-ranges", "10.0.0.0/8"],
  ["networking.gke.io/load-balancer-type", "Internal"],
  ["cloud.google.com/load-balancer-type", "Internal"],
  ["cloud.google.com/backend-config", "a"],
  ["kubernetes.io/elb.acl-id", "a"],
  ["kubernetes.civo.com/firewall-id", "a"],
  ["service.cilium.io/src-ranges-policy", "deny"],
  ["load-balancer.hetzner.cloud/disable-public-network", "true"],
  ["company.example/owner", "team"],
  ["lb-type", "internal"],
  ["elb", "a"],
  ["loadBalancerInternal", "true"],
  ["whitelist", "10.0.0.1"],
] as const;
const HARMLESS_ANNOTATIONS = [
  [`${BETA}/aws-load-balancer-scheme`, "internet-facing"],
  [`${BETA}/aws-load-balancer-name`, "shop"],
  [`${BETA}/azure-load-balancer-internal`, "false"],
  [`${BETA}/do-loadbalancer-healthcheck-path`, "/"],
  ["kubectl.kubernetes.io/last-applied-configuration", "{}"],
  ["external-dns.alpha.kubernetes.io/hostname", "shop.example"],
  ["metallb.universe.tf/allow-shared-ip", "a"],
  ["cloud.google.com/neg-status", "{}"],
  ["owner", "team"],
  ["bulb", "a"],
] as const;
/** Of YAML: the annotation is in line 5. */
const annotated = (key: string, value: string, more: string): string =>
  `kind: Service\nmetadata:\n  name: a\n  annotations:\n    ${key}: ${JSON.stringify(value)}\nspec:\n  type: LoadBalancer\n  ports: [{port: 80}]\n  ${more}\n`;

const ROWS: readonly Row[] = [
  {
    title: "aws: from one end of a range to the other",
    format: "aws",
    text: permission('{"IpProtocol":"tcp","FromPort":0,"ToPort":65535,"IpRanges":[{"CidrIp":"10.0.0.0/8"}]}'),
    admits: ["from 10.0.0.1 to tcp 1", "from 10.0.0.1 to tcp 65535"],
    refuses: ["from 10.0.0.1 to udp 1", "from 192.0.2.1 to tcp 1"],
  },
  {
    title: "aws: a group as a source",
    format: "aws",
    text: permission('{"IpProtocol":"tcp","FromPort":22,"ToPort":22,"UserIdGroupPairs":[{"GroupId":"sg-1"}]}'),
    refuses: ["from 10.0.0.1 to tcp 22"],
    left: [/the security group sg-1/],
  },
  { title: "aws: no rule", format: "aws", text: permission(""), refuses: ["from 10.0.0.1 to tcp 22"] },
  {
    title: "aws: rules for outgoing connections admit nobody",
    format: "aws",
    text: '{"SecurityGroups":[{"GroupName":"g","IpPermissions":[],"IpPermissionsEgress":[{"IpProtocol":"-1","IpRanges":[{"CidrIp":"0.0.0.0/0"}]}]}]}',
    refuses: ["from 10.0.0.1 to tcp 22"],
  },
  {
    title: "terraform: rules of a group that is not known",
    format: "terraform",
    text: '{"planned_values":{"root_module":{"resources":[{"type":"aws_security_group","address":"a","values":{"id":"sg-1","ingress":[]}},{"type":"aws_security_group_rule","address":"r","values":{"type":"ingress","security_group_id":"sg-2","protocol":"tcp","from_port":22,"to_port":22,"cidr_blocks":["0.0.0.0/0"]}}]}}}',
    refuses: ["from 10.0.0.1 to tcp 22"],
    left: [/another security group/],
  },
  ...(
    [
      ["its rule", "", "aws_security_group.web", ["aws_security_group.web.id", "aws_security_group.web"], true],
      ["one of several rules", "", "aws_security_group.web", ["aws_security_group.web.id", "aws_security_group.web"], true, "[0]"],
      ["a rule of a module", "module.m.", "aws_security_group.web", ["aws_security_group.web.id", "aws_security_group.web"], true],
      ["one of several groups", "", "aws_security_group.web[0]", ["aws_security_group.web[0].id", "aws_security_group.web[0]", "aws_security_group.web"], true],
      [
        "another of these groups",
        "",
        "aws_security_group.web[0]",
        ["aws_security_group.web[1].id", "aws_security_group.web[1]", "aws_security_group.web"],
        false,
      ],
      ["a rule of a group that is there already", "", "aws_security_group.web", ["data.aws_security_group.old.id", "data.aws_security_group.old"], false],
      ["a rule of a variable", "", "aws_security_group.web", ["var.group"], false],
      ["a rule of this group or another", "", "aws_security_group.web", ["aws_security_group.web.id", "aws_security_group.web", "var.group"], false],
      ["a rule of something else of the group", "", "aws_security_group.web", ["aws_security_group.web.vpc_id", "aws_security_group.web"], false],
      ["a rule of an id", "", "aws_security_group.web", null, false],
    ] as const
  ).map(([title, inside, group, references, isOwn, index = ""]): Row => ({
    title: `terraform: a plan with one new group and ${title}`,
    format: "terraform",
    text: plan(inside, group, index, references),
    ...(isOwn ? { admits: ["from 10.0.0.1 to tcp 22"] } : { refuses: ["from 10.0.0.1 to tcp 22"], left: [/another security group, or the plan does not say/] }),
  })),
  {
    title: "kubernetes: a policy of no rules admits nobody",
    format: "kubernetes",
    text: '{"items":[{"kind":"Service","metadata":{"name":"a"},"spec":{"type":"NodePort","selector":{"app":"a"},"ports":[{"port":80,"nodePort":30080}]}},{"kind":"NetworkPolicy","metadata":{"name":"p"},"spec":{"podSelector":{},"policyTypes":["Ingress"]}}]}',
    refuses: ["from 10.0.0.1 to tcp 30080", "from 10.0.0.1 to tcp 80"],
  },
  ...NAMESPACES.map(([what, ofService, ofPolicy, isOpen, isLeft]): Row => ({
    title: `kubernetes: a namespace, ${what}`,
    format: "kubernetes",
    text: `{"items":[{"kind":"Service","metadata":{"name":"a"${ofService}},"spec":{"type":"NodePort","selector":{"app":"a"},"ports":[{"port":80,"nodePort":30080}]}},{"kind":"NetworkPolicy","metadata":{"name":"p"${ofPolicy}},"spec":{"podSelector":{},"ingress":[{"from":[{"ipBlock":{"cidr":"10.0.0.0/8"}}]}]}}]}`,
    admits: ["from 10.0.0.1 to tcp 30080", ...(isOpen ? ["from 192.0.2.1 to tcp 30080"] : [])],
    refuses: isOpen ? [] : ["from 192.0.2.1 to tcp 30080"],
    left: isLeft ? [/^NetworkPolicy p: whether it is about the pods/] : [],
  })),
  {
    title: "kubernetes: of policies of which one has no namespace, only the one that is certainly about the pods admits",
    format: "kubernetes",
    text: withPolicies("prod", { namespace: "prod", from: "10.0.0.0/8" }, { namespace: null, from: "192.0.2.0/24" }),
    admits: ["from 10.0.0.1 to tcp 80"],
    refuses: ["from 192.0.2.1 to tcp 80", "from 203.0.113.1 to tcp 80"],
  },
  {
    title: "kubernetes: policies of two namespaces, for a Service that may be in either, admit what both do",
    format: "kubernetes",
    text: withPolicies(null, { namespace: "prod", from: "10.0.0.0/8" }, { namespace: "test", from: "10.1.0.0/16" }),
    admits: ["from 10.1.0.1 to tcp 80"],
    refuses: ["from 10.2.0.1 to tcp 80", "from 192.0.2.1 to tcp 80"],
    left: [/whether it is about the pods/, /whether it is about the pods/],
  },
  {
    title: "kubernetes: policies without a namespace add up for a Service without one",
    format: "kubernetes",
    text: withPolicies(null, { namespace: null, from: "10.0.0.0/8" }, { namespace: null, from: "192.0.2.0/24" }),
    admits: ["from 10.0.0.1 to tcp 80", "from 192.0.2.1 to tcp 80"],
    refuses: ["from 203.0.113.1 to tcp 80"],
  },
  {
    title: "kubernetes: a load balancer that an annotation narrows",
    format: "kubernetes",
    text: service('"annotations":{"service.beta.kubernetes.io/load-balancer-source-ranges":"10.0.0.0/8"}', '"type":"LoadBalancer"'),
    refuses: ["from 10.0.0.1 to tcp 80", "from 192.0.2.1 to tcp 80"],
    left: [/Service a: its annotation `service\.beta\.kubernetes\.io\/load-balancer-source-ranges`/],
  },
  {
    title: "kubernetes: the ranges of the spec win over the annotation, as there",
    format: "kubernetes",
    text: service(
      '"annotations":{"service.beta.kubernetes.io/load-balancer-source-ranges":"0.0.0.0/0"}',
      '"type":"LoadBalancer","loadBalancerSourceRanges":["10.0.0.0/8"]',
    ),
    admits: ["from 10.0.0.1 to tcp 80"],
    refuses: ["from 192.0.2.1 to tcp 80"],
  },
  {
    title: "kubernetes: the annotation of ranges counts nothing at a NodePort, as there",
    format: "kubernetes",
    text: yamlService("NodePort", "x: y")
      .replace("{name: a}", '{name: a, annotations: {"service.beta.kubernetes.io/load-balancer-source-ranges": 10.0.0.0/8}}')
      .replace("port: 80", "port: 80, nodePort: 30080"),
    admits: ["from 192.0.2.1 to tcp 30080"],
  },
  ...UNKNOWN_ANNOTATIONS.flatMap(([key, value]) =>
    ["[]", "[0.0.0.0/0]"].map((ranges): Row => ({
      title: `kubernetes: the annotation ${key}: ${value}, with the ranges ${ranges}`,
      format: "kubernetes",
      text: annotated(key, value, `loadBalancerSourceRanges: ${ranges}`),
      refuses: ["from 10.0.0.1 to tcp 80", "from 192.0.2.1 to tcp 80"],
      left: [new RegExp(`^Service a: its annotation \`${key.replaceAll(".", "\\.")}\` may decide who can connect; take it out of the file`)],
    })),
  ),
  ...HARMLESS_ANNOTATIONS.map(([key, value]): Row => ({
    title: `kubernetes: the annotation ${key}: ${value} refuses nobody`,
    format: "kubernetes",
    text: annotated(key, value, "loadBalancerSourceRanges: [10.0.0.0/8]"),
    admits: ["from 10.0.0.1 to tcp 80"],
    refuses: ["from 192.0.2.1 to tcp 80"],
  })),
  {
    title: "kubernetes: what is left out for an annotation has its line",
    format: "kubernetes",
    text: `# first\n${annotated("yandex.cloud/load-balancer-type", "internal", "x: y")}`,
    refuses: ["from 10.0.0.1 to tcp 80"],
    left: [/yandex/],
    written: /^# line 6: Service a: its annotation `yandex\.cloud\/load-balancer-type`/m,
  },
  {
    title: "kubernetes: an annotation that isn't known at a NodePort",
    format: "kubernetes",
    text: annotated("service.cilium.io/type", "ClusterIP", "x: y").replace("LoadBalancer", "NodePort").replace("port: 80", "nodePort: 80"),
    refuses: ["from 10.0.0.1 to tcp 80"],
    left: [/^Service a: its annotation `service\.cilium\.io\/type`/],
  },
  ...["tailscale", "service.k8s.aws/nlb"].map((itsClass): Row => ({
    title: `kubernetes: a load balancer of the class ${itsClass}`,
    format: "kubernetes",
    text: yamlService("LoadBalancer", `loadBalancerClass: ${itsClass}\n  loadBalancerSourceRanges: [10.0.0.0/8]`),
    refuses: ["from 10.0.0.1 to tcp 80", "from 192.0.2.1 to tcp 80"],
    left: [/^Service a: a load balancer of the class `[a-z0-9./]+` may decide who can connect/],
  })),
  {
    title: "kubernetes: a class of null is none",
    format: "kubernetes",
    text: yamlService("LoadBalancer", "loadBalancerClass: ~"),
    admits: ["from 192.0.2.1 to tcp 80"],
  },
  {
    title: "kubernetes: null is no list, as there",
    format: "kubernetes",
    text: service('"labels":{}', '"type":"LoadBalancer","loadBalancerSourceRanges":null'),
    admits: ["from 192.0.2.1 to tcp 80"],
  },
  {
    title: "kubernetes: labels that can't be read may be those of the pods",
    format: "kubernetes",
    text: `{"items":[${service('"labels":{}', '"type":"LoadBalancer","selector":{"app":"a"}')},{"kind":"NetworkPolicy","metadata":{"name":"p"},"spec":{"podSelector":{"matchLabels":{"app":7}}}}]}`,
    refuses: ["from 192.0.2.1 to tcp 80"],
    left: [/whether it is about the pods/],
  },
  {
    title: "kubernetes: a Service of another API",
    format: "kubernetes",
    text: `{"items":[${service('"labels":{}', '"type":"LoadBalancer"')},{"apiVersion":"serving.knative.dev/v1","kind":"Service","metadata":{"name":"k"},"spec":{"type":"LoadBalancer","ports":[{"port":81}]}}]}`,
    admits: ["from 192.0.2.1 to tcp 80"],
    refuses: ["from 192.0.2.1 to tcp 81"],
    left: [/Service k: only Services/],
  },
  {
    title: "kubernetes: pods as a source",
    format: "kubernetes",
    text: '{"kind":"NetworkPolicy","metadata":{"name":"p"},"spec":{"podSelector":{},"ingress":[{"from":[{"podSelector":{}}],"ports":[{"port":80}]}]}}',
    refuses: ["from 10.0.0.1 to tcp 80"],
    left: [/pods or namespaces/],
  },
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
  {
    title: "tailscale: from any device is from its addresses",
    format: "tailscale",
    text: '{"acls":[{"action":"accept","src":["*"],"dst":["*:22",]}]} // all',
    admits: ["from 100.64.0.1 to tcp 22"],
    refuses: ["from 192.0.2.1 to tcp 22", "from 100.64.0.1 to tcp 23"],
  },
  {
    title: "tailscale: a group is nobody",
    format: "tailscale",
    text: '{"acls":[{"action":"accept","src":["group:a"],"dst":["*:22"]}]}',
    refuses: ["from 100.64.0.1 to tcp 22"],
    left: [/group:a/],
  },
  {
    title: "tailscale: a tag may be any host",
    format: "tailscale",
    text: '{"acls":[{"action":"accept","src":["*"],"dst":["tag:a:22"]}]}',
    refuses: ["from 100.64.0.1 to tcp 22"],
    left: [/tag:a/],
  },
];

const NETWORKING = "networking.k8s.io/v1";

/** Of YAML, in block style; `more` is of its spec. */
function yamlService(type: string, more = "externalName: x"): string {
  return `kind: Service\nmetadata: {name: a}\nspec:\n  type: ${type}\n  ports: [{port: 80}]\n  ${more}\n`;
}

function yamlPolicy(spec: string, more = "labels: {}"): string {
  return `kind: NetworkPolicy\nmetadata: {name: p, ${more}}\nspec:\n  ${spec}\n`;
}

const FAULTS: readonly Fault[] = [
  ["aws", "{}", /^ING874 the document has no `SecurityGroups`/],
  ["aws", '{"SecurityGroups":[]}', /^ING875 it has no security group/],
  ["aws", permission('{"FromPort":1}'), /^ING874 a rule has no `IpProtocol`/],
  ["aws", permission('{"IpProtocol":"tcp","FromPort":80}'), /^ING874 .*has no range of ports/],
  ["aws", permission('{"IpProtocol":"tcp","FromPort":81,"ToPort":80}'), /^ING874 .*has no range of ports/],
  ["aws", permission('{"IpProtocol":"tcp","FromPort":80,"ToPort":65536}'), /^ING874 .*has no range of ports/],
  ["aws", permission('{"IpProtocol":"tcp","FromPort":80,"ToPort":80,"IpRanges":[{"CidrIp":"2001:db8::/32"}]}'), /^ING874 this is no prefix of IPv4/],
  ["aws", permission('{"IpProtocol":"tcp","FromPort":80,"ToPort":80,"IpRanges":[{"CidrIp":"10.0.0.0/33"}]}'), /^ING874 this is no prefix of IPv4/],
  ["terraform", "{}", /^ING873 it has neither `values` nor `planned_values`/],
  ["terraform", '{"values":{"root_module":{"resources":[{}]}}}', /^ING874 this resource has no `type`/],
  ["terraform", '{"values":{"root_module":{}}}', /^ING875 it has no security group/],
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
  ["kubernetes", '{"kind":"NetworkPolicy","metadata":{"name":"p"},"spec":{"ingress":[{"ports":[{"port":80,"protocol":6}]}]}}', /^ING874 `protocol` of a port/],
  ["kubernetes", '{"kind":"NetworkPolicy","metadata":{"name":"p"},"spec":[]}', /^ING874 this NetworkPolicy has no `spec`/],
  ["kubernetes", `a: ${"[".repeat(5_000)}`, /^ING87[37]/],
  ["kubernetes", `a: ${"[".repeat(201)}${"]".repeat(201)}\n`, /^ING877 more than 200 collections/],
  ["kubernetes", '{"kind":"Service"}', /^ING874 this object has no `kind` or no name/],
  ["kubernetes", '{"kind":"List","items":[]}', /^ING875 it has no Service/],
  [
    "kubernetes",
    '{"kind":"Service","metadata":{"name":"a"},"spec":{"type":"NodePort","ports":[{"port":80}]}}',
    /^ING874 this port of the Service a has no number/,
  ],
  ["kubernetes", networkPolicy("projectcalico.org/v3", "NetworkPolicy", '"ingress":[{"action":"Deny"}]'), /^ING874 .*may refuse what the others admit/],
  ["kubernetes", networkPolicy("policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicy", '"ingress":[]'), /^ING874 this AdminNetworkPolicy of policy/],
  ["kubernetes", networkPolicy("cilium.io/v2", "CiliumNetworkPolicy", '"ingressDeny":[]'), /^ING874 this CiliumNetworkPolicy of cilium/],
  ["kubernetes", networkPolicy("security.istio.io/v1", "AuthorizationPolicy", '"action":"DENY"'), /^ING874 this AuthorizationPolicy of security/],
  ["kubernetes", networkPolicy(NETWORKING, "NetworkPolicy", '"podSelector":{},"ingress":[{"from":{}}]'), /^ING874 `from` of a rule .* is not a list/],
  ["kubernetes", networkPolicy(NETWORKING, "NetworkPolicy", '"podSelector":{},"ingress":[{"ports":80}]'), /^ING874 `ports` of a rule .* is not a list/],
  [
    "kubernetes",
    networkPolicy(NETWORKING, "NetworkPolicy", '"podSelector":{},"ingress":[{"from":[{"ipBlock":{"cidr":"10.0.0.0/8","except":"10.1.0.0/16"}}]}]'),
    /^ING874 `except` of a block .* is not a list/,
  ],
  [
    "kubernetes",
    service('"labels":{}', '"type":"LoadBalancer","loadBalancerSourceRanges":"10.0.0.0/8"'),
    /^ING874 `loadBalancerSourceRanges` of the Service a/,
  ],
  ["tailscale", '{"groups":{}}', /^ING875 it has neither `acls` nor `grants`/],
  ["tailscale", '{"acls":{}}', /^ING874 `acls` is not a list/],
  ["tailscale", '{"acls":[{"action":"drop","src":["*"],"dst":["*:1"]}]}', /^ING874 this acl has no `action`/],
  ["tailscale", '{"acls":[{"action":"accept","src":["*"],"dst":["*"]}]}', /^ING874 this is no host with its ports/],
  ["tailscale", '{"acls":[{"action":"accept","src":["*"],"dst":["*:0"]}]}', /^ING874 this is no host with its ports/],
  ["tailscale", '{"acls":[], /* no end', /^ING873 this is not JSON/],
];

runRows("import_rows", ROWS, FAULTS);

const test = suite("import_yaml");

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
