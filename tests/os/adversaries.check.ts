// Attacks on the image under QEMU by a changed ingressd, services, devices and code that ran before it. The images are built from the
// kernel's own sources with one process changed.
import { spawnSync } from "node:child_process";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { buildImage, buildPolicy } from "../../scripts/os/build.ts";
import { client } from "../../scripts/os/client.ts";
import { arpRequest, ip, SYN, tcp } from "../../scripts/os/frames.ts";
import { EARLY_AT, startMachine, type Machine, type MachineOptions } from "../../scripts/os/machine.ts";
import { missingTools } from "../../scripts/os/tools.ts";
import { skip } from "../skip.ts";
import { atEnd, ownFolder, suite } from "../suite.ts";

const test = suite("adversaries of the image");
const folder = ownFolder("ingress-adversaries-check-");
const root = fileURLToPath(new URL("../..", import.meta.url));
const SOURCES = join(root, "runtime/os/image");
const SHIPPED = "policies/os_image.ingress";
const LAN = ip("10.0.2.2");
/** `health` is only for 10.0.2.0/24. */
const STRANGER = ip("10.0.3.1");
const lines = (machine: Machine): readonly string[] => machine.text().split("\n").slice(0, -1);

interface Change {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** An image whose processes are changed in these places, each of which must be there once. */
function changedImage(name: string, changes: readonly Change[]): string {
  const sources = join(folder, `${name}-sources`);
  cpSync(SOURCES, sources, { recursive: true });
  for (const { file, from, to } of changes) {
    const path = join(sources, "user", file);
    const [before, after, ...more] = readFileSync(path, "utf8").split(from);
    if (before === undefined || after === undefined || more.length > 0) throw new Error(`${file} does not have once: ${from}`);
    writeFileSync(path, before + to + after);
  }
  return buildImage(join(folder, name), sources).path;
}

/** Code that runs before the image; the last instructions jump to it. */
function early(name: string, code: string): Uint8Array {
  const [source, object, binary] = ["S", "o", "bin"].map((end) => join(folder, `${name}.${end}`));
  writeFileSync(source ?? "", `.option arch, +zicsr\n${code}\nli t0, 0x80000000\njr t0\n`);
  for (const [tool, ...words] of [
    ["gcc", "-march=rv64imac", "-mabi=lp64", "-c", source, "-o", object],
    ["objcopy", "-O", "binary", "-j", ".text", object, binary],
  ]) {
    const { status, stderr } = spawnSync(
      `riscv64-unknown-elf-${tool}`,
      words.filter((word) => word !== undefined),
      { encoding: "utf8" },
    );
    if (status !== 0) throw new Error(stderr);
  }
  return readFileSync(binary ?? "");
}

const missing = missingTools();
if (missing !== null) skip("adversaries of the image", missing);
else {
  const policy = buildPolicy(SHIPPED, readFileSync(join(root, SHIPPED), "utf8"));
  const liar = changedImage("liar", [
    // It admits every client as one of the machine's own net.
    { file: "ingressd.c", from: "system4(CALL_PEEK, port, source, 0, 0)", to: `system4(CALL_PEEK, port, (source & 0) | ${LAN}, 0, 0)` },
    { file: "ingressd.c", from: "system4(CALL_ADMIT, port, source, 0, 0)", to: `system4(CALL_ADMIT, port, (source & 0) | ${LAN}, 0, 0)` },
    {
      file: "ingressd.c",
      from: "    if (bind(TCP, 0, port) != 0)",
      to: "    for (int n = 0; n < 500; n++) bind(TCP, 0, port);\n    if (bind(TCP, 0, port) != 0)",
    },
    { file: "adversaries.c", from: "  bind(TCP, 0, 8443);\n", to: "  for (;;) bind(TCP, 0, 8443);\n" },
    // It unregisters after its first answer, and registers again ten seconds later. The port of another is not its own.
    { file: "health.c", from: "static uint8_t bytes[512];\n", to: "static uint8_t bytes[512];\nstatic int is_away;\n" },
    {
      file: "health.c",
      from: "    write(c, bytes, sizeof answer - 1);\n",
      to: "    write(c, bytes, sizeof answer - 1);\n    is_away = unbind(9000) == -1 && unbind(0) == -1 && unbind(9001) == 0 && unbind(9001) == -1;\n",
    },
    {
      file: "health.c",
      from: "    wait(ALWAYS);\n",
      // The first wait ends when the answer is taken.
      to: "    if (!is_away) wait(ALWAYS);\n    else {\n      wait(11000);\n      wait(11000);\n      is_away = bind(TCP, LOOPBACK, 9001) != 0;\n    }\n",
    },
    // These two read a counter and use a register of floating point, where they do no harm else.
    { file: "adversaries.c", from: "  read(1, (void *)0x80000000UL, 64);\n", to: '  __asm__ volatile(".word 0xc0002573" ::: "a0");\n' },
    // This one also registers, though the policy exposes nothing of it.
    {
      file: "adversaries.c",
      from: "  uint64_t own[8] = {0};\n",
      to: '  uint64_t own[8] = {0};\n  bind(TCP, LOOPBACK, 9100);\n  __asm__ volatile(".word 0xf2000053");\n',
    },
  ]);
  const hasty = changedImage("hasty", [{ file: "ingressd.c", from: "if (bind(TCP, 0, port) != 0)", to: "if (i > 0 && bind(TCP, 0, port) != 0)" }]);
  const start = async (image: string, more: Partial<MachineOptions> = {}): Promise<Machine> => {
    const machine = await startMachine({ image, policy, selftest: true, ...more });
    atEnd(() => machine.stop());
    return machine;
  };

  test("an ingressd that names another source than the frame's admits nobody", async () => {
    const machine = await start(liar);
    await machine.line("ingressd: ready");
    for (const source of [STRANGER, LAN + 1]) {
      const c = client(machine, source, 40_000, 8080);
      assert.not.ok(await c.open());
    }
    // Where it says what is so, the client is served.
    const c = client(machine, LAN, 40_000, 8080);
    assert.ok(await c.open());
    await machine.stop();
  });

  test("a service registers and unregisters at run time: without it a SYN is refused, and accepted connections continue", async () => {
    const machine = await start(liar);
    await machine.line("ingressd: ready");
    const [first, second] = [client(machine, LAN, 40_000, 8080), client(machine, LAN, 40_001, 8080)];
    assert.ok((await first.open()) && (await second.open()));
    const request = Buffer.from("GET / HTTP/1.1\r\n\r\n");
    const isServed = (c: typeof first): boolean => Buffer.concat(c.data).toString().endsWith("\r\n\r\nok\n");
    await first.say(request);
    assert.ok(isServed(first));
    const refused = client(machine, LAN, 40_002, 8080);
    assert.not.ok(await refused.open());
    assert.ok(refused.isReset);
    assert.is(lines(machine).at(-1), "ingressd: deny (reason=policy)");
    await machine.advance(9_999);
    assert.not.ok(await client(machine, LAN, 40_003, 8080).open());
    await machine.advance(1);
    const third = client(machine, LAN, 40_004, 8080);
    assert.ok(await third.open());
    await second.say(request);
    assert.ok(isServed(second) && !second.isReset);
    await machine.stop();
  });

  test("a port has one line, however often ingressd binds it", async () => {
    const machine = await start(liar);
    await machine.line("ingressd: ready");
    assert.equal(lines(machine), ["ingressd: port open (port=8080, proto=tcp)", "ingressd: port open (port=8443, proto=tcp)", "ingressd: ready"]);
    await machine.stop();
  });

  test("a service that the policy does not expose can't register", async () => {
    const machine = await start(liar, { adversaries: 8 });
    await machine.line("abi-filter: deny (subject=pretender syscall=net.bind)");
    await machine.line("ingressd: ready");
    assert.equal(
      lines(machine).filter((line) => line.startsWith("abi-filter")),
      ["abi-filter: deny (subject=pretender syscall=net.bind)"],
    );
    await machine.stop();
  });

  test("an ingressd that says it is ready before every port is open is stopped", async () => {
    const machine = await start(hasty);
    await machine.line("kernel: stopped (subject=ingressd cause=ready)");
    assert.equal(lines(machine), ["ingressd: port open (port=8443, proto=tcp)", "kernel: stopped (subject=ingressd cause=ready)"]);
    await machine.stop();
  });

  test("a service that binds without an end gets five lines a second, and the count of the others", async () => {
    const machine = await start(liar, { selftest: false, adversaries: 1 });
    await machine.line("ingressd: ready");
    const denied = "abi-filter: deny (subject=binder syscall=net.bind)";
    const begun = performance.now();
    await machine.line(denied, 15);
    const seconds = (performance.now() - begun) / 1_000;
    await machine.stop();
    const omitted = lines(machine).flatMap((line) => /^abi-filter: omitted \(subject=binder lines=(\d+)\)$/.exec(line)?.[1] ?? []);
    console.log(`in ${seconds.toFixed(1)} s: ${lines(machine).filter((line) => line === denied).length} lines, ${omitted.join(" + ")} left out`);
    assert.ok(seconds > 1.5, `${seconds} s for 15 lines`);
    assert.ok(omitted.length >= 2 && omitted.every((n) => Number(n) > 100), omitted.join());
    assert.ok(lines(machine).every((line) => line === denied || /^(abi-filter: omitted|ingressd: (port open|ready))/.test(line)));
  });

  // The adversaries that such code would help: 2 reads a counter, 4 prints a marker, 8 uses floating point.
  test("what ran before the image can't open memory, counters or floating point to a service", async () => {
    const code = early(
      "careless",
      `li t0, -1
csrw mcounteren, t0
csrw pmpaddr4, t0
csrw pmpaddr15, t0
li t1, 0x1f
slli t2, t1, 32
csrw pmpcfg0, t2
slli t2, t1, 56
csrw pmpcfg2, t2
li t1, 0x6000
csrs mstatus, t1`,
    );
    assert.ok(code.length > 40 && EARLY_AT > 0x80410000);
    const machine = await start(liar, { early: code, adversaries: 14 });
    await machine.line("ingressd: ready");
    await machine.send();
    assert.equal(
      lines(machine).filter((line) => !line.startsWith("ingressd: ")),
      [
        "kernel: stopped (subject=pointer cause=instruction)",
        "kernel: stopped (subject=poker cause=store)",
        "abi-filter: deny (subject=pretender syscall=net.bind)",
        "kernel: stopped (subject=pretender cause=instruction)",
      ],
    );
    await machine.stop();
  });

  test("what ran before the image can't take traps away from the kernel", async () => {
    const machine = await start(liar, { early: early("delegating", "li t0, -1\ncsrw medeleg, t0\ncsrw mideleg, t0") });
    await machine.line("ingressd: ready");
    await machine.stop();
  });

  test("with a locked entry of PMP the machine does not start", async () => {
    const machine = await start(liar, { early: early("locked", "li t0, -1\ncsrw pmpaddr5, t0\nli t1, 0x9f\nslli t1, t1, 40\ncsrw pmpcfg0, t1") });
    assert.is(await machine.status, 4);
    assert.equal(lines(machine), ["kernel: refused to start (entries of PMP are locked)"]);
  });

  test("a machine whose entropy device gives one byte and no more refuses to start", async () => {
    const machine = await start(liar, { random: "max-bytes=1,period=3600000" });
    assert.is(await machine.status, 4);
    assert.equal(lines(machine), ["kernel: refused to start (virtio-rng does not answer)"]);
  });

  test("a policy with more than 16 ports is refused whole", async () => {
    const ports = (n: number): MachineOptions["policy"] =>
      buildPolicy("ports.ingress", `edition 1\nexpose web on tcp ${Array.from({ length: n }, (_, i) => 2_000 + 3 * i).join(", ")} { allow from any }\n`);
    const full = await start(liar, { policy: ports(16) });
    await full.line("ingressd: ready");
    // `health` is not exposed there, so it may not register.
    assert.is(lines(full).filter((line) => !line.startsWith("abi-filter: deny (subject=health ")).length, 17);
    await full.stop();
    const machine = await start(liar, { policy: ports(17) });
    assert.is(await machine.status, 4);
    assert.equal(lines(machine), ["kernel: refused to start (the policy has more than 16 ports)"]);
  });

  test("a network that takes no frame does not stop the machine", async () => {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    const connected = once(server, "connection") as Promise<[Socket]>;
    const machine = await start(liar, { selftest: false, net: `socket,id=net,connect=127.0.0.1:${address.port}` });
    const [socket] = await connected;
    atEnd(() => {
      socket.destroy();
      server.close();
      return Promise.resolve();
    });
    // Nobody reads what the machine sends.
    socket.pause();
    const post = (frame: Buffer): boolean => {
      const head = Buffer.alloc(4);
      head.writeUInt32BE(frame.length);
      return socket.write(Buffer.concat([head, frame]));
    };
    await machine.line("ingressd: ready");
    // The answers fill the buffers of both ends, until QEMU takes no more from the machine: about 3 MB. A machine that then takes no
    // frame either never drains what is sent to it.
    for (let sent = 0; sent < 150_000; sent++) if (!post(arpRequest(LAN))) await once(socket, "drain");
    post(tcp({ source: LAN, sourcePort: 1, port: 22, seq: 1, flags: SYN }));
    await machine.line("ingressd: deny (reason=policy)");
    await machine.stop();
  });
}

test.run();
