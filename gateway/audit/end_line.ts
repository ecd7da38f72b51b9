// The end of a connection as one line of JSON: what was decided about it is in its other lines, what it became is here.
import type { End } from "../end.ts";
import { last, number, peerOf, text, timeOf } from "./line.ts";

export interface EndFacts {
  readonly reason: End;
  /** Of the policy that admitted it, or decided about it last. */
  readonly generation: number;
  readonly listener?: string | undefined;
  readonly service?: string | undefined;
  readonly proto?: "tcp" | "udp" | undefined;
  readonly local?: string | undefined;
  readonly source?: string | undefined;
  readonly peer?: string | undefined;
  readonly destination?: string | undefined;
  readonly sni?: string | undefined;
  /** The backend that it was forwarded to. */
  readonly backend?: string | undefined;
  readonly connection: number;
  /** The wall clock at its admission, and how long it lasted by the other clock. */
  readonly startedMs: number;
  readonly durationMs: number;
  readonly bytesFromClient: number;
  readonly bytesFromBackend: number;
}

/** Most connections of one turn have these in common. */
const [listener, service, local, backend] = [last("listener"), last("service"), last("local"), last("backend")];

export function endLine(facts: EndFacts, wallMs: number): string {
  const started = new Date(facts.startedMs).toISOString();
  let json = `{"time":"${timeOf(wallMs)}","generation":${facts.generation},"op":"close","reason":"${facts.reason}"`;
  json += listener(facts.listener) + service(facts.service);
  if (facts.proto === "udp") json += `,"proto":"udp"`;
  json +=
    local(facts.local) +
    text("source", facts.source) +
    peerOf(facts) +
    text("sni", facts.sni) +
    backend(facts.backend) +
    number("connection", facts.connection);
  json += `,"start":"${started}","duration_ms":${Math.max(0, Math.round(facts.durationMs))}`;
  return `${json},"bytes_from_client":${facts.bytesFromClient},"bytes_from_backend":${facts.bytesFromBackend}}\n`;
}
