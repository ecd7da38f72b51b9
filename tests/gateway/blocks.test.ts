// Temporary blocks: evaluated before the policy in every phase and at reloads, they only refuse, and they outlive a restart.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { Blocks, MOST_BLOCK_MS, MOST_BLOCKS, MOST_WHY_CHARACTERS, detailOf, type Wanted } from "../../gateway/blocks/blocks.ts";
import { readBlocks, writeBlocks } from "../../gateway/blocks/kept_blocks.ts";
import { formatPrefix, parsePrefix } from "../../gateway/blocks/prefix.ts";
import { PrefixTable } from "../../gateway/blocks/prefix_table.ts";
import { parseCommand } from "../../gateway/cli/arguments.ts";
import { openLibc } from "../../runtime/shell/libc.ts";
import { parseAddress, type Address } from "../../runtime/net/address.ts";
import { skip } from "../skip.ts";
import { suite } from "../suite.ts";
import { freeUdpPort, udpBackend, udpSocket } from "./datagrams_under_test.ts";
import { backend, endsIn, freePort, manualClock, moduleOf, probe, running, start, visit, type Under } from "./gateway_under_test.ts";
import { newState } from "./state_under_test.ts";
import { caller, gatewayToTake } from "./takeover_under_test.ts";

const test = suite("blocks");

function at(text: string): Address {
  const address = parseAddress(text);
  assert.ok(address !== null, text);
  return address ?? [0, 0, 0, 0];
}

const wanted = (prefix: string, more: Partial<Wanted> = {}): Wanted => ({ prefix, forMs: 3_600_000, why: "", force: false, ...more });

async function call(gateway: Under, method: string, params?: object): Promise<string> {
  const client = await gateway.control();
  try {
    return JSON.stringify(await client.call(method, params));
  } finally {
    client.close();
  }
}

const web = (port: number, behind: number, more = "allow from any"): string => `edition 1\nexpose web on tcp ${port} { backend 127.0.0.1:${behind} ${more} }`;

