// Annotations of a Service of Kubernetes, which each cloud has of its own, and the class of its load balancer: both may refuse clients. One
// that isn't known to refuse nobody counts as one that refuses.
import type { Context, Stretch } from "./draft/context.ts";
import { entry, textOf, type Doc } from "./draft/document.ts";
import { objectIn, textIn } from "./draft/fields.ts";

/** Prefixes of tools that deploy or describe an object, or publish its name. These refuse nobody. */
const TOOLS = new Set([
  "ad.datadoghq.com",
  "app.kubernetes.io",
  "argocd.argoproj.io",
  "external-dns.alpha.kubernetes.io",
  "field.cattle.io",
  "helm.sh",
  "kubectl.kubernetes.io",
  "kustomize.toolkit.fluxcd.io",
  "helm.toolkit.fluxcd.io",
  "meta.helm.sh",
  "prometheus.io",
]);
/** Of clouds: names, logs, health checks, how backends are chosen. */
const HARMLESS =
  /^(?:service\.beta\.kubernetes\.io\/(?:aws-load-balancer-(?:name|additional-resource-tags|access-log-[a-z0-9-]+|connection-(?:idle-timeout|draining-enabled|draining-timeout)|cross-zone-load-balancing-enabled|healthcheck-[a-z-]+)|azure-(?:dns-label-name|pip-name|load-balancer-(?:resource-group|tcp-idle-timeout|health-probe-[a-z-]+))|do-loadbalancer-(?:name|size-unit|size-slug|hostname|healthcheck-[a-z-]+))|service\.kubernetes\.io\/topology-(?:mode|aware-hints)|cloud\.google\.com\/(?:neg|neg-status|l4-rbs)|kubernetes\.digitalocean\.com\/load-balancer-id|load-balancer\.hetzner\.cloud\/(?:id|name|location|network-zone|type|algorithm-type|health-check-[a-z-]+)|metallb\.(?:universe\.tf|io)\/(?:address-pool|ip-allocated-from-pool|loadBalancerIPs|allow-shared-ip))$/;
/** With these values alone. */
const HARMLESS_VALUES: ReadonlyMap<string, string> = new Map([
  ["service.beta.kubernetes.io/aws-load-balancer-scheme", "internet-facing"],
  ["service.beta.kubernetes.io/azure-load-balancer-internal", "false"],
]);
/** Kubernetes reads it where the Service has no `loadBalancerSourceRanges`. */
const SOURCE_RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges";
/** A key without a prefix is the user's own, unless it says otherwise. */
const NARROWS =
  /load-?balancer|(?:^|[^a-z])[a-z]?lb(?:[^a-z]|$)|ranges|cidr|allow|den[iy]|white|black|block|internal|private|firewall|security|acl|restrict|source/i;

/** The place that may refuse clients of a Service, and the reason why it is left out; null where there is none. `hasRanges`: the annotation of ranges counts nothing. */
export function narrowingOf(
  context: Context,
  { doc, name, spec }: { readonly doc: Doc; readonly name: string; readonly spec: Doc },
  hasRanges: boolean,
): { readonly at: Stretch; readonly why: string } | null {
  const annotations = objectIn(context, entry(doc, "metadata") ?? doc, "annotations", `the Service ${name}`);
  for (const [key, value] of annotations?.kind === "object" ? annotations.entries : []) {
    if (key === SOURCE_RANGES ? hasRanges : isHarmless(key, value)) continue;
    const why =
      key === SOURCE_RANGES ?
        "says who may connect; write it as `loadBalancerSourceRanges`"
      : "may decide who can connect; take it out of the file if it refuses nobody";
    return { at: value, why: `its annotation \`${key}\` ${why}` };
  }
  const found = textIn(context, spec, "loadBalancerClass", `the Service ${name}`);
  if (found === null) return null;
  return {
    at: entry(spec, "loadBalancerClass") ?? spec,
    why: `a load balancer of the class \`${found}\` may decide who can connect; take \`loadBalancerClass\` out of the file if it refuses nobody`,
  };
}

function isHarmless(key: string, value: Doc): boolean {
  const slash = key.indexOf("/");
  if (slash < 0) return !NARROWS.test(key);
  const only = HARMLESS_VALUES.get(key);
  return only === undefined ? TOOLS.has(key.slice(0, slash)) || HARMLESS.test(key) : textOf(value) === only;
}
