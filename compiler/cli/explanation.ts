// One answer, phase by phase: what the module said, by which rule, what that overrides, what the
// rules that are only tried out say, and what would have been allowed.
import type { Code } from "../../runtime/abi/names.ts";
import type { Answer, Decision, Shadow } from "../../runtime/host/decision.ts";
import { identityOf } from "../../runtime/host/identity.ts";
import type { GroupInfo, ListenerInfo, LoadedPolicy, PolicyEngine, RuleInfo } from "../../runtime/host/module.ts";
import { ANY4, formatAddress, formatEndpoint, isLinkLocal6 } from "../../runtime/net/address.ts";
import { evaluateAll, readsHeaderOf } from "./evaluate.ts";
import { listeningAddress } from "./bindable.ts";
import { countsOf, type Counted } from "./counts.ts";
import { ruleBook, type Facts, type RuleBook } from "./matching.ts";
import { nearestBind, nearestName, nearestPlace, nearMisses, type NearMiss } from "./near_miss.ts";
import { freshEngine } from "./policy_tests.ts";
import type { Request } from "./request.ts";
import { semanticOf } from "./semantic.ts";

export interface Step {
  readonly phase: "bind" | "accept" | "limits" | "hello" | "identity" | "identity limits";
  readonly what: string;
  /** `open`: not refused, and the next phase decides. */
  readonly verdict: "allow" | "deny" | "open";
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
  /** Null where no `dryrun` rule applies. */
  readonly shadow: (Omit<Shadow, "rule"> & { readonly rule: RuleInfo | null }) | null;
  /** The caps and limits of the listener; empty where the request does not come as far. */
  readonly counts: readonly Counted[];
  /** Empty where it is allowed. */
  readonly nearMisses: readonly NearMiss[];
  /** The facts of the request that made no difference, and why. */
  readonly notes: readonly string[];
}

/** A warning: a rule about a link-local source identifies no host. */
const LINK_LOCAL = "the source is link-local: every host on the link chooses its address, and caps and limits count the whole address and its interface";

/** Of a peer in the `via` of the listener, without `via` in the request. */
const NO_CLIENT = "a PROXY header of this source is read: the answer is for one that names no client, such as that of a health check";

/** One explanation a listener that the request can mean. */
export function explainRequest(module: Uint8Array, loaded: LoadedPolicy, request: Request): readonly Explanation[] {
  if (request.kind === "bind") return [explainBind(loaded, request)];
  const { source, via, to, sni, client, at } = request;
  const fresh = (): PolicyEngine => freshEngine(loaded, at);
  const semantic = semanticOf(module);
  const book = ruleBook(semantic, loaded.info);
  return evaluateAll(loaded.info, fresh, { source, to, sni, client }).map(({ place, listener, group, decision }) => {
    if (group !== null && (listener === null || decision.code === "no_expose")) {
      return refusedByGroup(loaded, group, { source, sni, client, wallSeconds: at }, place, decision);
    }
    if (listener === null) {
      const steps = [stepOf(loaded, "accept", place, decision, [])];
      return { listener, decision, steps, shadow: null, counts: [], nearMisses: nearestPlace(loaded, request), notes: [] };
    }
    const facts: Facts = { source, sni, client, wallSeconds: at };
    const shadow = fresh().shadow(listener.id, source, sni, client === null ? undefined : identityOf(client));
    const steps = [bindStep(loaded, listener), ...connectionSteps(book, loaded, listener, group, facts, place)];
    return {
      listener,
      decision,
      steps,
      shadow: shadow === null ? null : { ...shadow, rule: ruleNumbered(loaded, shadow.rule) },
      counts: steps.some(({ phase }) => phase === "limits") ? countsOf(semantic, listener, source) : [],
      nearMisses: decision.allowed ? [] : nearMisses(book, loaded, listener, facts, group?.id),
      notes: [
        ...(via === null ? [] : [`the PROXY header of \`${formatAddress(via)}\` names the source`]),
        ...(via === null && readsHeaderOf(listener, source) ? [NO_CLIENT] : []),
        ...(isLinkLocal6(source) ? [LINK_LOCAL] : []),
        ...(listener.mode === "direct" ?
          [`\`${listener.name}\` is \`as direct\`: \`${listener.service}\` listens by itself, and neither rules nor limits apply to its clients`]
        : []),
        ...(sni !== null && listener.mode === "tcp" ?
          [
            listener.proto === "udp" ?
              `udp has no names: \`sni\` is no fact at \`${listener.name}\``
            : `\`${listener.name}\` is a plain tcp listener: the name is never read`,
          ]
        : []),
        ...(client !== null && listener.mode !== "mtls" ? [`\`${listener.name}\` is not \`as mtls\`: the gateway requests no certificate`] : []),
      ],
    };
  });
}

/** No expose of the port admits the source, or the name leads to none. */
function refusedByGroup(loaded: LoadedPolicy, group: GroupInfo, facts: Facts, place: string, decision: Decision): Explanation {
  const fresh = (): PolicyEngine => freshEngine(loaded, facts.wallSeconds);
  const names = group.members.map((id) => `\`${loaded.info.listeners[id]?.name ?? ""}\``);
  const early = fresh().accept(group.id, facts.source);
  const shadow = isPending(early) ? null : fresh().shadow(group.id, facts.source, undefined);
  return {
    listener: null,
    decision,
    steps:
      isPending(early) ?
        [openStep("accept", place), stepOf(loaded, "hello", nameText(facts.sni), decision, [])]
      : [stepOf(loaded, "accept", place, decision, [])],
    shadow: shadow === null ? null : { ...shadow, rule: ruleNumbered(loaded, shadow.rule) },
    counts: [],
    nearMisses: isPending(early) ? nearestName(loaded, group, facts) : [],
    notes: [`the exposes of this port are ${names.join(", ")}`],
  };
}

