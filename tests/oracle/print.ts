// A model as .ingress text, and where each rule stands in it. The order of everything whose
// order must not matter can be shuffled.
import type { ModelDeny, ModelExpose, ModelLimit, ModelPolicy, ModelRule, ModelSet, Ports, Term } from "./model.ts";
import { prefixText, rangeOf } from "./space.ts";

export interface Printed {
  readonly text: string;
  /** 1-based line of each rule. */
  readonly lines: ReadonlyMap<ModelRule, number>;
  /** List files, by path. */
  readonly files: ReadonlyMap<string, string>;
}

export type Shuffle = <T>(items: readonly T[]) => readonly T[];

const asWritten: Shuffle = (items) => items;

export function printPolicy(policy: ModelPolicy, shuffle: Shuffle = asWritten): Printed {
  const out: string[] = ["edition 1"];
  const lines = new Map<ModelRule, number>();
  const files = new Map<string, string>();

  const term = (t: Term): string => {
    switch (t.kind) {
      // A host is sometimes written bare, as authors do.
      case "prefix": return rangeOf(t.prefix).first === rangeOf(t.prefix).last && t.prefix.base % 2n === 0n
        ? prefixText(t.prefix).split("/")[0] ?? "" : prefixText(t.prefix);
      case "net": return t.net.name;
      case "builtin": return t.name;
      case "file":
        files.set(t.path, shuffle(t.prefixes).map((p) => `${prefixText(p)}\n`).join(""));
        return `file "${t.path}" max ${Math.max(1, t.prefixes.length)}`;
    }
  };
  const terms = (list: readonly Term[]): string => shuffle(list).map(term).join(", ");
  const set = (s: ModelSet): string => `${terms(s.members)}${s.except.length === 0 ? "" : ` except ${terms(s.except)}`}`;
  const ports = (list: readonly Ports[]): string =>
    shuffle(list).map((p) => (p.first === p.last ? String(p.first) : `${p.first}-${p.last}`)).join(", ");
  const rule = (r: ModelRule | ModelDeny, indent: string): string => {
    const on = "on" in r && r.on !== null ? ` on tcp ${ports(r.on)}` : "";
    const named = r.name === null ? "" : ` named ${r.name}`;
    return `${indent}${r.action}${named}${on}${r.from === null ? "" : ` from ${set(r.from)}`}`;
  };
  const limit = (l: ModelLimit): string => {
    const key = l.key.kind === "listener" ? "listener" : `source${l.key.written ? ` /${l.key.v4} /${l.key.v6}` : ""}`;
    return `  limit ${l.count}/${l.per}${l.burst === null ? "" : ` burst ${l.burst}`} per ${key}`;
  };
  const writeRule = (r: ModelRule, indent: string): void => {
    out.push(rule(r, indent));
    lines.set(r, out.length);
  };
  const expose = (e: ModelExpose): void => {
    out.push(`expose ${e.name} on tcp ${ports(e.ports)}${e.bind === null ? "" : ` bind ${set(e.bind)}`} {`);
    if (e.backend === undefined) out.push("  backend 127.0.0.1:8080");
    if (e.cap !== null) {
      const s = e.cap.perSource;
      const perSource = s === null ? "" : `, ${s.connections} per source${s.written ? ` /${s.v4} /${s.v6}` : ""}`;
      out.push(`  cap ${e.cap.connections} connections${perSource}`);
    }
    for (const l of shuffle(e.limits)) out.push(limit(l));
    for (const r of shuffle(e.rules)) writeRule(r, "  ");
    out.push("}");
  };

  const statements = [
    ...policy.nets.map((n) => () => { out.push(`net ${n.name} = ${set(n.set)}`); }),
    ...policy.denies.map((d) => () => { writeRule(d, ""); }),
    ...policy.exposes.map((e) => () => { expose(e); }),
  ];
  for (const write of shuffle(statements)) write();
  return { text: `${out.join("\n")}\n`, lines, files };
}
