// Flows over a takeover (gateway/takeover): their keys go over, their sockets don't. In the next gateway each is a row that
// counts in the caps and waits for its client; the client's next datagram is decided again, and no limit is charged for
// it a second time. The previous gateway has the answers that still come sent, and receives nothing.
import { formatAddress, type Address } from "../../runtime/net/address.ts";
import { CONNECTING, OPEN } from "../connection/states.ts";
import type { Desk } from "./desk.ts";

/** A flow that one gateway admitted, as another one can know it again. */
export interface HandedFlow {
  /** Of the bound socket. */
  readonly host: string;
  readonly port: number;
  readonly source: Address;
  readonly sourcePort: number;
  readonly zone: string;
  /** The local address that its datagrams come to, in the transport's form. */
  readonly to: string;
  readonly fresh: boolean;
  /** Where it has gone so far; undefined where another release did not say. */
  readonly backend?: string | undefined;
}

/** Different for any two flows, and no key of a transport. */
export function handedKey({ host, port, source, sourcePort, zone, to }: Omit<HandedFlow, "fresh" | "backend">): string {
  return `handed ${host} ${port} ${formatAddress(source)} ${sourcePort} ${zone} ${to}`;
}

/** Every flow that is admitted and has not ended. */
export function handedFlows<A>({ flows, table, bound, transport }: Desk<A>): readonly HandedFlow[] {
  const handed: HandedFlow[] = [];
  for (const row of flows.rows()) {
    const way = flows.way[row];
    const source = table.sourceOf(row);
    const local = bound.get(table.socket[row] ?? -1)?.local;
    if ((table.state[row] !== OPEN && table.state[row] !== CONNECTING) || local === undefined || typeof source === "number") continue;
    const to = way === undefined ? flows.waitsAt[row] : transport.localOf(way);
    if (to === undefined) continue;
    const { host, port } = local;
    const backend = table.backend[row]?.address.key;
    handed.push({ host, port, source, sourcePort: table.sourcePort[row] ?? 0, zone: table.zoneOf(row), to, fresh: flows.isFresh(row), backend });
  }
  return handed;
}

/** Makes a row of a flow of the previous gateway; null where its socket is not here, or the row was made. */
export function adoptFlow<A>(d: Desk<A>, handed: HandedFlow): number | null {
  const { table, flows, clock } = d;
  const key = handedKey(handed);
  const socket = [...d.bound.values()].find(({ local, closing }) => !closing && local.host === handed.host && local.port === handed.port);
  if (socket === undefined || flows.rowOf(key) !== undefined) return null;
  const row = flows.wait(key, handed.to);
  table.state[row] = CONNECTING;
  table.socket[row] = socket.number;
  table.generation[row] = 0;
  table.openedMs[row] = table.activeMs[row] = clock.monoMs();
  table.startedMs[row] = clock.wallMs();
  table.setSource(row, handed.source, handed.sourcePort, handed.zone);
  socket.flows++;
  d.live++;
  d.decider.adopted(row, handed.backend);
  if (handed.fresh) flows.addFresh(row);
  return row;
}
