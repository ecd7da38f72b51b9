// `kubectl get networkpolicy,service -o json` back into sets: for each port of each Service the sources that the policies of its pods
// admit, all together.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { ANY } from "../check/sets/builtin_nets.ts";
import { subtract, union } from "../check/sets/intervals.ts";
import type { AddressSet } from "../policy/policy.ts";
import type { Running, RunningPlace } from "./emitter.ts";
import { at, isFields, list, parsed, shown, text } from "./json.ts";
import { setOfTexts } from "./ranges.ts";

export function readCluster(source: string): Result<Running, string> {
  const items = list(at(parsed(source), "items"));
  const of = (kind: string): readonly unknown[] => items.filter((item) => at(item, "kind") === kind);
  const [policies, services] = [of("NetworkPolicy"), of("Service")];
  if (policies.length === 0 && services.length === 0)
    return failed("it has no NetworkPolicy and no Service: write it with `kubectl get networkpolicy,service -l app.kubernetes.io/managed-by=ingressc -o json`");
  const reader = new ClusterReader(policies);
  for (const item of items) if (![...policies, ...services].includes(item)) reader.strange.push(nameOf(item));
  const places = services.flatMap((service) => reader.places(service));
  reader.finish();
  const hashes = new Set([...policies, ...services].map((item) => text(at(item, "metadata", "annotations", "ingressd/policy"))));
  const [hash = ""] = hashes;
  return ok({ places, otherPorts: "refused", strange: reader.strange, hash: hashes.size === 1 && hash !== "" ? hash : null });
}

interface Policy {
  readonly item: unknown;
  readonly selector: string;
}

class ClusterReader {
  readonly strange: string[] = [];
  readonly #policies: readonly Policy[];
  /** Of each selector, the ports of pods that Services lead to: `TCP 8080`. */
  readonly #targets = new Map<string, Set<string>>();

  constructor(policies: readonly unknown[]) {
    this.#policies = policies.map((item) => {
      const selector = at(item, "spec", "podSelector");
      const labels = at(selector, "matchLabels");
      const other = !isFields(selector) || Object.keys(selector).some((key) => key !== "matchLabels");
      if (other || !isFields(labels)) this.strange.push(`the pods of ${nameOf(item)}: ${shown(selector)}`);
      if (JSON.stringify(at(item, "spec", "policyTypes")) !== '["Ingress"]') this.strange.push(`the types of ${nameOf(item)}`);
      return { item, selector: selectorOf(item, labels) };
    });
  }

  places(service: unknown): readonly RunningPlace[] {
    const spec = at(service, "spec");
    this.#service(service, spec);
    const selector = selectorOf(service, at(spec, "selector"));
    const own = this.#policies.filter((policy) => policy.selector === selector);
    const targets = this.#targets.get(selector) ?? new Set<string>();
    this.#targets.set(selector, targets);
    return list(at(spec, "ports")).flatMap((port): readonly RunningPlace[] => {
      const [protocol, number, target] = [text(at(port, "protocol")) || "TCP", at(port, "port"), at(port, "targetPort") ?? at(port, "port")];
      const proto = protocol.toLowerCase();
      if (typeof number !== "number" || typeof target !== "number" || (proto !== "tcp" && proto !== "udp")) {
        this.strange.push(`a port of ${nameOf(service)}: ${shown(port)}`);
        return [];
      }
      targets.add(`${protocol} ${target}`);
      // Pods that no policy selects take everybody.
      const sources = own.length === 0 ? ANY : union(own.map(({ item }) => this.#admitted(item, protocol, target)));
      return [
        {
          name: nameOf(service),
          proto,
          ports: [{ first: number, last: number }],
          local: null,
          rules: [{ admits: true, sources, names: null, after: null, until: null }],
        },
      ];
    });
  }

  /** Behind all Services: policies for other pods, and ports of pods that no Service leads to. */
  finish(): void {
    for (const { item, selector } of this.#policies) {
      const targets = this.#targets.get(selector);
      if (targets === undefined) {
        this.strange.push(`${nameOf(item)} is for pods that no Service has`);
        continue;
      }
      const rules = list(at(item, "spec", "ingress"));
      if (rules.some((rule) => list(at(rule, "ports")).length === 0)) this.strange.push(`a rule of ${nameOf(item)} for every port`);
      for (const port of rules.flatMap((rule) => list(at(rule, "ports"))))
        if (!isLed(port, targets)) this.strange.push(`a port of ${nameOf(item)} that no Service leads to: ${shown(port)}`);
    }
  }

  #service(service: unknown, spec: unknown): void {
    const type = text(at(spec, "type")) || "ClusterIP";
    if (type !== "LoadBalancer") this.strange.push(`${nameOf(service)} has the type ${type}`);
    if (at(spec, "externalTrafficPolicy") !== "Local")
      this.strange.push(`${nameOf(service)} hides the addresses of clients: its \`externalTrafficPolicy\` is not \`Local\``);
    if (!isFields(at(spec, "selector"))) this.strange.push(`${nameOf(service)} has no selector`);
    for (const key of ["loadBalancerSourceRanges", "externalIPs"])
      if (at(spec, key) !== undefined) this.strange.push(`\`${key}\` of ${nameOf(service)}: ${shown(at(spec, key))}`);
  }

  #admitted(policy: unknown, protocol: string, target: number): AddressSet {
    const rules = list(at(policy, "spec", "ingress")).filter((rule) => {
      // Without ports, or with an empty list, it is for all.
      const ports = list(at(rule, "ports"));
      return ports.length === 0 || ports.some((port) => covers(port, protocol, target));
    });
    return union(rules.map((rule) => (list(at(rule, "from")).length === 0 ? ANY : union(list(at(rule, "from")).map((peer) => this.#peer(peer, policy))))));
  }

  #peer(peer: unknown, policy: unknown): AddressSet {
    const block = at(peer, "ipBlock");
    const set = setOfTexts([text(at(block, "cidr"))]);
    const except = setOfTexts(list(at(block, "except")).map(text));
    if (set !== null && except !== null && isFields(peer) && Object.keys(peer).length === 1) return subtract(set, except);
    this.strange.push(`a peer of ${nameOf(policy)}: ${shown(peer)}`);
    return { bounds: new Uint32Array(0) };
  }
}

function covers(port: unknown, protocol: string, target: number): boolean {
  if ((text(at(port, "protocol")) || "TCP") !== protocol) return false;
  const [first, last] = [at(port, "port"), at(port, "endPort")];
  if (first === undefined) return true;
  return typeof first === "number" && first <= target && target <= (typeof last === "number" ? last : first);
}

/** Whether Services lead to each port of a rule. */
function isLed(port: unknown, targets: ReadonlySet<string>): boolean {
  const protocol = text(at(port, "protocol")) || "TCP";
  const [first, last] = [at(port, "port"), at(port, "endPort") ?? at(port, "port")];
  if (typeof first !== "number" || typeof last !== "number" || last - first > targets.size) return false;
  return Array.from({ length: last - first + 1 }, (_, i) => first + i).every((one) => targets.has(`${protocol} ${one}`));
}

function nameOf(item: unknown): string {
  return `${text(at(item, "kind"))} ${text(at(item, "metadata", "name"))}`;
}

/** Policies select pods of their own namespace, as Services do. */
function selectorOf(item: unknown, labels: unknown): string {
  const sorted = isFields(labels) ? JSON.stringify(Object.entries(labels).sort(([x], [y]) => (x < y ? -1 : 1))) : "none";
  return `${text(at(item, "metadata", "namespace"))} ${sorted}`;
}
