// The audit entries of connections: what a row's facts are called in a record.
import { CODE_BACKEND_NOT_OWNED, CODE_INTERNAL, CODE_SECOND_HELLO } from "../../runtime/abi/verdicts.ts";
import { formatEndpoint } from "../../runtime/net/address.ts";
import { denial, type Decision } from "../../runtime/host/decision.ts";
import type { PolicyEngine } from "../../runtime/host/module.ts";
import type { EndFacts } from "../audit/end_line.ts";
import type { Entry } from "../audit/recorder.ts";
import type { End } from "../end.ts";
import type { ConnectionTable } from "../connection/table.ts";
import type { OpenPort } from "../listen/ports.ts";
import { clientWords, matchingWord } from "./client_words.ts";

/** `engine` gives the shadow verdict and the client's matching word; null: neither is recorded. */
export interface PolicyUsed {
  readonly engine: PolicyEngine | null;
  readonly generation: number;
}

export function acceptEntry(
  table: ConnectionTable,
  row: number,
  open: OpenPort | undefined,
  decision: Decision,
  { engine, generation }: PolicyUsed,
  detail?: string,
): Entry {
  const source = table.sourceOf(row);
  const info = table.expose[row];
  // Of a connection that no name has led to an expose there is the shadow verdict of its port.
  const at = info?.id ?? open?.serves.number;
  const name = table.name[row];
  const identity = table.identity[row]?.identity;
  const evaluable = engine !== null && at !== undefined && typeof source !== "number" && !engine.poisoned;
  const words = identity === undefined ? undefined : clientWords(identity, evaluable ? matchingWord(engine, at, source, name ?? null, identity) : null);
  return {
    op: "accept",
    decision,
    generation,
    connection: row,
    listener: info?.name,
    service: info?.service,
    proto: open?.proto,
    local: open?.local ?? "",
    source: table.endpointOf(row),
    ...viaOf(table, row),
    sni: name ?? undefined,
    client: words?.client,
    client_more: words?.client_more,
    shadow: evaluable ? engine.shadow(at, source, name, identity) : null,
    would: decision.allowed ? table.would[row] : undefined,
    // The first choice: where it fails, the record of the end has another one.
    backend: decision.allowed ? table.backend[row]?.address.key : undefined,
    detail,
  };
}

export function secondHelloEntry(table: ConnectionTable, row: number, open: OpenPort | undefined, generation: number, detail: string): Entry {
  return { ...acceptEntry(table, row, open, denial(CODE_SECOND_HELLO), { engine: null, generation }, detail), op: "second_hello" };
}

export function notOwnedEntry(table: ConnectionTable, row: number, open: OpenPort | undefined, generation: number, detail: string): Entry {
  return {
    ...connectionFacts(table, row, open, generation),
    op: "backend",
    decision: denial(CODE_BACKEND_NOT_OWNED),
    backend: table.backend[row]?.address.key,
    detail,
  };
}

export function faultEntry(table: ConnectionTable, row: number, open: OpenPort | undefined, generation: number, detail: string): Entry {
  return { ...connectionFacts(table, row, open, generation), op: "fault", decision: denial(CODE_INTERNAL), detail };
}

/** The record of the end of an admitted connection. */
export function endFacts(table: ConnectionTable, row: number, open: OpenPort | undefined, reason: End, monoMs: number): EndFacts {
  const info = table.expose[row];
  return {
    reason,
    generation: table.generation[row] ?? 0,
    listener: info?.name,
    service: info?.service,
    proto: open?.proto ?? info?.proto,
    local: open?.local ?? "",
    source: table.endpointOf(row),
    ...viaOf(table, row),
    sni: table.name[row] ?? undefined,
    backend: backendKey(table, row),
    connection: row,
    startedMs: table.startedMs[row] ?? 0,
    durationMs: monoMs - (table.openedMs[row] ?? monoMs),
    bytesFromClient: table.bytesIn[row] ?? 0,
    bytesFromBackend: table.bytesOut[row] ?? 0,
  };
}

/** The backend that a connection has gone to; of one that was adopted, what its process says. */
export function backendKey(table: ConnectionTable, row: number): string | undefined {
  return table.servedBy[row] ?? table.backend[row]?.address.key;
}

/** The fields that every record of a connection has; its expose is as it was when that was decided last. */
export function connectionFacts(
  table: ConnectionTable,
  row: number,
  open: Pick<OpenPort, "local" | "proto"> | undefined,
  generation: number,
): Pick<Entry, "generation" | "connection" | "listener" | "service" | "proto" | "local" | "source" | "peer" | "destination"> {
  return {
    generation,
    connection: row,
    listener: open === undefined ? undefined : table.expose[row]?.name,
    service: open === undefined ? undefined : table.expose[row]?.service,
    proto: open?.proto,
    local: open?.local ?? "",
    source: table.endpointOf(row),
    ...viaOf(table, row),
  };
}

function viaOf(table: ConnectionTable, row: number): Pick<Entry, "peer" | "destination"> {
  const via = table.via[row];
  if (via === undefined) return {};
  const { peer, destination } = via;
  return {
    peer: formatEndpoint(peer.address, peer.port),
    destination: destination === null ? undefined : formatEndpoint(destination.address, destination.port),
  };
}