function explainBind(loaded: LoadedPolicy, request: Extract<Request, { kind: "bind" }>): Explanation {
  const { subject, proto, address, port } = request;
  const engine = freshEngine(loaded, null);
  const decision = engine.bind({ subject, proto, address, port });
  const id = engine.listenerAt(proto, port, address);
  return {
    listener: loaded.info.listeners.find((l) => l.id === id) ?? null,
    steps: [stepOf(loaded, "bind", `${subject} on ${proto === "udp" ? "udp " : ""}${formatEndpoint(address, port)}`, decision, [])],
    decision,
    shadow: null,
    counts: [],
    nearMisses: decision.allowed || decision.code === "no_token" ? [] : nearestBind(loaded, request),
    notes: [],
  };
}

/** The decision about the bind, for the first of the listener's ports. */
function bindStep(loaded: LoadedPolicy, listener: ListenerInfo): Step {
  const port = listener.ports[0]?.first ?? 0;
  const address = listeningAddress(listener) ?? ANY4;
  const subject = listener.mode === "direct" ? listener.service : "ingressd";
  const decision = freshEngine(loaded, null).bind({ subject, proto: listener.proto, address, port });
  return stepOf(loaded, "bind", `${subject} on ${listener.proto === "udp" ? "udp " : ""}${formatEndpoint(address, port)}`, decision, []);
}

/** The phases of a connection in the order in which the gateway evaluates them. */
function connectionSteps(book: RuleBook, loaded: LoadedPolicy, listener: ListenerInfo, group: GroupInfo | null, facts: Facts, place: string): readonly Step[] {
  const { source, sni, client, wallSeconds } = facts;
  const fresh = (): PolicyEngine => freshEngine(loaded, wallSeconds);
  const allows = book.matching(listener, facts).filter((r) => r.action === "allow" && !r.dryrun);
  const overrides = ({ allowed, code }: Decision): readonly RuleInfo[] =>
    !allowed && (code === "deny_rule" || code === "deny_name" || code === "deny_identity") ? allows : [];
  // On a shared port all its exposes decide first, and then the one to which the name leads.
  const first = fresh().accept(group?.id ?? listener.id, source);
  const accept = isPending(first) ? openStep("accept", place) : stepOf(loaded, "accept", place, first, overrides(first));
  if (accept.verdict === "deny" || listener.mode === "direct") return [accept];
  const admitted = fresh().admit([{ listener: listener.id, source }])[0] ?? first;
  const what = "caps and limits, nothing in use, temporary blocks aside";
  // Caps and limits never admit by themselves: the rule that did is in another step.
  const limits: Step =
    isPending(admitted) ?
      { phase: "limits", what, verdict: "allow", reason: null, code: "allowed", rule: null, overrides: [] }
    : { ...stepOf(loaded, "limits", what, admitted, []), rule: null };
  // At a group the listener's own rules about the source are decided with the name.
  if (!isPending(first) || (group === null && limits.verdict === "deny")) return [accept, limits];
  const name = group === null ? nameText(sni) : `${nameText(sni)}, which leads to \`${listener.name}\``;
  const named = fresh().named(listener.id, source, sni);
  const hello = isPending(named) ? openStep("hello", name) : stepOf(loaded, "hello", name, named, overrides(named));
  // On a shared port caps and limits are charged when the name has led to an expose that admits it.
  const both =
    group === null ? [accept, limits, hello]
    : hello.verdict === "deny" ? [accept, hello]
    : [accept, hello, limits];
  if (!isPending(named)) return both;
  const decision = client === null ? fresh().hello(listener.id, source, sni) : fresh().identity(listener.id, source, sni, identityOf(client));
  const identity = stepOf(
    loaded,
    "identity",
    client === null ? "no certificate" : client.map((word) => `\`${word}\``).join(", "),
    decision,
    overrides(decision),
  );
  if (!decision.allowed || client === null) return [...both, identity];
  const last = fresh().admitIdentity(listener.id, source, sni, identityOf(client));
  return [...both, identity, { ...stepOf(loaded, "identity limits", what, last, []), rule: null }];
}

function nameText(sni: string | null): string {
  return sni === null ? "no SNI" : `SNI \`${sni}\``;
}

function isPending(answer: Answer): answer is Extract<Answer, { later: true }> {
  return !answer.allowed && answer.later;
}

function openStep(phase: "accept" | "hello", what: string): Step {
  return { phase, what, verdict: "open", reason: null, code: phase === "accept" ? "open" : "open_identity", rule: null, overrides: [] };
}

function ruleNumbered(loaded: LoadedPolicy, id: number): RuleInfo | null {
  return loaded.info.rules.find((r) => r.id === id) ?? null;
}

function stepOf(loaded: LoadedPolicy, phase: Step["phase"], what: string, decision: Decision, overrides: readonly RuleInfo[]): Step {
  return {
    phase,
    what,
    // A bind that lacks only its token can still be allowed.
    verdict:
      decision.allowed ? "allow"
      : decision.code === "no_token" ? "open"
      : "deny",
    reason: decision.allowed || decision.code === "no_token" ? null : decision.reason,
    code: decision.code,
    rule: ruleNumbered(loaded, decision.rule),
    overrides,
  };
}
