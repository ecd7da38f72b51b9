// Signals to the shipped ingressd: reload, drain, cut; and what the command line says of it.
import { once } from "node:events";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { backend, freePort, probe, temporaryFolder, visit } from "./gateway_under_test.ts";
import { launch, place, web } from "./ingressd_process.ts";

const test = suite("signals");

test("markers verbatim, status, reload, SIGHUP, and SIGTERM drains to exit 0", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const folder = temporaryFolder();
  place(folder, web(port, behind.port));
  const it = launch(folder, "[policy]\nwatch = false");
  await it.line("ingressd: ready");
  assert.equal(it.out().split("\n").slice(0, 2), [`ingressd: port open (port=${port}, proto=tcp)`, "ingressd: ready"]);
  assert.is(statSync(join(folder, "run")).mode & 0o777, 0o700);
  assert.is(statSync(join(folder, "run", "control.sock")).mode & 0o777, 0o600);

  const visitor = visit(port);
  assert.is(await visitor.first, "hello");
  const status = it.order("status", "--json");
  assert.is(status.code, 0);
  assert.match(status.out, /^\{"ok":true,"class":"ok","code":"ok","message":"status","data":\{/);
  assert.match(status.out, /"generation":1,/);
  assert.match(it.order("status").out, new RegExp(`0\\.0\\.0\\.0:${port} +127\\.0\\.0\\.1:${behind.port}`));

  place(folder, web(port, behind.port, "127.0.0.1, 127.0.0.5"));
  const reload = it.order("reload");
  assert.is(reload.code, 0);
  assert.match(reload.out, /^reloaded\n {2}generation: 2\n {2}sha256: [0-9a-f]{64}\n/);
  assert.is(await probe(port, "127.0.0.6"), "deny");
  await it.line("ingressd: deny (reason=cidr)");
  place(folder, new Uint8Array([1, 2, 3]));
  const bad = it.order("reload", "--json");
  assert.is(bad.code, 3);
  assert.match(bad.out, /^\{"ok":false,"class":"reject","code":"refused",.*"generation":2/);
  assert.is(await probe(port), "allow");

  place(folder, web(port, behind.port));
  it.child.kill("SIGHUP");
  await it.says("policy generation 3");

  it.child.kill("SIGTERM");
  let refused = await probe(port);
  while (refused === "allow") refused = await probe(port);
  const heard = once(visitor.socket, "data");
  visitor.socket.write("still served");
  assert.is(String((await heard)[0]), "still served");
  visitor.socket.end();
  assert.is(await it.exit, 0);
  assert.not(existsSync(join(folder, "run", "control.sock")));
  for (const record of readFileSync(join(folder, "audit.jsonl"), "utf8").split("\n").slice(0, -1)) JSON.parse(record);
  behind.close();
});

for (const [first, second] of [
  ["SIGTERM", "SIGTERM"],
  ["SIGINT", "SIGINT"],
] as const) {
  test(`${first} drains and a second one cuts, exit 0`, async () => {
    const behind = await backend("hello");
    const port = await freePort();
    const folder = temporaryFolder();
    place(folder, web(port, behind.port));
    const it = launch(folder, "[timers]\ndrain_ms = 600000");
    await it.line("ingressd: ready");
    const visitor = visit(port);
    await visitor.first;
    it.child.kill(first);
    let closed = await probe(port);
    while (closed === "allow") closed = await probe(port);
    assert.not(visitor.socket.destroyed);
    it.child.kill(second);
    await visitor.closed;
    assert.is(await it.exit, 0);
    behind.close();
  });
}

test("the drain ends at drain_ms", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const folder = temporaryFolder();
  place(folder, web(port, behind.port));
  const it = launch(folder, "[timers]\ndrain_ms = 100");
  await it.line("ingressd: ready");
  const visitor = visit(port);
  await visitor.first;
  it.child.kill("SIGTERM");
  await visitor.closed;
  assert.is(await it.exit, 0);
  behind.close();
});

test.run();
