// A takeover that is not finished: the gateway that runs continues as before.
import { chownSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { openLibc } from "../../runtime/shell/libc.ts";
import { STATE_FORMAT } from "../../gateway/takeover/handed_state.ts";
import { skip } from "../skip.ts";
import { suite } from "../suite.ts";
import { eventually, freePort, moduleOf, probe, temporaryFolder, visit } from "./gateway_under_test.ts";
import { helloWith, records, serverName } from "./hello_bytes.ts";
import { launch, place, startsAs } from "./ingressd_process.ts";
import { begun, caller, gatewayToTake, only, said, says, step, stoppingAt } from "./takeover_under_test.ts";

const test = suite("takeover given up");
const UNWATCHED = "[policy]\nwatch = false";

if (openLibc() === null) {
  skip("takeover given up", "koffi is not installed");
} else {
  test("a next gateway that ends at any step: the one that runs continues as before", async () => {
    const it = await gatewayToTake({ clauses: "allow from any limit 100/h per source", config: UNWATCHED });
    const early = visit(it.port);
    await early.first;
    for (const last of ["begin", "wait", "freeze", "state"]) {
      const rpc = await caller(it.folder);
      const id = await begun(rpc);
      assert.match(id, /^[0-9a-f]{32}$/);
      for (const name of ["wait", "freeze", "state"].slice(0, ["begin", "wait", "freeze", "state"].indexOf(last)))
        assert.type(await step(rpc, name, { id, from: 0 }), "object", name);
      const queued = last === "freeze" ? visit(it.port) : null;
      rpc.close();
      assert.is(await probe(it.port), "allow", `after ${last}`);
      if (queued !== null) assert.is(await queued.first, "hello", "a peer that waited meanwhile is served");
      assert.is(it.first.order("reload").code, 0, `a reload after ${last}`);
    }
    assert.is(await says(early.socket, "still"), "still");
    assert.is(it.first.child.exitCode, null);
    await it.taken();
    assert.is(await probe(it.port), "allow");
  });

  test("a hello that comes after the state was written is refused, and after the takeover is given up one is served again", async () => {
    const it = await gatewayToTake({
      policy: (port, there) => `edition 1\nexpose web on tcp ${port} as passthrough { backend 127.0.0.1:${there} allow from any sni "www.example.com" }`,
      config: UNWATCHED,
    });
    const hello = records(helloWith(serverName("www.example.com")));
    const slow = visit(it.port);
    slow.socket.write(hello.subarray(0, 20));
    const rpc = await caller(it.folder);
    const id = await begun(rpc);
    for (const name of ["wait", "freeze", "state"]) assert.type(await step(rpc, name, { id, from: 0 }), "object", name);
    slow.socket.write(hello.subarray(20));
    assert.is(await slow.first, "");
    assert.is(it.records("accept").at(-1)?.code, "draining");
    rpc.close();
    const next = visit(it.port);
    next.socket.write(hello);
    assert.match(await next.first, /^hello/);
  });

  test("a next gateway whose policy is refused, or whose port is busy, does not change the one that runs", async () => {
    const it = await gatewayToTake({ config: UNWATCHED });
    place(it.folder, Buffer.from("no module"));
    assert.is(await it.takeOver().exit, 3);
    assert.is(await probe(it.port), "allow");
    place(it.folder, moduleOf(`edition 1\nexpose web on tcp ${it.port}, ${it.behind} bind 127.0.0.1 { backend 127.0.0.1:9 allow from any }`));
    assert.is(await it.takeOver().exit, 5);
    assert.is(await probe(it.port), "allow");
    assert.not.match(it.first.err(), /has taken over/);
  });

  test("a lease that ends in the middle of a takeover that is given up closes its port", async () => {
    const it = await gatewayToTake({
      config: `${UNWATCHED}\n[services.web]\nuid = ${process.getuid?.() ?? 0}`,
      policy: (port) => `edition 1\nexpose web on tcp ${port} bind 127.0.0.1 { allow from any }`,
    });
    const open = (): number => readdirSync(`/proc/${it.first.child.pid}/fd`).length;
    const leases = (): string => /"leases":(\d+)/.exec(it.first.order("status", "--json").out)?.[1] ?? "";
    let before = Number.POSITIVE_INFINITY;
    // In the first round there is no takeover.
    for (const isTaken of [false, true]) {
      const service = await caller(it.folder);
      const lease = await service.call("register", { service: "web", proto: "tcp", port: it.port, mode: "tcp", backend: `127.0.0.1:${it.behind}` });
      assert.ok(lease.ok);
      assert.is(await probe(it.port), "allow");
      const rpc = await caller(it.folder);
      if (isTaken) assert.type(await step(rpc, "freeze", { id: await begun(rpc) }), "object");
      service.close();
      await eventually(() => leases() === "0", "its lease has ended");
      rpc.close();
      if (isTaken) await it.first.says("the other gateway does not take over");
      assert.is(await probe(it.port), "deny");
      await eventually(() => leases() === "0" && open() <= before, `its descriptors: ${before} before, ${open()} now`);
      before = open();
    }
    assert.is(it.first.order("reload").code, 0);
  });

  test("two at once, a wrong id, a step out of turn: each is refused", async () => {
    const it = await gatewayToTake();
    const [one, two] = [await caller(it.folder), await caller(it.folder)];
    const id = await begun(one);
    assert.match(await begun(two), /another takeover is under way/);
    assert.is(await it.takeOver().exit, 5);
    const unknown = /no such takeover is under way, or this is not its turn/;
    assert.match(said(await step(two, "freeze", { id: "0".repeat(32) })), unknown);
    assert.match(said(await step(one, "serving", { id })), unknown, "nothing was frozen");
    assert.match(said(await step(one, "state", { id, from: 0 })), unknown);
    assert.match(said(await step(one, "cut", { id, rows: [0] })), unknown);
    assert.match(said(await step(one, "done", { id })), unknown);
    assert.match(said(await step(one, "fly", { id })), /step/);
  });

  test("of two that begin in one turn, one takes over", async () => {
    const it = await gatewayToTake();
    const [one, two] = [await caller(it.folder), await caller(it.folder)];
    const answers = await Promise.all([begun(one), begun(two)]);
    assert.equal(answers.map((answer) => /^[0-9a-f]{32}$/.test(answer)).sort(), [false, true], answers.join());
  });

  test("nobody to take over from is exit 5 with a sentence", async () => {
    const folder = temporaryFolder();
    place(folder, moduleOf(only(await freePort(), 9)));
    const it = launch(folder, "", { words: ["--takeover"] });
    assert.is(await it.exit, 5);
    assert.match(it.err(), /no ingressd answers at `.*`.*: start this one without --takeover/);
  });

  test("real processes that are killed before `serving`: lock, mark, audit file and sockets are as before", async () => {
    const it = await gatewayToTake({ config: UNWATCHED });
    const control = join(it.folder, "run", "control.sock");
    const [inode, audit] = [statSync(control).ino, statSync(join(it.folder, "audit.jsonl")).ino];
    const early = visit(it.port);
    await early.first;
    for (const last of ["begin", "freeze", "state", "serving"]) {
      const next = it.takeOver(UNWATCHED, stoppingAt(it.folder, last));
      await next.says(`stopped before ${last}`);
      next.child.kill("SIGKILL");
      await next.exit;
      assert.is(await probe(it.port), "allow", `after ${last}`);
      assert.is(it.first.order("reload").code, 0, `after ${last}`);
    }
    assert.equal([statSync(control).ino, statSync(join(it.folder, "audit.jsonl")).ino], [inode, audit]);
    assert.is(await says(early.socket, "still"), "still");
    assert.not.match(it.first.err(), /has taken over/);
    assert.is(it.first.child.exitCode, null);
    it.first.child.kill("SIGTERM");
    early.socket.destroy();
    assert.is(await it.first.exit, 0);
  });

  if (process.getuid?.() === 0 && startsAs(65534)) {
    test("another uid is refused, even root's", async () => {
      const folder = temporaryFolder();
      place(folder, moduleOf(only(await freePort(), 9)));
      chownSync(folder, 65534, 65534);
      const it = launch(folder, "", { uid: 65534 });
      await it.line("ingressd: ready");
      assert.match(await begun(await caller(folder)), /the caller runs as uid 0, and only uid 65534 may take over/);
    });
  } else {
    skip("another uid is refused, even root's", "not root, or Node can't be started as another user");
  }

  test("no number of a form is refused, and that of another release is not", async () => {
    const it = await gatewayToTake();
    const rpc = await caller(it.folder);
    assert.match(said(await step(rpc, "begin", {})), /no release of ingressd has a state of this form/);
    for (const format of [0, -1, 1.5, 2 ** 53, "2"]) assert.type(await step(rpc, "begin", { format }), "string", String(format));
    assert.is(said(await step(rpc, "begin", { format: STATE_FORMAT + 1 })), "granted");
  });
}

test.run();
