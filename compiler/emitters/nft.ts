// A table of nftables: one chain at the input hook that sends each exposed port to a chain of its own, where the permitted sources
// are accepted and everything else is dropped. Established connections stay, as in ingressd.
import { ok } from "../../runtime/result/result.ts";
import { isEmpty } from "../check/sets/intervals.ts";
import type { AddressSet } from "../policy/policy.ts";
import type { Emitter, Files, Options } from "./emitter.ts";
import { headerLines } from "./header.ts";
import type { Grant, Place, Plan } from "./plan.ts";
import { FAMILIES, isWhole, ofFamily, portTexts, rangeTexts, type Family } from "./ranges.ts";
import { readTable } from "./nft_running.ts";

export const TABLE = "ingressd";

export const nft: Emitter = {
  name: "nft",
  ending: ".nft",
  isFolder: false,
  can: { modes: new Set(["tcp", "direct"]), udp: true, direct: "written", times: true, bind: true, backends: "own" },
  emit: (plan, options) => ok(filesOf(plan, options)),
  read: (running, wanted) => readTable(running, wanted.get("") ?? ""),
};

function filesOf(plan: Plan, options: Options): Files {
  const sets = new Sets();
  const chains = plan.places.map((place, i) => chainOf(place, `place${i}`, plan, sets));
  const text = [
    "#!/usr/sbin/nft -f",
    ...headerLines("nft", plan, options).map((line) => `# ${line}`),
    "",
    "# The table is replaced in one step: nothing is open or closed in between that wasn't before or isn't after.",
    `table inet ${TABLE}`,
    `delete table inet ${TABLE}`,
    `table inet ${TABLE} {`,
    ...sets.lines,
    ...chains,
    inputChain(plan, options),
    "}",
    "",
  ].join("\n");
  return new Map([["", text]]);
}

/** Named sets, each written once. */
class Sets {
  readonly lines: string[] = [];
  readonly #names = new Map<string, string>();

  nameOf(set: AddressSet, family: Family): string {
    const elements = rangeTexts(set);
    const key = elements.join();
    const known = this.#names.get(key);
    if (known !== undefined) return known;
    const name = `sources${this.#names.size}`;
    this.#names.set(key, name);
    const type = family === 4 ? "ipv4_addr" : "ipv6_addr";
    this.lines.push(`  set ${name} {`, `    type ${type}; flags interval;`, `    elements = {`, `      ${elements.join(",\n      ")}`, "    }", "  }", "");
    return name;
  }
}

function chainOf(place: Place, name: string, plan: Plan, sets: Sets): string {
  return [`  chain ${name} {`, ...place.grants.flatMap((grant) => rulesOf(grant, plan, sets)), "    drop", "  }", ""].join("\n");
}

function rulesOf(grant: Grant, plan: Plan, sets: Sets): readonly string[] {
  const moments = [...(grant.after === null ? [] : [`meta time >= ${grant.after}`]), ...(grant.until === null ? [] : [`meta time < ${grant.until}`])];
  const comment = `comment "${plan.exposes[grant.listener]?.name ?? ""}"`;
  return FAMILIES.flatMap((family) => {
    const part = ofFamily(grant.sources, family);
    if (isEmpty(part)) return [];
    const from =
      isWhole(part, family) ? `meta nfproto ipv${family}`
      : family === 4 ? `ip saddr @${sets.nameOf(part, 4)}`
      : `ip6 saddr @${sets.nameOf(part, 6)}`;
    return [`    ${[...moments, from].join(" ")} accept ${comment}`];
  });
}

function inputChain(plan: Plan, { wholeHost }: Options): string {
  const policy = wholeHost ? "drop" : "accept";
  const rules = [
    `ct state established accept comment "policy ${plan.hash.slice(0, 32)}"`,
    ...plan.places.flatMap((place, i) => dispatch(place, `place${i}`)),
    ...portsOf(plan.places).map((ports) => `${ports} drop`),
    ...(wholeHost ? ["iif lo accept", "ct state related accept", "meta l4proto { icmp, ipv6-icmp } accept"] : []),
  ];
  return ["  chain input {", `    type filter hook input priority 0; policy ${policy};`, ...rules.map((rule) => `    ${rule}`), "  }"].join("\n");
}

function dispatch({ proto, ports, local }: Place, chain: string): readonly string[] {
  const to = `${proto} dport { ${portTexts(ports).join(", ")} }`;
  if (local === null) return [`${to} goto ${chain}`];
  return FAMILIES.flatMap((family) => {
    const part = ofFamily(local, family);
    if (isEmpty(part)) return [];
    if (isWhole(part, family)) return [`${to} meta nfproto ipv${family} goto ${chain}`];
    return [`${to} ${family === 4 ? "ip" : "ip6"} daddr { ${rangeTexts(part).join(", ")} } goto ${chain}`];
  });
}

/** Exposed ports at other addresses than those of their exposes. */
function portsOf(places: readonly Place[]): readonly string[] {
  return (["tcp", "udp"] as const).flatMap((proto) => {
    const ports = [...new Set(places.filter((place) => place.proto === proto && place.local !== null).flatMap((place) => portTexts(place.ports)))];
    return ports.length === 0 ? [] : [`${proto} dport { ${ports.join(", ")} }`];
  });
}
