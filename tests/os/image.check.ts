// The image under QEMU: its output, its status, and the traffic that it refuses. The expected texts are written by
// hand from docs/os.md. Frames are sent one at a time, and each is answered before the next.
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import type { NativePolicy } from "../../compiler/emit/native.ts";
import { buildImage, buildPolicy, type Image } from "../../scripts/os/build.ts";
import { client } from "../../scripts/os/client.ts";
import { ACK, FIN, PSH, RST, SYN, tcp } from "../../scripts/os/frames.ts";
import { RAM_MIB, startMachine, type Machine, type MachineOptions } from "../../scripts/os/machine.ts";
import { faultsOf } from "../../scripts/os/markers.ts";
import { ALERT, BURST, HASTY, LAN, OUTSIDE, selftest } from "../../scripts/os/selftest.ts";
import { missingTools } from "../../scripts/os/tools.ts";
import { atLength } from "../at_length.ts";
import { chance } from "../oracle/random.ts";
import { skip } from "../skip.ts";
import { callGraph, deepest } from "./stack.ts";
import { atEnd, ownFolder, suite } from "../suite.ts";

const test = suite("the image");
const folder = ownFolder("ingress-image-check-");
const SHIPPED = "policies/os_image.ingress";
const BOOTS = 20;
/** Of damaged frames, 20 in a batch, and a machine for each run. */
const FUZZ_RUNS = atLength(30, 1);
const FUZZ_BATCHES = atLength(1_000, 100);

const OPENED = ["ingressd: port open (port=8080, proto=tcp)", "ingressd: port open (port=8443, proto=tcp)", "ingressd: ready"];
const STOPPED = [
  "abi-filter: deny (subject=binder syscall=net.bind)",
  "kernel: stopped (subject=pointer cause=pointer)",
  "kernel: stopped (subject=poker cause=store)",
];
const deny = (reason: string): string => `ingressd: deny (reason=${reason})`;
const verdict = (allow: string, refused: string, rate: string): readonly string[] => [
  `SELFTEST: ingress allow ${allow}`,
  `SELFTEST: ingress deny ${refused}`,
  `SELFTEST: ingress rate ${rate}`,
];
const WHOLE = [...STOPPED, ...OPENED, deny("policy"), deny("cidr"), deny("cidr"), deny("sni"), deny("rate"), ...verdict("ok", "ok", "ok")];

const ALLOW_ALL = `edition 1
expose web on tcp 8443 as passthrough { cap 64 connections allow named all from any sni "**" }
expose health on tcp 8080 { cap 64 connections allow named all from any }
expose ssh on tcp 22 { cap 64 connections allow named all from any }
`;
const DENY_ALL = `edition 1
expose web on tcp 8443 as passthrough { cap 64 connections }
expose health on tcp 8080 { cap 64 connections }
`;

