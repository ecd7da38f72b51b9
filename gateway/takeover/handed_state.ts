// The state that one gateway hands to the next one: open connections, and the limits. It is one JSON text, read with every field
// checked: a state that is not whole is no state.
import { createHash } from "node:crypto";
import { identityOf } from "../../runtime/host/identity.ts";
import { parseAddress, formatAddress } from "../../runtime/net/address.ts";
import { NAME_FAULTS } from "../tls/server_name.ts";
import { fieldsOf } from "../../runtime/shell/rpc_client.ts";
import { CLOSING, CONNECTING, OPEN } from "../connection/states.ts";
import type { ConnectionTable, RemoteFacts } from "../connection/table.ts";
import type { Ports } from "../listen/ports.ts";

/** Goes up when the state, or the records of limits in it, change their form. */
export const STATE_FORMAT = 1;

/** The place that a connection came by, as it was served when it was admitted. */
export interface HandedPlace {
  readonly local: string;
  readonly host: string;
  readonly port: number;
  readonly zone: string;
  readonly listener: string;
  readonly service: string;
  readonly backend: string;
}

export interface HandedConnection {
  /** Its row in the other process. */
  readonly row: number;
  /** Position in `places`. */
  readonly place: number;
  readonly facts: RemoteFacts;
}

export interface HandedState {
  readonly places: readonly HandedPlace[];
  readonly connections: readonly HandedConnection[];
  /** Of PolicyEngine.exportState. */
  readonly limits: Uint8Array;
}

/** Every connection that is admitted and has not ended. */
export function writeState(table: ConnectionTable, ports: Ports, limits: Uint8Array): Buffer {
  const places = new Map<number, number>();
  const rows: object[] = [];
  const written: HandedPlace[] = [];
  for (let row = 0; row < table.rows; row++) {
    const state = table.state[row];
    const source = table.sourceOf(row);
    const open = ports.numbered(table.socket[row] ?? -1);
    if ((state !== CONNECTING && state !== OPEN && state !== CLOSING) || typeof source === "number" || open === undefined) continue;
    const { number } = open.socket;
    const place = places.get(number) ?? written.length;
    if (place === written.length) {
      const { serves } = open;
      places.set(number, place);
      written.push({
        local: open.local,
        host: formatAddress(open.address),
        port: open.port,
        zone: serves.zone,
        listener: serves.info.name,
        service: serves.info.service,
        backend: serves.backend.address.key,
      });
    }
    const known = table.identity[row];
    const name = table.name[row];
    rows.push({
      row,
      place,
      source: formatAddress(source),
      sourcePort: table.sourcePort[row] ?? 0,
      zone: table.zoneOf(row),
      ...(name !== undefined && { name }),
      nameFault: table.nameFault[row] ?? null,
      ...(known !== undefined && { words: known.identity.words, ca: known.ca }),
    });
  }
  return Buffer.from(JSON.stringify({ places: written, connections: rows, limits: Buffer.from(limits).toString("base64") }));
}

export function hashOf(state: Uint8Array): string {
  return createHash("sha256").update(state).digest("hex");
}

/** Null where it is not what `writeState` writes. */
export function readState(text: string): HandedState | null {
  try {
    const fields = fieldsOf(JSON.parse(text));
    const [places, connections, limits] = [fields?.["places"], fields?.["connections"], fields?.["limits"]];
    if (!Array.isArray(places) || !Array.isArray(connections) || typeof limits !== "string") return null;
    const readPlaces = places.map(placeOf);
    const readConnections = connections.map((one: unknown) => connectionOf(one, places.length));
    if (readPlaces.includes(null) || readConnections.includes(null)) return null;
    return {
      places: readPlaces.filter((one) => one !== null),
      connections: readConnections.filter((one) => one !== null),
      limits: new Uint8Array(Buffer.from(limits, "base64")),
    };
  } catch {
    return null;
  }
}

function placeOf(value: unknown): HandedPlace | null {
  const fields = fieldsOf(value);
  const words = ["local", "host", "zone", "listener", "service", "backend"].map((name) => textIn(fields, name)).filter((word) => word !== null);
  const [local, host, zone, listener, service, backend] = words;
  const port = numberIn(fields, "port", 65_535);
  if (
    local === undefined ||
    host === undefined ||
    zone === undefined ||
    listener === undefined ||
    service === undefined ||
    backend === undefined ||
    port === null
  )
    return null;
  return { local, host, port, zone, listener, service, backend };
}

function connectionOf(value: unknown, places: number): HandedConnection | null {
  const fields = fieldsOf(value);
  const [row, place, sourcePort] = [numberIn(fields, "row", 2 ** 31), numberIn(fields, "place", places - 1), numberIn(fields, "sourcePort", 65_535)];
  const source = parseAddress(textIn(fields, "source") ?? "");
  const zone = textIn(fields, "zone");
  if (fields === null || row === null || place === null || sourcePort === null || source === null || zone === null) return null;
  const { name, nameFault, words, ca } = fields;
  if (name !== undefined && name !== null && typeof name !== "string") return null;
  const fault = nameFault === null ? null : NAME_FAULTS.find((one) => one === nameFault);
  if (fault === undefined) return null;
  const isKnown = words !== undefined;
  if (isKnown && (!Array.isArray(words) || !words.every((word) => typeof word === "string") || typeof ca !== "string")) return null;
  const identity =
    isKnown && Array.isArray(words) && typeof ca === "string" ? { identity: identityOf(words.filter((word) => typeof word === "string")), ca } : undefined;
  return { row, place, facts: { source, sourcePort, zone, name, nameFault: fault, identity } };
}

type Fields = Readonly<Record<string, unknown>> | null;

function textIn(fields: Fields, name: string): string | null {
  const value = fields?.[name];
  return typeof value === "string" ? value : null;
}

function numberIn(fields: Fields, name: string, most: number): number | null {
  const value = fields?.[name];
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= most ? value : null;
}
