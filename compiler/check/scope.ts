// What the checks of one policy share: where they report, and how names become sets.
import type { PolicyNode } from "../ast/nodes.ts";
import type { SourceReader } from "../source.ts";
import { declared } from "./names.ts";
import { netAlgebra } from "./nets.ts";
import type { AddressSet } from "./policy.ts";
import type { PortSet } from "./portNumbers.ts";
import { portAlgebra } from "./ports.ts";
import type { Report } from "./report.ts";
import { Resolver } from "./resolve.ts";

export interface Scope {
  readonly ast: PolicyNode;
  readonly report: Report;
  readonly nets: Resolver<AddressSet>;
  readonly ports: Resolver<PortSet>;
}

export function openScope(ast: PolicyNode, reader: SourceReader, report: Report): Scope {
  const nets = declared(report, ast.nets, "a net");
  const ports = declared(report, ast.ports, "a set of ports");
  const names = { ast, report, nets, ports };
  return {
    ast,
    report,
    nets: new Resolver(report, netAlgebra(names, reader)),
    ports: new Resolver(report, portAlgebra(names)),
  };
}
