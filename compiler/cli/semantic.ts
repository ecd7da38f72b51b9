// Reads the semantic JSON of a module for advice about a policy's rules. The
// module's tables alone decide.
import { readSections, SECTION_POLICY } from "../../runtime/abi/sections.ts";

export interface SemanticRule {
  /** Key of `nets`. */
  readonly from: string;
  /** Key of `hosts`; null: whatever the name is. */
  readonly sni: string | null;
  /** Key of `ids`; null: any client. */
  readonly client: string | null;
  /** UTC seconds; null: always. */
  readonly after: number | null;
  readonly until: number | null;
  readonly dryrun: boolean;
  /** Port ranges such as `443` or `8000-8010`; only top-level denies have any, null: every listener. */
  readonly on: { readonly proto: "tcp" | "udp"; readonly ports: readonly string[] } | null;
}

/** A cap or a limit. */
export interface SemanticCount {
  readonly dryrun: boolean;
  /** Of a cap; null for a limit. */
  readonly most: number | null;
  /** Of a limit; null for a cap. */
  readonly rate: { readonly count: number; readonly periodMs: number; readonly burst: number } | null;
  readonly per: "listener" | "source" | "identity";
  /** Of a source. */
  readonly v4: number;
  readonly v6: number;
  /** Key of `nets`; null: every source. */
  readonly from: string | null;
}

export interface SemanticExpose {
  readonly name: string;
  /** Caps first, the enforced ones before the others. */
  readonly counts: readonly SemanticCount[];
  readonly allow: readonly SemanticRule[];
  readonly deny: readonly SemanticRule[];
}

export interface Semantic {
  readonly deny: readonly SemanticRule[];
  readonly expose: readonly SemanticExpose[];
  /** Prefixes of each set of addresses. */
  readonly nets: ReadonlyMap<string, readonly string[]>;
  /** Words of each set of names, as HostSet has them. */
  readonly hosts: ReadonlyMap<string, readonly string[]>;
  /** Words of each set of identities, as IdSet has them. */
  readonly ids: ReadonlyMap<string, readonly string[]>;
}

const NONE: Semantic = { deny: [], expose: [], nets: new Map(), hosts: new Map(), ids: new Map() };

/** A module that states nothing readable has no advice to give. */
export function semanticOf(module: Uint8Array): Semantic {
  const section = readSections(module)?.find((s) => s.name === SECTION_POLICY);
  if (section === undefined) return NONE;
  const value: unknown = JSON.parse(new TextDecoder().decode(section.body));
  const { deny, expose, nets, hosts, ids } = fields(value);
  return {
    deny: list(deny).map(readRule),
    expose: list(expose).map((x) => {
      const f = fields(x);
      const dryrun = fields(f["dryrun"]);
      return {
        name: text(f["name"]),
        counts: [...readCaps(f["cap"], false), ...readLimits(f["limits"], false), ...readCaps(dryrun["cap"], true), ...readLimits(dryrun["limits"], true)],
        allow: list(f["allow"]).map(readRule),
        deny: list(f["deny"]).map(readRule),
      };
    }),
    nets: texts(nets),
    // Version 1 of the tables had no names.
    hosts: texts(hosts ?? {}),
    ids: texts(ids ?? {}),
  };
}

/** Version 1 of the tables had the addresses alone, and of `on` the ports alone. */
function readRule(value: unknown): SemanticRule {
  const { from, sni, client, after, until, dryrun, on } = fields(value);
  const { proto, ports: ranges } = Array.isArray(on) ? { proto: "tcp", ports: on } : fields(on);
  return {
    from: text(from),
    sni: typeof sni === "string" ? sni : null,
    client: typeof client === "string" ? client : null,
    after: typeof after === "number" ? after : null,
    until: typeof until === "number" ? until : null,
    dryrun: dryrun === true,
    on: ranges === undefined ? null : { proto: proto === "udp" ? "udp" : "tcp", ports: list(ranges).map(text) },
  };
}

function readCaps(value: unknown, dryrun: boolean): readonly SemanticCount[] {
  const { connections, perSource, perIdentity } = fields(value);
  const whole = (most: unknown, per: "listener" | "identity"): readonly SemanticCount[] =>
    typeof most === "number" ? [{ dryrun, most, rate: null, per, v4: 0, v6: 0, from: null }] : [];
  const sources = Array.isArray(perSource) ? list(perSource) : [perSource];
  return [
    ...whole(connections, "listener"),
    ...sources
      .map(fields)
      .flatMap(({ connections: most, ...key }): readonly SemanticCount[] =>
        typeof most === "number" ? [{ dryrun, most, rate: null, ...readSource(key) }] : [],
      ),
    ...whole(perIdentity, "identity"),
  ];
}

function readLimits(value: unknown, dryrun: boolean): readonly SemanticCount[] {
  return list(value)
    .map(fields)
    .map(({ count, periodMs, burst, key }): SemanticCount => {
      const rate = { count: number(count), periodMs: number(periodMs), burst: number(burst) };
      const { kind, ...source } = fields(key);
      const per = kind === "identity" || kind === "listener" ? kind : null;
      return { dryrun, most: null, rate, ...(per === null ? readSource(source) : { per, v4: 0, v6: 0, from: null }) };
    });
}

function readSource({ v4, v6, from }: Readonly<Record<string, unknown>>): Pick<SemanticCount, "per" | "v4" | "v6" | "from"> {
  return { per: "source", v4: number(v4), v6: number(v6), from: typeof from === "string" ? from : null };
}

function number(value: unknown): number {
  return typeof value === "number" ? value : 0;
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? Object.fromEntries(Object.entries(value)) : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function texts(value: unknown): ReadonlyMap<string, readonly string[]> {
  return new Map(Object.entries(fields(value)).map(([key, words]) => [key, list(words).map(text)]));
}
