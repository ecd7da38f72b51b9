// `expose`: names, ports, local addresses, and its clauses.
import type { CapNode, ExposeNode, LimitNode, Piece } from "../ast/nodes.ts";
import {
  DEFAULT_CAP_CONNECTIONS, MAX_BIND_INTERVALS, MAX_CAP_CONNECTIONS, MAX_LIMITS, MAX_LIMIT_BURST, MAX_SERVICE_BYTES,
} from "../bounds.ts";
import { quote } from "../quote.ts";
import { checkBackend } from "./backend.ts";
import { ANY, UNBINDABLE } from "./builtin.ts";
import { equal, isEmpty, size, subtract } from "./intervals.ts";
import { mayDeclare } from "./names.ts";
import { readCount, readKey, readRate } from "./numbers.ts";
import type { AddressSet, Backend, CheckedCap, CheckedExpose, CheckedLimit, CheckedRule } from "./policy.ts";
import type { PortSet } from "./portNumbers.ts";
import { checkRule } from "./rules.ts";
import type { Scope } from "./scope.ts";

/** What could be understood of an expose; the parts that others are compared with may be missing. */
export interface Understood {
  readonly node: ExposeNode;
  readonly service: string;
  readonly ports: PortSet | null;
  /** Null: any. Undefined: not understood. */
  readonly bind: AddressSet | null | undefined;
  readonly backend: Backend | null;
  /** Null where anything is wrong. */
  readonly checked: CheckedExpose | null;
}

export function checkExpose(scope: Scope, node: ExposeNode): Understood {
  const { report } = scope;
  const wrong = report.diagnostics.length;
  const service = checkService(scope, node);
  const ports = node.ports === null ? null : scope.ports.value(node.ports);
  const bind = checkBind(scope, node);

  let backend: Backend | null = null;
  let cap: CheckedCap | null = null;
  const limits: CheckedLimit[] = [];
  const allows: CheckedRule[] = [];
  const denies: CheckedRule[] = [];
  const once = new Map<string, ExposeNode["clauses"][number]>();
  let whole = !node.broken;
  let limitCount = 0;
  for (const clause of node.clauses) {
    switch (clause.kind) {
      case "rule": {
        const rule = checkRule(scope, clause);
        if (rule === null) whole = false;
        else (clause.action === "allow" ? allows : denies).push(rule);
        break;
      }
      case "limit": {
        const limit = checkLimit(scope, clause);
        if (++limitCount === MAX_LIMITS + 1) {
          report.say("ING408", `an expose has at most ${MAX_LIMITS} limits`, clause.span, { help: "remove the ones that others imply" });
        }
        if (limit !== null) limits.push(limit);
        break;
      }
      case "backend":
      case "cap": {
        const first = once.get(clause.kind);
        once.set(clause.kind, first ?? clause);
        if (first !== undefined) {
          report.say("ING405", `${quote(clause.kind)} stands twice in one expose`, clause.span, { related: [{ span: first.span, label: "first here" }], help: "keep one of them" });
        } else if (clause.kind === "cap") cap = checkCap(scope, clause);
        else backend = checkBackend(report, clause);
        break;
      }
    }
  }
  const good = whole && ports !== null && bind !== undefined && report.diagnostics.length === wrong;
  const checked: CheckedExpose | null = good
    ? {
        name: node.name.text, service, proto: "tcp", ports, bind, mode: "tcp", backend,
        cap: cap ?? { connections: DEFAULT_CAP_CONNECTIONS, perSource: null },
        limits, allows, denies, span: node.span,
      }
    : null;
  return { node, service, ports, bind, backend, checked };
}

function checkService(scope: Scope, node: ExposeNode): string {
  const name: Piece = node.service ?? node.name;
  if (node.service !== null && !mayDeclare(scope.report, node.service, "a service")) return name.text;
  // Names are ASCII, so characters are bytes.
  if (name.text.length > MAX_SERVICE_BYTES) {
    scope.report.say("ING205", `the name of a service has at most ${MAX_SERVICE_BYTES} characters, and ${quote(name.text)} has ${name.text.length}`, name.span, {
      help: node.service === null ? "choose a shorter name, or give the service its own: `expose NAME service SHORT on …`" : "choose a shorter name",
    });
  }
  return name.text;
}

function checkBind(scope: Scope, node: ExposeNode): AddressSet | null | undefined {
  if (node.bind === null) return null;
  const bind = scope.nets.value(node.bind);
  if (bind === null) return undefined;
  if (equal(bind, ANY)) return null;
  if (isEmpty(subtract(bind, UNBINDABLE))) {
    scope.report.say("ING406", "no interface can have an address of this `bind`", node.bind.span, {
      help: "leave `bind` out to listen on every address, or name the net that the interface's address is in",
    });
    return undefined;
  }
  if (size(bind) > MAX_BIND_INTERVALS) {
    scope.report.say("ING604", `a \`bind\` has at most ${MAX_BIND_INTERVALS} ranges of addresses, and this one has ${size(bind)}`, node.bind.span, { help: "name the nets of the interfaces" });
    return undefined;
  }
  return bind;
}

function checkCap(scope: Scope, node: CapNode): CheckedCap | null {
  const { report } = scope;
  const connections = readCount(report, node.connections.text, node.connections, MAX_CAP_CONNECTIONS, "the number of connections of a cap");
  if (node.perSource === null) return connections === null ? null : { connections, perSource: null };
  const { connections: written, key: keyNode } = node.perSource;
  const each = readCount(report, written.text, written, MAX_CAP_CONNECTIONS, "the number of connections per source");
  const key = readKey(report, keyNode);
  return connections === null || each === null || key === null ? null : { connections, perSource: { connections: each, ...key } };
}

function checkLimit(scope: Scope, node: LimitNode): CheckedLimit | null {
  const { report } = scope;
  const rate = readRate(report, node.rate);
  const burst = node.burst === null ? rate?.count : readCount(report, node.burst.text, node.burst, MAX_LIMIT_BURST, "the burst of a limit");
  const key = node.per.kind === "listener" ? null : readKey(report, node.per.key);
  if (rate === null || burst === undefined || burst === null) return null;
  if (node.per.kind === "listener") return { ...rate, burst, key: { kind: "listener" }, span: node.span };
  return key === null ? null : { ...rate, burst, key: { kind: "source", ...key }, span: node.span };
}
