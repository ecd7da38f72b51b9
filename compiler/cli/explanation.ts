// One answer, phase by phase: what the module said, by which rule, and what that overrides.
import type { Code } from "../../runtime/abi/names.ts";
import type { Decision } from "../../runtime/host/decision.ts";
import type { ListenerInfo, LoadedPolicy, RuleInfo } from "../../runtime/host/module.ts";
import { ANY4, formatEndpoint, parseAddress, type Address } from "../../runtime/net/address.ts";
import { askAll } from "./ask.ts";
import { ruleBook } from "./matching.ts";
import { freshEngine } from "./policyTests.ts";
import type { Request } from "./request.ts";
import { semanticOf } from "./semantic.ts";

export interface Step {
  readonly phase: "bind" | "accept" | "limits";
  readonly what: string;
  readonly verdict: "allow" | "deny";
  readonly reason: string | null;
  readonly code: Code;
  readonly rule: RuleInfo | null;
  /** Rules that match as well and lost: for a deny the allows, for a bind nothing. */
  readonly overrides: readonly RuleInfo[];
}

export interface Explanation {
  /** The listener that is meant; null where nothing is exposed. */
  readonly listener: ListenerInfo | null;
  readonly steps: readonly Step[];
  readonly decision: Decision;
}

/** One explanation a listener that the request can mean. */
export function explainRequest(module: Uint8Array, loaded: LoadedPolicy, request: Request): readonly Explanation[] {
  if (request.kind === "bind") {
    const { subject, address, port } = request;
    const decision = freshEngine(loaded, null).bind({ subject, proto: "tcp", address, port });
    const listener = listenerAt(loaded, port, address);
    const step = stepOf(loaded, "bind", `${subject} on ${formatEndpoint(address, port)}`, decision, []);
    return [{ listener, steps: [step], decision }];
  }
  const fresh = (): ReturnType<typeof freshEngine> => freshEngine(loaded, null);
  return askAll(loaded.info, fresh, { source: request.source, to: request.to, sni: null }).map(({ asked, listener, decision }) => {
    if (listener === null) return { listener, decision, steps: [stepOf(loaded, "accept", asked, decision, [])] };
    const steps = [bindStep(loaded, listener), ...acceptSteps(module, loaded, listener, request.source, asked, decision)];
    return { listener, decision, steps };
  });
}

/** What ingressd asks before it listens, for the first of the listener's ports. */
function bindStep(loaded: LoadedPolicy, listener: ListenerInfo): Step {
  const port = listener.ports[0]?.first ?? 0;
  const address = listener.bind === null ? ANY4 : (parseAddress(listener.bind[0]?.split("/")[0] ?? "") ?? ANY4);
  const decision = freshEngine(loaded, null).bind({ subject: "ingressd", proto: listener.proto, address, port });
  return stepOf(loaded, "bind", `ingressd on ${formatEndpoint(address, port)}`, decision, []);
}

function acceptSteps(module: Uint8Array, loaded: LoadedPolicy, listener: ListenerInfo, source: Address, asked: string, decision: Decision): readonly Step[] {
  const engine = freshEngine(loaded, null);
  const first = engine.accept(listener.id, source);
  const pure = !first.allowed && first.later ? engine.hello(listener.id, source, null) : first;
  const matching = ruleBook(semanticOf(module), loaded.info).matching(listener, { source, sni: null, wallSeconds: null }).filter((r) => !r.dryrun);
  const overrides = pure.code === "deny_rule" ? matching.filter((r) => r.action === "allow") : [];
  const accept = stepOf(loaded, "accept", asked, pure, overrides);
  // Caps and limits never admit by themselves: the rule that did stands one step above.
  const limits = { ...stepOf(loaded, "limits", "caps and limits, nothing in use", decision, []), rule: null };
  return pure.allowed ? [accept, limits] : [accept];
}

function listenerAt(loaded: LoadedPolicy, port: number, address: Address): ListenerInfo | null {
  const id = freshEngine(loaded, null).listenerAt("tcp", port, address);
  return loaded.info.listeners.find((l) => l.id === id) ?? null;
}

function stepOf(loaded: LoadedPolicy, phase: Step["phase"], what: string, decision: Decision, overrides: readonly RuleInfo[]): Step {
  return {
    phase,
    what,
    verdict: decision.allowed ? "allow" : "deny",
    reason: decision.allowed ? null : decision.reason,
    code: decision.code,
    rule: loaded.info.rules.find((r) => r.id === decision.rule) ?? null,
    overrides,
  };
}
