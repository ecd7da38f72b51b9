// The binds that a policy allows one subject, and for ingressd the connections to its backends, as a policy profile of Open Nexus OS
// (its RFC-0091, version 2): phase 0 without the engine. docs/abi-filter-v2.md has the layout with vectors. Where the profile would
// give another answer than the policy to any bind or connection that it can be evaluated for, it is refused with the clause.
import { fnv1a64 } from "../../runtime/abi/fnv.ts";
import { grouped } from "../../runtime/text/number.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { builtinNet } from "../check/sets/builtin_nets.ts";
import { EMPTY, isEmpty, subtract } from "../check/sets/intervals.ts";
import { diagnostic, type Diagnostic } from "../diagnostics/diagnostic.ts";
import { bindsOf, joined } from "../emit/filter.ts";
import type { CheckedExpose, CheckedPolicy, PortRange } from "../policy/policy.ts";
import { backendRefusals, reachedBy, reachedText, type Reached } from "./nexus_connects.ts";
import type { LeftOut } from "./plan.ts";
import { portTexts } from "./ranges.ts";

/** Bounds of the RFC. 24 rules with four ranges each need 788 bytes, so that its bound of 1,024 bytes never decides. */
export const NEXUS_MAX_RULES = 24;
export const NEXUS_MAX_RANGES = 4;

const HEAD = [0x41, 0x46, 2] as const;
const CLASS_NET_BIND = 2;
const CLASS_NET_CONNECT = 3;
const ALLOW = 1;
const CLASSES = { loopback: 0, any: 1 } as const;

/** One rule, which allows; with one to four ranges of ports, 0 to 65535. */
export type NexusRule =
  /** `loopback`: binds in 127/8 alone. `any`: every bind. */
  | { readonly kind: "bind"; readonly address: keyof typeof CLASSES; readonly ports: readonly PortRange[] }
  /** Connections to one prefix. */
  | ({ readonly kind: "connect" } & Reached);

export interface NexusProfile {
  readonly bytes: Uint8Array;
  readonly subject: bigint;
  /** The consumer keeps a profile that it has against one with a smaller epoch. */
  readonly epoch: number;
  readonly rules: readonly NexusRule[];
  readonly leftOut: readonly LeftOut[];
}

export interface NexusRequest {
  /** In small letters, as the names there are. */
  readonly subject: string;
  /** 0 to 4294967295. */
  readonly epoch: number;
  /** A port that is exposed over one protocol is written, and open over both. */
  readonly withoutProtocols: boolean;
}

const TARGET = "nexus-profile";

export function nexusProfile(policy: CheckedPolicy, request: NexusRequest): Result<NexusProfile, readonly Diagnostic[]> {
  const { subject, epoch, withoutProtocols } = request;
  const own = bindsOf(policy, subject);
  const public_ = own.filter((e) => !isLoopback(e));
  const refused: Diagnostic[] = [
    ...own.filter((e) => e.mode === "direct").map(({ name, span }) => diagnostic("ING927", { target: TARGET, expose: name, clause: "as direct" }, span)),
    ...public_
      .filter((e) => e.mode !== "direct" && e.bind !== null)
      .map(({ name, span }) => diagnostic("ING926", { target: TARGET, expose: name, clause: "bind" }, span)),
    ...policy.dials
      .filter(({ service }) => service === subject)
      .map(({ service, span }) => diagnostic("ING927", { target: TARGET, expose: service, clause: "dial" }, span)),
    ...backendRefusals(own, TARGET),
  ];
  const written = public_.filter((e) => e.mode !== "direct" && e.bind === null);
  const lone = written.filter((e) => !hasOther(e, written));
  if (!withoutProtocols)
    refused.push(
      ...lone.map(({ name, proto, ports, span }) =>
        diagnostic("ING925", { target: TARGET, expose: name, clause: `on ${proto} ${portTexts(ports).join(", ")}`, other: otherProto(proto) }, span),
      ),
    );
  const binds: readonly NexusRule[] = [
    { kind: "bind", address: "loopback", ports: [{ first: 0, last: 65_535 }] },
    ...inFours(joined(written.flatMap((e) => e.ports))).map((ports) => ({ kind: "bind", address: "any", ports }) as const),
  ];
  const connects = reachedBy(own).flatMap((reached) => inFours(reached.ports).map((ports): NexusRule => ({ kind: "connect", ...reached, ports })));
  const rules = [...binds, ...connects];
  if (rules.length > NEXUS_MAX_RULES)
    refused.push(
      ...own
        .slice(0, 1)
        .map(({ span }) => diagnostic("ING928", { target: TARGET, subject, binds: binds.length, connects: connects.length, most: NEXUS_MAX_RULES }, span)),
    );
  if (refused.length > 0) return failed(once(refused));
  const leftOut = lone.map(({ name, proto, ports }): LeftOut => ({
    what: "protocol",
    of: name,
    says: `${proto} ${portTexts(ports).join(", ")} alone: the profile opens it over ${otherProto(proto)} too`,
  }));
  return ok({ bytes: encoded(fnv1a64(subject), epoch, rules), subject: fnv1a64(subject), epoch, rules, leftOut });
}

