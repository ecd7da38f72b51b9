// A takeover by real processes: the next gateway gets sockets, limits and connections of the one that runs.
import * as assert from "uvu/assert";
import { openLibc } from "../../runtime/shell/libc.ts";
import { skip } from "../skip.ts";
import { suite } from "../suite.ts";
import { eventually, probe, visit } from "./gateway_under_test.ts";
import { gatewayToTake, says } from "./takeover_under_test.ts";

const test = suite("takeover");
const UNWATCHED = "[policy]\nwatch = false";

if (openLibc() === null) {
  skip("takeover", "koffi is not installed");
} else {
  test("the next gateway serves, the one before relays its connection to its end and exits", async () => {
    const it = await gatewayToTake({ clauses: "allow from any cap 3 connections" });
    const early = visit(it.port);
    assert.is(await early.first, "hello");
    const second = await it.taken();
    await it.first.says("another gateway has taken over");
    assert.is(await says(early.socket, "still"), "still", "its bytes still pass through the first");
    const status = (): string => second.order("status", "--json").out;
    assert.match(status(), new RegExp(`"pid":${second.child.pid},`));
    assert.match(status(), /"connections":\{"live":1,/);
    assert.is(await probe(it.port), "allow");
    early.socket.destroy();
    assert.is(await it.first.exit, 0);
    assert.match(status(), /"connections":\{"live":0,/, "the end that the first reports");
    assert.equal(
      it.records("accept").map(({ decision }) => decision),
      ["allow", "allow"],
    );
  });

  test("a cap counts what the one before relays, exactly, and its end frees the place", async () => {
    const it = await gatewayToTake({ clauses: "allow from any cap 2 connections" });
    const early = [visit(it.port), visit(it.port)];
    for (const one of early) assert.is(await one.first, "hello");
    await it.taken();
    for (let i = 0; i < 3; i++) assert.is(await probe(it.port), "deny", "N + 1");
    early[0]?.socket.destroy();
    let admitted = "";
    for (let i = 0; i < 200 && admitted !== "hello"; i++) admitted = await visit(it.port).first;
    assert.is(admitted, "hello");
    assert.is(await probe(it.port), "deny");
    early[1]?.socket.destroy();
    assert.is(await it.first.exit, 0);
  });

  test("limits are not refilled, over two takeovers", async () => {
    const it = await gatewayToTake({ clauses: "allow from any limit 3/h per source" });
    assert.is(await probe(it.port), "allow");
    const second = await it.taken();
    assert.is(await it.first.exit, 0);
    assert.is(await probe(it.port), "allow");
    await it.taken();
    assert.is(await second.exit, 0);
    assert.is(await probe(it.port), "allow");
    assert.is(await probe(it.port), "deny");
    assert.is(await probe(it.port, "127.0.0.2"), "allow", "another source owes nothing");
  });

  test("a reload in the next gateway cuts a connection that the one before relays", async () => {
    const it = await gatewayToTake({ config: UNWATCHED });
    const [kept, cut] = [visit(it.port, { from: "127.0.0.2" }), visit(it.port)];
    await Promise.all([kept.first, cut.first]);
    const second = await it.taken();
    it.policy("allow from 127.0.0.2");
    assert.is(second.order("reload").code, 0);
    await cut.closed;
    assert.is(await says(kept.socket, "on"), "on");
    assert.equal(
      it.records("recheck").map(({ code, source }) => [code, source?.split(":")[0]]),
      [["rechecked", "127.0.0.1"]],
    );
    kept.socket.destroy();
    assert.is(await it.first.exit, 0);
  });

  test("the policy of the next gateway cuts a connection of the one before, which it does not admit", async () => {
    const it = await gatewayToTake({ config: UNWATCHED });
    const [kept, cut] = [visit(it.port, { from: "127.0.0.2" }), visit(it.port)];
    await Promise.all([kept.first, cut.first]);
    it.policy("allow from 127.0.0.2");
    await it.taken();
    await cut.closed;
    assert.is(await says(kept.socket, "on"), "on");
  });

  test("a connection outlives two takeovers, and the last gateway's reload cuts it through the second", async () => {
    const it = await gatewayToTake({ config: UNWATCHED });
    const early = visit(it.port);
    await early.first;
    await it.taken();
    const third = await it.taken();
    assert.is(await says(early.socket, "still"), "still");
    assert.match(third.order("status", "--json").out, /"connections":\{"live":1,/);
    it.policy("allow from 127.0.0.2");
    assert.is(third.order("reload").code, 0);
    await early.closed;
    assert.is(await it.first.exit, 0);
    await eventually(() => /"connections":\{"live":0,/.test(third.order("status", "--json").out), "the end in the third");
  });

  test("the next gateway is killed: the one that relays ends its connections within drain_ms", async () => {
    const it = await gatewayToTake({ config: "[timers]\ndrain_ms = 200" });
    const early = visit(it.port);
    await early.first;
    const second = await it.taken();
    second.child.kill("SIGKILL");
    await early.closed;
    assert.is(await it.first.exit, 0);
    assert.match(it.first.err(), /the gateway that took over has ended/);
  });

  test("the one before is killed while it relays: its connections are freed in the next one", async () => {
    const it = await gatewayToTake({ clauses: "allow from any cap 1 connections" });
    await visit(it.port).first;
    await it.taken();
    assert.is(await probe(it.port), "deny");
    it.first.child.kill("SIGKILL");
    await it.first.exit;
    let answer = "deny";
    for (let i = 0; i < 200 && answer === "deny"; i++) answer = await probe(it.port);
    assert.is(answer, "allow");
  });
}

test.run();
