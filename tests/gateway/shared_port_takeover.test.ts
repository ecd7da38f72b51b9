// A takeover where exposes share a port: each stream belongs to the expose of its name in the next gateway, and in the one after it.
import { openLibc } from "../../runtime/shell/libc.ts";
import { skip } from "../skip.ts";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { moduleOf, visit, type Visit } from "./gateway_under_test.ts";
import { helloWith, records, serverName } from "./hello_bytes.ts";
import { place } from "./ingressd_process.ts";
import { gatewayToTake } from "./takeover_under_test.ts";

const test = suite("shared port takeover");
const UNWATCHED = "[policy]\nwatch = false";

const policy = (port: number, behind: number, other = "b"): string => `edition 1
expose a on tcp ${port} for "a.example.com" as passthrough { backend 127.0.0.1:${behind} cap 1 connections allow from any }
expose ${other} on tcp ${port} for "${other}.example.com" as passthrough { backend 127.0.0.1:${behind} cap 2 connections allow from any }`;

function called(port: number, name: string): Visit {
  const one = visit(port);
  one.socket.write(records(helloWith(serverName(name))));
  return one;
}

if (openLibc() === null) skip("shared port takeover", "koffi is not installed");
else
  test("streams count in the expose of their name over two takeovers, and a reload cuts those that lead nowhere any more", async () => {
    const it = await gatewayToTake({ policy, config: UNWATCHED });
    const [a, b] = [called(it.port, "a.example.com"), called(it.port, "b.example.com")];
    assert.match(await a.first, /^hello/);
    assert.match(await b.first, /^hello/);
    let last = it.first;
    for (let round = 0; round < 2; round++) {
      last = await it.taken();
      assert.is(await called(it.port, "a.example.com").first, "", "the cap of a is full");
      assert.is(it.records("accept").at(-1)?.code, "cap_listener");
      assert.is(it.records("accept").at(-1)?.listener, "a");
      const more = called(it.port, "b.example.com");
      assert.match(await more.first, /^hello/, "b has room for one");
      assert.is(await called(it.port, "b.example.com").first, "");
      more.socket.destroy();
      for (let i = 0; i < 200; i++) {
        const again = called(it.port, "b.example.com");
        const came = await again.first;
        again.socket.destroy();
        if (came !== "") break;
      }
    }
    assert.not.ok(a.socket.closed || b.socket.closed, "no stream was cut");
    place(it.folder, moduleOf(policy(it.port, it.behind, "c")));
    assert.is(last.order("reload").code, 0);
    await b.closed;
    assert.not.ok(a.socket.closed);
    assert.ok(it.records("recheck").some(({ code, listener }) => code === "rechecked" && listener === "b"));
  });

test.run();
