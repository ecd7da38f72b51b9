// A name that no set of the wanted kind has, and what was probably meant.
import type { Member, Piece } from "../../ast/nodes.ts";
import { quote } from "../../diagnostics/quote.ts";
import type { Span } from "../../source/source.ts";
import { BUILTIN_NAMES, isBuiltin } from "./builtin_names.ts";
import { SET_KINDS, type Home, type Homes, type SetKind } from "./scopes.ts";
import { borrowedNet, borrowedPort } from "./familiar_names.ts";
import { guessed, listed, maybe, meant, nearName, type Guess } from "./declarations.ts";
import { nearest } from "../../../runtime/text/nearest.ts";
import type { Report } from "../../diagnostics/report.ts";

/** How messages call a set, and what is missing where one is wanted. */
export const CALLED: Readonly<Record<SetKind, { readonly a: string; readonly wanted: string }>> = {
  net: { a: "a net", wanted: "a net is" },
  ports: { a: "a set of ports", wanted: "ports are" },
  hosts: { a: "a set of host names", wanted: "host names are" },
  ids: { a: "a set of identities", wanted: "identities are" },
};

export type NameMember = Extract<Member, { kind: "name" | "qualified" }>;

export function sayUnknown(report: Report, homes: Homes, name: NameMember, kind: SetKind): void {
  const { a, wanted } = CALLED[kind];
  const text = quote(name.text);
  const otherKind = SET_KINDS.find((k) => k !== kind && homes.set(k, name) !== undefined);
  const other = otherKind === undefined ? undefined : homes.set(otherKind, name);
  if (otherKind !== undefined && other !== undefined) {
    report.sayUntyped("ING208", `${text} is ${CALLED[otherKind].a}, and ${wanted} wanted here`, name.span, {
      related: [{ span: other.name.span, label: "declared here" }],
      help: belongs(otherKind) ?? `declare ${a} with \`${kind} NAME = …\``,
    });
  } else if (kind !== "net" && isBuiltin(name.text)) {
    report.sayUntyped("ING208", `${text} is a net, and ${wanted} wanted here`, name.span, {
      help: kind === "ports" ? "ports are always written out: `443`, `9500-9509` or the name of a `ports` set" : kind === "hosts" ? "leave the clause out if every name is meant, or write `\"**\"` for any name" : "leave the clause out if everyone is meant",
    });
  } else if (name.kind === "qualified") {
    sayQualified(report, homes, name, a.replace(/^a /, ""), (home) => home.sets[kind]);
  } else if (!isDoubtful(homes, name.span, name.text)) {
    const home = homes.of(name.span);
    const elsewhere = aliasesThatHave(homes, home.outer ?? home, kind, name.text);
    const imported = elsewhere === null ? null : { help: `did you mean \`${elsewhere}\`? A name out of an import stands behind the import's own name` };
    const more = imported ?? parameter(home, name.text) ?? borrowed(kind, name.text) ?? guessed(report, name.text, namesHere(home, kind)) ?? { help: whatThereIs(home, kind, name.text) };
    report.sayUntyped("ING201", `there is no ${a.replace(/^a /, "")} named ${text}`, name.span, more);
  }
}

function* namesHere(home: Home, kind: SetKind): Generator<string> {
  if (kind === "net") yield* BUILTIN_NAMES;
  yield* home.sets[kind].keys();
  if (home.outer !== null) yield* home.outer.sets[kind].keys();
}

/** How a help calls the sets of a kind. */
const SETS: Readonly<Record<SetKind, { readonly one: string; readonly many: string; readonly members: string }>> = {
  net: { one: "the net of this file is", many: "the nets of this file are", members: "198.51.100.0/24, 2001:db8::/32" },
  ports: { one: "the set of ports of this file is", many: "the sets of ports of this file are", members: "443, 8000-8099" },
  hosts: { one: "the set of host names of this file is", many: "the sets of host names of this file are", members: "\"www.example.com\"" },
  ids: { one: "the set of identities of this file is", many: "the sets of identities of this file are", members: "dns \"client.example.com\"" },
};

