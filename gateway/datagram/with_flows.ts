// One forwarder of connections and of flows. A row of the table says which of the two it is.
import type { Forwarder } from "../connection/forwarder.ts";
import type { Flows } from "./flows.ts";

/** Numbers of bound udp sockets begin here; those of listening ones at 0. */
const FIRST_NUMBER = 0x8000_0000;

export function withFlows(streams: Forwarder, flows: Flows): Forwarder {
  const { table } = streams;
  const isFlow = (row: number): boolean => table.isFlow[row] === 1;
  let number = FIRST_NUMBER;
  return {
    table,
    get live() {
      return streams.live + flows.live;
    },
    open: (local, paused) => (local.proto === "udp" ? flows.open(number++, local, paused) : streams.open(local, paused)),
    connectedFrom: (proto, port) => (proto === "udp" ? flows.connectedFrom(port) : streams.connectedFrom(proto, port)),
    cut: (row, end) => (isFlow(row) ? flows : streams).cut(row, end),
    refuse: (row, refusal) => {
      if (!isFlow(row)) streams.refuse(row, refusal);
    },
    adopt: (socket, facts, relay) => streams.adopt(socket, facts, relay),
    remoteEnded: (row, end, bytesIn, bytesOut, servedBy) => streams.remoteEnded(row, end, bytesIn, bytesOut, servedBy),
    absentSocket: () => streams.absentSocket(),
    reportEnds: (heard) => streams.reportEnds(heard),
    sweep(now) {
      streams.sweep(now);
      flows.sweep(now);
    },
    async drained() {
      while (streams.live + flows.live > 0) await Promise.all([streams.drained(), flows.drained()]);
    },
    close() {
      streams.close();
      flows.close();
    },
    buffered: (row) => (isFlow(row) ? flows : streams).buffered(row),
  };
}
