// What the checks of one policy share: where they report, how names become sets, and what they
// gather for others: rules by name, what waits for a later release, what only the host has.
import type { SetDeclaration, SetNode } from "../../ast/nodes.ts";
import type { SourceReader } from "../../source/source.ts";
import type { Homes } from "../names/scopes.ts";
import { HostAlgebra } from "../sets/hosts.ts";
import { hostSet } from "../sets/host_trie.ts";
import { idAlgebra } from "../sets/ids.ts";
import { idSet, type Ids } from "../sets/id_sets.ts";
import { declare } from "../names/declarations.ts";
import { NetAlgebra, type NetTally } from "../sets/nets.ts";
import type { AddressSet, HostNode, HostSet, HostOnly, IdSet, Waiting } from "../../policy/policy.ts";
import type { PortSet } from "../names/port_numbers.ts";
import { portAlgebra } from "../sets/ports.ts";
import type { Report } from "../../diagnostics/report.ts";
import { Resolver } from "../names/resolver.ts";

export interface Scope {
  readonly homes: Homes;
  readonly report: Report;
  readonly nets: Resolver<AddressSet>;
  readonly ports: Resolver<PortSet>;
  readonly hosts: Resolver<HostNode>;
  readonly ids: Resolver<Ids>;
  readonly tally: NetTally;
  /** The names behind `named`, of the whole policy. */
  readonly ruleNames: Set<string>;
  readonly waiting: Waiting[];
  readonly hostOnly: HostOnly[];
}

export function openScope(homes: Homes, sets: readonly SetDeclaration[], reader: SourceReader, report: Report): Scope {
  const first = sets.filter((s) => declare(report, homes.of(s.name.span).sets[s.kind], s, NAMED[s.kind]));
  const nets = new NetAlgebra(report, homes, reader);
  return {
    homes, report, tally: nets.tally,
    nets: new Resolver(report, homes, nets, first),
    ports: new Resolver(report, homes, portAlgebra(report, homes), first),
    hosts: new Resolver(report, homes, new HostAlgebra(report, homes, reader), first),
    ids: new Resolver(report, homes, idAlgebra(report, homes), first),
    ruleNames: new Set(),
    waiting: [],
    hostOnly: [],
  };
}

const NAMED = { net: "a net", ports: "a set of ports", hosts: "a set of host names", ids: "a set of identities" } as const;

export function hostsOf(scope: Scope, set: SetNode): HostSet | null {
  const value = scope.hosts.value(set);
  return value === null ? null : hostSet(value);
}

export function idsOf(scope: Scope, set: SetNode): IdSet | null {
  const value = scope.ids.value(set);
  return value === null ? null : idSet(value);
}
