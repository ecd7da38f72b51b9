// The state that one gateway hands to the next one: open connections, and the limits. It is one JSON text, read with every field
// checked: a state that is not whole is no state.
import { createHash } from "node:crypto";
import { identityOf } from "../../runtime/host/identity.ts";
import type { ListenerInfo } from "../../runtime/host/module.ts";
import { parseAddress, formatAddress } from "../../runtime/net/address.ts";
import { NAME_FAULTS } from "../tls/server_name.ts";
import { fieldsOf } from "../../runtime/shell/rpc_client.ts";
import type { Block } from "../blocks/blocks.ts";
import { blocksIn } from "../blocks/kept_blocks.ts";
import { CLOSING, CONNECTING, OPEN } from "../connection/states.ts";
import type { ConnectionTable, RemoteFacts, Via } from "../connection/table.ts";
import type { Endpoint } from "../forward/proxy_header.ts";
import type { HandedFlow } from "../datagram/handed_flows.ts";
import { soleExpose, type Ports } from "../listen/ports.ts";

/** Goes up when the state changes its form. */
export const STATE_FORMAT = 3;
/** Goes up when the records of limits in it (PolicyEngine.exportState) change theirs. */
export const LIMITS_FORM = 1;

/** The place that a connection came by, and the expose there that it was admitted to. Connections to several backends of it have a place each. */
export interface HandedPlace {
  readonly local: string;
  readonly host: string;
  readonly port: number;
  readonly zone: string;
  readonly listener: string;
  readonly service: string;
  /** Null where another release did not say. */
  readonly mode: ListenerInfo["mode"] | null;
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
  readonly flows: readonly HandedFlow[];
  /** Temporary ones. */
  readonly blocks: readonly Block[];
  /** Of PolicyEngine.exportState; null where another release wrote them in a form that is not known here. */
  readonly limits: Uint8Array | null;
  /** Rows of connections of another release whose facts are not known here, so that no policy could decide them. */
  readonly unread: readonly number[];
}

