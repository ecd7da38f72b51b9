// 2,000 TLS clients that send a whole hello to a listener that terminates TLS, and then nothing more:
// good clients are served, and the stalled are gone when the time for hello and handshake is over.
import * as assert from "uvu/assert";
import { SWEEP_MS } from "../../gateway/daemon.ts";
import { backend, freePort, moduleOf, temporaryFolder, visit } from "../gateway/gateway_under_test.ts";
import { recorded } from "../gateway/hello_bytes.ts";
import { launch, place } from "../gateway/ingressd_process.ts";
import { authority, dns, leaf } from "../tls/certificates.ts";
import { call, GREETING, put } from "../tls/tls_under_test.ts";
import { suite } from "../suite.ts";
import { assertForwarder, descriptors, either, figure, quantile, residentKiB, ticking, within } from "./measured.ts";

const test = suite("stalled_handshakes");
const STALLED = either(2_000, 200);
const HELLO_MS = either(10_000, 5_000);
/** For the turn of the sweep, and a machine that is busy with so many key exchanges. */
const SLACK_MS = SWEEP_MS + 5_000;
const GOOD = 50;

test(`${STALLED} handshakes that never end`, async () => {
  const hello = recorded()[0]?.stream ?? Buffer.alloc(0);
  const site = authority("site root");
  const behind = await backend(GREETING);
  const port = await freePort();
  const folder = temporaryFolder();
  put(folder, "web", leaf(site, { names: [dns("www.example.com")] }));
  place(
    folder,
    moduleOf(`edition 1
expose web on tcp ${port} bind 127.0.0.1 as tls { backend 127.0.0.1:${behind.port} cert "web" allow from any sni "www.example.com" }`),
  );
  const it = launch(folder, `[policy]\nwatch = false\n[timers]\nhello_ms = ${HELLO_MS}\n[certs.web]\ncert = "${folder}/web.pem"\nkey = "${folder}/web.key"`);
  await it.line("ingressd: ready");
  assertForwarder(it);
  const pid = it.child.pid ?? -1;
  const many = async (): Promise<number[]> => {
    const waits: number[] = [];
    for (let i = 0; i < GOOD; i++) {
      const from = performance.now();
      const came = await call({ port, site });
      assert.ok(came.got.startsWith(GREETING), came.error ?? came.got);
      waits.push(performance.now() - from);
    }
    return waits;
  };
  const alone = await many();
  const [atStart, before, reached] = [descriptors(pid), residentKiB(pid), behind.accepted];

  const lives: number[] = [];
  let opened = 0;
  await ticking(STALLED / 50, 50, () => {
    for (let i = 0; i < 50; i++) {
      const { socket, closed } = visit(port);
      let from = performance.now();
      socket.once("connect", () => {
        from = performance.now();
        opened++;
      });
      socket.write(hello);
      socket.resume();
      void closed.then(() => lives.push(performance.now() - from));
    }
  });
  assert.ok(await within(10_000, () => opened === STALLED));
  const live = Number(/"live":(\d+)/.exec(it.order("status", "--json").out)?.[1] ?? -1);
  const beside = await many();
  const during = residentKiB(pid);
  assert.is(behind.accepted, reached + GOOD, "no stalled client reaches the backend");
  assert.ok(await within(HELLO_MS + SLACK_MS, () => lives.length === STALLED), `${lives.length} are gone`);
  assert.ok(await within(5_000, () => descriptors(pid) <= atStart));
  const codes = /"by_code":\{([^}]*)\}/.exec(it.order("status", "--json").out)?.[1] ?? "";

  figure("a good client, handshake included: median, 99 % alone", `${quantile(alone, 0.5).toFixed(1)} ms, ${quantile(alone, 0.99).toFixed(1)} ms`);
  figure(`a good client: median, 99 % beside ${live} stalled`, `${quantile(beside, 0.5).toFixed(1)} ms, ${quantile(beside, 0.99).toFixed(1)} ms`);
  figure(
    `stalled gone after (hello_ms = ${HELLO_MS}): first, last`,
    `${(Math.min(...lives) / 1000).toFixed(1)} s, ${(Math.max(...lives) / 1000).toFixed(1)} s`,
  );
  figure("memory before, beside them; codes", `${(before / 1024).toFixed(0)} MiB, ${(during / 1024).toFixed(0)} MiB; ${codes}`);
  assert.ok(codes.includes(`"tls_late":${STALLED}`), codes);
  assert.ok(live >= STALLED * 0.5, `${live} were stalled while good clients came`);
  assert.ok(Math.max(...lives) <= HELLO_MS + SLACK_MS);
  it.child.kill("SIGTERM");
  assert.is(await it.exit, 0);
  behind.close();
});

test.run();
