// Runs the image on QEMU's machine `virt` and reports its output, its frames and its exit status. Its network is
// a datagram socket on loopback (`-netdev dgram`), one frame per datagram, or QEMU's user network for real clients.
import { spawn, type ChildProcess } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NativePolicy } from "../../compiler/emit/native.ts";
import { control, OP_ADVANCE, OP_COUNTS, OP_END, OP_WAIT, readControl } from "./frames.ts";
import type { Wire } from "./wire.ts";

export const QEMU = "qemu-system-riscv64";
export const RAM_MIB = 8;
const HERE = "127.0.0.1";
/** runtime/os/image/kernel.h */
const BOOT_AT = 0x80400000,
  MANIFEST_AT = 0x80401000,
  POLICY_AT = 0x80410000;
/** Between what the image uses and the end of the RAM. */
export const EARLY_AT = 0x80700000;
/** Maximum run time of a machine; the image itself gives up earlier. */
const MOST_MS = 110_000;

export interface MachineOptions {
  readonly image: string;
  readonly policy: NativePolicy;
  /** Control frames are processed and drive the clock. */
  readonly selftest: boolean;
  /** Bits: 1 binder, 2 pointer, 4 poker, 8 pretender, 16 hog (which keeps the machine from ever being idle in a self-test). */
  readonly adversaries?: number;
  /** Forwarded ports of loopback, instead of a wire: `[[8443, 34567]]` is the machine's 8443 at 34567 here. */
  readonly forward?: readonly (readonly [port: number, here: number])[];
  /** Another backend of the network card than a wire, as QEMU's option `-netdev` has it; its id is `net`. */
  readonly net?: string;
  /** Properties of the entropy device, as `max-bytes=1`. */
  readonly random?: string;
  /** Code that runs before the image, from EARLY_AT on. */
  readonly early?: Uint8Array;
  /** Called with the machine's output as it comes. */
  readonly echo?: (text: string) => void;
}

export interface Machine extends Wire {
  /** All output so far. */
  readonly text: () => string;
  /** Resolves when a line was printed that many times; rejects if the machine ended before. */
  line(text: string, times?: number): Promise<void>;
  /** The UDP port of loopback that takes frames for it. */
  readonly port: number;
  /** Sends a frame and returns at once. */
  post(frame: Buffer): void;
  /** The frames that came since the last call, for a machine that serves. */
  heard(): readonly Buffer[];
  /** Resolves when a frame or output has come, at the latest after `ms`. */
  change(ms: number): Promise<void>;
  counts(): Promise<readonly number[]>;
  /** Requests the verdict and resolves with the machine's status. */
  end(): Promise<number>;
  /** The machine's status after it has ended by itself. */
  readonly status: Promise<number>;
  stop(): Promise<void>;
}

/** A free UDP port. */
async function freePort(): Promise<number> {
  const probe = createSocket("udp4");
  probe.bind(0, HERE);
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
}

export async function startMachine(options: MachineOptions): Promise<Machine> {
  const scratch = mkdtempSync(join(tmpdir(), "ingress-os-"));
  const socket = createSocket("udp4");
  socket.bind(0, HERE);
  await once(socket, "listening");
  const theirs = await freePort();
  const child = spawn(QEMU, words(options, scratch, socket.address().port, theirs), { stdio: ["ignore", "pipe", "pipe"] });
  return machine(child, options.echo ?? (() => undefined), socket, theirs, () => {
    rmSync(scratch, { recursive: true, force: true });
  });
}

function words(options: MachineOptions, scratch: string, ours: number, theirs: number): readonly string[] {
  const place = (name: string, bytes: Uint8Array | string, at: number): readonly string[] => {
    writeFileSync(join(scratch, name), bytes);
    return ["-device", `loader,file=${join(scratch, name)},addr=0x${at.toString(16)},force-raw=on`];
  };
  const boot = Buffer.alloc(12);
  boot.writeUInt32LE(options.selftest ? 1 : 0, 0);
  boot.writeUInt32LE(options.adversaries ?? 0, 4);
  const net =
    options.net !== undefined ? options.net
    : options.forward === undefined ?
      `dgram,id=net,local.type=inet,local.host=${HERE},local.port=${theirs},remote.type=inet,remote.host=${HERE},remote.port=${ours}`
    : `user,id=net,restrict=on${options.forward.map(([port, here]) => `,hostfwd=tcp:${HERE}:${here}-10.0.2.15:${port}`).join("")}`;
  return [
    "-machine",
    "virt",
    "-bios",
    "none",
    "-m",
    `${RAM_MIB}M`,
    "-display",
    "none",
    "-monitor",
    "none",
    "-serial",
    "stdio",
    "-no-reboot",
    "-global",
    "virtio-mmio.force-legacy=false",
    "-kernel",
    options.image,
    ...place("boot.bin", boot, BOOT_AT),
    ...place("manifest", options.policy.manifest, MANIFEST_AT),
    ...place("policy.bin", options.policy.data, POLICY_AT),
    ...(options.early === undefined ? [] : place("early.bin", options.early, EARLY_AT).map((word) => (word === "-device" ? word : `${word},cpu-num=0`))),
    "-device",
    `virtio-rng-device${options.random === undefined ? "" : `,${options.random}`}`,
    "-netdev",
    net,
    "-device",
    "virtio-net-device,netdev=net,mac=52:54:00:12:34:56",
  ];
}

