// A name that no set of the wanted kind has.
import type { NetNode, Piece, PolicyNode, PortsNode } from "../ast/nodes.ts";
import { quote } from "../quote.ts";
import { BUILTIN } from "./builtin.ts";
import { didYouMean } from "./names.ts";
import type { Report } from "./report.ts";

export interface Names {
  readonly ast: PolicyNode;
  readonly report: Report;
  readonly nets: ReadonlyMap<string, NetNode>;
  readonly ports: ReadonlyMap<string, PortsNode>;
}

export function sayUnknown(names: Names, name: Piece, kind: "net" | "ports"): void {
  const { ast, report, nets, ports } = names;
  const text = quote(name.text);
  const other = (kind === "net" ? ports : nets).get(name.text);
  if (kind === "ports" && BUILTIN.has(name.text)) {
    report.say("ING208", `${text} is a net, and ports are wanted here`, name.span, { help: "ports are always written out: `443`, `9500-9509` or the name of a `ports` set" });
  } else if (other !== undefined) {
    const [is, wanted] = kind === "net" ? ["a set of ports", "a net is"] : ["a net", "ports are"];
    report.say("ING208", `${text} is ${is}, and ${wanted} wanted here`, name.span, { related: [{ span: other.name.span, label: "declared here" }], help: `declare it with \`${kind} ${name.text} = …\`` });
  } else if (!isDoubtful(ast, name.text)) {
    const candidates = kind === "net" ? [...nets.keys(), ...BUILTIN.keys()] : ports.keys();
    const what = kind === "net" ? "net" : "set of ports";
    report.say("ING201", `there is no ${what} named ${text}`, name.span, { help: didYouMean(name.text, candidates) ?? `declare it: \`${kind} ${name.text} = …\`` });
  }
}

/** True if something that was refused may have declared the name. */
export function isDoubtful(ast: PolicyNode, name: string): boolean {
  return ast.doubtful.all || ast.doubtful.names.has(name);
}

/** A name with a dot comes out of an import, which was refused where it stands. */
export function sayQualified(names: Names, name: Piece): void {
  const alias = name.text.slice(0, name.text.indexOf("."));
  if (names.ast.doubtful.imports.has(alias) || names.ast.doubtful.all) return;
  names.report.say("ING110", `${quote(name.text)} is not in this release`, name.span, {
    help: "a name with a dot comes out of an `import`; an address is written in numbers",
  });
}
