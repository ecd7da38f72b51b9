// A takeover by real processes: the next gateway gets sockets, limits and connections of the one that runs.
import { chownSync } from "node:fs";
import { join } from "node:path";
import type { Socket } from "node:net";
import * as assert from "uvu/assert";
import { openLibc } from "../../runtime/shell/libc.ts";
import { openRpc, type RpcClient } from "../../runtime/shell/rpc_client.ts";
import { STATE_FORMAT } from "../../gateway/takeover/handed_state.ts";
import { skip } from "../skip.ts";
import { atEnd, suite } from "../suite.ts";
import { backend, eventually, freePort, moduleOf, probe, recordsIn, temporaryFolder, visit } from "./gateway_under_test.ts";
import { launch, place, startsAs, type Running } from "./ingressd_process.ts";

const test = suite("takeover");

const only = (port: number, behind: number, more = "allow from any"): Uint8Array =>
  moduleOf(`edition 1\nexpose web on tcp ${port} bind 127.0.0.1 { backend 127.0.0.1:${behind} ${more} }`);

const takeOver = (folder: string, config = ""): Running => launch(folder, config, { words: ["--takeover"] });

async function caller(folder: string): Promise<RpcClient> {
  const opened = await openRpc(join(folder, "run", "control.sock"), {
    answerMs: 5_000,
    mostLine: 1 << 24,
    notified: () => undefined,
    closed: () => undefined,
    isBackground: true,
  });
  if (!opened.ok) throw new Error(opened.error);
  atEnd(() => {
    opened.value.close();
  });
  return opened.value;
}

async function step(rpc: RpcClient, name: string, more: object = {}): Promise<Readonly<Record<string, unknown>> | string> {
  const answer = await rpc.call("takeover", { step: name, ...more });
  if (!answer.ok) return answer.error.message;
  return typeof answer.value === "object" && answer.value !== null ? Object.fromEntries(Object.entries(answer.value)) : { value: answer.value };
}

const said = (answer: Awaited<ReturnType<typeof step>>): string => (typeof answer === "string" ? answer : "granted");

/** The id of a takeover that has begun. */
async function begun(rpc: RpcClient): Promise<string> {
  const answer = await step(rpc, "begin", { format: STATE_FORMAT });
  return typeof answer === "object" ? String(answer["id"]) : answer;
}

async function says(socket: Socket, text: string): Promise<string> {
  const heard = new Promise<string>((resolve) => {
    socket.once("data", (chunk) => resolve(chunk.toString()));
    socket.once("close", () => resolve("closed"));
  });
  socket.write(text);
  return heard;
}