test("what a prefix is, and what none is", () => {
  const rows: readonly (readonly [string, string | RegExp])[] = [
    ["203.0.113.9", "203.0.113.9/32"],
    ["203.0.113.0/24", "203.0.113.0/24"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:db8:1:2:3:4:5:6/128", "2001:db8:1:2:3:4:5:6/128"],
    ["2001:DB8::/32", "2001:db8::/32"],
    ["::ffff:203.0.113.9", "203.0.113.9/32"],
    ["any4", "0.0.0.0/0"],
    ["0.0.0.0/0", "0.0.0.0/0"],
    ["any6", "::/0"],
    ["203.0.113.9/24", /has bits behind its length: write 203\.0\.113\.0\/24/],
    ["2001:db8::1/64", /write 2001:db8::\/64/],
    ["203.0.113.0/33", /IPv4 has 32/],
    ["2001:db8::/129", /IPv6 has 128/],
    ["203.0.113.0/024", /is no address/],
    ["203.0.113.0/", /is no address/],
    ["203.0.113.0/24/1", /is no address/],
    ["203.0.113", /is no address/],
    ["fe80::1%eth0", /is no address/],
    ["example.com", /is no address/],
    ["any", /is no address/],
    ["", /is no address/],
  ];
  for (const [text, expected] of rows) {
    const parsed = parsePrefix(text);
    const shown = parsed.ok ? formatPrefix(parsed.value) : parsed.error;
    if (typeof expected === "string") assert.is(shown, expected, text);
    else assert.match(shown, expected, text);
    assert.is(parsed.ok, typeof expected === "string", text);
  }
});

test("the longest prefix is found, as by looking at each of them", () => {
  const table = new PrefixTable<string>();
  const texts: string[] = [];
  // A generator of its own, so that each run has the same rows.
  let state = 12_345;
  const next = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
  const address = (): string => (next(2) === 0 ? `10.${next(2)}.${next(4)}.${next(4)}` : `2001:db8:${next(2)}::${next(4).toString(16)}:${next(4)}`);
  const masked = (text: string, bits: number): string => {
    const parsed = parsePrefix(`${text}/${bits}`);
    if (parsed.ok) return formatPrefix(parsed.value);
    return /write (\S+)/.exec(parsed.error)?.[1] ?? "";
  };
  const bitsOf = (text: string): number => Number(text.split("/")[1]);
  const covers = (prefix: string, source: string): boolean => prefix.includes(":") === source.includes(":") && masked(source, bitsOf(prefix)) === prefix;
  for (let i = 0; i < 400; i++) {
    const text = address();
    const prefix = masked(text, next(text.includes(":") ? 129 : 33));
    const parsed = parsePrefix(prefix);
    assert.ok(parsed.ok, prefix);
    if (!parsed.ok) continue;
    if (next(4) === 0) {
      assert.is(table.delete(parsed.value), texts.includes(prefix), prefix);
      if (texts.includes(prefix)) texts.splice(texts.indexOf(prefix), 1);
    } else {
      table.set(parsed.value, prefix);
      if (!texts.includes(prefix)) texts.push(prefix);
    }
    assert.is(table.size, texts.length);
    for (let j = 0; j < 5; j++) {
      const source = address();
      const best = texts.filter((one) => covers(one, source)).sort((a, b) => bitsOf(b) - bitsOf(a))[0];
      assert.is(
        table.find(at(source), () => true),
        best,
        source,
      );
    }
  }
  assert.equal([...table.values()].sort(), texts.sort());
});

test("a block ends by the wall clock, to the millisecond, and a clock that goes back reopens nothing", () => {
  let wall = 1_000_000;
  const blocks = new Blocks({ wallMs: () => wall });
  assert.ok(blocks.add(wanted("203.0.113.9", { forMs: 60_000, why: "scans" })).ok);
  wall += 59_999;
  const block = blocks.of(at("203.0.113.9"));
  assert.is(block === undefined ? "" : detailOf(block), "203.0.113.9/32 is blocked until 1970-01-01T00:17:40.000Z: scans");
  wall -= 900_000;
  assert.ok(blocks.of(at("203.0.113.9")) !== undefined, "it lasts longer then");
  assert.is(blocks.passEnds(), 0);
  wall = 1_060_000;
  assert.is(blocks.of(at("203.0.113.9")), undefined);
  assert.equal([blocks.passEnds(), blocks.size], [1, 0]);
});

test("a shorter block inside a longer one is over, and the longer one still refuses", () => {
  let wall = 0;
  const blocks = new Blocks({ wallMs: () => wall });
  blocks.add(wanted("203.0.113.0/24"));
  blocks.add(wanted("203.0.113.9", { forMs: 1_000 }));
  assert.is(blocks.of(at("203.0.113.9"))?.prefix, "203.0.113.9/32");
  wall = 1_000;
  assert.is(blocks.of(at("203.0.113.9"))?.prefix, "203.0.113.0/24");
  assert.is(blocks.of(at("203.0.114.9")), undefined);
  assert.is(blocks.of(at("2001:db8::1")), undefined);
});

test("bounds: time, words, whole families, and 65,536 prefixes", () => {
  const blocks = new Blocks(manualClock());
  const refusals: readonly (readonly [Wanted, RegExp])[] = [
    [wanted("203.0.113.9", { forMs: 999 }), /from 1 s to 30 d/],
    [wanted("203.0.113.9", { forMs: MOST_BLOCK_MS + 1 }), /from 1 s to 30 d/],
    [wanted("203.0.113.9", { forMs: NaN }), /from 1 s to 30 d/],
    [wanted("203.0.113.9", { why: "x".repeat(MOST_WHY_CHARACTERS + 1) }), /more than 200 characters/],
    [wanted("any4"), /every IPv4 source, your own included: add --force/],
    [wanted("::/0"), /every IPv6 source/],
    [wanted("nobody"), /is no address/],
  ];
  for (const [one, expected] of refusals) {
    const added = blocks.add(one);
    assert.match(added.ok ? "added" : added.error, expected);
  }
  assert.is(blocks.size, 0);
  for (const one of [
    wanted("any6", { force: true }),
    wanted("203.0.113.9", { forMs: 1_000, why: "x".repeat(MOST_WHY_CHARACTERS) }),
    wanted("203.0.113.9", { forMs: MOST_BLOCK_MS }),
  ])
    assert.ok(blocks.add(one).ok);
  assert.is(blocks.size, 2, "the same prefix is replaced");
  for (let i = 0; blocks.size < MOST_BLOCKS; i++) blocks.add(wanted(`10.${i >>> 16}.${(i >>> 8) & 255}.${i & 255}`));
  const full = blocks.add(wanted("203.0.113.10"));
  assert.match(full.ok ? "added" : full.error, /there are 65536 blocks, and no more are kept/);
  assert.ok(blocks.add(wanted("203.0.113.9")).ok, "one that is there can be made longer");
  assert.ok(blocks.remove("203.0.113.9").ok);
  assert.ok(blocks.add(wanted("203.0.113.10")).ok);
});

test("the file is read as it was written, and not where a byte of it is another", () => {
  const blocks = new Blocks(manualClock());
  blocks.add(wanted("203.0.113.9", { why: 'a "b"\n' }));
  blocks.add(wanted("2001:db8::/48"));
  const text = writeBlocks(blocks.all());
  assert.equal(readBlocks(text), blocks.all());
  for (let i = 0; i < text.length; i++) {
    assert.is(readBlocks(text.slice(0, i)), null, `cut at ${i}`);
    assert.is(readBlocks(`${text.slice(0, i)}${text[i] === "0" ? "1" : "0"}${text.slice(i + 1)}`), null, `byte ${i}`);
  }
  for (const bad of [{ prefix: "203.0.113.9/24" }, { prefix: "203.0.113.9" }, { untilMs: 1.5 }, { untilMs: 9e15 }, { why: 5 }, { why: "x".repeat(201) }])
    assert.is(
      readBlocks(writeBlocks([{ prefix: "203.0.113.9/32", why: "", sinceMs: 0, untilMs: 1, ...JSON.parse(JSON.stringify(bad)) }])),
      null,
      JSON.stringify(bad),
    );
});

test("a blocked source is refused before the rules, with code, detail and no rule, and served when it is over", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const gateway = await running({ policy: web(port, behind.port, "allow from any limit 2/h per source") });
  assert.is(await probe(port, "127.0.0.2"), "allow");
  const answer = await call(gateway, "block", { prefix: "127.0.0.2", for_s: 60, why: "too many logins" });
  assert.match(
    answer,
    /"prefix":"127\.0\.0\.2\/32","since":"[^"]+","until":"[^"]+","why":"too many logins","cut":[01],"kept":false,"not_kept_because":"no state_dir/,
  );
  for (let i = 0; i < 3; i++) assert.is(await probe(port, "127.0.0.2"), "deny");
  assert.is(await probe(port, "127.0.0.3"), "allow");
  const refused = gateway
    .records()
    .filter(({ source }) => source?.startsWith("127.0.0.2:") === true)
    .at(-1);
  assert.equal([refused?.op, refused?.reason, refused?.code, refused?.rule, refused?.listener], ["accept", "policy", "blocked", undefined, "web"]);
  assert.match(refused?.detail ?? "", /^127\.0\.0\.2\/32 is blocked until 2030-\S+Z: too many logins$/);
  assert.ok(gateway.markers.includes("ingressd: deny (reason=policy)"));
  assert.match(JSON.stringify(await gateway.daemon.status()), /"blocks":\{"active":1,"most":65536\}/);
  assert.match(await call(gateway, "blocks"), /"blocks":\[\{"prefix":"127\.0\.0\.2\/32"/);
  gateway.clock.advance(60_000);
  assert.is(await probe(port, "127.0.0.2"), "allow", "refusals by a block used no token");
  assert.is(await probe(port, "127.0.0.2"), "deny");
  assert.match(await call(gateway, "blocks"), /"blocks":\[\]/);
});

test("open connections of a blocked source are cut, others continue, and a reload decides again", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const gateway = await running({ policy: web(port, behind.port), config: 'on_reload = "keep"\n[policy]\nwatch = false' });
  const [bad, good] = [visit(port, { from: "127.0.0.2" }), visit(port, { from: "127.0.0.3" })];
  assert.equal([await bad.first, await good.first], ["hello", "hello"]);
  assert.match(await call(gateway, "block", { prefix: "127.0.0.2/32", for_s: 3600 }), /"cut":1/);
  await bad.closed;
  gateway.clock.advance(250);
  assert.equal(
    endsIn(join(gateway.folder, "audit.jsonl")).map(({ reason }) => reason),
    ["blocked"],
  );
  const cut = gateway.records().find(({ op }) => op === "recheck");
  assert.equal([cut?.code, cut?.reason], ["blocked", "policy"]);
  gateway.place(moduleOf(`${web(port, behind.port)}\n`));
  assert.ok((await gateway.daemon.reload()).ok);
  assert.is(await probe(port, "127.0.0.2"), "deny", "under the next policy too");
  good.socket.write("x");
  assert.is(good.socket.destroyed, false);
  assert.match(await call(gateway, "unblock", { prefix: "127.0.0.2" }), /"removed":\{"prefix":"127\.0\.0\.2\/32"/);
  assert.match(await call(gateway, "unblock", { prefix: "127.0.0.2" }), /"removed":null/);
  assert.is(await probe(port, "127.0.0.2"), "allow");
});

test("a connection whose hello is read is refused by a block that comes meanwhile", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const gateway = await running({ policy: `edition 1\nexpose web on tcp ${port} as passthrough { backend 127.0.0.1:${behind.port} allow from any }` });
  const it = visit(port, { from: "127.0.0.2" });
  await new Promise((resolve) => it.socket.once("connect", resolve));
  it.socket.write(Buffer.from([0x16, 3, 1]));
  while (gateway.daemon.forwarder.live === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.match(await call(gateway, "block", { prefix: "127.0.0.2", for_s: 3600 }), /"cut":1/);
  await it.closed;
  assert.equal(
    gateway
      .records()
      .filter(({ op }) => op === "accept")
      .map(({ code }) => code),
    ["blocked"],
  );
  assert.is(gateway.daemon.forwarder.live, 0);
});

test("datagrams of a blocked source are dropped, and its flows end", async () => {
  const behind = await udpBackend();
  const port = await freeUdpPort();
  const gateway = await running({ policy: `edition 1\nexpose dns on udp ${port} { backend 127.0.0.1:${behind.port} allow from any amplify 2 }` });
  const client = await udpSocket("127.0.0.2");
  await client.send("one", port, "127.0.0.1");
  await client.until(1);
  assert.match(await call(gateway, "block", { prefix: "127.0.0.2", for_s: 3600 }), /"cut":1/);
  await client.send("two", port, "127.0.0.1");
  const other = await udpSocket("127.0.0.3");
  await other.send("three", port, "127.0.0.1");
  await other.until(1);
  assert.equal([client.got.length, behind.got.length], [1, 2]);
  assert.is(gateway.daemon.counters.byCode.get("blocked"), 2, "the flow that was cut, and the one that did not begin");
});

test("what the methods refuse, with a remedy", async () => {
  const gateway = await running({ policy: "edition 1" });
  const rows: readonly (readonly [string, object, RegExp])[] = [
    ["block", { prefix: "203.0.113.9" }, /`for_s` is missing/],
    ["block", { prefix: "203.0.113.9", for_s: 0 }, /`for_s` = 0/],
    ["block", { prefix: "203.0.113.9", for_s: 2_592_001 }, /`for_s` = 2592001/],
    ["block", { prefix: "203.0.113.9", for_s: 1.5 }, /`for_s` = 1\.5/],
    ["block", { prefix: "any4", for_s: 60 }, /add --force/],
    ["block", { prefix: "203.0.113.9", for_s: 60, why: "x".repeat(201) }, /`why`/],
    ["block", { for_s: 60 }, /`prefix` is missing/],
    ["unblock", { prefix: "x" }, /is no address/],
    ["unblock", {}, /`prefix` is missing/],
    ["explain", { from: "x", to: "web" }, /is no address/],
    ["explain", { from: "127.0.0.1", to: "web" }, /has no expose `web`: it has none/],
  ];
  for (const [method, params, expected] of rows) assert.match(await call(gateway, method, params), expected, method);
  assert.match(await call(gateway, "block", { prefix: "any4", for_s: 2_592_000, force: true }), /"prefix":"0\.0\.0\.0\/0"/);
});

test("`explain` queries the gateway, blocks included, and charges nothing", async () => {
  const [port, named] = [await freePort(), await freePort()];
  const gateway = await running({
    policy: `edition 1
expose web on tcp ${port} { backend 127.0.0.1:9 limit 1/h per source allow named office from 127.0.0.0/30 }
expose tls on tcp ${named} as passthrough { backend 127.0.0.1:9 allow from any sni "a.test" }`,
  });
  for (let i = 0; i < 3; i++)
    assert.match(
      await call(gateway, "explain", { from: "127.0.0.2", to: "web" }),
      /"to":"web","proto":"tcp","decision":"allow","reason":"none","code":"allowed","rule":"office","at":"test\.ingress:2"/,
    );
  assert.match(await call(gateway, "explain", { from: "127.0.0.9", to: "web" }), /"decision":"deny","reason":"cidr","code":"no_match"/);
  assert.match(await call(gateway, "explain", { from: "127.0.0.9", to: "tls", sni: "A.test" }), /"decision":"allow"/);
  assert.match(await call(gateway, "explain", { from: "127.0.0.9", to: "tls" }), /"decision":"deny","reason":"sni","code":"no_name"/);
  assert.match(await call(gateway, "explain", { from: "127.0.0.9", to: "tls", sni: "a_b*" }), /name_wildcard/);
  await call(gateway, "block", { prefix: "127.0.0.2", for_s: 60, why: "scans" });
  assert.match(
    await call(gateway, "explain", { from: "127.0.0.2", to: "web" }),
    /"decision":"deny","reason":"policy","code":"blocked","block":\{"prefix":"127\.0\.0\.2\/32".*"why":"scans"\}/,
  );
  assert.equal(
    gateway.records().filter(({ op }) => op === "accept"),
    [],
  );
});

test("a block outlives a restart, and a damaged file ends the start", async () => {
  const state = newState();
  const behind = await backend("hello");
  const port = await freePort();
  const policy = web(port, behind.port);
  const first = await running({ policy, config: state.kept });
  assert.match(await call(first, "block", { prefix: "127.0.0.2", for_s: 3600, why: "kept" }), /"kept":true/);
  assert.match(await call(first, "block", { prefix: "127.0.0.4", for_s: 1 }), /"kept":true/);
  first.clock.advance(1_250);
  await first.stop();
  const file = join(state.directory, "blocks.json");
  const second = await running({ policy, config: state.kept });
  assert.equal([await probe(port, "127.0.0.2"), await probe(port, "127.0.0.3")], ["deny", "allow"]);
  await second.stop();
  const text = readFileSync(file, "utf8");
  writeFileSync(file, text.replace("kept", "kepT"));
  const third = await start({ policy, config: state.kept });
  assert.match("failure" in third ? third.failure.message : "started", /file of temporary blocks `[^`]+` is damaged.*restore it from a backup, or remove it/);
  for (const damaged of ["", "x", text.slice(0, -1)]) {
    writeFileSync(file, damaged);
    assert.ok("failure" in (await start({ policy, config: state.kept })), damaged);
  }
});

test("a block that the disk does not take is in force, and the answer says that it is not kept", async () => {
  const state = newState();
  let isFull = false;
  const fail = (): Promise<void> => (isFull ? Promise.reject(new Error("ENOSPC")) : Promise.resolve());
  const behind = await backend("hello");
  const port = await freePort();
  const gateway = await running({ policy: web(port, behind.port), config: state.kept, disk: { write: fail, replace: fail, remove: fail } });
  isFull = true;
  assert.match(
    await call(gateway, "block", { prefix: "127.0.0.2", for_s: 60 }),
    /"kept":false,"not_kept_because":"the state directory can't be written \(ENOSPC\)/,
  );
  assert.is(await probe(port, "127.0.0.2"), "deny");
  isFull = false;
  assert.match(await call(gateway, "block", { prefix: "127.0.0.3", for_s: 60 }), /"kept":true/);
});

test("the command line", () => {
  const parsed = (...words: string[]): string => {
    const command = parseCommand(words);
    return command.ok ? JSON.stringify("params" in command.value ? command.value.params : command.value) : command.error.message;
  };
  assert.is(parsed("block", "203.0.113.9", "--for", "1h", "--why", "scans"), '{"prefix":"203.0.113.9","for_s":3600,"why":"scans","force":false}');
  assert.match(parsed("block", "any4", "--for", "30d", "--force"), /"for_s":2592000,"why":"","force":true/);
  assert.match(parsed("block", "203.0.113.9", "--for", "1s"), /"for_s":1,/);
  assert.is(parsed("block", "203.0.113.9"), "`--for TIME` is missing");
  for (const time of ["31d", "2592001s", "0s", "1", "h", "1.5h", "-1h", "1w", "", "1h30m"])
    assert.match(parsed("block", "203.0.113.9", `--for=${time}`), /is no time from 1s to 30d|needs a value|empty/, time);
  assert.match(parsed("block", "203.0.113.9", "--for", "1h", "--why", "x".repeat(201)), /more than 200/);
  assert.match(parsed("block", "--for", "1h"), /PREFIX/);
  assert.is(parsed("unblock", "203.0.113.9"), '{"prefix":"203.0.113.9"}');
  assert.is(parsed("explain", "--from", "203.0.113.9", "--to", "web"), '{"from":"203.0.113.9","to":"web"}');
  assert.is(parsed("explain", "--from", "203.0.113.9", "--to", "tcp 443", "--sni", "x"), '{"from":"203.0.113.9","to":"tcp 443","sni":"x"}');
  assert.match(parsed("explain", "--from", "203.0.113.9"), /`--to NAME` is missing/);
});

if (openLibc() === null) skip("blocks over a takeover", "koffi is not installed");
else
  test("blocks are handed over at a takeover, without a state directory", async () => {
    const it = await gatewayToTake({ clauses: "allow from any" });
    const client = await caller(it.folder);
    const blocked = await client.call("block", { prefix: "127.0.0.2", for_s: 3600, why: "w" });
    assert.ok(blocked.ok);
    client.close();
    const second = await it.taken();
    assert.is(await it.first.exit, 0);
    assert.is(await probe(it.port, "127.0.0.2"), "deny");
    assert.is(await probe(it.port, "127.0.0.3"), "allow");
    const { code, out } = second.order("blocks");
    assert.is(code, 0);
    assert.match(out, /prefix=127\.0\.0\.2\/32/);
    assert.match(second.order("explain", "--from", "127.0.0.2", "--to", "web").out, /blocked/);
    assert.is(second.order("unblock", "127.0.0.2").code, 0);
    assert.is(await probe(it.port, "127.0.0.2"), "allow");
    assert.is(second.order("block", "any4", "--for", "1h").code, 3);
  });

test.run();
