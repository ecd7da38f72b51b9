// The self-test of the OS image against the network half in Node, with the same frames as under QEMU
// (image.check.ts) and the shipped policy.
import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ALERT, BURST, selftest } from "../../scripts/os/selftest.ts";
import * as n from "../../runtime/os/net/layout.ts";
import { nodeMachine } from "./node_machine.ts";

const test = suite("self-test of the image, in Node");
const policy = readFileSync(new URL("../../policies/os_image.ingress", import.meta.url), "utf8");
const HTTP = "HTTP/1.1 200 OK\r\n\r\nok\n";

test("allowed traffic is admitted, and each kind of denied traffic is refused", async () => {
  const machine = nodeMachine({
    policy,
    onBytes: (s) => {
      if (s.isFinished) return;
      s.answers.push(s.service === "web" ? ALERT : Buffer.from(HTTP));
      s.isFinished = true;
    },
  });
  assert.equal(await selftest(machine), {
    arp: 1,
    health: HTTP,
    web: ALERT,
    ended: true,
    refused: { port: true, abuser: true, stranger: true, name: true },
    admitted: BURST,
    recovered: true,
  });
  assert.is(machine.whole, 2);
  // The services ended first, so the two connections stay for two seconds, of which one has passed.
  assert.is(machine.connections(), 2);
  await machine.advance(1_000);
  assert.is(machine.connections(), 0);
  assert.is(machine.halfOpen(), 0);
  assert.is(machine.counter(n.N_BAD_CHECKSUM), 0);
});

test.run();
