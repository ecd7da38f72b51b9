// Kubernetes: Services that are reachable from outside, and the NetworkPolicies of their pods. Several policies of a pod admit what any of
// them does; a pod that no policy is about admits everything.
import { ANY } from "../check/sets/builtin_nets.ts";
import { subtract, union } from "../check/sets/intervals.ts";
import type { AddressSet } from "../policy/policy.ts";
import { intersect, prefixSet } from "./draft/addresses.ts";
import { exposesOfBoxes, type Box } from "./draft/cells.ts";
import type { Context } from "./draft/context.ts";
import { entry, itemsOf, numberOf, readDocument, textOf, type Doc } from "./draft/document.ts";
import { HELP, isAbsent, listOf, objectIn, textIn } from "./draft/fields.ts";
import type { YamlReader } from "./draft/yaml_reader.ts";
import { PLAIN, type Draft, type DraftExpose, type Protocol } from "./draft/draft.ts";
import { narrowingOf } from "./load_balancers.ts";

/** Kinds, of whatever API, whose objects may refuse connections. */
const MAY_REFUSE = /NetworkPolicy$|^AuthorizationPolicy$/;

/** Other APIs have kinds with the same names. */
function isRead(kind: string, api: string | null): boolean {
  if (kind === "NetworkPolicy") return api === null || /^(?:networking\.k8s\.io|extensions)\//.test(api);
  return kind === "Service" && (api === null || api === "v1");
}

interface Named {
  readonly doc: Doc;
  readonly name: string;
  /** Null where the file does not say it: one namespace for all such objects, which may be any. */
  readonly namespace: string | null;
  readonly spec: Doc;
}

