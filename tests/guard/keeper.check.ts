// A guard that is stopped or killed takes the program with a port under a token with it, whatever that has forked; a
// program without one lives on. Real processes of a user without rights, whose guard and keeper are of the same user.
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, chownSync, closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { eventually, freePort, moduleOf, running, type Under } from "../gateway/gateway_under_test.ts";
import { chosen } from "./chosen.ts";
import { GUARD, missing, NOBODY, place, program, remove } from "./guarded.ts";

const guard = suite("guard keeper");
const where = place(undefined, process.getuid?.() === 0 ? NOBODY : null);
const lacks = process.getuid?.() === 0 ? missing(where) : "not root here";
guard.after(() => remove(where));

const test = (name: string, work: () => Promise<void>, needs: readonly string[] = []): void => {
  if (!chosen(name)) return;
  const absent = needs.find((tool) => !existsSync(`/usr/bin/${tool}`));
  const why = lacks ?? (absent === undefined ? null : `there is no ${absent}`);
  if (why === null) guard(name, work);
  else guard(`${name} (skipped)`, () => console.log(`SKIP guard ${name}: ${why}`));
};

const EPERM = -1;
const EACCES = -13;
const ENOSYS = -38;
const KILLED = 137;
const [INET, STREAM] = [2, 1];
const at = (port: number): string => `0200${port.toString(16).padStart(4, "0")}${"00".repeat(12)}`;

const socketFolder = mkdtempSync(join(tmpdir(), "ingressd-socket-"));
chmodSync(socketFolder, 0o755);
guard.after(() => rmSync(socketFolder, { recursive: true }));
const keyFile = join(socketFolder, "guard.key");
writeFileSync(keyFile, `${randomBytes(32).toString("hex")}\n`, { mode: 0o600 });

interface Kept {
  readonly port: number;
  readonly gateway: Under;
  /** The keeper: what a user starts. */
  readonly child: ChildProcess;
  readonly err: () => string;
  line(): Promise<string>;
  write(text: string): void;
  readonly ended: Promise<number | null>;
  stop(): Promise<void>;
}

async function kept(command: (port: number) => readonly string[], proto: "tcp" | "udp" = "tcp"): Promise<Kept> {
  const port = await freePort();
  const socket = join(socketFolder, `${port}.sock`);
  const text = `edition 1\n@why "it reads the addresses of its clients itself"\nexpose web on ${proto} ${port} as direct { }\n`;
  const gateway = await running({
    policy: text,
    config: `[guard]\nkey_file = "${keyFile}"\n[services.web]\nuid = ${NOBODY}\nsocket = "${socket}"\nmode = "0666"`,
    wall: Date.now,
  });
  const policy = join(where.folder, `${port}.wasm`);
  writeFileSync(policy, moduleOf(text), { mode: 0o600 });
  chownSync(policy, NOBODY, NOBODY);
  const key = openSync(keyFile, "r");
  // A pipe with a name: one of Node's would be closed when the keeper ends.
  const fifo = join(socketFolder, `${port}.in`);
  execFileSync("mkfifo", [fifo]);
  const input = openSync(fifo, "r+");
  const child = spawn(
    "setpriv",
    [
      `--reuid=${NOBODY}`,
      `--regid=${NOBODY}`,
      "--clear-groups",
      process.execPath,
      GUARD,
      "--policy",
      policy,
      "--service",
      "web",
      "--ingressd",
      socket,
      "--key",
      "/dev/fd/3",
      "--",
      ...command(port),
    ],
    {
      stdio: [input, "pipe", "pipe", key],
      env: { ...process.env, XDG_RUNTIME_DIR: where.runtime },
    },
  );
  closeSync(key);
  let err = "";
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    err += chunk;
  });
  const lines: string[] = [];
  let heard = (): void => undefined;
  let over = false;
  if (child.stdout !== null)
    createInterface({ input: child.stdout })
      .on("line", (line) => {
        lines.push(line);
        heard();
      })
      .on("close", () => {
        over = true;
        heard();
      });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  return {
    port,
    gateway,
    child,
    err: () => err,
    ended,
    async line() {
      while (lines.length === 0 && !over)
        await new Promise<void>((resolve) => {
          heard = resolve;
        });
      const line = lines.shift();
      if (line === undefined) throw new Error(`the program has ended: ${err}`);
      return line;
    },
    write: (chunk) => void writeSync(input, `${chunk}\n`),
    async stop() {
      child.kill();
      await ended;
      await gateway.stop();
    },
  };
}

const inOtherSession = (proto: "tcp" | "udp") => (port: number) => [
  "python3",
  fileURLToPath(new URL("programs/other_session.py", import.meta.url)),
  String(port),
  proto,
];

