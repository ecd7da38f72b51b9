// A good client beside many silent ones of one source, at a port where names are read.
import { connect, type Socket } from "node:net";
import * as assert from "uvu/assert";
import { eventually, type ForwarderName } from "../gateway/gateway_under_test.ts";
import { helloWith, records, serverName } from "../gateway/hello_bytes.ts";
import { sharedPort, threeNames } from "../gateway/shared_port_under_test.ts";

export const SILENT = 2_000;
/** Milliseconds: the most that the median of the good clients may be. */
export const MEDIAN_MS = 50;
const GOOD = 51;

/** Resolves with what came first, "" where it was closed. */
function first(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.once("data", (chunk: Buffer) => resolve(chunk.toString("latin1")));
    socket.once("close", () => resolve(""));
  });
}

/** Milliseconds from the connect of a good client to its backend's first byte: the median. Prints it. */
export async function besideSilentOnes(forwarder: ForwarderName): Promise<number> {
  const s = await sharedPort((words) => threeNames({ ...words, shop: words.rest }), { forwarder });
  const hello = records(helloWith(serverName("a.shop.example.com")));
  const open = (from: string): Socket => connect({ port: s.port, host: "127.0.0.1", localAddress: from }).on("error", () => undefined);
  const times: number[] = [];
  const silent: Socket[] = [];
  for (let i = 0; i < GOOD; i++) {
    // They come while the good clients do.
    for (let n = 0; n < Math.ceil(SILENT / GOOD); n++) silent.push(open("127.0.0.2"));
    const from = performance.now();
    const good = open("127.0.0.3");
    good.write(hello);
    assert.ok((await first(good)).startsWith("rest "), `client ${i}`);
    times.push(performance.now() - from);
    good.destroy();
  }
  await eventually(() => s.accepts().filter(({ code }) => code === "cap_waiting_source").length >= silent.length - 32, "all but 32 are refused");
  assert.is(silent.filter(({ closed }) => !closed).length, 32, "wait");
  for (const socket of silent) socket.destroy();
  const median = times.sort((x, y) => x - y)[GOOD >> 1] ?? Infinity;
  process.stdout.write(
    `${forwarder}: ${silent.length} silent connections; a good client has its backend's first byte after ${median.toFixed(1)} ms (median), ${MEDIAN_MS} ms at most\n`,
  );
  return median;
}
