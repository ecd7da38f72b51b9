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
  const places = services.flatMap((service) => reader.places(service));
  const hashes = new Set([...policies, ...services].map((item) => text(at(item, "metadata", "annotations", "ingressd/policy"))));
  const [hash = ""] = hashes;
  return ok({ places, otherPorts: "refused", strange: reader.strange, hash: hashes.size === 1 && hash !== "" ? hash : null });
}

class ClusterReader {
  readonly strange: string[] = [];
  readonly #policies: readonly { readonly item: unknown; readonly selector: string }[];

  constructor(policies: readonly unknown[]) {
    this.#policies = policies.map((item) => {
      const selector = at(item, "spec", "podSelector");
      const labels = at(selector, "matchLabels");
      const other = !isFields(selector) || Object.keys(selector).some((key) => key !== "matchLabels");
      if (other || !isFields(labels)) this.strange.push(`the pods of ${nameOf(item)}: ${shown(selector)}`);
      if (JSON.stringify(at(item, "spec", "policyTypes")) !== '["Ingress"]') this.strange.push(`the types of ${nameOf(item)}`);
      return { item, selector: canonical(labels) };
    });
  }

  places(service: unknown): readonly RunningPlace[] {
    const spec = at(service, "spec");
    if (at(spec, "externalTrafficPolicy") !== "Local")
      this.strange.push(`${nameOf(service)} hides the addresses of clients: its \`externalTrafficPolicy\` is not \`Local\``);
    const own = this.#policies.filter(({ selector }) => selector === canonical(at(spec, "selector")));
    return list(at(spec, "ports")).flatMap((port): readonly RunningPlace[] => {
      const [protocol, number, target] = [text(at(port, "protocol")) || "TCP", at(port, "port"), at(port, "targetPort") ?? at(port, "port")];
      const proto = protocol.toLowerCase();
      if (typeof number !== "number" || typeof target !== "number" || (proto !== "tcp" && proto !== "udp")) {
        this.strange.push(`a port of ${nameOf(service)}: ${shown(port)}`);
        return [];
      }
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

  #admitted(policy: unknown, protocol: string, target: number): AddressSet {
    const rules = list(at(policy, "spec", "ingress")).filter((rule) => {
      const ports = at(rule, "ports");
      return ports === undefined || list(ports).some((port) => covers(port, protocol, target));
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

function nameOf(item: unknown): string {
  return `${text(at(item, "kind"))} ${text(at(item, "metadata", "name"))}`;
}

function canonical(labels: unknown): string {
  return isFields(labels) ? JSON.stringify(Object.entries(labels).sort(([x], [y]) => (x < y ? -1 : 1))) : "none";
}
