// ingress-guard with real programs and a real kernel, at length: each test fails without what it is about.
import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { compileText } from "../oracle/ask.ts";
import { chosen } from "./chosen.ts";
import { ended, missing, NOBODY, place, printed, program, remove, run, runNode, start, startWith } from "./guarded.ts";

const guard = suite("guard at length");
const where = place();
const lacks = missing(where);
guard.after(() => remove(where));

const EPERM = -1;
const EACCES = -13;
const ENOSYS = -38;

const test = (name: string, work: () => Promise<void>, needsRoot = false): void => {
  if (!chosen(name)) return;
  const why = lacks ?? (needsRoot && process.getuid?.() !== 0 ? "not root here" : null);
  if (why === null) guard(name, work);
  else guard(`${name} (skipped)`, () => console.log(`SKIP guard ${name}: ${why}`));
};

test("5,000 binds while a thread turns the address: no socket is bound to any", async () => {
  const counts = printed(await runNode(where, "race", "5000")) as {
    readonly bound: number;
    readonly refused: number;
    readonly leaked: number;
    readonly other: number;
  };
  console.log(`guard: of 5000 binds under a race ${counts.bound} were bound, ${counts.refused} refused, ${counts.leaked} leaked`);
  assert.equal([counts.leaked, counts.other], [0, 0]);
});

test("… while a broker that lets the call through leaks", async () => {
  let counts = { leaked: 0 };
  for (let round = 0; round < 5 && counts.leaked === 0; round++) {
    const child = spawn(process.execPath, ["--import", "tsx", program("continuing"), program("race"), "5000"], {
      stdio: ["ignore", "pipe", "pipe"],
      cwd: new URL("../..", import.meta.url),
    });
    counts = printed(await ended(child)) as { readonly leaked: number };
  }
  console.log(`guard: a broker that lets calls through leaked ${counts.leaked} of 5000`);
  assert.ok(counts.leaked > 0, "the race is not one");
});

test("4,000 binds under a timer that interrupts every millisecond", async () => {
  const { failed, signals } = printed(await runNode(where, "signals", "4000")) as { readonly failed: readonly unknown[]; readonly signals: number };
  assert.equal(failed, []);
  assert.ok(signals > 0);
});

test("rings, other processes, threads, children", async () => {
  assert.equal(printed(await runNode(where, "others")), {
    rings: ENOSYS,
    trace: EPERM,
    any: "EACCES",
    loopback: "listening",
    thread: "EACCES",
    threadLoopback: "listening",
    child: "EACCES",
    grandchild: "EACCES",
  });
});

test(
  "a program that gave up root gets none of the guard's rights",
  async () => {
    const folder = join(where.folder, "rights");
    mkdirSync(folder);
    chmodSync(folder, 0o755);
    const { low, foreign, mine, uid, mode } = printed(await runNode(where, "rights", folder)) as Record<string, unknown>;
    assert.equal({ low, foreign, mine, uid, mode }, { low: EACCES, foreign: EACCES, mine: 0, uid: NOBODY, mode: "700" });
  },
  true,
);

const ATTEMPT = `import socket, sys
def attempt(call):
  try: call(); return 0
  except OSError as e: return -e.errno
`;

test(
  "root of a user namespace of its own gets no low port of the guard's",
  async () => {
    const { out, err } = await run(where, [
      "unshare",
      "--user",
      "--map-root-user",
      "python3",
      "-c",
      `${ATTEMPT}s = socket.socket(); print(attempt(lambda: s.bind(("127.0.0.1", 81))))`,
    ]);
    assert.is(out, `${EACCES}\n`, err);
  },
  true,
);

