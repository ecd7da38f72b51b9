// The rows of `npm run bench:gateway`: what the load does, at which port, and what is counted.

/** Clients come from 127.0.1.1 and the addresses after it, or from 127.9.0.1, which nothing allows. */
const REFUSED = "127.9.0.1";

/**
 * `fewer`: the row has fewer rounds; `also`: its subjects beside the compared ones (plan.mjs), where it has not all.
 *
 * kind `cpu`: microseconds of the proxy's CPU for each thing that is done (seconds for a gigabyte in bulk);
 * `latency`: milliseconds; `memory`: KiB for each idle connection; `crowd`: microseconds beside idle connections.
 */
const cpu = (name, title, port, load, more = {}) => ({ name, kind: "cpu", title, port, load, unit: "µs", unlogged: true, ...more });

export const PREFIXES = [10, 1_000, 10_000, 100_000, 1_000_000];

export function rowsOf({ quick, others }) {
  const bytes = quick ? 200e6 : 1e9;
  // A short run shares the machine with other checks, and is no measurement.
  const [some, newcomers] = quick ? [100, 300] : [1_000, 4_500];
  return [
    cpu("connection", "new connection, 64 bytes echoed, close", "plain", { mode: "ping" }),
    cpu("request", "request and response of 64 bytes on an open connection", "plain", { mode: "ping", keep: 1 }),
    cpu("refusal", "connection of a refused source", "plain", { mode: "refused", from: REFUSED, addresses: 200 }),
    cpu("bulk1", "a gigabyte in 1 stream", "bulk", { mode: "bulk", concurrency: 1, bytes }, { unit: "s/GB", unlogged: false }),
    cpu("bulk8", "a gigabyte in 8 streams", "bulk", { mode: "bulk", concurrency: 8, bytes }, { unit: "s/GB", unlogged: false }),
    cpu("tls", "TLS 1.3 handshake, 16 bytes echoed, close", "tls", { mode: "ping", tls: 1, payload: 16, concurrency: 16 }),
    cpu("mtls", "the same with a client's certificate", "mtls", { mode: "ping", tls: 1, payload: 16, concurrency: 16, client: true }),
    cpu("passthrough", "ClientHello read and forwarded, echoed, close", "passthrough", { mode: "ping", hello: 1 }),
    cpu("udp", "datagram of 64 bytes and its echo", "udp", { mode: "datagrams" }, { unlogged: false }),
    { name: "idle", kind: "memory", title: "idle connection", port: "plain", unit: "KiB", load: {}, others, fewer: true },
    { name: "idle_tls", kind: "memory", title: "idle TLS connection", port: "tls", unit: "KiB", load: { tls: 1 }, others, fewer: true },
    {
      name: "crowd",
      kind: "crowd",
      title: "new connection with 1 and with many others open",
      port: "plain",
      unit: "µs",
      load: { mode: "ping" },
      others,
      fewer: true,
    },
    {
      name: "latency",
      kind: "latency",
      title: `${some.toLocaleString("en-US")} new connections a second`,
      port: "plain",
      unit: "ms",
      load: { mode: "ping", rate: some },
    },
    // Newcomers: 60,000 allowed sources in turn. The honest clients among them are timed.
    {
      name: "newcomers",
      kind: "latency",
      title: `honest clients among ${newcomers.toLocaleString("en-US")} newcomers a second`,
      port: "plain",
      unit: "ms",
      load: { mode: "ping", rate: newcomers, honest: 100, from: "127.0.2.0", addresses: 60_000 },
      of: "honest",
    },
    ...(quick ? PREFIXES.slice(1, 2) : PREFIXES).map((prefixes) =>
      cpu(
        `prefixes_${prefixes}`,
        `new connection with ${prefixes.toLocaleString("en-US")} prefixes in the policy`,
        "plain",
        { mode: "ping" },
        { prefixes, unlogged: false, fewer: true, also: ["nginx"] },
      ),
    ),
  ];
}
