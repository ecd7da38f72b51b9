// Attacks on the image under QEMU by frames, as in off_path.test.ts, places.test.ts and turns.test.ts.
import { once } from "node:events";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import * as assert from "uvu/assert";
import { buildImage, buildPolicy, type Image } from "../../scripts/os/build.ts";
import { client, type Client } from "../../scripts/os/client.ts";
import { ACK, arpRequest, ip, PSH, readTcp, RST, SYN, tcp, type Received } from "../../scripts/os/frames.ts";
import { startMachine, type Machine, type MachineOptions } from "../../scripts/os/machine.ts";
import { missingTools } from "../../scripts/os/tools.ts";
import { atLength } from "../at_length.ts";
import { chance } from "../oracle/random.ts";
import { skip } from "../skip.ts";
import { atEnd, ownFolder, suite } from "../suite.ts";
import { ALERT } from "../../scripts/os/selftest.ts";
import { offPath } from "./off_path.ts";

const test = suite("attacks on the image");
const folder = ownFolder("ingress-attacks-check-");
const LAN = ip("10.0.2.2");
const ATTACKER = ip("203.0.113.7");
const REQUEST = Buffer.from("GET / HTTP/1.1\r\nHost: machine\r\n\r\n");
/** `web` accepts and waits for the client, `health` answers; only the net of the machine reaches `health`. */
const POLICY = buildPolicy(
  "attacked.ingress",
  `edition 1
net lan = 10.0.2.0/24
expose web on tcp 8443 { cap 64 connections allow named all from any }
expose health on tcp 8080 { cap 64 connections allow named lan from lan }
`,
);
const PASSTHROUGH = buildPolicy(
  "hello.ingress",
  'edition 1\nexpose web on tcp 8443 as passthrough { allow from any sni "**" }\nexpose health on tcp 8080 { allow from any }\n',
);

function starter(image: Image): (more?: Partial<MachineOptions>) => Promise<Machine> {
  return async (more = {}) => {
    const machine = await startMachine({ image: image.path, policy: POLICY, selftest: true, ...more });
    atEnd(() => machine.stop());
    return machine;
  };
}

async function ready(start: ReturnType<typeof starter>, more: Partial<MachineOptions> = {}): Promise<Machine> {
  const machine = await start(more);
  await machine.line("ingressd: ready");
  return machine;
}

/** Called with every segment of the machine that comes while somebody waits for another one. */
type Heard = (s: Received) => void;

/** Sends frames every 20 ms until an answer of this kind has come; null after two seconds. */
async function until(machine: Machine, frames: readonly Buffer[], wanted: (s: Received) => boolean, heard: Heard = () => undefined): Promise<Received | null> {
  for (let tries = 0; tries < 100; tries++) {
    for (const frame of frames) machine.post(frame);
    for (const due = performance.now() + 20; performance.now() < due;) {
      const all = machine.heard().flatMap((frame) => readTcp(frame) ?? []);
      all.forEach(heard);
      const found = all.find(wanted);
      if (found !== undefined) return found;
      await machine.change(due - performance.now());
    }
  }
  return null;
}

/** A whole request to `health` of a client that knows the machine's hardware address: milliseconds until its answer, null if none came. */
async function fetched(machine: Machine, sourcePort: number, heard: Heard): Promise<number | null> {
  const begun = performance.now();
  const to = { source: LAN, sourcePort, port: 8080 };
  const isMine = ({ to: address, toPort }: Received): boolean => address === LAN && toPort === sourcePort;
  const answer = await until(machine, [tcp({ ...to, seq: 1_000, flags: SYN })], (s) => isMine(s) && s.flags === (SYN | ACK), heard);
  if (answer === null) return null;
  const request = tcp({ ...to, seq: 1_001, ack: (answer.seq + 1) >>> 0, flags: ACK | PSH, data: REQUEST });
  const last = await until(machine, [request], (s) => isMine(s) && s.data.toString().endsWith("ok\n"), heard);
  const ms = performance.now() - begun;
  if (last !== null) machine.post(tcp({ ...to, seq: 1_001 + REQUEST.length, flags: RST }));
  return last === null ? null : ms;
}

