// The audit entries of connections: what a row's facts are called in a record.
import { CODE_BACKEND_NOT_OWNED, CODE_INTERNAL, CODE_SECOND_HELLO } from "../../runtime/abi/verdicts.ts";
import { denial } from "../../runtime/host/ask.ts";
import type { Decision } from "../../runtime/host/decision.ts";
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
  const info = open?.serves.info;
  const name = table.name[row];
  const identity = table.identity[row]?.identity;
  const evaluable = engine !== null && info !== undefined && typeof source !== "number" && !engine.poisoned;
  const words = identity === undefined ? undefined : clientWords(identity, evaluable ? matchingWord(engine, info.id, source, name ?? null, identity) : null);
  return {
    op: "accept",
    decision,
    generation,
    connection: row,
    listener: info?.name,
    service: info?.service,
    proto: info?.proto,
    local: open?.local ?? "",
    source: table.endpointOf(row),
    sni: name ?? undefined,
    client: words?.client,
    client_more: words?.client_more,
    shadow: evaluable ? engine.shadow(info.id, source, name, identity) : null,
    backend: decision.allowed ? open?.serves.backend.address.key : undefined,
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
  const info = open?.serves.info;
  return {
    reason,
    generation: table.generation[row] ?? 0,
    listener: info?.name,
    service: info?.service,
    proto: info?.proto,
    local: open?.local ?? "",
    source: table.endpointOf(row),
    sni: table.name[row] ?? undefined,
    backend: (table.backend[row] ?? open?.serves.backend)?.address.key,
    connection: row,
    startedMs: table.startedMs[row] ?? 0,
    durationMs: monoMs - (table.openedMs[row] ?? monoMs),
    bytesFromClient: table.bytesIn[row] ?? 0,
    bytesFromBackend: table.bytesOut[row] ?? 0,
  };
}

/** The fields that every record of a connection has; `open` is its port as it was when the connection was admitted. */
export function connectionFacts(
  table: ConnectionTable,
  row: number,
  open: Pick<OpenPort, "local" | "serves"> | undefined,
  generation: number,
): Pick<Entry, "generation" | "connection" | "listener" | "service" | "proto" | "local" | "source"> {
  return {
    generation,
    connection: row,
    listener: open?.serves.info.name,
    service: open?.serves.info.service,
    proto: open?.serves.info.proto,
    local: open?.local ?? "",
    source: table.endpointOf(row),
  };
}
