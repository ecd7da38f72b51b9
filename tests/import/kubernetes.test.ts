// The meaning of the parts of Services and NetworkPolicies: namespaces, pods, annotations, classes. How they are written is in kubernetes_yaml.test.ts.
import { service, yamlService } from "./kubernetes_texts.ts";
import { runRows, type Fault, type Row } from "./rows.ts";

const NETWORKING = "networking.k8s.io/v1";
const networkPolicy = (api: string, kind: string, spec: string): string =>
  `{"items":[${service('"labels":{}', '"type":"LoadBalancer"')},{"apiVersion":"${api}","kind":"${kind}","metadata":{"name":"p"},"spec":{${spec}}}]}`;

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
];

const FAULTS: readonly Fault[] = [
  ["kubernetes", '{"kind":"NetworkPolicy","metadata":{"name":"p"},"spec":{"ingress":[{"ports":[{"port":80,"protocol":6}]}]}}', /^ING874 `protocol` of a port/],
  ["kubernetes", '{"kind":"NetworkPolicy","metadata":{"name":"p"},"spec":[]}', /^ING874 this NetworkPolicy has no `spec`/],
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
];

runRows("import_kubernetes", ROWS, FAULTS);