/** Sends this many ARP requests a second from a thread of its own, until `stop`, which resolves with the number of them. */
async function flood(machine: Machine, perSecond: number): Promise<{ stop(): Promise<number> }> {
  const worker = new Worker(
    `const { parentPort, workerData: { frame, port, perSecond } } = require("node:worker_threads");
     const socket = require("node:dgram").createSocket("udp4");
     let sent = 0;
     const begun = performance.now();
     const timer = setInterval(() => {
       for (const due = (performance.now() - begun) / 1000 * perSecond; sent < due; sent++) socket.send(frame, port, "127.0.0.1");
     }, 2);
     parentPort.on("message", () => { clearInterval(timer); parentPort.postMessage(sent); socket.close(); parentPort.close(); });`,
    { eval: true, workerData: { frame: arpRequest(ATTACKER), port: machine.port, perSecond } },
  );
  await once(worker, "online");
  return {
    async stop() {
      const [said, gone] = [once(worker, "message") as Promise<[number]>, once(worker, "exit")];
      worker.postMessage("stop");
      const [sent] = await said;
      await gone;
      return sent;
    },
  };
}

/** Of each way, a machine for each. */
const OFF_PATH_RUNS = atLength(10, 1);

function framesAttack(start: ReturnType<typeof starter>): void {
  // The segments that sufficed while connections shared a budget of challenges.
  const WAYS = [
    ["reset", 4_500],
    ["inject", 1_900],
  ] as const;
  for (const [way, sufficed, run] of WAYS.flatMap(([word, n]) => Array.from({ length: OFF_PATH_RUNS }, (_, i) => [word, n, i] as const))) {
    test(`a blind ${way} with ten times the segments that sufficed does nothing, run ${run}`, async () => {
      const SPACE = 2 ** 18;
      const machine = await ready(start);
      const r = chance(77 + run);
      // The service `web` ends a connection at its first byte, so the attacker opens one after the other.
      let own = client(machine, ATTACKER, 30_000, 8443, r.word());
      let opened = 30_000;
      const c = client(machine, LAN, 40_001, 8080, r.word());
      assert.ok((await own.open()) && (await c.open()));
      const keep = async (): Promise<void> => {
        await own.reset();
        own = client(machine, ATTACKER, ++opened, 8443, r.word());
        if (!(await own.open())) throw new Error("the attacker has no connection");
        await c.say(Buffer.from("k"));
      };
      const target = { source: LAN, sourcePort: 40_001, port: 8080, seqFrom: c.seq - r.below(SPACE), ackFrom: c.ack - r.below(SPACE), space: SPACE };
      const attack = await offPath(machine, () => own, ATTACKER, target, keep);
      for (let attempt = 0; attack.packets < 10 * sufficed; attempt++) {
        await attack[way](1_009 * attempt);
        assert.not.ok(c.isReset, `after ${attack.packets} segments`);
      }
      // Another byte in its stream would be in the way of the empty line.
      await c.say(Buffer.from("\r\n\r\n"));
      assert.ok(Buffer.concat(c.data).toString().endsWith("ok\n"));
      await machine.stop();
    });
  }
}

function floods(start: ReturnType<typeof starter>): void {
  test("under 30,000 ARP frames a second a client is served within 100 ms, and a timer ends at its time", async () => {
    const machine = await ready(start, { selftest: false, policy: PASSTHROUGH });
    const arp = await flood(machine, 30_000);
    const silent = { source: ATTACKER, sourcePort: 7, port: 8443 };
    const answer = await until(machine, [tcp({ ...silent, seq: 1, flags: SYN })], (s) => s.toPort === 7 && s.flags === (SYN | ACK));
    assert.ok(answer !== null);
    const begun = performance.now();
    for (let i = 0; i < 20; i++) machine.post(tcp({ ...silent, seq: 2, ack: ((answer?.seq ?? 0) + 1) >>> 0, flags: ACK }));
    let endedMs: number | null = null;
    const heard = (s: Received): void => {
      if (s.toPort === 7 && (s.flags & RST) !== 0) endedMs ??= performance.now() - begun;
    };
    // On a busy host, sender and receiver wait for a processor too: of three rounds the best one counts, and its median.
    const medians: number[] = [];
    for (let round = 0; round < 3 && !medians.some((ms) => ms <= 100); round++) {
      const times: number[] = [];
      for (let i = 0; i < 20; i++) {
        const ms = await fetched(machine, 1_000 + 20 * round + i, heard);
        assert.ok(ms !== null, "not served");
        times.push(ms ?? 0);
      }
      medians.push(times.sort((x, y) => x - y)[10] ?? 1e9);
    }
    const rest = 6_000 - (performance.now() - begun);
    for (let left = rest; endedMs === null && left > 0; left = 6_000 - (performance.now() - begun)) {
      await machine.change(left);
      for (const frame of machine.heard()) for (const s of [readTcp(frame)]) if (s !== null) heard(s);
    }
    const seconds = (performance.now() - begun) / 1_000;
    const sent = await arp.stop();
    const shown = medians.map((ms) => ms.toFixed(1)).join(", ");
    console.log(
      `under ${(sent / seconds).toFixed(0)} ARP frames a second: served within ${shown} ms (median); a timer of 5,000 ms ended after ${Math.round(endedMs ?? 0)} ms`,
    );
    assert.ok((medians.at(-1) ?? 1e9) <= 100, shown);
    assert.ok(endedMs !== null && endedMs >= 4_900 && endedMs <= 5_600, `${endedMs} ms`);
    await machine.stop();
  });
}

