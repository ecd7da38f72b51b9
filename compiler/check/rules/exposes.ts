// `expose`: names, ports, local addresses, mode, and its clauses.
import type { BackendNode, ClauseNode, ExposeNode, Piece, TextsNode, UseNode } from "../../ast/nodes.ts";
import { DEFAULT_CAP_CONNECTIONS, MAX_BIND_INTERVALS, MAX_LIMITS, MAX_SERVICE_BYTES } from "../../source/bounds.ts";
import { checkAnnotations } from "./annotations.ts";
import { checkBackends, checkProxy } from "./backend.ts";
import { ANY, UNBINDABLE } from "../sets/builtin_nets.ts";
import { checkAmplify, checkCaps, checkLimit } from "./caps_and_limits.ts";
import type { FlatExpose } from "../names/expand.ts";
import { noteHostOnly } from "./host_only.ts";
import { equal, isEmpty, size, subtract } from "../sets/intervals.ts";
import { checkCredentials, checkMode } from "./modes.ts";
import { mayDeclare } from "../names/declarations.ts";
import type {
  AddressSet,
  Annotations,
  Backend,
  CheckedCap,
  CheckedExpose,
  CheckedLimit,
  CheckedRule,
  DryrunCounts,
  Mode,
  NamePattern,
  ProxyVersion,
} from "../../policy/policy.ts";
import type { Span } from "../../source/source.ts";
import { checkRule, type Facts } from "./rules.ts";
import type { CheckContext } from "./context.ts";
import { readsNames } from "./shared_ports.ts";
import { checkVia } from "./via.ts";
import type { PartialExpose } from "./partial_expose.ts";

/** Of connections that nobody but the service sees. */
const UNCOUNTED = 0xffffffff;

/** One for each protocol. `whole`: no clause is missing because its template was refused. */
export function checkExpose(context: CheckContext, { node, clauses }: FlatExpose, whole: boolean): readonly PartialExpose[] {
  const { report } = context;
  const wrong = report.diagnostics.length;
  const service = checkService(context, node);
  const ports = node.ports === null ? null : context.ports.value(node.ports);
  const bind = checkBind(context, node);
  const mode = checkMode(context, node);
  const names = checkNames(context, node, mode);
  const protos = node.protos.map(({ proto }) => proto);
  const isUdp = protos.includes("udp");
  const annotations = checkAnnotations(report, node.annotations);
  const via = checkVia(context, node, mode, annotations.why !== null);
  // Nothing else is reported of a clause that is not allowed there.
  const clauseMode = mode === "direct" ? null : mode;
  const inside = checkClauses(context, clauses, { proto: isUdp ? "udp" : "tcp", mode: clauseMode });
  const credentials = checkCredentials(context, node, clauseMode, inside, whole);
  if (mode === "direct") checkDirect(context, node, clauses, annotations.why !== null);
  else if (mode !== null) checkDatagrams(context, node, clauses, whole);
  const partial = { node, clauses, service, mode, ports, bind, via, names, backends: inside.backends };
  const good =
    whole &&
    !node.broken &&
    inside.whole &&
    ports !== null &&
    bind !== undefined &&
    via !== undefined &&
    names !== undefined &&
    mode !== null &&
    protos.length > 0 &&
    report.diagnostics.length === wrong;
  if (!good) return protos.length === 0 ? [{ ...partial, proto: null, checked: null }] : protos.map((proto) => ({ ...partial, proto, checked: null }));
  const { backends, proxy, cap, limits, dryrunCap, dryrunLimits, denies } = inside;
  const allows = mode === "direct" ? [byItself(node, annotations)] : inside.allows;
  const checked: Omit<CheckedExpose, "proto" | "amplify"> = {
    name: node.name.text,
    service,
    ports,
    bind,
    via,
    names,
    mode,
    ...credentials,
    backends,
    proxy,
    cap: cap ?? { connections: mode === "direct" ? UNCOUNTED : DEFAULT_CAP_CONNECTIONS, perSource: [], perIdentity: null, span: null },
    limits,
    dryrun: { ...(dryrunCap ?? NO_DRYRUN_CAP), limits: dryrunLimits },
    allows,
    denies,
    annotations,
    span: node.span,
  };
  return protos.map((proto) => ({ ...partial, proto, checked: { ...checked, proto, amplify: proto === "udp" ? inside.amplify : null } }));
}