/** Anything else is YAML. */
export function isJson(text: string): boolean {
  return /^\ufeff?\s*\{/.test(text);
}

export function importKubernetes(context: Context, yaml: YamlReader): Draft | null {
  const documents = isJson(context.file.text) ? jsonDocuments(context) : yaml(context);
  if (documents === null) return null;
  const objects = documents.flatMap((doc) => (entry(doc, "items")?.kind === "list" ? itemsOf(entry(doc, "items")) : [doc]));
  const [policies, services]: [Named[], Named[]] = [[], []];
  for (const object of objects) {
    const kind = textOf(entry(object, "kind"));
    const [name, spec] = [textOf(entry(entry(object, "metadata"), "name")), entry(object, "spec")];
    if (kind === null || name === null) {
      context.fault("ING874", { at: object.at, end: object.at + 1 }, "this object has no `kind` or no name", HELP);
      continue;
    }
    if (!isRead(kind, textIn(context, object, "apiVersion", `the ${kind} ${name}`))) {
      if (MAY_REFUSE.test(kind))
        context.fault(
          "ING874",
          { at: object.at, end: object.at + 1 },
          `this ${kind} of ${textOf(entry(object, "apiVersion")) ?? "no API"} can't be read, and it may refuse what the others admit`,
          "take it out of the file, and write what it refuses as a `deny`",
        );
      else context.omit(object, `${kind} ${name}`, "only Services and NetworkPolicies are read");
      continue;
    }
    if (spec?.kind !== "object") {
      context.fault("ING874", { at: object.at, end: object.at + 1 }, `this ${kind} has no \`spec\``, HELP);
      continue;
    }
    const namespace = textIn(context, entry(object, "metadata") ?? object, "namespace", `the ${kind} ${name}`) || null;
    (kind === "Service" ? services : policies).push({ doc: object, name, namespace, spec });
  }
  if (context.faults.length > 0) return null;
  if (policies.length + services.length === 0)
    return context.fault("ING875", { at: 0, end: 1 }, "it has no Service and no NetworkPolicy, so nothing of it says who may connect", HELP);
  const ingress = policies.filter(({ spec, name }) => {
    const types = listOf(context, spec, "policyTypes", `the NetworkPolicy ${name}`);
    return types.length === 0 || types.some((type) => textOf(type) === "Ingress");
  });
  const exposes = services.length > 0 ? serviceExposes(context, services, ingress) : policyExposes(context, ingress);
  if (context.faults.length > 0) return null;
  return { header: ["No expose has a backend: pods are not on this host. Add `backend`, or let the services register."], exposes };
}

function jsonDocuments(context: Context): readonly Doc[] | null {
  const doc = readDocument(context);
  return doc === null ? null : [doc];
}

function serviceExposes(context: Context, services: readonly Named[], policies: readonly Named[]): readonly DraftExpose[] {
  const taken = new Set<string>();
  const notes = new Set<Doc>();
  return services.flatMap((service) => {
    const { doc, name, spec } = service;
    const type = textIn(context, spec, "type", `the Service ${name}`) ?? "ClusterIP";
    if (type !== "LoadBalancer" && type !== "NodePort") {
      context.omit(doc, `Service ${name}`, `its type is ${type}, so nobody outside of the cluster can reach it`);
      return [];
    }
    const ranges = listOf(context, spec, "loadBalancerSourceRanges", `the Service ${name}`);
    const sets = ranges.map((range) => prefixSet(textOf(range) ?? ""));
    if (!sets.every((set) => set !== null)) {
      context.fault("ING874", ranges[sets.indexOf(null)] ?? doc, "this is no prefix", "a prefix is such as `198.51.100.0/24`");
      return [];
    }
    const narrowing = narrowingOf(context, service, type === "NodePort" || ranges.length > 0);
    if (narrowing !== null) {
      context.omit(narrowing.at, `Service ${name}`, narrowing.why);
      return [];
    }
    const outside = ranges.length > 0 && type === "LoadBalancer" ? union(sets) : ANY;
    return listOf(context, spec, "ports", `the Service ${name}`).flatMap((port): readonly DraftExpose[] => {
      const number = numberOf(entry(port, type === "NodePort" ? "nodePort" : "port"));
      const protocol = protocolOf(textIn(context, port, "protocol", `a port of the Service ${name}`));
      if (number === null || number < 1 || number > 65_535 || !Number.isInteger(number)) {
        context.fault("ING874", { at: port.at, end: port.at + 1 }, `this port of the Service ${name} has no number`, HELP);
        return [];
      }
      if (protocol === null || taken.has(`${protocol} ${number}`)) {
        context.omit(
          port,
          `port ${number} of the Service ${name}`,
          protocol === null ? "ingressd serves tcp and udp" : "another Service has the port, and a policy is for one host",
        );
        return [];
      }
      taken.add(`${protocol} ${number}`);
      const from = intersect(
        outside,
        podSources(context, service, policies, { target: entry(port, "targetPort"), number: numberOf(entry(port, "port")), protocol }, notes),
      );
      return [{ ...PLAIN, name: `${name}_${number}`, protocols: [protocol], ports: [{ first: number, last: number }], allows: [{ from, hosts: null }] }];
    });
  });
}

interface Target {
  readonly target: Doc | null;
  readonly number: number | null;
  readonly protocol: Protocol;
}

/** The sources that the policies of the Service's pods certainly admit to a port. */
function podSources(context: Context, { spec, namespace }: Named, policies: readonly Named[], target: Target, notes: Set<Doc>): AddressSet {
  const here = policies
    .filter((policy) => policy.namespace === namespace || policy.namespace === null || namespace === null)
    .map((policy) => {
      const selector = objectIn(context, policy.spec, "podSelector", `the NetworkPolicy ${policy.name}`);
      const pods = selects(selector, entry(spec, "selector"));
      return { policy, selects: pods === "all" && policy.namespace !== namespace ? "some" : pods };
    });
  const admits = (all: typeof here): readonly AddressSet[] =>
    all.map(({ policy }) =>
      union(
        boxesOf(context, policy, notes)
          .filter((box) => boxHas(box, target))
          .map(({ from }) => from),
      ),
    );
  const certain = here.filter((one) => one.selects === "all");
  if (certain.length > 0) return union(admits(certain));
  // Each of these may be about the pods or not.
  const perhaps = here.filter((one) => one.selects === "some");
  for (const { policy } of perhaps)
    if (!notes.has(policy.spec))
      context.omit(
        policy.doc,
        `NetworkPolicy ${policy.name}`,
        "whether it is about the pods of the Services, the file does not say, so only what it admits is admitted",
      );
  for (const { policy } of perhaps) notes.add(policy.spec);
  return admits(perhaps).reduce((all, set) => intersect(all, set), ANY);
}

/** Whether a policy's selector has all pods that a Service's selector has, some of them, or none. */
function selects(selector: Doc | null, service: Doc | null): "all" | "some" | "none" {
  const labels = entry(selector, "matchLabels");
  const wanted = labels?.kind === "object" ? [...labels.entries] : [];
  const isPlain = isAbsent(entry(selector, "matchExpressions")) && (labels?.kind === "object" || isAbsent(labels));
  let answer: "all" | "some" = isPlain ? "all" : "some";
  for (const [key, value] of wanted) {
    const own = textOf(entry(service, key));
    if (own === null || textOf(value) === null) answer = "some";
    else if (own !== textOf(value)) return "none";
  }
  return answer;
}

interface PodBox extends Box {
  /** The port's name; null where it has a number, or all. */
  readonly portName: string | null;
}

function boxHas({ protocols, ports, portName }: PodBox, { target, number, protocol }: Target): boolean {
  if (!protocols.includes(protocol)) return false;
  const name = textOf(target);
  if (portName !== null || name !== null) return portName === name || (portName === null && ports.first === 1 && ports.last === 65_535);
  const port = numberOf(target) ?? number ?? 0;
  return ports.first <= port && port <= ports.last;
}

/** The requests that each rule of a policy admits. `notes`: policies whose parts that are left out were noted. */
function boxesOf(context: Context, { name, spec }: Named, notes: Set<Doc>): readonly PodBox[] {
  const isNoted = notes.has(spec);
  notes.add(spec);
  const omit = (at: Doc, why: string): void => {
    if (!isNoted) context.omit(at, `NetworkPolicy ${name}`, why);
  };
  return listOf(context, spec, "ingress", `the NetworkPolicy ${name}`).flatMap((rule): readonly PodBox[] => {
    // Without a field a rule admits everybody to every port.
    if (rule.kind !== "object") {
      context.fault(
        "ING874",
        { at: rule.at, end: rule.at + 1 },
        `a rule of the NetworkPolicy ${name} is not an object`,
        "write `{}` for a rule that admits everybody",
      );
      return [];
    }
    const peers = listOf(context, rule, "from", `a rule of the NetworkPolicy ${name}`);
    const sets = peers.map((peer) => {
      const block = entry(peer, "ipBlock");
      if (block === null) {
        omit(peer, "it admits pods or namespaces, and the file does not say which addresses these are");
        return null;
      }
      const set = prefixSet(textOf(entry(block, "cidr")) ?? "");
      const except = listOf(context, block, "except", `a block of the NetworkPolicy ${name}`).map((item) => prefixSet(textOf(item) ?? ""));
      if (set === null || !except.every((one) => one !== null))
        return context.fault("ING874", block, "this block has no prefix", "a prefix is such as `198.51.100.0/24`");
      return subtract(set, union(except));
    });
    const from = peers.length === 0 ? ANY : union(sets.filter((set) => set !== null));
    const ports = listOf(context, rule, "ports", `a rule of the NetworkPolicy ${name}`);
    if (ports.length === 0) return [{ protocols: ["tcp", "udp"] as const, ports: { first: 1, last: 65_535 }, portName: null, local: null, from }];
    return ports.flatMap((port): readonly PodBox[] => {
      if (!isPort(port)) {
        context.fault(
          "ING874",
          { at: port.at, end: port.at + 1 },
          `a port of the NetworkPolicy ${name} is not read`,
          "a port has a number or a name, and may have `endPort` and `protocol`",
        );
        return [];
      }
      const protocol = protocolOf(textIn(context, port, "protocol", `a port of the NetworkPolicy ${name}`));
      if (protocol === null) {
        omit(port, "ingressd serves tcp and udp");
        return [];
      }
      const [first, end, portName] = [numberOf(entry(port, "port")), numberOf(entry(port, "endPort")), textOf(entry(port, "port"))];
      if (portName !== null) return [{ protocols: [protocol], ports: { first: 0, last: 0 }, portName, local: null, from }];
      const range = { first: first ?? 1, last: end ?? first ?? 65_535 };
      const isRange = Number.isInteger(range.first) && Number.isInteger(range.last) && range.first >= 1 && range.last <= 65_535 && range.first <= range.last;
      if (!isRange) context.fault("ING874", { at: port.at, end: port.at + 1 }, "this is no range of ports", "a port is a number from 1 to 65535");
      return isRange ? [{ protocols: [protocol], ports: range, portName: null, local: null, from }] : [];
    });
  });
}

/** A number, a text or nothing as the port; without one it is every port. */
function isPort(port: Doc): boolean {
  const [first, end] = [entry(port, "port"), entry(port, "endPort")];
  const isAbsentOr = (doc: Doc | null, kinds: readonly Doc["kind"][]): boolean =>
    doc === null || kinds.includes(doc.kind) || (doc.kind === "word" && doc.value === null);
  return port.kind === "object" && isAbsentOr(first, ["number", "text"]) && isAbsentOr(end, ["number"]);
}

/** Without Services: the first policy's ports; a pod that others are about too admits what they do beside that. */
function policyExposes(context: Context, policies: readonly Named[]): readonly DraftExpose[] {
  const [first, ...others] = policies;
  for (const { doc, name } of others) context.omit(doc, `NetworkPolicy ${name}`, `a policy is for one host, and this one is of ${first?.name ?? ""}`);
  if (first === undefined) return [];
  const boxes = boxesOf(context, first, new Set());
  for (const { portName } of boxes)
    if (portName !== null) context.omit(first.doc, `NetworkPolicy ${first.name}`, `the file does not say which number the port ${portName} has`);
  return exposesOfBoxes(
    boxes.filter(({ portName }) => portName === null),
    `${first.name}_`,
  );
}

function protocolOf(word: string | null): Protocol | null {
  if (word === null || word === "TCP") return "tcp";
  return word === "UDP" ? "udp" : null;
}