/** Every connection that is admitted and has not ended. */
export function writeState(table: ConnectionTable, ports: Ports, flows: readonly HandedFlow[], blocks: readonly Block[], limits: Uint8Array): Buffer {
  const places = new Map<string, number>();
  const rows: object[] = [];
  const written: HandedPlace[] = [];
  for (let row = 0; row < table.rows; row++) {
    if (table.isFlow[row] === 1) continue;
    const state = table.state[row];
    const source = table.sourceOf(row);
    const open = ports.numbered(table.socket[row] ?? -1);
    const expose = table.expose[row];
    if ((state !== CONNECTING && state !== OPEN && state !== CLOSING) || typeof source === "number" || open === undefined || expose === undefined) continue;
    const { serves } = open;
    const backend = table.backend[row] ?? soleExpose(serves)?.backends[0];
    const key = `${open.socket.number} ${expose.name} ${backend?.address.key ?? ""}`;
    const place = places.get(key) ?? written.length;
    if (place === written.length) {
      places.set(key, place);
      written.push({
        local: open.local,
        host: formatAddress(open.address),
        port: open.port,
        zone: serves.zone,
        listener: expose.name,
        service: expose.service,
        mode: expose.mode,
        backend: backend?.address.key ?? NO_PLACE.backend,
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
      startedMs: Math.round(table.startedMs[row] ?? 0),
      ...(name !== undefined && { name }),
      nameFault: table.nameFault[row] ?? null,
      ...writtenVia(table.via[row]),
      ...(known !== undefined && { words: known.identity.words, ca: known.ca, certificate: known.certificate }),
    });
  }
  return Buffer.from(
    JSON.stringify({
      format: STATE_FORMAT,
      limitsForm: LIMITS_FORM,
      places: written,
      connections: rows,
      flows: flows.map(writtenFlow),
      blocks,
      limits: Buffer.from(limits).toString("base64"),
    }),
  );
}

export function hashOf(state: Uint8Array): string {
  return createHash("sha256").update(state).digest("hex");
}

/** Null where it is not what `writeState` of this release writes, or, of another release, nothing that can be used. */
export function readState(text: string): HandedState | null {
  try {
    const fields = fieldsOf(JSON.parse(text));
    const [places, connections, flows] = [listIn(fields, "places"), listIn(fields, "connections"), listIn(fields, "flows")];
    if (fields === null || places === null || connections === null) return null;
    const isOwn = fields["format"] === STATE_FORMAT;
    const limits = limitsOf(fields);
    // INVARIANT: nobody is admitted because a block could not be read.
    const blocks = fields["blocks"] === undefined ? [] : blocksIn(fields["blocks"]);
    if (blocks === null) return null;
    const readPlaces = places.map(placeOf);
    const readConnections = connections.map((one) => connectionOf(one, readPlaces));
    const readFlows = (flows ?? []).map(flowOf);
    const unread = connections.filter((_, i) => readConnections[i] === null).map((one) => numberIn(fieldsOf(one), "row", 2 ** 31));
    if (isOwn && (flows === null || limits === null || [...readPlaces, ...readConnections, ...readFlows].includes(null))) return null;
    if (isOwn && readPlaces.some((one) => one?.mode === null)) return null;
    // INVARIANT: what can't be decided here can be broken off there, or nothing is taken over.
    if (unread.includes(null)) return null;
    return {
      places: readPlaces.map((one) => one ?? NO_PLACE),
      connections: readConnections.filter((one) => one !== null),
      flows: readFlows.filter((one) => one !== null),
      blocks,
      limits,
      unread: unread.filter((row) => row !== null),
    };
  } catch {
    return null;
  }
}

/** No connection that was read came by it. */
const NO_PLACE: HandedPlace = { local: "0.0.0.0:0", host: "0.0.0.0", port: 0, zone: "", listener: "", service: "", mode: "tcp", backend: "127.0.0.1:1" };

function limitsOf({ limitsForm, limits }: Readonly<Record<string, unknown>>): Uint8Array | null {
  return limitsForm === LIMITS_FORM && typeof limits === "string" ? new Uint8Array(Buffer.from(limits, "base64")) : null;
}

const MODES: readonly ListenerInfo["mode"][] = ["tcp", "passthrough", "tls", "mtls", "direct"];

function placeOf(value: unknown): HandedPlace | null {
  const fields = fieldsOf(value);
  const words = ["local", "host", "zone", "listener", "service", "backend"].map((name) => textIn(fields, name)).filter((word) => word !== null);
  const [local, host, zone, listener, service, backend] = words;
  const port = numberIn(fields, "port", 65_535);
  const mode = MODES.find((one) => one === fields?.["mode"]) ?? null;
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
  return { local, host, port, zone, listener, service, mode, backend };
}

function connectionOf(value: unknown, places: readonly (HandedPlace | null)[]): HandedConnection | null {
  const fields = fieldsOf(value);
  const [row, place, sourcePort] = [numberIn(fields, "row", 2 ** 31), numberIn(fields, "place", places.length - 1), numberIn(fields, "sourcePort", 65_535)];
  const source = parseAddress(textIn(fields, "source") ?? "");
  const zone = textIn(fields, "zone");
  if (fields === null || row === null || place === null || sourcePort === null || source === null || zone === null) return null;
  if (places[place] === null) return null;
  const { name, nameFault, words, ca, certificate } = fields;
  if (name !== undefined && name !== null && typeof name !== "string") return null;
  const fault = nameFault === null ? null : NAME_FAULTS.find((one) => one === nameFault);
  if (fault === undefined) return null;
  const isKnown = words !== undefined;
  if (isKnown && (!Array.isArray(words) || !words.every((word) => typeof word === "string") || typeof ca !== "string")) return null;
  const identity =
    isKnown && Array.isArray(words) && typeof ca === "string" ?
      { identity: identityOf(words.filter((word) => typeof word === "string")), ca, ...(typeof certificate === "string" && { certificate }) }
    : undefined;
  const startedMs = numberIn(fields, "startedMs", Number.MAX_SAFE_INTEGER);
  const via = viaOf(fields);
  if (via === null) return null;
  return { row, place, facts: { source, sourcePort, zone, name, nameFault: fault, identity, via, startedMs } };
}

/** The peer that named the source. */
function writtenVia(via: Via | undefined): object {
  if (via === undefined) return {};
  const { peer, destination } = via;
  const written = ({ address, port }: Endpoint): object => ({ address: formatAddress(address), port });
  return { peer: written(peer), ...(destination !== null && { destination: written(destination) }) };
}

/** Undefined where the source is the peer itself; null where it is damaged. */
function viaOf({ peer, destination }: Readonly<Record<string, unknown>>): Via | undefined | null {
  if (peer === undefined) return undefined;
  const [from, to] = [endpointOf(peer), destination === undefined ? null : endpointOf(destination)];
  return from === null || (destination !== undefined && to === null) ? null : { peer: from, destination: to };
}

function endpointOf(value: unknown): Endpoint | null {
  const fields = fieldsOf(value);
  const address = parseAddress(textIn(fields, "address") ?? "");
  const port = numberIn(fields, "port", 65_535);
  return address === null || port === null ? null : { address, port };
}

function writtenFlow({ source, ...flow }: HandedFlow): object {
  return { ...flow, source: formatAddress(source) };
}

function flowOf(value: unknown): HandedFlow | null {
  const fields = fieldsOf(value);
  const [host, zone, to] = [textIn(fields, "host"), textIn(fields, "zone"), textIn(fields, "to")];
  const [port, sourcePort] = [numberIn(fields, "port", 65_535), numberIn(fields, "sourcePort", 65_535)];
  const source = parseAddress(textIn(fields, "source") ?? "");
  const [fresh, backend] = [fields?.["fresh"], fields?.["backend"]];
  if (backend !== undefined && typeof backend !== "string") return null;
  if (host === null || zone === null || to === null || port === null || sourcePort === null || source === null || typeof fresh !== "boolean") return null;
  return { host, port, source, sourcePort, zone, to, fresh, backend };
}

type Fields = Readonly<Record<string, unknown>> | null;

function textIn(fields: Fields, name: string): string | null {
  const value = fields?.[name];
  return typeof value === "string" ? value : null;
}

function listIn(fields: Fields, name: string): readonly unknown[] | null {
  const value = fields?.[name];
  return Array.isArray(value) ? value : null;
}

function numberIn(fields: Fields, name: string, most: number): number | null {
  const value = fields?.[name];
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= most ? value : null;
}
