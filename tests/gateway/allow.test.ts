// An exposed port serves whom the policy allows, and nothing else is open.
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { backend, freePort, probe, running } from "./gateway_under_test.ts";

const test = suite("allow");

test("an allowed client reaches the backend; markers follow their facts", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const gateway = await running({
    policy: `edition 1
expose web on tcp ${port} {
  backend 127.0.0.1:${behind.port}
  allow named local from 127.0.0.1
}`,
  });
  assert.equal(gateway.markers, [`ingressd: port open (port=${port}, proto=tcp)`, "ingressd: ready"]);
  assert.is(await probe(port), "allow");
  const accepted = gateway.records().filter(({ op }) => op === "accept");
  assert.is(accepted.length, 1);
  assert.is(accepted[0]?.decision, "allow");
  assert.is(accepted[0]?.code, "allowed");
  assert.is(accepted[0]?.rule, "local");
  assert.is(accepted[0]?.at, "test.ingress:4");
  assert.is(accepted[0]?.listener, "web");
  assert.is(accepted[0]?.generation, 1);
  assert.match(accepted[0]?.source ?? "", /^127\.0\.0\.1:[0-9]+$/);
  await gateway.stop();
  behind.close();
});

test("an empty policy is ready with zero ports", async () => {
  const gateway = await running({ policy: "edition 1" });
  assert.equal(gateway.markers, ["ingressd: ready"]);
  assert.equal(gateway.records(), []);
  await gateway.stop();
});

test("a port range opens each port once", async () => {
  const behind = await backend("hello");
  const first = await freePort();
  const gateway = await running({
    policy: `edition 1
expose web on tcp ${first} bind 127.0.0.1, 127.0.0.9 { backend 127.0.0.1:${behind.port} allow from any }`,
  });
  assert.equal(gateway.markers, [`ingressd: port open (port=${first}, proto=tcp)`, "ingressd: ready"]);
  assert.is(await probe(first, "127.0.0.1", "127.0.0.1"), "allow");
  assert.is(await probe(first, "127.0.0.1", "127.0.0.9"), "allow");
  assert.is(await probe(first, "127.0.0.1", "127.0.0.8"), "deny", "an address outside bind does not listen");
  await gateway.stop();
  behind.close();
});

test.run();
