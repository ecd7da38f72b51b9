// Imports a text as `ingressc import --from` does, and decides requests by the policy that came of it.
import * as assert from "uvu/assert";
import { connect } from "../../compiler/cli/evaluate.ts";
import { EMPTY, contains, union } from "../../compiler/check/sets/intervals.ts";
import { prefixSet } from "../../compiler/import/draft/addresses.ts";
import { readYaml } from "../../compiler/import/draft/yaml_document.ts";
import { importFrom, type Format, type Imported } from "../../compiler/import/import.ts";
import { openEngine } from "../../runtime/host/ask.ts";
import { parseAddress } from "../../runtime/net/address.ts";
import { compileText, load, SEED } from "../oracle/ask.ts";

export interface Request {
  readonly protocol: "tcp" | "udp";
  readonly source: string;
  readonly local: string;
  readonly port: number;
  readonly name?: string | null;
  /** The connection comes from there, and begins with a PROXY header that names `source`. */
  readonly peer?: string;
  /** The client speaks TLS, and does not only send its hello. */
  readonly isTls?: boolean;
}

export async function imported(format: Format, text: string, path = "source"): Promise<Imported> {
  const result = importFrom(format, { path, text }, readYaml);
  if (!result.ok) throw new Error(result.error.map((d) => `${d.code} ${d.message}`).join("\n"));
  return result.value;
}

/** The codes of the faults of a text that can't be imported, with line and column. */
export async function refusals(format: Format, text: string): Promise<readonly string[]> {
  const result = importFrom(format, { path: "source", text }, readYaml);
  return result.ok ? [] : result.error.map((d) => `${d.code} ${d.message}`);
}

/** Whether the compiled policy admits a request. */
export function decider(policy: string): (request: Request) => boolean {
  const loaded = load(compileText(policy));
  const engine = openEngine(loaded, SEED);
  engine.setClock({ monoMs: 0, wallSeconds: null });
  const address = (text: string): NonNullable<ReturnType<typeof parseAddress>> => {
    const parsed = parseAddress(text);
    assert.ok(parsed !== null, text);
    return parsed ?? [0, 0, 0, 0];
  };
  /** The header counts where the peer is a load balancer of the listener. */
  const clientOf = ({ source, peer }: Request, place: number): string => {
    const listener = loaded.info.groups.find(({ id }) => id === place)?.members[0] ?? place;
    const via = loaded.info.listeners[listener]?.via ?? [];
    if (peer === undefined) return source;
    return via.some((prefix) => contains(union([prefixSet(prefix) ?? EMPTY]), address(peer))) ? source : peer;
  };
  return (request) => {
    const { protocol, local, port, name = null } = request;
    const place = engine.listenerAt(protocol, port, address(local));
    if (place < 0) return false;
    const from = address(clientOf(request, place));
    const { decision, listener } = connect(engine, place, { source: from, sni: name, client: null });
    if (decision.allowed && listener !== null) engine.release(listener, from);
    return decision.allowed;
  };
}