/** Where no name is near: those that there are, and how to declare the one that is missing. */
function whatThereIs(home: Home, kind: SetKind, name: string): string {
  const { one, many, members } = SETS[kind];
  const own = (home.outer ?? home).sets[kind];
  const list = listed(own.keys(), own.size);
  const declare = `declare it: \`${kind} ${name} = ${members}\``;
  const builtIn = kind === "net" ? listed(BUILTIN_NAMES, BUILTIN_NAMES.length) : null;
  const known = list === null ? "" : `${own.size === 1 ? one : many} ${list}`;
  const always = builtIn === null ? "" : `${known === "" ? "" : ", and "}built in are ${builtIn}`;
  return known === "" && always === "" ? declare : `${known}${always}; or ${declare}`;
}

/** A parameter of the template in whose body the name stands. */
function parameter({ params }: Home, name: string): Guess | null {
  return params.includes(`$${name}`) ? meant(`$${name}`) : null;
}

/** What other languages call a set that is built in, or a port. */
function borrowed(kind: SetKind, name: string): { readonly help: string } | null {
  const net = kind === "net" ? borrowedNet(name) : null;
  if (net !== null) return { help: `${WHO[net] ?? "this"} is \`${net}\`` };
  const port = kind === "ports" ? borrowedPort(name) : null;
  return port === null ? null : { help: `ports are numbers, and ${quote(name)} is most often \`${port}\`` };
}

const WHO: Readonly<Record<string, string>> = { any: "everyone", loopback: "this host", private: "what has a private address", any4: "everyone by IPv4", any6: "everyone by IPv6" };

/** Where a set of a kind stands. */
function belongs(kind: SetKind): string | null {
  switch (kind) {
    case "net":
      return "a net stands behind `from` and `bind`";
    case "hosts":
      return "host names stand behind `sni`";
    case "ids":
      return "identities stand behind `client`";
    case "ports":
      return "ports stand behind `on tcp` and `on udp`";
  }
}

function aliasesThatHave(homes: Homes, file: Home, kind: SetKind, name: string): string | null {
  for (const alias of file.unit.imports.keys()) if (homes.imported(file, alias)?.sets[kind].has(name) === true) return `${alias}.${name}`;
  return null;
}

/** `a.b` where no import `a` has a `b`. */
export function sayQualified(report: Report, homes: Homes, name: Piece, what: string, names: (home: Home) => ReadonlyMap<string, unknown>): void {
  const home = homes.of(name.span);
  const file = home.outer ?? home;
  const dot = name.text.indexOf(".");
  const [alias, rest] = [name.text.slice(0, dot), name.text.slice(dot + 1)];
  const imported = homes.imported(file, alias);
  const { doubtful } = file.unit.ast;
  if (imported === null || doubtful.all || doubtful.imports.has(alias)) return;
  if (imported === undefined) {
    const guess = nearest(alias, file.unit.imports.keys());
    if (guess === null && rest.includes(".") && what === "net") {
      report.say("ING307", { literal: name.text, fault: "host_name" }, name.span);
      return;
    }
    const more = guess === null ? { help: "a name with a dot comes out of an import: `import \"./FILE.ingress\" as NAME`; names of hosts are not looked up" } : maybe(`${guess}.${rest}`);
    report.sayUntyped("ING201", `there is no import named ${quote(alias)}`, name.span, more);
  } else if (rest.includes(".")) {
    report.sayUntyped("ING201", `${quote(name.text)} would be a name out of an import's import, which is not visible here`, name.span, { help: "import that file here as well" });
  } else if (!imported.unit.ast.doubtful.all && !imported.unit.ast.doubtful.names.has(rest)) {
    const guess = nearName(report, rest, names(imported).keys());
    const list = listed(names(imported).keys(), names(imported).size);
    const more = guess === null ? { help: `${list === null ? "it has none" : `it has ${list}`}; only a file's own names are visible outside of it, not those of its imports` } : maybe(`${alias}.${guess}`);
    report.sayUntyped("ING201", `${quote(imported.unit.ast.file.path)} has no ${what} named ${quote(rest)}`, name.span, more);
  }
}

/** True if something that was refused in the name's file may have declared it. */
export function isDoubtful(homes: Homes, at: Span, name: string): boolean {
  const { doubtful } = homes.of(at).unit.ast;
  return doubtful.all || doubtful.names.has(name);
}

/** The same for names of the whole policy. */
export function isDoubtfulAnywhere(homes: Homes, name: string): boolean {
  return homes.program.units.some(({ ast }) => ast.doubtful.all || ast.doubtful.names.has(name));
}
