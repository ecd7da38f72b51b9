// A model as .ingress text, with the place of each rule in it. The order of everything whose
// order must not matter can be shuffled.
import type { IdTerm, ModelIds } from "./identities.ts";
import type { HostTerm, ModelHosts } from "./names.ts";
import type { ModelDeny, ModelExpose, ModelLimit, ModelPolicy, ModelRule, ModelSet, ModelSourceCap, Ports, Term } from "./model.ts";
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

/** Now and then with capitals or a dot at the end, as authors write names. */
function patternText(text: string): string {
  if (text.length % 3 === 0) return text.toUpperCase();
  return text.length % 5 === 0 && !text.endsWith("*") ? `${text}.` : text;
}

export function printPolicy(policy: ModelPolicy, shuffle: Shuffle = asWritten): Printed {
  const out: string[] = ["edition 1"];
  const lines = new Map<ModelRule, number>();
  const files = new Map<string, string>();

  const term = (t: Term): string => {
    switch (t.kind) {
      // A host is sometimes written bare, as authors do.
      case "prefix":
        return rangeOf(t.prefix).first === rangeOf(t.prefix).last && t.prefix.base % 2n === 0n ?
            (prefixText(t.prefix).split("/")[0] ?? "")
          : prefixText(t.prefix);
      case "net":
        return t.net.name;
      case "builtin":
        return t.name;
      case "file":
        files.set(
          t.path,
          shuffle(t.prefixes)
            .map((p) => `${prefixText(p)}\n`)
            .join(""),
        );
        return `file "${t.path}" max ${Math.max(1, t.prefixes.length)}`;
    }
  };
  const terms = (list: readonly Term[]): string => shuffle(list).map(term).join(", ");
  const set = (s: ModelSet): string => `${terms(s.members)}${s.except.length === 0 ? "" : ` except ${terms(s.except)}`}`;
  const ports = (list: readonly Ports[]): string =>
    shuffle(list)
      .map((p) => (p.first === p.last ? String(p.first) : `${p.first}-${p.last}`))
      .join(", ");
  const protos = (proto: "udp" | "both" | undefined): string => (proto === "both" ? shuffle(["tcp", "udp"]).join(", ") : (proto ?? "tcp"));
  const hostTerms = (list: readonly HostTerm[]): string =>
    shuffle(list)
      .map((t) => (t.kind === "hosts" ? t.hosts.name : `"${patternText(t.text)}"`))
      .join(", ");
  const hosts = (s: ModelHosts): string => `${hostTerms(s.members)}${s.except.length === 0 ? "" : ` except ${hostTerms(s.except)}`}`;
  const idTerms = (list: readonly IdTerm[]): string =>
    shuffle(list)
      .map((t) => (t.type === "ids" ? t.ids.name : `${t.type} "${t.text}"`))
      .join(", ");
  const ids = (s: ModelIds): string => `${idTerms(s.members)}${s.except.length === 0 ? "" : ` except ${idTerms(s.except)}`}`;
  const time = (seconds: number): string => new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
  const rule = (r: ModelRule | ModelDeny, indent: string): string =>
    [
      `${indent}${r.dryrun === true ? "dryrun " : ""}${r.action}`,
      r.name === null ? "" : ` named ${r.name}`,
      "on" in r && r.on !== null ? ` on ${protos(r.proto)} ${ports(r.on)}` : "",
      r.from === null ? "" : ` from ${set(r.from)}`,
      (r.sni ?? null) === null ? "" : ` sni ${hosts(r.sni ?? { members: [], except: [] })}`,
      (r.client ?? null) === null ? "" : ` client ${ids(r.client ?? { members: [], except: [] })}`,
      (r.after ?? null) === null ? "" : ` after ${time(r.after ?? 0)}`,
      (r.until ?? null) === null ? "" : ` until ${time(r.until ?? 0)}`,
    ].join("");
  const counted = (from: ModelSet | undefined): string => (from === undefined ? "" : ` from ${set(from)}`);
  const capPerSource = (one: ModelSourceCap): string => `${one.connections} per source${one.written ? ` /${one.v4} /${one.v6}` : ""}${counted(one.from)}`;
  const limit = (l: ModelLimit, before = ""): string => {
    const key = l.key.kind !== "source" ? l.key.kind : `source${l.key.written ? ` /${l.key.v4} /${l.key.v6}` : ""}${counted(l.from)}`;
    return `  ${before}limit ${l.count}/${l.per}${l.burst === null ? "" : ` burst ${l.burst}`} per ${key}`;
  };
  const writeRule = (r: ModelRule, indent: string): void => {
    out.push(rule(r, indent));
    lines.set(r, out.length);
  };
  const expose = (e: ModelExpose): void => {
    if (e.mode === "direct") out.push('@why "it listens by itself"');
    out.push(
      `expose ${e.name} on ${protos(e.proto)} ${ports(e.ports)}${e.bind === null ? "" : ` bind ${set(e.bind)}`}${(e.names ?? null) === null ? "" : ` for ${hosts(e.names ?? { members: [], except: [] })}`}${e.mode === undefined ? "" : ` as ${e.mode}`} {`,
    );
    if (e.mode === "direct") {
      for (const r of e.rules) lines.set(r, out.length);
      out.push("}");
      return;
    }
    if (e.mode === "tls" || e.mode === "mtls") out.push(e.mode === "tls" ? '  cert "web"' : '  cert "web" ca "corp"');
    if (e.backend === undefined) out.push("  backend 127.0.0.1:8080");
    if (e.amplify !== undefined) out.push(`  amplify ${e.amplify}`);
    if (e.cap !== null) {
      const s = e.cap.perSource;
      const perSource = s === null ? "" : `, ${capPerSource(s)}`;
      const perIdentity = (e.cap.perIdentity ?? null) === null ? "" : `, ${e.cap.perIdentity} per identity`;
      const caps = [`  cap ${e.cap.connections} connections${perSource}${perIdentity}`, ...(e.cap.more ?? []).map((one) => `  cap ${capPerSource(one)}`)];
      out.push(...shuffle(caps));
    }
    for (const l of shuffle(e.limits)) out.push(limit(l));
    if (e.dryrun !== undefined) {
      const { connections, perSource, limits } = e.dryrun;
      const caps = [...(connections === null ? [] : [`${connections} connections`]), ...perSource.map(capPerSource)];
      out.push(...shuffle([...caps.map((one) => `  dryrun cap ${one}`), ...limits.map((l) => limit(l, "dryrun "))]));
    }
    for (const r of shuffle(e.rules)) writeRule(r, "  ");
    out.push("}");
  };

  const statements = [
    ...policy.nets.map((n) => () => {
      out.push(`net ${n.name} = ${set(n.set)}`);
    }),
    ...(policy.hosts ?? []).map((h) => () => {
      out.push(`hosts ${h.name} = ${hosts(h.set)}`);
    }),
    ...(policy.ids ?? []).map((i) => () => {
      out.push(`ids ${i.name} = ${ids(i.set)}`);
    }),
    ...policy.denies.map((d) => () => {
      writeRule(d, "");
    }),
    ...(policy.dials ?? []).map((service) => () => {
      out.push(`@why "it sends requests" dial ${service} on udp`);
    }),
    ...policy.exposes.map((e) => () => {
      expose(e);
    }),
  ];
  for (const write of shuffle(statements)) write();
  return { text: `${out.join("\n")}\n`, lines, files };
}
