// `explain`: what this gateway would decide now about a connection, temporary blocks included. Nothing is charged.
import { CODE_HELLO_MALFORMED, CODE_NOT_EXPOSED } from "../../runtime/abi/verdicts.ts";
import { canBeSource, formatAddress, parseAddress, type Address } from "../../runtime/net/address.ts";
import { denial, type Answer as Verdict } from "../../runtime/host/decision.ts";
import { misled, misledText } from "../../runtime/host/misled.ts";
import type { GroupInfo, ListenerInfo, PolicyEngine, PolicyInfo, PortRange } from "../../runtime/host/module.ts";
import { fieldsOf, textOf } from "../../runtime/shell/rpc_client.ts";
import { isBalancer } from "../admit/balancers.ts";
import { rpcError, RPC_DENIED, RPC_NOT_RELOADED, type Answer } from "../control/rpc.ts";
import { passedName, saidName, type NameFault, type SaidName } from "../tls/server_name.ts";
import { shown } from "./block.ts";
import type { Context, Endpoint } from "./context.ts";

export const explain: Endpoint = async (context, _client, params) => {
  const given = fieldsOf(params) ?? {};
  const [from, to, sni, via] = [textOf(given["from"], ""), textOf(given["to"], ""), given["sni"], given["via"]];
  const { engine, generation } = context.inForce;
  if (engine === null) return rpcError(RPC_NOT_RELOADED, "no policy is in force", { generation });
  const source = parseAddress(from);
  if (source === null) return wrong(`\`${from}\` is no address: write one such as 203.0.113.9`);
  const port = portOf(to);
  const places = port === null ? placesOfExpose(engine.info, to) : placesOfPort(engine.info, port);
  if (places.length === 0) {
    const known = engine.info.listeners.slice(0, 10).map(({ name }) => name);
    return wrong(`the policy in force has no expose \`${to}\`: ${known.length === 0 ? "it has none" : `it has ${[...new Set(known)].join(", ")}`}`);
  }
  const peer = typeof via === "string" ? parseAddress(via) : null;
  if (typeof via === "string" && peer === null) return wrong(`\`${via}\` is no address: write that of a peer in \`via\`, such as 10.0.0.5`);
  if (peer !== null && !canBeSource(source)) return wrong(`no PROXY header may name ${formatAddress(source)}: no client can have that address`);
  const unread = peer === null ? undefined : places.find(({ infos }) => !isBalancer(infos[0]?.via ?? null, peer));
  if (peer !== null && unread !== undefined) {
    const [expose] = unread.infos;
    const because = expose === undefined ? "nothing is exposed there" : `\`${formatAddress(peer)}\` is not in the \`via\` of \`${expose.name}\``;
    return wrong(`${because}, so that its PROXY header is data`);
  }
  const name = saidName(typeof sni === "string" ? sni : null);
  const led = port === null && name.nameFault === null ? misled(engine.info, to, name.serverName) : null;
  if (led !== null) {
    const { leads, port: shared } = led;
    const remedy =
      leads === null ? `query \`tcp ${shared}\` to see the refusal, or a name that leads to \`${to}\`` : `query \`${leads}\`, or \`tcp ${shared}\``;
    return wrong(`${misledText(led, name.serverName)}: ${remedy}`);
  }
  engine.setClock({ monoMs: context.clock.monoMs(), wallSeconds: Math.floor(context.clock.wallMs() / 1000) });
  const facts: Facts = { source, peer, name };
  return { result: { generation, from: formatAddress(source), answers: places.map((place) => answerOf(context, engine, place, facts)) } };
};

interface Facts {
  readonly source: Address;
  /** Whose PROXY header names the source; null: the source is the peer. */
  readonly peer: Address | null;
  readonly name: SaidName;
}

/** The exposes at one socket. */
interface Place {
  /** As `to` names it. */
  readonly to: string;
  readonly proto: "tcp" | "udp";
  /** Several, if the name leads to one of them, or none, if nothing is exposed there. */
  readonly infos: readonly ListenerInfo[];
  /** Null where one listener has the port alone, without `for`. */
  readonly group: GroupInfo | null;
}

interface Port {
  readonly proto: "tcp" | "udp";
  readonly port: number;
}

/** Of `tcp 443`; null: `to` is the name of an expose. */
function portOf(to: string): Port | null {
  const [, proto, digits] = /^(tcp|udp) ([1-9][0-9]{0,4})$/.exec(to) ?? [];
  const port = Number(digits);
  return (proto === "tcp" || proto === "udp") && port <= 65_535 ? { proto, port } : null;
}

