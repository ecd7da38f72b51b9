// A name that no set of the wanted kind has, and what was probably meant.
import type { Member, Piece } from "../../ast/nodes.ts";
import type { UnknownName } from "../../diagnostics/name_words.ts";
import type { Span } from "../../source/source.ts";
import { BUILTIN_NAMES, isBuiltin } from "./builtin_names.ts";
import { SET_KINDS, type Scope, type Scopes, type SetKind } from "./scopes.ts";
import { familiarNet, servicePort } from "./familiar_names.ts";
import { firstNames, nearName } from "./declarations.ts";
import { nearest } from "../../../runtime/text/nearest.ts";
import type { Report } from "../../diagnostics/report.ts";

export type NameMember = Extract<Member, { kind: "name" | "qualified" }>;

export function sayUnknown(report: Report, scopes: Scopes, name: NameMember, kind: SetKind): void {
  const { text, span } = name;
  const otherKind = SET_KINDS.find((k) => k !== kind && scopes.set(k, name) !== undefined);
  const other = otherKind === undefined ? undefined : scopes.set(otherKind, name);
  if (otherKind !== undefined && other !== undefined) {
    report.say("ING208", { wanted: kind, found: "set", kind: otherKind, name: text }, span, { related: [{ span: other.name.span, label: "declared here" }] });
  } else if (kind !== "net" && isBuiltin(text)) {
    report.say("ING208", { wanted: kind, found: "builtin", name: text }, span);
  } else if (name.kind === "qualified") {
    sayQualified(report, scopes, name, kind, (scope) => scope.sets[kind]);
  } else if (!isDoubtful(scopes, span, text)) {
    const scope = scopes.of(span);
    const param = scope.params.find((p) => p === `$${text}`);
    const hint = hintFor(report, scopes, scope, kind, text);
    report.say("ING201", { of: kind, name: text, hint }, span, param !== undefined && "near" in hint && hint.near === param ? { replace: param } : {});
  }
}

/** A hint about the set that was probably meant by an unknown name. */
function hintFor(report: Report, scopes: Scopes, scope: Scope, kind: SetKind, name: string): Hint {
  const file = scope.outer ?? scope;
  const imported = importedName(scopes, file, kind, name);
  if (imported !== null) return { imported };
  // A parameter of the template in whose body the name is.
  if (scope.params.includes(`$${name}`)) return { near: `$${name}` };
  const builtin = kind === "net" ? familiarNet(name) : null;
  if (builtin !== null) return { builtin };
  const port = kind === "ports" ? servicePort(name) : null;
  if (port !== null) return { port };
  const near = nearName(report, name, namesHere(scope, kind));
  if (near !== null) return { near };
  const own = file.sets[kind];
  return { sets: firstNames(own.keys(), own.size), builtins: kind === "net" ? firstNames(BUILTIN_NAMES, BUILTIN_NAMES.length) : null };
}

type Hint = Extract<UnknownName, { of: SetKind }>["hint"];

function* namesHere(scope: Scope, kind: SetKind): Generator<string> {
  if (kind === "net") yield* BUILTIN_NAMES;
  yield* scope.sets[kind].keys();
  if (scope.outer !== null) yield* scope.outer.sets[kind].keys();
}

function importedName(scopes: Scopes, file: Scope, kind: SetKind, name: string): string | null {
  for (const alias of file.unit.imports.keys()) if (scopes.imported(file, alias)?.sets[kind].has(name) === true) return `${alias}.${name}`;
  return null;
}

/** `a.b` where no import `a` has a `b`. */
export function sayQualified(
  report: Report,
  scopes: Scopes,
  name: Piece,
  as: SetKind | "template",
  names: (scope: Scope) => ReadonlyMap<string, unknown>,
): void {
  const scope = scopes.of(name.span);
  const file = scope.outer ?? scope;
  const dot = name.text.indexOf(".");
  const [alias, rest] = [name.text.slice(0, dot), name.text.slice(dot + 1)];
  const imported = scopes.imported(file, alias);
  const { doubtful } = file.unit.ast;
  if (imported === null || doubtful.all || doubtful.imports.has(alias)) return;
  if (imported === undefined) {
    const guess = nearest(alias, file.unit.imports.keys());
    if (guess === null && rest.includes(".") && as === "net") {
      report.say("ING307", { literal: name.text, fault: "host_name" }, name.span);
      return;
    }
    report.say("ING201", { of: "import", name: alias, hint: guess === null ? null : { near: `${guess}.${rest}` } }, name.span);
  } else if (rest.includes(".")) {
    report.say("ING201", { of: "nested_import", name: name.text }, name.span);
  } else if (!imported.unit.ast.doubtful.all && !imported.unit.ast.doubtful.names.has(rest)) {
    const there = names(imported);
    const near = nearName(report, rest, there.keys());
    const hint = near === null ? { there: firstNames(there.keys(), there.size) } : { near: `${alias}.${near}` };
    report.say("ING201", { of: "imported", path: imported.unit.ast.file.path, as, name: rest, hint }, name.span);
  }
}

/** True if something that was refused in the name's file may have declared it. */
export function isDoubtful(scopes: Scopes, at: Span, name: string): boolean {
  const { doubtful } = scopes.of(at).unit.ast;
  return doubtful.all || doubtful.names.has(name);
}

/** The same for names of the whole policy. */
export function isDoubtfulAnywhere(scopes: Scopes, name: string): boolean {
  return scopes.program.units.some(({ ast }) => ast.doubtful.all || ast.doubtful.names.has(name));
}