const NO_DRYRUN_CAP: Omit<DryrunCounts, "limits"> = { connections: null, perSource: [], perIdentity: null, span: null };

/** With udp `amplify` is written, and a backend is an address; with tcp alone there is nothing to amplify. */
function checkDatagrams({ report }: CheckContext, node: ExposeNode, clauses: readonly Clause[], whole: boolean): void {
  const udp = node.protos.find(({ proto }) => proto === "udp");
  const amplify = clauses.find(({ kind }) => kind === "amplify");
  if (udp === undefined) {
    if (amplify !== undefined) report.say("ING426", null, amplify.span, withoutClause(amplify.span));
    return;
  }
  if (amplify === undefined && whole && !node.broken) report.say("ING425", null, udp.span);
  const unix = clauses
    .flatMap((clause) => (clause.kind === "backend" ? clause.targets.map((target) => ({ ...target, clause })) : []))
    .find(({ kind }) => kind === "unix");
  const proxied = clauses.flatMap((clause) => (clause.kind === "backend" && clause.proxy !== null ? [clause.proxy] : []))[0];
  if (proxied !== undefined) report.say("ING434", { both: node.protos.length > 1 }, proxied.span, { related: [udp.span] });
  if (unix !== undefined) {
    const at = unix.clause.targets.length === 1 ? unix.clause.span : unix.span;
    report.say("ING427", { both: node.protos.length > 1 }, at, { related: [udp.span] });
  }
}

/** The edit that removes a clause with the spaces before it; none where the clause is a template's. */
function withoutClause(span: Span): { readonly replace?: string; readonly at?: Span } {
  if (span.origin !== undefined) return {};
  const before = span.file.text.slice(0, span.start);
  return { replace: "", at: { ...span, start: before.replace(/[ \t]+$/, "").length } };
}

interface Inside {
  backends: readonly Backend[];
  proxy: ProxyVersion | null;
  cap: CheckedCap | null;
  dryrunCap: Omit<DryrunCounts, "limits"> | null;
  amplify: number | "any" | null;
  cert: TextsNode | null;
  ca: TextsNode | null;
  alpn: TextsNode | null;
  readonly limits: CheckedLimit[];
  readonly dryrunLimits: CheckedLimit[];
  readonly allows: CheckedRule[];
  readonly denies: CheckedRule[];
  /** False where a rule was refused. */
  whole: boolean;
}

type Clause = Exclude<ClauseNode, UseNode>;

function checkClauses(context: CheckContext, clauses: readonly Clause[], facts: Facts): Inside {
  const { report } = context;
  const inside: Inside = {
    backends: [],
    proxy: null,
    cap: null,
    dryrunCap: null,
    amplify: null,
    cert: null,
    ca: null,
    alpn: null,
    limits: [],
    dryrunLimits: [],
    allows: [],
    denies: [],
    whole: true,
  };
  const once = new Map<string, Clause>();
  const caps = clauses.filter((clause) => clause.kind === "cap");
  const { enforced, dryrun } = checkCaps(context, caps, facts);
  [inside.cap, inside.dryrunCap] = [enforced, dryrun];
  let limitCount = 0;
  for (const clause of clauses) {
    switch (clause.kind) {
      case "rule": {
        const rule = checkRule(context, clause, facts);
        if (rule === null) inside.whole = false;
        else (clause.action === "allow" ? inside.allows : inside.denies).push(rule);
        break;
      }
      case "limit": {
        const limit = checkLimit(context, clause, facts);
        if (++limitCount === MAX_LIMITS + 1) {
          report.say("ING408", null, clause.span);
        }
        if (limit !== null) (clause.dryrun ? inside.dryrunLimits : inside.limits).push(limit);
        break;
      }
      case "cap":
        break;
      case "backend":
      case "amplify":
      case "cert":
      case "ca":
      case "alpn": {
        const first = once.get(clause.kind);
        once.set(clause.kind, first ?? clause);
        if (first !== undefined) {
          report.say("ING405", { clause: clause.kind, in: "expose" }, clause.span, { related: [first.span] });
        } else if (clause.kind === "amplify") inside.amplify = checkAmplify(context, clause);
        else if (clause.kind === "backend") {
          noteBackends(context, clause);
          inside.backends = checkBackends(report, clause);
          inside.proxy = checkProxy(report, clause);
        } else inside[clause.kind] = clause;
        break;
      }
    }
  }
  return inside;
}