/** The line that `other_session.py` and `hops` print when they have the port. */
async function up(s: Kept): Promise<{ readonly left: number; readonly guard: number }> {
  const line = await s.line();
  const [, left = "", guardsPid = ""] = /^up (\d+) (\d+)$/.exec(line) ?? [];
  assert.ok(left !== "", `${line} ${s.err()}`);
  return { left: Number(left), guard: Number(guardsPid) };
}

const reached = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });

/** Neither a zombie nor gone. */
function lives(pid: number): boolean {
  try {
    return !/^State:\s*[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
  } catch {
    return false;
  }
}

const udpBound = (port: number): boolean =>
  readFileSync("/proc/net/udp", "latin1").includes(`:${port.toString(16).toUpperCase().padStart(4, "0")} 00000000:0000 07`);

for (const [how, sentence] of [
  ["SIGKILL", /the guard has ended while its program had a port under a token: all that it guarded is ended/],
  ["SIGSTOP", /the guard was stopped, or could not continue, while/],
] as const) {
  for (const proto of ["tcp", "udp"] as const) {
    test(`a guard that gets ${how} takes a program with a ${proto} port with it, and all that it has forked`, async () => {
      const s = await kept(inOtherSession(proto), proto);
      const { left, guard: pid } = await up(s);
      const open = async (): Promise<boolean> => (proto === "tcp" ? reached(s.port) : udpBound(s.port));
      assert.ok(await open(), s.err());
      process.kill(pid, how);
      assert.is(await s.ended, KILLED);
      assert.not.ok(await open(), "the port is still open");
      assert.not.ok(lives(left), "what it forked lives on");
      assert.match(s.err(), sentence);
      await s.gateway.stop();
    });
  }
}

test(
  "a program that forks without end is ended too",
  async () => {
    const binary = join(where.folder, "hops");
    execFileSync("gcc", ["-O1", "-o", binary, fileURLToPath(new URL("programs/hops.c", import.meta.url))]);
    const s = await kept((port) => [binary, String(port)]);
    const { guard: pid } = await up(s);
    assert.ok(await reached(s.port));
    process.kill(pid, "SIGKILL");
    await s.ended;
    assert.not.ok(await reached(s.port));
    await s.gateway.stop();
  },
  ["gcc"],
);

test("the keeper's end takes it with it as well", async () => {
  const s = await kept(inOtherSession("tcp"));
  const { left } = await up(s);
  s.child.kill("SIGKILL");
  await eventually(() => !lives(left), "the end of the process that has the port");
  let open = true;
  while (open) open = await reached(s.port);
  await s.gateway.stop();
});

const commanded = (): readonly string[] => [process.execPath, program("commanded")];

test("a program without such a port lives on when its guard is killed, and binds nothing more", async () => {
  const s = await kept(commanded);
  s.write('["processes"]');
  const [own = 0, pid = 0] = JSON.parse(await s.line()) as readonly number[];
  process.kill(pid, "SIGKILL");
  assert.is(await s.ended, KILLED);
  s.write(`["socket",${INET},${STREAM}]`);
  const fd = Number(await s.line());
  s.write(`["bind",${fd},"${at(s.port)}"]`);
  assert.is(Number(await s.line()), ENOSYS);
  process.kill(own, "SIGKILL");
  await s.gateway.stop();
});

test("without a keeper a program gets no port under a token", async () => {
  const s = await kept(commanded);
  s.write('["processes"]');
  const [own = 0, pid = 0] = JSON.parse(await s.line()) as readonly number[];
  s.child.kill("SIGKILL");
  await eventually(() => /gets no further port under a token/.test(s.err()), "the keeper's end");
  assert.ok(lives(pid));
  s.write(`["socket",${INET},${STREAM}]`);
  const fd = Number(await s.line());
  s.write(`["bind",${fd},"${at(s.port)}"]`);
  assert.is(Number(await s.line()), EACCES);
  assert.match(s.err(), /guard_unkept/);
  s.write(`["bind",${fd},"${at(0).replace(/^0200(.{4}).{8}/, "0200$17f000001")}"]`);
  assert.is(Number(await s.line()), 0, "loopback needs no keeper");
  process.kill(own, "SIGKILL");
  await eventually(() => !lives(pid), "the guard's end");
  await s.gateway.stop();
});

test("the program can signal neither guard nor keeper, by no way", async () => {
  const s = await kept(inOtherSession("tcp"));
  const { left, guard: pid } = await up(s);
  for (const how of ["SIGSTOP", "SIGKILL", "SIGTERM", "SIGCONT"]) {
    s.write(how);
    assert.is(await s.line(), String(EPERM), how);
  }
  s.write("SIGIO");
  assert.is(await s.line(), "0");
  assert.ok(lives(pid));
  assert.ok(await reached(s.port));
  // A signal of the user's goes to the program alone, and the guard stays for what that has left.
  process.kill(left, "SIGKILL");
  await s.stop();
  assert.not.ok(await reached(s.port));
});

guard.run();