function checks(image: Image, shipped: NativePolicy): void {
  const start = async (more: Partial<MachineOptions> = {}): Promise<Machine> => {
    const machine = await startMachine({ image: image.path, policy: shipped, selftest: true, ...more });
    atEnd(() => machine.stop());
    return machine;
  };
  const lines = (machine: Machine): readonly string[] => machine.text().split("\n").slice(0, -1);
  const ready = async (more: Partial<MachineOptions> = {}): Promise<Machine> => {
    const machine = await start(more);
    await machine.line("ingressd: ready");
    return machine;
  };

  test("the self-test prints exactly these lines and ends with status 0", async () => {
    const started = performance.now();
    const machine = await ready({ adversaries: 15 });
    const readyMs = performance.now() - started;
    const seen = await selftest(machine);
    assert.match(seen.health, /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nok\n$/);
    assert.equal(
      { ...seen, health: "" },
      {
        arp: 1,
        health: "",
        web: ALERT,
        ended: true,
        refused: { port: true, abuser: true, stranger: true, name: true },
        admitted: BURST,
        recovered: true,
      },
    );
    assert.is(await machine.end(), 0);
    assert.equal(lines(machine), WHOLE);
    assert.equal(faultsOf(machine.text()), []);
    console.log(`boot to ready ${readyMs.toFixed(0)} ms; image ${image.fileBytes} bytes, ${image.memoryBytes} bytes of memory in use of ${RAM_MIB} MiB`);
  });

  test(`${BOOTS} boots print the same text`, async () => {
    for (let boot = 0; boot < BOOTS; boot++) {
      const machine = await ready({ adversaries: 15 });
      await selftest(machine);
      assert.is(await machine.end(), 0);
      assert.equal(lines(machine), WHOLE, `boot ${boot}`);
    }
  });

  // Another policy, and the machine's verdict on the same traffic. No service is registered for `ssh`.
  const others: readonly (readonly [name: string, text: string, due: readonly string[]])[] = [
    ["allows all", ALLOW_ALL, ["ingressd: port open (port=22, proto=tcp)", ...OPENED, deny("policy"), ...verdict("ok", "FAIL", "FAIL")]],
    ["denies all", DENY_ALL, [...OPENED, ...Array.from({ length: 5 }, () => deny("policy")), deny("policy"), ...verdict("FAIL", "FAIL", "FAIL")]],
  ];
  for (const [name, text, due] of others) {
    test(`a policy that ${name} fails the self-test without a new image`, async () => {
      const machine = await ready({ policy: buildPolicy("other.ingress", text) });
      await selftest(machine);
      assert.is.not(await machine.end(), 0);
      assert.equal(lines(machine), due);
    });
  }

  test("without traffic no line says ok", async () => {
    const machine = await ready();
    assert.is(await machine.end(), 1);
    assert.equal(lines(machine), [...OPENED, ...verdict("FAIL", "FAIL", "FAIL")]);
  });

  const adversaries = [
    ["binds for the outside without a grant", 1],
    ["passes a pointer into the kernel", 2],
    ["writes to the serial line", 4],
  ] as const;
  for (const [i, [name, bit]] of adversaries.entries()) {
    test(`a service that ${name} is stopped, and the others continue to serve`, async () => {
      const machine = await ready({ adversaries: bit });
      await selftest(machine);
      assert.is(await machine.end(), 0);
      assert.equal(lines(machine), [STOPPED[i], ...WHOLE.slice(3)]);
    });
  }

  test("every call of ingressd is refused to other services", async () => {
    const machine = await ready({ adversaries: 8 });
    await selftest(machine);
    assert.is(await machine.end(), 0);
    assert.equal(lines(machine), WHOLE.slice(3));
  });

  test("a service that never waits delays `ready`, and does not block the clients of another", async () => {
    const health = await freePort();
    const begun = performance.now();
    const machine = await start({ selftest: false, adversaries: 16, forward: [[8080, health]] });
    await machine.line("ingressd: ready");
    // Its turn comes after each call of ingressd, and has a second until then.
    const ms = performance.now() - begun;
    assert.ok(ms >= 6_500, `${ms} ms`);
    for (let i = 0; i < 3; i++) assert.is(execFileSync("curl", ["-sS", "--max-time", "20", `http://127.0.0.1:${health}/`], { encoding: "utf8" }), "ok\n");
    await machine.stop();
  });

  test("no call path in the kernel or a process needs more than its stack", () => {
    const kernel = callGraph(folder, "");
    const user = callGraph(join(folder, "user"), "");
    const net = callGraph(folder, "net_wasm");
    const both = { frames: new Map([...net.frames, ...user.frames]), calls: new Map([...net.calls, ...user.calls]) };
    const rows = [
      ["kernel", kernel, ["trap", "kernel_main", "kernel_fell"], 8_192],
      ["ingressd", both, ["ingressd_main"], 8_192],
      ...["web", "health", "binder", "pointer", "poker", "pretender", "hog"].map((name) => [name, user, [`${name}_main`], 4_096] as const),
    ] as const;
    for (const [name, graph, entries, bound] of rows) {
      assert.ok(
        entries.every((entry) => graph.frames.has(entry)),
        name,
      );
      const { bytes, way } = deepest(graph, entries);
      console.log(`stack of ${name}: at most ${bytes} of ${bound} bytes (${way.join(" > ")})`);
      assert.ok(bytes <= bound, name);
    }
  });

  // Policies in memory with which the machine must not start.
  const flip = (bytes: Uint8Array, at: number): Uint8Array => {
    const copy = Buffer.from(bytes);
    copy[at] = (copy[at] ?? 0) ^ 1;
    return copy;
  };
  const damaged: readonly (readonly [name: string, policy: NativePolicy])[] = [
    ["none", { data: new Uint8Array(80), manifest: "" }],
    ["one bit of its tables changed", { ...shipped, data: flip(shipped.data, 700) }],
    ["another magic", { ...shipped, data: flip(shipped.data, 0) }],
    ["another engine's hash", { ...shipped, data: flip(shipped.data, 16) }],
    ["a length that is too large", { ...shipped, data: flip(shipped.data, 15) }],
    ["the manifest of another policy", { ...shipped, manifest: buildPolicy("other.ingress", ALLOW_ALL).manifest }],
    ["no manifest", { ...shipped, manifest: "" }],
  ];
  for (const [name, policy] of damaged) {
    test(`the machine does not start with a policy that is damaged: ${name}`, async () => {
      const machine = await start({ policy });
      assert.is(await machine.status, 4);
      assert.equal(lines(machine), ["kernel: refused to start (no sound policy)"]);
    });
  }

  test("a control frame does nothing while the machine serves", async () => {
    const machine = await startMachine({ image: image.path, policy: shipped, selftest: false });
    await machine.line("ingressd: ready");
    const ended = machine.end();
    // If it were processed, the machine would be off before it decides on the second SYN.
    for (const times of [1, 2]) {
      machine.post(tcp({ source: LAN, sourcePort: times, port: 22, seq: 1, flags: SYN }));
      await machine.line(deny("policy"), times);
    }
    await machine.stop();
    await ended;
    assert.equal(lines(machine), [...OPENED, deny("policy"), deny("policy")]);
  });

  test("`rate ok` needs a source that is refused by its rate and admitted later", async () => {
    const machine = await ready();
    for (let i = 0; i <= BURST; i++) {
      const c = client(machine, HASTY, 3_000 + i, 8443);
      assert.is(await c.open(), i < BURST);
      if (i < BURST) await c.reset();
    }
    // Other sources are admitted meanwhile.
    const other = client(machine, LAN, 3_500, 8080);
    assert.ok(await other.open());
    await other.say(Buffer.from("GET / HTTP/1.0\r\n\r\n"));
    await other.finish();
    assert.is(await machine.end(), 1);
    assert.equal(lines(machine), [...OPENED, deny("rate"), ...verdict("ok", "FAIL", "FAIL")]);
  });

  test("at most five deny lines per second and reason are printed, and the rest are counted", async () => {
    const machine = await ready();
    const refuse = async (times: number): Promise<void> => {
      for (let i = 0; i < times; i++) await machine.send(tcp({ source: LAN, sourcePort: 1_000 + i, port: 22, seq: 1, flags: SYN }));
    };
    await refuse(8);
    await machine.advance(999);
    await refuse(1);
    // The output comes by another way than the answers.
    await machine.line(deny("policy"), 5);
    assert.equal(lines(machine), [...OPENED, ...Array.from({ length: 5 }, () => deny("policy"))]);
    await machine.advance(1);
    await refuse(1);
    await machine.line(deny("policy"), 6);
    assert.is(lines(machine).length, OPENED.length + 6);
    // counts: allowed, then denied by reason (1: policy).
    assert.is((await machine.counts())[2], 10);
    await machine.stop();
  });

  test("the SYN and idle bounds apply in the image, by the clock that control frames advance", async () => {
    const machine = await ready();
    const half = tcp({ source: LAN, sourcePort: 2_000, port: 8080, seq: 1, flags: SYN });
    assert.is((await machine.send(half)).length, 1);
    // Sent again after 1 and 3 s; after 7 s there is nothing that could be.
    const sent: number[] = [];
    for (let second = 0; second < 8; second++) sent.push((await machine.advance(1_000)).length);
    assert.equal(sent, [1, 0, 1, 0, 0, 0, 0, 0]);
    const c = client(machine, LAN, 2_001, 8080);
    assert.ok(await c.open());
    assert.equal(await machine.advance(29_999), []);
    assert.is((await machine.advance(1)).length, 1);
    await machine.stop();
  });

  for (let run = 0; run < FUZZ_RUNS; run++)
    test(`the self-test passes after ${20 * FUZZ_BATCHES} damaged frames, run ${run}`, async () => {
      const machine = await ready();
      const r = chance(31_337 + run);
      for (let batch = 0; batch < FUZZ_BATCHES; batch++) {
        const frames = Array.from({ length: 20 }, () => {
          const frame = tcp({
            source: r.oneIn(2) ? LAN : OUTSIDE + r.below(200),
            sourcePort: 1 + r.below(300),
            port: r.pick([22, 8080, 8443]),
            seq: r.word(),
            ack: r.word(),
            flags: r.pick([SYN, ACK, RST, ACK | FIN, ACK | PSH, 0x3f, 0]),
            data: Buffer.alloc(r.below(900), 0x16),
          });
          for (let times = r.below(3); times > 0; times--) frame[r.below(frame.length)] = r.below(256);
          return frame.subarray(0, r.oneIn(5) ? 1 + r.below(frame.length) : frame.length);
        });
        // QEMU's queue has 16 entries; further frames are lost, as on any network.
        await machine.send(...frames.slice(0, 10));
        await machine.send(...frames.slice(10));
      }
      for (let second = 0; second < 40; second++) await machine.advance(1_000);
      const seen = await selftest(machine);
      assert.equal([seen.web, seen.admitted, seen.recovered], [ALERT, BURST, true]);
      assert.is(await machine.end(), 0);
    });

  test("real clients are served through QEMU's own network", async () => {
    const [health = 0, web = 0] = await Promise.all([freePort(), freePort()]);
    const machine = await ready({
      selftest: false,
      forward: [
        [8080, health],
        [8443, web],
      ],
    });
    assert.is(execFileSync("curl", ["-sS", "--max-time", "20", `http://127.0.0.1:${health}/`], { encoding: "utf8" }), "ok\n");
    const tls = (name: string): string => {
      const { stdout, stderr } = spawnSync("openssl", ["s_client", "-connect", `127.0.0.1:${web}`, "-servername", name], {
        input: "",
        encoding: "utf8",
        timeout: 20_000,
      });
      return stdout + stderr;
    };
    // The service has no keys, so its alert proves that it received the hello.
    assert.match(tls("www.example.com"), /alert handshake failure|alert number 40/);
    assert.not.match(tls("old.api.example.com"), /alert handshake failure|alert number 40/);
    await machine.line(deny("sni"));
    await machine.stop();
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

test("without its tools `npm run os` names the packages, and exits with 4", () => {
  const { status, stdout } = spawnSync(process.execPath, [fileURLToPath(new URL("../../scripts/os.mjs", import.meta.url))], {
    env: { PATH: folder },
    encoding: "utf8",
  });
  assert.is(
    stdout,
    "SKIP os: qemu-system-riscv64, riscv64-unknown-elf-gcc are not here; on Debian: apt-get install --no-install-recommends qemu-system-misc gcc-riscv64-unknown-elf\n",
  );
  assert.is(status, 4);
});

const missing = missingTools();
if (missing !== null) skip("the image", missing);
else checks(buildImage(folder), buildPolicy(SHIPPED, readFileSync(new URL(`../../${SHIPPED}`, import.meta.url), "utf8")));
test.run();