test("sockets that are passed: a bound one is not listened on, a fresh one is bound as any other", async () => {
  const path = join(where.folder, "passed.sock");
  const passing = spawn(
    "python3",
    [
      "-c",
      `import socket
l = socket.socket(socket.AF_UNIX); l.bind("${path}"); l.listen(1); print("up", flush=True)
c = l.accept()[0]
bound, fresh = socket.socket(), socket.socket(); bound.bind(("0.0.0.0", 0))
socket.send_fds(c, [b"x"], [bound.fileno(), fresh.fileno()]); c.recv(1)`,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  await new Promise<void>((resolve) => passing.stdout.once("data", () => resolve()));
  const { out, err } = await run(where, [
    "python3",
    "-c",
    `${ATTEMPT}c = socket.socket(socket.AF_UNIX); c.connect("${path}")
bound, fresh = [socket.socket(fileno=fd) for fd in socket.recv_fds(c, 1, 8)[1]]
print(attempt(lambda: bound.listen(1)), attempt(lambda: fresh.bind(("0.0.0.0", 18466))), attempt(lambda: fresh.bind(("127.0.0.1", 0))))`,
  ]);
  assert.is(out, `${EACCES} ${EACCES} 0\n`, err);
});

test(
  "a program without rights, and its guard: unix sockets, no look into the guard",
  async () => {
    const user = place(undefined, NOBODY);
    const { out, err } = await run(user, [
      "python3",
      "-c",
      `${ATTEMPT}import os
s, t, u = socket.socket(), socket.socket(), socket.socket(socket.AF_UNIX)
print(attempt(lambda: s.bind(("127.0.0.1", 0))), attempt(lambda: t.bind(("0.0.0.0", 18466))), attempt(lambda: u.bind("${user.folder}/u.sock")), attempt(lambda: os.open(f"/proc/{os.getppid()}/mem", os.O_RDWR)))`,
    ]);
    assert.is(out, `0 ${EACCES} 0 ${EACCES}\n`, err);
    remove(user);
  },
  true,
);

test("only standard descriptors are inherited, and SIGPIPE ends a program as ever", async () => {
  const { out } = await run(where, ["bash", "-c", "yes | head -n 1; echo ${PIPESTATUS[0]}"]);
  assert.is(out, "y\n141\n");
  // A descriptor that the starter of the guard left open, with a number so high that Node doesn't close it.
  const { out: files } = await ended(
    startWith(where, ["python3", "-c", "import os; print([fd for fd in range(3, 64) if os.path.exists(f'/proc/self/fd/{fd}')])"], {
      through: ["bash", "-c", 'exec 40</dev/null; exec "$@"', "bash"],
    }),
  );
  assert.is(files, "[]\n");
});

test("a process that outlives the program is still guarded", async () => {
  const { out, code } = await run(where, [
    "python3",
    "-c",
    `${ATTEMPT}import os
r, w = os.pipe()
if os.fork() == 0:
  os.close(w); os.setsid(); os.read(r, 1)
  while os.getppid() == int(sys.argv[1]): pass
  s, t = socket.socket(), socket.socket()
  print(attempt(lambda: s.bind(("127.0.0.1", 0))), attempt(lambda: t.bind(("0.0.0.0", 18466))), flush=True)
else: os._exit(6)`,
    "0",
  ]);
  assert.equal([code, out], [6, `0 ${EACCES}\n`]);
});

for (const [name, preload, sentence] of [
  [
    "without koffi",
    { NODE_OPTIONS: `--require ${fileURLToPath(new URL("programs/hide_koffi.cjs", import.meta.url))}` },
    /it needs koffi, an optional dependency that is not installed here: nothing was started/,
  ],
  ["on a kernel without seccomp", "seccomp", /the kernel has no seccomp notifications .*\(error 38\): nothing was started/],
  [
    "on a kernel whose notifications signals break",
    "killable",
    /the kernel has no seccomp notifications that signals don't interrupt .*\(error 22\): nothing was started/,
  ],
] as const) {
  test(`${name} it says so in one sentence, exits 4 and starts nothing`, async () => {
    const started = join(where.folder, `started ${name}`);
    const { code, err, out } = await ended(
      startWith(
        where,
        ["touch", started],
        typeof preload === "string" ? { through: [process.execPath, "--import", import.meta.resolve("tsx"), program("refusing"), preload] } : { env: preload },
      ),
    );
    assert.is(code, 4, err);
    assert.match(err, sentence);
    assert.equal([err.trim().split("\n").length, out, existsSync(started)], [1, "", false]);
  });
}

test("when the guard is killed, the program's next bind fails", async () => {
  const result = join(where.folder, "orphan.txt");
  const child = start(where, [process.execPath, program("orphan"), result]);
  await new Promise<void>((resolve) => child.stdout?.once("data", () => resolve()));
  child.kill("SIGKILL");
  await ended(child);
  while (!existsSync(result) || readFileSync(result, "utf8") === "") await new Promise((resolve) => setImmediate(resolve));
  assert.is(Number(readFileSync(result, "utf8")), ENOSYS);
});

test("exit codes, signals and standard streams are the program's own", async () => {
  assert.is((await run(where, [process.execPath, "-e", "process.exit(7)"])).code, 7);
  assert.is((await run(where, [process.execPath, "-e", "process.kill(process.pid, 'SIGTERM')"])).code, 143);
  assert.is((await run(where, ["no-such-program-anywhere"])).code, 127);
  assert.is((await run(where, [where.policy])).code, 126);
  const child = start(where, [process.execPath, "-e", "process.stdin.pipe(process.stdout)"]);
  const end = ended(child);
  child.stdin?.end("through");
  assert.is((await end).out, "through");
  const idle = start(where, [process.execPath, "-e", "process.on('SIGTERM', () => process.exit(9)); console.log('up'); setInterval(() => {}, 1000)"]);
  const ending = ended(idle);
  await new Promise<void>((resolve) => idle.stdout?.once("data", () => resolve()));
  idle.kill("SIGTERM");
  assert.is((await ending).code, 9);
});

test("the policy is read again while the program runs, and a bad one changes nothing", async () => {
  const fresh = place();
  const child = start(fresh, [process.execPath, "-e", "console.log('up'); setInterval(() => {}, 1000); process.on('SIGTERM', () => process.exit(0))"]);
  let err = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    err += text;
  });
  const said = async (words: RegExp): Promise<void> => {
    while (!words.test(err)) await new Promise((resolve) => child.stderr?.once("data", resolve));
  };
  const end = ended(child);
  await new Promise<void>((resolve) => child.stdout?.once("data", () => resolve()));
  const put = (bytes: Uint8Array): void => {
    writeFileSync(`${fresh.policy}.new`, bytes, { mode: 0o600 });
    renameSync(`${fresh.policy}.new`, fresh.policy);
  };
  put(Uint8Array.of(1, 2, 3));
  await said(/the previous policy stays in force/);
  put(compileText("edition 1\nexpose web on tcp 18463 { allow from any }\n"));
  await said(/the policy was read again and is in force/);
  child.kill("SIGTERM");
  assert.is((await end).code, 0);
  remove(fresh);
});

guard.run();
