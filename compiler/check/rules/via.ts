// `via NET`: peers, such as load balancers, that begin a connection with a PROXY header. The source that it names is the client's.
import type { ExposeNode, Piece } from "../../ast/nodes.ts";
import { MAX_VIA_INTERVALS } from "../../source/bounds.ts";
import type { AddressSet, AddressWords, CheckedGroup, Mode, Target } from "../../policy/policy.ts";
import { builtinNet, prefixes, UNBINDABLE } from "../sets/builtin_nets.ts";
import { contains, equal, intersects, isEmpty, size, STRIDE, subtract } from "../sets/intervals.ts";
import { MULTICAST } from "../sets/special_purpose.ts";
import type { CheckContext } from "./context.ts";
import { noteHostOnly } from "./host_only.ts";
import type { PartialExpose } from "./partial_expose.ts";

/** Of an IPv4 /8 and of an IPv6 /16; a wider range needs a reason. */
const MOST_V4 = 1n << 24n;
const MOST_V6 = 1n << 112n;
/** The first three words of every IPv4 address. */
const V4 = 0xffffn;

/** No header may name these. */
const NO_SOURCE = prefixes(["0.0.0.0/32", "::/128", ...MULTICAST]);
const LINK_LOCAL = builtinNet("linklocal") ?? prefixes([]);

/** Null where none is written, undefined where it is wrong. */
export function checkVia(context: CheckContext, node: ExposeNode, mode: Mode | null, hasWhy: boolean): AddressSet | null | undefined {
  const { report } = context;
  if (node.via === null) return null;
  const { span } = node.via;
  const via = context.nets.value(node.via);
  const udp = node.protos.find(({ proto }) => proto === "udp");
  noteHostOnly(context.hostOnly, "via", "via", span);
  if (udp !== undefined) {
    report.say("ING440", { on: node.protos.length > 1 ? "tcp, udp" : "udp" }, span, { related: [udp.span] });
    return undefined;
  }
  if (mode === "direct") {
    report.say("ING440", { on: "direct" }, span, { related: node.mode === null ? [] : [node.mode.span] });
    return undefined;
  }
  if (via === null) return undefined;
  if (isEmpty(subtract(via, UNBINDABLE))) {
    report.say("ING441", { fault: "none" }, span);
    return undefined;
  }
  if (intersects(via, LINK_LOCAL)) {
    report.say("ING441", { fault: "link_local" }, span);
    return undefined;
  }
  if (!hasWhy && isWide(via) && !node.annotations.some(({ name }) => name === "why")) {
    report.say("ING442", null, span);
    return undefined;
  }
  if (size(via) > MAX_VIA_INTERVALS) {
    report.say("ING616", { used: size(via), most: MAX_VIA_INTERVALS }, span);
    return undefined;
  }
  return via;
}

/** Wider than an expose has without a reason. */
export function isWide({ bounds }: AddressSet): boolean {
  for (let i = 0; i < bounds.length; i += STRIDE) {
    const [first, last] = [valueAt(bounds, i), valueAt(bounds, i + 4)];
    if (last - first + 1n > (first >> 32n === V4 ? MOST_V4 : MOST_V6)) return true;
  }
  return false;
}

/** Four words as one number. */
function valueAt(words: Uint32Array, at: number): bigint {
  return [0, 1, 2, 3].reduce((value, i) => (value << 32n) | BigInt(words[at + i] ?? 0), 0n);
}

/** The header comes before the name, so that exposes of one port read it from the same peers. */
export function checkSharedVia({ report }: CheckContext, exposes: readonly PartialExpose[], groups: readonly CheckedGroup[]): void {
  for (const { members, ports } of groups) {
    const first = exposes[members[0] ?? -1];
    const other = members.map((i) => exposes[i]).find((one) => one !== undefined && first !== undefined && !isSame(first.via, one.via));
    if (first === undefined || other === undefined) continue;
    const span = other.node.via?.span ?? other.node.name.span;
    report.say("ING443", { expose: first.node.name.text, port: ports[0]?.first ?? 0 }, span, { related: [first.node.via?.span ?? first.node.name.span] });
  }
}

/** True where one could not be read, which was reported. */
function isSame(x: AddressSet | null | undefined, y: AddressSet | null | undefined): boolean {
  if (x === undefined || y === undefined) return true;
  return x === null || y === null ? x === y : equal(x, y);
}

/** Where a request may go to, and from whom a header is read there. */
export type Balanced = Pick<PartialExpose, "node" | "proto" | "ports" | "bind" | "via">;

interface Named {
  readonly source: AddressWords;
  readonly via: AddressWords;
  readonly to: Target;
}

/** Whether a header of that peer is read wherever the request goes to; reported where it isn't. */
export function mayName(
  { report }: CheckContext,
  { source, via, to }: Named,
  pieces: Readonly<Record<"source" | "via", Piece>>,
  all: readonly Balanced[],
): boolean {
  const words = { peer: pieces.via.text, source: pieces.source.text };
  if (contains(NO_SOURCE, source)) {
    report.say("ING444", { fault: "source", expose: null, ...words }, pieces.source.span);
    return false;
  }
  const meant = all.filter((one) => isMeant(one, to));
  if (meant.length === 0) {
    report.say("ING444", { fault: "not_exposed", expose: null, ...words }, pieces.via.span);
    return false;
  }
  for (const { node, via: trusted } of meant) {
    if (trusted === undefined || (trusted !== null && contains(trusted, via))) continue;
    report.say("ING444", { fault: trusted === null ? "no_via" : "other_peer", expose: node.name.text, ...words }, pieces.via.span);
    return false;
  }
  return true;
}

function isMeant({ node, proto, ports, bind }: Balanced, to: Target): boolean {
  if (to.kind === "expose") return node.name.text === to.name;
  if (proto !== to.proto || ports === null || !ports.some(({ first, last }) => first <= to.port && to.port <= last)) return false;
  return to.local === null || bind === null || bind === undefined || contains(bind, to.local);
}