/** The parts that a module of the profile `os` lacks are noted. */
function noteBackends({ hostOnly }: CheckContext, { targets, proxy, span }: BackendNode): void {
  if (targets.some(({ kind }) => kind === "unix")) noteHostOnly(hostOnly, "unix", "backend unix", span);
  if (targets.length > 1) noteHostOnly(hostOnly, "backends", "backend A, B", span);
  for (const target of targets) if (target.kind === "remote") noteHostOnly(hostOnly, "remote", "backend remote", target.span);
  if (proxy !== null) noteHostOnly(hostOnly, "proxy", `proxy ${proxy.text}`, proxy.span);
}

/** Whom the service serves is its own affair, so that everything counts it as `allow from any`. */
function byItself(node: ExposeNode, annotations: Annotations): CheckedRule {
  return { name: null, from: ANY, sni: null, client: null, after: null, until: null, dryrun: false, annotations, span: node.mode?.span ?? node.name.span };
}

/** The gateway is not on the way, so its clauses are refused, and the expose needs a reason (`why`). */
function checkDirect(context: CheckContext, node: ExposeNode, clauses: readonly Clause[], hasWhy: boolean): void {
  const [first] = clauses;
  if (first !== undefined) {
    context.report.say("ING415", { clauses: clauses.length }, first.span, { related: node.mode === null ? [] : [node.mode.span] });
  }
  if (!hasWhy && !node.annotations.some((a) => a.name === "why")) {
    context.report.say("ING416", { statement: "expose" }, node.mode?.span ?? node.name.span);
  }
}

function checkService(context: CheckContext, node: ExposeNode): string {
  const name: Piece = node.service ?? node.name;
  if (node.service !== null && !mayDeclare(context.report, node.service, "service")) return name.text;
  // Names are ASCII, so characters are bytes.
  if (name.text.length > MAX_SERVICE_BYTES) {
    context.report.say("ING205", { name: name.text, of: node.service === null ? "expose" : "service" }, name.span);
  }
  return name.text;
}

/** `for`: undefined where it can't be read, or no name is read there. */
function checkNames(context: CheckContext, node: ExposeNode, mode: Mode | null): readonly NamePattern[] | null | undefined {
  if (node.hosts === null) return null;
  const udp = node.protos.some(({ proto }) => proto === "udp");
  if (mode !== null && !readsNames({ proto: udp ? "udp" : "tcp", mode })) {
    context.report.say("ING428", { mode: udp ? "udp" : mode }, node.hosts.span, { related: node.mode === null ? [] : [node.mode.span] });
    return undefined;
  }
  return context.patternsOf(node.hosts) ?? undefined;
}

function checkBind(context: CheckContext, node: ExposeNode): AddressSet | null | undefined {
  if (node.bind === null) return null;
  const bind = context.nets.value(node.bind);
  if (bind === null) return undefined;
  if (equal(bind, ANY)) return null;
  if (isEmpty(subtract(bind, UNBINDABLE))) {
    context.report.say("ING406", { clause: "bind" }, node.bind.span);
    return undefined;
  }
  if (size(bind) > MAX_BIND_INTERVALS) {
    context.report.say("ING604", { bound: "bind_intervals", used: size(bind) }, node.bind.span);
    return undefined;
  }
  return bind;
}
