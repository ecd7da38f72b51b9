// A record as the request that `ingressc explain` reads. A name that a client has chosen is written only in
// its canonical form, so that no record can be read as another request.
import { formatAddress, isWildcard } from "../../../runtime/net/address.ts";
import { readHostName } from "../../check/names/host_names.ts";
import { idWord, readId, type IdType } from "../../check/sets/id_patterns.ts";
import { timeText } from "../../wording/time_text.ts";
import type { DecisionRecord } from "./audit_record.ts";

/** `tcp 443`, `udp 53 at 192.0.2.1` */
export function canonicalPlace({ proto, local }: DecisionRecord): string {
  if (local === null) return proto;
  return `${proto} ${local.port}${isWildcard(local.address) ? "" : ` at ${formatAddress(local.address)}`}`;
}

/** Null where a fact is missing, or can't be written. */
export function requestText(record: DecisionRecord): string | null {
  const { op, local, source, peer, sni, client, proto, seconds, subject } = record;
  if (local === null) return null;
  if (op === "bind") return subject === null || !NAME.test(subject) ? null : `bind ${subject} on ${proto === "udp" ? "udp " : ""}${local.text}`;
  if (source === null) return null;
  const words = [`from ${formatAddress(source)}`];
  if (peer !== null) words.push(`via ${formatAddress(peer)}`);
  words.push(`to ${proto} ${local.port}`);
  if (!isWildcard(local.address)) words.push(`local ${formatAddress(local.address)}`);
  if (typeof sni === "string") {
    if (!isHostName(sni)) return null;
    words.push(`sni "${sni}"`);
  }
  if (typeof client === "string") {
    const ids = client.split(" ").map(idText);
    if (ids.includes(null)) return null;
    words.push(`client ${ids.join(", ")}`);
  }
  return `${words.join(" ")} at ${timeText(seconds)}`;
}

const NAME = /^[A-Za-z_][A-Za-z0-9_-]*$/;

export function isHostName(text: string): boolean {
  const name = readHostName(text);
  return name.ok && name.value === text;
}

const ID_TYPES: readonly IdType[] = ["uri", "dns", "ip", "sha256"];

/** `uri "spiffe://corp.example/ops/web"` of a certificate's word; null where the language can't name it alone. */
export function idText(word: string): string | null {
  const colon = word.indexOf(":");
  const type = ID_TYPES.find((one) => one === word.slice(0, colon));
  if (type === undefined) return null;
  const text = word.slice(colon + 1);
  const id = readId(type, text);
  if (!id.ok || id.value.deep || id.value.segments.some(({ open }) => open) || idWord(id.value) !== word) return null;
  return text.includes('"') ? null : `${type} "${text}"`;
}
