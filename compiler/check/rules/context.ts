// The shared state of the checks of one policy: where they report, how names become sets, and what they
// gather for others: rules by name, what only the host has.
import type { SetDeclaration, SetNode } from "../../ast/nodes.ts";
import type { SourceReader } from "../../source/source.ts";
import type { Scopes } from "../names/scopes.ts";
import { HostAlgebra } from "../sets/hosts.ts";
import { hostSet } from "../sets/host_trie.ts";
import { namePatterns, type PatternSource } from "../sets/name_patterns.ts";
import { idAlgebra } from "../sets/ids.ts";
import { idSet, type Ids } from "../sets/id_sets.ts";
import { declare } from "../names/declarations.ts";
import { NetAlgebra, type NetTally } from "../sets/nets.ts";
import type { AddressSet, HostNode, HostSet, HostOnly, IdSet, ListFile, NamePattern } from "../../policy/policy.ts";
import type { PortSet } from "../names/port_numbers.ts";
import { portAlgebra } from "../sets/ports.ts";
import type { Report } from "../../diagnostics/report.ts";
import { Resolver } from "../names/resolver.ts";

export interface CheckContext {
  readonly scopes: Scopes;
  readonly report: Report;
  readonly nets: Resolver<AddressSet>;
  readonly ports: Resolver<PortSet>;
  readonly hosts: Resolver<HostNode>;
  /** The patterns of a set of names, for `for`; null where it has no value (then the reason was reported). */
  patternsOf(set: SetNode): readonly NamePattern[] | null;
  readonly ids: Resolver<Ids>;
  readonly tally: NetTally;
  /** The names behind `named`, of the whole policy. */
  /** Of the sets that were looked at until now, in no order. */
  listFiles(): readonly ListFile[];
  readonly ruleNames: Set<string>;
  readonly hostOnly: HostOnly[];
}

/** `keepsPatterns`: whether an expose of the policy has `for`. */
export function openContext(scopes: Scopes, sets: readonly SetDeclaration[], reader: SourceReader, report: Report, keepsPatterns = false): CheckContext {
  const first = sets.filter((s) => declare(report, scopes.of(s.name.span).sets[s.kind], s, s.kind));
  const nets = new NetAlgebra(report, scopes, reader);
  const algebra = new HostAlgebra(report, scopes, reader, keepsPatterns);
  const hosts = new Resolver(report, scopes, algebra, first);
  const patternSource: PatternSource = {
    declared: (member) => hosts.declared(member),
    written: (member) => algebra.patterns(member),
    value: (set) => hosts.value(set),
  };
  return {
    scopes,
    report,
    tally: nets.tally,
    nets: new Resolver(report, scopes, nets, first),
    ports: new Resolver(report, scopes, portAlgebra(report, scopes), first),
    hosts,
    patternsOf(set) {
      // A set that has no value was reported, and so was a circle of sets.
      if (hosts.value(set) === null) return null;
      const patterns = namePatterns(patternSource, set);
      if (patterns !== "too_much") return patterns;
      report.say("ING610", { bound: "host_work" }, set.span);
      return null;
    },
    ids: new Resolver(report, scopes, idAlgebra(report, scopes), first),
    listFiles: () => [...nets.listFiles, ...algebra.listFiles],
    ruleNames: new Set(),
    hostOnly: [],
  };
}

export function hostsOf(context: CheckContext, set: SetNode): HostSet | null {
  const value = context.hosts.value(set);
  return value === null ? null : hostSet(value);
}

export function idsOf(context: CheckContext, set: SetNode): IdSet | null {
  const value = context.ids.value(set);
  return value === null ? null : idSet(value);
}