/** An expose on both protocols is two listeners of one place. */
function once(refused: readonly Diagnostic[]): readonly Diagnostic[] {
  return refused.filter((one, i) => refused.findIndex((other) => other.span.start === one.span.start && other.message === one.message) === i);
}

function otherProto(proto: "tcp" | "udp"): "tcp" | "udp" {
  return proto === "tcp" ? "udp" : "tcp";
}

/** Binds that the policy allows everybody, with or without this expose. */
function isLoopback({ mode, bind }: CheckedExpose): boolean {
  return mode !== "direct" && bind !== null && isEmpty(subtract(bind, builtinNet("loopback") ?? EMPTY));
}

/** Whether each port of the expose is exposed over the other protocol too. */
function hasOther({ proto, ports }: CheckedExpose, all: readonly CheckedExpose[]): boolean {
  const others = joined(all.filter((e) => e.proto !== proto).flatMap((e) => e.ports));
  return ports.every(({ first, last }) => others.some((range) => range.first <= first && last <= range.last));
}

function inFours(ranges: readonly PortRange[]): readonly (readonly PortRange[])[] {
  const out: (readonly PortRange[])[] = [];
  for (let i = 0; i < ranges.length; i += NEXUS_MAX_RANGES) out.push(ranges.slice(i, i + NEXUS_MAX_RANGES));
  return out;
}

function encoded(subject: bigint, epoch: number, rules: readonly NexusRule[]): Uint8Array {
  const bytes: number[] = [...HEAD, rules.length, ...le(subject, 8), ...le(BigInt(epoch), 4), ...le(0n, 4)];
  for (const rule of rules) {
    const isBind = rule.kind === "bind";
    bytes.push(isBind ? CLASS_NET_BIND : CLASS_NET_CONNECT, ALLOW, 0, isBind ? CLASSES[rule.address] : 0, rule.ports.length);
    // The address has its first byte first, unlike the numbers.
    bytes.push(isBind ? 0 : rule.length, 0, 0, ...le(BigInt(isBind ? 0 : rule.bits), 4).reverse(), ...le(0n, 4));
    for (const { first, last } of rule.ports) bytes.push(...le(BigInt(first), 2), ...le(BigInt(last), 2));
  }
  return Uint8Array.from(bytes);
}

function le(value: bigint, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}

/** For people: `any address: 443, 8000-8999`, `127.0.0.1/32: 8080`. */
export function nexusRuleText(rule: NexusRule): string {
  const where =
    rule.kind === "connect" ? reachedText(rule)
    : rule.address === "any" ? "any address"
    : "loopback";
  return `${where}: ${portTexts(rule.ports).join(", ")}`;
}

export function nexusProfileText({ bytes, rules }: NexusProfile): string {
  return `${grouped(rules.length)} ${rules.length === 1 ? "rule" : "rules"}, ${grouped(bytes.length)} bytes; what none matches is denied`;
}
