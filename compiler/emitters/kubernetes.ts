// Kubernetes: one NetworkPolicy and one Service for each listener. The policy is about the port of the pod, the Service leads the
// exposed port there and keeps the client's address.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { union } from "../check/sets/intervals.ts";
import type { CheckedExpose, PortRange } from "../policy/policy.ts";
import type { Emitter, Files, Options, TooMuch } from "./emitter.ts";
import { headerLines } from "./header.ts";
import { readCluster } from "./kubernetes_running.ts";
import type { Plan } from "./plan.ts";
import { prefixTexts } from "./ranges.ts";

export const kubernetes: Emitter = {
  name: "kubernetes",
  ending: ".yaml",
  isFolder: false,
  can: { modes: new Set(["tcp", "direct"]), udp: true, direct: "written", times: false, bind: false, backends: "own" },
  emit: filesOf,
  read: (running) => readCluster(running),
};

/** Of one object; etcd takes 1.5 MiB. */
const MOST_BYTES = 1_200_000;
const MOST_PORTS = 250;

const LABEL_VALUE = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;

interface Listener {
  readonly i: number;
  readonly expose: CheckedExpose;
  readonly name: string;
  readonly selector: Readonly<Record<string, string>>;
  /** Ports of the pod, in the order of the exposed ports. */
  readonly ports: readonly { readonly port: number; readonly target: number }[];
  readonly prefixes: readonly string[];
}

function filesOf(plan: Plan, options: Options): Result<Files, readonly TooMuch[]> {
  const listeners = listenersOf(plan, options);
  const documents = listeners.map((listener) => ({ listener, policy: pretty(policyOf(listener, plan)), service: pretty(serviceOf(listener, plan)) }));
  const wrong = [
    ...documents.flatMap(({ listener: { i }, policy }): readonly TooMuch[] =>
      policy.length > MOST_BYTES ? [{ listener: i, what: `its NetworkPolicy has ${policy.length} bytes, and a cluster takes ${MOST_BYTES}` }] : [],
    ),
    ...listeners.flatMap(({ i, ports }): readonly TooMuch[] =>
      ports.length > MOST_PORTS ? [{ listener: i, what: `it has ${ports.length} ports, and a Service has no ranges and at most ${MOST_PORTS} here` }] : [],
    ),
    ...listeners.flatMap(({ i, expose: { service } }): readonly TooMuch[] =>
      options.selector !== null || LABEL_VALUE.test(service) ?
        []
      : [{ listener: i, what: `\`${service}\` is no value of a label, which has at most 63 characters and ends with a letter or a digit` }],
    ),
    ...shared(listeners),
  ];
  if (wrong.length > 0) return failed(wrong);
  // YAML has comments, and JSON in it.
  const text = [
    ...headerLines("kubernetes", plan, options).map((line) => `# ${line}`),
    ...documents.flatMap(({ policy, service }) => ["---", policy, "---", service]),
    "",
  ];
  return ok(new Map([["", text.join("\n")]]));
}

function listenersOf(plan: Plan, { selector }: Options): readonly Listener[] {
  const names = new Set<string>();
  return plan.exposes.flatMap((expose, i) => {
    const places = plan.places.filter(({ members }) => members.includes(i));
    if (places.length === 0) return [];
    const sources = union(places.flatMap(({ grants }) => grants.filter(({ listener }) => listener === i).map((grant) => grant.sources)));
    const name = freeName(expose, names);
    names.add(name);
    const [backend] = expose.backends;
    const ports = portsOf(expose.ports).map((port) => ({ port, target: backend?.kind === "tcp" ? backend.port : port }));
    const labels = selector === null ? { "app.kubernetes.io/name": expose.service } : { [selector.key]: selector.value };
    return [{ i, expose, name, selector: labels, ports, prefixes: prefixTexts(sources) }];
  });
}

/** A label of DNS that begins with a letter, as a Service needs it: at most 63 characters. */
function freeName({ name, proto }: CheckedExpose, taken: ReadonlySet<string>): string {
  const plain = name
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, "-")
    .replace(/^[^a-z]+/, "")
    .slice(0, 50)
    .replace(/-+$/, "");
  const base = plain === "" ? "expose" : plain;
  let free = taken.has(base) ? `${base}-${proto}` : base;
  for (let n = 2; taken.has(free); n++) free = `${base}-${proto}-${n}`;
  return free;
}

/** One more than can be written, where there are more. */
function portsOf(ranges: readonly PortRange[]): readonly number[] {
  const out: number[] = [];
  for (const { first, last } of ranges) for (let port = first; port <= last && out.length <= MOST_PORTS; port++) out.push(port);
  return out;
}

/** Policies add up: none refuses a client that another one admits to the same port of a pod. */
function shared(listeners: readonly Listener[]): readonly TooMuch[] {
  const taken = new Map<string, Listener>();
  return listeners.flatMap((listener): readonly TooMuch[] => {
    const keys = [...new Set(listener.ports.map(({ target }) => `${JSON.stringify(listener.selector)} ${listener.expose.proto} ${target}`))];
    const other = keys.map((key) => taken.get(key)).find((found) => found !== undefined);
    for (const key of keys) taken.set(key, listener);
    return other === undefined || other.prefixes.join() === listener.prefixes.join() ?
        []
      : [
          {
            listener: listener.i,
            what: `it leads to the same port of the same pods as \`${other.expose.name}\`, and a cluster would admit the clients of both`,
          },
        ];
  });
}

function metadata({ name }: Listener, { hash }: Plan): object {
  return { name, labels: { "app.kubernetes.io/managed-by": "ingressc" }, annotations: { "ingressd/policy": hash } };
}

function policyOf(listener: Listener, plan: Plan): object {
  const { selector, expose, ports, prefixes } = listener;
  const targets = [...new Set(ports.map(({ target }) => target))].map((port) => ({ protocol: expose.proto.toUpperCase(), port }));
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: metadata(listener, plan),
    spec: {
      podSelector: { matchLabels: selector },
      policyTypes: ["Ingress"],
      // An empty `from` would be everybody.
      ingress: prefixes.length === 0 ? [] : [{ from: prefixes.map((cidr) => ({ ipBlock: { cidr } })), ports: targets }],
    },
  };
}

function serviceOf(listener: Listener, plan: Plan): object {
  const { selector, expose, ports } = listener;
  const protocol = expose.proto.toUpperCase();
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: metadata(listener, plan),
    spec: {
      type: "LoadBalancer",
      // Else nodes pass connections on with an address of their own.
      externalTrafficPolicy: "Local",
      ipFamilyPolicy: "PreferDualStack",
      selector,
      ports: ports.map(({ port, target }) => ({ name: `${expose.proto}-${port}`, protocol, port, targetPort: target })),
    },
  };
}

function pretty(value: object): string {
  return JSON.stringify(value, null, 2);
}