/** Resolves when `found` returns a value, or with null if the machine has ended. `changed`: called at each change. */
async function waitUntil<T>(found: () => T | null, hasEnded: () => boolean, changed: Set<() => void>): Promise<T | null> {
  for (;;) {
    const value = found();
    if (value !== null || hasEnded()) return value;
    await new Promise<void>((done) => {
      const again = (): void => {
        changed.delete(again);
        done();
      };
      changed.add(again);
    });
  }
}

/** The output of a machine so far. `ended`: its exit code, null while it runs. */
interface Seen {
  text: string;
  errors: string;
  ended: number | null;
  readonly frames: Buffer[];
}

/** Collects the machine's output into `seen`; the promise has its exit code. */
function collect(child: ChildProcess, echo: (text: string) => void, socket: Socket, seen: Seen, change: () => void): Promise<number> {
  const fault = (error: Error): void => {
    seen.errors += error.message;
  };
  child.stdout?.setEncoding("latin1").on("data", (chunk: string) => {
    seen.text += chunk;
    echo(chunk);
    change();
  });
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    seen.errors += chunk;
  });
  socket.on("message", (frame) => {
    seen.frames.push(frame);
    change();
  });
  socket.on("error", fault);
  child.on("error", fault);
  return new Promise((done) => child.on("close", (code) => done(code ?? -1)));
}

function machine(child: ChildProcess, echo: (text: string) => void, socket: Socket, theirs: number, remove: () => void): Machine {
  const changed = new Set<() => void>();
  const seen: Seen = { text: "", errors: "", ended: null, frames: [] };
  const change = (): void => {
    for (const done of [...changed]) done();
  };
  const kill = (): void => {
    child.kill("SIGKILL");
  };
  const timer = setTimeout(kill, MOST_MS);
  process.on("exit", kill);
  const status = collect(child, echo, socket, seen, change).then((code) => {
    clearTimeout(timer);
    process.off("exit", kill);
    socket.close();
    remove();
    seen.ended = code;
    change();
    return code;
  });

  const until = <T>(found: () => T | null): Promise<T | null> => waitUntil(found, () => seen.ended !== null, changed);
  const over = (): Error => new Error(`the machine ended with ${seen.ended}: ${seen.errors}\n${seen.text}`);

  async function exchange(frames: readonly Buffer[]): Promise<readonly Buffer[]> {
    seen.frames.length = 0;
    for (const frame of frames) socket.send(frame, theirs, HERE);
    const count = await until(() => {
      const at = seen.frames.findIndex((frame) => readControl(frame) !== null);
      return at < 0 ? null : at;
    });
    if (count === null) throw over();
    return seen.frames.slice(0, count + 1);
  }

  const quiet = async (frames: readonly Buffer[]): Promise<readonly Buffer[]> => (await exchange(frames)).slice(0, -1);

  return {
    text: () => seen.text,
    port: theirs,
    status,
    send: (...frames) => quiet([...frames, control(OP_WAIT)]),
    advance: (ms) => quiet([control(OP_ADVANCE, ms)]),
    async line(wanted, times = 1) {
      const lines = (): number =>
        seen.text
          .split("\n")
          .slice(0, -1)
          .filter((line) => line === wanted).length;
      if ((await until(() => (lines() >= times ? true : null))) === null) throw over();
    },
    post(frame) {
      socket.send(frame, theirs, HERE);
    },
    heard: () => seen.frames.splice(0),
    change: (ms) =>
      new Promise((done) => {
        const come = (): void => {
          clearTimeout(late);
          changed.delete(come);
          done();
        };
        const late = setTimeout(come, ms);
        changed.add(come);
      }),
    async counts() {
      const last = (await exchange([control(OP_COUNTS)])).at(-1);
      return (last === undefined ? null : readControl(last)) ?? [];
    },
    async end() {
      socket.send(control(OP_END), theirs, HERE);
      return status;
    },
    async stop() {
      kill();
      await status;
    },
  };
}
