// Connections of ports that several exposes share, or that an expose has for some names alone, until their name has led
// them to an expose. Until then nobody's caps count them, so the gateway has two of its own: one a port, one a source.
import { CODE_CAP_WAITING, CODE_CAP_WAITING_SOURCE } from "../../runtime/abi/verdicts.ts";
import type { GroupInfo, PolicyInfo, SourceCapInfo } from "../../runtime/host/module.ts";
import type { Address } from "../../runtime/net/address.ts";
import { hasAddress } from "./address_sets.ts";
import { sourceKey } from "./cap_key.ts";

export interface NameWaitCaps {
  /** Of one port. */
  readonly waiting: number;
  /** Of one source at one port. */
  readonly waiting_per_source: number;
}

export type NameWaitCode = typeof CODE_CAP_WAITING | typeof CODE_CAP_WAITING_SOURCE;

/** A source: an IPv4 address, the /64 of an IPv6 address, or a link-local address with its interface. */
const SOURCE = { v4: 32, v6: 64 };

/** Instead of a key of `#sources`; it counts nothing there. */
const NO_SOURCE = "";

export class NameWaits {
  readonly #caps: NameWaitCaps;
  /** By port number. */
  readonly #ports = new Map<number, number>();
  /** By port and source. */
  readonly #sources = new Map<string, number>();
  /** By row; undefined where it does not wait. */
  readonly #rows: ({ readonly port: number; readonly source: string } | undefined)[] = [];
  /** Of `smallestCaps`. */
  readonly #capsOf = new WeakMap<GroupInfo, readonly SourceCapInfo[]>();

  constructor(caps: NameWaitCaps) {
    this.#caps = caps;
  }

  /** The connection waits from now on; or the cap that is full. `most`: see `mostPerSource`. */
  take(row: number, port: number, source: Address, zone: number, most: number): NameWaitCode | null {
    if ((this.#ports.get(port) ?? 0) >= this.#caps.waiting) return CODE_CAP_WAITING;
    if ((this.#sources.get(keyOf(port, source, zone)) ?? 0) >= most) return CODE_CAP_WAITING_SOURCE;
    this.count(row, port, source, zone);
    return null;
  }

  /** The same of a peer whose PROXY header is to come: nobody's source is known yet, so that only the port counts it. */
  takeForHeader(row: number, port: number): NameWaitCode | null {
    this.give(row);
    const waiting = this.#ports.get(port) ?? 0;
    if (waiting >= this.#caps.waiting) return CODE_CAP_WAITING;
    this.#ports.set(port, waiting + 1);
    this.#rows[row] = { port, source: NO_SOURCE };
    return null;
  }

  /** The same whatever the caps say: a reload has it wait. */
  count(row: number, port: number, source: Address, zone: number): void {
    this.give(row);
    const key = keyOf(port, source, zone);
    this.#ports.set(port, (this.#ports.get(port) ?? 0) + 1);
    this.#sources.set(key, (this.#sources.get(key) ?? 0) + 1);
    this.#rows[row] = { port, source: key };
  }

  /** It waits no more. */
  give(row: number): void {
    const one = this.#rows[row];
    if (one === undefined) return;
    this.#rows[row] = undefined;
    lower(this.#ports, one.port);
    if (one.source !== NO_SOURCE) lower(this.#sources, one.source);
  }

  /** How many connections of a source may wait at a port of the group: no more than a cap of its exposes that counts the source admits. */
  mostPerSource(policy: PolicyInfo, group: GroupInfo, source: Address): number {
    let caps = this.#capsOf.get(group);
    if (caps === undefined) this.#capsOf.set(group, (caps = smallestCaps(policy, group)));
    const most = this.#caps.waiting_per_source;
    for (const { connections, from } of caps) {
      if (connections >= most) break;
      if (from === null || hasAddress(from, source)) return connections;
    }
    return most;
  }

  /** Connections that wait, by port number. */
  byPort(): ReadonlyMap<number, number> {
    return this.#ports;
  }
}

/** Of the caps per source of a group's exposes the smallest of each set of sources, rising; none that is larger than one of all sources. */
function smallestCaps({ listeners }: PolicyInfo, { members }: GroupInfo): readonly SourceCapInfo[] {
  const caps = members.flatMap((id) => listeners[id]?.sourceCaps ?? []).sort((a, b) => a.connections - b.connections);
  const all = caps.findIndex(({ from }) => from === null);
  const seen = new Set<SourceCapInfo["from"]>();
  return caps.slice(0, all < 0 ? caps.length : all + 1).filter(({ from }) => !seen.has(from) && seen.add(from));
}

function keyOf(port: number, source: Address, zone: number): string {
  return sourceKey(`${port}`, SOURCE, source, zone);
}

function lower<K>(counts: Map<K, number>, key: K): void {
  const left = (counts.get(key) ?? 0) - 1;
  if (left > 0) counts.set(key, left);
  else counts.delete(key);
}
