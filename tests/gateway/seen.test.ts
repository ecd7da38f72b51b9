// The view of an operator and its bounds: deny markers are rate limited, the most
// refused sources are named, the control socket is in its place and has its cap.
import { connect } from "node:net";
import { once } from "node:events";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { createMarkers, DENY_LINES_PER_SECOND } from "../../gateway/audit/markers.ts";
import { newCounters } from "../../gateway/audit/counters.ts";
import { SOURCE_ODD } from "../../gateway/connection/table.ts";
import { TopDenied, TOP_PLACES } from "../../gateway/admit/top_denied.ts";
import { defaultControlPath } from "../../gateway/control/socket_path.ts";
import { ConnectionTable, SOURCE_GONE } from "../../gateway/connection/table.ts";
import { parseAddress } from "../../runtime/net/address.ts";
import { freePort, running } from "./gateway_under_test.ts";

const test = suite("being seen");

test("deny markers: so many lines a second for each reason, the rest is counted", () => {
  const lines: string[] = [];
  const counters = newCounters();
  const markers = createMarkers((line) => lines.push(line), counters);
  const deny = (times: number, reason: "cidr" | "rate", monoMs: number): void => {
    for (let i = 0; i < times; i++) markers.deny(reason, monoMs);
  };
  deny(DENY_LINES_PER_SECOND, "cidr", 1000);
  assert.equal([lines.length, counters.denyMarkersSuppressed], [DENY_LINES_PER_SECOND, 0]);
  deny(1, "cidr", 1999);
  assert.equal([lines.length, counters.denyMarkersSuppressed], [DENY_LINES_PER_SECOND, 1]);
  deny(1, "rate", 1999);
  assert.is(lines.at(-1), "ingressd: deny (reason=rate)", "one reason does not silence another");
  deny(DENY_LINES_PER_SECOND + 2, "cidr", 2000);
  assert.equal([lines.length, counters.denyMarkersSuppressed], [2 * DENY_LINES_PER_SECOND + 1, 3]);
});

test("the most refused sources are kept in bounded memory, never counted too low", () => {
  const top = new TopDenied();
  for (let i = 0; i < 50; i++) top.add("192.0.2.1");
  for (let i = 0; i < TOP_PLACES - 1; i++) top.add(`198.51.100.${i}`);
  assert.is(top.first(1000).length, TOP_PLACES);
  for (let i = 0; i < 20; i++) top.add("203.0.113.9");
  const first = top.first(2);
  assert.equal(first[0], { source: "192.0.2.1", denials: 50 });
  assert.is(first[1]?.source, "203.0.113.9");
  assert.ok((first[1]?.denials ?? 0) >= 20);
  assert.is(top.first(1000).length, TOP_PLACES, "a newcomer takes the place of the smallest");
});

test("an IPv4 source may be counted by its 32 bits, and is shown as text", () => {
  const table = new ConnectionTable();
  const top = new TopDenied();
  for (const text of ["192.0.2.1", "255.255.255.255", "0.0.0.0", "127.255.0.9", "2001:db8::7", "192.0.2.1"]) {
    const row = table.take();
    const source = parseAddress(text);
    assert.ok(source);
    table.setSource(row, source, 5);
    assert.is(table.hostOf(row), text);
    top.add(table.hostKeyOf(row) ?? "");
  }
  assert.equal(
    top.first(9).map(({ source, denials }) => `${source} ${denials}`),
    ["192.0.2.1 2", "0.0.0.0 1", "127.255.0.9 1", "2001:db8::7 1", "255.255.255.255 1"],
  );
  const odd = table.take();
  table.setSource(odd, SOURCE_ODD, 0);
  assert.is(table.hostKeyOf(odd), undefined);
});

test("the places of refused sources are those of the plain sketch, whichever of the smallest goes", () => {
  const top = new TopDenied();
  const exact = new Map<string, number>();
  let [state, refusals] = [7, 0];
  const below = (n: number): number => (state = (state * 48_271) % 0x7fffffff) % n;
  for (let i = 0; i < 20_000; i++) {
    // A few sources come often, many once.
    const source = below(3) === 0 ? `198.51.100.${below(8)}` : `192.0.2.${below(256)}`;
    exact.set(source, (exact.get(source) ?? 0) + 1);
    top.add(source);
    refusals++;
    if (i % 500 !== 0) continue;
    const kept = top.first(TOP_PLACES);
    assert.is(
      kept.reduce((sum, { denials }) => sum + denials, 0),
      refusals,
      "each refusal is counted in one place",
    );
    assert.is(new Set(kept.map(({ source: name }) => name)).size, kept.length);
    const floor = kept.length < TOP_PLACES ? 0 : (kept.at(-1)?.denials ?? 0);
    for (const { source: name, denials } of kept) {
      const least = exact.get(name) ?? 0;
      assert.ok(denials >= least && denials <= least + floor, `${name}: ${denials}, exact ${least}, floor ${floor}`);
    }
    for (const [name, denials] of exact)
      if (denials > floor)
        assert.ok(
          kept.some(({ source: one }) => one === name),
          name,
        );
  }
});

test("where the control socket is when nothing is configured", () => {
  const rows: readonly (readonly [NodeJS.ProcessEnv, string])[] = [
    [{ XDG_RUNTIME_DIR: "/run/user/1000" }, "/run/user/1000/ingressd/control.sock"],
    [{}, "/run/ingressd/control.sock"],
    [{ XDG_RUNTIME_DIR: "" }, "/run/ingressd/control.sock"],
    [{ XDG_RUNTIME_DIR: "relative/dir" }, "/run/ingressd/control.sock"],
  ];
  for (const [env, expected] of rows) assert.is(defaultControlPath(env), expected, JSON.stringify(env));
});

test("clients of the control socket: the cap, one more, and a place that comes free", async () => {
  const port = await freePort();
  const gateway = await running({ policy: `edition 1\nexpose web on tcp ${port} { allow from any }`, config: "[caps]\ncontrol_connections = 2" });
  const query = async (): Promise<{ answer: string; close(): Promise<void> }> => {
    const socket = connect(gateway.daemon.controlPath);
    socket.on("error", () => undefined);
    socket.write('{"jsonrpc":"2.0","id":1,"method":"status"}\n');
    const [data] = (await once(socket, "data")) as [Buffer];
    return {
      answer: data.toString(),
      close: async () => {
        const closed = once(socket, "close");
        socket.end();
        await closed;
      },
    };
  };
  const [one, two] = [await query(), await query()];
  for (const { answer } of [one, two]) assert.match(answer, /"result"/);
  const three = await query();
  assert.match(three.answer, /too many clients \(caps\.control_connections\)/);
  await two.close();
  // The gateway hears of the end a moment after the client does.
  let again = await query();
  for (let tries = 0; tries < 100 && again.answer.includes("too many"); tries++) again = await query();
  assert.match(again.answer, /"result"/);
  await one.close();
  await again.close();
  await gateway.stop();
});

test("a peer whose address can't be decided has no address, whatever the row had before", () => {
  const table = new ConnectionTable();
  const row = table.take();
  table.setSource(row, [0, 0, 0xffff, 0x0a000001], 40000);
  assert.equal(table.sourceOf(row), [0, 0, 0xffff, 0x0a000001]);
  table.setSource(row, SOURCE_ODD, 40001);
  assert.is(table.sourceOf(row), SOURCE_ODD);
  table.setSource(row, SOURCE_GONE, 0);
  assert.is(table.sourceOf(row), SOURCE_GONE);
});

test.run();
