// The most that ingressd may need beside HAProxy in the same round, with its audit on, and how that is compared.
import { figuresOf, median, ratioOf, type GatewayFigure, type GatewayResults } from "./results.ts";
import { digits } from "../../report/text.ts";

interface Bar {
  readonly row: string;
  readonly work: string;
  readonly required: string;
  /** By the major version of Node. */
  readonly most: Readonly<Record<string, number>>;
  readonly measure: (figure: GatewayFigure) => number | undefined;
  /** Milliseconds beyond HAProxy's, and not a ratio. */
  readonly beyond?: boolean;
  /** The result of a profile, by hand, where the bar is missed. */
  readonly cause?: string;
}

const value = ({ value: n }: GatewayFigure): number | undefined => n;
const both = (most: number): Readonly<Record<string, number>> => ({ 20: most, 26: most });

const CAUSES = {
  connection:
    "`strace -c` counts 17 system calls for a connection here and 21 in HAProxy, which calls once more for its line of the log, so none is left to save. By `perf`, 81 % of ingressd's CPU is the kernel's, nearly what HAProxy needs in all. The rest is a flat profile: Node's builtins and Node-API 11 %, V8's code 5 %, the C library and koffi 3 %, and no function of it has more than 0.4 %; HAProxy's own code is 12 % of its time. Next: fewer objects for each peer.",
  request:
    "`recv` and `send` are called twice each, here as in HAProxy, and by `perf` 82 % of the CPU is the kernel's. Node's builtins and Node-API have 10 %, V8's code 4 %, the C library and koffi 3 %; no function has more than 1 %. koffi itself costs about 30 ns a call, and 20 for each buffer.",
  refusal:
    "three system calls in both (`accept4`, the option for a reset, `close`), and 70 % of the CPU is the kernel's. HAProxy writes nothing of a peer that it rejects; ingressd counts and records it: the write of a batch to a file is 5 %, and the list, the counters and the line are most of 8 % in V8's code and 17 % in Node's builtins and Node-API, where no function has more than 1.2 %. With hot caches, and without a socket, the same code takes 0.7 µs (Node 26) or 0.9 µs (Node 20) for a peer. Next: write the record's bytes without a string.",
  bulk: "a matter of the processor: on an AMD EPYC, where HAProxy needs 0.59 s/GB, the ratio was 0.44; here the kernel copies twice as fast, so HAProxy needs 0.30. ingressd copies nothing (`splice`) and needs the same on both. By `perf`, three quarters of that are the kernel's, and two fifths of the kernel's part wake the client or the backend at each splice. Next: move more with each splice.",
  tls: "by `perf`, OpenSSL and its allocations need 57 % of the CPU here (Node 26, OpenSSL 3.5) and 62 % of about as much in HAProxy (OpenSSL 3.0), so the cryptography costs the same; the kernel has 24 %, in HAProxy 31 %. V8's code, its builtins, Node-API and koffi have 17 %, HAProxy's own code 7 %. A few hundred handshakes a second are too few for V8 to optimise that code soon. Next: fewer calls through koffi in a handshake.",
  idleTls:
    "between Node 20 and Node 26 a plain connection differs by half a KiB and a TLS connection by more than 7: the rest is what OpenSSL 3.5, which Node 26 has, keeps for a connection beside OpenSSL 3.0, which Node 20 and HAProxy have. Read buffers are given back between records already. Next: find what an `SSL` of 3.5 keeps after its handshake.",
} as const;

export const BARS: readonly Bar[] = [
  { row: "connection", work: "new connection", required: "1.15 / 1.05 x", most: { 20: 1.15, 26: 1.05 }, measure: value, cause: CAUSES.connection },
  { row: "request", work: "request and response", required: "1.05 x", most: both(1.05), measure: value, cause: CAUSES.request },
  { row: "refusal", work: "refusal", required: "1.2 x", most: both(1.2), measure: value, cause: CAUSES.refusal },
  { row: "bulk1", work: "bulk, 1 stream", required: "0.45 x", most: both(0.45), measure: value, cause: CAUSES.bulk },
  { row: "bulk8", work: "bulk, 8 streams", required: "0.45 x", most: both(0.45), measure: value },
  { row: "tls", work: "TLS", required: "1.1 / 1.0 x", most: { 20: 1.1, 26: 1 }, measure: value, cause: CAUSES.tls },
  { row: "mtls", work: "mTLS", required: "1.1 / 0.95 x", most: { 20: 1.1, 26: 0.95 }, measure: value },
  { row: "idle", work: "memory of an idle connection", required: "1.0 x", most: both(1), measure: value },
  { row: "idle_tls", work: "memory of an idle TLS connection", required: "1.0 x", most: both(1), measure: value, cause: CAUSES.idleTls },
  { row: "newcomers", work: "honest p99 among 4,500 newcomers a second", required: "3 x", most: both(3), measure: ({ p99 }) => p99 },
  { row: "latency", work: "p99.9 at 1,000 connections a second", required: "2 ms more", most: both(2), measure: ({ p999 }) => p999, beyond: true },
];

export interface Reached {
  readonly met: boolean;
  readonly text: string;
}

/** The forwarder `kernel` where it was measured, else Node's. */
function measuredId(results: GatewayResults, row: string, major: string): string | null {
  const ids = [`ingressd-kernel-${major}`, `ingressd-node-${major}`];
  return ids.find((id) => (results.rows[row]?.subjects[id]?.figures?.length ?? 0) > 0) ?? null;
}

export function reachedBar(results: GatewayResults, { row, measure, most, beyond = false }: Bar, major: string): Reached | null {
  const id = measuredId(results, row, major);
  const limit = most[major];
  if (id === null || limit === undefined) return null;
  const found = beyond ? excess(results, row, id, measure) : ratioOf(results.rows[row], id, "haproxy", measure);
  if (found === null) return null;
  const forwarder = id.includes("kernel") ? "" : " (forwarder `node`)";
  return { met: found <= limit, text: `${beyond ? `${digits(found)} ms more` : `${digits(found)} x`}${forwarder}` };
}

/** The bars that are missed on one of these Nodes and have no cause above. */
export function missesWithoutCause(results: GatewayResults): readonly string[] {
  const isMissed = (bar: Bar): boolean => Object.keys(bar.most).some((major) => reachedBar(results, bar, major)?.met === false);
  return BARS.filter((bar) => (bar.cause ?? "") === "" && isMissed(bar)).map(({ work }) => work);
}

/** The median over the rounds of what the subject needs beyond HAProxy. */
function excess(results: GatewayResults, row: string, id: string, measure: Bar["measure"]): number | null {
  const [own, theirs] = [figuresOf(results.rows[row], id, measure), figuresOf(results.rows[row], "haproxy", measure)];
  return median(
    own.flatMap((n, i) => {
      const other = theirs[i];
      return other === undefined ? [] : [n - other];
    }),
  );
}