const has = (ports: readonly PortRange[], port: number): boolean => ports.some(({ first, last }) => first <= port && port <= last);

/** Each listener of the name, at its first port: others have the same rules. */
function placesOfExpose({ listeners, groups }: PolicyInfo, to: string): readonly Place[] {
  return listeners.flatMap((info) => {
    if (info.name !== to) return [];
    const group = groups.find(({ members, ports }) => members.includes(info.id) && has(ports, info.ports[0]?.first ?? 0)) ?? null;
    return [{ to, proto: info.proto, group, infos: group === null ? [info] : group.members.flatMap((id) => listeners[id] ?? []) }];
  });
}

/** Each listener and group of the port once; exposes with other local addresses may have it, too. */
function placesOfPort({ listeners, groups }: PolicyInfo, { proto, port }: Port): readonly Place[] {
  const to = `${proto} ${port}`;
  const shared = proto === "tcp" ? groups.filter(({ ports }) => has(ports, port)) : [];
  const members = new Set(shared.flatMap((group) => group.members));
  const places: readonly Place[] = [
    ...shared.map((group) => ({ to, proto, group, infos: group.members.flatMap((id) => listeners[id] ?? []) })),
    ...listeners
      .filter((info) => info.proto === proto && has(info.ports, port) && !members.has(info.id))
      .map((info) => ({ to: info.name, proto, group: null, infos: [info] })),
  ];
  return places.length > 0 ? places : [{ to, proto, group: null, infos: [] }];
}

function answerOf({ blocks }: Context, engine: PolicyEngine, place: Place, facts: Facts): object {
  const block = blocks.of(facts.source) ?? (facts.peer === null ? undefined : blocks.of(facts.peer));
  if (block !== undefined) return { to: place.to, proto: place.proto, decision: "deny", reason: "policy", code: "blocked", block: shown(block) };
  const { verdict, info, fault } = decided(engine, place, facts);
  const head = { to: info?.name ?? place.to, proto: place.proto };
  if (!verdict.allowed && verdict.later) return { ...head, decision: "open", says: "the client's certificate decides" };
  const rule = verdict.rule >= 0 ? engine.info.rules[verdict.rule] : undefined;
  const origin = rule?.origins[0];
  return {
    ...head,
    decision: verdict.allowed ? "allow" : "deny",
    reason: verdict.allowed ? "none" : verdict.reason,
    code: verdict.code,
    ...(fault !== undefined && { detail: fault }),
    ...(rule?.names[0] !== undefined && { rule: rule.names[0] }),
    ...(origin !== undefined && { at: `${origin.file}:${origin.line}` }),
  };
}

interface Decided {
  readonly verdict: Verdict;
  /** The expose that the name has led to, or that has the port alone. */
  readonly info?: ListenerInfo | undefined;
  /** Why the name is none. */
  readonly fault?: NameFault;
}

/** By the rules alone, in the order of admit/after_hello.ts: caps and limits are not considered. */
function decided(engine: PolicyEngine, { infos, group }: Place, { source, name }: Facts): Decided {
  const [only] = infos;
  if (only === undefined) return { verdict: denial(CODE_NOT_EXPOSED) };
  const first = engine.accept(group?.id ?? only.id, source);
  if (group === null && (only.proto === "udp" || only.mode === "tcp")) return { verdict: first, info: only };
  if (!first.allowed && !first.later) return { verdict: first, info: group === null ? only : undefined };
  if (group !== null && name.nameFault !== null) return { verdict: denial(CODE_HELLO_MALFORMED), fault: name.nameFault };
  const lead = engine.lead(group?.id ?? only.id, source, name.serverName);
  if (lead.listener === null) return { verdict: lead.denial };
  const info = engine.info.listeners[lead.listener];
  if (info === undefined) return { verdict: denial(CODE_NOT_EXPOSED) };
  const { serverName, nameFault } = info.mode === "passthrough" ? passedName(name) : name;
  if (nameFault !== null && (group !== null || info.needsNames)) return { verdict: denial(CODE_HELLO_MALFORMED), info, fault: nameFault };
  return { verdict: engine.named(info.id, source, serverName), info };
}

function wrong(message: string): Answer {
  return rpcError(RPC_DENIED, message, { reason: "policy", code: "bad_intent" });
}
