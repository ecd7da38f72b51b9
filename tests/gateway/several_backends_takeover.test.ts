// Several backends over a takeover by real processes: what is open there is counted in the next gateway, streams and flows
// stay at their backends, and the record of an end names the one that served.
import { join } from "node:path";
import * as assert from "uvu/assert";
import { openLibc } from "../../runtime/shell/libc.ts";
import { skip } from "../skip.ts";
import { suite } from "../suite.ts";
import { freeUdpPort, udpBackend, udpSocket } from "./datagrams_under_test.ts";
import { backend, endsIn, eventually, FORWARDERS, visit } from "./gateway_under_test.ts";
import { gatewayToTake, says } from "./takeover_under_test.ts";

const test = suite("takeover with several backends");

if (openLibc() === null || !FORWARDERS.includes("kernel")) skip("takeover with several backends", "the kernel's forwarder can't be used here");
else {
  test("what is open at each backend is counted on, and the next client gets the one with the fewest", async () => {
    const [a, b] = [await backend("a"), await backend("b")];
    const it = await gatewayToTake({
      policy: (port) => `edition 1\nexpose web on tcp ${port} bind 127.0.0.1 { backend 127.0.0.1:${a.port}, 127.0.0.1:${b.port} allow from any }`,
    });
    const four = [visit(it.port), visit(it.port), visit(it.port), visit(it.port)];
    const texts = await Promise.all(four.map(({ first }) => first));
    assert.equal([...texts].sort(), ["a", "a", "b", "b"]);
    const next = await it.taken();
    const open = (): readonly number[] =>
      [...next.order("status", "--json").out.matchAll(/"backend":"127\.0\.0\.1:\d+","connections":(\d+)/g)].map(([, count]) => Number(count));
    assert.equal(open(), [2, 2]);
    // Both streams to `b` end: the next two clients get there, though the gateway itself has dialed nothing yet.
    const ofB = four.filter((_, i) => texts[i] === "b");
    for (const { socket } of ofB) socket.destroy();
    await eventually(() => open().includes(0), "their ends are reported");
    const two = [visit(it.port), visit(it.port)];
    assert.equal(await Promise.all(two.map(({ first }) => first)), ["b", "b"]);
    const echo = four.find((_, i) => texts[i] === "a");
    assert.ok(echo);
    assert.is(await says(echo.socket, "still"), "still");
    const ends = (): readonly string[] => endsIn(join(it.folder, "audit.jsonl")).map(({ backend: at }) => at);
    await eventually(() => ends().length === 2, "the records of the ends");
    assert.equal(ends(), [`127.0.0.1:${b.port}`, `127.0.0.1:${b.port}`]);
  });

  test("a flow stays at its backend in the next gateway", async () => {
    const [a, b] = [await udpBackend(() => ["a"]), await udpBackend(() => ["b"])];
    const udp = await freeUdpPort();
    const it = await gatewayToTake({
      config: 'forwarder = "kernel"',
      policy: () => `edition 1\nexpose dns on udp ${udp} bind 127.0.0.1 { backend 127.0.0.1:${a.port}, 127.0.0.1:${b.port} amplify any allow from any }`,
    });
    const clients = [await udpSocket(), await udpSocket(), await udpSocket(), await udpSocket()];
    const queries = async (): Promise<readonly string[]> => {
      const answers: string[] = [];
      for (const client of clients) {
        await client.send("q", udp);
        await client.until(client.got.length + 1);
        answers.push(client.got.at(-1)?.bytes.toString() ?? "");
      }
      return answers;
    };
    await queries();
    const before = await queries();
    assert.equal([...before].sort(), ["a", "a", "b", "b"]);
    await it.taken();
    assert.equal(await queries(), before);
  });
}

test.run();
