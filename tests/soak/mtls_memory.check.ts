// Rounds of longer-lived mTLS connections. The gateway's memory outside V8's heap (certificates, sessions, sockets) is
// freed with each connection, not only by a full garbage collection, which is rare on a busy gateway. Here V8 is
// configured to do none.
import * as assert from "uvu/assert";
import { connect, type TLSSocket } from "node:tls";
import { backend, freePort, moduleOf, temporaryFolder } from "../gateway/gateway_under_test.ts";
import { launch, place } from "../gateway/ingressd_process.ts";
import { authority, dns, extension, leaf, oid, tlv, uri } from "../tls/certificates.ts";
import { GREETING, put, putAuthority } from "../tls/tls_under_test.ts";
import { suite } from "../suite.ts";
import { assertForwarder, descriptors, either, figure, residentKiB, within } from "./measured.ts";

const test = suite("mtls_memory");
const AT_ONCE = 100;
/** The first rounds are those in which V8's heap and the allocator's arenas find their size. */
const FIRST_ROUNDS = either(40, 15);
const ROUNDS = either(200, 35);
const NO_FULL_COLLECTION = ["--no-memory-reducer", "--initial-old-space-size=2048"];
/** Prints at a signal the memory of the process that is neither V8's heap nor known to V8, in KiB, and the number of full collections. */
const REPORTER = `data:text/javascript,${encodeURIComponent(`
  import { PerformanceObserver } from "node:perf_hooks";
  let full = 0;
  new PerformanceObserver((list) => { full += list.getEntries().filter((e) => e.detail.kind === 4).length; }).observe({ entryTypes: ["gc"] });
  process.on("SIGUSR2", () => { const m = process.memoryUsage(); process.stderr.write("memory " + Math.round((m.rss - m.heapTotal - m.external) / 1024) + " " + full + " end\\n"); });
`)}`;
const INTERMEDIATE_BYTES = 24 * 1024;
/** The native object of the intermediate alone takes more than its bytes. */
const MOST_KIB_A_CONNECTION = 4;

test(`${AT_ONCE * ROUNDS} mTLS connections don't grow the memory`, async () => {
  const [site, clients] = [authority("site root"), authority("client root")];
  // With an intermediate, as most clients come: the object of a chain is kept the longest. A large one is seen above
  // what the allocator's arenas take and give.
  const between = authority("client intermediate", {
    by: clients,
    more: [extension(oid(1, 3, 6, 1, 4, 1, 99999, 2), tlv(0x04, Buffer.alloc(INTERMEDIATE_BYTES)))],
  });
  const client = leaf(between, { names: [uri("spiffe://corp.example/ops/web"), dns("web.corp.example")] });
  const behind = await backend(GREETING);
  const port = await freePort();
  const folder = temporaryFolder();
  put(folder, "web", leaf(site, { names: [dns("www.example.com")] }));
  putAuthority(folder, "corp", clients);
  place(
    folder,
    moduleOf(`edition 1
expose web on tcp ${port} bind 127.0.0.1 as mtls { backend 127.0.0.1:${behind.port} cert "web" ca "corp" allow from any client uri "spiffe://corp.example/ops/*" }`),
  );
  const it = launch(
    folder,
    `[policy]\nwatch = false\n[certs.web]\ncert = "${folder}/web.pem"\nkey = "${folder}/web.key"\n[cas.corp]\nfile = "${folder}/corp.pem"`,
    { node: [...NO_FULL_COLLECTION, "--import", REPORTER] },
  );
  await it.line("ingressd: ready");
  assertForwarder(it);
  const pid = it.child.pid ?? -1;
  const atStart = descriptors(pid);

  /** All are open at the same time, then all end. */
  async function round(): Promise<void> {
    const sockets = await Promise.all(
      Array.from(
        { length: AT_ONCE },
        () =>
          new Promise<TLSSocket>((resolve, reject) => {
            const socket = connect({
              port,
              host: "127.0.0.1",
              ca: site.pem,
              servername: "www.example.com",
              cert: client.pem + between.pem,
              key: client.key,
              checkServerIdentity: () => undefined,
            });
            socket.once("data", () => resolve(socket));
            socket.once("error", reject);
          }),
      ),
    );
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once("close", resolve).end())));
  }
  let requests = 0;
  async function native(): Promise<readonly [kib: number, full: number]> {
    const answers = (): readonly RegExpMatchArray[] => [...it.err().matchAll(/memory (-?\d+) (\d+) end/g)];
    it.child.kill("SIGUSR2");
    requests++;
    assert.ok(await within(5_000, () => answers().length === requests));
    const last = answers().at(-1);
    return [Number(last?.[1]), Number(last?.[2])];
  }
  for (let i = 0; i < FIRST_ROUNDS; i++) await round();
  const [before, fullBefore] = await native();
  for (let i = 0; i < ROUNDS; i++) await round();
  const [after, fullAfter] = await native();
  const each = (after - before) / (ROUNDS * AT_ONCE);
  figure("outside of V8's heap before, after; a connection", `${(before / 1024).toFixed(0)} MiB, ${(after / 1024).toFixed(0)} MiB; ${each.toFixed(2)} KiB`);
  figure("resident; full collections", `${(residentKiB(pid) / 1024).toFixed(0)} MiB; ${fullAfter - fullBefore}`);
  assert.is(fullAfter - fullBefore, 0, "V8 collected everything, so that nothing was seen");
  assert.ok(each <= MOST_KIB_A_CONNECTION, `${each.toFixed(2)} KiB stay behind of each connection`);
  assert.ok(await within(5_000, () => descriptors(pid) <= atStart));
  assert.is(behind.accepted, (FIRST_ROUNDS + ROUNDS) * AT_ONCE);
  it.child.kill("SIGTERM");
  assert.is(await it.exit, 0);
  behind.close();
});

test.run();
