// The state that a gateway took over takes effect before its first policy is in force: the limits go into the
// engine, and each connection becomes a row, which the swap then counts and decides again.
import type { PolicyEngine } from "../../runtime/host/module.ts";
import type { ListenerInfo } from "../../runtime/host/module.ts";
import { parseAddress } from "../../runtime/net/address.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { CODE_UNSUPPORTED } from "../../runtime/abi/verdicts.ts";
import { denial } from "../../runtime/host/decision.ts";
import type { Recorder } from "../audit/recorder.ts";
import type { Audit } from "../audit/audit.ts";
import type { Blocks } from "../blocks/blocks.ts";
import type { GatewayClock } from "../clock.ts";
import type { Forwarder } from "../connection/forwarder.ts";
import type { Flows } from "../datagram/flows.ts";
import { ENDS, type End } from "../end.ts";
import { keyedBackend } from "../forward/backend.ts";
import type { Backends } from "../forward/backends.ts";
import { exposure, type Ports } from "../listen/ports.ts";
import type { HandedPlace } from "./handed_state.ts";
import type { Taking } from "./taking.ts";

export interface AdoptSetup {
  readonly taking: Taking;
  readonly forwarder: Forwarder;
  readonly flows: Pick<Flows, "adopt">;
  readonly ports: Ports;
  readonly backends: Backends;
  readonly audit: Audit;
  readonly recorder: Recorder;
  readonly blocks: Pick<Blocks, "restore">;
  readonly say: (sentence: string) => void;
  readonly clock: GatewayClock;
}

/** Passes the point of no return; the answer is why that could not be, or null. */
export async function adopt(setup: AdoptSetup, engine: PolicyEngine): Promise<string | null> {
  const { taking, forwarder, flows, clock } = setup;
  const frozen = await taking.freeze();
  if (!frozen.ok) return frozen.error;
  const { places, connections, limits, unread, flows: handed, blocks } = frozen.value;
  setup.blocks.restore(blocks);
  const sockets = places.map((place) => absentSocket(setup, place, engine));
  const unknown = sockets.find((socket) => !socket.ok);
  if (unknown?.ok === false) return unknown.error;
  engine.setClock({ monoMs: clock.monoMs(), wallSeconds: Math.floor(clock.wallMs() / 1000) });
  if (limits === null) exhaust(setup, engine);
  else engine.importState(limits);
  /** Rows here, by those of the other process. */
  const rows = new Map<number, number>();
  for (const { row, place, facts } of connections) {
    const socket = sockets[place];
    if (socket?.ok === true) rows.set(row, forwarder.adopt(socket.value, facts, { cut: () => taking.cut(row) }));
  }
  flows.adopt(handed);
  const served = await taking.serving();
  if (!served.ok) return served.error;
  if (unread.length > 0) setup.say(`${unread.length} connections are closed, because another release admitted them in a form that this one can't read`);
  for (const row of unread) taking.cut(row);
  taking.follow({
    ended(row, end, bytesIn, bytesOut, backend) {
      const own = rows.get(row);
      rows.delete(row);
      if (own !== undefined) forwarder.remoteEnded(own, endOf(end), bytesIn, bytesOut, backend);
    },
    records: (lines) => void setup.audit.write(lines),
    endRecords: (lines) => void setup.audit.write([], lines),
    gone() {
      for (const own of rows.values()) forwarder.remoteEnded(own, "cut", 0, 0);
      rows.clear();
    },
  });
  return null;
}

/** INVARIANT: a limit whose state is not known has no token for anybody. */
function exhaust({ recorder, say }: AdoptSetup, engine: PolicyEngine): void {
  const detail = `the gateway that ran is of another release, whose limits can't be read here: every limit counts as exhausted, for ${Math.ceil(engine.exhaustLimits() / 1000)} s at most`;
  say(`WARNING: ${detail}`);
  recorder.record([{ op: "load", decision: denial(CODE_UNSUPPORTED), generation: 1, local: "", detail }], null);
}

/** The number of a socket that replaces the other process's. */
function absentSocket({ forwarder, ports, backends }: AdoptSetup, place: HandedPlace, engine: PolicyEngine): Result<number, string> {
  const address = parseAddress(place.host);
  const backend = keyedBackend(place.backend);
  if (address === null || typeof backend === "string") return failed("its state is damaged");
  const served = { info: listenerOf(place, engine), backends: [backends.at(backend, null)], lease: null };
  const serves = exposure([...address, place.zone], place.port, "tcp", { number: -1, isGroup: false }, [served]);
  return ok(ports.addAbsent(serves, forwarder.absentSocket()).socket.number);
}

/** Records and rechecks need its name and service; nobody is admitted by it. */
function listenerOf({ listener, service, mode, port }: HandedPlace, { info }: PolicyEngine): ListenerInfo {
  return {
    id: -1,
    name: listener,
    service,
    proto: "tcp",
    ports: [{ first: port, last: port }],
    bind: null,
    via: null,
    names: null,
    // A mode that is not known is taken for the one that the expose has now.
    mode: mode ?? info.listeners.find(({ name }) => name === listener)?.mode ?? "tcp",
    certs: [],
    alpn: [],
    ca: null,
    backends: [],
    proxy: null,
    needsNames: false,
    sourceCaps: [],
    limits: "",
    capConnections: 0,
    origin: { file: "", line: 0, column: 0 },
    annotations: { owner: null, ticket: null, why: null },
  };
}

function endOf(word: string): End {
  return ENDS.find((end) => end === word) ?? "done";
}
