// `explain`: what this gateway would decide now about a connection, temporary blocks included. Nothing is charged.
import { canBeSource, formatAddress, parseAddress, type Address } from "../../runtime/net/address.ts";
import type { Answer as Verdict } from "../../runtime/host/decision.ts";
import type { ListenerInfo, PolicyEngine } from "../../runtime/host/module.ts";
import { fieldsOf, textOf } from "../../runtime/shell/rpc_client.ts";
import { isBalancer } from "../admit/balancers.ts";
import { rpcError, RPC_DENIED, RPC_NOT_RELOADED, type Answer } from "../control/rpc.ts";
import { canonicalServerName } from "../tls/server_name.ts";
import { shown } from "./block.ts";
import type { Context, Endpoint } from "./context.ts";

export const explain: Endpoint = async (context, _client, params) => {
  const given = fieldsOf(params) ?? {};
  const [from, to, sni, via] = [textOf(given["from"], ""), textOf(given["to"], ""), given["sni"], given["via"]];
  const { engine, generation } = context.inForce;
  if (engine === null) return rpcError(RPC_NOT_RELOADED, "no policy is in force", { generation });
  const source = parseAddress(from);
  if (source === null) return wrong(`\`${from}\` is no address: write one such as 203.0.113.9`);
  const listeners = engine.info.listeners.filter(({ name }) => name === to);
  if (listeners.length === 0) {
    const known = engine.info.listeners.slice(0, 10).map(({ name }) => name);
    return wrong(`the policy in force has no expose \`${to}\`: ${known.length === 0 ? "it has none" : `it has ${[...new Set(known)].join(", ")}`}`);
  }
  const peer = typeof via === "string" ? parseAddress(via) : null;
  if (typeof via === "string" && peer === null) return wrong(`\`${via}\` is no address: write that of a peer in \`via\`, such as 10.0.0.5`);
  if (peer !== null && !canBeSource(source)) return wrong(`no PROXY header may name ${formatAddress(source)}: no client can have that address`);
  const unread = peer === null ? undefined : listeners.find((info) => !isBalancer(info.via, peer));
  if (peer !== null && unread !== undefined)
    return wrong(`\`${formatAddress(peer)}\` is not in the \`via\` of \`${unread.name}\`, so that its PROXY header is data`);
  const said = typeof sni === "string" ? canonicalServerName(sni) : { name: null };
  if ("fault" in said) return wrong(`\`sni\` is no name that a policy can have (${said.fault})`);
  const { name } = said;
  engine.setClock({ monoMs: context.clock.monoMs(), wallSeconds: Math.floor(context.clock.wallMs() / 1000) });
  const facts: Facts = { source, peer, name };
  return { result: { generation, from: formatAddress(source), answers: listeners.map((info) => answerOf(context, engine, info, facts)) } };
};

interface Facts {
  readonly source: Address;
  /** Whose PROXY header names the source; null: the source is the peer. */
  readonly peer: Address | null;
  /** Null where the client sends none. */
  readonly name: string | null;
}

function answerOf({ blocks }: Context, engine: PolicyEngine, info: ListenerInfo, facts: Facts): object {
  const head = { to: info.name, proto: info.proto };
  const block = blocks.of(facts.source) ?? (facts.peer === null ? undefined : blocks.of(facts.peer));
  if (block !== undefined) return { ...head, decision: "deny", reason: "policy", code: "blocked", block: shown(block) };
  const verdict = decided(engine, info, facts);
  if (!verdict.allowed && verdict.later) return { ...head, decision: "open", says: "the client's certificate decides" };
  const rule = verdict.rule >= 0 ? engine.info.rules[verdict.rule] : undefined;
  const origin = rule?.origins[0];
  return {
    ...head,
    decision: verdict.allowed ? "allow" : "deny",
    reason: verdict.allowed ? "none" : verdict.reason,
    code: verdict.code,
    ...(rule?.names[0] !== undefined && { rule: rule.names[0] }),
    ...(origin !== undefined && { at: `${origin.file}:${origin.line}` }),
  };
}

/** By the rules alone: caps and limits are not considered. */
function decided(engine: PolicyEngine, info: ListenerInfo, { source, name }: Facts): Verdict {
  if (info.proto === "udp" || info.mode === "tcp") return engine.accept(info.id, source);
  const first = engine.accept(info.id, source);
  return !first.allowed && !first.later ? first : engine.named(info.id, source, name);
}

function wrong(message: string): Answer {
  return rpcError(RPC_DENIED, message, { reason: "policy", code: "bad_intent" });
}