if (openLibc() === null) {
  skip("takeover", "koffi is not installed");
} else {
  test("the next gateway serves, the one before relays its connection to its end and exits", async () => {
    const behind = await backend("hello");
    const port = await freePort();
    const folder = temporaryFolder();
    place(folder, only(port, behind.port, "allow from any cap 3 connections"));
    const first = launch(folder, "");
    await first.line("ingressd: ready");
    const early = visit(port);
    assert.is(await early.first, "hello");
    const second = takeOver(folder);
    await second.line("ingressd: ready");
    await first.says("another gateway has taken over");
    assert.is(await says(early.socket, "still"), "still", "its bytes go on through the first");
    const status = (): string => second.order("status", "--json").out;
    assert.match(status(), new RegExp(`"pid":${second.child.pid},`));
    assert.match(status(), /"connections":\{"live":1,/);
    assert.is(await probe(port), "allow");
    early.socket.destroy();
    assert.is(await first.exit, 0);
    assert.match(status(), /"connections":\{"live":0,/, "the end that the first reports");
    assert.equal(
      recordsIn(join(folder, "audit.jsonl"))
        .filter(({ op }) => op === "accept")
        .map(({ decision }) => decision),
      ["allow", "allow"],
    );
  });

  test("a cap counts what the one before relays, exactly, and its end frees the place", async () => {
    const behind = await backend("hello");
    const port = await freePort();
    const folder = temporaryFolder();
    place(folder, only(port, behind.port, "allow from any cap 2 connections"));
    const first = launch(folder, "");
    await first.line("ingressd: ready");
    const early = [visit(port), visit(port)];
    for (const one of early) assert.is(await one.first, "hello");
    const second = takeOver(folder);
    await second.line("ingressd: ready");
    for (let i = 0; i < 3; i++) assert.is(await probe(port), "deny", "N + 1");
    early[0]?.socket.destroy();
    let admitted = "";
    await eventually(() => second.out().includes("ready"), "ready");
    for (let i = 0; i < 200 && admitted !== "hello"; i++) {
      const next = visit(port);
      admitted = await next.first;
    }
    assert.is(admitted, "hello");
    assert.is(await probe(port), "deny");
    early[1]?.socket.destroy();
    assert.is(await first.exit, 0);
  });

  test("limits are not refilled, over two takeovers", async () => {
    const behind = await backend("hello");
    const port = await freePort();
    const folder = temporaryFolder();
    place(folder, only(port, behind.port, "allow from any limit 3/h per source"));
    const first = launch(folder, "");
    await first.line("ingressd: ready");
    assert.is(await probe(port), "allow");
    const second = takeOver(folder);
    await second.line("ingressd: ready");
    assert.is(await first.exit, 0);
    assert.is(await probe(port), "allow");
    const third = takeOver(folder);
    await third.line("ingressd: ready");
    assert.is(await second.exit, 0);
    assert.is(await probe(port), "allow");
    assert.is(await probe(port), "deny");
    assert.is(await probe(port, "127.0.0.2"), "allow", "another source owes nothing");
  });

  test("a reload in the next gateway cuts a connection that the one before relays", async () => {
    const behind = await backend("hello");
    const port = await freePort();
    const folder = temporaryFolder();
    place(folder, only(port, behind.port));
    const first = launch(folder, "[policy]\nwatch = false");
    await first.line("ingressd: ready");
    const [kept, cut] = [visit(port, { from: "127.0.0.2" }), visit(port)];
    await Promise.all([kept.first, cut.first]);
    const second = takeOver(folder, "[policy]\nwatch = false");
    await second.line("ingressd: ready");
    place(folder, only(port, behind.port, "allow from 127.0.0.2"));
    assert.is(second.order("reload").code, 0);
    await cut.closed;
    assert.is(await says(kept.socket, "on"), "on");
    assert.equal(
      recordsIn(join(folder, "audit.jsonl"))
        .filter(({ op }) => op === "recheck")
        .map(({ code, source }) => [code, source?.split(":")[0]]),
      [["rechecked", "127.0.0.1"]],
    );
    kept.socket.destroy();
    assert.is(await first.exit, 0);
  });

  test("a next gateway that ends at any step: the one that runs goes on as before", async () => {
    const behind = await backend("hello");
    const port = await freePort();
    const folder = temporaryFolder();
    place(folder, only(port, behind.port, "allow from any limit 100/h per source"));
    const first = launch(folder, "[policy]\nwatch = false");
    await first.line("ingressd: ready");
    const early = visit(port);
    await early.first;
    for (const last of ["begin", "wait", "freeze", "state"]) {
      const rpc = await caller(folder);
      const id = await begun(rpc);
      assert.match(id, /^[0-9a-f]{32}$/);
      for (const name of ["wait", "freeze", "state"].slice(0, ["begin", "wait", "freeze", "state"].indexOf(last)))
        assert.type(await step(rpc, name, { id, from: 0 }), "object", name);
      const queued = last === "freeze" ? visit(port) : null;
      rpc.close();
      assert.is(await probe(port), "allow", `after ${last}`);
      if (queued !== null) assert.is(await queued.first, "hello", "a peer that waited meanwhile is served");
      assert.is(first.order("reload").code, 0, `a reload after ${last}`);
    }
    assert.is(await says(early.socket, "still"), "still");
    assert.is(first.child.exitCode, null);
    const second = takeOver(folder, "[policy]\nwatch = false");
    await second.line("ingressd: ready");
    assert.is(await probe(port), "allow");
  });

  test("a next gateway whose policy is refused, or whose port is busy, does not change the one that runs", async () => {
    const behind = await backend("hello");
    const port = await freePort();
    const folder = temporaryFolder();
    place(folder, only(port, behind.port));
    const first = launch(folder, "[policy]\nwatch = false");
    await first.line("ingressd: ready");
    place(folder, Buffer.from("no module"));
    assert.is(await takeOver(folder, "[policy]\nwatch = false").exit, 3);
    assert.is(await probe(port), "allow");
    place(folder, moduleOf(`edition 1\nexpose web on tcp ${port}, ${behind.port} bind 127.0.0.1 { backend 127.0.0.1:9 allow from any }`));
    assert.is(await takeOver(folder, "[policy]\nwatch = false").exit, 5);
    assert.is(await probe(port), "allow");
    assert.not.match(first.err(), /has taken over/);
  });

  test("two at once, a wrong id, a step out of turn, another form: each is refused", async () => {
    const port = await freePort();
    const folder = temporaryFolder();
    place(folder, only(port, 9));
    const first = launch(folder, "");
    await first.line("ingressd: ready");
    const [one, two] = [await caller(folder), await caller(folder)];
    assert.match(said(await step(one, "begin", { format: STATE_FORMAT + 1 })), /reads state of the form 2, and this one writes 1/);
    const id = await begun(one);
    assert.match(await begun(two), /another takeover is under way/);
    assert.is(await takeOver(folder).exit, 5);
    const unknown = /no such takeover is under way, or this is not its turn/;
    assert.match(said(await step(two, "freeze", { id: "0".repeat(32) })), unknown);
    assert.match(said(await step(one, "serving", { id })), unknown, "nothing was frozen");
    assert.match(said(await step(one, "state", { id, from: 0 })), unknown);
    assert.match(said(await step(one, "cut", { id, rows: [0] })), unknown);
    assert.match(said(await step(one, "done", { id })), unknown);
    assert.match(said(await step(one, "fly", { id })), /step/);
  });

  test("nobody to take over from is exit 5 with a sentence", async () => {
    const folder = temporaryFolder();
    place(folder, only(await freePort(), 9));
    const it = takeOver(folder);
    assert.is(await it.exit, 5);
    assert.match(it.err(), /no ingressd answers at `.*`.*: start this one without --takeover/);
  });

  if (process.getuid?.() === 0 && startsAs(65534)) {
    test("another uid is refused, even root's", async () => {
      const folder = temporaryFolder();
      place(folder, only(await freePort(), 9));
      chownSync(folder, 65534, 65534);
      const it = launch(folder, "", { uid: 65534 });
      await it.line("ingressd: ready");
      assert.match(await begun(await caller(folder)), /the caller runs as uid 0, and only uid 65534 may take over/);
    });
  } else {
    skip("another uid is refused, even root's", "not root, or Node can't be started as another user");
  }

  test("the next gateway is killed: the one that relays ends its connections within drain_ms", async () => {
    const behind = await backend("hello");
    const port = await freePort();
    const folder = temporaryFolder();
    place(folder, only(port, behind.port));
    const first = launch(folder, "[timers]\ndrain_ms = 200");
    await first.line("ingressd: ready");
    const early = visit(port);
    await early.first;
    const second = takeOver(folder, "[timers]\ndrain_ms = 200");
    await second.line("ingressd: ready");
    second.child.kill("SIGKILL");
    await early.closed;
    assert.is(await first.exit, 0);
    assert.match(first.err(), /the gateway that took over has ended/);
  });

  test("the one before is killed while it relays: its connections are freed in the next one", async () => {
    const behind = await backend("hello");
    const port = await freePort();
    const folder = temporaryFolder();
    place(folder, only(port, behind.port, "allow from any cap 1 connections"));
    const first = launch(folder, "");
    await first.line("ingressd: ready");
    await visit(port).first;
    const second = takeOver(folder);
    await second.line("ingressd: ready");
    assert.is(await probe(port), "deny");
    first.child.kill("SIGKILL");
    await first.exit;
    let answer = "deny";
    for (let i = 0; i < 200 && answer === "deny"; i++) answer = await probe(port);
    assert.is(answer, "allow");
  });
}

test.run();
