// A hello is read where it lies in the kernel until it is whole. The socket is not readable before a record is whole
// (SO_RCVLOWAT), so that a hello in single bytes costs reads by its records and not by its bytes.
import * as assert from "uvu/assert";
import { usableCalls } from "../../gateway/kernel/self_test.ts";
import type { KernelCalls } from "../../gateway/kernel/calls.ts";
import { skip } from "../skip.ts";
import { suite } from "../suite.ts";
import { FaultyCalls } from "./faulty_calls.ts";
import { backend, eventually, freePort, running, visit } from "./gateway_under_test.ts";
import { helloWith, padding, records, serverName } from "./hello_bytes.ts";

const test = suite("hello peeks");
const usable = await usableCalls();
const BYTES_OF_A_RECORD = 200;
/** Reads more than of a whole hello; without the low-water mark there are 90 and more. */
const MOST = 40;

/** Reads of a client whose hello comes in single bytes, and of one whose hello is one segment. */
async function reads(real: KernelCalls, hello: Buffer): Promise<{ readonly single: number; readonly whole: number }> {
  const counted = new FaultyCalls(real);
  const behind = await backend("");
  const at = await freePort();
  await running({
    calls: counted.calls,
    policy: `edition 1\nexpose web on tcp ${at} as passthrough { backend 127.0.0.1:${behind.port} allow from any sni "www.example.com" }`,
  });
  let served = 0;
  const read = async (pieces: readonly Buffer[]): Promise<number> => {
    counted.arm(null);
    const { socket, closed } = visit(at);
    socket.setNoDelay().resume();
    for (const piece of pieces) {
      await new Promise((resolve) => socket.write(piece, resolve));
      // The gateway is in this process: it reads what is there.
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
    served++;
    await eventually(() => behind.accepted === served, "it is served");
    socket.end();
    await closed;
    return counted.made.get("recv") ?? 0;
  };
  await read([hello]);
  return { single: await read(Array.from(hello, (byte) => Buffer.of(byte))), whole: await read([hello]) };
}

if (usable.ok) {
  const { value } = usable;
  for (const count of [1, 4])
    test(`a hello of ${count} records in single bytes`, async () => {
      const cuts = Array.from({ length: count - 1 }, (_, i) => (i + 1) * BYTES_OF_A_RECORD);
      const hello = records(helloWith(serverName("www.example.com"), padding(count * BYTES_OF_A_RECORD - 150)), ...cuts);
      const { single, whole } = await reads(value, hello);
      // Some before the first header is whole, and few for each record.
      assert.ok(single - whole <= MOST, `${single} reads for ${hello.length} bytes, ${whole} where they come at once`);
    });
} else skip("hello peeks", usable.error.because);

test.run();
