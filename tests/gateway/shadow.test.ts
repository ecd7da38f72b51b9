// The count of shadow verdicts that differ: where the rules would have decided otherwise with
// every dryrun rule enforced, and not where a cap decided.
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { backend, eventually, freePort, probe, running, visit } from "./gateway_under_test.ts";

const test = suite("shadow");

test("it differs by what the rules say, whatever a cap says", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const gateway = await running({
    policy: `edition 1
expose web on tcp ${port} {
  backend 127.0.0.1:${behind.port}
  cap 1 connections
  allow from 127.0.0.0/29
  dryrun deny from 127.0.0.3
  dryrun allow from 127.0.0.9
}`,
  });
  const { counters, forwarder } = gateway.daemon;
  const visitor = visit(port, { from: "127.0.0.1" });
  assert.is(await visitor.first, "hello");
  const table: readonly (readonly [from: string, code: string, shadow: string, differs: number])[] = [
    ["127.0.0.2", "cap_listener", "allow", 0],
    ["127.0.0.3", "cap_listener", "deny", 0],
    ["127.0.0.8", "no_match", "deny", 0],
    ["127.0.0.9", "no_match", "allow", 1],
  ];
  for (const [from, code, shadow, differs] of table) {
    assert.is(await probe(port, from), "deny", from);
    const last = gateway.records().at(-1);
    assert.equal([last?.code, last?.shadow?.decision, counters.shadow.differs], [code, shadow, differs], from);
  }
  visitor.socket.destroy();
  await eventually(() => forwarder.live === 0, "the end");
  assert.is(await probe(port, "127.0.0.3"), "allow");
  assert.is(gateway.records().at(-1)?.shadow?.decision, "deny");
  assert.equal(counters.shadow, { allow: 3, deny: 3, undetermined: 0, differs: 2 });
  await gateway.stop();
  behind.close();
});

test.run();