function places(start: ReturnType<typeof starter>): void {
  test("while all places of one port are taken for an hour, another one serves", async () => {
    const machine = await ready(start);
    const taken: Client[] = [];
    for (;;) {
      const c = client(machine, LAN, 1_000 + taken.length, 8080);
      if (!(await c.open())) break;
      taken.push(c);
    }
    assert.is(taken.length, 24);
    let others = 0;
    for (let ms = 0; ms < 3_600_000; ms += 25_000) {
      for (const c of taken) await c.say(Buffer.from("k"));
      const c = client(machine, ATTACKER, 10_000 + others++, 8443);
      assert.ok(await c.open(), `after ${ms} ms`);
      await c.say(Buffer.from("x"));
      assert.ok(c.isEnded && Buffer.concat(c.data).equals(ALERT), `after ${ms} ms`);
      await c.reset();
      await machine.advance(25_000);
    }
    assert.ok(taken.every(({ isReset }) => !isReset));
    await machine.stop();
  });

  test("a half-closed connection ends after 60 s, and the handshakes of one port replace none of another's", async () => {
    const machine = await ready(start);
    const half = client(machine, ATTACKER, 1, 8443);
    assert.ok(await half.open());
    // The service ends, and the client sends a byte in each 20 s.
    await half.say(Buffer.from("x"));
    assert.ok(half.isEnded);
    for (let second = 20; second <= 40; second += 20) {
      await machine.advance(20_000);
      await half.say(Buffer.from("x"));
      assert.not.ok(half.isReset, `${second} s`);
    }
    await machine.advance(19_999);
    await half.send({});
    assert.not.ok(half.isReset);
    await machine.advance(1);
    await half.send({});
    assert.ok(half.isReset);

    const ours =
      (await machine.send(tcp({ source: LAN, sourcePort: 2, port: 8080, seq: 1_000, flags: SYN }))).flatMap((frame) => readTcp(frame) ?? [])[0]?.seq ?? 0;
    for (let i = 0; i < 100; i++) await machine.send(tcp({ source: ATTACKER + i, sourcePort: 9, port: 8443, seq: 1, flags: SYN }));
    const c = client(machine, LAN, 2, 8080, 1_001);
    c.ack = (ours + 1) >>> 0;
    assert.equal(await c.send({}), []);
    await c.say(REQUEST);
    assert.ok(Buffer.concat(c.data).toString().endsWith("ok\n"));
    // The handshakes of its own port replace it: silence, and no reset.
    const late =
      (await machine.send(tcp({ source: ATTACKER, sourcePort: 3, port: 8443, seq: 1_000, flags: SYN }))).flatMap((frame) => readTcp(frame) ?? [])[0]?.seq ?? 0;
    for (let i = 0; i < 100; i++) await machine.send(tcp({ source: ATTACKER + i, sourcePort: 10, port: 8443, seq: 1, flags: SYN }));
    assert.equal(await machine.send(tcp({ source: ATTACKER, sourcePort: 3, port: 8443, seq: 1_001, ack: (late + 1) >>> 0, flags: ACK })), []);
    await machine.stop();
  });
}

const missing = missingTools();
if (missing !== null) skip("attacks on the image", missing);
else {
  const image = buildImage(join(folder, "image"));
  const start = starter(image);
  framesAttack(start);
  // It measures time, and a busy host has none left for the machine.
  if (atLength(true, false)) floods(start);
  places(start);
}
test.run();
